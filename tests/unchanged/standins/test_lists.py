"""Lists of Duals handed to NumPy are what ``np.array`` makes of them, in every function."""

import math
import warnings

import function_cases
import numpy as np
import pytest

import dualmc as dm
from dualmc.duals.dual import Dual
from dualmc.rules import registry
from dualmc.unchanged.standins import listed

X = np.array([3.0, 2.0])
MODES = {
    "forward": dm.jacobian_fwd,
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True).toarray(),
    "among many": lambda f, x: _among_many(f, x),
    "reverse": dm.jacobian_rev,
    "prepared": lambda f, x: _prepared(f, x),
}


def _among_many(f, x):
    J = dm.jacobian_fwd(lambda z: f(z[: x.size]), np.concatenate([x, np.ones(30)]))
    assert not J[..., x.size :].any()
    return J[..., : x.size]


def _prepared(f, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        J = dm.prepare(f, x + 0.125)
    J(x)
    return J(x)


# --- Idioms, with closed forms -------------------------------------------------------------------

E5, E25 = -math.sin(5.0), -math.sin(2.5) / 2
IDIOMS = {
    "exp": (lambda x: np.exp([x[0], 1.0]), [[math.exp(3), 0], [0, 0]]),
    "tuple": (lambda x: np.exp((x[0], 1.0)), [[math.exp(3), 0], [0, 0]]),
    "nested": (lambda x: np.sqrt([[x[0], 1.0], [4.0, x[1]]])[1], [[0, 0], [0, 1 / math.sqrt(8)]]),
    "rows": (lambda x: np.square([x, [1.0, 2.0]])[0], np.diag([6.0, 4.0])),
    "hypot": (lambda x: np.hypot([x[0], 1.0], 4.0), [[0.6, 0], [0, 0]]),
    "arctan2": (lambda x: np.arctan2([x[0], 1.0], [1.0, x[1]]), [[0.1, 0], [0, -0.2]]),
    "maximum": (lambda x: np.maximum([x[0], 1.0], [x[1], 7.0]), [[1, 0], [0, 0]]),
    "tie": (lambda x: np.maximum([x[0]], [x[1] + 1.0]), [[0.5, 0.5]]),
    "fmod": (lambda x: np.fmod([x[0], 7.0], 2.0), [[1, 0], [0, 0]]),
    "matmul": (lambda x: np.matmul([[1.0, x[0]], [0.0, 1.0]], [x[1], 1.0]), [[1, 1], [0, 0]]),
    "out": (lambda x: np.add([x[0], 1.0], 1.0, out=np.zeros(2)), [[1, 0], [0, 0]]),
    "reduce": (lambda x: np.multiply.reduce([x[0], x[1], 5.0]), [10.0, 15.0]),
    "reduce max": (lambda x: np.maximum.reduce([x[0], x[1], 1.0]), [1.0, 0.0]),
    "accumulate": (lambda x: np.add.accumulate([x[0], x[1]]), [[1, 0], [1, 1]]),
    "outer": (lambda x: np.multiply.outer([x[0], 1.0], [2.0]), [[[2, 0]], [[0, 0]]]),
    "solve": (
        lambda x: np.linalg.solve([[x[0], 1.0], [1.0, x[1]]], [1.0, 2.0]),
        # A^-1 = [[2, -1], [-1, 3]] / 5, x = A^-1 b = [0, 1] and dx = -A^-1 dA x
        [[0.0, 0.2], [0.0, -0.6]],
    ),
    "right side": (
        lambda x: np.linalg.solve([[4.0, 1.0], [1.0, 3.0]], [x[0], x[1]]),
        np.linalg.inv([[4.0, 1.0], [1.0, 3.0]]),
    ),
    "det": (lambda x: np.linalg.det([[x[0], 1.0], [x[1], x[0]]]), [6.0, -1.0]),
    "inv": (lambda x: np.linalg.inv([[x[0], 0.0], [0.0, x[1]]])[1], [[0, 0], [0, -0.25]]),
    "norm": (lambda x: np.linalg.norm([x[0], 4.0]), [0.6, 0.0]),
    "slogdet": (lambda x: np.linalg.slogdet([[x[0], 0.0], [0.0, x[1]]])[1], [1 / 3, 1 / 2]),
    "eigvals": (lambda x: np.linalg.eigvals([[x[0], 1.0], [0.0, x[1]]]).real, np.eye(2)),
    "multi_dot": (lambda x: np.linalg.multi_dot([[x[0], 1.0], np.eye(2), [x[1], 0.0]]), [2.0, 3.0]),
    "mean": (lambda x: np.mean([x[0], x[1] ** 2]), [0.5, 2.0]),
    "median": (lambda x: np.median([x[0], x[1], 7.0]), [1.0, 0.0]),
    "average": (lambda x: np.average([x[0], x[1]], weights=[1.0, 3.0]), [0.25, 0.75]),
    "weights": (lambda x: np.average([1.0, 2.0], weights=[x[0], x[1]]), [-0.08, 0.12]),
    "nanmean": (lambda x: np.nanmean([x[0], np.nan, x[1]]), [0.5, 0.5]),
    "interp": (lambda x: np.interp([x[0] / 2], [1.0, 2.0], [x[1], 5.0]), [[1.5, 0.5]]),
    "fft": (lambda x: np.fft.fft([x[0], x[1]]).real, [[1, 1], [1, -1]]),
    "where": (lambda x: np.where([True, False], [x[0], 1.0], [2.0, x[1]]), np.eye(2)),
    "select": (lambda x: np.select([[True, False]], [[x[0], 1.0]], 7.0), [[1, 0], [0, 0]]),
    "trapezoid": (lambda x: np.trapezoid([x[0], x[1]], dx=2.0), [1.0, 1.0]),
    "linspace": (lambda x: np.linspace([x[0], 0.0], 1.0, 3)[1], [[0.5, 0], [0, 0]]),
    "stack": (lambda x: np.stack([[x[0], 1.0], [2.0, x[1]]])[1], [[0, 0], [0, 1]]),
    "concatenate": (
        lambda x: np.cos(np.concatenate([[x.sum()], [0.5, x.mean()]])),
        [[E5, E5], [0, 0], [E25, E25]],
    ),
    "r_": (lambda x: np.fmod(np.r_[x, 7.0, x[0]], 4.0), [[1, 0], [0, 1], [0, 0], [1, 0]]),
    "c_": (lambda x: np.c_[x, 2 * x], [[[1, 0], [2, 0]], [[0, 1], [0, 2]]]),
    "dot": (lambda x: np.dot([x[0], x[1]], [x[1], 1.0]), [2.0, 4.0]),
    "polyval": (lambda x: np.polyval([x[0], 1.0], x[1]), [2.0, 3.0]),
    "isclose": (lambda x: np.isclose([x[0], x[1]], 3.0, atol=0.5) * x, [[1, 0], [0, 0]]),
    "argmax": (lambda x: np.argmax([x[1], x[0]]) * x, np.eye(2)),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", IDIOMS)
def test_idioms(name, mode):
    f, expected = IDIOMS[name]
    J = np.reshape(MODES[mode](f, X), np.shape(expected))
    np.testing.assert_allclose(J, expected, rtol=1e-13, atol=1e-14)
    plain = f(X.copy())
    y, _ = dm.value_and_jacobian_fwd(f, X)
    np.testing.assert_array_equal(np.asarray(plain, float), y)


@pytest.mark.parametrize("name", ["exp", "solve", "norm", "concatenate", "r_", "nested"])
def test_hessians_through_lists(name):
    f = IDIOMS[name][0]
    H = dm.hessian(lambda x: np.sum(np.square(f(x))), X)
    again = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(lambda u: np.sum(np.square(f(u))), x), X)
    np.testing.assert_allclose(H, again, rtol=1e-12, atol=1e-12)
    h = 1e-5
    g = [dm.gradient(lambda x: np.sum(np.square(f(x))), X + s * h * np.eye(2)[i])
         for i in (0, 1) for s in (1, -1)]  # fmt: skip
    slopes = [(g[0] - g[1]) / (2 * h), (g[2] - g[3]) / (2 * h)]
    np.testing.assert_allclose(H, slopes, rtol=1e-6, atol=1e-6)


def test_scipy_takes_lists_too():
    special = pytest.importorskip("scipy.special")
    linalg = pytest.importorskip("scipy.linalg")
    slope = 2 / math.sqrt(math.pi) / math.e / 3
    for mode in MODES.values():
        J = mode(lambda x: special.erf([x[0] / 3, 0.0]), X)
        np.testing.assert_allclose(J, [[slope, 0], [0, 0]], rtol=1e-14)
        J = mode(lambda x: linalg.det([[x[0], 1.0], [x[1], x[0]]]), X)
        np.testing.assert_allclose(np.ravel(J), [6.0, -1.0], rtol=1e-14)


# --- Every registered function, with lists where arrays stand in the table of cases ---------------


def as_lists(a):
    """Arrays with a derivative as nests of numbers, those in sequences too."""
    if type(a) is Dual and a.ndim and a.flags.c_contiguous and a.size:
        return a.tolist()
    if type(a) is list or type(a) is tuple:
        return type(a)(map(as_lists, a))
    return a


def parts(y):
    return [p for q in y for p in parts(q)] if isinstance(y, (list, tuple)) else [y]


def same_bits(a, b):
    for p, q in zip(parts(a), parts(b), strict=True):
        p, q = np.copy(p), np.copy(q)
        if type(p) is Dual and p.own_tangent() is None:
            p = p.primal
        if type(q) is Dual and q.own_tangent() is None:
            q = q.primal
        if type(p) is not Dual or type(q) is not Dual:
            assert type(p) is type(q)
            np.testing.assert_array_equal(p, q)
            continue
        assert p.dtype == q.dtype
        np.testing.assert_array_equal(p.primal, q.primal)
        # BLAS rounds by the layout of its operands in memory.
        np.testing.assert_allclose(p.tangent, q.tangent, rtol=1e-12, atol=1e-15)


class Watched:
    """While f runs, every call of a registered function is done again with lists."""

    def __init__(self, monkeypatch):
        self.seen, self.inside = set(), False
        self.of_functions, self.of_ufuncs = Dual.__array_function__, Dual.__array_ufunc__
        watched = self

        def function(self, function, types, args, kwargs):
            call = watched.of_functions
            return watched.twice(
                function, lambda a, k: call(self, function, types, a, k), args, kwargs
            )

        def ufunc(self, ufunc, method, *inputs, **kwargs):
            call = watched.of_ufuncs
            if method == "at":
                return call(self, ufunc, method, *inputs, **kwargs)
            name = ufunc if method == "__call__" else (ufunc, method)
            return watched.twice(
                name, lambda a, k: call(self, ufunc, method, *a, **k), inputs, kwargs
            )

        monkeypatch.setattr(Dual, "__array_function__", function)
        monkeypatch.setattr(Dual, "__array_ufunc__", ufunc)

    def twice(self, name, call, args, kwargs):
        entry = registry.FUNCTIONS.get(name) if not isinstance(name, tuple) else None
        of_lists = [as_lists(a) for a in args]
        is_changed = any(a is not b for a, b in zip(args, of_lists, strict=True))
        writes = entry is not None and entry.kind == "in-place"
        if self.inside or writes or "out" in kwargs or not is_changed or name in NOT_OF_LISTS:
            return call(args, kwargs)
        y = call(args, kwargs)
        self.inside = True
        try:
            function = name
            if isinstance(name, tuple):
                function = getattr(listed.substitute(name[0]), name[1])
            elif listed.has_substitute(name):
                function = listed.substitute(name)
            same_bits(y, function(*of_lists, **kwargs))
            self.seen.add(name)
        finally:
            self.inside = False
        return y


@pytest.fixture(scope="module")
def seen():
    return set()


# What takes arrays only, reads the nest of a list, or returns memory as it finds it.
NOT_OF_LISTS = {np.astype, np.block, np.empty_like, np.may_share_memory, np.shares_memory}


@pytest.mark.table
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", function_cases.CASES, ids=lambda case: case.name)
def test_every_case_with_lists(case, monkeypatch, seen):
    watched = Watched(monkeypatch)
    dm.jacobian_fwd(case.f, case.x)
    seen |= watched.seen
