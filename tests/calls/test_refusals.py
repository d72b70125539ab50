"""A refusal that f catches ends the call with an error, in every mode; or warns, where asked to."""

import contextlib
import copy
import ctypes
import decimal
import math
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import dualmc as dm
from dualmc.duals import levels
from dualmc.tangents import dense_tangent

X = np.array([3.0, 0.5])


def number(v):
    """The float that compiled code makes of a number: Python's conversion, which none replaces."""
    return ctypes.c_double(v).value


def number_or_zero(v):
    try:
        return number(v)
    except (TypeError, ValueError):
        return 0.0


def cast(x):
    return number_or_zero(x[0]) ** 2 + x[0]


def any_exception(x):
    try:
        return np.nextafter(x, 9.0)[0]
    except Exception:
        return 1.0 * x[0]


def not_implemented(x):
    try:
        return np.frompyfunc(number, 1, 1)(np.nextafter(x, 9.0))[0] + x[0]
    except NotImplementedError:
        return 1.0 * x[0]


def suppressed(x):
    total = x[0] * 0.0
    with contextlib.suppress(TypeError):
        total = total + number(x[0]) ** 2
    return total


def returned_in_finally(x):
    try:
        number(x[0])
    finally:
        return x[0]  # noqa: B012


class Silent:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return True


def silent_context(x):
    with Silent():
        x = x + np.nextafter(x, 9.0)
    return x[0]


def stored(x):
    with contextlib.suppress(ValueError, TypeError):
        PLAIN[0] = x[0]
    return PLAIN[0] * x[0]


PLAIN = np.array([2.0])


def in_a_thread(x):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(number, x[0]).exception()
    return x[0]


def through_an_inner_call(x):
    try:
        inner = dm.gradient(lambda z: number(z) * z, x[0])
    except TypeError:
        inner = 1.0
    return inner * x[0]


SWALLOWING = [
    cast, any_exception, not_implemented, suppressed, returned_in_finally, silent_context, stored,
    in_a_thread, through_an_inner_call,
]  # fmt: skip
MODES = {
    "jacobian_fwd": dm.jacobian_fwd,
    "chunks": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True),
    "jvp": lambda f, x: dm.jvp(f, x, np.ones_like(x)),
    "jacobian_rev": dm.jacobian_rev,
    "gradient": dm.gradient,
    "vjp": dm.vjp,
    "hessian": dm.hessian,
    "fwd_fwd": lambda f, x: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), x),
    "rev_fwd": lambda f, x: dm.jacobian_rev(lambda z: dm.jacobian_fwd(f, z), x),
    "value_and_jacobian_fwd": dm.value_and_jacobian_fwd,
}


REFUSALS = (dm.TangentLostError, dm.MissingRuleError)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("f", SWALLOWING, ids=lambda f: f.__name__)
def test_every_mode_ends_with_an_error_that_names_the_line(f, mode):
    with pytest.raises(REFUSALS, match="f caught a ") as caught:
        MODES[mode](f, X)
    kind = dm.MissingRuleError if f in MISSING else dm.TangentLostError
    assert type(caught.value) is kind
    text = str(caught.value)
    assert "dualmc.refusals" in text and "dualmc.custom_jvp" in text
    assert text.count("\n  at ") == 1
    if f is not in_a_thread:
        assert f"  at {__file__}, line " in text
    assert levels.current() is None


MISSING = [any_exception, not_implemented, silent_context]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("f", SWALLOWING, ids=lambda f: f.__name__)
def test_every_mode_warns_and_names_the_line(f, mode):
    with (
        dm.refusals("warn"),
        pytest.warns(dm.RefusalSwallowedWarning, match="f caught a ") as seen,
    ):
        MODES[mode](f, X)
    (warning, *more) = [w for w in seen if w.category is dm.RefusalSwallowedWarning]
    if f is not in_a_thread:
        assert warning.filename == __file__
    assert "dualmc" in str(warning.message) and f"line {warning.lineno}" in str(warning.message)
    assert all(str(w.message) == str(warning.message) for w in more)


