"""What f has stored reads as its value once the call has ended, and is refused inside another."""

import copy
import gc
import math
import operator
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import dualmc as dm

X = np.array([0.5, 1.25, 2.0])

# What f may store, by the function of x that makes it.
STORED = {
    "input": lambda x: x,
    "number": lambda x: x[1],
    "product of numbers": lambda x: x[0] * x[1],
    "view": lambda x: x[1:],
    "view backwards": lambda x: x[::-1],
    "view of a view": lambda x: x[:, None][1:],
    "reshaped": lambda x: x.reshape(3, 1),
    "computed": lambda x: np.sin(x) * x[0],
    "array of no dimensions": lambda x: x.sum().reshape(()),
    "filled": lambda x: _filled(x),
    "without tangent": lambda x: np.zeros_like(x) + 2.0,
    "floor": lambda x: np.floor(x),
    "table": lambda x: np.outer(x, x),
    "complex": lambda x: x * np.exp(1j * x),
    "imaginary part": lambda x: np.imag(x * np.exp(1j * x)),
    "float32": lambda x: x.astype(np.float32),
    "empty": lambda x: x[:0],
}


def _filled(x):
    y = np.zeros_like(x)
    y[0] = x[1] ** 2
    y[1:] += x[0]
    return y


CALLS = {
    "jacobian_fwd": dm.jacobian_fwd,
    "chunks": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True),
    "jvp": lambda f, x: dm.jvp(f, (x,), (x,)),
    "jacobian_rev": dm.jacobian_rev,
    "gradient": lambda f, x: dm.gradient(lambda x: np.sum(f(x)), x),
    "vjp": lambda f, x: dm.vjp(f, x),
    "hessian": lambda f, x: dm.hessian(lambda x: np.sum(f(x)), x),
    "hvp": lambda f, x: dm.hvp(lambda x: np.sum(f(x)), x, x),
    "explain": dm.explain,
    "prepare": lambda f, x: dm.prepare(f, x)(x),
}


def stored_by(call, make):
    kept = []

    def f(x):
        kept.append(make(x))
        return x**2 * 1.5

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `prepare`, that f has effects
        CALLS[call](f, X)
    assert type(kept[0]).__module__.startswith("dualmc")
    return kept[0]


