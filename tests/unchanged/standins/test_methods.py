"""What methods of constant arrays make is f's own: it may hold derivatives, and shares nothing."""

import copy
import warnings

import numpy as np
import pytest

import dualmc as dm
from dualmc.unchanged.standins.methods import METHODS, of_bound

X = np.array([0.5, 1.25, 2.0])
J0 = np.arange(9.0).reshape(3, 3) + 1.0


def prepared(f, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # float32 and complex numbers are not replayed
        return dm.prepare(f, x)(x)


MODES = [dm.jacobian_fwd, dm.jacobian_rev, prepared,
         lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1)]  # fmt: skip

# Of a constant array, an array of three numbers at least, and whether that is a new one.
MADE = {
    "copy": (lambda copy: copy(J0), True),
    "copy F": (lambda copy: copy(J0, order="F"), True),
    "copy of a view": (lambda copy: copy(J0[::-1, 1:]), True),
    "astype": (lambda astype: astype(J0, float), True),
    "astype of integers": (lambda astype: astype(np.arange(4), float), True),
    "astype complex": (lambda astype: astype(J0, complex), True),
    "astype float32": (lambda astype: astype(J0, np.float32), True),
    "astype in place": (lambda astype: astype(J0, float, copy=False), False),
    "flatten": (lambda flatten: flatten(J0), True),
    "ravel": (lambda ravel: ravel(J0), False),
    "ravel of a transpose": (lambda ravel: ravel(J0.T), True),
    "reshape": (lambda reshape: reshape(J0, 9), False),
    "reshape of a transpose": (lambda reshape: reshape(J0.T, -1), True),
    "repeat": (lambda repeat: repeat(J0, 2), True),
    "take": (lambda take: take(J0, [0, 1, 2, 0]), True),
    "compress": (lambda compress: compress(J0, [True, False, True], axis=0), True),
    "clip": (lambda clip: clip(J0, 0.0, 2.0), True),
    "round": (lambda round: round(J0, 1), True),
    "conj": (lambda conj: conj(J0), False),
    "cumsum": (lambda cumsum: cumsum(J0), True),
    "sum": (lambda sum: sum(J0, axis=0), True),
    "mean": (lambda mean: mean(J0, axis=1), True),
    "dot": (lambda dot: dot(J0, J0), True),
    "max": (lambda max: max(J0, axis=0), True),
}


def method_of(name):
    return METHODS[name.partition(" ")[0]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name, (_, is_new) in MADE.items() if is_new])
def test_what_is_new_takes_derivatives(name, mode):
    make, method = MADE[name][0], method_of(name)

    def f(x):
        J = make(method)
        J.flat[1] = x[0] ** 2
        J[..., -1] = x[2]
        return np.ravel(J.real)

    size = make(getattr(np.ndarray, name.partition(" ")[0])).size
    J, before = mode(f, X), J0.copy()
    expected = np.zeros((size, 3))
    shape = make(getattr(np.ndarray, name.partition(" ")[0])).shape
    expected[1, 0] = 2 * X[0]
    last = np.arange(size).reshape(shape)[..., -1].ravel()
    expected[last] = [0.0, 0.0, 1.0]
    np.testing.assert_array_equal(J, expected)
    np.testing.assert_array_equal(J0, before)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("name", [name for name, (_, is_new) in MADE.items() if not is_new])
def test_what_shares_memory_is_refused(name, mode):
    """Who holds the array would find the value there, without its derivative."""
    make, method = MADE[name][0], method_of(name)

    def f(x):
        J = make(method)
        J.flat[0] = x[0] ** 2
        return np.sum(J0) * x

    before = J0.copy()
    with pytest.raises(dm.TangentLostError, match="made outside of f is made anew, or copied"):
        mode(f, X)
    np.testing.assert_array_equal(J0, before)


def test_out_is_the_array_that_was_given():
    out = np.zeros(3)
    seen = []
    dm.jacobian_fwd(lambda x: seen.append(METHODS["sum"](J0, 0, out=out)) or x, X)
    assert seen[0] is out
    seen.clear()
    dm.jacobian_fwd(lambda x: seen.append(METHODS["sum"](J0, 0, None, out)) or x, X)
    assert seen[0] is out


