"""A prepared function of structures: their leaves go to the paths, and results are put together.

The paths have one structure of x and of what f returns; where a call has another, f runs afresh.
"""

from typing import Any

import numpy as np

from dualmc.calls.request import Request
from dualmc.calls.structures.flat import Flat, taken_apart
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

    def shaped(self, y: Any, found: Any) -> tuple[Any, Any]:
        """(value, derivative) of the structures, from those of the leaves."""
        flat = self.flat
        if self.of == "gradient":
            return y, flat.inputs(found)
        if self.of == "hessian":
            value = None if y is None else flat.inputs(y)
            return value, flat.inputs([flat.inputs(row) for row in found])
        return None if y is None else flat.value(y), flat.jacobian(self._request, found)