USES = [
    np.asarray,
    np.array,
    lambda a: np.array([a, a]),
    lambda a: np.asarray(a, dtype=complex),
    lambda a: a + 1,
    lambda a: 1 - a,
    lambda a: a * a,
    lambda a: a / 3.0,
    lambda a: np.ones(3)[: np.size(a)] * a if np.ndim(a) == 1 else 0,
    lambda a: a**2,
    lambda a: 2.0**a,
    lambda a: -a,
    abs,
    lambda a: a // 0.3 if a.dtype.kind != "c" else 0,
    lambda a: a % 0.3 if a.dtype.kind != "c" else 0,
    lambda a: divmod(a, 0.3) if a.dtype.kind != "c" else 0,
    lambda a: a == a + 0,
    lambda a: a.real < 1.0,
    np.sin,
    np.square,
    lambda a: np.add(a, 1, out=np.empty(a.shape, a.dtype)),
    lambda a: np.add(a, 1, where=False, out=np.zeros(a.shape, a.dtype)),
    lambda a: np.add.reduce(np.ravel(a)),
    lambda a: np.maximum.accumulate(np.ravel(a)),
    lambda a: np.multiply.outer(a, a),
    np.sum,
    lambda a: np.mean(a) if np.size(a) else 0,
    lambda a: np.linalg.norm(np.ravel(a)),
    lambda a: np.concatenate([np.ravel(a), [1.0]]),
    lambda a: np.stack([a, a]),
    lambda a: np.where(np.real(a) > 1, a, 0.0),
    lambda a: np.dot(a, a) if np.ndim(a) < 2 else 0,
    lambda a: np.ravel(a) @ np.ravel(a),
    lambda a: np.linalg.det(np.outer(a, a) + np.eye(np.size(a))),
    lambda a: np.clip(a, 0, 1) if a.dtype.kind != "c" else 0,
    lambda a: np.sort(np.ravel(a)),
    lambda a: np.cumsum(a),
    np.isnan,
    np.isfinite,
    np.real,
    lambda a: np.floor(a.real),
    np.conjugate,
    np.copy,
    np.shape,
    lambda a: np.allclose(a, a),
    lambda a: np.array_equal(a, a),
    lambda a: np.nextafter(a, 9.0) if a.dtype.kind != "c" else 0,
    lambda a: a.T,
    lambda a: a.real,
    lambda a: a.imag,
    lambda a: a.sum(),
    lambda a: a.copy(),
    lambda a: a.astype(np.float32) if a.dtype.kind != "c" else 0,
    lambda a: a.reshape(-1),
    lambda a: a.ravel(),
    lambda a: a.flatten(),
    lambda a: a.transpose(),
    lambda a: a.tolist(),
    lambda a: a.view(),
    lambda a: a.conj(),
    lambda a: a.tobytes(),
    lambda a: (a.shape, a.ndim, a.size, a.dtype, a.nbytes, a.itemsize),
    lambda a: a[()],
    lambda a: a[..., None],
    lambda a: a[None],
    lambda a: a[a > 1] if np.ndim(a) else 0,
    lambda a: a[1:] if np.ndim(a) else 0,
    lambda a: [*a] if np.ndim(a) else 0,
    lambda a: len(a) if np.ndim(a) else 0,
    lambda a: 1.0 in a if np.ndim(a) else 0,
    lambda a: a.flat[0] if np.size(a) else 0,
    repr,
    str,
    lambda a: f"{a}",
    lambda a: f"{a:.3f}" if not np.ndim(a) else "",
    lambda a: "%s" % (a,),  # noqa: UP031
    copy.copy,
    copy.deepcopy,
    lambda a: pickle.loads(pickle.dumps(a)),
    lambda a: np.asarray(a).tolist(),
    lambda a: dm.jacobian_fwd(lambda x, c: c[:1] * x, X[:1], np.ravel(np.asarray(a))),
]
USES_OF_NUMBERS = [
    float,
    complex,
    bool,
    int,
    round,
    math.sin,
    math.floor,
    math.ceil,
    lambda a: round(a, 2),
    lambda a: math.hypot(a, 1.0),
    lambda a: a.item(),
    lambda a: "%.3f" % a,  # noqa: UP031
    lambda a: np.zeros(2) + a,
    lambda a: np.float64(3.0) * a,
    lambda a: np.float64(3.0) ** a,
    lambda a: np.array([a, 2.0, [a][0]]),
    lambda a: np.full(3, a),
    lambda a: np.array(sorted([a, 0.1])),
    lambda a: sum([a, a]),
    lambda a: max(a, 99.0),
]


def same(expected, actual):
    """Equal, and plain: of the same types throughout."""
    assert type(expected) is type(actual), (type(expected), type(actual))
    if isinstance(expected, (list, tuple)):
        assert len(expected) == len(actual)
        for a, b in zip(expected, actual, strict=True):
            same(a, b)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert (expected.dtype, expected.shape) == (actual.dtype, actual.shape)
        np.testing.assert_array_equal(actual, expected)
    else:
        assert expected == actual


def plain_of(make):
    """What `make` gives of plain numbers."""
    with np.errstate(all="ignore"):
        return make(X.copy())


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (call, what)
        for call in ("jacobian_fwd", "sparse", "vjp", "hvp", "explain", "prepare")
        for what in STORED
        if not (call in ("explain", "prepare") and what in ("complex", "imaginary part"))
    ],
)
def test_everywhere_it_is_read_as_the_array_that_it_is(call, what):
    expected, actual = plain_of(STORED[what]), stored_by(call, STORED[what])
    for i, use in enumerate(USES + (USES_OF_NUMBERS if not np.ndim(expected) else [])):
        with np.errstate(all="ignore"):
            try:
                wanted = use(expected)
            except Exception as error:
                with pytest.raises(type(error)):
                    use(actual)
                continue
            try:
                same(wanted, use(actual))
            except Exception as error:
                error.add_note(f"use {i}: {use}")
                raise


def test_a_float_is_pythons_again():
    kept = []
    dm.derivative(lambda t: kept.append(t) or t * t, 2.0)
    assert "2.0" == repr(kept[0])
    assert type(kept[0] * 3) is np.float64
    assert type(copy.copy(kept[0])) is type(pickle.loads(pickle.dumps(kept[0])).real) is float


# --- Written to -----------------------------------------------------------------------------------


def _add(a):
    a += 2.0


def _product(a):
    a *= np.arange(3.0)


