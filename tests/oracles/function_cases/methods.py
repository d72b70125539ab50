"""Methods of the array, and reading by index."""

import numpy as np
from points import A5, A34, A43, MASK5, MASK34, M, Q, T, V, spread

from function_cases.case import DIFF, Case

# --- Methods of the array ------------------------------------------------------------------------


def sort_in_place(x):
    y = x * 2.0
    y.sort()
    return y * A5


def sort_rows_in_place(x):
    x.sort(axis=0)
    x[1].sort()
    return x * A34


def partition_in_place(x):
    x.partition(2)
    return x[2] * 2


def fill_and_put(x):
    y = 1.0 * x
    y.put([0, 3], [x[1], 2.0])
    z = np.empty_like(x)
    z.fill(x[2])
    w = np.empty_like(x)
    w.fill(1.5)
    return y * z + w


METHODS = [
    Case("method-sum", lambda x: x.sum() * x.sum(axis=0) + x.sum(1, keepdims=True), M),
    Case("method-mean", lambda x: x.mean() * x.mean(axis=0) + x.mean(1, keepdims=True), M),
    Case("method-std-var", lambda x: x.std() * x.var(axis=0) + x.std(0, ddof=1), M, DIFF),
    Case("method-max-min", lambda x: x.max() - x.min(axis=1, keepdims=True) * x.max(0), M, DIFF),
    Case("method-prod", lambda x: x.prod() * x.prod(axis=0), M),
    Case("method-cumsum-cumprod", lambda x: x.cumsum() * x.cumprod() + x.cumsum(axis=0)[0], V),
    Case("method-dot", lambda x: x.dot(x) * x.dot(A5), V),
    Case("method-reshape", lambda x: x.reshape(4, 3) @ x.reshape((3, 4)), M),
    Case("method-reshape-int", lambda x: x.reshape(-1) * 2, M),
    Case("method-ravel-flatten", lambda x: x.ravel() * x.flatten() + x.flatten("F"), M),
    Case("method-transpose-T-mT", lambda x: x.T @ x.transpose().mT, M),
    Case("method-swapaxes", lambda x: x.swapaxes(0, 1) * A43, M),
    Case("method-squeeze", lambda x: x[:, None].squeeze(), V),
    Case("method-repeat", lambda x: x.repeat(2) * x.repeat([2] * 5), V),
    Case("method-repeat-axis", lambda x: x.repeat(2, axis=1), M),
    Case("method-take", lambda x: x.take([1, 1, 0]) * x.take([0, 1, 2]), V),
    Case("method-compress", lambda x: x.compress(MASK5) * 2, V),
    Case("method-choose", lambda x: np.array([1, 0, 1]).choose([x[:3], x[2:]]), V),
    Case("method-diagonal-trace", lambda x: x.diagonal() * x.trace(), Q),
    Case("method-clip-round", lambda x: x.clip(-0.5, 0.5) * x.round(1), V + 0.02, DIFF),
    Case("method-sort", sort_in_place, V, DIFF),
    Case("method-sort-rows", sort_rows_in_place, M, DIFF),
    Case("method-partition", partition_in_place, V, DIFF),
    Case("method-argsort", lambda x: x[x.argsort()] * A5, V, DIFF),
    Case("method-argmax-argmin", lambda x: x[x.argmax()] * x[x.argmin()], V, DIFF),
    Case("method-argpartition", lambda x: x[x.argpartition(2)[2]], V, DIFF),
    Case("method-nonzero", lambda x: x[(x > 0).nonzero()] * x[x.nonzero()][:3], V, DIFF),
    Case("method-searchsorted", lambda x: x * np.sort(x).searchsorted(0.5), V, DIFF),
    Case("method-copy", lambda x: x.copy() * x, V),
    Case("method-astype", lambda x: x.astype(float) * x.astype(np.float64, copy=False), V, DIFF),
    Case("method-astype-int", lambda x: x * x.astype(int), V, DIFF),
    Case("method-fill-put", fill_and_put, V),
    Case("method-item", lambda x: x[0].item() * x.item(2) + x[:1].item(), V),
    Case("method-item-2d", lambda x: x.item(1, 2) * x.item((0, 0)) * x.item(5), M),
    Case("method-tolist", lambda x: [v * x.tolist()[0] for v in x.tolist()], V),
    Case("method-tolist-2d", lambda x: [row[0] * row[1] for row in x.tolist()], M),
    Case("method-all-any", lambda x: x * (x > 0).any() * x.all() + x.any() * x, V, DIFF),
    Case("method-flat", lambda x: x.flat[3] * x.flat[1:4] + x.flat[[0, 5, 2]], M),
    Case("method-flat-iteration", lambda x: sum(v * v for v in x.flat), M),
    Case("methods-of-element", lambda x: x[0].sum() * x[1].max() + x[2].mean() + x[3].T, V, DIFF),
    Case("methods-chained", lambda x: (x**2).sum(axis=0).cumsum().reshape(2, 2).T.ravel(), M),
]


