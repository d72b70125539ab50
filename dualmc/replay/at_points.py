"""A prepared function at many points: its machine code runs over all of them in one loop.

Every way through f that has machine code runs over the points that none before it could answer; a
point that is left is one call of the prepared function, which may record a further way.  So each
result is, bit for bit, what a call at that point gives.
"""

from math import prod
from typing import Any

import numpy as np

from dualmc.calls import watch
from dualmc.calls.inputs import as_read
from dualmc.calls.structures.flat import OtherStructure
from dualmc.calls.structures.points import (
    BROADCAST,
    ONE_SHAPE,
    Points,
    check_shape,
    denominator,
    one_by_one,
)
from dualmc.replay.guards.arguments import inputs_of
from dualmc.replay.recording.program import NotReplayable


def answered(prepared: Any, args: tuple, batch: Any, with_value: bool) -> tuple[Any, Any]:
    """(value, derivative) of a prepared function at all points of `args`, each with their axis."""
    given = prepared._given
    if given["sparse"] is not False:
        raise ValueError(
            "prepare: batch= gives dense arrays, a block for each point; sparse= has no form for "
            "them. Prepare it without sparse=, or call it at one point after the other."
        )
    if type(batch) is str and batch == BROADCAST:
        raise ValueError(
            'prepare: batch="broadcast" is of the verbs, which run f; what was prepared takes '
            "batch=True."
        )
    points = Points("prepare", as_read(args), prepared.differentiated(len(args)), batch)
    found = of_points(prepared, points, with_value)
    if found is None:
        found = one_by_one(points, lambda *at: prepared._result(at, with_value))
    return found


def of_points(prepared: Any, points: Points, with_value: bool) -> tuple[Any, Any] | None:
    """(value, derivative) at `points` by machine code; None where there is none."""
    paths, structure = prepared._paths, prepared._structure
    is_watched = watch.watched and watch.is_due()
    if paths.is_compiled or paths.reason or is_watched or not points.is_plain:
        return None
    flat = points if structure is None else structure.points(points)
    if flat is None:
        return None
    layout = prepared._given["layout"] if structure is None else "numerator"
    found = AtPoints(flat, paths, prepared._arrays, with_value, layout)
    prepared.replays += found.looped
    return _together(prepared, found) if found.parts else None


def _together(prepared: Any, found: "AtPoints") -> tuple[Any, Any]:
    if prepared._structure is not None:
        return prepared._structure.batched(found.value, found.parts)
    is_tuple = prepared._paths.is_tuple
    return found.value, tuple(found.parts) if is_tuple else found.parts[0]


