"""Arrays without elements: every mode gives a Jacobian of the right shape."""

import math
import warnings

import numpy as np
import pytest

import dualmc as dm

sparse = pytest.importorskip("scipy.sparse")
ones = np.ones


def set_nothing(a):
    y = np.zeros(3)
    y[:0] = a[:0]
    return y


CASES = {
    "matmul0": (lambda a: a @ ones((0, 3, 4)), (0, 2, 3)),
    "matmulL": (lambda a: ones((0, 4, 3)) @ a, (0, 3, 2)),
    "matmul inner0": (lambda a: a @ ones((0, 4)), (3, 0)),
    "matmul inner0L": (lambda a: ones((4, 0)) @ a, (0, 3)),
    "mm both": (lambda a: a @ np.swapaxes(a, -1, -2), (0, 2, 3)),
    "mm vec": (lambda a: a @ ones((0,)), (0,)),
    "mm vec2": (lambda a: a @ ones((3, 0, 2)), (0,)),
    "mm 3,0,2": (lambda a: a @ ones((2, 5)), (3, 0, 2)),
    "empty slice": (
        lambda a: np.concatenate([a, np.ravel(a.reshape(1, 3, 1)[:0] @ ones((0, 1, 2)))]),
        (3,),
    ),
    "einsum": (lambda a: np.einsum("ij,jk->ik", a, ones((0, 3))), (2, 0)),
    "einsum2": (lambda a: np.einsum("bij,jk->bik", a, ones((3, 2))), (0, 2, 3)),
    "tensordot": (lambda a: np.tensordot(a, ones((0, 3)), 1), (2, 0)),
    "outer": (lambda a: np.outer(a, ones(3)), (0,)),
    "kron": (lambda a: np.kron(a, ones((2, 2))), (0, 2)),
    "inner": (lambda a: np.inner(a, ones((3, 0))), (2, 0)),
    "dot": (lambda a: np.dot(a, ones((0, 2))), (3, 0)),
    "dot2": (lambda a: np.dot(ones((2, 3)), a), (3, 0)),
    "sum": (lambda a: np.sum(a, axis=0), (0, 3)),
    "sum1": (lambda a: np.sum(a, axis=1), (0, 3)),
    "sumall": (np.sum, (0, 3)),
    "prod": (lambda a: np.prod(a, axis=0), (0, 3)),
    "cumsum": (lambda a: np.cumsum(a, axis=0), (0, 3)),
    "cumprod": (lambda a: np.cumprod(a, axis=1), (0, 3)),
    "sort": (lambda a: np.sort(a, axis=0), (0, 3)),
    "max": (lambda a: np.max(a, axis=1), (0, 3)),
    "diff": (lambda a: np.diff(a, axis=1), (0, 3)),
    "mean": (lambda a: np.mean(a, axis=1), (0, 3)),
    "var": (lambda a: np.var(a, axis=1), (0, 3)),
    "std": (lambda a: np.std(a, axis=1), (0, 3)),
    "median": (lambda a: np.median(a, axis=1), (0, 3)),
    "norm": (lambda a: np.linalg.norm(a, axis=1), (0, 3)),
    "solve": (lambda a: np.linalg.solve(a, ones((0, 3, 1))), (0, 3, 3)),
    "inv": (np.linalg.inv, (0, 2, 2)),
    "det": (np.linalg.det, (0, 2, 2)),
    "det00": (np.linalg.det, (0, 0)),
    "inv00": (np.linalg.inv, (0, 0)),
    "chol": (np.linalg.cholesky, (0, 2, 2)),
    "eigh": (lambda a: np.linalg.eigvalsh(a), (0, 2, 2)),
    "svd": (lambda a: np.linalg.svd(a, compute_uv=False), (0, 2, 3)),
    "qr": (lambda a: np.linalg.qr(a)[1], (0, 3, 2)),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], (0, 2, 2)),
    "pinv": (np.linalg.pinv, (0, 2, 3)),
    "fft": (lambda a: np.fft.fft(a).real, (0, 3)),
    "rfft": (lambda a: np.abs(np.fft.rfft(a)), (0, 4)),
    "convolve": (lambda a: np.concatenate([a, a]), (0,)),
    "where": (lambda a: np.where(a > 0, a, 1.0), (0, 3)),
    "roll": (lambda a: np.roll(a, 1), (0, 3)),
    "take": (lambda a: a[[], :], (0, 3)),
    "pad": (lambda a: np.pad(a, 1), (0,)),
    "tile": (lambda a: np.tile(a, (2, 2)), (0, 3)),
    "repeat": (lambda a: np.repeat(a, 2, axis=0), (0, 3)),
    "stack": (lambda a: np.stack([a, a]), (0, 3)),
    "exp": (np.exp, (0, 3)),
    "pow": (lambda a: a**2 * a, (0, 3)),
    "interp": (lambda a: np.interp(a, [0.0, 1.0], [1.0, 2.0]), (0,)),
    "trapezoid": (lambda a: np.trapezoid(a, axis=0), (0, 3)),
    "clip": (lambda a: np.clip(a, 0, 1), (0, 3)),
    "unique": (np.unique, (0,)),
    "trace": (np.trace, (0, 0)),
    "diag": (np.diag, (0,)),
    "diag2": (np.diag, (0, 3)),
    "tril": (np.tril, (0, 3)),
    "reshape": (lambda a: a.reshape(3, 0), (0, 3)),
    "reshape2": (lambda a: a.reshape(0, 6) @ ones((6, 2)), (0, 3)),
    "T": (lambda a: a.T @ a, (0, 3)),
    "bcast": (lambda a: a + ones((4, 1, 1)), (0, 3)),
    "bcast1": (lambda a: a * ones((0, 3)), (1, 3)),
    "bcast2": (lambda a: np.broadcast_to(a, (0, 3)) * 1.0, (3,)),
    "empty slice sum": (lambda a: a[:0].sum() + a.sum(), (3,)),
    "slice mean": (lambda a: a[3:].prod() * a, (3,)),
    "setitem": (set_nothing, (3,)),
    "maxmin": (lambda a: np.maximum(a[:0], a[:0]), (3,)),
    "hyp": (lambda a: np.hypot(a, a), (0,)),
    "multi_dot": (lambda a: np.linalg.multi_dot([a, ones((3, 2)), ones((2, 4))]), (0, 3)),
    "vecdot": (lambda a: np.linalg.vecdot(a, a), (0, 3)),
    "matvec": (lambda a: np.matvec(ones((0, 2, 3)), a), (0, 3)),
    "grad": (lambda a: np.gradient(a, axis=1), (0, 3)),
    "add.reduceat": (lambda a: np.add.reduceat(a, [], axis=0), (3,)),
    "flip": (lambda a: np.flip(a), (0, 2)),
    "quantile": (lambda a: np.quantile(a, 0.3, axis=1), (0, 3)),
    "argsort": (lambda a: a[np.argsort(a[:, 0])], (0, 3)),
    "average": (lambda a: np.average(a, axis=1, weights=[1.0, 2.0, 3.0]), (0, 3)),
    "compress": (lambda a: np.compress([], a, axis=0), (0, 3)),
    "bincount": (lambda a: np.bincount(np.zeros(0, int), a, 3), (0,)),
}


