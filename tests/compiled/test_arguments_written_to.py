"""Compiled functions that change their other arguments: every pass finds them as the first did."""

from collections import namedtuple

import numba
import numpy as np
import pytest
from numba import typed

import dualmc as dm

pytestmark = pytest.mark.slow

N = 20
X = np.linspace(1.0, 2.0, N)
Pair = namedtuple("Pair", "w c")


def array(x, w):
    w[0] += 1.0
    return x * w[0]


def of_a_tuple(x, p):
    p[0][0] += p[1]
    return x * p[0][0]


def of_a_named_tuple(x, p):
    p.w[0] += p.c
    return x * p.w[0]


def fortran(x, w):
    w[0, 1] += 1.0
    return x * w[0, 1]


def grown(x, w):
    w.append(1.0)
    return x * len(w)


def dictionary(x, w):
    w["a"] += 1.0
    return x * w["a"]


def star(x, *ws):
    ws[0][0] += ws[1]
    return x * ws[0][0]


def table():
    made = typed.Dict()
    made["a"] = 1.0
    return made


CASES = [
    (array, lambda: (np.ones(1),)),
    (array, lambda: (np.ones(4)[::2],)),
    (of_a_tuple, lambda: ((np.ones(1), 2.0),)),
    (of_a_named_tuple, lambda: (Pair(np.ones(1), 2.0),)),
    (fortran, lambda: (np.asfortranarray(np.ones((2, 2))),)),
    (grown, lambda: (typed.List([1.0]),)),
    (dictionary, lambda: (table(),)),
    (star, lambda: (np.ones(1), 3.0)),
]


@pytest.mark.parametrize("plain, made", CASES)
def test_all_columns_see_the_same_arguments(plain, made):
    f = numba.njit(plain)
    given, called = made(), made()
    factor = f(X, *called)[0]
    y, J = dm.jit_jacobian(f, value=True)(X, *given)
    np.testing.assert_array_equal(J, factor * np.eye(N))
    np.testing.assert_array_equal(y, factor * X)
    assert repr(given) == repr(called)  # changed as by one call of f


def test_the_verbs_too():
    f = numba.njit(array)
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X, np.ones(1)), 2 * np.eye(N))
    J = dm.jit_jacobian(f, argnums=0, chunk_size=3)
    np.testing.assert_array_equal(J(X, np.ones(1)), 2 * np.eye(N))


def test_what_is_only_read_is_not_copied():
    f = numba.njit(lambda x, w: w[0] * x)
    w = np.ones(3)
    w.flags.writeable = False
    np.testing.assert_array_equal(dm.jit_jacobian(f)(X, w), np.eye(N))
    # The type of the copy's argument says that nothing can write to it.
    jac = dm.jit_jacobian(f)
    jac(X, np.ones(3))
    copy = jac.py_func.__globals__["f"]
    assert all(not sig[1].mutable for sig in copy.signatures)
