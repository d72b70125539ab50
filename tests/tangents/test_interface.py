"""Every step of every kind of tangent against the page of the interface, `tangents/tangent.py`.

The oracle is what a step means for the block that the tangent stands for: one line of NumPy.  What
is on a tape is swept for its rows.  All numbers are small whole ones, so that results are exact.
"""

import importlib
import inspect
import itertools
import pkgutil

import numpy as np
import pytest

import dualmc as dm
from dualmc import tangents
from dualmc.cotangents import sweep
from dualmc.duals.levels import Level
from dualmc.tangents import combining, dense, tape
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.number_tangent import NumberTangent
from dualmc.tangents.packed import PackedTangent
from dualmc.tangents.slots import SparseTangent
from dualmc.tangents.tangent import Computed, Recorded

PAGE = {
    SparseTangent: Computed,
    NumberTangent: Computed,
    DenseTangent: Computed,
    PackedTangent: Computed,
    tape.Var: Recorded,
}
K = 40  # more inputs than those that are dense from the start
SHAPES = [(), (3,), (2, 3), (0,), (2, 0)]
EVERY = (np.float64, np.float32, np.complex128)


# --- Tangents, each made of the same slots ------------------------------------------------------


def slots_of(shape, dtype, k, seed=0):
    """Coefficients other than 0 and columns, (2, *shape); the first element depends on nothing."""
    rng = np.random.default_rng([seed, *shape])
    col = np.sort(rng.permuted(np.tile(np.arange(k), (*shape, 1)), axis=-1)[..., :2], axis=-1)
    col = np.moveaxis(col, -1, 0).astype(np.int32)
    coef = rng.integers(1, 9, col.shape) * rng.choice([-1, 1], col.shape).astype(dtype)
    if np.dtype(dtype).kind == "c":
        coef = coef + 1j * rng.integers(1, 9, col.shape)
    if coef.size > 2:
        col[:, *(0,) * len(shape)] = -1
        col[1, *(-1,) * len(shape)] = -1
    return np.where(col < 0, 0, coef).astype(dtype), col


def block_of_slots(coef, col, k):
    """Row c of J has the coefficients of input c."""
    used = col == np.arange(k).reshape(k, *(1,) * col.ndim)
    return np.where(used, coef, 0).sum(axis=1).astype(coef.dtype)


def slots(coef, col, J):
    return SparseTangent(Level(len(J)), coef, col)


def number(coef, col, J):
    return NumberTangent(Level(len(J)), tuple(col.tolist()), tuple(coef.tolist()))


def block(coef, col, J):
    return DenseTangent(Level(len(J)), J.copy())


def factored(coef, col, J):
    """In the memory order of new blocks, with a factor that is still to be applied."""
    own = dense.empty(len(J), J.shape[1:], J.dtype)
    own[...] = J / 4
    return DenseTangent(Level(len(J)), own, np.full((1, *J.shape[1:]), 4, J.dtype))


def packed(coef, col, J):
    rows = J.reshape(len(J), -1).T
    used = np.flatnonzero(rows.any(axis=1))
    index = np.full(len(rows), used.size)
    index[used] = np.arange(used.size)
    stored = np.concatenate([rows[used], np.zeros((1, len(J)), J.dtype)])
    scale = dense.unit(J.shape[1:], J.dtype)
    return PackedTangent(Level(len(J)), stored, index.reshape(1, *J.shape[1:]), scale)


def recorded(coef, col, J):
    x = tape.leaf(np.zeros(len(J), coef.real.dtype))
    parts = [x.take(i.astype(int)).astype(c.dtype).times(c) for c, i in zip(coef, col, strict=True)]
    return parts[0].plus(parts[1])


KINDS = {
    "slots": (slots, K, EVERY),
    "number": (number, K, (np.float64,)),
    "few rows": (block, 5, EVERY),
    "rows": (block, K, EVERY),
    "factored": (factored, K, EVERY),
    "packed": (packed, K, (np.float64, np.float32)),
    "recorded": (recorded, K, EVERY),
}
CASES = [
    pytest.param(kind, shape, dtype, id=f"{kind}-{shape}-{np.dtype(dtype)}")
    for kind, (_, _, dtypes) in KINDS.items()
    for shape in (SHAPES if kind != "number" else [()])
    for dtype in dtypes
]


