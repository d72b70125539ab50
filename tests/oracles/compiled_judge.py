"""What all tests of arrays in compiled code hold: the value is f's own, the Jacobian that of the
Python path, which runs the same function's body.
"""

import numba
import numpy as np

import dualmc as dm
from dualmc.compiled import everything  # noqa: F401
from dualmc.compiled.sweeps import Sweep


def agrees(f, x, *args, chunk_size=4, rtol=1e-12, is_exact=True):
    """The Jacobian of the compiled `f`, after it has been compared with that of its body."""
    y, jac = dm.jit_jacobian(f, value=True, chunk_size=chunk_size)(x, *args)
    own = np.asarray(f(x, *args))
    expected = dm.jacobian_fwd(f.py_func, x, *args)
    if is_exact:
        np.testing.assert_array_equal(y, own)
    else:
        np.testing.assert_allclose(y, own, rtol=4e-16 if y.dtype == np.float64 else 4e-7)
    close(jac, expected, rtol)
    return jac


def close(found, expected, rtol=1e-12):
    """Equal but for rounding, relative to the largest entry; NaN and infinities where expected."""
    assert found.shape == expected.shape
    is_finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(found), is_finite)
    np.testing.assert_array_equal(found[~is_finite], expected[~is_finite])
    scale = np.max(np.abs(expected[is_finite]), initial=1.0)
    np.testing.assert_allclose(found[is_finite], expected[is_finite], rtol, rtol * scale)


def second(f, x, chunk_size=2):
    """The derivatives of the compiled Jacobian of `f`, by nested Duals."""
    inner = dm.jit_jacobian(f, chunk_size=chunk_size)

    @numba.njit
    def outer(x):
        return inner(x)

    return dm.jit_jacobian(outer, chunk_size=chunk_size)(x)


def second_expected(f, x):
    """The same by the Python path."""
    body = f.py_func
    return dm.jacobian_fwd(lambda x: dm.jacobian_fwd(body, x), x)


def in_single(f, x, chunk_size=4):
    """The value and the Jacobian of `f` by Duals of single precision."""
    return Sweep(f, (0,), chunk_size, "value and shaped", numba.types.float32).compiled()(x)
