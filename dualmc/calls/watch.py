"""Where conventions decide derivatives: a look at f before it is differentiated, and the report.

A differentiation that is watched first looks at f: it runs f once more, along one generic
direction and on Duals of Duals, since there every function takes its general way, in which
`choices.py` meets the kinks of `kink_table.py`.  So the ways of ordinary calls know nothing of it,
and all modes report the same.
"""

import linecache
import os
import sys
import threading
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from dualmc.calls import refusals
from dualmc.calls.calling import called
from dualmc.calls.seeds import seed_direction
from dualmc.calls.structures.trees import Structure
from dualmc.duals import choices
from dualmc.duals.choices import meetings
from dualmc.duals.dual import Dual
from dualmc.duals.levels import open_level
from dualmc.errors import NUMPY, OWN, KinkError, KinkWarning
from dualmc.kernels.payload import is_zero
from dualmc.rules import registry
from dualmc.rules.kink_table import KINKS, generic
from dualmc.unchanged import adapt


class _Thread(threading.local):
    def __init__(self):
        self.modes = []  # of the blocks around, innermost last
        self.is_busy = False  # whether a look, or the call that it was for, is under way


_thread = _Thread()
_lock = threading.Lock()
# How many blocks, in all threads, report kinks: what every differentiation asks first.
watched = 0


def begin(mode):
    """A block of this thread in which kinks are reported as `mode` says."""
    global watched
    _thread.modes.append(mode)
    if mode != "ignore":
        with _lock:
            watched += 1


def end():
    """The end of the innermost block."""
    global watched
    if _thread.modes.pop() != "ignore":
        with _lock:
            watched -= 1


def is_due():
    """Whether a differentiation that this thread begins is to be looked at."""
    modes = _thread.modes
    return bool(modes) and modes[-1] != "ignore" and not _thread.is_busy


@contextmanager
def looked_at(request, directions=None):
    """Report the kinks of the call `request`; inside the block, calls are not looked at."""
    mode = _thread.modes[-1]
    _thread.is_busy = True
    try:
        _report(request.caller, mode, *found(request, directions))
        yield
    finally:
        _thread.is_busy = False


def look(request):
    """Report the kinks of the call `request`, which looks at nothing itself."""
    if is_due():
        with looked_at(request):
            pass


# --- A look ---------------------------------------------------------------------------------------


class Met(NamedTuple):
    """Kinks of one function at one line of f."""

    function: str
    taken: str
    file: str
    line: int
    count: int

    def __str__(self) -> str:
        elements = f"{self.count} element{'s' * (self.count != 1)}"
        text = f"{self.function} is at a kink in {elements} ({self.taken})"
        if not self.file:
            return text
        source = linecache.getline(self.file, self.line).strip()
        return f"{text}\n  at {self.file}, line {self.line}" + (f": {source}" if source else "")


@adapt.restarting
def found(request, directions=None):
    """The kinks of a call, and the error that ended the look at it, or None."""
    met = _Found()
    if directions is None:
        directions = [generic(x.shape).astype(x.dtype) for x in request.xs]
    before, choices.state.report = choices.state.report, met.add
    was_busy, _thread.is_busy = _thread.is_busy, True
    _look(1)
    problem, values_met = None, meetings.met
    try:
        with open_level(1) as outer, open_level(1) as inner:
            inputs = request.xs
            for level in (outer, inner):
                inputs = [
                    seed_direction(x, v, level) for x, v in zip(inputs, directions, strict=True)
                ]
            with np.errstate(all="ignore"):
                called(request, inputs, inner)
    except Structure:  # the call itself begins anew
        raise
    except Exception as error:  # which the call itself will raise, if it is f's
        problem = f"{type(error).__name__}: {error}"
    finally:
        _look(-1)
        choices.state.report = before
        meetings.met = values_met
        _thread.is_busy = was_busy
    return met.all(), problem


def _look(step):
    with _lock:
        choices.reporting += step


class _Found:
    """What is met, by place."""

    def __init__(self):
        self.counts = {}
        self.latest = None

    def add(self, function, at, gap):
        place = _place()
        if place is None:
            return
        count = int(np.count_nonzero(np.broadcast_to(at, np.shape(gap)) & _is_active(gap)))
        if not count:
            return
        frame, outer = place
        name = registry.name_of(function)
        name = name if outer in (None, name) else f"{name} (in {outer})"
        key = name, KINKS[function].taken, *_line(frame)
        # A function of a Dual calls itself on what that holds: only the outermost call counts.
        here, serial = (id(frame), frame and frame.f_lasti, name), gap.level.serial
        if self.latest is not None and self.latest[0] == here:
            if serial < self.latest[1]:
                return
            if serial > self.latest[1]:
                self.counts[key] -= self.latest[2]
        self.latest = here, serial, count
        self.counts[key] = self.counts.get(key, 0) + count

    def all(self):
        return [Met(*key, count) for key, count in self.counts.items()]


def _is_active(gap):
    """Where a derivative of `gap` is not 0, at any level that computes them."""
    active = np.zeros(np.shape(gap), bool)
    while type(gap) is Dual:
        t = gap.own_tangent()
        if t is not None and not t.is_recorded:
            active |= ~np.asarray(is_zero(t.to_dense().dense())).all(axis=0)
        gap = gap.primal
    return active


# Where calls are dualmc's own: partials and sweeps, not f.
_CHOICES = choices.__file__
_INTERNAL = (
    _CHOICES,
    *(
        OWN + room + os.sep
        for room in ("rules", "cotangents", os.path.join("functions", "special"))
    ),
)


def _place():
    """The frame of the user's line that is running, and the function that it called, if that is
    known; None if dualmc itself called what is at a kink.
    """
    outer = None
    frame = sys._getframe(2)
    while frame.f_code.co_filename == _CHOICES:
        frame = frame.f_back
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_INTERNAL):
            return None
        if frame.f_code is found.__wrapped__.__code__:  # f is a function of a library
            return None, outer
        if not file.startswith((OWN, NUMPY)):
            if not refusals.is_library(frame):
                break
        else:
            outer = _handlers().get(frame.f_code, outer)
        frame = frame.f_back
    return frame, outer


_names: dict = {}


def _handlers():
    """The names of functions by the code of their handlers, of those that share it with none."""
    if not _names:
        for table in (registry.FUNCTIONS, registry.UFUNCS):
            for function, entry in table.items():
                code = getattr(entry.handler, "__code__", None)
                _names[code] = None if code in _names else registry.name_of(function)
    return _names


def _line(frame):
    return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


# --- A report -------------------------------------------------------------------------------------


def _report(caller, mode, met, problem):
    texts = [f"{caller}: {kink}" for kink in met]
    if problem is not None:
        texts.append(f"{caller}: the look for kinks ended early, with {problem}")
    if not texts:
        return
    if mode == "raise":
        raise KinkError("\n".join(texts))
    for text, kink in zip(texts, [*met, None], strict=False):
        file, line = (kink.file, kink.line) if kink and kink.file else (__file__, 0)
        warnings.warn_explicit(text, KinkWarning, file, line)