WRITES = [
    lambda a: operator.setitem(a, 0, 9.0),
    lambda a: operator.setitem(a, slice(1, None), [7.0, 8.0]),
    lambda a: operator.setitem(a, a > 1, 0.0),
    lambda a: operator.setitem(a, ..., a[::-1].copy()),
    _add,
    _product,
    lambda a: a.fill(4.0),
    lambda a: a[::-1].sort(),
    lambda a: a.partition(1),
    lambda a: a.put([0, 2], 5.0),
    lambda a: np.copyto(a, 3.0),
    lambda a: np.put(a, [1], 6.0),
    lambda a: np.add(a, 1.0, out=a),
    lambda a: np.add.at(a, [0, 0], 1.0),
    lambda a: setattr(a, "flat", [1.0, 2.0, 3.0]),
    lambda a: operator.setitem(a.flat, 1, 5.0),
    lambda a: setattr(a, "real", 5.0),
    lambda a: operator.setitem(np.asarray(a), 1, -1.0),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("call", ["jacobian_fwd", "sparse", "vjp", "hvp", "explain"])
def test_writes_reach_all_who_share_the_memory(call, write):
    """The views that f stored and those taken later, as on plain numbers."""

    def make(x):
        y = x * 2.0
        return [y, y[::-1], y[1:][:1]]

    kept = []
    CALLS[call](lambda x: kept.append(make(x)) or np.square(kept[-1][0]), X)
    plain, found = make(X.copy()), kept[0]
    for which in (0, 1):
        for arrays in (plain, found):
            later = arrays[0][1:]
            write(arrays[which])
            arrays.append(later)
        for expected, actual in zip(plain, found, strict=True):
            np.testing.assert_array_equal(np.asarray(actual), expected)


@pytest.mark.parametrize("write", WRITES)
def test_writes_do_not_reach_the_tape(write):
    """Nor what the call has returned of it to a pullback that is still held."""
    kept = []

    def f(x):
        y = np.exp(x)
        kept.append([x, y])
        return y * y[::-1]

    def derivative(v):
        y = np.exp(X)
        return y * (y * v)[::-1] + y * y[::-1] * v

    _, pullback = dm.vjp(f, X)
    for array in kept[0]:
        write(array)
    np.testing.assert_allclose(pullback(X), derivative(X), rtol=1e-14)


def test_writes_to_a_number_are_refused_as_of_numpys():
    kept = []
    dm.jacobian_fwd(lambda x: kept.append(x[0]) or x, X)
    with pytest.raises(TypeError, match="does not support item assignment"):
        kept[0][...] = 1.0


def test_beside_a_dual_made_by_hand():
    kept = []
    dm.jacobian_fwd(lambda x: kept.append(x) or x, X)
    d = dm.Dual(X, np.ones(3))
    for y in (d * kept[0], kept[0] * d, np.multiply(kept[0], d), np.stack([d, kept[0]]).prod(0)):
        np.testing.assert_array_equal(y.tangent, X)
    d[:] = kept[0]
    np.testing.assert_array_equal(d.tangent, np.zeros(3))


# --- Inside another derivative call ---------------------------------------------------------------


class Model:
    """Which stores what it computes, by every kind of place."""

    def __init__(self):
        self.table, self.items, self.work = {}, [None], np.zeros(3)

    def residual(self, x):
        self.last = np.sin(x) * x[0]
        self.table["last"] = self.items[0] = self.last
        return self.last * 2.0

    def by_cache(self, x):
        """What is remembered for the last x, as optimizers do for a function and its gradient."""
        if not hasattr(self, "point") or not np.array_equal(self.point, x):
            self.point, self.found = x.copy(), np.sin(x) * x[0]
        return self.found * 2.0


def jacobian_of_residual(x):
    return 2.0 * (np.diag(np.cos(x) * x[0]) + np.outer(np.sin(x), [1.0, 0.0, 0.0]))


@pytest.mark.parametrize("call", CALLS)
def test_an_object_that_stores_works_before_and_after(call):
    model, fresh = Model(), Model()
    expected = fresh.residual(X)
    for _ in range(2):
        np.testing.assert_array_equal(model.residual(X), expected)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of `prepare`, which does not replay it
            CALLS[call](model.residual, X)
        assert np.asarray(model.last).dtype == np.asarray(model.table["last"]).dtype == float
        assert np.linalg.norm(model.items[0]) > 0
        np.testing.assert_array_equal(model.residual(X), expected)
    J = dm.jacobian_fwd(model.residual, X)
    np.testing.assert_allclose(J, jacobian_of_residual(X), rtol=1e-14)
    np.testing.assert_array_equal(np.asarray(model.last), fresh.last)


USES_INSIDE = [
    lambda a, x: a * x,
    lambda a, x: x * a,
    lambda a, x: a,
    lambda a, x: [x[0], a[0]],
    lambda a, x: np.sin(a) + x,
    lambda a, x: np.asarray(a) * x,
    lambda a, x: np.array([a, x]),
    lambda a, x: a[0] * x,
    lambda a, x: x * float(a[0]),
    lambda a, x: x * math.sin(a[1]),
    lambda a, x: x + a.tolist(),
    lambda a, x: x * a.item(0),
    lambda a, x: x * pickle.loads(pickle.dumps(a)),
    lambda a, x: x * copy.deepcopy(a),
    lambda a, x: np.full(3, a[2]) * x,
    lambda a, x: np.concatenate([x, a]),
    lambda a, x: np.where(x > 1, x, a),
    lambda a, x: operator.setitem(np.zeros_like(x), slice(None), a) or x * _stored_in_zeros(x, a),
    lambda a, x: operator.iadd(a, x),
    lambda a, x: operator.setitem(a, 0, x[0]) or a,
    lambda a, x: np.linalg.solve(np.outer(a, a) + np.eye(3), x),
    lambda a, x: dm.jacobian_fwd(lambda y: y * a, x) @ x,
]


def _stored_in_zeros(x, a):
    y = np.zeros_like(x)
    y[:] = a
    return y


@pytest.fixture(scope="module")
def leaked():
    found = {}
    for call in ("jacobian_fwd", "gradient", "explain"):
        model = Model()
        CALLS[call](model.residual, X)
        found[call] = model.last
    return found


@pytest.mark.table
@pytest.mark.parametrize("use", USES_INSIDE)
@pytest.mark.parametrize("call", ["jacobian_fwd", "jacobian_rev", "hvp", "explain"])
def test_inside_another_call_it_is_refused(call, use, leaked):
    """There it would be a derivative lost."""
    for kept in leaked.values():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(TypeError if call == "explain" else dm.TangentLostError):
                CALLS[call](lambda x, kept=kept: use(kept, x), X)


def test_what_prepare_meets_is_refused(leaked):
    for kept in leaked.values():
        with pytest.raises(dm.TangentLostError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            CALLS["prepare"](lambda x, kept=kept: kept * x, X)


@pytest.mark.parametrize("call", ["jacobian_fwd", "jvp", "jacobian_rev", "hessian", "chunks"])
def test_what_is_remembered_for_a_point_is_no_constant(call):
    """The second call at the same point finds the first one's value: its derivative is lost."""
    model = Model()
    if call == "chunks":
        with pytest.raises(dm.TangentLostError, match="already finished"):
            CALLS[call](model.by_cache, X)
        return
    CALLS[call](model.by_cache, X)
    with pytest.raises(dm.TangentLostError, match="already finished"):
        CALLS[call](model.by_cache, X)
    np.testing.assert_array_equal(model.by_cache(X), Model().residual(X))
    np.testing.assert_array_equal(model.by_cache(X + 1), Model().residual(X + 1))


def test_the_message_says_what_is_kept_where():
    model = Model()
    dm.jacobian_fwd(model.residual, X)
    with pytest.raises(dm.TangentLostError) as error:
        dm.jacobian_fwd(lambda x: x * model.last, X)
    text = str(error.value)
    assert "It is an array of shape (3,), kept as " in text
    for place in ("Model.last", "item 'last' of a dict", "item 0 of a list"):
        assert place in text
    assert "keep numpy.array(a) in its place before the call" in text
    assert "lambda x: x * model.last" in text  # the line
    model.last = np.array(model.items[0])
    J = dm.jacobian_fwd(lambda x: x * model.last, X)
    np.testing.assert_array_equal(J, np.diag(Model().residual(X) / 2.0))


def test_a_dual_of_an_inner_call_is_refused_in_the_outer_one_and_read_after_it():
    kept = []

    def f(x):
        dm.derivative(lambda t: kept.append(t * x) or t, 1.0)
        for use in (lambda a: a * 2.0, np.linalg.norm, lambda a: float(a[0])):
            with pytest.raises(dm.TangentLostError, match="already finished"):
                use(kept[-1])
        return x * x

    with dm.refusals("warn"), pytest.warns(dm.RefusalSwallowedWarning):
        dm.jacobian_fwd(f, X)
    same(X * 2.0, kept[0] * 2.0)


@pytest.mark.parametrize("call", ["jacobian_fwd", "jacobian_rev", "hessian", "prepare", "explain"])
def test_it_may_be_given_to_the_next_call(call):
    """As the point, a constant, a direction."""
    model = Model()
    dm.jacobian_fwd(model.residual, X)
    plain = np.array(model.last)

    def f(x, c):
        return np.sum(np.sin(x) * c)

    if call != "explain":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            derivative = CALLS[call] if call != "prepare" else lambda f, x: dm.prepare(f, x)(x)
            np.testing.assert_array_equal(
                derivative(lambda x: f(x, x), model.last), derivative(lambda x: f(x, x), plain)
            )
    np.testing.assert_array_equal(dm.gradient(f, X, model.last), np.cos(X) * plain)
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X, model.last), np.cos(X) * plain)
    np.testing.assert_allclose(
        dm.jvp(f, (X, plain), (model.last, 0 * X))[1], np.cos(X) * plain @ plain, rtol=1e-15
    )
    np.testing.assert_array_equal(dm.vjp(lambda x: x * 2.0, X)[1](model.last), 2.0 * plain)


