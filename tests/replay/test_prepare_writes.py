"""Loops that fill arrays are prepared as they are: every version read is the one that was written.

The oracle is the complex step, for random programs too.
"""

import numpy as np
import pytest
from oracles import complex_step

import dualmc as dm


def filled(x):
    out = np.zeros(x.size, x.dtype)
    for i in range(x.size):
        out[i] = x[i] ** 2 * x[i - 1] + (out[i - 1] if i else 1.0)
    return out


def overwritten(x):
    out = np.ones(x.size, x.dtype)
    out[1:] = x[:-1]
    out[::2] = 3.0 * x[::2]
    out[-1] = out[0] * out[1]
    out[0] += out[-1]
    return out * x


def earlier_versions(x):
    out = np.zeros(x.size, x.dtype)
    kept = []
    for i in range(x.size):
        out[i] = x[i]
        kept.append(out.copy())
        out[: i + 1] *= 2.0
    return np.stack(kept).sum(axis=0) + out


def views(x):
    out = np.zeros(2 * x.size, x.dtype)
    left, right = out[: x.size], out[x.size :]
    left[:] = x
    right[1:] = left[:-1] * x[1:]
    left[0] = right[1] * 5.0
    return out


def matrix(x):
    M = np.zeros((3, x.size), x.dtype)
    M[1] = x
    M[:, 2] = x[0] * 2.0
    M[np.array([0, 2, 0]), np.array([0, 1, 0])] = x[:3]
    M[np.eye(3, x.size, dtype=bool)] = x[1]
    M[0, ...] += M[1, ::-1]
    return M.T.ravel()


def zero_dimensional(x):
    total = np.zeros((), x.dtype)
    for v in x:
        total[...] = total + v**2
        total += 1.0
    return total * x


def broadcast_values(x):
    out = np.zeros((x.size, 2), x.dtype)
    out[:] = x[:, None]
    out[1:, 1] = 4.0
    out[:, 0] *= x[1]
    return out


def written_as_returned(x):
    out = np.zeros(x.size, x.dtype)
    out[:2] = x[1:3]
    out[0] = 7.0
    return out


def nothing_kept(x):
    out = x.copy()
    out[:] = 1.0
    out[2:2] = 5.0
    return out * x[0]


PROGRAMS = {
    f.__name__: f
    for f in (
        filled, overwritten, earlier_versions, views, matrix, zero_dimensional, broadcast_values,
        written_as_returned, nothing_kept,
    )
}  # fmt: skip
X = np.array([0.7, 1.3, -0.4, 0.9])


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_written_is_replayed(name, sparse):
    f = PROGRAMS[name]
    prepared = dm.prepare(f, X + 0.2, sparse=sparse)
    assert prepared.reason is None
    y, J = prepared.value_and_jacobian(X)
    J = J.toarray().reshape(np.shape(y) + X.shape) if sparse else J
    np.testing.assert_allclose(y, f(X), rtol=1e-14)
    np.testing.assert_allclose(J, complex_step(f, X), rtol=1e-12, atol=1e-14)


def program(seed):
    """A function that writes, reads, keeps and views a buffer in a random order."""
    chance = np.random.default_rng(seed)
    keys = [0, -1, 2, slice(1, 3), slice(None, None, 2), slice(None), ..., np.array([3, 1]),
            np.array([True, False, True, False])]  # fmt: skip
    steps = [
        (int(chance.integers(7)), keys[chance.integers(len(keys))], keys[chance.integers(4)],
         int(chance.integers(4)), float(chance.uniform(0.5, 1.5)))
        for _ in range(14)
    ]  # fmt: skip

    def f(x):
        out = np.zeros(4, x.dtype)
        kept, view = [x], out[1:]
        for kind, key, other, i, number in steps:
            if kind == 0:
                out[key] = number
            elif kind == 1:
                out[key] = kept[-1][i] * number
            elif kind == 2:
                out[key] += x[key] * kept[i % len(kept)][key]
            elif kind == 3:
                kept.append(out.copy() + x)
            elif kind == 4:
                view[i % 3] = out[i] + x[i] * number
            elif kind == 5:
                kept.append(out * number)
                out = out.copy()
            else:
                out[other] = np.sin(out[other] + x[other])
        return out + kept[-1] * view.sum()

    return f


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_that_write(seed):
    f = program(seed)
    prepared = dm.prepare(f, X + 0.2)
    assert prepared.reason is None
    for x in (X, X[::-1].copy()):
        y, J = prepared.value_and_jacobian(x)
        np.testing.assert_allclose(y, f(x), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(J, complex_step(f, x), rtol=1e-11, atol=1e-13)


def test_lowering_a_long_fill_reads_few_elements(monkeypatch):
    """Each turn costs what it writes, not the length of the array."""
    from dualmc.replay.arithmetic import steps

    lowered = []
    original = steps._lowered
    monkeypatch.setattr(
        steps,
        "_lowered",
        lambda node, *rest: lowered.append(node.function) or original(node, *rest),
    )
    prepared = dm.prepare(filled, np.linspace(0.1, 1, 60), sparse=True)
    assert prepared.reason is None
    assert not any(getattr(function, "__name__", "") == "written" for function in lowered)
