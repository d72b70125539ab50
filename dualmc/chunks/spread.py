"""One derivative call in chunks: `Spread` holds its options and makes the Jacobian.

f is first called for one column, here: that tells the shape of y, what a column takes, and the
value that every worker has to find too.
"""

import contextlib
import math

import numpy as np
from numba.core.registry import CPUDispatcher

from dualmc.calls import options, room
from dualmc.calls.outputs import scalar, split
from dualmc.chunks import bar, given, workers
from dualmc.chunks.journal import Journal
from dualmc.chunks.sizes import Widths
from dualmc.chunks.targets import Given, Matrix, Whole
from dualmc.chunks.task import Call, worker
from dualmc.duals import levels
from dualmc.duals.choices import meetings
from dualmc.duals.dual import Dual
from dualmc.passes import forward_pass

# Relative difference up to which the values of f that two workers compute are the same: they may
# add in another order.
AGREEMENT = 1e-8


class Spread:
    """The options executor=, out=, resume= and progress= of a call, checked."""

    def __init__(self, caller, executor, out, resume, progress):
        if executor is not None and not callable(getattr(executor, "submit", None)):
            raise TypeError(
                f"{caller}: executor must be a concurrent.futures.Executor, of threads or "
                f"processes, or like one (of loky, or dask's client.get_executor()); got "
                f"{type(executor).__name__}."
            )
        self.caller = caller
        self.executor = executor
        self.out = out
        self.resume = options.check_flag("resume", resume, caller)
        self.progress = options.check_flag("progress", progress, caller)
        if self.resume and out is None:
            raise ValueError(f"{caller}: resume=True goes on with a file, which out= gives.")

    def refuse_structures(self):
        if self.out is not None:
            raise TypeError(
                f"{self.caller}: out= takes the Jacobian of one array by arrays, and x or what f "
                f"returns is a structure. Leave out= away, or let f take and return arrays."
            )

    def refuse_out_of_batch(self):
        if self.out is not None:
            raise ValueError(
                f"{self.caller}: out= takes no batch=. Store it part by part: out[a:b] = "
                f"{self.caller}(f, X[a:b], batch=True)."
            )

    def passes(self, request):
        """The value, the Jacobian, and aux."""
        if self.out is not None and request.sparse:
            raise ValueError(
                f"{self.caller}: out= takes a dense Jacobian; sparse=True returns a matrix. Give "
                f"one of them."
            )
        arrays = None if self.out is None else given.arrays_of(self.out, request)
        is_inner = levels.current() is not None or any(type(x) is Dual for x in request.xs)
        if is_inner and arrays is not None:
            raise TypeError(
                f"{self.caller}: out= holds numbers, and inside of another derivative call the "
                f"Jacobian is made of Duals. Leave out= away there."
            )
        is_whole = is_inner or type(request.f) is CPUDispatcher and request.sparse
        if is_whole or sum(request.sizes) == 0 and arrays is None:
            y, pieces, aux = forward_pass.passes(request)  # in one, and here
            columns = forward_pass.joined(pieces, request.sparse)
            return scalar(y), split(request, columns, y.shape), aux
        return self._in_chunks(request, arrays)

    def _in_chunks(self, request, arrays):
        n = sum(request.sizes)
        count = 0 if self.executor is None else workers.count_of(self.executor)
        answers = workers.asked(self.executor, count, self.caller)
        is_sparse = forward_pass.seeds.starts_sparse(n, request.sparse)
        y, (column, *_), aux = forward_pass.passes(request, is_sparse, 0, min(1, n))
        if arrays is not None:
            given.check(arrays, request, y.shape, column.dtype)
            for a in arrays:
                given.reserve(a, self.caller)
            shapes = [x.shape for x in request.xs]
            target = Given(arrays, shapes, y.ndim, request.layout == "denominator")
        elif request.sparse:
            target = Matrix()
        else:
            target = Whole(y.shape, n, column.dtype)
        workers.check_answers(answers, self.caller)
        call = Call(request, is_sparse)
        journal = Journal(arrays, request, y) if arrays is not None else None
        if journal is not None:
            journal.begin(self.resume)
            self._check_resumed(request, is_sparse, target, journal)
        gaps = [(0, n)] * (n > 0) if journal is None else journal.gaps(n)
        size = 0 if request.sparse else math.prod(y.shape) * column.dtype.itemsize
        widths = Widths(sum(b - a for a, b in gaps), size, request.chunk_size, count)
        self._compute(call, gaps, widths, target, journal, y)
        if arrays is not None:
            return scalar(y), self.out, aux
        return scalar(y), split(request, target.all(), y.shape), aux

    def _check_resumed(self, request, is_sparse, target, journal):
        """Raise `ValueError` if a column that is done is not the one that f has now."""
        if not journal.done:
            return
        at = journal.done[0][0]
        _, (now, *_), _ = forward_pass.passes(request, is_sparse, at, at + 1)
        if _is_far(target.get(at, at + 1), now):
            raise ValueError(
                f"{self.caller}: resume=True cannot go on: column {at} in out is not that of f as "
                f"it is now. What f reads has changed. Remove {journal.path} to begin anew."
            )

    def _compute(self, call, gaps, widths, target, journal, y):
        n = sum(call.request.sizes)
        done = n - sum(end - begin for begin, end in gaps)
        shown = bar.shown(self.progress, n, done, self.caller)
        chunks = workers.computed(call, gaps, widths, self.executor)
        met, is_hidden = meetings.met, meetings.is_hidden
        known = {worker()}  # those where f is known to be what it is here
        try:
            with contextlib.closing(chunks):
                for chunk in chunks:
                    _check_value(chunk, y, call.request)
                    if chunk.worker not in known:
                        _check_columns(chunk, call)
                        known.add(chunk.worker)
                    self._put(target, chunk, journal)
                    met, is_hidden = max(met, chunk.met), is_hidden or chunk.is_hidden
                    done += chunk.end - chunk.begin
                    shown.update(chunk.end - chunk.begin)
        except BaseException as error:
            if journal is not None and done:
                error.add_note(
                    f"{self.caller}: {done} of {n} columns are in out"
                    + (": resume=True goes on with them." if journal.path else ".")
                )
            raise
        finally:
            call.is_stopped = True
            shown.close()
        meetings.met, meetings.is_hidden = met, is_hidden
        if journal is not None:
            journal.end()

    def _put(self, target, chunk, journal):
        try:
            target.put(chunk.begin, chunk.end, chunk.columns)
            if journal is not None:
                journal.note(chunk.begin, chunk.end)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{self.caller}: columns {chunk.begin} to {chunk.end - 1} could not be written to "
                f"out ({error.strerror or error}). What was written before is kept.",
            ) from error
        except Exception as error:  # as h5py raises them
            error.add_note(
                f"{self.caller}: this was while columns {chunk.begin} to {chunk.end - 1} were "
                f"written to out. What was written before is kept."
            )
            raise

    def rewritten(self, J, resolved):
        """J with what ``resolved(J)`` makes of it, in its place."""
        if self.out is None:
            return resolved(J)
        is_one = not issubclass(type(J), (tuple, list))
        arrays = [J] if is_one else list(J)
        for a in arrays:
            room.need(a.shape, a.dtype)
        plain = [np.asarray(a[...]) for a in arrays]
        found = resolved(plain[0] if is_one else tuple(plain))
        for a, before, after in zip(arrays, plain, [found] if is_one else found, strict=True):
            if after is not before:
                a[...] = after
        return J


