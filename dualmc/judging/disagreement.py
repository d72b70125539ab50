"""A derivative that somebody wrote against the exact one: what they disagree in, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from dualmc.calls import watch
from dualmc.calls.inputs import is_sparse_matrix
from dualmc.calls.options import check_argnums
from dualmc.calls.structures import structured, trees
from dualmc.counting.report import table
from dualmc.derivation.trace import names_of_arguments
from dualmc.judging.entries import Entries, is_transposed

# Entries that are shown.
SHOWN = 8
LAYOUT = "the Jacobian has a row for each output and a column for each input"


@dataclass
class Judged:
    """What is judged: a derivative of `f` at `args` that `name` gave."""

    caller: str
    noun: str
    """Jacobian, gradient or Hessian."""
    f: Any
    args: tuple
    argnums: Any
    name: str
    theirs: Any
    rtol: float | None
    atol: float
    y_shape: tuple[int, ...] | None = None
    """None: f returns a structure."""
    hints: list[str] = field(default_factory=list)

    def against(self, exact: Any) -> None:
        """Raise an AssertionError unless it agrees with `exact`."""
        __tracebackhide__ = True
        rows: list[tuple[str, ...]] = []
        count = differing = 0
        tolerance = ""
        for theirs, correct, path in self._pairs(exact):
            entries = Entries(theirs, correct, self.rtol, self.atol)
            count += math.prod(correct.shape)
            bad = int(np.count_nonzero(entries.differs))
            if bad:
                tolerance = f"rtol={entries.rtol:.2g}, atol={entries.atol:.2g}"
                differing += bad
                self._guess(entries, theirs, correct, path)
                rows += _rows(entries, lambda at, p=path, c=correct: self._place(p, c, at))
        if not differing:
            return
        counted = f"{differing:,} of {count:,} entries {'differs' if differing == 1 else 'differ'}"
        header = ("entry", self.name, "exact", "relative error", "ulp")
        parts = [
            f"{self._head()}\n{counted} by more than {tolerance}",
            table(header, rows[:SHOWN]),
            *dict.fromkeys(self.hints),
            *self._kinks(),
        ]
        if differing > len(rows[:SHOWN]):
            parts[1] += f"\n... and {differing - len(rows[:SHOWN]):,} more"
        raise AssertionError("\n\n".join(parts))

    def _head(self) -> str:
        f = getattr(self.f, "__name__", "f").replace("<lambda>", "f")
        return f"{self.name} is not the {self.noun} of {f}"

    # --- leaf by leaf ----------------------------------------------------------------------------

    def _pairs(self, exact: Any) -> Iterator[tuple[Any, Any, tuple]]:
        """Their array and the exact one for every leaf, of one shape, and the way there."""
        __tracebackhide__ = True
        leaves: list = []
        tree = trees.opened(exact, "J", leaves, is_input=False)
        found: list = []
        trees.matched(tree, self.theirs, self.name, f"the {self.noun}", self.caller, found)
        for given, leaf in zip(found, leaves, strict=True):
            theirs, correct = self._numbers(given.value, given.name), leaf.value
            is_sparse = is_sparse_matrix(theirs)
            if is_sparse and not is_sparse_matrix(correct):
                raise TypeError(
                    f"{self.caller}: {given.name} is sparse, but a {self.noun} is compared as an "
                    f"array. Give its entries, e.g. with .toarray()."
                )
            if is_sparse_matrix(correct) and not is_sparse:
                correct = correct.toarray().reshape((*self._y_shape(), *self._x_shape(leaf.path)))
            if theirs.shape != correct.shape:
                self._refuse_shape(given.name, theirs, correct, leaf.path)
            yield theirs, correct, leaf.path

    def _numbers(self, given: Any, name: str) -> Any:
        if is_sparse_matrix(given):
            return given
        if given is None or callable(given):
            hint = " Did it forget its return statement?" if given is None else ""
            kind = "None" if given is None else type(given).__name__
            raise TypeError(
                f"{self.caller} needs {name} to be an array of numbers; got {kind}.{hint}"
            )
        try:
            a = np.asarray(given)
        except ValueError as error:
            raise ValueError(f"{self.caller}: {name} is not a regular array: {error}") from None
        if a.dtype.kind not in "biufc":
            raise TypeError(
                f"{self.caller} needs {name} to be an array of numbers; got dtype {a.dtype}."
            )
        if np.ma.is_masked(given):
            raise TypeError(f"{self.caller}: {name} has masked entries, which are no numbers.")
        return a

    def _refuse_shape(self, name: str, theirs: Any, correct: Any, path: tuple) -> NoReturn:
        __tracebackhide__ = True
        y, x = self._y_shape(), self._x_shape(path)
        sides = {"Jacobian": f"y.shape + x.shape = {y} + {x}", "gradient": "that of x"}
        shape = sides.get(self.noun, "x.shape + x.shape")
        if self.y_shape is None:
            shape = "that of the output and that of the input"
        said = [f"{self._head()}\n{name} has shape {theirs.shape}, not {correct.shape}: {shape}."]
        turned = theirs.T if is_sparse_matrix(theirs) else _turned(theirs, x, y)
        if turned is not None and turned.shape == correct.shape:
            is_same = self._agrees(turned, correct)
            what = "It is the transpose" if is_same else "That is the shape of the transpose"
            said.append(f"{what}: {LAYOUT}.")
        elif not is_sparse_matrix(theirs) and theirs.size == correct.size > 0:
            if self._agrees(theirs.reshape(correct.shape), correct):
                said.append(f"Its numbers are right: give it with .reshape({correct.shape}).")
        raise AssertionError("\n".join(said))

    def _agrees(self, theirs: Any, correct: Any) -> bool:
        return not Entries(theirs, correct, self.rtol, self.atol).differs.any()

    def _guess(self, entries: Entries, theirs: Any, correct: Any, path: tuple) -> None:
        """Add what is likely to be wrong, if that can be seen."""
        it = f"J{_keys(path)}" if path else "It"
        factor = entries.factor()
        if is_transposed(theirs, correct, entries.rtol, entries.atol):
            self.hints.append(f"{it} is the transpose: {LAYOUT}.")
        elif factor is not None:
            what = f"is {factor:.6g} times the exact one" if factor else "is 0 everywhere"
            self.hints.append(f"{it} {what}.")
        elif entries.is_rounding():
            gap = float(np.max(entries.gap[entries.differs]))
            allowed = f"atol={10.0 ** math.ceil(math.log10(gap)):.0e}"
            self.hints.append(f"That is rounding of larger entries; {allowed} would allow for it.")

    def _kinks(self) -> list[str]:
        """Where a convention decided the exact one."""
        met, _ = structured.with_request(
            watch.found, "check_jacobian", self.f, self.args, self.argnums
        )
        if not met:
            return []
        listed = "\n".join(map(str, met))
        return [f"A convention decides here, see kinks and docs/conventions.md:\n{listed}"]

    # --- names -----------------------------------------------------------------------------------

    def _y_shape(self) -> tuple[int, ...]:
        return () if self.y_shape is None else self.y_shape

    def _x_shape(self, path: tuple) -> tuple[int, ...]:
        numbers, is_tuple = check_argnums(self.argnums, len(self.args), self.caller)
        return np.shape(self.args[numbers[path[-1]] if is_tuple and path else numbers[0]])

    def _place(self, path: tuple, correct: Any, at: int) -> str:
        """The entry at the flat position `at` of a leaf, as it is written."""
        numbers, is_tuple = check_argnums(self.argnums, len(self.args), self.caller)
        xs = [self.args[i] for i in numbers]
        if self.y_shape is None or any(map(trees.holds_named, xs)) or len(path) > 2:
            index = tuple(map(int, np.unravel_index(at, correct.shape)))
            return f"J{_keys(path)}{trees.text_of_index(index)}"
        names = names_of_arguments(self.f, len(self.args))
        y = "y" if "y" not in names else "f"
        called = [names[i] for i in numbers]
        inputs = [path[-1] if is_tuple else 0]
        shapes = [self._x_shape(path)]
        outer: tuple[int, ...] = self._y_shape()
        if self.noun == "Hessian":
            inputs.insert(0, path[0] if is_tuple else 0)
            outer = np.shape(xs[inputs[0]])
        row, column = divmod(at, math.prod(shapes[0]))
        by = f"d {called[inputs[-1]]}{_index(column, shapes[0])}"
        if self.noun == "Hessian":
            return f"d2 {y} / d {called[inputs[0]]}{_index(row, outer)} {by}"
        return f"d {y}{_index(row, outer)} / {by}"


def _keys(path: tuple) -> str:
    return "".join(f"[{key!r}]" for key in path)


def _index(at: int, shape: tuple[int, ...]) -> str:
    return trees.text_of_index(tuple(map(int, np.unravel_index(at, shape)))) if shape else ""


def _turned(a: Any, x: tuple[int, ...], y: tuple[int, ...]) -> Any:
    """`a` of the shape x + y as one of the shape y + x; None if its shape is another."""
    if a.shape != (*x, *y) or not x or not y:
        return None
    return np.moveaxis(a, range(len(x)), range(len(y), len(y) + len(x)))


def _rows(entries: Entries, place: Any) -> list[tuple[str, ...]]:
    """The worst entries as rows of the table."""
    rows: list[tuple[str, ...]] = []
    for k in entries.worst(SHOWN):
        at = int(k if entries.positions is None else entries.positions[k])
        a, b = entries.theirs[k].item(), entries.exact[k].item()
        gap, size = float(entries.gap[k]), float(entries.size[k])
        error = gap / size if size and math.isfinite(size) and math.isfinite(gap) else math.nan
        digits = 6 if not 0 < error < 1e-4 else min(17, 2 - math.floor(math.log10(error)))
        ulp = "-"
        if entries.exact.dtype.kind == "f" and not math.isnan(error):
            ulp = f"{gap / float(np.spacing(np.abs(entries.exact[k]))):.1e}"
        relative = "-" if math.isnan(error) else f"{error:.1e}"
        rows.append((place(at), f"{a:.{digits}g}", f"{b:.{digits}g}", relative, ulp))
    return rows