def prepared(f, x, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return dm.prepare(f, x, **options)(x)


def among_many(f, x, **options):
    g = lambda z: f(z[: x.size].reshape(x.shape))  # noqa: E731
    return dm.jacobian_fwd(g, np.ones(x.size + 20), **options)


def pulled(f, x):
    y, pullback = dm.vjp(f, x)
    return pullback(np.ones(np.shape(y)))


def total(f):
    return lambda x: np.sum(f(x))


# By name: the mode, and the shape of what it gives from the shapes of y and x.
MODES = {
    "forward": (dm.jacobian_fwd, lambda y, x: y + x),
    "sparse": (
        lambda f, x: dm.jacobian_fwd(f, x, sparse=True),
        lambda y, x: (math.prod(y), math.prod(x)),
    ),
    "one column": (lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1), lambda y, x: y + x),
    "reverse": (dm.jacobian_rev, lambda y, x: y + x),
    "reverse sparse": (
        lambda f, x: dm.jacobian_rev(f, x, sparse=True),
        lambda y, x: (math.prod(y), math.prod(x)),
    ),
    "hessian": (lambda f, x: dm.hessian(total(f), x), lambda y, x: x + x),
    "sparse hessian": (
        lambda f, x: dm.hessian(total(f), x, sparse=True),
        lambda y, x: (math.prod(x), math.prod(x)),
    ),
    "twice forward": (
        lambda f, x: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), x),
        lambda y, x: y + x + x,
    ),
    "prepared": (prepared, lambda y, x: y + x),
    "prepared sparse": (
        lambda f, x: prepared(f, x, sparse=True),
        lambda y, x: (math.prod(y), math.prod(x)),
    ),
    "among many": (among_many, lambda y, x: (*y, math.prod(x) + 20)),
    "among many sparse": (
        lambda f, x: among_many(f, x, sparse=True),
        lambda y, x: (math.prod(y), math.prod(x) + 20),
    ),
    "jvp": (lambda f, x: dm.jvp(f, x, np.ones(x.shape))[1], lambda y, x: y),
    "vjp": (pulled, lambda y, x: x),
}


@pytest.mark.table(2)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_shapes(name, dtype):
    f, shape = CASES[name]
    x = np.zeros(shape, dtype)
    y = np.shape(f(x))
    for mode, (jacobian, expected) in MODES.items():
        if dtype == np.float64 or mode in ("forward", "sparse", "reverse"):
            assert jacobian(f, x).shape == expected(y, shape), mode


def test_what_is_not_empty_keeps_its_entries():
    def f(a):
        return np.concatenate([a, np.ravel(a.reshape(1, 3, 1)[:0] @ ones((0, 1, 2)))])

    for J in (
        dm.jacobian_fwd(f, np.zeros(3)),
        dm.jacobian_fwd(f, np.zeros(3), sparse=True).toarray(),
        dm.jacobian_rev(f, np.zeros(3)),
    ):
        np.testing.assert_array_equal(np.eye(3), J)
