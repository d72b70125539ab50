"""What sparse Jacobians of compiled functions are made of: colours, codes of columns, unions."""

import numba
import numpy as np
import pytest
from scipy import sparse

import dualmc as dm
from dualmc.compiled import everything  # noqa: F401
from dualmc.compiled.sparse import codes, decisions, plan
from dualmc.compiled.sparse.colouring import coloured
from dualmc.compiled.sparse.patterns import patterns_of

pytestmark = pytest.mark.slow


def random_pattern(m, n, density, seed):
    S = sparse.random_array((m, n), density=density, rng=np.random.default_rng(seed), format="csr")
    S.sort_indices()
    return S.indptr.astype(np.int32), S.indices.astype(np.int32), S


@pytest.mark.parametrize("m, n, density", [(40, 30, 0.1), (5, 60, 0.3), (60, 7, 0.5), (3, 3, 0.0)])
def test_columns_of_one_colour_share_no_row(m, n, density):
    indptr, indices, S = random_pattern(m, n, density, n)
    colours, count = coloured(indptr, indices, n)
    assert colours.min(initial=0) >= 0 and colours.max(initial=0) < count
    for i in range(m):
        row = colours[indices[indptr[i] : indptr[i + 1]]]
        assert len(set(row)) == row.size
    assert count >= np.diff(indptr).max(initial=0)


@pytest.mark.parametrize("half", [1, 2, 3])
def test_bands_have_as_few_colours_as_entries_in_a_row(half):
    n = 50
    band = sparse.diags_array([np.ones(n)] * (2 * half + 1), offsets=range(-half, half + 1),
                              shape=(n, n)).tocsr()  # fmt: skip
    band.sort_indices()
    assert coloured(band.indptr, band.indices, n)[1] == 2 * half + 1


@pytest.mark.parametrize("n, widest, bits", [(64, 7, 256), (300, 7, 256), (3000, 4, 256),
                                             (500, 15, 512), (400, 3, 128)])  # fmt: skip
def test_codes_of_few_columns_cover_no_other(n, widest, bits):
    """No union of `widest` codes holds another code: greedy worst cases, and random ones."""
    found = codes.codes(n, widest, bits)
    assert found.shape[0] == n and found.shape[1] <= max(bits, n)
    rng = np.random.default_rng(0)
    for j in rng.integers(0, n, 40):
        left, row = found[j].copy(), []
        for _ in range(widest):  # the columns that cover most of what is left of column j
            overlap = (found & left).sum(1)
            overlap[j] = -1
            row.append(int(overlap.argmax()))
            left &= ~found[row[-1]]
        assert left.any()
    for _ in range(200):
        row = rng.choice(n, widest, replace=False)
        union = found[row].any(0)
        covered = ~(found & ~union).any(1)
        assert set(np.flatnonzero(covered)) == set(row.tolist())


@pytest.mark.parametrize("n, widest", [(5000, 40), (2000, 30)])
def test_codes_of_long_rows_cover_no_other_by_chance(n, widest):
    found = codes.codes(n, widest, 256)
    rng = np.random.default_rng(1)
    for _ in range(30):
        row = rng.choice(n, widest, replace=False)
        union = found[row].any(0)
        covered = ~(found & ~union).any(1)
        assert set(np.flatnonzero(covered)) == set(row.tolist())


def test_field_products():
    """x**(q - 1) = 1 for every x but 0, and products distribute: GF(q) as it should be."""
    for degree in codes._FIELDS:
        q = 1 << degree
        table = codes._products(degree)
        power = np.ones(q, int)
        for _ in range(q - 1):
            power = table[power, np.arange(q)]
        assert power[0] == 0 and np.all(power[1:] == 1)
        a, b, c = np.random.default_rng(0).integers(0, q, (3, 100))
        np.testing.assert_array_equal(table[a, b ^ c], table[a, b] ^ table[a, c])


def test_union():
    first, second = random_pattern(9, 7, 0.2, 0), random_pattern(9, 7, 0.3, 1)
    a, b = plan.Plan(*first[:2], 9, 7), plan.Plan(*second[:2], 9, 7)
    both = a.union(b)
    S = (first[2] != 0) + (second[2] != 0)
    S.sort_indices()
    np.testing.assert_array_equal(both.indptr, S.indptr)
    np.testing.assert_array_equal(both.indices, S.indices)


@numba.njit
def smooth(x, p):
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = max(x[i], p) * min(x[i - 1], 0.5) + abs(x[i]) ** 2.5 + np.maximum(x[i], x[0])
    return out


@numba.njit
def looks_at_p(x, p):
    return x[0] * (1.0 if p > 0 else x[1])


@numba.njit
def looks_at_floor(x, p):
    return x[0] * (1.0 if np.floor(x[1]) > p - p else x[1])


@numba.njit
def helper(p):
    return not p


@numba.njit
def looks_in_a_helper(x, p):
    return x[0] if helper(x[1]) else x[1] * p


def test_decisions_are_seen():
    x = np.array([1.0, 2.0, 3.0])
    for f, is_certain in (
        (smooth, True), (looks_at_p, False), (looks_at_floor, False), (looks_in_a_helper, False),
    ):  # fmt: skip
        dm.jacobian_fwd(f, x, 1.0, sparse=True)
        (found,) = patterns_of(f, (0,)).plans.values()
        assert bool(found.certain) == is_certain, f


@numba.njit
def inner(x):
    try:
        return 1.0 / x
    except Exception:
        return x


@numba.njit
def outer(x):
    return inner(x[0])


def test_caught_errors_are_found_in_what_f_calls():
    assert decisions.catches_errors(outer) and not decisions.catches_errors(smooth)


LOOKS = {
    "order": lambda x: x[np.argsort(x)[0]] * x,
    "largest": lambda x: x.max() * x,
    "mask": lambda x: x * x[x > 0].sum(),
    "where": lambda x: np.where(x > 0, x, x[::-1]),
    "integers": lambda x: x[np.abs(x).astype(np.int64)[0] % x.size] * x,
    "middle": lambda x: np.median(x) * x,
    "signs": lambda x: x if np.sign(x).sum() > 0 else x[::-1] * 2.0,
}
DOES_NOT_LOOK = {
    "bounds": lambda x: np.clip(x, x[0], 1.0) * np.maximum(x, 0.0),
    "system": lambda x: np.linalg.solve(np.eye(x.size) + np.outer(x, x[:1] * x), x[1] * x),
    "sums": lambda x: np.cumsum(x) - x.mean() + np.ones((x.size, x.size)) @ x,
}


@pytest.mark.parametrize("name", [*LOOKS, *DOES_NOT_LOOK])
def test_functions_of_arrays_that_look_at_values(name):
    """What decides by values is seen, wherever it is done; and no entry is lost by it."""
    f = numba.njit(LOOKS.get(name) or DOES_NOT_LOOK[name])
    rng = np.random.default_rng(0)
    for _ in range(5):
        x = rng.normal(size=5) * 1.5
        found = dm.jacobian_fwd(f, x, sparse=True).toarray()
        np.testing.assert_allclose(found, dm.jacobian_fwd(f.py_func, x), rtol=1e-12, atol=1e-13)
    (plan_,) = patterns_of(f, (0,)).plans.values()
    assert bool(plan_.certain) == (name in DOES_NOT_LOOK)
