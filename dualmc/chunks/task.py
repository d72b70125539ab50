"""One chunk of columns, as a worker computes it: in a thread, a process, or on another machine.

A `Call` holds what all chunks of one derivative call have in common.  It is handed to executors as
it is: those that pickle it send bytes, which a worker opens once and keeps for the next chunks;
threads share it.
"""

import itertools
import os
import pickle
import sys
import threading
import time
import traceback
import uuid
from typing import Any, NamedTuple

import numpy as np

from dualmc.calls import refusals, seeds
from dualmc.calls.calling import called
from dualmc.calls.outputs import Piece
from dualmc.chunks import sending
from dualmc.duals import levels
from dualmc.duals.choices import meetings
from dualmc.duals.dual import Dual
from dualmc.errors import TangentLostError
from dualmc.passes import forward_pass
from dualmc.unchanged import adapt

_serials = itertools.count()


class Chunk(NamedTuple):
    """The columns from `begin` to `end`: what a task returns."""

    begin: int
    end: int
    y: Any
    columns: Any
    met: int  # as `choices.meetings` says it
    is_hidden: bool
    seconds: float
    worker: tuple  # the process that computed it


def version():
    return sys.modules["dualmc"].__version__


_identity = uuid.uuid4().hex


def worker():
    """What tells this process from all others, forked ones too."""
    return _identity, os.getpid()


class Stopped(Exception):
    """The call that a task belongs to has ended."""


class Call:
    """What the chunks of one call have in common; `computed` is one of them."""

    unit = "columns"

    def __init__(self, request, is_sparse):
        self.request = request
        self.is_sparse = is_sparse
        self.errors = np.geterr()
        self.refusals = refusals.mode()
        self.is_stopped = False
        self.key = f"{os.getpid()} {next(_serials)} {time.time_ns()}"
        self.problem = None  # why it could not be sent
        self._bytes = None
        self._lock = threading.Lock()

    def computed(self, begin, end):
        """The chunk of columns from `begin` to `end`."""
        request = self.request
        y, pieces, _ = forward_pass.passes(request, self.is_sparse, begin, end)
        columns = forward_pass.joined(pieces, request.sparse)
        if type(y) is Dual or type(columns) is Dual:
            raise TangentLostError(
                f"{request.caller}: f, called in several threads at once, computed with a Dual of "
                f"another thread: it keeps arrays where all threads find them (an attribute, a "
                f"global name, a list). Keep them in local names, or use processes."
            )
        return y, columns

    @adapt.restarting
    def along(self, begin, v):
        """The columns from `begin` on times `v`, by one pass in that direction, (*S,)."""
        request = self.request
        whole = np.zeros(sum(request.sizes))
        whole[begin : begin + v.size] = v
        parts = np.split(whole, np.cumsum(request.sizes)[:-1])
        with levels.open_level(1) as level:
            inputs = [
                seeds.seed_direction(x, np.reshape(part, x.shape), level)
                for x, part in zip(request.xs, parts, strict=True)
            ]
            y, _ = called(request, inputs, level)
            return Piece(y, level, np.result_type(*request.xs)).columns()[..., 0]

    def __reduce__(self):
        with self._lock:
            if self._bytes is None:
                state = self.request, self.is_sparse, self.errors, self.refusals
                try:
                    self._bytes = self._packed(state)
                except Exception as problem:
                    self.problem = problem
                    raise
        return Sent, (self._bytes, self.key)

    def _packed(self, state):
        return sending.packed((type(self), state), self.request.f, self.request.caller)

    @classmethod
    def received(cls, request, is_sparse, errors, mode):
        """The call of another process."""
        call = cls(request, is_sparse)
        call.errors, call.refusals = errors, mode
        return call


class Sent:
    """A `Call` on its way: bytes, opened where it is used."""

    kept: dict = {}  # the calls of which this process has computed chunks last
    lock = threading.Lock()

    def __init__(self, data, key):
        self.data, self.key = data, key

    def __reduce__(self):
        return Sent, (self.data, self.key)

    def opened(self):
        with self.lock:
            call = self.kept.get(self.key)
            if call is None:
                kind, state = pickle.loads(self.data)
                call = kind.received(*state)
                while len(self.kept) > 1:
                    del self.kept[next(iter(self.kept))]
                self.kept[self.key] = call
        return call


class Failed:
    """An error of a task, which travels where it can be pickled, and as its text else."""

    def __init__(self, error, text=""):
        self.error, self.text = error, text

    def __reduce__(self):
        text = "".join(traceback.format_exception(self.error))
        try:
            data = pickle.dumps(self.error)
            pickle.loads(data)
        except Exception:
            data = None
        return _unpacked, (data, text, type(self.error).__name__)


def _unpacked(data, text, name):
    try:
        error = pickle.loads(data)
    except Exception:
        error = RuntimeError(f"f raised {name} in a worker; the error itself cannot be sent.")
    return Failed(error, text)


def run(call, begin, end):
    """The chunk of `call` from column `begin` to `end`, or the `Failed` that it ended with.

    What this raises is not f's: it is the executor's.
    """
    start = time.perf_counter()
    mark = levels.mark()
    try:
        if type(call) is Sent:
            call = call.opened()
        if call.is_stopped:
            return Failed(Stopped())
        before = meetings.met, meetings.is_hidden
        meetings.met, meetings.is_hidden = 0, False
        refusals.begin(call.refusals)
        try:
            with np.errstate(**call.errors):
                y, columns = call.computed(begin, end)
            met, is_hidden = meetings.met, meetings.is_hidden
        finally:
            refusals.end()
            meetings.met, meetings.is_hidden = before
    except Exception as error:
        levels.close_beyond(mark)
        return Failed(error)
    except BaseException:
        levels.close_beyond(mark)
        raise
    return Chunk(begin, end, y, columns, met, is_hidden, time.perf_counter() - start, worker())
