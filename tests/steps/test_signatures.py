"""A signature says what is there: kernels are handed arrays by it, and look at nothing."""

import warnings

import numpy as np
import pytest
from function_cases import CASES
from random_programs import MANY, SIZE, functions_of
from random_statements import Program

import dualmc as dm
from dualmc.duals import signatures
from dualmc.duals.dual import Dual

SLOT = Dual.__dict__["_signature"]


def is_true(x, s):
    """Whether the signature `s` of a Dual is true of what it holds now."""
    p, t = x._primal, x._tangent
    if type(p) is not np.ndarray or p.dtype != np.float64 or p.shape != s.shape or x._owned:
        return False
    if s.is_c and not p.flags.c_contiguous or (x._view is not None) is not s.is_view:
        return False
    if s.kind == signatures.SLOTS:
        wide = s.width, *s.shape
        has_place = t.coef.flags.c_contiguous and t.coef.shape == t.col.shape == wide
        return t.is_sparse and has_place and t.col is s.column()
    has_factor = t.scale.flags.c_contiguous and t.scale.shape == (1, *s.shape)
    is_ordered = t.block.flags.c_contiguous or not s.is_first
    return has_factor and is_ordered and t.block.shape == (s.width, *s.shape)


@pytest.fixture
def untrue(monkeypatch):
    """The signatures that were asked for and were not true."""
    found = []

    class Asked:
        def __get__(self, x, owner=None):
            s = SLOT.__get__(x, owner)
            if s is not None and s.kind in (signatures.SLOTS, signatures.DENSE):
                if (x._view is None or signatures.is_fresh(x)) and not is_true(x, s):
                    found.append((s.kind, s.shape, s.width, s.is_c, s.is_view, x._primal.strides))
            return s

        def __set__(self, x, s):
            SLOT.__set__(x, s)

    monkeypatch.setattr(Dual, "_signature", Asked())
    return found


def differentiate(f, x):
    """In forward mode: dense and sparse, of few columns, and once more within itself."""
    x = np.array(x, float)
    padded = np.concatenate([x.ravel(), np.linspace(-1, 1, max(0, MANY - x.size))])
    v = np.linspace(0.5, 1.5, x.size).reshape(x.shape)
    for derive in (
        lambda: dm.jacobian_fwd(f, x),
        lambda: dm.jacobian_fwd(f, x, sparse=True, chunk_size=1),
        lambda: dm.jacobian_fwd(lambda z: f(z[: x.size].reshape(x.shape) * 1.0), padded),
        lambda: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), x),
        lambda: dm.jvp(lambda z: dm.jvp(f, z, v)[1], x, v),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                derive()
            except (TypeError, ValueError, np.linalg.LinAlgError, dm.TangentLostError):
                pass  # of a program that refuses its arguments


@pytest.mark.table
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_of_every_idiom(case, untrue):
    differentiate(case.f, case.x)
    assert untrue == []


@pytest.mark.table
@pytest.mark.parametrize("seed", range(100))
def test_of_random_programs(seed, untrue):
    f, _ = functions_of(Program(seed).source())
    differentiate(f, np.random.default_rng([seed, 1]).uniform(-1.4, 1.4, SIZE))
    assert untrue == []


def test_results_in_another_order():
    """Running sums along the first axis lie in the order of that axis, whatever x lies in."""

    def f(x):
        y = np.cumsum(np.reshape(x, (3, 4)), axis=0)
        z = np.cumsum(y.T * 2.0, axis=1)
        return z[:, :1] * z + x[:3]

    x = np.linspace(0.2, 1.3, 12)
    h = 1e-20
    columns = [f(x + 1j * h * e).imag / h for e in np.eye(12)]
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), np.stack(columns, -1), rtol=1e-13)


def test_parts_of_blocks_that_lie_otherwise():
    """One plan meets blocks of one shape, but in several orders of memory."""

    def f(x):
        a = np.stack([x, x * x])
        parts = [a[:, 1:], a.T[1:], np.asfortranarray(a)[:, 1:], a[::-1][:, 1:]]
        return np.concatenate([np.sum(np.exp(p) * p, axis=-1).ravel() for p in parts])

    for n in (1, 2, 4, 16):
        x = np.linspace(0.3, 1.1, n + 1)
        h = 1e-20
        columns = [f(x + 1j * h * e).imag / h for e in np.eye(n + 1)]
        expected = np.stack(columns, -1)
        for chunk_size in (None, 1, 2):
            J = dm.jacobian_fwd(f, x, chunk_size=chunk_size)
            np.testing.assert_allclose(J, expected, rtol=1e-13, atol=1e-15)
