"""Large buffers: never handed out twice, reused when free, bounded, one pool per thread."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import dualmc as dm
from dualmc.kernels import buffers
from dualmc.kernels.buffers import KEPT, LARGE, contiguous, empty, empty_like, trim, yield_to

N = LARGE // 8  # float64 numbers that just make a large array

reliable = pytest.mark.skipif(
    not buffers._IS_RELIABLE, reason="this interpreter's reference counts do not tell"
)


@pytest.fixture
def pool(monkeypatch):
    """An empty pool, so that no other test's buffers are in it."""
    fresh = buffers._Pool()
    monkeypatch.setattr(buffers, "_pool", fresh)
    return fresh


def address(a):
    return a.__array_interface__["data"][0]


def kept_bytes():
    return sum(b.size for b in buffers._pool.buffers)


# --- Derivative calls ----------------------------------------------------------------------------


@reliable
@pytest.mark.parametrize("call", [
    lambda f, x: dm.gradient(f, x),
    lambda f, x: dm.value_and_gradient(f, x)[1],
    lambda f, x: dm.jacobian_rev(f, x),
    lambda f, x: dm.jvp(f, x, np.ones_like(x))[1],
    lambda f, x: dm.hvp(f, x, np.ones_like(x)),
])  # fmt: skip
def test_the_next_call_finds_the_buffers_of_the_last(pool, call, monkeypatch):
    """What a call holds at its end is free for the next one, but for what it hands to the user."""

    def f(x):
        y = np.exp(-x) * x[::-1] - 3.0 * x
        return np.sum(y[1:] ** 2 * np.sin(y[:-1])) + np.sum(y + np.ones(x.size))

    x = np.linspace(0.1, 1.0, 8 * N)
    call(f, x)
    allocated = []
    make_room = buffers._make_room
    monkeypatch.setattr(
        buffers, "_make_room", lambda *args: allocated.append(args[1]) or make_room(*args)
    )
    for _ in range(3):
        result = call(f, x)
        assert len(allocated) <= 1
        allocated.clear()
        assert not any(np.may_share_memory(result, b) for b in buffers._pool.buffers)
    trim(0)
    assert [] == buffers._pool.buffers


@reliable
def test_a_gradient_keeps_no_memory_that_is_much_larger_than_it(pool):
    size = 8 * N  # a megabyte, where twice that is at hand
    pool.buffers = [np.empty(16 * size - 4096, np.uint8) for _ in range(6)]
    x = np.linspace(0.1, 1.0, size)
    found = dm.gradient(lambda x: np.sum(x[1:] * np.sin(x[:-1])), x)
    np.testing.assert_allclose(found[1:-1], np.sin(x[:-2]) + x[2:] * np.cos(x[1:-1]), rtol=1e-14)
    root = found if found.base is None else found.base
    assert root.nbytes <= buffers.SLACK * found.nbytes


# --- empty, empty_like, contiguous ---------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.complex128, "float64"])
@pytest.mark.parametrize(
    "shape", [(), (0,), (5,), (0, 10**6), (N,), (N + 1,), (3, N), (2, 3, 5, N), (1, N, 1)]
)
def test_what_is_handed_out(pool, shape, dtype):
    a = empty(shape, dtype)
    assert shape == a.shape
    assert np.dtype(dtype) == a.dtype
    assert a.flags.c_contiguous
    assert a.flags.writeable
    assert a.flags.aligned
    a[...] = 7
    assert (a == 7).all()


def test_small_arrays_come_from_numpy(pool):
    for size in (0, 1, N - 1):
        assert empty((size,), np.float64).base is None
        assert empty_like(np.zeros(size)).base is None
    assert empty((LARGE - 1,), np.uint8).base is None
    assert [] == pool.buffers


@reliable
def test_large_arrays_come_from_the_pool(pool):
    a = empty((N,), np.float64)
    assert 1 == len(pool.buffers)
    assert np.shares_memory(a, pool.buffers[0])
    assert N * 8 <= pool.buffers[0].size <= 2 * N * 8


