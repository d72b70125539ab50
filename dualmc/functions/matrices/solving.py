"""Linear systems, inverses and products of matrices.

A singular matrix raises the LinAlgError of NumPy where NumPy raises.
"""

import math
import operator

import numpy as np

from dualmc.duals.dual import make
from dualmc.duals.operands import as_operand, level_of
from dualmc.functions.matrices.differentials import held, is_active, quiet, solved
from dualmc.functions.matrices.recorded_matrices import record_solve
from dualmc.functions.results import with_primal, written
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles


@handles("composite", np.linalg.solve)
def solve(a, b):
    """``dx = inv(A) (db - dA x)``."""
    a, b = as_operand(a), as_operand(b)
    y = record_solve(a, b)
    if y is not None:
        return y
    level = level_of(a, b)
    p, q = held(a, level), held(b, level)
    x = np.linalg.solve(p, q)
    if np.ndim(b) == 1:
        found = solved(p, residual(a, b[:, None], held(x, level)[..., None], level))[..., 0]
    else:
        found = solved(p, residual(a, b, held(x, level), level))
    return with_primal(x, found)


@quiet
def residual(a, b, x, level):
    """``b - a @ x`` as far as it varies, in the shape of x."""
    r = b if is_active(b, level) else None
    if is_active(a, level):
        ax = np.matmul(a, x)
        r = -ax if r is None else r - ax
    return np.broadcast_to(r, x.shape) if r.shape != x.shape else r


@handles("composite", np.linalg.inv)
def inv(a):
    """``dY = -Y dA Y``."""
    p = held(a, a.level)
    y = np.linalg.inv(p)
    return with_primal(y, inverse_differential(a, held(y, a.level)))


@quiet
def inverse_differential(a, y):
    return -np.matmul(np.matmul(y, a), y)


@handles("composite", np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    a, b = as_operand(a), as_operand(b)
    ndim = a.ndim
    if axes is not None:
        order = list(range(ndim))
        for k in axes:
            order.remove(k)
            order.insert(ndim, k)
        a = np.transpose(a, order)
    shape = a.shape[-(ndim - np.ndim(b)) :]
    size = math.prod(shape)
    if a.size != size**2:
        raise np.linalg.LinAlgError(
            "Input arrays must satisfy the requirement "
            "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


@handles("composite", np.linalg.tensorinv)
def tensorinv(a, ind=2):
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    size = math.prod(a.shape[ind:])
    inverse = np.linalg.inv(np.reshape(a, (size, -1)))
    return np.reshape(inverse, a.shape[ind:] + a.shape[:ind])


# --- Products of matrices ------------------------------------------------------------------------


@handles("composite", np.linalg.matrix_power)
def matrix_power(a, n):
    """NumPy's own scheme of products, differentiated product by product."""
    identity = np.linalg.matrix_power(values(a), 0)  # of a square matrix, or NumPy's error
    try:
        n = operator.index(n)
    except TypeError as error:
        raise TypeError("exponent must be an integer") from error
    if n == 0:
        return make(identity, None, a.level)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return np.matmul(np.matmul(a, a), a)
    z = result = None
    while n > 0:
        z = a if z is None else np.matmul(z, z)
        n, bit = divmod(n, 2)
        if bit:
            result = z if result is None else np.matmul(result, z)
    return result


@handles("bilinear", np.linalg.multi_dot)
def multi_dot(arrays, *, out=None):
    arrays = [as_operand(a) for a in arrays]
    level = level_of(arrays)
    y = np.linalg.multi_dot([held(a, level) for a in arrays])
    if len(arrays) == 2:
        return written(out, np.dot(*arrays))
    if arrays[0].ndim == 1:
        arrays[0] = arrays[0][None, :]
    if arrays[-1].ndim == 1:
        arrays[-1] = arrays[-1][:, None]
    product = np.reshape(_chain(arrays), np.shape(y))
    return written(out, with_primal(y, product))


@quiet
def _chain(arrays):
    """The product of matrices in the cheapest order, by dynamic programming."""
    sizes = [a.shape[0] for a in arrays] + [arrays[-1].shape[1]]
    best = {(i, i): (0, i) for i in range(len(arrays))}
    for length in range(1, len(arrays)):
        for i in range(len(arrays) - length):
            j = i + length
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )

    def product(i, j):
        if i == j:
            return arrays[i]
        k = best[i, j][1]
        return np.matmul(product(i, k), product(k + 1, j))

    return product(0, len(arrays) - 1)
