"""A prepared function of structures: their leaves go to the paths, and results are put together.

The paths have one structure of x and of what f returns; where a call has another, f runs afresh.
"""

import math
from typing import Any

import numpy as np

from dualmc.calls.request import Request
from dualmc.calls.structures.flat import Flat, taken_apart
from dualmc.calls.structures.points import Points, denominator
from dualmc.calls.structures.trees import Structure
from dualmc.replay.arithmetic.derivatives import PRODUCTS


class Structured:
    """Between the arguments of a prepared call and the arrays that paths take and give."""

    def __init__(self, met: Structure, f: Any, args: tuple, options: dict, of: str) -> None:
        if of in PRODUCTS:
            raise TypeError(
                f'prepare: of="{of}" is of arrays; x or what f returns is a structure. Prepare a '
                f"function of one array, e.g. of numpy.concatenate of its leaves."
            )
        self.of = of
        is_scalar = of in ("gradient", "hessian")
        self.flat = Flat(met, "prepare", f, args, options["argnums"], is_scalar)
        self.flat.keeps_constants = False
        # What f is made of is compared at every call: the first arguments are no part of it.
        self.args, self.flat.args = self.flat.args, ()
        self._request = Request(
            "prepare", self.flat, self.args, self.flat.numbers, None, options["sparse"],
            options["layout"], False,
        )  # fmt: skip

    def arguments(self, args: tuple) -> tuple | None:
        """The leaves of `args` and the other arguments; None if they are structured otherwise."""
        if len(args) != self.flat.count:
            return None
        found, flat_args, leaves = taken_apart("prepare", args, self.flat.positions)
        shapes = [np.shape(leaf.value) for leaf in leaves]
        is_same = found == self.flat.trees and shapes == [x.shape for x in self._request.xs]
        return flat_args if is_same else None

    def points(self, points: Points) -> Points | None:
        """The leaves of the arguments at many points; None if they are structured otherwise."""
        flat = self.flat
        if self.of == "hessian" or points.count and self.arguments(points.at(0)) is None:
            return None
        leaves = [leaf for i in flat.positions for leaf in points.leaves(i)]
        rest = [i for i in range(len(points.args)) if i not in flat.positions]
        args = [*(a for a, _ in leaves), *(points.args[i] for i in rest)]
        has_axis = [*(has for _, has in leaves), *(i in points.positions for i in rest)]
        positions = tuple(k for k, has in enumerate(has_axis) if has)
        return Points(points.caller, args, flat.numbers, positions)

    def batched(self, value: Any, parts: list) -> tuple[Any, Any]:
        """`shaped` of arrays that have an axis of points in front."""
        flat, leaves = self.flat, self.flat.output[1]
        if self.of == "gradient":
            return value, flat.inputs(parts)
        if leaves is None:
            ndim = parts[0].ndim - 1 - self._request.xs[0].ndim
            return flat.outputs([value]), flat.outputs([flat.inputs(self._laid(parts, ndim))])
        values, rows, start = [], [], 0
        for shape, _ in leaves:
            stop = start + math.prod(shape)
            found = [J[:, start:stop].reshape(len(J), *shape, *J.shape[2:]) for J in parts]
            rows.append(flat.inputs(self._laid(found, len(shape))))
            if value is not None:
                values.append(value[:, start:stop].reshape(len(value), *shape))
            start = stop
        return flat.outputs(values) if values else None, flat.outputs(rows)

    def _laid(self, parts: list, ndim: int) -> list:
        if self._request.layout == "numerator":
            return parts
        return [denominator(J, ndim) for J in parts]

    def shaped(self, y: Any, found: Any) -> tuple[Any, Any]:
        """(value, derivative) of the structures, from those of the leaves."""
        flat = self.flat
        if self.of == "gradient":
            return y, flat.inputs(found)
        if self.of == "hessian":
            value = None if y is None else flat.inputs(y)
            return value, flat.inputs([flat.inputs(row) for row in found])
        return None if y is None else flat.value(y), flat.jacobian(self._request, found)