def test_the_message_quotes_the_line_and_the_refusal():
    with pytest.raises(dm.TangentLostError, match="return ctypes") as caught:
        dm.gradient(cast, X)
    assert "float(dual) would lose the derivative" in str(caught.value)


def test_the_message_of_a_warning_is_that_of_the_error():
    with pytest.raises(dm.TangentLostError) as caught:
        dm.gradient(cast, X)
    with dm.refusals("warn"), pytest.warns(dm.RefusalSwallowedWarning) as seen:
        dm.gradient(cast, X)
    assert str(seen[0].message) == str(caught.value)


def test_a_nested_call_warns_once():
    with dm.refusals("warn"), pytest.warns(dm.RefusalSwallowedWarning) as seen:
        dm.jacobian_fwd(lambda z: dm.gradient(suppressed, z), X)
    assert len(seen) == 1


def test_many_refusals_cost_little_and_are_told_once_each():
    def f(x):
        return sum(number_or_zero(v) for v in x) * x[0]

    with dm.refusals("warn"), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        dm.gradient(f, np.ones(500))
        dm.gradient(f, np.ones(500))
    assert len(seen) == 1


@pytest.mark.parametrize("f", SWALLOWING[:7], ids=lambda f: f.__name__)
def test_prepare_does_not_replay_it(f):
    with pytest.warns(UserWarning, match="f is not replayed, since .*dualmc"):
        J = dm.prepare(f, X)
    assert J.reason.startswith(("f caught a ", "recording it raised "))
    with pytest.raises(REFUSALS, match="f caught a "):
        J(X)
    with dm.refusals("warn"), pytest.warns(dm.RefusalSwallowedWarning):
        J(X)
    assert J.replays == 0


def test_explain_ends_with_it():
    with pytest.raises(dm.TangentLostError, match="f caught a "):
        dm.explain(cast, X)
    with dm.refusals("warn"), pytest.warns(dm.RefusalSwallowedWarning):
        dm.explain(cast, X)


def test_an_error_of_an_inner_call_that_f_catches_ends_the_outer_call():
    def outer(x):
        try:
            return dm.gradient(cast, x)[0] * x[0]
        except dm.TangentLostError:
            return x[0]

    with pytest.raises(dm.TangentLostError, match="f caught a "):
        dm.gradient(outer, X)


# --- The block that lets f go on ------------------------------------------------------------------


def test_blocks_nest_and_end():
    assert repr(dm.refusals("warn")) == "refusals('warn')"
    with dm.refusals("warn"):
        with dm.refusals("raise"), pytest.raises(dm.TangentLostError):
            dm.gradient(cast, X)
        with pytest.warns(dm.RefusalSwallowedWarning):
            np.testing.assert_array_equal(dm.gradient(cast, X), [1.0, 0.0])
    with pytest.raises(ZeroDivisionError), dm.refusals("warn"):
        raise ZeroDivisionError
    with pytest.raises(dm.TangentLostError):
        dm.gradient(cast, X)


def test_a_block_is_that_of_its_thread():
    with dm.refusals("warn"), ThreadPoolExecutor(1) as pool:
        error = pool.submit(dm.gradient, cast, X).exception()
    assert type(error) is dm.TangentLostError


def test_unknown_modes_are_refused():
    with pytest.raises(ValueError, match='refusals: mode must be "warn" or "raise", got .*ignore'):
        dm.refusals("ignore")


def test_an_error_that_a_warning_filter_ignores_is_an_error_all_the_same():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(dm.TangentLostError):
            dm.gradient(cast, X)


def passed_on(x):
    try:
        return number(x[0])
    except TypeError as error:
        raise ValueError("no number") from error


def test_what_f_raises_is_no_swallowed_refusal():
    with pytest.raises((ValueError, dm.TangentLostError)):
        dm.gradient(passed_on, X)
    assert levels.current() is None


