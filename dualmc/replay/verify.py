"""A replay counts only after it has agreed with fresh calls: where it was recorded, and beside it.

A point where much is 0 hides errors, so the second point is a generic one near by: the farthest of
some at which the replay's guards hold.  Two right programs differ by rounding, which f may amplify;
how much is seen from fresh calls at points that differ by rounding.
"""

import math

import numpy as np

from dualmc.calls import options
from dualmc.replay.guards.arguments import arguments_of, inputs_of
from dualmc.replay.recording.program import NotReplayable

# Difference of an entry from a fresh one, relative to the largest of its row.
TOLERANCE = 1e-8
# How far away the second point is looked for, relative to each number.
STEPS = (1e-2, 1e-4, 1e-7)
# Fresh calls that tell what rounding does, and how many times that much is rounding still.
ROUNDINGS, ROUNDED = 3, 32.0


def verify(path, fresh, key, args):
    """Compare `path` with fresh calls at `args` and near by, and note whether that could be done.

    ``fresh(args)`` is the value and the Jacobian, by each of the arguments differentiated: sparse
    where the path's is, or has hardly an entry.

    Raises
    ------
    NotReplayable
        Where they disagree.
    """

    def rows(inputs):
        y, parts = fresh(arguments_of(key, args, inputs))
        parts = parts if type(parts) is tuple else (parts,)
        if not issubclass(type(parts[0]), np.ndarray | float):
            return y, options.import_sparse("prepare").hstack(parts, format="csr")
        columns = [math.prod(shape) for shape in path.input_shapes]
        blocks = [np.reshape(J, (path.rows, n)) for J, n in zip(parts, columns, strict=True)]
        return y, blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)

    path.is_verified = _is_verified(path, rows, inputs_of(key, args))


def _is_verified(path, fresh, inputs):
    """Whether `path` could be compared anywhere; ``fresh(inputs)`` is (value, rows by columns)."""
    is_seen = _agrees(path, fresh, inputs, "where it was recorded")
    generator = np.random.default_rng(1)
    for step in STEPS:
        if _agrees(path, fresh, _near(inputs, step, generator), "at a point near by"):
            return True
    return is_seen


def check_value(path, run):
    """Compare the values of ``run(inputs)`` with those seen when the Jacobian was verified."""
    for inputs, expected, slack in path.witnesses:
        found = run(inputs)
        if found is None:
            continue
        y = found[0].reshape(-1)
        with np.errstate(invalid="ignore"):
            error = np.where(y == expected, 0.0, np.abs(y - expected))
        is_same = (error <= TOLERANCE * (np.abs(expected) + slack)) | (
            np.isnan(y) & np.isnan(expected)
        )
        if not is_same.all():
            raise NotReplayable(_disagreement("value", error.max(), "at a point compared"))


def _near(inputs, step, generator):
    """A point beside `inputs`, all numbers of which differ from theirs."""
    return [
        x + step * generator.uniform(0.5, 1.0, x.shape) * np.where(x == 0, 1.0, np.abs(x))
        * generator.choice([-1.0, 1.0], x.shape)
        for x in inputs
    ]  # fmt: skip


def _agrees(path, fresh, inputs, where):
    """Whether the replay holds at `inputs`; refused if it then differs from a fresh call."""
    found = path(inputs)
    if found is None:
        return False
    y, J = _called(fresh, inputs, where)
    rows = _row_maxima(J)
    error = _row_maxima(_difference(path.matrix(found), J))
    size = max((np.abs(x).max(initial=0.0) for x in inputs), default=0.0)
    if not (error <= TOLERANCE * rows).all():
        noise = _noise(fresh, inputs, J, where)
        if not (error <= TOLERANCE * rows + ROUNDED * noise).all():
            raise NotReplayable(_disagreement("Jacobian", error.max(), where))
        rows = rows + noise / TOLERANCE
    path.witnesses.append((inputs, np.asarray(y, float).reshape(-1), rows * size))
    return True


def _called(fresh, inputs, where):
    with np.errstate(all="ignore"):
        try:
            return fresh(inputs)
        except Exception as error:
            raise NotReplayable(
                f"{where} it raises {type(error).__name__}, which its replay does not"
            ) from error


def _noise(fresh, inputs, J, where):
    """Per row, by how much an entry changes where the inputs change by rounding."""
    generator = np.random.default_rng(2)
    eps = np.finfo(float).eps
    found = np.zeros(J.shape[0])
    for _ in range(ROUNDINGS):
        _, other = _called(fresh, _near(inputs, 2 * eps, generator), where)
        found = np.maximum(found, _row_maxima(other - J))
    return found


def _difference(found, J):
    """``found - J``; where only J is sparse, and `found` is 0 elsewhere, so is the difference."""
    if issubclass(type(found), np.ndarray) and not issubclass(type(J), np.ndarray):
        J.sum_duplicates()
        row = np.repeat(np.arange(J.shape[0]), np.diff(J.indptr))
        at = found[row, J.indices]
        if np.count_nonzero(found) == np.count_nonzero(at):
            out = J.copy()
            out.data = at - J.data
            return out
        J = J.toarray()
    return found - J


def _row_maxima(J):
    """The largest absolute entry of each row; NaN where a row has one."""
    if issubclass(type(J), np.ndarray):
        return np.maximum(J.max(axis=1, initial=0.0), -J.min(axis=1, initial=0.0))
    out = np.zeros(J.shape[0])
    starts = J.indptr[:-1][np.diff(J.indptr) > 0]
    if starts.size:
        out[np.diff(J.indptr) > 0] = np.maximum.reduceat(np.abs(J.data), starts)
    return out


def _disagreement(what, error, where):
    return (
        f"{where} its {what} differs from that of a fresh call by up to {error:.1e}, "
        f"which is an error of dualmc's"
    )
