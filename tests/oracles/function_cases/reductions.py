"""Reductions, cumulative functions and the methods of ufuncs."""

import numpy as np
from points import A5, A34, MASK5, MASK34, NM, M, N, P, Q, T, V, spread

from function_cases.case import DIFF, Case

# --- Reductions and cumulative functions ---------------------------------------------------------

REDUCTIONS = [
    Case("sum", lambda x: np.sum(x * x), V),
    Case("sum-axis", lambda x: np.sum(x, axis=0) * np.sum(x, 1)[0] + x.sum(axis=-2), M),
    Case("sum-axes-keepdims", lambda x: np.sum(x, axis=(0, 2), keepdims=True) * x, T),
    Case("sum-where-initial", lambda x: np.sum(x**2, axis=1, where=MASK34, initial=2.0), M),
    Case("sum-out", lambda x: np.sum(x * x, axis=0, out=np.zeros_like(x[0])), M),
    Case("sum-of-list", lambda x: np.sum([x[0], x[1] * 2, 3.0]), V),
    Case("sum-of-broadcast", lambda x: np.sum(np.outer(x, x) + x, axis=1), V),
    Case("sum-empty-axis", lambda x: np.sum(x[:0]) + x[0], V),
    Case("sum-dtype", lambda x: np.sum(x, dtype=np.float64), V, DIFF),
    Case("nansum", lambda x: np.nansum(x * x), N),
    Case("nansum-axis", lambda x: np.nansum(x * x, axis=0), NM),
    Case("mean", lambda x: np.mean(x**2) * x, V),
    Case("mean-axis", lambda x: x - np.mean(x, axis=1, keepdims=True), M),
    Case("mean-where", lambda x: np.mean(x * x, axis=1, where=MASK34), M),
    Case("nanmean", lambda x: np.nanmean(x * x), N),
    Case("nanmean-axis", lambda x: np.nanmean(x**2, axis=0, keepdims=True), NM),
    Case("average", lambda x: np.average(x * x), V),
    Case("average-weights", lambda x: np.average(x, weights=np.arange(1.0, 6.0)), V),
    Case("average-weights-active", lambda x: np.average(A5, weights=x), P),
    Case("average-both-active", lambda x: np.average(x**2, weights=x), P),
    Case("average-axis", lambda x: np.average(x, axis=1, weights=[1.0, 2.0, 3.0, 4.0]), M),
    Case("average-returned", lambda x: np.multiply(*np.average(x, weights=P, returned=True)), P),
    Case("var", lambda x: np.var(x), V, DIFF),
    Case("var-ddof-axis", lambda x: np.var(x, axis=0, ddof=1) * x.var(1, ddof=1)[0], M, DIFF),
    Case("var-correction", lambda x: np.var(x, correction=1), V, DIFF),
    Case("var-keepdims", lambda x: x / np.var(x, axis=1, keepdims=True), M, DIFF),
    Case("var-mean-given", lambda x: np.var(x, mean=np.mean(x)), V, DIFF),
    Case("std", lambda x: np.std(x) * x, V, DIFF),
    Case("std-ddof-axis", lambda x: (x - x.mean(0)) / np.std(x, axis=0, ddof=1), M, DIFF),
    Case("std-keepdims", lambda x: x / np.std(x, axis=(0, 2), keepdims=True), T, DIFF),
    Case("std-where", lambda x: np.std(x, axis=0, where=MASK5[:, None]), spread(5, 2), DIFF),
    Case("nanvar", lambda x: np.nanvar(x, ddof=1), N, DIFF),
    Case("nanvar-axis", lambda x: np.nanvar(x, axis=1), NM, DIFF),
    Case("nanstd", lambda x: np.nanstd(x), N, DIFF),
    Case("nanstd-axis", lambda x: np.nanstd(x, axis=1, keepdims=True), NM, DIFF),
    Case("prod", lambda x: np.prod(x), V),
    Case("prod-one-zero", np.prod, np.array([0.7, 0.0, 2.1, 0.4])),
    Case("prod-two-zeros", np.prod, np.array([0.7, 0.0, 2.1, 0.0])),
    Case("prod-axis", lambda x: np.prod(x, axis=0) * np.prod(x, axis=1, keepdims=True), M),
    Case("prod-axes", lambda x: np.prod(x, axis=(0, 2)), T),
    Case("prod-initial-where", lambda x: np.prod(x, axis=1, initial=2.0, where=MASK34), M),
    Case("nanprod", lambda x: np.nanprod(x), N),
    Case("nanprod-axis", lambda x: np.nanprod(x, axis=1), NM),
    Case("cumsum", lambda x: np.cumsum(x) * x.cumsum(), V),
    Case("cumsum-axis", lambda x: np.cumsum(x, axis=0) * np.cumsum(x, axis=1), M),
    Case("cumsum-flat", lambda x: np.cumsum(x), M),
    Case("cumprod", lambda x: np.cumprod(x) + x.cumprod(), V),
    Case("cumprod-zeros", np.cumprod, np.array([0.7, 0.0, 2.1, 0.0, 0.4])),
    Case("cumprod-axis", lambda x: np.cumprod(x, axis=1), M),
    Case("cumprod-flat", lambda x: np.cumprod(x), M),
    Case("nancumsum", lambda x: np.nancumsum(x * x), N),
    Case("nancumprod", lambda x: np.nancumprod(x), N),
    Case("nancumsum-axis", lambda x: np.nancumsum(x, axis=1) + np.nancumprod(x, axis=1), NM),
    Case("cumulative-sum", lambda x: np.cumulative_sum(x, include_initial=True), V),
    Case("cumulative-sum-axis", lambda x: np.cumulative_sum(x, axis=1), M),
    Case("cumulative-prod", lambda x: np.cumulative_prod(x, include_initial=True), V),
    Case("cumulative-prod-axis", lambda x: np.cumulative_prod(x, axis=0), M),
    Case("max", lambda x: np.max(x) ** 2, V, DIFF),
    Case("max-axis", lambda x: np.max(x, axis=0) * np.max(x, axis=1, keepdims=True), M, DIFF),
    Case("max-axes", lambda x: np.max(x, axis=(0, 2)), T, DIFF),
    Case("max-initial-where", lambda x: np.max(x, 1, initial=0.5, where=MASK34), M, DIFF),
    Case("amax-amin", lambda x: np.amax(x, axis=1) - np.amin(x, axis=1), M, DIFF),
    Case("min", lambda x: np.min(x) * x, V, DIFF),
    Case("min-axis", lambda x: x - np.min(x, axis=0), M, DIFF),
    Case("nanmax-nanmin", lambda x: np.nanmax(x) * np.nanmin(x), N, DIFF),
    Case("nanmax-axis", lambda x: np.nanmax(x, axis=1) * np.nanmin(x, axis=0)[0], NM, DIFF),
    Case("ptp", lambda x: np.ptp(x), V, DIFF),
    Case("ptp-axis", lambda x: np.ptp(x, axis=1, keepdims=True) * x, M, DIFF),
    Case("median-odd", lambda x: np.median(x), V, DIFF),
    Case("median-even", lambda x: np.median(x**3), V[:4], DIFF),
    Case("median-axis", lambda x: np.median(x, axis=0) * np.median(x, axis=1)[0], M, DIFF),
    Case("median-axes-keepdims", lambda x: x - np.median(x, axis=(0, 1), keepdims=True), M, DIFF),
    Case("nanmedian", lambda x: np.nanmedian(x), N, DIFF),
    Case("nanmedian-axis", lambda x: np.nanmedian(x, axis=1), NM, DIFF),
    Case("quantile", lambda x: np.quantile(x, 0.3), V, DIFF),
    Case("quantile-several", lambda x: np.quantile(x, [0.1, 0.5, 0.85]), V, DIFF),
    Case("quantile-axis", lambda x: np.quantile(x, 0.4, axis=0, keepdims=True) * x, M, DIFF),
    Case("quantile-axis-several", lambda x: np.quantile(x, [[0.2], [0.6]], axis=1), M, DIFF),
    *[
        Case(f"quantile-{m}", lambda x, m=m: np.quantile(x, [0.13, 0.62], method=m), V, DIFF)
        for m in (
            "lower",
            "higher",
            "midpoint",
            "nearest",
            "hazen",
            "weibull",
            "median_unbiased",
            "normal_unbiased",
            "inverted_cdf",
            "averaged_inverted_cdf",
            "closest_observation",
            "interpolated_inverted_cdf",
        )
    ],
    Case("percentile", lambda x: np.percentile(x, 30), V, DIFF),
    Case("percentile-axis", lambda x: np.percentile(x, [25, 75], axis=0), M, DIFF),
    Case("nanquantile", lambda x: np.nanquantile(x, 0.3), N, DIFF),
    Case("nanquantile-axis", lambda x: np.nanquantile(x, [0.3, 0.6], axis=1), NM, DIFF),
    Case("nanpercentile", lambda x: np.nanpercentile(x, [30.0, 70.0]), N, DIFF),
    Case("logsumexp", lambda x: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x), V, DIFF),
    Case("norm-by-hand", lambda x: np.sqrt(np.sum(x * x)), V),
    Case("zscore", lambda x: (x - np.mean(x)) / np.std(x), V, DIFF),
    Case("trace", lambda x: np.trace(x) * x.trace(), Q),
    Case("trace-offset-axes", lambda x: np.trace(x, offset=1, axis1=0, axis2=2), T),
    Case("count-nonzero-any-all", lambda x: x * np.count_nonzero(x > 0) * np.any(x > 2), V, DIFF),
    Case("apply-along-axis", lambda x: np.apply_along_axis(lambda r: r @ r, 1, x), M),
    Case("apply-along-axis-array", lambda x: np.apply_along_axis(np.cumsum, 0, x), M),
    Case("apply-over-axes", lambda x: np.apply_over_axes(np.sum, x * x, [0, 2]), T),
]