# --- No false alarms: nothing is lost, and nothing is said ----------------------------------------


def probing(x):
    for name in ("__float__", "__array__", "__len__", "__iter__", "value", "__array_struct__"):
        getattr(x[0], name, None)
    getattr(x[0] * 1j, "real", None)
    return x[0] * x[1]


def joined(x):
    return np.sum(np.array([x[0], x[1]])) * np.prod(np.stack([x[0], x[1]]))


def compared(x):
    if np.allclose(x, 0) or np.isclose(x[0], 1.0) or np.array_equal(x, [1.0, 2.0]):
        return x[0]
    return x[0] ** 2


def written(x):
    out = np.zeros(2)
    out[0] = math.sin(x[0])
    out[:] += x
    return f"{x[0]:.2f}" and str(x) and np.sum(out)


def own_errors(x):
    try:
        return x[7]
    except IndexError:
        return x[0] * int(x[0])


def own_type_error(x):
    try:
        return x[0] + "text"
    except TypeError:
        return x[0]


def copies(x):
    return np.sum(copy.deepcopy(x)) + copy.copy(x)[0]


def constants(x):
    return float(np.ones(2)[0]) * x[0] + complex(np.zeros(1)[0]).real


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "f", [probing, joined, compared, written, own_errors, copies, constants],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_probing_is_no_refusal(f, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MODES[mode](f, X)


def test_a_sweep_that_is_tried_twice_says_nothing():
    def f(x):
        return np.sum(np.sqrt(x - x[1]) * 0.0 + np.where(x > 1, np.abs(x), 0.0))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dm.hessian(f, X)
        dm.jacobian_fwd(lambda z: dm.gradient(f, z), X)


def test_a_refusal_of_another_thread_is_not_ours():
    started, go_on = threading.Event(), threading.Event()

    def slow(x):
        started.set()
        go_on.wait(10)
        return x[0]

    with ThreadPoolExecutor(1) as pool, warnings.catch_warnings():
        warnings.simplefilter("error")
        running = pool.submit(dm.gradient, slow, X)
        started.wait(10)
        with pytest.raises(dm.TangentLostError):
            dm.gradient(lambda x: number(x[0]), X)
        go_on.set()
        np.testing.assert_array_equal(running.result(), [1.0, 0.0])


# --- What asks for smaller chunks is no exception of the user's -----------------------------------


def test_a_request_for_chunks_that_f_swallows(monkeypatch):
    A = np.arange(1.0, 401.0).reshape(20, 20)

    def f(x):
        try:
            return A @ np.tanh(A @ x)
        except BaseException:
            return x

    x = np.linspace(-0.01, 0.01, 20)
    expected = A @ (A / np.cosh(A @ x)[:, None] ** 2)
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 1000)
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-12)


@pytest.mark.parametrize("verb", [dm.jacobian_fwd, dm.jacobian_rev])
def test_an_error_of_compiled_code_that_f_catches(verb):
    """What a Dual makes compiled code raise is no refusal of dualmc's: f takes another way."""

    def f(x):
        try:
            return x * float(decimal.Decimal.from_float(x[0]))
        except TypeError:
            return 0.0 * x

    for _ in range(2):  # later calls too
        with pytest.raises(dm.TangentLostError, match=r"Decimal.from_float(.|\n)*float\(decimal"):
            verb(f, np.array([2.0]))
    with dm.refusals("warn"), pytest.warns(dm.RefusalSwallowedWarning):
        assert verb(f, np.array([2.0])).tolist() == [[0.0]]


@pytest.mark.parametrize("verb", [dm.jacobian_fwd, dm.jacobian_rev])
def test_errors_that_plain_numbers_raise_too_are_fs_own(verb):
    def f(x):
        for function, argument in ((int, "no number"), (next, iter([])), (hash, x)):
            try:
                function(argument)
            except (ValueError, StopIteration, TypeError):
                pass
        return 2.0 * x

    assert verb(f, np.array([3.0])).tolist() == [[2.0]]
