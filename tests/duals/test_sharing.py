"""A write reaches what shares memory, and nothing else: every view before every kind of write."""

import itertools

import numpy as np
import pytest
from memory_programs import check_piecewise_linear, sizes, start

SHARERS = {
    "plus a constant": lambda a: a + 0.0,
    "constant plus": lambda a: 0.0 + a,
    "minus a constant": lambda a: a - 1.0 + 1.0,
    "positive": lambda a: +a,
    "np.positive": np.positive,
    "twice negative": lambda a: np.negative(-a),
    "times 1": lambda a: a * 1.0,
    "times 2": lambda a: 2.0 * a,
    "divided": lambda a: a / 2.0,
    "copy": lambda a: a.copy(),
    "np.copy": np.copy,
    "flatten": lambda a: a.flatten(),
    "astype": lambda a: a.astype(float),
    "astype without copy": lambda a: a.astype(float, copy=False),
    "astype complex": lambda a: a.astype(complex),
    "conj": np.conj,
    "real of complex": lambda a: (a + 0j).real,
    "view": lambda a: a[:],
    "reversed": lambda a: a[::-1],
    "tail": lambda a: a[1:],
    "reshape": lambda a: a.reshape(2, -1),
    "ravel": np.ravel,
    "transpose": lambda a: a.reshape(2, -1).T,
    "ravel of a transpose": lambda a: a.reshape(2, -1).T.ravel(),
    "ravel of a transpose along the memory": lambda a: a.reshape(2, -1).T.ravel("K"),
    "newaxis": lambda a: a[None],
    "broadcast": lambda a: np.broadcast_to(a, (2, a.size)),
    "copy of a broadcast": lambda a: np.broadcast_to(a, (2, a.size)).copy(),
    "one by one": lambda a: np.stack(list(a)),
    "elements": lambda a: np.stack([a[i] for i in range(a.size)]),
    "elements of a view": lambda a: np.stack([a[1:][i] for i in range(a.size - 1)]),
    "0-d views": lambda a: np.stack([a[i, ...] for i in range(a.size)]),
    "iteration over flat": lambda a: np.stack(list(a.flat)),
    "flat": lambda a: a.flat[:],
    "tolist": lambda a: np.stack(a.tolist()),
    "item": lambda a: np.stack([a.item(i) for i in range(a.size)]),
    "stack of two": lambda a: np.stack([a, a])[0],
    "concatenate of one": lambda a: np.concatenate([a]),
    "concatenate": lambda a: np.concatenate([a[:1], a[1:]]),
    "fancy": lambda a: a[list(range(a.size))],
    "mask": lambda a: a[np.ones(a.size, bool)],
    "empty mask and more": lambda a: a[1:][np.arange(a.size - 1) % 2 == 0],
    "take": lambda a: np.take(a, [0, 1]),
    "repeat": lambda a: np.repeat(a, 2),
    "roll": lambda a: np.roll(a, 1),
    "split": lambda a: np.split(a, 2)[0],
    "where": lambda a: np.where(np.arange(a.size) < 2, a, 0.0),
    "where all": lambda a: np.where(True, a, a),
    "sum": lambda a: a.sum(),
    "sum over nothing": lambda a: a.sum(axis=()),
    "sum of one row": lambda a: a[None].sum(axis=0),
    "cumsum": np.cumsum,
    "maximum": lambda a: np.maximum(a, -np.inf),
    "clip": lambda a: np.clip(a, None, None),
    "sort": lambda a: np.sort(a[None], axis=0)[0],
    "product": lambda a: np.eye(a.size) @ a,
    "einsum": lambda a: np.einsum("i->i", a),
    "squeeze": lambda a: np.squeeze(a[None]),
    "atleast_1d": np.atleast_1d,
    "diagonal": lambda a: np.diagonal(np.diag(a)),
    "nan_to_num": np.nan_to_num,
    "nan_to_num without copy": lambda a: np.nan_to_num(a, copy=False),
    "real of real": np.real,
    "real_if_close": lambda a: np.real_if_close(a + 0j),
    "trim_zeros": np.trim_zeros,
    "unstack": lambda a: np.unstack(a.reshape(2, -1))[1],
    "vsplit": lambda a: np.vsplit(a.reshape(2, -1), 2)[1],
    "windows": lambda a: np.lib.stride_tricks.sliding_window_view(a, 2),
    "sparse meshgrid": lambda a: np.meshgrid(a, a[:2], copy=False, sparse=True)[1],
    "atleast_3d": np.atleast_3d,
    "rot90": lambda a: np.rot90(a.reshape(2, -1)),
    "diagonal of a view": lambda a: np.diagonal(a.reshape(2, -1)),
    "diag of a view": lambda a: np.diag(a.reshape(2, -1)),
    "linalg.diagonal": lambda a: np.linalg.diagonal(a.reshape(2, -1)),
    "einsum transpose": lambda a: np.einsum("ij->ji", a.reshape(2, -1)),
    "einsum diagonal": lambda a: np.einsum("ii->i", a.reshape(2, -1)[:, :2]),
    "mT": lambda a: a.reshape(2, -1).mT,
    "moveaxis": lambda a: np.moveaxis(a.reshape(2, -1), 0, 1),
    "tile": lambda a: np.tile(a, 1),
    "resize": lambda a: np.resize(a, a.size),
    "pad": lambda a: np.pad(a, 0),
    "vstack": lambda a: np.vstack([a]),
    "delete": lambda a: np.delete(a, []),
    "append": lambda a: np.append(a, []),
    "fftshift": np.fft.fftshift,
    "partition": lambda a: np.partition(a[None], 0, axis=0)[0],
    "tril": lambda a: np.tril(np.outer(a, np.ones(2))),
    "mean over one": lambda a: np.mean(a[None], axis=0),
    "max over one": lambda a: np.max(a[None], axis=0),
    "median of one": lambda a: np.median(a[None], axis=0),
    "quantile of one": lambda a: np.quantile(a[None], 0.5, axis=0),
    "reduce over one": lambda a: np.add.reduce(a[None], axis=0),
    "reduce over one by a chain": lambda a: np.subtract.reduce(a[None], axis=0),
    "reduceat": lambda a: np.subtract.reduceat(a, np.arange(a.size)),
    "accumulate": lambda a: np.add.accumulate(a[None], axis=0)[0],
    "outer": lambda a: np.multiply.outer(1.0, a),
    "dot with 1": lambda a: np.dot(a, 1.0),
    "zero-th difference": lambda a: np.diff(a, n=0),
    "select": lambda a: np.select([np.ones(a.size, bool)], [a]),
    "compress": lambda a: np.compress(np.ones(a.size, bool), a),
    "choose": lambda a: np.choose(np.zeros(a.size, int), [a, a]),
    "nansum": lambda a: np.nansum(a[None], axis=0),
    "fabs": np.fabs,
    "round": lambda a: np.round(a) + a,
    "expand_dims": lambda a: np.expand_dims(a, 0),
    "ix_": lambda a: np.ravel(a[np.ix_([0, 1])]),
    "view method": lambda a: a.view(),
    "squeeze method": lambda a: a[None].squeeze(),
    "swapaxes method": lambda a: a[None].swapaxes(0, 1),
    "diagonal method": lambda a: a.reshape(2, -1).diagonal(),
    "item of one": lambda a: a[:1].item(),
    "tolist of one": lambda a: a[:1].tolist()[0],
    "sum of one": lambda a: np.sum(a[:1]),
    "mean of one": lambda a: a[:1].mean(),
    "product of one": lambda a: np.prod(a[:1]),
    "max of one": lambda a: a[:1].max(),
    "median of one number": lambda a: np.median(a[:1]),
    "quantile of one number": lambda a: np.quantile(a[:1], 0.5),
    "average of one": lambda a: np.average(a[:1]),
    "trace of one": lambda a: np.trace(a[None, :1]),
    "dot of one": lambda a: np.dot(a[:1], np.ones(1)),
    "matmul of one": lambda a: a[:1] @ np.ones(1),
    "take one": lambda a: np.take(a, 0),
    "take_along_axis": lambda a: np.take_along_axis(a, np.array([0]), 0),
    "reduce of one": lambda a: np.add.reduce(a[:1]),
    "unique of one": lambda a: np.unique(a[:1]),
    "where of one": lambda a: np.where(True, a[0], 0.0),
    "copy of a number": lambda a: a[0].copy(),
    "copy of a 0-d view": lambda a: a[0, ...].copy(),
    "reshape of a number": lambda a: np.reshape(a[0], (1,)),
    "atleast_1d of a number": lambda a: np.atleast_1d(a[0]),
    "ravel of a 0-d view": lambda a: a[0, ...].ravel(),
    "squeeze of one": lambda a: np.squeeze(a[:1]),
    "positive of a 0-d view": lambda a: +a[0, ...],
    "int power of a number": lambda a: a[0] ** 1,
    "element of a 0-d view": lambda a: a[0, ...][()],
    "full slice of a 0-d view": lambda a: a[0, ...][...],
    "first of unravelled": lambda a: a[np.unravel_index(0, a.shape)],
    "min of several": lambda a: min(a[0], a[1]),
    "asanyarray of a list": lambda a: np.stack([a[0, ...], a[1, ...]]),
    "flat element": lambda a: a.flat[0],
    "next of flat": lambda a: next(iter(a.flat)),
    "diagonal of one": lambda a: np.diagonal(a[None, :1]),
    "swapaxes of rows": lambda a: a.reshape(2, -1).swapaxes(0, 1)[0],
    "round trip": lambda a: (a + 1j * a).imag,
}


