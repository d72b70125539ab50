"""The sweep of a step: a compiled function that gives the rows of everything f gives or writes.

``sweep(k, a0, ..., t0, ...)`` calls the copy of f for Duals once per chunk of k columns, and
pushes the tangents ``t``, the rows of each argument's elements.  Those of the identity give the
Jacobian.
"""

from types import FunctionType
from typing import NamedTuple

import numba
from numba.core import types

from dualmc.compiled import blocks, stamps
from dualmc.compiled.copying.retargeting import retarget
from dualmc.compiled.helpers import seeding
from dualmc.compiled.scalars.dual_type import DualType, is_dual
from dualmc.compiled.source import Source

FEW, LANES = 4, 8
# No column: further back than any array is long.
NOWHERE = -(2**60)


class Shape(NamedTuple):
    """What a sweep is made for, beside f and the dtype.

    Attributes
    ----------
    roles : str
        One letter per argument: "t" is an array with a tangent, "n" such a number; "z" is an
        array that is given Duals without one, since f may write into it; "p" is plain.
    parts : tuple of int, or None
        Which parts of a result that is a tuple are wanted, None: the result is no tuple.
    is_wanted : bool
        Whether a result that is no tuple is wanted.
    writes : bool
        Whether f may write into its arguments, whose rows are given too.
    lanes : int
        Columns of a chunk; `LANES` serve any number of columns, less only so many.
    is_identity : bool
        Whether it gives the Jacobian by all elements of its inputs, and takes no tangents.
    """

    roles: str
    parts: tuple | None
    is_wanted: bool
    writes: bool
    lanes: int
    is_identity: bool = False

    def outputs(self):
        """The expressions of which the sweep gives rows."""
        found = [f"y[{i}]" for i in self.parts or ()]
        if self.parts is None and self.is_wanted:
            found.append("y")
        if self.writes:
            found += [f"x{i}" for i, role in enumerate(self.roles) if role in "tz"]
        return found

    def text(self):
        count = len(self.roles)
        names, active = [f"a{i}" for i in range(count)], self._active()
        lines = []
        if self.is_identity:
            sizes = [f"size_of(a{i})" for i in active]
            for j, i in enumerate(active):
                lines.append(f"o{i} = " + (" + ".join(sizes[:j]) or "0"))
            lines.append("k = " + " + ".join(sizes))
        else:
            names = ["k", *names, *(f"t{i}" for i in active)]
        call = "y = f(" + ", ".join(f"x{i}" for i in range(count)) + ")"
        lines += [*self._inputs("0"), call]
        outputs = self.outputs()
        for j, y in enumerate(outputs):
            lines += [f"J{j} = rows_for(E, {y}, k)", f"store_rows(J{j}, {y}, 0, k)"]
        if self.lanes == LANES:
            lines += ["c = N", "while c < k:"]
            lines += ["    " + line for line in (*self._inputs("c"), call)]
            for j, y in enumerate(outputs):
                lines += [
                    f"    if rows_of({y}) * k != J{j}.size:",
                    "        raise ValueError('other shapes for other columns')",
                    f"    store_rows(J{j}, {y}, c, k)",
                ]
            lines.append("    c += N")
        lines.append("return (" + "".join(f"J{j}, " for j in range(len(outputs))) + ")")
        return f"def sweep({', '.join(names)}):\n    " + "\n    ".join(lines) + "\n"

    def _active(self):
        return [i for i, role in enumerate(self.roles) if role in "tn"]

    def _inputs(self, c):
        """The arguments of f, for the chunk of columns from `c` on."""
        keep = "" if self.writes else "fixed"
        for i, role in enumerate(self.roles):
            if role == "p":
                yield f"x{i} = {'own' if self.writes else 'fixed'}(a{i})"
            elif role == "z":
                yield f"x{i} = {keep}(seeded(T, a{i}, {NOWHERE}))"
            elif self.is_identity:
                yield f"x{i} = {keep}(seeded(T, a{i}, o{i} - {c}))"
            else:
                yield f"x{i} = {keep}(pushed(T, a{i}, t{i}, {c}))"


def lanes_for(k):
    """Lanes of a chunk for k columns: few different ones."""
    return 1 if k <= 1 else FEW if k <= FEW else LANES


def compiled(f, shape, base, inner=None, has_wrapper=True):
    """The sweep of `f` as a dispatcher; of Duals of `inner` within the derivative of another."""
    inner = base if inner is None else inner
    kind = DualType(inner, shape.lanes)
    scope = {
        "f": retarget(kind, is_dual(inner)).copy_of(f), "T": kind, "N": shape.lanes,
        "size_of": blocks.size_of, "store_rows": blocks.store_rows, "rows_of": blocks.rows_of,
        "seeded": blocks.seeded, "fixed": seeding.fixed, "own": seeding.own,
        "pushed": seeding.pushed, "rows_for": blocks.rows_for, "E": inner,
    }  # fmt: skip
    source = Source(f)
    file = source.file if has_wrapper else None
    name = _name(f, shape, kind, file is not None)
    exec(compile(shape.text(), file or __file__, "exec"), scope)
    code = scope["sweep"].__code__.replace(co_name=name, co_qualname=name)
    function = FunctionType(code, scope, name)
    function.__qualname__, function.__module__ = name, f.py_func.__module__
    options = {"nogil": True, "cache": file is not None}
    if not has_wrapper:
        options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    found = numba.njit(**options)(function)
    found._dualmc_nested = lambda outer: compiled(source.get(), shape, base, outer, False)
    return found


def _name(f, shape, kind, is_kept):
    function = f.py_func
    place = f"{function.__module__}_{function.__qualname__}"
    parts = "n" if shape.parts is None else "".join(map(str, shape.parts)) + "p"
    flags = f"{shape.is_wanted:d}{shape.writes:d}{shape.is_identity:d}"
    identity = "_".join(["step", shape.roles, parts, flags, str(kind), place])
    return stamps.name_of(function, identity, is_kept)


FLOATS = {"float64": types.float64, "float32": types.float32}