def test_prepared_functions_take_it():
    model = Model()
    dm.jacobian_fwd(model.residual, X)
    plain = np.array(model.last)
    J = dm.prepare(lambda x, c: np.sin(x) * c, X, model.last)
    for args in ((X, model.last), (model.last, model.last), (model.last, X)):
        x, c = map(np.asarray, args)
        np.testing.assert_allclose(J(*args), np.diag(np.cos(x) * c), rtol=1e-15)
    assert (3, 0) == (J.replays, J.fresh_calls)
    np.testing.assert_array_equal(model.last, plain)


def test_an_interrupted_call_leaves_values():
    for error in (ValueError, KeyboardInterrupt, GeneratorExit):
        model = Model()

        def f(x, model=model, error=error):
            model.last = x * 2.0
            raise error

        for call in (dm.jacobian_fwd, dm.gradient, dm.explain, dm.hessian):
            with pytest.raises(error):
                call(f, X)
            same(X * 2.0, np.asarray(model.last))
            same(X * 4.0, model.last * 2.0)


# --- Threads --------------------------------------------------------------------------------------


def while_one_runs(look):
    """What `look` finds in this thread, given the x of a call that runs in another."""
    inside, done = threading.Event(), threading.Event()
    kept = []

    def f(x):
        kept.append(x)
        inside.set()
        assert done.wait(30)
        return x * x

    def differentiate():
        with dm.refusals("warn"):
            return dm.jacobian_fwd(f, X)

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(differentiate)
        try:
            assert inside.wait(30)
            return look(kept[0])
        finally:
            done.set()
            np.testing.assert_array_equal(call.result(30), np.diag(2 * X))


