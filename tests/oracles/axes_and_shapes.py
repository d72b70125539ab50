"""Functions that take an axis, shapes to take it from, and products of every pair of shapes."""

import numpy as np

ALONG = {
    "sum": np.sum,
    "prod": np.prod,
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "max": np.max,
    "min": np.min,
    "ptp": np.ptp,
    "median": np.median,
    "nansum": np.nansum,
    "nanmean": np.nanmean,
    "nanvar": np.nanvar,
    "nanmax": np.nanmax,
    "nanmedian": np.nanmedian,
    "average": np.average,
    "quantile": lambda x, **options: np.quantile(x, 0.3, **options),
    "logaddexp.reduce": lambda x, axis=None, keepdims=False: np.logaddexp.reduce(
        x, axis=axis, keepdims=keepdims
    ),
    "add.reduce": lambda x, axis=None, keepdims=False: np.add.reduce(
        x, axis=axis, keepdims=keepdims
    ),
}
PER_AXIS = {
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "nancumsum": np.nancumsum,
    "sort": np.sort,
    "flip": np.flip,
    "roll": lambda x, axis=None: np.roll(x, 1, axis=axis),
    "repeat": lambda x, axis=None: np.repeat(x, 2, axis=axis),
    "take": lambda x, axis=None: np.take(x, [0, -1, 0], axis=axis),
    "delete": lambda x, axis=None: np.delete(x, 0, axis=axis),
    "insert": lambda x, axis=None: np.insert(x, 0, 2.0, axis=axis),
    "append": lambda x, axis=None: np.append(x, x * 2, axis=axis),
    "concatenate": lambda x, axis=None: np.concatenate([x, 2 * x], axis=axis),
    "partition": lambda x, axis=-1: np.sort(np.partition(x, 0, axis=axis), axis=axis),
    "maximum.accumulate": lambda x, axis=0: np.maximum.accumulate(x, axis=axis),
    "multiply.accumulate": lambda x, axis=0: np.multiply.accumulate(x, axis=axis),
}
LONG_AXIS = {
    "diff": np.diff,
    "gradient": np.gradient,
    "trapezoid": np.trapezoid,
    "var ddof": lambda x, axis=-1: np.var(x, axis=axis, ddof=1),
    "std ddof": lambda x, axis=-1: np.std(x, axis=axis, ddof=1),
    "unwrap": np.unwrap,
    "add.reduceat": lambda x, axis=0: np.add.reduceat(x, [0, 1, 0], axis=axis),
}
SHAPES = [(1,), (4,), (1, 1), (3, 1), (1, 3), (2, 3), (2, 1, 3), (3, 2, 2), (2, 3, 1, 2)]


def einsum_outer(a, b):
    return np.einsum("i...,...j->...ij", a, b)


def einsum_matvec(a, b):
    return np.einsum("...ij,...j", a, b)


def where_mask(a, b):
    return np.where([True, False, True], a, b)


PRODUCTS = [
    (np.matmul, [((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 2))]),
    (np.matmul, [((2, 2, 3), (3,)), ((3,), (2, 3, 2)), ((2, 2, 3), (3, 2)), ((2, 3), (2, 3, 2))]),
    (np.matmul, [((2, 2, 3), (2, 3, 1)), ((1, 2, 3), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 2))]),
    (np.matmul, [((1, 1), (1, 1)), ((1, 3), (3, 1)), ((3, 1), (1, 3)), ((1,), (1,))]),
    (np.matmul, [((1, 1), (1,)), ((1,), (1, 1))]),
    (np.dot, [((), ()), ((), (3,)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2))]),
    (np.dot, [((2, 3), (3, 2)), ((2, 2, 3), (3,)), ((3,), (2, 3, 2)), ((2, 1, 3), (2, 3, 2))]),
    (np.inner, [((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 3), (4, 3))]),
    (np.inner, [((), (3,)), ((), ())]),
    (np.outer, [((3,), (2,)), ((2, 2), (3,)), ((), (3,)), ((1,), (1,)), ((2,), (2, 2))]),
    (np.kron, [((2,), (3,)), ((2, 2), (2,)), ((2,), (2, 2)), ((1, 2), (2, 2))]),
    (np.kron, [((), (3,)), ((2, 1, 2), (2, 2))]),
    (np.cross, [((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 3), (2, 3))]),
    (np.cross, [((2, 1, 3), (2, 3))]),
    (np.convolve, [((3,), (2,)), ((2,), (3,)), ((1,), (3,)), ((3,), (1,))]),
    (np.matvec, [((2, 3), (3,)), ((2, 2, 3), (3,)), ((2, 3), (2, 3)), ((2, 1, 2, 3), (2, 3))]),
    (np.multiply.outer, [((2,), (3,)), ((), (2,)), ((2, 2), (2,)), ((1,), (1, 1))]),
    (np.add.outer, [((2,), (3,)), ((2,), ())]),
    (np.tensordot, [((2, 3), (2, 3)), ((2, 3, 2), (3, 2)), ((2, 2, 3), (2, 3, 4))]),
    (np.multiply, [((2, 1), (1, 3)), ((3,), ()), ((), (2, 2)), ((1,), (2, 1, 2))]),
    (np.multiply, [((1, 1), (2, 3)), ((2, 3), (1, 1, 1))]),
    (np.divide, [((2, 1), (1, 3)), ((3,), ()), ((), (2, 2)), ((1,), (2, 1, 2)), ((1, 1), (2, 3))]),
    (np.power, [((2, 1), (1, 3)), ((3,), ()), ((), (2, 2)), ((1,), (2, 1, 2))]),
    (np.subtract, [((2, 1), (1, 3)), ((3,), ()), ((), (2, 2)), ((1,), (2, 1, 2))]),
    (where_mask, [((2, 1), (1, 3)), ((3,), ()), ((), (3,))]),
    (einsum_outer, [((2,), (3,)), ((2, 2), (2, 3)), ((2, 1), (2, 3))]),
    (einsum_matvec, [((2, 3), (3,)), ((2, 2, 3), (3,)), ((2, 3), (2, 3))]),
]  # fmt: skip