def made(kind, shape, dtype, seed=0):
    """A tangent and its J."""
    make, k, _ = KINDS[kind]
    coef, col = slots_of(shape, dtype, k, seed)
    J = block_of_slots(coef, col, k)
    return make(coef, col, J), J


def rows_of(t):
    """J of any kind."""
    return swept(t) if t.is_recorded else np.array(t.dense())


def swept(t):
    """J of what is on a tape: a sweep for every element, all at once and one by one."""
    size = int(np.prod(t.shape))
    x = root(t)
    units = np.eye(size, dtype=t.dtype).reshape(size, *t.shape)
    J = np.zeros((x.shape[0], size), t.dtype)
    # Re(y_bar y_dot) is the real part of y_dot for y_bar = 1, the imaginary one for -i.
    for part, unit in ((1, 1), (-1j, 1j)) if t.dtype.kind == "c" else ((1, 1),):
        bars = (units * part).astype(t.dtype)
        order = sweep.reachable(t)
        ((rows, _),) = sweep.pulled(order, bars, (size,), [x])
        rows = np.zeros((size, *x.shape)) if rows is None else rows
        for bar, row in zip(bars, rows, strict=True):
            ((one, _),) = sweep.pulled(order, bar, (), [x])
            np.testing.assert_array_equal(0.0 if one is None else one, row)
        J += unit * rows.T
    return J.reshape(x.shape[0], *t.shape)


def root(t):
    """The input that `t` was made of."""
    while t.parents:
        t = t.parents[0]
    return t


def check(t, expected):
    assert expected.shape[1:] == t.shape
    assert expected.dtype == t.dtype
    np.testing.assert_array_equal(rows_of(t), expected)
    nowhere = (expected == 0).all(axis=0) & (not t.is_recorded)
    np.testing.assert_array_equal(t.is_zero(), nowhere)


def arrays_of(t):
    names = ("coef", "col", "block", "scale", "rows", "index")
    found = [getattr(t, name, None) for name in names if not t.is_recorded]
    return [a for a in found if a is not None]


# --- The page itself ----------------------------------------------------------------------------


def members(page):
    """Names and functions on the page, and names of data."""
    classes = [c for c in page.__mro__ if c.__module__ == "dualmc.tangents.tangent"]
    steps = {n: f for c in classes for n, f in vars(c).items() if inspect.isfunction(f)}
    data = {name for c in classes for name in inspect.get_annotations(c)}
    return {n: f for n, f in steps.items() if not n.startswith("_")}, data


@pytest.mark.parametrize("kind", PAGE, ids=lambda kind: kind.__name__)
def test_a_kind_has_every_member_with_the_signature_of_the_page(kind):
    steps, data = members(PAGE[kind])
    assert {"map", "take", "times", "sum"} <= steps.keys()
    for name, step in steps.items():
        assert inspect.signature(step) == inspect.signature(getattr(kind, name)), name
    for name in data:
        assert hasattr(kind, name), name