def test_without_reliable_counts_nothing_is_kept(pool, monkeypatch):
    monkeypatch.setattr(buffers, "_IS_RELIABLE", False)
    arrays = [empty((4 * N,), np.float64) for _ in range(5)]
    for i, a in enumerate(arrays):
        a[:] = i
    assert [0, 1, 2, 3, 4] == [a[-1] for a in arrays]
    assert [] == pool.buffers


@pytest.mark.parametrize("n", [3, N])
def test_empty_like(pool, n):
    for a in (np.zeros((2, n)), np.zeros((2, n), np.float32).T, np.broadcast_to(0.0, (4, n))):
        b = empty_like(a)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert b.flags.c_contiguous
        assert not np.shares_memory(a, b)
        b[...] = 1


@pytest.mark.parametrize("n", [3, N])
def test_contiguous(pool, n):
    a = np.arange(4.0 * n).reshape(4, n)
    assert a is contiguous(a)
    for b in (a.T, a[:, ::-1], a[::2, 1:], np.broadcast_to(a[0], (3, n)), np.asfortranarray(a)):
        c = contiguous(b)
        assert c.flags.c_contiguous
        assert np.array_equal(b, c)
        assert not np.shares_memory(a, c)


# --- In use or free ------------------------------------------------------------------------------


