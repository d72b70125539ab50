"""Large arrays for tangents, reused within and between derivative calls.

A fresh array of a megabyte costs more in page faults than the arithmetic that fills it.  Each
thread keeps the buffers it has allocated and hands one out again once no array looks into it any
more, which its reference count tells.  `trim` bounds what is kept when a derivative call ends.
"""

import math
import sys
import threading

import numpy as np

# Below this many bytes the allocator itself keeps memory at hand.
LARGE = 2**17
# Bytes that a thread keeps between derivative calls.
KEPT = 2**26
# How many times larger than needed a buffer handed out may be; beyond some bytes, only by half.
SPARE = 4
BEYOND = 2**20
# Bytes of buffers up to which a third of what is in use may be free.
ROOMY = 2**25
# How much larger than a result the memory may be in which it is handed to the user.
SLACK = 1.25


class _Pool(threading.local):
    def __init__(self):
        self.buffers = []


_pool = _Pool()


def _counts(buffers):
    return [sys.getrefcount(b) for b in buffers]


def _is_count_reliable():
    """Whether a reference count tells a buffer in use from a free one (not without a GIL)."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    one = [np.empty(16, np.uint8)]
    view = one[0][:8].view(np.float64)
    in_use = _counts(one)[0]
    del view
    return in_use == _counts(one)[0] + 1


_FREE = _counts([np.empty(1, np.uint8)])[0]
_IS_RELIABLE = _is_count_reliable()


def empty(shape, dtype):
    """``np.empty(shape, dtype)``, from a kept buffer when it is large."""
    need = math.prod(shape) * np.dtype(dtype).itemsize
    if need < LARGE or not _IS_RELIABLE:
        return np.empty(shape, dtype)
    buffers = _pool.buffers
    best, most = None, min(SPARE * need, need + max(BEYOND, need // 2))
    for i, count in enumerate(_counts(buffers)):
        if count == _FREE:
            size = buffers[i].size
            if need <= size <= most and (best is None or size < buffers[best].size):
                best = i
    if best is None:
        # Sizes in steps of about a sixteenth, so that slices of one array share their buffers.
        step = 1 << max(0, need.bit_length() - 5)
        buffer = np.empty(_make_room(buffers, -(-need // step) * step), np.uint8)
        buffers.append(buffer)
    else:
        buffer = buffers[best]
    return buffer[:need].view(dtype).reshape(shape)


def _make_room(buffers, size):
    """Let go of what is free, and does not fit, beyond a third of what will be in use; `size`.

    Where that is much, no more than half of `size` stays free.
    """
    free = [i for i, count in enumerate(_counts(buffers)) if count == _FREE]
    waste = sum(buffers[i].size for i in free)
    used = size + sum(b.size for b in buffers) - waste
    _let_go(buffers, free, waste - min(used // 3, max(size // 2, ROOMY - used)))
    return size


def _let_go(buffers, free, excess):
    """Drop buffers at indices `free`, until `excess` bytes are gone."""
    for i in reversed(free):
        if excess > 0:
            excess -= buffers[i].size
            del buffers[i]


def yield_to(size):
    """Let go of free buffers for arrays of `size` bytes in other memory, if there are many."""
    buffers = _pool.buffers
    if size >= LARGE and buffers:
        free = [i for i, count in enumerate(_counts(buffers)) if count == _FREE]
        _let_go(buffers, free, min(size, sum(b.size for b in buffers) - ROOMY))


def zeros(shape, dtype):
    """``np.zeros(shape, dtype)``, from a kept buffer when it is large."""
    if math.prod(shape) * np.dtype(dtype).itemsize < LARGE:
        return np.zeros(shape, dtype)
    out = empty(shape, dtype)
    out.fill(0)
    return out


def empty_like(a):
    """A C-contiguous array of the shape and dtype of `a`."""
    return np.empty_like(a, order="C") if a.nbytes < LARGE else empty(a.shape, a.dtype)


def contiguous(a):
    """`a` itself if it is C-contiguous, else a copy that is."""
    return a if a.flags.c_contiguous else copied(a)


def copied(a):
    """A C-contiguous copy of `a`."""
    out = empty_like(a)
    out[...] = a
    return out


def is_tight(a):
    """Whether an array that is handed to the user keeps little more memory alive than its own."""
    root = a
    while issubclass(type(root.base), np.ndarray):
        root = root.base
    return root.nbytes <= SLACK * a.nbytes


def trim(limit=KEPT):
    """Let go of free buffers beyond `limit` bytes; called when a derivative call ends."""
    buffers = _pool.buffers
    if not buffers:
        return
    total = 0
    kept = []
    for buffer, count in zip(buffers, _counts(buffers), strict=True):
        total += buffer.size
        if total <= limit and count == _FREE:
            kept.append(buffer)
    _pool.buffers = kept
