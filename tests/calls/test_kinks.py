"""`kinks` names line, function, convention and number of elements, in every mode."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import dualmc as dm
from dualmc.rules.kink_table import KINKS

POINT = np.array([1.0, 2.0, 3.0])


def lengths(x):
    return np.sum(np.abs(x))  # the line that is named


def ramp_of_two(x):
    return np.maximum(x[0], x[1]) * 2.0


X = np.array([0.0, 0.0, 1.0])

CALLS = {
    "jacobian_fwd": lambda f, x: dm.jacobian_fwd(f, x),
    "jacobian_fwd, sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True),
    "jacobian_fwd, by columns": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "value_and_jacobian_fwd": lambda f, x: dm.value_and_jacobian_fwd(f, x),
    "jvp": lambda f, x: dm.jvp(f, x, np.ones_like(x)),
    "jacobian_rev": lambda f, x: dm.jacobian_rev(f, x),
    "value_and_jacobian_rev": lambda f, x: dm.value_and_jacobian_rev(f, x),
    "gradient": lambda f, x: dm.gradient(f, x),
    "value_and_gradient": lambda f, x: dm.value_and_gradient(f, x),
    "vjp": lambda f, x: dm.vjp(f, x)[1](1.0),
    "hessian": lambda f, x: dm.hessian(f, x),
    "hvp": lambda f, x: dm.hvp(f, x, np.ones_like(x)),
    "prepare": lambda f, x: dm.prepare(f, x),
    "explain": lambda f, x: dm.explain(f, x),
    "compare": lambda f, x: dm.compare(f, x, seconds=0.01),
    "check_jacobian": lambda f, x: dm.check_jacobian(f, x),
}


def reports(call):
    """The texts of the warnings of `call`, which has no others."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with dm.kinks("warn"):
            call()
    assert all(w.category is dm.KinkWarning for w in seen)
    return [str(w.message) for w in seen]


@pytest.mark.parametrize("name", CALLS)
def test_every_mode_reports_once(name):
    (text,) = reports(lambda: CALLS[name](lengths, X))
    head, line = text.split("\n")
    assert "numpy.absolute is at a kink in 2 elements (derivative 0 at 0)" in head
    assert head.startswith(name.partition(",")[0] + ":")
    assert __file__ in line and "the line that is named" in line


@pytest.mark.parametrize("name", CALLS)
def test_every_mode_raises(name):
    with dm.kinks("raise"), pytest.raises(dm.KinkError, match="numpy.absolute is at a kink in 2"):
        CALLS[name](lengths, X)


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_reported_elsewhere(name):
    assert [] == reports(lambda: CALLS[name](lengths, np.array([1.0, 2.0, -1.0])))