def write_in_parts(a, v):
    for i in range(len(a)):
        a[i] = v


CHANGES = [
    lambda a, v: a.__setitem__((-1,) * a.ndim, v),
    lambda a, v: a.__setitem__(slice(None, None, 2), v),
    lambda a, v: a.__setitem__([0, -1], v),
    lambda a, v: np.add(a, v, out=a),
    lambda a, v: a.fill(0.0),
    write_in_parts,
    lambda a, v: a[::-1].sort(axis=0),
]


@sizes
@pytest.mark.parametrize("sharer", SHARERS)
def test_a_write_reaches_what_shares_memory_and_nothing_else(sharer, n):
    """Every derivative is NumPy's own behaviour: copies keep theirs, views follow."""
    for change, is_result_changed, is_written_before in itertools.product(
        CHANGES, (False, True), (False, True)
    ):

        def f(x, change=change, options=(is_result_changed, is_written_before)):
            a = 2.0 * x
            if options[1]:
                a[1] = x[0]
            b = SHARERS[sharer](a)
            changed = b if options[0] else a
            if np.ndim(changed) and changed.flags.writeable:
                change(changed, 4.0 * x[-1])
            return np.concatenate([np.reshape(a, -1), np.reshape(b, -1)])

        check_piecewise_linear(f, n)


@sizes
@pytest.mark.parametrize(
    "f",
    [
        np.sum,
        np.max,
        np.median,
        np.trapezoid,
        np.subtract.reduce,
        np.add.reduce,
        lambda a: np.divide.reduce(a[:1]),
        lambda a: np.hypot.reduce(a[:1]),
        lambda a: np.logaddexp.reduce(a[:1]),
        lambda a: np.quantile(a, 0.5),
        lambda a: np.trace(a.reshape(2, -1)),
        lambda a: np.dot(a, np.ones(a.size)),
        lambda a: np.einsum("i->", a),
        lambda a: np.take(a, 1),
        lambda a: a[1],
        lambda a: a[1:2].item(),
        lambda a: a.flat[1],
        lambda a: a.tolist()[1],
    ],
)
def test_what_is_a_number_for_numpy_is_not_changed_in_place(f, n):
    """``total += 1`` makes a new number; who kept the old one still has it."""

    def g(x):
        total = kept = f(x)
        total += 2.0 * x[0]
        total *= 3.0
        return np.stack([kept, total, *x])

    assert not isinstance(f(start((n,))), np.ndarray)
    check_piecewise_linear(g, n)
