"""Matrix functions and Fourier transforms."""

import numpy as np
from oracles import flattened
from points import A5, A33, A43, M, Q, T, V, complex_of, spread

from function_cases.case import DIFF, Case

K = Q + 3.0 * np.eye(3)  # far from singular
KK = np.stack([K, K.T + 0.3 * A33])
W = spread(3, 2, low=0.3, high=1.9, seed=6)
SPD = K @ K.T / 4.0

MATRICES = [
    Case("linalg-solve", lambda x: np.linalg.solve(x, A43[:3, 0]), K),
    Case("linalg-solve-right", lambda x: np.linalg.solve(K, x), M),
    Case("linalg-solve-both", lambda x: np.linalg.solve(x, x[0] * x[1]), K),
    Case("linalg-solve-stack", lambda x: np.linalg.solve(x, A33), KK),
    Case("linalg-solve-stack-vector", lambda x: np.linalg.solve(KK, x[0]), K),
    Case("linalg-inv", lambda x: np.linalg.inv(x), K),
    Case("linalg-inv-stack", lambda x: np.linalg.inv(x), KK),
    Case("linalg-det", lambda x: np.linalg.det(x), K),
    Case("linalg-det-stack", lambda x: np.linalg.det(x), KK),
    Case("linalg-det-singular", lambda x: np.linalg.det(x), np.outer([1.0, 2, 3], [1.0, 0.4, -1])),
    Case("linalg-slogdet", lambda x: np.linalg.slogdet(x)[1], KK, DIFF),
    Case("linalg-slogdet-sign", lambda x: x * np.linalg.slogdet(-x).sign, K, DIFF),
    Case("linalg-pinv", lambda x: np.linalg.pinv(x), W, DIFF),
    Case("linalg-pinv-wide", lambda x: np.linalg.pinv(x.T), W, DIFF),
    Case("linalg-matrix_power", lambda x: np.linalg.matrix_power(x, 5) / 100.0, K),
    Case("linalg-matrix_power-negative", lambda x: np.linalg.matrix_power(x, -2), K),
    Case("linalg-multi_dot", lambda x: np.linalg.multi_dot([x[0], A33, x.T, A43]), M.T),
    Case("linalg-matrix_rank", lambda x: x * np.linalg.matrix_rank(x), K, DIFF),
    Case("linalg-tensorsolve", lambda x: np.linalg.tensorsolve(x.reshape(3, 1, 3), x[:, :1]), K),
    Case("linalg-tensorinv", lambda x: np.linalg.tensorinv(x.reshape(3, 1, 3), ind=1), K),
    Case("linalg-cholesky", lambda x: np.linalg.cholesky(x), SPD, DIFF),
    Case("linalg-cholesky-upper", lambda x: np.linalg.cholesky(x @ x.T, upper=True), K, DIFF),
    Case("linalg-qr", lambda x: flattened(np.linalg.qr(x)), W, DIFF),
    Case("linalg-qr-r", lambda x: np.linalg.qr(x.T, "r"), W, DIFF),
    Case("linalg-qr-complete", lambda x: flattened(np.linalg.qr(x, "complete")), W, DIFF),
    Case("linalg-svd", lambda x: flattened(np.linalg.svd(x)), W, DIFF),
    Case("linalg-svd-values", lambda x: np.linalg.svd(x, compute_uv=False), KK, DIFF),
    Case("linalg-svdvals", lambda x: np.linalg.svdvals(x.T), W, DIFF),
    Case("linalg-eigh", lambda x: flattened(np.linalg.eigh(x)), SPD, DIFF),
    Case("linalg-eigvalsh", lambda x: np.linalg.eigvalsh(x, "U"), KK, DIFF),
    Case("linalg-eig", lambda x: flattened(np.linalg.eig(x)), K, DIFF),
    Case("linalg-eigvals", lambda x: np.linalg.eigvals(complex_of(x)), K, DIFF),
    Case("linalg-lstsq", lambda x: np.linalg.lstsq(x, x[:, 0] ** 2)[0], W + np.eye(3, 2), DIFF),
    Case("linalg-lstsq-right", lambda x: np.linalg.lstsq(W, x)[0], M, DIFF),
    Case("linalg-cond", lambda x: np.linalg.cond(x), K, DIFF),
    Case("linalg-norm-2", lambda x: np.linalg.norm(x, 2), K, DIFF),
    Case("linalg-norm-nuc", lambda x: np.linalg.norm(x, "nuc", axis=(0, 2)), KK, DIFF),
    Case("polyfit", lambda x: np.polyfit(np.arange(5.0), x, 2), V, DIFF),
    Case("polyfit-abscissas", lambda x: np.polyfit(x, A5, 1), V, DIFF),
    Case("roots", lambda x: np.roots(x[:4]), V, DIFF),
    Case(
        "roots-of-list", lambda x: np.roots([c.reshape(()) for c in np.split(x[1:4], 3)]), V, DIFF
    ),
    Case("poly", lambda x: np.poly(x), V, DIFF),
    Case("poly-matrix", lambda x: np.poly(x), K, DIFF),
    Case("fft", lambda x: np.fft.fft(x), V, DIFF),
    Case("fft-power", lambda x: np.abs(np.fft.fft(x, 8)) ** 2, V, DIFF),
    Case("ifft-complex", lambda x: np.fft.ifft(complex_of(x), 4, axis=0, norm="ortho"), M, DIFF),
    Case("rfft", lambda x: np.fft.rfft(x, axis=0), M, DIFF),
    Case("irfft", lambda x: np.fft.irfft(complex_of(x)), M, DIFF),
    Case("rfft-filter", lambda x: np.fft.irfft(np.fft.rfft(x) * [1.0, 0.5, 0.1], 5), V, DIFF),
    Case("hfft", lambda x: np.fft.hfft(complex_of(x), 7), V, DIFF),
    Case("ihfft", lambda x: np.fft.ihfft(x), V, DIFF),
    Case("fft2", lambda x: np.fft.fft2(x), M, DIFF),
    Case("ifft2", lambda x: np.fft.ifft2(x, s=(2, 5)), M, DIFF),
    Case("fftn", lambda x: np.fft.fftn(x, axes=(0, 2)), T[:, :2, :3], DIFF),
    Case("ifftn", lambda x: np.fft.ifftn(x), M, DIFF),
    Case("rfft2", lambda x: np.fft.rfft2(x), M, DIFF),
    Case("irfft2", lambda x: np.fft.irfft2(complex_of(x)), M, DIFF),
    Case("rfftn", lambda x: np.fft.rfftn(x), M, DIFF),
    Case("irfftn", lambda x: np.fft.irfftn(complex_of(x), s=(2, 4), axes=(0, 1)), M, DIFF),
]