class AtPoints:
    """What `paths` give at the points of arrays.

    Parameters
    ----------
    points : Points
    paths : Paths
    call : callable
        ``call(args, with_value)`` is (value, derivative) at one point.
    with_value : bool
    is_transposed : bool
        Whether the derivative is in denominator layout.

    Attributes
    ----------
    value : array or None
    parts : list of array
        The derivative by each argument, ``(points, *y.shape, *x.shape)``.
    looped : int
        How many points the loop answered.
    """

    def __init__(self, points: Points, paths: Any, call: Any, with_value: bool, layout: str):
        self._points, self._paths, self._call = points, paths, call
        self._with_value = with_value
        self._is_transposed = layout == "denominator"
        self.value: np.ndarray | None = None
        self.parts: list[np.ndarray] = []
        self._shapes: list = []  # of the value and the parts
        self.looped = 0
        self._fill()

    def _fill(self) -> None:
        left = np.arange(self._points.count)
        if not left.size and self._paths.kept:
            path = self._paths.kept[0][1]
            value, entries = np.empty((0, prod(path.value_shape))), np.empty((0, path.begin().size))
            self._put(left, *self._shaped(path, value, entries))
        tried: list = []
        while left.size:
            for key, path in self._paths.kept:
                if not any(path is other for other in tried) and path.is_verified:
                    tried.append(path)
                    left = self._along(key, path, left)
            if left.size:
                self._single(int(left[0]))
                left = left[1:]

    def _single(self, p: int) -> None:
        try:
            with self._points.noted(p):
                y, J = self._call(self._points.at(p), self._with_value)
        except OtherStructure:
            raise ValueError(
                f"{self._points.caller}: at point {self._points.first + p} f returned another "
                f"structure than at point {self._points.first}. {ONE_SHAPE}"
            ) from None
        parts = [np.asarray(a) for a in (J if type(J) is tuple else (J,))]
        y = np.asarray(y) if self._with_value else None
        self._put(np.array([p]), y if y is None else y[None], [a[None] for a in parts])

    def _along(self, key: tuple, path: Any, left: np.ndarray) -> np.ndarray:
        """The points of `left` that go another way than `path`; the others are done."""
        args = self._points.at(int(left[0]))
        given = inputs_of(key, args)
        if given is None or not path.check(args):
            return left
        if any(key[i] is None for i in self._points.positions):  # part of the way at each point
            return left
        try:
            program = path.program(self._with_value)
        except NotReplayable:  # which a call says of itself
            return left
        if program is None:
            return left
        inputs = self._inputs(key, given)
        remaining = []
        step = program.step(inputs)
        for start in range(0, left.size, step):
            at = left[start : start + step]
            rows = [x if x.ndim == 1 else x[_places(at)] for x in inputs]
            states, values, entries = program.run(rows, at.size)
            failed = states != 0
            remaining.append(at[failed])
            if not failed.any():
                self._put(at, *self._shaped(path, values, entries))
            elif not failed.all():
                held = ~failed
                self._put(at[held], *self._shaped(path, values[held], entries[held]))
        found = np.concatenate(remaining)
        self.looped += left.size - found.size
        return found

    def _inputs(self, key: tuple, given: list) -> list:
        """Per input of the program a row per point, or one vector for all."""
        positions = [i for i, wanted in enumerate(key) if wanted is not None]
        found = []
        for i, x in zip(positions, given, strict=True):
            if i in self._points.positions:
                a = self._points.args[i]
                x = np.ascontiguousarray(a, np.float64).reshape(len(a), -1)
            found.append(x)
        return found

    def _shaped(self, path: Any, values: np.ndarray, entries: np.ndarray) -> tuple:
        count = len(entries)
        y = values.reshape(count, *path.value_shape) if self._with_value else None
        J = entries.reshape(count, path.rows, path.columns)
        parts, start = [], 0
        for shape in path.input_shapes:
            stop = start + prod(shape)
            part = J[:, :, start:stop].reshape(count, *path.shape, *shape)
            parts.append(denominator(part, len(path.shape)) if self._is_transposed else part)
            start = stop
        return y, parts

    def _put(self, at: np.ndarray, y: np.ndarray | None, parts: list) -> None:
        """Store the results of the points `at`."""
        found = [a for a in (y, *parts) if a is not None]
        if not self._shapes:
            self._shapes = [a.shape[1:] for a in found]
            self._results = [np.empty((self._points.count, *a.shape[1:]), a.dtype) for a in found]
        for k, (a, shape) in enumerate(zip(found, self._shapes, strict=True)):
            what = "what f returns" if y is not None and k == 0 else "the derivative"
            check_shape(self._points, at[:1].sum(), a.shape[1:], shape, what)
            kind = np.result_type(self._results[k], a)
            if kind != self._results[k].dtype:
                self._results[k] = self._results[k].astype(kind)
            self._results[k][_places(at)] = a
        self.value = self._results[0] if self._with_value else None
        self.parts = self._results[1:] if self._with_value else self._results


def _places(at: np.ndarray) -> np.ndarray | slice:
    """`at`, which ascends, as an index: a slice where no place between is left out."""
    if at.size and int(at[-1]) - int(at[0]) + 1 == at.size:
        return slice(int(at[0]), int(at[-1]) + 1)
    return at