# --- Reading by index ----------------------------------------------------------------------------

READING = [
    Case("index-int", lambda x: x[0] * x[-1] * x[np.int64(2)], V),
    Case("index-int-2d", lambda x: x[0, 1] * x[-1, -2] + x[1][2], M),
    Case("index-row", lambda x: x[1] * x[-1], M),
    Case("index-column", lambda x: x[:, 1] * x[:, -1], M),
    Case("index-slice", lambda x: x[1:4] * x[:3] + x[-3:], V),
    Case("index-slice-step", lambda x: x[::2] * x[4::-2] + x[::-2], V),
    Case("index-slice-2d", lambda x: x[1:, ::2] * x[:2, 1::2] + x[::-1, ::-2][:2], M),
    Case("index-slice-of-slice", lambda x: x[1:][::2][:2] * x[::-1][1:3], V),
    Case("index-newaxis", lambda x: x[:, None] * x[None, :] + x[np.newaxis], V),
    Case("index-ellipsis", lambda x: x[..., 0] * x[0, ..., 1] + x[...][0, 0, 0], T[:, :2]),
    Case("index-ellipsis-newaxis", lambda x: x[..., None, 1:2], T),
    Case("index-empty-tuple", lambda x: x[()] * 2, M),
    Case("index-empty-list", lambda x: x[[]] * 2, V),
    Case("index-empty-mask", lambda x: x[np.zeros(5, bool)], V),
    Case("index-empty-slice", lambda x: np.concatenate([x[3:2], x[9:], x]), V),
    Case("index-mask", lambda x: x[MASK5] * 2, V),
    Case("index-mask-list", lambda x: x[[True, False, True, False, True]], V),
    Case("index-mask-computed", lambda x: x[x > 0] ** 2, V, DIFF),
    Case("index-mask-2d", lambda x: x[MASK34] ** 2, M),
    Case(
        "index-mask-row",
        lambda x: x[[True, False, True]] * x[:, [True, False, True, True]][:2, :1],
        M,
    ),
    Case("index-mask-and-int", lambda x: x[MASK34[:, 0], 1], M),
    Case("index-mask-slice", lambda x: x[1:, MASK34[0]], M),
    Case("index-int-list", lambda x: x[[0, 2, 2, -1]] * 2, V),
    Case("index-int-array-2d", lambda x: x[np.array([[0, 1], [4, 2]])], V),
    Case("index-int-array-rows", lambda x: x[[2, 0, 0]] * x[np.array([0, 1, 2])], M),
    Case("index-0d-array", lambda x: x[np.array(2)] * x[np.array([1])], V),
    Case("index-several-arrays", lambda x: x[[0, 1, 2], [3, 0, 0]], M),
    Case("index-broadcast-arrays", lambda x: x[np.array([[0], [2]]), [1, 3]], M),
    Case("index-array-and-slice", lambda x: x[[0, 2], 1:3] * x[:2, [0, 3]], M),
    Case("index-separated-arrays", lambda x: x[[0, 1], :, [1, 2]], T),
    Case("index-separated-int-array", lambda x: x[0, :, [1, 2]] + x[[0, 1], :, 3], T),
    Case("index-adjacent-arrays", lambda x: x[:, [0, 2], [1, 2]], T),
    Case("index-array-newaxis", lambda x: x[[0, 1], None, 1], M),
    Case("index-ix", lambda x: x[np.ix_([0, 2], [1, 3, 0])], M),
    Case("index-ix-mask", lambda x: x[np.ix_([True, False, True], [0, 1])], M),
    Case("index-computed-int", lambda x: x[np.argsort(x)[1]] * x[int(x[2])], V, DIFF),
    Case("index-unravel", lambda x: x[np.unravel_index(np.argmax(x), x.shape)], M, DIFF),
    Case("index-constant-by-flat", lambda x: A5[np.floor(np.abs(x)).astype(int)] * x, V, DIFF),
    Case("index-diag-indices", lambda x: x[np.diag_indices(3)], Q),
    Case("index-take-of-result", lambda x: np.cumsum(x)[[1, 3]] * np.sin(x)[2], V),
    Case("rosenbrock", lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), V),
    Case("central-differences", lambda x: x[1:-1] * (x[2:] - x[:-2]) / 2.0, V),
    Case("laplacian-2d", lambda x: x[:-2, 1:-1] + x[2:, 1:-1] - 4 * x[1:-1, 1:-1], spread(4, 4)),
    Case("pairwise-distances", lambda x: np.sum((x[:, None] - x[None]) ** 2, axis=-1), M),
]