def test_arrays_in_use_stay_distinct(pool):
    shapes = [(N,), (N + 5,), (2, N), (N, 3), (N,), (3, 5, N // 4), (N + 1,)]
    arrays = [empty(shape, np.float64) for shape in shapes * 5]
    for i, a in enumerate(arrays):
        a[...] = i
    for i, a in enumerate(arrays):
        assert (a == i).all()
        for b in arrays[:i]:
            assert not np.may_share_memory(a, b)


@reliable
def test_a_free_buffer_is_reused(pool):
    a = empty((N,), np.float64)
    first = address(a)
    del a
    a = empty((N,), np.float64)
    assert first == address(a)
    b = empty((N,), np.float64)
    assert first != address(b)
    second = address(b)
    del a
    assert first == address(empty((2, N), np.float32))
    del b
    assert {first, second} == {address(c) for c in [empty((N,), np.float64) for _ in range(2)]}
    assert 2 == len(pool.buffers)


@reliable
def test_only_buffers_of_about_the_size_are_reused(pool):
    """A small array does not occupy a large buffer, let alone the other way round."""
    others = [empty((64 * N,), np.float64) for _ in range(2)]  # so that free ones are kept
    a = empty((16 * N,), np.float64)
    first = address(a)
    del a
    small, larger = empty((2 * N,), np.float64), empty((20 * N,), np.float64)
    assert first not in (address(small), address(larger))
    assert first == address(empty((15 * N,), np.float64))
    assert 2 == len(others)


@reliable
def test_the_buffer_that_fits_best_is_reused(pool):
    others = [empty((64 * N,), np.float64) for _ in range(2)]
    arrays = [empty((k * N,), np.float64) for k in (16, 8, 12)]
    addresses = [address(a) for a in arrays]
    arrays.clear()
    for k, expected in ((7, 1), (11, 2), (14, 0)):
        arrays.append(empty((k * N,), np.float64))
        assert addresses[expected] == address(arrays[-1])
    assert 2 == len(others)


@reliable
def test_free_buffers_stay_few_beside_those_in_use(pool):
    """Arrays that grow step by step, as in a loop that appends, leave no trail of old buffers."""
    held = empty((4 * N,), np.float64)
    for k in range(1, 60):
        a = empty((k * N,), np.float64)
        used = held.nbytes + a.nbytes
        sizes = [b.size for b in pool.buffers]
        assert sum(sizes) <= 1.5 * used + LARGE
        del a
    assert np.shares_memory(held, pool.buffers[0])


@reliable
def test_a_large_pool_keeps_little_free(pool, monkeypatch):
    monkeypatch.setattr(buffers, "ROOMY", 40 * LARGE)
    held = [empty((k * N,), np.float64) for k in range(3, 13)]
    need = 13 * N
    used = sum(a.nbytes for a in held)
    del held[::2]
    held.append(empty((need,), np.float64))
    free = sum(b.size for b in pool.buffers) - sum(a.nbytes for a in held)
    assert free <= 8 * need / 2 + 0.07 * used
    # Other arrays take the place of what is free: of as much as they need, beyond what is roomy.
    del held[:]
    before = sum(b.size for b in pool.buffers)
    yield_to(8 * N)
    after = sum(b.size for b in pool.buffers)
    assert 8 * N <= before - after <= 14 * 8 * N
    yield_to(80 * LARGE)
    assert 25 * LARGE <= sum(b.size for b in pool.buffers) <= 40 * LARGE


HOLDERS = {
    "array": lambda a: a,
    "slice": lambda a: a[5:7],
    "step": lambda a: a[::-3],
    "element's view": lambda a: a[3:4].reshape(()),
    "reshape": lambda a: a.reshape(2, -1),
    "transpose": lambda a: a.reshape(2, -1).T,
    "view of a view": lambda a: a[1:][1:][1:],
    "other dtype": lambda a: a.view(np.int64),
    "other shape and dtype": lambda a: a.reshape(-1, 2).view(np.float32)[:, 1],
    "broadcast": lambda a: np.broadcast_to(a, (3, a.size)),
    "read-only": lambda a: np.lib.stride_tricks.as_strided(a, (2, 3), (8, 8), writeable=False),
    "subclass": lambda a: a.view(np.recarray),
    "memoryview": memoryview,
    "flat": lambda a: a.flat,
    "iterator": lambda a: iter(a.reshape(2, -1)),
    "nditer": np.nditer,
    "frombuffer": lambda a: np.frombuffer(a, np.uint8),
    "asarray": lambda a: np.asarray(memoryview(a)),
    "ctypes": lambda a: np.ctypeslib.as_array(np.ctypeslib.as_ctypes(a)),
    "real part": lambda a: a.view(complex).real,
    "closure": lambda a: lambda: a,
    "cycle": lambda a: (lambda box: box.append(box) or box)([a]),
    "object array": lambda a: np.array([a, None], dtype=object),
    "base": lambda a: a.base,
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_whatever_looks_into_a_buffer_keeps_it(pool, holder):
    a = empty((N,), np.float64)
    start, stop = address(a), address(a) + a.nbytes
    held = HOLDERS[holder](a)
    del a
    for _ in range(3):
        b = empty((N,), np.float64)
        assert not start <= address(b) < stop
    del held


@reliable
@pytest.mark.parametrize("holder", HOLDERS)
def test_a_buffer_is_free_once_nothing_looks_into_it(pool, holder):
    a = empty((N,), np.float64)
    start = address(a)
    held = HOLDERS[holder](a)
    del a, held
    gc.collect()
    assert start == address(empty((N,), np.float64))


def test_any_sequence_of_takes_and_drops(pool, rng):
    """Every array keeps what was written into it until it is dropped."""
    held = {}
    for number in range(600):
        if held and rng.random() < 0.48:
            key = list(held)[rng.integers(len(held))]
            a, value = held.pop(key)
            assert (a == value).all()
            del a
        elif rng.random() < 0.05:
            trim(int(rng.integers(0, 20 * LARGE)))
        else:
            size = int(rng.integers(N // 4, 4 * N))
            a = empty((size,), np.float64)
            a[:] = number
            # Often only a part of it is kept.
            cut = int(rng.integers(0, size)) if rng.random() < 0.5 else 0
            held[number] = a[cut:], number
            del a
    for a, value in held.values():
        assert (a == value).all()


# --- trim ----------------------------------------------------------------------------------------


@reliable
def test_trim_bounds_what_is_kept(pool):
    arrays = [empty((4 * N,), np.float64) for _ in range(10)]
    one = pool.buffers[0].size
    del arrays
    for limit in (10 * one, 7 * one + 1, 3 * one, one - 1, 0):
        trim(limit)
        assert limit // one == len(pool.buffers)
        assert kept_bytes() <= limit


@reliable
def test_trim_lets_go_of_what_is_in_use_without_harm(pool):
    a = empty((N,), np.float64)
    a[:] = 3.0
    trim()
    assert [] == pool.buffers
    others = [empty((N,), np.float64) for _ in range(4)]
    for b in others:
        b[:] = 4.0
        assert not np.may_share_memory(a, b)
    assert (a == 3.0).all()


@reliable
def test_what_trim_keeps_is_reused(pool):
    first = address(empty((N,), np.float64))
    trim()
    assert first == address(empty((N,), np.float64))


def many_arrays(x):
    """Far more than is kept between calls, all in use at once."""
    return sum([x * (0.5 + i) for i in range(5 + KEPT // x.nbytes)])


CALLS = {
    "jacobian": lambda f, x: dm.jacobian_fwd(f, x, sparse=True),
    "chunks": lambda f, x: dm.jacobian_fwd(f, x, sparse=True, chunk_size=x.size // 2),
    "jvp": lambda f, x: dm.jvp(f, x, x),
    "derivative": lambda f, x: dm.derivative(lambda t: f(t * x), 1.0),
    "jvp of jvp": lambda f, x: dm.jvp(lambda x: dm.jvp(lambda x: x[:9] @ f(x)[:9], x, x)[1], x, x),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_keeps_no_more_than_the_limit(pool, call):
    x = np.linspace(0.5, 1.5, 400_000)
    CALLS[call](many_arrays, x)
    assert kept_bytes() <= KEPT


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_keeps_no_more_than_the_limit(pool, call):
    def f(x):
        many_arrays(x)
        raise ArithmeticError

    x = np.linspace(0.5, 1.5, 400_000)
    with pytest.raises(ArithmeticError):
        CALLS[call](f, x)
    gc.collect()
    assert kept_bytes() <= KEPT


# --- Threads -------------------------------------------------------------------------------------


@reliable
def test_every_thread_has_its_own_pool(pool):
    first = address(empty((N,), np.float64))  # free again

    def work():
        assert [] == buffers._pool.buffers
        a = empty((N,), np.float64)
        assert 1 == len(buffers._pool.buffers)
        return address(a), a

    with ThreadPoolExecutor(1) as executor:
        other, a = executor.submit(work).result()
    assert first != other
    assert 1 == len(pool.buffers)
    a[:] = 5.0
    b = empty((N,), np.float64)
    assert first == address(b)
    b[:] = 6.0
    assert (a == 5.0).all()


def test_arrays_handed_to_another_thread_stay_in_use(pool):
    """The maker goes on and takes more buffers while the other thread looks at the first."""
    handed, looked = threading.Event(), threading.Event()
    box = []

    def look():
        assert handed.wait(10)
        a = box.pop()
        b = empty((N,), np.float64)
        b[:] = -1.0
        looked.set()
        handed.clear()
        assert done.wait(10)
        return bool((a == 1.0).all() and (b == -1.0).all())

    done = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        result = executor.submit(look)
        a = empty((N,), np.float64)
        a[:] = 1.0
        box.append(a)
        del a
        handed.set()
        assert looked.wait(10)
        for _ in range(5):
            empty((N,), np.float64)[:] = 2.0
        done.set()
        assert result.result(20)


def test_many_threads_at_once():
    def work(k):
        rng = np.random.default_rng(k)
        held = []
        for number in range(100):
            a = empty((int(rng.integers(N, 3 * N)),), np.float64)
            a[:] = 1000 * k + number
            held.append((a, 1000 * k + number))
            if len(held) > 6:
                a, value = held.pop(int(rng.integers(6)))
                if not (a == value).all():
                    return False
        return all((a == value).all() for a, value in held)

    with ThreadPoolExecutor(8) as executor:
        assert all(executor.map(work, range(8)))
