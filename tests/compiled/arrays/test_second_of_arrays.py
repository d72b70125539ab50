"""Second derivatives through decompositions in compiled code, by nested Duals."""

import numba
import numpy as np
import pytest
from compiled_judge import close, second, second_expected

pytestmark = pytest.mark.slow

X = np.array([1.1, 0.2, 0.9, 2.3])


@numba.njit
def spectrum(x):
    w, v = np.linalg.eigh(x.reshape(2, 2))
    return np.concatenate((w, v[0]))


@numba.njit
def factors(x):
    a = x.reshape(2, 2)
    q, r = np.linalg.qr(a)
    numbers = np.array([np.linalg.norm(a), np.linalg.slogdet(a)[1]])
    return np.concatenate((q[0], r[0], numbers))


@numba.njit
def extremes(x):
    a = x.reshape(2, 2)
    return np.array([np.linalg.norm(a, 2), np.linalg.cond(a)])


@pytest.mark.parametrize("f", [spectrum, factors, extremes], ids=lambda f: f.__name__)
def test_second_derivatives_through_decompositions(f):
    close(second(f, X), second_expected(f, X), 1e-11)
