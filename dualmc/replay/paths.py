"""Which ways through f have machine code, which of them holds at a call, and how they are made.

f is recorded at a point and compared with fresh calls there; what is not the same, or is slower, is
refused with a reason.
"""

import functools
import importlib.util
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from dualmc.calls.request import Request
from dualmc.calls.structures.trees import Structure
from dualmc.kernels.compiling import HAS_COMPILER
from dualmc.replay import copying
from dualmc.replay.arithmetic.least import TOO_SLOW
from dualmc.replay.guards.arguments import are_plain, inputs_of, key_of, with_memory
from dualmc.replay.guards.outside import made_within
from dualmc.replay.path import GUARDED, Path
from dualmc.replay.recording import derivatives
from dualmc.replay.recording.budget import Budget
from dualmc.replay.recording.program import NotReplayable
from dualmc.replay.verify import verify

HAS_SCIPY = importlib.util.find_spec("scipy") is not None
# Ways through f that are kept as machine code.
MOST = 8
# How many times each a replay and a fresh call are timed, where either may be faster, and how many
# times longer the replay may take.
TRIALS, SLOWER = 5, 1.2


class Worth:
    """What a recording may cost, and whether a replay is worth it: by the clock."""

    is_whole = False  # whether the steps that only the value needs have to be taken, too

    def __init__(self, max_seconds: float | None) -> None:
        self.max_seconds = max_seconds

    def budget(self, fresh: Callable | None) -> Budget:
        """That of one recording; a replay may not be slower than ``fresh()``, if that is given."""
        slowest = (lambda: math.inf) if fresh is None else lambda: SLOWER * _least(fresh)
        return Budget(self.max_seconds, slowest)

    def is_faster(self, path: Path, inputs: list | None, fresh: Callable) -> bool:
        """Whether a replay of `path`, which may be slow, is not clearly slower than ``fresh()``."""
        return _is_faster(path, inputs, fresh)


