"""Means, variances, covariances and integrals of samples that are Duals."""

import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import overload

from dualmc.compiled.arrays.lines import flat, vector
from dualmc.compiled.arrays.making import FIRST, common
from dualmc.compiled.arrays.methods import is_dual_array, method
from dualmc.compiled.arrays.summing.sums import total
from dualmc.compiled.copying.creators import is_nothing
from dualmc.compiled.scalars.intrinsics import as_dual, primal_of


@overload(np.mean, **FIRST)
@method("mean")
def _mean(a):
    if not is_dual_array(a):
        return None
    T = a.dtype
    F = T.base

    def of_all(a):
        if a.size == 0:
            return as_dual(T, np.nan)
        return total(vector(a)) / F(a.size)

    return of_all


@overload(np.var, **FIRST)
@method("var")
def _var(a):
    if not is_dual_array(a):
        return None
    T = a.dtype.with_base(types.float64)  # the precision in which Numba adds the squares

    def of_all(a):
        m = np.mean(a)
        a = vector(a)
        s = as_dual(T, 0.0)
        for i in range(a.size):
            d = a[i] - m
            s = s + d * d
        return s / a.size

    return of_all


@overload(np.std, **FIRST)
@method("std")
def _std(a):
    return (lambda a: np.var(a) ** 0.5) if is_dual_array(a) else None


# --- Without NaN ---------------------------------------------------------------------------------


@overload(np.nanmean, **FIRST)
def _nanmean(a):
    if not is_dual_array(a):
        return None
    T = a.dtype.with_base(types.float64)

    def of_numbers(a):
        a = vector(a)
        s = as_dual(T, 0.0)
        count = 0
        for i in range(a.size):
            if not np.isnan(primal_of(a[i])):
                s = s + a[i]
                count += 1
        return s / count if count else as_dual(T, np.nan)

    return of_numbers


@overload(np.nanvar, **FIRST)
def _nanvar(a, axis=None, dtype=None, out=None, ddof=0):
    if not is_dual_array(a) or not all(map(is_nothing, (axis, dtype, out))):
        return None
    T = a.dtype.with_base(types.float64)

    def of_numbers(a, axis=None, dtype=None, out=None, ddof=0):
        m = np.nanmean(a)
        a = vector(a)
        s = as_dual(T, 0.0)
        count = 0
        for i in range(a.size):
            if not np.isnan(primal_of(a[i])):
                d = a[i] - m
                s = s + d * d
                count += 1
        return s / (count - ddof) if count > ddof else as_dual(T, np.nan)

    return of_numbers


@overload(np.nanstd, **FIRST)
def _nanstd(a, axis=None, dtype=None, out=None, ddof=0):
    if not is_dual_array(a) or not all(map(is_nothing, (axis, dtype, out))):
        return None
    return lambda a, axis=None, dtype=None, out=None, ddof=0: np.nanvar(a, ddof=ddof) ** 0.5


# --- Weights -------------------------------------------------------------------------------------


@overload(np.average, **FIRST)
def _average(a, axis=None, weights=None):
    if is_nothing(weights):
        if is_dual_array(a) and is_nothing(axis):
            return lambda a, axis=None, weights=None: np.mean(a)
        return None
    if not isinstance(a, types.Array) or not isinstance(weights, types.Array):
        return None
    T = common([a.dtype, weights.dtype])
    if T is None:
        return None
    if not is_nothing(axis) or a.ndim != weights.ndim:
        raise TypingError(
            f"dualmc: np.average of Duals takes weights of the shape of a and no axis, got "
            f"{a.ndim} and {weights.ndim} dimensions. Write np.sum(a * w) / np.sum(w)"
        )

    def weighted(a, axis=None, weights=None):
        if a.shape != weights.shape:
            raise TypeError("1D weights expected when shapes of a and weights differ.")
        scale = np.sum(weights)
        if scale == 0.0:
            raise ZeroDivisionError("Weights sum to zero, can't be normalized.")
        a, w = flat(a), flat(weights)
        s = as_dual(T, 0.0)
        for i in range(a.size):
            s = s + a[i] * w[i]
        return s / scale

    return weighted


# --- Covariances ---------------------------------------------------------------------------------


def _samples(m, y, rowvar):
    """The variables as rows of one matrix, which is new."""
    raise NotImplementedError


@overload(_samples)
def _stacked(m, y, rowvar):
    T = common([kind.dtype for kind in (m, y) if isinstance(kind, types.Array)])
    T = T.with_base(types.float64)  # as Numba and NumPy
    has_second = isinstance(y, types.Array)

    def stacked(m, y, rowvar):
        a = _rows(m, rowvar)
        b = _rows(y, rowvar) if has_second else a[:0]
        if has_second and a.shape[1] != b.shape[1]:
            raise ValueError("m and y have incompatible dimensions")
        p, n = a.shape
        out = np.empty((p + b.shape[0], n), T)
        for j in range(n):
            for i in range(p):
                out[i, j] = a[i, j]
            for i in range(b.shape[0]):
                out[p + i, j] = b[i, j]
        return out

    return stacked


