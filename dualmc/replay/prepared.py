"""`Prepared`: a derivative as machine code, with the ways through f that have it."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.calls import names, watch
from dualmc.calls.inputs import as_read
from dualmc.calls.options import Argnums, Batch, Layout, Of, Sparse, check_argnums
from dualmc.calls.outputs import scalar, split
from dualmc.calls.request import Request
from dualmc.calls.structures.flat import OtherStructure
from dualmc.calls.structures.trees import Structure
from dualmc.replay import at_points, compiled_function, copying, fresh_calls
from dualmc.replay.arithmetic.derivatives import PRODUCTS
from dualmc.replay.export.methods import Exported
from dualmc.replay.path import Path
from dualmc.replay.paths import Paths, Worth
from dualmc.replay.saved.methods import Saved
from dualmc.replay.structures import Structured

FLOAT64 = np.dtype(np.float64)


class Prepared(Exported, Saved):
    """A function prepared by `prepare`: call it as ``jacobian_fwd(f, ...)`` would be called.

    Attributes
    ----------
    reason : str or None
        Why f is not replayed, if it is not: then every call runs f on Duals.
    replays, fresh_calls : int
        Calls answered by machine code, and by running f on Duals.
    paths : int
        Ways through f that have machine code.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> J = dm.prepare(lambda x: np.exp(x) if x > 0 else -x, 1.0)
    >>> float(J(0.0)), float(J(-2.0)), J.paths
    (-1.0, -1.0, 2)
    """

    def __init__(
        self,
        f: Callable,
        args: tuple,
        argnums: Argnums,
        sparse: Sparse,
        layout: Layout,
        max_seconds: float | None = None,
        of: Of = "jacobian",
        fill: Callable[[Paths], None] | None = None,
    ) -> None:
        """``fill(paths)`` gives the paths, in place of a recording."""
        args = as_read(args)
        fresh_calls.check(of, args, argnums, sparse, layout)
        self._f = f
        self._point = copying.kept(args)
        self._max_seconds = _seconds(max_seconds)
        self._given = {"argnums": argnums, "sparse": sparse, "layout": layout}
        self._of = of
        self._structure: Structured | None = None
        self.replays = 0
        self.fresh_calls = 0
        try:
            self._begin(f, args, argnums, sparse, layout, fill)
        except Structure as met:
            self._structure = Structured(met, f, args, self._given, of)
            flat = self._structure.flat
            self._begin(flat, self._structure.args, flat.numbers, sparse, "numerator", fill)

    def _begin(
        self, f: Callable, args: tuple, argnums: Argnums, sparse: Sparse, layout: Layout, fill: Any
    ) -> None:
        """Record f at `args`, whose differentiated ones are arrays."""
        of = self._of
        request = self._request = Request(
            "prepare", f, args, argnums, None, sparse, layout, False
        )  # fmt: skip
        self._options = {"argnums": argnums, "sparse": sparse, "layout": layout}
        self._fresh = functools.partial(fresh_calls.FRESH[of], f)
        self._is_direct = (
            len(request.xs) == 1
            and not request.is_tuple
            and layout == "numerator"
            and request.format in (None, "csr")
        )
        paths = compiled_function.of(request, of, self._is_direct)
        if paths is None:
            paths = Paths(
                request, of, self._fresh, self._options, Worth(self._max_seconds), self._is_direct
            )
            paths.add(args, paths.kept) if fill is None else fill(paths)
        self._paths = paths
        self._short = paths.short  # one vector in, an array out

    @property
    def paths(self) -> int:
        return len(self._paths.kept)

    @property
    def reason(self) -> str | None:
        return self._paths.reason

    def __repr__(self) -> str:
        name = getattr(self._f, "__name__", type(self._f).__name__)
        if self.reason is not None:
            said = f"not replayed, since {self.reason}"
        else:
            refusal = self._paths.refusal
            other = "" if refusal is None else f"; another way not replayed: {refusal}"
            said = (
                f"{self.paths} path{'s' * (self.paths != 1)}, {self.replays} replays, "
                f"{self.fresh_calls} fresh calls{other}"
            )
        return f"<Prepared {name}: {' '.join(said.split())}>"

    def _state(self, f: Callable) -> tuple:
        """What a Prepared of `f` with these options is made of."""
        return (f, self._point, *self._given.values(), self._max_seconds, self._of)

    def __copy__(self) -> Prepared:
        """One that has the same machine code, and counts its own calls."""
        other = object.__new__(type(self))
        paths = copy.copy(self._paths)
        other.__dict__.update(self.__dict__, _paths=paths, replays=0, fresh_calls=0)
        return other

    def __deepcopy__(self, memo: dict) -> Prepared:
        f = copy.deepcopy(self._f, memo)
        if f is self._f:  # functions are not copied
            return copy.copy(self)
        return Prepared(*self._state(f))

    def __call__(self, *args: Any, batch: Batch = False, **unknown: Any) -> Any:
        """The Jacobian at `args`, as `jacobian_fwd` returns it.

        With ``batch=True``, or a tuple of positions, at many points, as for `jacobian_fwd`: the
        machine code runs over them in one loop.
        """
        if unknown:
            names.refuse_keywords("prepare", unknown)
        if batch is not False:
            return at_points.answered(self, args, batch, False)[1]
        if watch.watched and watch.is_due():
            return self._result(args, False)[1]
        path = self._short
        if path is not None and len(args) == 1:
            (x,) = args
            if (
                type(x) is np.ndarray
                and x.dtype is FLOAT64
                and x.shape == path.vector_shape
                and x.flags.carray
                and path.check()
            ):
                entries = path.run(path.code, args)
                if entries is not None:
                    self.replays += 1
                    if path.is_sparse:
                        return path.matrix(entries)
                    return entries.reshape(path.result_shape)
        return self._result(args, False)[1]

    def value_and_jacobian(
        self, *args: Any, batch: Batch = False, **unknown: Any
    ) -> tuple[Any, Any]:
        """The value, to rounding, and the Jacobian at `args`."""
        if unknown:
            names.refuse_keywords("prepare", unknown)
        if batch is not False:
            return at_points.answered(self, args, batch, True)
        return self._result(args, True)

    def machine(self, args: tuple) -> tuple | None:
        """The latest machine code for calls that follow one another: (run, check, inputs).

        ``run(inputs)`` is the flat value and the entries, or None where f goes another way; `check`
        tells whether all that f reads is as it was; `inputs` are vectors, those of `args`.
        """
        return self._paths.machine(args)

    def differentiated(self, count: int) -> tuple:
        """The positions of the arguments, of `count`, that have a derivative or multiply it."""
        numbers, _ = check_argnums(self._given["argnums"], count, "prepare")
        return (*numbers, count - 1) if self._of in PRODUCTS else numbers

    # --- A call ----------------------------------------------------------------------------------

    def _result(self, args: tuple, with_value: bool) -> tuple[Any, Any]:
        args = as_read(args)
        structure = self._structure
        if structure is None:
            return self._arrays(args, with_value)
        flat_args = structure.arguments(args)
        if flat_args is not None:
            try:
                return structure.shaped(*self._arrays(flat_args, with_value))
            except OtherStructure:
                self.fresh_calls -= 1
        self.fresh_calls += 1
        return fresh_calls.FRESH[self._of](self._f, args, with_value, **self._given)

    def _arrays(self, args: tuple, with_value: bool) -> tuple[Any, Any]:
        is_watched = watch.watched and watch.is_due()
        paths = self._paths
        found = None if is_watched else paths.replayed(args, with_value)
        if self._short is not paths.short:
            with paths.lock:
                self._short = paths.short
        if found is None:
            if paths.is_compiled:
                self.replays += 1
            else:
                self.fresh_calls += 1
            return self._fresh(args, with_value, **self._options)
        self.replays += 1
        path, made = found
        return self._shaped(path, *made) if with_value else self._shaped(path, None, made)

    def _shaped(self, path: Path, y: Any, entries: np.ndarray) -> tuple[Any, Any]:
        y = None if y is None else y.reshape(path.value_shape)
        if self._is_direct:
            J = path.matrix(entries) if path.is_sparse else entries.reshape(path.result_shape)
            return scalar(y), scalar(J) if self._of in PRODUCTS else J
        J = path.matrix(entries)
        if not path.is_sparse:
            J = J.reshape(*path.shape, path.columns)
        return scalar(y), self._split(path, J)

    def _split(self, path: Path, J: Any) -> Any:
        request = self._request
        request = Request(
            "prepare", request.f, request.args, self._options["argnums"], None,
            request.format or False, request.layout, False,
        )  # fmt: skip
        request.xs = [np.empty(shape) for shape in path.input_shapes]
        request.sizes = [math.prod(shape) for shape in path.input_shapes]
        return split(request, J, path.shape)


def _seconds(limit: Any) -> float | None:
    if limit is None or issubclass(type(limit), (int, float)) and limit >= 0:
        return limit
    raise ValueError(f"prepare: max_seconds must be a number of seconds or None, got {limit!r}.")