class Paths:
    """The paths of a prepared function.

    Parameters
    ----------
    request : Request
    of : str
        Which derivative.
    fresh : callable
        ``fresh(args, with_value, **options)`` is (value, derivative) without machine code.
    options : dict
        Those that a fresh call takes.
    worth : Worth
        What a recording may cost, and whether a replay is worth it.
    is_direct : bool
        Whether a result is the array of one argument as a path has it.

    Attributes
    ----------
    active, is_tuple, format
        The numbers of the arguments differentiated, whether they were given as a tuple, and the
        format of a sparse Jacobian.
    kept : list of (key, Path)
        The latest first; another list after each change.
    slow : list of (key, Path)
        Those that a fresh call outruns, which only native code is made of.
    short : Path or None
        The latest, if a call with one vector need not look any further.
    reason, refusal : str or None
        Why nothing is replayed, and why a way that was met later is not.
    """

    is_compiled = False

    def __init__(
        self,
        request: Request,
        of: str,
        fresh: Callable,
        options: dict,
        worth: "Worth",
        is_direct: bool,
    ) -> None:
        self._request = request
        self.active = request.numbers
        self.is_tuple = request.is_tuple
        self.format = request.format
        self._of = of
        self._fresh = fresh
        self._options = options
        self._worth = worth
        self._is_direct = is_direct
        self._misses = 0
        self._guarded = 0  # which of GUARDED is tried first
        self.lock = threading.Lock()
        self.kept: list[tuple[tuple, Path]] = []
        self.slow: list[tuple[tuple, Path]] = []
        self.short: Path | None = None
        self.reason: str | None = None
        self.refusal: str | None = None
        self.served: dict = {}  # native code that was asked for: see `export/served.py`

    def __copy__(self) -> "Paths":
        other = object.__new__(Paths)
        other.__dict__.update(self.__dict__, lock=threading.Lock())
        return other

    def replayed(self, args: tuple, with_value: bool) -> tuple[Path, Any] | None:
        """The first path that holds at `args`, and what it gives; a new path where none does."""
        is_known = False
        kept = self.kept
        for key, path in kept:
            inputs = inputs_of(key, args)
            if inputs is None or not path.check(args):
                continue
            try:
                found = path.value_and_entries(inputs) if with_value else path(inputs)
                if found is not None and not path.is_verified:
                    self._verify(path, key, args)
            except NotReplayable as problem:
                self._drop(path, str(problem))
                continue
            if found is not None:
                return path, found
            is_known = is_known or path.held
        if is_known or self.reason is not None or not are_plain(args, self.active):
            return None
        self._misses += 1
        if self._misses & (self._misses - 1) == 0:  # at misses 1, 2, 4, 8, ...
            self.add(args, kept)
        return None

    def machine(self, args: tuple) -> tuple | None:
        """What is asked of a path at every call, to be asked apart: see `Prepared.machine`."""
        for key, path in self.kept:
            inputs = inputs_of(key, args)
            if inputs is not None and path.is_verified and path.check(args):
                try:
                    path.value_and_entries(inputs)
                except NotReplayable as problem:
                    self._drop(path, str(problem))
                    continue
                return path.value_and_entries, functools.partial(path.check, args), inputs
        return None

    def add(self, args: tuple, known: list) -> None:
        """Record f at `args`, make machine code of it and compare the two Jacobians there."""
        with self.lock:
            if self.kept is not known:  # another thread was here meanwhile
                return
            try:
                key, path = self._made(args)
            except NotReplayable as problem:
                self._refuse(str(problem))
            except Structure as problem:
                if not known and not self._misses:  # the first recording: `Prepared` begins anew
                    raise
                self._refuse(str(problem))
            except Exception as problem:
                # What f does with Duals decides; this only says why it is not replayed.
                self._refuse(f"recording it raised {type(problem).__name__}: {problem}")
            else:
                self.kept = [(key, path), *known][:MOST]
                self._choose_short()

    def path_at(self, args: tuple) -> Path:
        """A path that holds at `args`, recorded now if none did.

        Raises
        ------
        NotReplayable
        """
        for key, path in [*self.kept, *self.slow]:
            inputs = inputs_of(key, args)
            if inputs is not None and path.check(args) and path(inputs) is not None:
                return path
        before = self.kept
        why = self.reason
        if why is None:
            self.add(args, before)
            if self.kept is not before:
                return self.kept[0][1]
            why = self.refusal if before else self.reason
        if why != TOO_SLOW:
            raise NotReplayable(why)
        with self.lock:
            self.slow = [self._made(args, True), *self.slow]
        return self.slow[0][1]

    def _made(self, args: tuple, is_slow_fine: bool = False) -> tuple[tuple, Path]:
        """A path at `args` that is worth its while, and the key of arguments that fit it."""
        if not are_plain(args, self.active):
            raise NotReplayable("it is given other numbers than float64")
        if not HAS_COMPILER:
            raise NotReplayable("nothing is compiled (NUMBA_DISABLE_JIT is set)")
        key = key_of(args, self.active)
        fresh = functools.partial(self._fresh, args, False, **self._options)

        def budget():
            return self._worth.budget(None if is_slow_fine else fresh)

        path, path.outside = made_within(
            self._request.f, args, key, lambda catches: self._recorded(key, args, catches, budget)
        )
        path.check = path.outside.check
        path.fixed = {i: a for i, a in enumerate(copying.kept(args)) if key[i] is None}
        if path.is_mixed and not is_slow_fine:
            if not self._worth.is_faster(path, inputs_of(key, args), fresh):
                raise NotReplayable(TOO_SLOW)
        if path.asks_memory and (key := with_memory(key, args)) is None:
            raise NotReplayable("it asks how an argument lies in memory, not as its copy")
        return key, path

    def _recorded(self, key: tuple, args: tuple, catches: bool, budget: Callable) -> Path:
        """A verified path at `args`: one that holds at these very numbers."""
        traced = [i for i, wanted in enumerate(key) if wanted is not None]
        inputs = inputs_of(key, args)
        f = derivatives.reached(self._request.f)
        for guarded in GUARDED[self._guarded :]:
            path = Path(
                f, args, traced, self.active, self._request.sparse, guarded, budget(), self._of,
                catches, self._worth.is_whole,
            )  # fmt: skip
            if path(inputs) is not None or path.held:
                break
            self._guarded = min(self._guarded + 1, len(GUARDED) - 1)  # so too at other points
        else:
            kink = " (or a second derivative has a kink there)" if self._of == "hessian" else ""
            raise NotReplayable(
                f"it goes another way in its replay, at the very point recorded{kink}"
            )
        self._verify(path, key, args)
        return path

    def _choose_short(self) -> None:
        key, path = self.kept[0] if self.kept else ((), None)
        is_short = self._is_direct and len(key) == 1 and path is not None and path.is_verified
        self.short = path if is_short else None

    def _drop(self, path: Path, reason: str) -> None:
        with self.lock:
            self.kept = [pair for pair in self.kept if pair[1] is not path]
            self._refuse(reason)
            self._choose_short()

    def _refuse(self, reason: str) -> None:
        if not self.kept:
            self.reason = reason
        else:
            self.refusal = reason

    def _verify(self, path: Path, key: tuple, args: tuple) -> None:
        options = {**self._options, "layout": "numerator", "argnums": tuple(self.active)}
        is_hollow = self._of == "jacobian" and path.result.is_hollow and HAS_SCIPY
        options["sparse"] = is_hollow or self._request.sparse  # in rows, whatever the format
        if self._of == "hessian":  # by one argument, or it was refused
            options["argnums"] = self.active[0]
        verify(path, lambda at: self._fresh(at, True, **options), key, args)


def _least(call: Callable) -> float:
    """Seconds that `call` takes: the least of two."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _is_faster(path: Path, inputs: list | None, fresh: Callable) -> bool:
    """Whether a replay is not clearly slower than a fresh call: the least of some of each."""
    times: list[list[float]] = [[], []]
    for _ in range(TRIALS):
        start = time.perf_counter()
        path(inputs)
        middle = time.perf_counter()
        fresh()
        times[0].append(middle - start)
        times[1].append(time.perf_counter() - middle)
    return min(times[0]) < SLOWER * min(times[1])
