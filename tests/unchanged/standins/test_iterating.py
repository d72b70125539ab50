"""``np.nditer`` and ``a.flat`` inside f: the elements that NumPy visits, with their derivatives."""

import numpy as np
import pytest

import dualmc as dm

X = np.array([1.0, 2.0, -3.0])


def _total(x):
    return sum(v**2 for v in np.nditer(x))


def _pairs(x):
    return sum(a * b for a, b in np.nditer([x, np.ones((2, 1)) * x[0]]))


def _while(x):
    total, it = 0.0, np.nditer(x, flags=["c_index"])
    while not it.finished:
        total = total + it.index * it[0] ** 2
        it.iternext()
    return total


def _columns_first(x):
    a = np.asfortranarray(x.reshape(1, 3) * np.array([[1.0], [2.0]]))
    return sum((i + 1) * v for i, v in enumerate(np.nditer(a, order="F")))


def _flat_steps(x):
    it = x.flat
    first, second = next(it), next(it)
    return first * second + it.index + it.coords[0]


def _flat_live(x):
    a = x * 1.0
    it = a.flat
    a[1] = x[0] ** 3
    return sum(it)


# The value, and the gradient as a function of x.
CASES = {
    "nditer": (_total, lambda x: 2 * x),
    "nditer of two": (_pairs, lambda x: np.array([2 * x.sum(), 0, 0]) + 2 * x[0]),
    "nditer with index": (_while, lambda x: 2 * np.arange(3) * x),
    "nditer in columns": (_columns_first, lambda x: np.array([1 + 4, 3 + 8, 5 + 12.0])),
    "next of flat": (_flat_steps, lambda x: np.array([x[1], x[0], 0])),
    "flat is live": (_flat_live, lambda x: np.array([1 + 3 * x[0] ** 2, 0, 1])),
    "flat compared": (lambda x: np.sum((x.flat > 0) * x), lambda x: 1.0 * (x > 0)),
    "flat copied": (lambda x: x.flat.copy() @ x.flat.base, lambda x: 2 * x),
}


@pytest.mark.parametrize("name", CASES)
def test_the_elements_visited_keep_their_derivatives(name):
    f, right = CASES[name]
    y, g = dm.value_and_gradient(f, X)
    assert y == pytest.approx(f(X))
    np.testing.assert_allclose(g, right(X))
    np.testing.assert_allclose(dm.jacobian_fwd(f, X, chunk_size=1), right(X))
    prepared = dm.prepare(f, X)
    np.testing.assert_allclose(prepared(X + 0.5), right(X + 0.5))


def test_what_nditer_writes_is_written():
    def f(x):
        y = x * 2.0
        with np.nditer(y, flags=["multi_index"], op_flags=["readwrite"]) as it:
            for v in it:
                v[...] = v**2 * (it.multi_index[0] + 1)
        return y

    for J in (dm.jacobian_fwd(f, X), dm.jacobian_rev(f, X)):
        np.testing.assert_allclose(J, np.diag(8.0 * X * [1, 2, 3]))


def test_other_uses_of_nditer_are_refused_by_name():
    with pytest.raises(dm.MissingRuleError, match=r"numpy\.nditer, but not with external_loop"):
        dm.gradient(lambda x: sum(np.sum(v) for v in np.nditer(x, flags=["external_loop"])), X)


def test_an_exhausted_flat_stays_so():
    def f(x):
        it = x.flat
        return sum(it) + len(list(it))

    assert dm.value_and_gradient(f, X)[0] == f(X) == 0.0
