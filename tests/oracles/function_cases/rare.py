"""Functions met less often."""

import numpy as np
from points import A5, A33, A34, A43, M, N, P, Q, T, V

from function_cases.case import DIFF, Case

# --- Functions met less often ---------------------------------------------------------------------


def polynomials(x):
    p = np.polymul(x[:3], x[2:])
    q = np.polyadd(p, np.polysub(x, [1.0, 2.0]))
    return np.polyder(q, 2) + np.polyint(x, k=[0.5])[1:4] * np.polyder(x)[0]


def shown(x):
    texts = np.array_str(x), np.array_repr(x), np.array2string(x, precision=2)
    return x * sum(len(text) > 5 for text in texts)


def asked_about(x):
    return (
        x * np.can_cast(x, np.float64)
        + np.ones(5, np.common_type(x, x))
        + np.ones(5, np.min_scalar_type(x)) * x[0]
        + np.may_share_memory(x, x[1:]) * x
        + np.shares_memory(x, x) * x
    )


def kinds(x):
    asked = np.iscomplexobj(x), np.isrealobj(x), np.isreal(x).all(), np.iscomplex(x).any()
    return [k * v + 0.1 * v for k, v in zip(asked, x, strict=False)]


def infinities(x):
    return x * np.isinf(x) + x * np.isposinf(x) - x * np.isneginf(x) + x


RARE = [
    Case("polynomial-arithmetic", polynomials, V),
    Case("bincount-weights", lambda x: np.bincount([0, 2, 2, 1, 0], weights=x), V, DIFF),
    Case("bincount-minlength", lambda x: np.bincount([1, 1], x[:2] ** 2, minlength=4), V, DIFF),
    Case("fftshift", lambda x: np.fft.fftshift(x) * np.fft.ifftshift(x), V),
    Case("fftshift-axes", lambda x: np.fft.fftshift(x, axes=1) + np.fft.ifftshift(x), M),
    Case(
        "sliding-window-view",
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 3) @ np.array([1.0, -2.0, 0.5]),
        V,
    ),
    Case(
        "sliding-window-view-2d",
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)).sum(axis=(2, 3)),
        M,
    ),
    Case("linalg-cross", lambda x: np.linalg.cross(x, A33), Q),
    Case("linalg-matmul-outer", lambda x: np.linalg.matmul(x, np.linalg.outer(x, A5)), V),
    Case("linalg-diagonal-trace", lambda x: np.linalg.diagonal(x) * np.linalg.trace(x), Q),
    Case("linalg-matrix-transpose", lambda x: np.linalg.matrix_transpose(x) ** 2, T),
    Case("linalg-tensordot", lambda x: np.linalg.tensordot(x, A43, axes=1), M),
    Case("linalg-vecdot", lambda x: np.linalg.vecdot(x, A34), M, DIFF),
    Case("logspace-arrays", lambda x: np.logspace(x[:2], x[2:4], 3), V, DIFF),
    Case("geomspace-arrays", lambda x: np.geomspace(x[:2], x[2:4], 3), P, DIFF),
    Case("unique", lambda x: np.unique(x) * A5, V, DIFF),
    Case("unique-repeated", lambda x: np.unique(np.repeat(x, 2)), V, DIFF),
    Case("unique-values", lambda x: np.sort(np.unique_values(x)), V, DIFF),
    Case("unique-inverse", lambda x: np.unique(x, return_inverse=True)[0] ** 2, V, DIFF),
    Case("union1d", lambda x: np.union1d(x[:3], x[2:]), V, DIFF),
    Case("trim-zeros", lambda x: np.trim_zeros(x * [0, 1, 1, 1, 0]), V),
    Case("sort-complex", lambda x: np.sort_complex(x), V, DIFF),
    Case("real-if-close", lambda x: np.real_if_close(x) * np.real_if_close(x + 0j), V, DIFF),
    Case("nanargmax-nanargmin", lambda x: x[np.nanargmax(x)] * x[np.nanargmin(x)], N, DIFF),
    Case("argmin-axis", lambda x: x[np.argmin(x, axis=0), np.arange(4)], M, DIFF),
    Case("argpartition", lambda x: np.sort(x[np.argpartition(x, 1)[:2]]), V, DIFF),
    Case("np-all", lambda x: x * np.all(x > -9) * np.all(x), V, DIFF),
    Case("logical-or-xor", lambda x: x * np.logical_or(x > 0, x) + np.logical_xor(x, 0), V, DIFF),
    Case("logical-xor-reduce", lambda x: x * np.logical_xor.reduce(x), V, DIFF),
    Case(
        "logical-or-reduce",
        lambda x: x * np.logical_or.reduce(x) * np.logical_and.reduce(x),
        V,
        DIFF,
    ),
    Case("indices-from", lambda x: x[np.diag_indices_from(x)] + x[np.tril_indices_from(x, -1)], Q),
    Case("ravel-multi-index", lambda x: x[np.ravel_multi_index(([1, 0], [0, 1]), (2, 2))], V),
    Case("einsum-path", lambda x: x * len(np.einsum_path("i,i", x, x)), V, DIFF),
    Case("isin", lambda x: np.where(np.isin(x, [99.0]), 0.0, x**2), V, DIFF),
    Case("array-equiv", lambda x: x * np.array_equiv(x, x), V, DIFF),
    Case("spacing-is-flat", lambda x: x + 0 * np.spacing(x), V, DIFF),
    Case("printing", shown, V, DIFF),
    Case("questions-about-dtype", asked_about, V, DIFF),
    Case("questions-about-kind", kinds, V, DIFF),
    Case("questions-about-infinity", infinities, V, DIFF),
]