def _rows(m, rowvar):
    raise NotImplementedError


@overload(_rows)
def _as_rows(m, rowvar):
    if m.ndim == 1:
        return lambda m, rowvar: np.ascontiguousarray(m).reshape((1, m.size))

    def turned(m, rowvar):
        return np.ascontiguousarray(m if rowvar or m.shape[0] == 1 else m.T)

    return turned


def _is_samples(m, y):
    arrays = [kind for kind in (m, y) if isinstance(kind, types.Array)]
    if not arrays or not all(is_nothing(kind) or kind in arrays for kind in (m, y)):
        return False
    return all(a.ndim in (1, 2) for a in arrays) and common([a.dtype for a in arrays]) is not None


def _covariances(m, y, rowvar, bias, ddof):
    """The matrix of covariances, also of one variable."""
    raise NotImplementedError


@overload(_covariances)
def _covariances_of(m, y, rowvar, bias, ddof):
    has_default = is_nothing(ddof)
    is_matrix = m.ndim == 2

    def covariances(m, y, rowvar, bias, ddof):
        if is_matrix and m.shape[0] == 1:
            raise RuntimeError(
                "2D array containing a single row is unsupported: pass the row as a 1D array."
            )
        x = _samples(m, y, rowvar)
        p, n = x.shape
        if x.size == 0:
            return np.full((p, p), np.nan, x.dtype)
        degrees = (0 if bias else 1) if has_default else ddof
        for i in range(p):
            mean = np.sum(x[i]) / n
            for j in range(n):
                x[i, j] = x[i, j] - mean
        c = np.dot(x, x.T)
        scale = np.true_divide(1, max(n - degrees, 0.0))
        for i in range(p):
            for j in range(p):
                c[i, j] = c[i, j] * scale
        return c

    return covariances


@overload(np.cov, **FIRST)
def _cov(m, y=None, rowvar=True, bias=False, ddof=None):
    if not _is_samples(m, y):
        return None
    if m.ndim == 1 and is_nothing(y):
        T = m.dtype.with_base(types.float64)

        def of_one(m, y=None, rowvar=True, bias=False, ddof=None):
            out = np.empty((), T)
            out[()] = _covariances(m, y, rowvar, bias, ddof)[0, 0]
            return out

        return of_one

    def of_many(m, y=None, rowvar=True, bias=False, ddof=None):
        return _covariances(m, y, rowvar, bias, ddof)

    return of_many


@overload(np.corrcoef, **FIRST)
def _corrcoef(x, y=None, rowvar=True):
    if not _is_samples(x, y):
        return None
    if x.ndim == 1 and is_nothing(y):
        raise TypingError("dualmc: np.corrcoef of one variable of Duals is constantly 1")

    def of_many(x, y=None, rowvar=True):
        c = _covariances(x, y, rowvar, False, None)
        p = c.shape[0]
        d = np.empty(p, c.dtype)
        for i in range(p):
            d[i] = np.sqrt(c[i, i])
        for i in range(p):
            for j in range(p):
                r = c[i, j]
                # As Numba divides: first the rows up to here, then the columns.
                r = r / d[j] / d[i] if i <= j else r / d[i] / d[j]
                c[i, j] = r if abs(primal_of(r)) <= 1 else as_dual(r, np.sign(primal_of(r)))
        return c

    return of_many


# --- Integrals -----------------------------------------------------------------------------------


def _trapezoid(y, x=None, dx=1.0):
    kinds = [kind.dtype for kind in (y, x, dx) if isinstance(kind, types.Array)]
    if not isinstance(y, types.Array) or not (is_nothing(x) or isinstance(x, types.Array)):
        return None
    T = common(kinds if is_nothing(dx) or len(kinds) == 3 else [*kinds, _number(dx)])
    if T is None:
        return None
    if y.ndim != 1 or isinstance(dx, types.Array) or not (is_nothing(x) or x.ndim == 1):
        raise TypingError(
            "dualmc: np.trapezoid of Duals takes vectors y and x, or a number dx. Integrate the "
            "rows of a matrix one by one"
        )
    has_points = not is_nothing(x)

    def integral(y, x=None, dx=1.0):
        s = as_dual(T, 0.0)
        if has_points and x.size != y.size:
            raise ValueError("x and y have different sizes")
        for i in range(y.size - 1):
            d = x[i + 1] - x[i] if has_points else dx
            s = s + d * ((y[i + 1] + y[i]) / 2.0)
        return s

    return integral


def _number(dx):
    return types.float64 if isinstance(dx, (types.Omitted, float)) else dx


for _name in ("trapz", "trapezoid"):
    if hasattr(np, _name):
        overload(getattr(np, _name), **FIRST)(_trapezoid)