def test_the_page_knows_every_kind():
    found = set()
    for module in pkgutil.iter_modules(tangents.__path__, "dualmc.tangents."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if hasattr(kind, "is_sparse") and kind not in (Computed, Recorded):
                found.add(kind)
    assert PAGE.keys() == found


# --- Steps of all kinds -------------------------------------------------------------------------


def backwards(a):
    """All elements in the other order, as a vector."""
    return a.reshape((a.shape[0], int(np.prod(a.shape[1:]))))[:, ::-1]


def index_for(shape):
    size = int(np.prod(shape))
    return np.array([[0, -1, size - 1], [-1, 0, size // 2]] if size else [[-1] * 3] * 2)


def gathered(J):
    rows = np.concatenate([J.reshape(len(J), -1), np.zeros((len(J), 1), J.dtype)], axis=1)
    return rows[:, index_for(J.shape[1:])]


def doubled(J):
    return np.repeat(J[:, None], 2, axis=1)


# By name: the step of a tangent, and what it means for J.
MOVES = {
    "to_dense": (lambda t: t.to_dense(), lambda J: J),
    "map": (lambda t: t.map(backwards), backwards),
    "map, named": (lambda t: t.map(backwards, "backwards"), backwards),
    "map, of a known shape": (
        lambda t: t.map(backwards, None, (int(np.prod(t.shape)),)),
        backwards,
    ),
    "copied": (lambda t: t.copied(backwards, None), backwards),
    "copied, named": (lambda t: t.copied(backwards, "backwards"), backwards),
    "reshaped": (
        lambda t: t.reshaped((int(np.prod(t.shape)), 1)),
        lambda J: J.reshape(len(J), int(np.prod(J.shape[1:])), 1),
    ),
    "broadcast": (lambda t: t.broadcast((2, *t.shape)), doubled),
    "broadcast of one": (
        lambda t: t.reshaped((1, *t.shape)).broadcast((2, *t.shape)),
        doubled,
    ),
    "broadcast to itself": (lambda t: t.broadcast(t.shape), lambda J: J),
    "take": (lambda t: t.take(index_for(t.shape)), gathered),
    "take_by": (lambda t: t.take_by(None, lambda: index_for(t.shape)), gathered),
    "take_by, named": (lambda t: t.take_by("some", lambda: index_for(t.shape)), gathered),
    "real": (lambda t: t.part(np.real), lambda J: J.real),
    "imag": (lambda t: t.part(np.imag), lambda J: J.imag),
    "conj": (lambda t: t.part(np.conj), np.conj),
}


@pytest.mark.parametrize("step", MOVES)
@pytest.mark.parametrize("kind, shape, dtype", CASES)
def test_moves_and_parts(kind, shape, dtype, step):
    t, J = made(kind, shape, dtype)
    act, meaning = MOVES[step]
    for _ in range(2):  # anew, and with what was remembered
        check(act(t), meaning(J))
    check(t, J)


def test_what_a_name_stands_for_is_not_found_again():
    """For columns that are remembered themselves, as those of seeds are."""
    level = Level(K)
    t = SparseTangent(level, np.full((1, 6), 2.0), level.structures.seeded(0, (6,), K))
    check(t.take_by("found once", lambda: index_for(t.shape)), gathered(2.0 * np.eye(K, 6)))
    check(t.take_by("found once", None), gathered(2.0 * np.eye(K, 6)))


@pytest.mark.parametrize("kind, shape, dtype", CASES)
def test_sums(kind, shape, dtype):
    t, J = made(kind, shape, dtype)
    every = [-1 - i for i in range(len(shape))]
    for n in range(1, len(shape) + 1):
        for axes in itertools.combinations(every, n):
            total = t.sum(axes)
            if J.size == 0:
                assert total is None
            else:
                check(total, J.sum(axis=axes))


@pytest.mark.parametrize("to", EVERY)
@pytest.mark.parametrize("kind, shape, dtype", CASES)
def test_other_dtypes(kind, shape, dtype, to):
    if np.dtype(dtype).kind != "c" or np.dtype(to).kind == "c":  # parts are taken by `part`
        t, J = made(kind, shape, dtype)
        check(t.astype(np.dtype(to)), J.astype(to))


def factors(shape, dtype):
    some = np.random.default_rng(3).integers(-3, 4, shape).astype(dtype)
    return [2.0, -1, np.full((), 3, dtype), some]


@pytest.mark.parametrize("is_constant", [False, True])
@pytest.mark.parametrize("kind, shape, dtype", CASES)
def test_factors(kind, shape, dtype, is_constant):
    t, J = made(kind, shape, dtype)
    for factor in factors(shape, dtype):
        expected = J * np.asarray(factor, dtype)
        check(t.times(factor, is_constant), expected)
        check(t.times(2.0).times(factor, is_constant).times(2.0), 4 * expected)


@pytest.mark.parametrize("wild", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("kind", KINDS)
def test_an_exact_zero_of_J_stays_zero(kind, wild):
    shape = () if kind == "number" else (2, 3)
    t, J = made(kind, shape, np.float64)
    factor = np.full(shape, wild)
    with np.errstate(all="ignore"):
        expected = np.where(J == 0, 0.0, J * wild)
    np.testing.assert_array_equal(rows_of(t.times(factor)), expected)
    np.testing.assert_array_equal(rows_of(t.times(np.array(wild))), expected)


@pytest.mark.parametrize("wild", [np.inf, np.nan])
@pytest.mark.parametrize("kind", KINDS)
def test_an_exact_zero_of_a_constant_gives_zero(kind, wild):
    """Where the derivative itself is not finite; of another factor it is unknown, but for a sweep,
    which meets the 0 first."""
    shape = () if kind == "number" else (2, 3)
    t, J = made(kind, shape, np.float64)
    t = t.times(np.full(shape, wild))
    for zero in (0.0, np.zeros(()), np.zeros(shape)):
        assert not rows_of(t.times(zero, True)).any()
    if not t.is_recorded:
        found = rows_of(t.times(np.zeros(shape)))
        np.testing.assert_array_equal(found, np.where(J == 0, 0.0, np.nan))


# --- Steps of those that hold numbers, and of those on a tape -----------------------------------


@pytest.mark.parametrize("kind, shape, dtype", [c for c in CASES if c.values[0] != "recorded"])
def test_coefficients(kind, shape, dtype):
    """J is linear in them, and a factor per element of theirs is one of J's."""
    t, J = made(kind, shape, dtype)
    np.testing.assert_array_equal(t.dense(), J)
    rows = t.coefficients()
    assert shape == rows.shape[1:] and dtype == rows.dtype
    factor = factors(shape, dtype)[-1]
    for with_them in (t.like(rows * factor), t.with_rows((rows * factor).reshape(len(rows), -1))):
        check(with_them, J * factor)
    check(t.like(rows + rows * factor), J + J * factor)


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("shape", SHAPES)
def test_steps_of_a_tape(shape, dtype):
    t, J = made("recorded", shape, dtype)
    check(t.plus(t.times(2.0)), 3 * J)
    check(t.slice((Ellipsis,), shape), J)
    if shape:
        part = J[:, 1:]
        check(t.slice((slice(1, None),), part.shape[1:]), part)
    for axis in range(-len(shape), 0):
        check(t.running_sum(axis), np.cumsum(J, axis=axis))
    y = np.zeros((2, *shape), dtype)
    check(t.linear(lambda y_bar: y_bar[..., 0, *(slice(None),) * len(shape)], y), first_of_two(J))


def first_of_two(J):
    return np.stack([J, np.zeros_like(J)], axis=1)


# --- Steps of several ---------------------------------------------------------------------------

COMPUTED = [kind for kind, (_, k, _) in KINDS.items() if k == K and kind != "recorded"]
PAIRS = [*itertools.product(COMPUTED, COMPUTED), ("few rows",) * 2, ("recorded",) * 2]


def together(first, second, shape, dtype=np.float64):
    """Two tangents of one level, or of one tape, and their J."""
    (t, J), (u, H) = made(first, shape, dtype), made(second, shape, dtype, 1)
    if t.is_recorded:
        return t, t.times(np.full(shape, 3, dtype)), J, 3 * J
    u.level = t.level
    return t, u, J, H


@pytest.mark.parametrize("first, second", PAIRS)
def test_sums_of_two(first, second):
    dtypes = set(KINDS[first][2]).intersection(KINDS[second][2])
    for shape in SHAPES if "number" not in (first, second) else [()]:
        for dtype in dtypes:
            t, u, J, H = together(first, second, shape, dtype)
            check(combining.add(t, u), J + H)
            check(combining.add(t, t), 2 * J)


@pytest.mark.parametrize("first, second", PAIRS)
def test_pools_of_two(first, second):
    shape = () if "number" in (first, second) else (2, 3)
    t, u, J, H = together(first, second, shape)
    level = Level(0, records=True) if t.is_recorded else t.level
    k, n = len(J), int(np.prod(shape))
    rows = np.concatenate([J.reshape(k, n), np.zeros((k, 2)), H.reshape(k, n)], axis=1)
    pool = combining.pool(level, [(t, n), (None, 2), (u, n)], np.dtype(np.float64))
    if t.is_recorded:  # None has no place of its own among what is recorded
        pool = combining.pool(level, [(t, n), (u, n)], np.dtype(np.float64))
        rows = np.concatenate([J.reshape(k, n), H.reshape(k, n)], axis=1)
    index = np.arange(rows.shape[1])[::-1].reshape(-1, 2)
    check(pool.take(index), rows[:, index])


# --- Arrays that are Duals of an outer level ----------------------------------------------------


def nested(kind, shape):
    """A tangent whose arrays are Duals, its J, and the derivative of that by the outer level."""
    (coef, col), (other, _) = slots_of(shape, float, K), slots_of(shape, float, K, 1)
    other = np.where(col < 0, 0.0, other)
    J, H = block_of_slots(coef, col, K), block_of_slots(other, col, K)
    if kind == "slots":
        return SparseTangent(Level(K), dm.Dual(coef, other), col), J, H
    if kind == "rows":
        return DenseTangent(Level(K), dm.Dual(J, H)), J, H
    scale, slope = np.full((1, *shape), 4.0), np.full((1, *shape), 2.0)
    t = DenseTangent(Level(K), dm.Dual(J / 4, H / 4), dm.Dual(scale, slope))
    return t, J, H + J / 4 * slope


def check_nested(t, J, H):
    block = t.dense()
    assert J.shape[1:] == t.shape
    np.testing.assert_array_equal(block.primal, J)
    np.testing.assert_array_equal(block.tangent, H)


NESTED = pytest.mark.parametrize("kind", ["slots", "rows", "factored"])
SOME = pytest.mark.parametrize("shape", [(), (3,), (2, 3)])


@pytest.mark.parametrize("step", MOVES)
@NESTED
@SOME
def test_nested_moves(shape, kind, step):
    t, J, H = nested(kind, shape)
    act, meaning = MOVES[step]
    if step != "imag":
        check_nested(act(t), meaning(J), meaning(H))


@NESTED
@SOME
def test_nested_sums_and_factors(shape, kind):
    t, J, H = nested(kind, shape)
    for axes in ((-1,), (-2, -1))[: len(shape)]:
        check_nested(t.sum(axes), J.sum(axis=axes), H.sum(axis=axes))
    for factor in factors(shape, float):
        check_nested(t.times(factor), J * factor, H * factor)
    factor, slope = factors(shape, float)[-1], np.full(shape, 3.0)
    check_nested(t.times(dm.Dual(factor, slope)), J * factor, H * factor + J * slope)
    check_nested(combining.add(t, t.times(2.0)), 3 * J, 3 * H)


# --- Ownership ----------------------------------------------------------------------------------

STEPS = {
    **{name: act for name, (act, _) in MOVES.items()},
    "times": lambda t: t.times(np.full(t.shape, 2.0)),
    "times, constant": lambda t: t.times(0.0, True),
    "sum": lambda t: t.sum((-1,)) if t.shape else t,
    "dense": lambda t: t.dense(),
    "like": lambda t: t.like(t.coefficients()),
    "add": lambda t: combining.add(t, t.times(2.0)),
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("number", "recorded")])
def test_steps_write_into_nothing(kind):
    for name, act in STEPS.items():
        t, J = made(kind, (2, 3), np.float64)
        kept = [(a, a.copy()) for a in arrays_of(t)]
        for a, _ in kept:
            a.flags.writeable = False
        act(t)
        for a, before in kept:
            np.testing.assert_array_equal(a, before, err_msg=name)
            a.flags.writeable = True  # `dense.unit` is everybody's
        check(t, J)


@pytest.mark.parametrize("key", [None, "backwards"])
@pytest.mark.parametrize("kind", ["slots", "few rows", "rows", "factored", "packed"])
def test_what_is_copied_may_be_written(kind, key):
    t, J = made(kind, (2, 3), np.float64)
    copy = t.copied(backwards, key)
    whole = combining.put(copy, (6,), _Everywhere(), None, t.level, J.dtype, True, False, 0)
    assert not rows_of(whole).any()
    check(t, J)


class _Everywhere:
    """All elements, as a place that is written to."""

    def write(self, a, value):
        a[...] = value

    def structure_key(self):
        return None