def test_what_another_thread_is_computing_is_no_value():
    def look(x):
        assert type(x * 2.0) is dm.Dual
        for use in (float, math.sin):
            with pytest.raises(dm.TangentLostError):
                use(x[0])
        with pytest.raises((dm.TangentLostError, TypeError, ValueError)):
            np.asarray(x, float)
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(x)

    while_one_runs(look)


def test_what_has_ended_is_read_while_another_thread_computes():
    model = Model()
    dm.jacobian_fwd(model.residual, X)
    same(np.asarray(model.last) * 2.0, while_one_runs(lambda _: model.last * 2.0))


@pytest.mark.parametrize("start", ["in the call", "before it"])
def test_a_thread_that_works_for_a_call_refuses_what_has_ended(start):
    """Its results go into f."""
    model = Model()
    dm.jacobian_fwd(model.residual, X)
    with ThreadPoolExecutor(1) as pool:
        if start == "before it":
            pool.submit(int).result()

        def f(x):
            return pool.submit(lambda: x * model.last).result()

        with pytest.raises(dm.TangentLostError):
            dm.jacobian_fwd(f, X)
        same(np.asarray(model.last) * X, pool.submit(lambda: X * model.last).result())


def test_what_is_held_is_let_go_of_with_the_object():
    model = Model()
    dm.gradient(lambda x: np.sum(model.residual(x)), X)
    level = model.last.level
    model.__dict__.clear()
    assert not [r for r in gc.get_referrers(level) if type(r) is dm.Dual]