def _check_value(chunk, y, request):
    """Raise `ValueError` if f has another value in a chunk: it is another function there."""
    there = chunk.y
    if np.shape(there) != y.shape:
        raise ValueError(
            f"{request.caller} calls f once per chunk of columns, and f returned shape "
            f"{np.shape(there)} after shape {y.shape}. f must be a function of its arguments alone."
        )
    if _is_far(there, y):
        raise _other(chunk, request.caller, "value")


def _check_columns(chunk, call):
    """Raise `ValueError` if the columns of a worker are not those that f has here.

    Its value can be the same where its derivative is not: a slope that was changed here alone has
    no part in the value at 0.
    """
    columns, request = chunk.columns, call.request
    width = chunk.end - chunk.begin
    if chunk.met or type(request.f) is CPUDispatcher and width > 1:
        _, (here, *_), _ = forward_pass.passes(
            request, call.is_sparse, chunk.begin, chunk.begin + 1
        )
        there, here = columns[..., :1] if not request.sparse else columns[:, [0]], here
        there, here = (a.toarray() if request.sparse else a for a in (there, here))
        size = np.abs(here)
    else:
        fractions = np.modf(np.arange(1, width + 1) * 0.6180339887498949)[0]
        v = 1.0 + np.floor(8 * fractions) / 8  # exact in every dtype
        here, there, size = call.along(chunk.begin, v), columns @ v, abs(columns) @ v
        here = np.reshape(here, np.shape(there))
    with np.errstate(all="ignore"):
        most = np.max(size, initial=0.0, where=np.isfinite(size))
        eps = max(np.finfo(a.dtype).eps for a in (columns, *request.xs))
        tolerance = max(AGREEMENT, 100 * width * eps) * most
        is_far = np.abs(here - there) > tolerance  # not where one is infinite or no number
    if is_far.any():
        raise _other(chunk, request.caller, "derivative")


def _other(chunk, caller, what):
    return ValueError(
        f"{caller}: f has another {what} in the chunk of columns {chunk.begin} to "
        f"{chunk.end - 1} than before: it draws random numbers, changes what it reads, or "
        f"reads what is different in that worker (a global name that was changed, a file). f "
        f"must be a function of its arguments alone."
    )


def _is_far(a, b):
    """Whether two arrays differ by more than rounding, relative to the largest element."""
    if np.array_equal(a, b, equal_nan=True):
        return False
    with np.errstate(all="ignore"):
        size = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
        is_same = (np.abs(a - b) <= AGREEMENT * size) | (a == b) | np.isnan(a) & np.isnan(b)
    return not is_same.all()