@pytest.mark.parametrize("name", ["jacobian_fwd", "gradient", "hessian", "jvp", "jacobian_rev"])
def test_results_are_those_without_it(name):
    def numbers(found):
        return np.concatenate([np.ravel(a) for a in (found if type(found) is tuple else (found,))])

    plain = numbers(CALLS[name](lengths, X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with dm.kinks("warn"):
            watched = numbers(CALLS[name](lengths, X))
    np.testing.assert_array_equal(plain, watched)


def test_a_prepared_call_is_reported():
    J = dm.prepare(lengths, np.array([1.0, 2.0, 3.0]))
    J(X)
    fresh = J.fresh_calls
    (text,) = reports(lambda: J(X))
    assert "numpy.absolute is at a kink in 2 elements" in text
    assert fresh + 1 == J.fresh_calls
    (text,) = reports(lambda: J.value_and_jacobian(X))
    J(X)
    assert fresh + 2 == J.fresh_calls


# Per row: the function reported (as far as it is named), how many elements, f and x.
ONE = [1.0, 1.0]
ROWS = {
    "absolute": (2, np.abs, X),
    "abs of numbers": (1, lambda x: abs(x[0]) + abs(x[2]), X, "numpy.absolute"),
    "fabs": (2, np.fabs, X),
    "copysign": (2, lambda x: np.copysign(x, 1.0), X),
    "hypot": (1, lambda x: np.hypot(x[0], x[1]), X),
    "maximum": (2, lambda x: np.maximum(x, 0), X),
    "minimum": (1, lambda x: np.minimum(x[0], x[1]), X),
    "fmax": (2, lambda x: np.fmax(x, 0), X),
    "fmin": (1, lambda x: np.fmin(x, 1.0), X),
    "maximum (in numpy.clip)": (2, lambda x: np.clip(x, 0, 2), X),
    "max": (1, lambda x: np.max(x), ONE),
    "min": (1, lambda x: np.min(x), X),
    "max, axis": (2, lambda x: np.max(x, 1), [[1.0, 1.0], [2.0, 2.0], [1.0, 2.0]], "numpy.max"),
    "max, initial": (1, lambda x: np.max(x, initial=1.0), [0.0, 1.0], "numpy.max"),
    "max of a method": (1, lambda x: x.max(), ONE, "numpy.max"),
    "nanmax": (1, lambda x: np.nanmax(x), [1.0, np.nan, 1.0]),
    "maximum.accumulate": (2, lambda x: np.maximum.accumulate(x), [1.0, 1.0, 0.0]),
    "max (in numpy.ptp)": (1, lambda x: np.ptp(x), [1.0, 1.0, 0.0]),
    "sort": (2, np.sort, [1.0, 1.0, 0.0]),
    "median": (1, np.median, [1.0, 1.0, 2.0]),
    "quantile": (1, lambda x: np.quantile(x, 0.25), [0.0, 0.0, 1.0, 2.0, 3.0]),
    "linalg.norm": (1, np.linalg.norm, [0.0, 0.0]),
    "linalg.norm, rows": (
        1, lambda x: np.linalg.norm(x, axis=1), [[0.0, 0.0], [3.0, 4.0]], "numpy.linalg.norm",
    ),
    "absolute (in numpy.linalg.norm)": (2, lambda x: np.linalg.norm(x, 1), X),
    "linalg.svd": (
        1, lambda x: np.linalg.svd(x, compute_uv=False), [[1.0, 0.0], [0.0, 0.0]],
    ),
    "std": (1, np.std, ONE),
    "std (in numpy.nanstd)": (1, np.nanstd, ONE),
    "sqrt": (2, np.sqrt, X),
    "sqrt of x**0.5": (2, lambda x: x**0.5, X, "numpy.sqrt"),
    "power": (2, lambda x: x**0.3, X),
    "cbrt": (2, np.cbrt, X),
    "arctan2": (1, lambda x: np.arctan2(x[0], x[1]), X),
    "floor": (3, np.floor, X),
    "ceil": (1, np.ceil, [0.5, 2.0]),
    "trunc": (1, np.trunc, [0.5, 2.0]),
    "rint": (1, np.rint, [0.5, 2.0]),
    "round": (1, lambda x: np.round(x, 1), [0.25, 2.0]),
    "floor_divide": (1, lambda x: x // 2.0, [4.0, 3.0]),
    "remainder": (1, lambda x: x % 2.0, [4.0, 3.0]),
    "fmod": (1, lambda x: np.fmod(x, 2.0), [4.0, 3.0]),
    "sign": (2, np.sign, X),
    "heaviside": (2, lambda x: np.heaviside(x, 0.5), X),
    "greater": (2, lambda x: np.where(x > 0, x, 0.0), X),
    "less_equal": (1, lambda x: x[0] if x[0] <= 0 else -x[1], X),
    "greater, of Python's max": (1, lambda x: max(x[0], x[1]), X, "numpy.greater"),
    "nan_to_num": (2, lambda x: np.nan_to_num(x / np.array([0.0, 0.0, 1.0])), X),
    "interp": (1, lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 0.0]), [1.0, 0.5]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mode", ["jacobian_fwd", "jacobian_rev"])
@pytest.mark.parametrize("name", ROWS)
def test_every_function(name, mode):
    count, f, x, *rest = ROWS[name]
    function = rest[0] if rest else f"numpy.{name}"
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with dm.kinks("warn"):
            getattr(dm, mode)(f, np.array(x))
    texts = [str(w.message) for w in seen if w.category is dm.KinkWarning]
    assert any(f": {function} is at a kink in {count} element" in text for text in texts), texts


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.maximum(x, x), ONE),
        (lambda x: np.abs(x * 0.0), ONE),
        (lambda x: np.abs(np.zeros(2)) + x, ONE),
        (lambda x: np.maximum(np.array([0.0, 1.0]), np.array([0.0, 2.0])) * x, ONE),
        (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]), [1.0, 0.5]),
        (lambda x: np.median(x), ONE),
        (lambda x: np.abs(np.where(x > 2, x, 0.0)), ONE),
        (lambda x: x**1.5 + np.arctan2(x, 1.0) + np.hypot(x, 1.0), [0.0, 2.0]),
        (lambda x: x if x is not None and x.shape == (2,) else None, ONE),
    ],
)
def test_what_is_no_kink(f, x):
    """Nothing that moves stands on both sides of it."""
    assert [] == reports(lambda: dm.jacobian_fwd(f, np.array(x)))


def test_only_active_elements_count():
    (text,) = reports(lambda: dm.jvp(np.abs, np.zeros(3), np.array([1.0, 0.0, 0.0])))
    assert "in 1 element " in text
    (text,) = reports(lambda: dm.gradient(lambda a, b: np.sum(np.abs(np.stack([a, b]))), 0.0, 0.0))
    assert "in 1 element " in text