@pytest.mark.parametrize("name", METHODS)
def test_outside_of_calls_it_is_the_method(name):
    arguments = {"astype": (float,), "reshape": (9,), "repeat": (2,), "take": ([1],),
                 "compress": ([True],), "choose": (np.ones((2, 3, 3)),), "clip": (0, 1),
                 "dot": (J0,), "__deepcopy__": ({},)}.get(name, ())  # fmt: skip
    array = np.zeros((3, 3), int) if name == "choose" else J0
    expected = getattr(array, name)(*arguments)
    found = METHODS[name](array, *arguments)
    assert type(expected) is type(found)
    np.testing.assert_array_equal(found, expected)


def test_objects_that_are_no_arrays_keep_their_methods():
    inside = []

    def f(x):
        table = {"a": 1.0}
        inside.extend([METHODS["copy"](table), METHODS["copy"]([1, 2]), METHODS["copy"](x)])
        return inside[-1] * x

    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), np.diag(2 * X))
    assert [{"a": 1.0}, [1, 2]] == inside[:2]


def test_bound_methods():
    assert of_bound(J0.copy).func is METHODS["copy"]
    for other in (J0.fill, [].copy, {}.copy, np.sum, len, np.float64(1.0).copy, "".join):
        assert of_bound(other) is other

    def f(x):
        J = of_bound(J0.copy)()
        J[0] = x
        return J @ x

    expected = J0.copy()
    expected[0] = 2 * X
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), expected, rtol=1e-15)


class Filter:
    H = np.arange(9.0).reshape(3, 3)

    def __init__(self):
        self.buffer = np.zeros(3)

    def measured(self, x):
        """As filters fill their Jacobians: from a template of the class."""
        J = self.H.copy()
        J[0] = x
        return J @ x

    def by_items(self, x):
        for i in range(3):
            self.buffer[i] = x[i] ** 2
        return self.buffer

    def whole(self, x):
        self.buffer[:] = x
        return self.buffer * 2.0

    def afresh(self, x):
        self.buffer = np.array(self.buffer)
        return self.whole(x)


def _template(x):
    J = J0.copy()
    J[0, 0] = x[0]
    J[1] = x
    return J @ x


def _counted(x):
    J = np.arange(3).astype(float)
    J[1] = x[0]
    return J * x


def _flat(x):
    J = J0.flatten()
    J[:3] = x
    return J.reshape(3, 3) @ x


CODE = {
    "template": (_template, [[2 * X[0], 2.0, 3.0], 2 * X, J0[2]]),
    "integers": (_counted, [[0.0, 0.0, 0.0], [X[1], X[0], 0.0], [0.0, 0.0, 2.0]]),
    "flatten": (_flat, [2 * X, J0[1], J0[2]]),
    "class attribute": (Filter().measured, [2 * X, Filter.H[1], Filter.H[2]]),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CODE)
def test_code_that_calls_them(name, mode):
    f, expected = CODE[name]
    before = J0.copy(), Filter.H.copy()
    for _ in range(2):
        np.testing.assert_allclose(mode(f, X), np.array(expected), rtol=1e-15)
        assert type(f(X)) is np.ndarray
    np.testing.assert_array_equal((J0, Filter.H), before)


@pytest.mark.parametrize("mode", MODES)
def test_the_module_copy(mode):
    def f(x):
        A, B = copy.copy(J0), copy.deepcopy(J0[1:])
        A[0] = x
        B[1, 1] = x[2] ** 2
        return A @ x + B[1]

    expected = J0.copy()
    expected[0] = 2 * X
    expected[1, 2] += 2 * X[2]
    np.testing.assert_allclose(mode(f, X), expected, rtol=1e-15)


def test_copies_of_containers_are_refused_where_they_are_written_to():
    """One array may be in two places of them, and must stay one."""
    one = np.zeros(3)

    def f(x):
        a, b = copy.deepcopy([one, one])
        a[:] = x
        return b * x

    with pytest.raises(dm.TangentLostError):
        dm.jacobian_fwd(f, X)


BUFFER = np.zeros(3)


def _of_module(x):
    BUFFER[:] = x
    return BUFFER * x


@pytest.mark.parametrize("f", [Filter().by_items, Filter().whole, _of_module])
@pytest.mark.parametrize("mode", MODES[:2])
def test_work_arrays_from_outside_are_refused_and_left(f, mode):
    with pytest.raises(dm.TangentLostError, match=r"a = numpy.array\(a\)"):
        mode(f, X)
    assert np.array_equal(BUFFER, np.zeros(3))


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_what_the_message_says_helps(mode):
    model = Filter()
    for _ in range(2):
        np.testing.assert_array_equal(mode(model.afresh, X), 2.0 * np.eye(3))
        np.testing.assert_array_equal(model.afresh(X), 2.0 * X)