# Sets, histograms, quantiles in q, functions that turn complex: decided by values elsewhere.
RARER = [
    Case("setdiff1d", lambda x: np.setdiff1d(x, [7.0, -1.93]) ** 2, V, DIFF),
    Case("setdiff1d-unsorted", lambda x: np.setdiff1d(x, x[:1], assume_unique=True) ** 2, V, DIFF),
    Case("intersect1d", lambda x: np.intersect1d(x[:4], x[2:]) ** 2, V, DIFF),
    Case("setxor1d", lambda x: np.setxor1d(x[:4], x[2:]) ** 2, V, DIFF),
    Case(
        "unique_all",
        lambda x: np.unique_all(x).values ** 2 * len(np.unique_all(np.append(x, x))[0]),
        V,
        DIFF,
    ),
    Case("unique_counts", lambda x: np.unique_counts(x)[0] * np.unique_counts(x)[1], V, DIFF),
    Case("unique_inverse", lambda x: np.unique_inverse(x).values ** 3, V, DIFF),
    Case("histogram", lambda x: np.histogram(V, 3, weights=x)[0], V, DIFF),
    Case("histogram-edges", lambda x: np.histogram(x, 4)[1] ** 2, V, DIFF),
    Case("histogram-density", lambda x: np.histogram(V, 3, density=True, weights=x)[0], P, DIFF),
    Case("histogram-density-edges", lambda x: np.histogram(x, 3, density=True)[0], V, DIFF),
    Case("histogram_bin_edges", lambda x: np.histogram_bin_edges(x, "sturges"), V, DIFF),
    Case("quantile-in-q", lambda x: np.quantile(M, np.abs(np.sin(x))), V, DIFF),
    Case("quantile-of-both", lambda x: np.quantile(x, np.sin(x[0]) ** 2, axis=0), V, DIFF),
    Case(
        "quantile-in-q-axis",
        lambda x: np.quantile(M * x[1], np.sin(x) ** 2, axis=1, keepdims=True, method="weibull"),
        V,
        DIFF,
    ),
    Case("percentile-in-q", lambda x: np.percentile(V, 50 + 20 * np.sin(x)), V, DIFF),
    Case("polydiv", lambda x: np.polydiv(x, x[:3])[0], V, DIFF),
    Case("polydiv-remainder", lambda x: np.polydiv(x, [2.0, 1.0, 0.5])[1], V, DIFF),
    Case("i0", lambda x: np.i0(x), V, DIFF),
    Case("emath-sqrt", lambda x: np.emath.sqrt(x), V, DIFF),
    Case("emath-log", lambda x: np.emath.log(x) * np.emath.log2(x) + np.emath.log10(x), V, DIFF),
    Case("emath-logn", lambda x: np.emath.logn(3.0, x) + np.emath.logn(x, 5.0), V, DIFF),
    Case("emath-power", lambda x: np.emath.power(x, 1.5) + np.emath.power(2.0, x), V, DIFF),
    Case("emath-power-int", lambda x: np.emath.power(x, [-1, 2, 3, -2, 1]), V, DIFF),
    Case("emath-arcs", lambda x: np.emath.arcsin(3 * x) * np.emath.arccos(3 * x), V, DIFF),
    Case("emath-arctanh", lambda x: np.emath.arctanh(x * 0.3) + np.emath.arctanh(2 * x), V, DIFF),
]