def test_loops_add_up():
    def f(x):
        total = 0.0
        for i in range(3):
            total = total + abs(x[i])
        return total

    for call in (dm.gradient, dm.jacobian_fwd, dm.hessian):
        (text,) = reports(lambda call=call: call(f, X))
        assert "in 2 elements" in text


def test_lines_are_told_apart():
    def f(x):
        y = np.abs(x[:2])
        return np.sum(y) + np.abs(x[0])

    first, second = reports(lambda: dm.gradient(f, X))
    assert "in 2 elements" in first and "y = np.abs(x[:2])" in first
    assert "in 1 element " in second and "np.sum(y)" in second


def test_smooth_functions_whose_code_is_not():
    """Rotation by a norm and the cross-entropy of logits, both at 0."""

    def rotated(w):
        t = np.linalg.norm(w)
        unit = np.divide(w, t, out=np.zeros(3), where=t > 0)
        turned = np.cos(t) * POINT + np.sin(t) * np.cross(unit, POINT)
        return turned + (1 - np.cos(t)) * (unit @ POINT) * unit

    def loss(v):
        return np.sum(np.maximum(v, 0) - v + np.log1p(np.exp(-np.abs(v))))

    with np.errstate(all="ignore"):
        assert any("numpy.linalg.norm" in text for text in reports(
            lambda: dm.jacobian_fwd(rotated, np.zeros(3))))  # fmt: skip
    found = reports(lambda: dm.gradient(loss, np.zeros(2)))
    assert ["numpy.maximum" in found[0], "numpy.absolute" in found[1]] == [True, True]


# --- The block ------------------------------------------------------------------------------------


def test_blocks_nest_and_end():
    with dm.kinks("raise"):
        with dm.kinks("ignore"):
            dm.gradient(lengths, X)
            with dm.kinks("warn"), pytest.warns(dm.KinkWarning):
                dm.gradient(lengths, X)
            dm.gradient(lengths, X)
        with pytest.raises(dm.KinkError):
            dm.gradient(lengths, X)
    dm.gradient(lengths, X)


def test_an_exception_ends_the_block():
    with pytest.raises(KeyError), dm.kinks("raise"):
        raise KeyError
    dm.gradient(lengths, X)


def test_a_block_may_be_entered_again():
    block = dm.kinks("raise")
    for _ in range(2):
        with block, block, pytest.raises(dm.KinkError):
            dm.gradient(lengths, X)
    dm.gradient(lengths, X)


def test_the_mode_is_one_of_three():
    with pytest.raises(ValueError, match='must be "warn", "raise" or "ignore", got mode=\'error\''):
        dm.kinks("error")


def test_other_threads_are_not_watched():
    with dm.kinks("raise"), ThreadPoolExecutor(1) as pool:
        np.testing.assert_array_equal(pool.submit(dm.gradient, lengths, X).result(), [0, 0, 1])


def test_threads_have_modes_of_their_own():
    both_inside, found = threading.Barrier(2), {}

    def watched():
        with dm.kinks("raise"):
            both_inside.wait()
            try:
                dm.gradient(lengths, X)
            except dm.KinkError as error:
                found["error"] = error
            both_inside.wait()

    def unwatched():
        both_inside.wait()
        found["g"] = dm.gradient(lengths, X)
        both_inside.wait()

    threads = [threading.Thread(target=target) for target in (watched, unwatched)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "error" in found
    np.testing.assert_array_equal(found["g"], [0, 0, 1])


def test_an_error_of_f_is_reported_and_raised():
    def f(x):
        raise KeyError(np.abs(x))

    with dm.kinks("warn"), pytest.warns(dm.KinkWarning) as seen, pytest.raises(KeyError):
        dm.gradient(f, X)
    assert any("ended early, with KeyError" in str(w.message) for w in seen)


def test_check_jacobian_names_it_as_a_cause():
    verdict = dm.check_jacobian(lengths, X)
    assert not verdict
    assert "a kink: the derivative is -1 from the left and 1 from the right" in verdict.cause
    assert "numpy.absolute is at a kink in 2 elements (derivative 0 at 0)" in verdict.cause
    assert "the line that is named" in verdict.cause


def test_every_row_of_the_table_has_a_case():
    """No function is in the table that was not seen to be reported."""
    from dualmc.rules import registry

    seen = {rest[0] if rest else f"numpy.{name}" for name, (_, _, _, *rest) in ROWS.items()}
    seen = {name.partition(" (in")[0] for name in seen}
    same = {"numpy.fix", "numpy.around", "numpy.nanmin", "numpy.minimum.accumulate",
            "numpy.float_power", "numpy.nanmedian", "numpy.percentile", "numpy.nanquantile",
            "numpy.nanpercentile", "numpy.less", "numpy.greater_equal", "numpy.equal",
            "numpy.not_equal"}  # fmt: skip
    missing = {registry.name_of(function) for function in KINKS} - seen - same
    assert not missing, missing