# --- Methods of ufuncs ---------------------------------------------------------------------------


def at_methods(x):
    y = 2.0 * x
    np.add.at(y, [0, 0, 2], x[:3])
    np.subtract.at(y, [1, 1], x[3])
    np.multiply.at(y, [4, 4, 0], x[2])
    return y


def unary_at(x):
    y = 1.0 * x
    np.negative.at(y, [0, 3])
    np.exp.at(y, [1])
    np.square.at(y, [2, 2])
    return y


def maximum_at(x):
    y = 1.0 * x
    np.maximum.at(y, [1, 4], [0.2, -3.0])
    np.minimum.at(y, [2, 2], x[[0, 3]])
    return y


def histogram_add(x):
    y = np.zeros_like(x[:3])
    np.add.at(y, np.array([0, 2, 2, 1, 0]), x**2)
    return y


UFUNC_METHODS = [
    Case("add-reduce", lambda x: np.add.reduce(x) * np.add.reduce(x, axis=1)[0], M),
    Case("add-reduce-axes", lambda x: np.add.reduce(x, axis=(0, 2), keepdims=True) * x, T),
    Case("add-reduce-none", lambda x: np.add.reduce(x, axis=None), M),
    Case("add-reduce-initial-where", lambda x: np.add.reduce(x, 1, initial=3, where=MASK34), M),
    Case("multiply-reduce", lambda x: np.multiply.reduce(x, axis=1), M),
    Case("subtract-reduce", lambda x: np.subtract.reduce(x), V),
    Case("divide-reduce", lambda x: np.divide.reduce(x), V),
    Case("maximum-reduce", lambda x: np.maximum.reduce(x) * np.minimum.reduce(x), M, DIFF),
    Case("fmax-reduce", lambda x: np.fmax.reduce(x) + np.fmin.reduce(x), V, DIFF),
    Case("logaddexp-reduce", lambda x: np.logaddexp.reduce(x), V, DIFF),
    Case("hypot-reduce", lambda x: np.hypot.reduce(x), V, DIFF),
    Case("logical-reduce", lambda x: x * np.logical_and.reduce(x > -9), V, DIFF),
    Case("maximum-reduce-list", lambda x: np.maximum.reduce([x, x[::-1], A5]), V, DIFF),
    Case("add-accumulate", lambda x: np.add.accumulate(x, axis=1), M),
    Case("multiply-accumulate", lambda x: np.multiply.accumulate(x), V),
    Case("subtract-accumulate", lambda x: np.subtract.accumulate(x), V),
    Case("maximum-accumulate", lambda x: np.maximum.accumulate(x), V, DIFF),
    Case("minimum-accumulate", lambda x: np.minimum.accumulate(x, axis=1), M, DIFF),
    Case("logaddexp-accumulate", lambda x: np.logaddexp.accumulate(x), V, DIFF),
    Case("add-outer", lambda x: np.add.outer(x, x[:2]), V),
    Case("subtract-outer", lambda x: np.subtract.outer(x, A5), V),
    Case("multiply-outer", lambda x: np.multiply.outer(A34[0], x), V),
    Case("multiply-outer-matrix", lambda x: np.multiply.outer(x, x[0]), M[:2, :2]),
    Case("divide-outer", lambda x: np.divide.outer(x, x), P),
    Case("power-outer", lambda x: np.power.outer(x, [1.0, 2.0, 3.0]), P),
    Case("maximum-outer", lambda x: np.maximum.outer(x, A5), V, DIFF),
    Case("arctan2-outer", lambda x: np.arctan2.outer(x, x[:2] + 0.1), V, DIFF),
    Case("greater-outer", lambda x: np.greater.outer(x, x) @ x, V, DIFF),
    Case("binary-at", at_methods, V),
    Case("unary-at", unary_at, V),
    Case("maximum-at", maximum_at, V, DIFF),
    Case("add-at-histogram", histogram_add, V),
    Case("add-reduceat", lambda x: np.add.reduceat(x, [0, 2, 4]), V),
    Case("add-reduceat-axis", lambda x: np.add.reduceat(x * x, [0, 3], axis=1), M),
    Case("add-reduceat-overlap", lambda x: np.add.reduceat(x, [3, 1, 2]), V),
    Case("multiply-reduceat", lambda x: np.multiply.reduceat(x, [0, 3]), V),
    Case("maximum-reduceat", lambda x: np.maximum.reduceat(x, [0, 3]), V, DIFF),
]
