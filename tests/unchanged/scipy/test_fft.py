"""Rules of scipy.fft.  SciPy's own functions are objects that dispatch: here the rules are called.

The expected Jacobians are made of SciPy's transforms of the columns of the identity.
"""

import numpy as np
import pytest
import scipy.fft
from kernel_judge import close

import dualmc as dm
from dualmc.unchanged.scipy.fft import HANDLERS

X = np.sin(np.arange(12.0) ** 1.3)


def parts(y):
    return np.concatenate([np.ravel(np.real(y)), np.ravel(np.imag(y))])


def judge_linear(name, x, *args, **kwargs):
    """Both modes against the transforms of the unit vectors; the second derivative of squares."""
    plain = getattr(scipy.fft, name)
    rule = HANDLERS[f"scipy.fft.{name}"]
    units = np.eye(x.size).reshape(x.size, *x.shape)
    expected = np.stack([parts(plain(u, *args, **kwargs)) for u in units], axis=-1)

    def f(x):
        return parts(rule(np.reshape(x, np.shape(units)[1:]), *args, **kwargs))

    value, J = dm.value_and_jacobian_fwd(f, x.ravel())
    np.testing.assert_allclose(value, parts(plain(x, *args, **kwargs)), rtol=1e-13, atol=1e-13)
    close(J, expected, 1e-12)
    close(dm.jacobian_rev(f, x.ravel()), expected, 1e-12)
    close(dm.hessian(lambda x: np.sum(f(x) ** 2), x.ravel()), 2 * expected.T @ expected, 1e-11)


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("n", [None, 9, 14])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_fourier(name, n, norm):
    judge_linear(name, X, n, norm=norm)


@pytest.mark.parametrize("name", ["fft2", "ifftn", "rfft2", "irfftn"])
def test_fourier_of_several_axes(name):
    judge_linear(name, X.reshape(3, 4))


@pytest.mark.parametrize("orthogonalize", [None, True, False])
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("type", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["dct", "idct", "dst", "idst"])
def test_cosines_and_sines(name, type, norm, orthogonalize):
    judge_linear(name, X.reshape(6, 2), type, axis=0, norm=norm, orthogonalize=orthogonalize)


@pytest.mark.parametrize("name", ["dctn", "idctn", "dstn", "idstn"])
def test_cosines_of_several_axes(name):
    judge_linear(name, X.reshape(3, 4), s=(4,), axes=(0,))


def test_length():
    judge_linear("dct", X, 2, 15)
    judge_linear("idst", X, 3, 7)
