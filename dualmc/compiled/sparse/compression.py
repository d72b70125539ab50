"""The sweeps of sparse Jacobians: one that finds their entries, and compressed ones that fill them.

A compressed sweep of marked Duals checks on its way that no row depends on a column which its
pattern lacks; one of plain Duals serves functions whose structure is the same for all values.
"""

from numba.core import types

from dualmc.compiled.scalars.dual_type import DualType
from dualmc.compiled.sparse import decisions, marks, plan  # noqa: F401  (a symbol of its)
from dualmc.compiled.sweeps import Sweep

FINE, STRANGE, OTHER_SIZE = range(3)
# Columns that one pass of detection looks at.
COLUMNS = 64 * plan.MARKS

_DETECTION = """
def sweep({names}c, {rest}):
    {offsets}
    {call}
    return marks_in(y)
"""

_COMPRESSED = """
def sweep({into}{names}plan, codes, {rest}):
    {offsets}
    m, n, passes, count = plan[0], plan[1], plan[2], plan[3]
    starts, seeds, allowed = plan[4], 0, passes * n * W
    if given != n:
        raise ValueError("There are not as many inputs as at the example.")
    {saved}
    {first}
    {room}
    if rows_of(y) != m:
        {sizes}
    is_strange = scatter(data, y, plan, starts, codes, allowed){value}
    for c in range(1, passes):
        starts += m + 1
        seeds += n * W
        allowed += m * W
        {later}
        if rows_of(y) != m:
            {sizes}
        is_strange |= scatter(data, y, plan, starts, codes, allowed)
    {back}
    {result}
"""

_VALUE = "\n    v = values_of(E, y)"
_RAISING = {
    "sizes": 'raise ValueError("f returned other shapes than at the example.")',
    "value": "",
    "into": "",
    "room": "data = room_for(E, y, count)",
    "result": """if is_strange:
        raise ValueError(
            "f depends here on inputs that it did not depend on at the examples. "
            "Call include(*args) of its Jacobian, in Python, with the arguments of this call."
        )
    return {data}""",
}
_RETURNS = {
    "flag": _RAISING
    | {
        "sizes": "return OTHER_SIZE, values_of(E, y), data",
        "value": _VALUE,
        "result": "return (STRANGE if is_strange else FINE), v, data",
    },
    "alone": _RAISING | {"result": _RAISING["result"].format(data="data")},
    "with value": _RAISING | {"value": _VALUE, "result": _RAISING["result"].format(data="v, data")},
    "into": _RAISING
    | {
        "into": "data, ",
        "room": """if data.size != count:
        raise ValueError("The array for the nonzeros has another size than there are of them.")""",
        "result": _RAISING["result"].format(data="data"),
    },
}


def words_for(source):
    """Words of marks; one more for a derivative that is derived again: `DualType.has_live`."""
    return plan.MARKS + (source.nested is not None)


class Marking(Sweep):
    """A sweep of marked Duals."""

    @property
    def words(self):
        return words_for(self.source)


class Detection(Marking):
    """Which rows of y depend on which columns, COLUMNS of them from column c on.

    Attributes
    ----------
    watched : tuple of int
        The positions of all arguments that are made Duals, so that what is decided by them is seen;
        those beyond `positions` are constants.
    """

    def __init__(self, f, positions, out, watched, base=types.float64):
        super().__init__(f, positions, 1, "detection", base, out)
        self.inputs = positions
        self.positions = tuple(sorted({*positions, *watched}))

    def kind(self, inner):
        return DualType(inner, 1, self.words)

    def names(self):
        return names_of(self._named)

    def _result(self):
        return f"marked(T, a{self.out}, {marks.NEVER})"

    def scope(self):
        return super().scope() | {"marked": marks.marked, "marks_in": marks.marks_in}

    def identity(self, kind, level):
        watched = [i for i in self.positions if i not in self.inputs]
        return "_".join([super().identity(kind, level), "watched", *map(str, watched)])

    def text(self):
        return _DETECTION.format(
            names=self.names(),
            rest=self.rest(),
            offsets=_offsets(self.inputs),
            call=self._call(
                lambda i: f"marked(T, a{i}, {f'o{i} - c' if i in self.inputs else marks.NEVER})",
                "copied",
            ),
        )


class Compressed(Marking):
    """The nonzeros, from few passes.

    Attributes
    ----------
    is_checked : bool
        Whether Duals are marked.
    returns : {"flag", "alone", "with value", "into"}
        A flag, the value and the nonzeros; or, for callers in compiled code, the nonzeros, alone,
        after the value or in an array that is given: what does not fit is then an error.
    """

    def __init__(self, f, positions, out, chunk, is_checked, returns="flag", base=types.float64):
        mode = f"{'checked' if is_checked else 'compressed'} {returns}"
        super().__init__(f, positions, chunk, mode, base, out)
        self.is_checked, self.returns = is_checked, returns

    def kind(self, inner):
        return DualType(inner, self.chunk, self.words if self.is_checked else 0)

    def scope(self):
        names = ("marked", "painted", "room_for", "scatter")
        found = super().scope() | {name: getattr(marks, name) for name in names}
        words = self.words if self.is_checked else 0
        return found | {"W": words, "FINE": FINE, "STRANGE": STRANGE, "OTHER_SIZE": OTHER_SIZE}

    def names(self):
        return names_of(self._named)

    def _result(self):
        if self.is_checked:
            return f"marked(T, a{self.out}, {marks.NEVER})"
        return super()._result()

    def text(self):
        def seed(first, handing):
            at = "plan, HEADER + o{i}, {first}, codes, seeds + o{i} * W"
            return self._call(
                lambda i: f"painted(T, a{i}, {at.format(i=i, first=first)})".replace(
                    "HEADER", str(plan.HEADER)
                ),
                handing,
            )

        return _COMPRESSED.format(
            names=self.names(),
            rest=self.rest(),
            offsets=_offsets(self.positions),
            back="" if self.out is None else f"write_values(a{self.out}, d)",
            saved=self._saved(),
            first=seed("0", "once"),
            later=seed("c * N", "again"),
            **_RETURNS[self.returns],
        )


def names_of(count):
    return "".join(f"a{i}, " for i in range(count))


def _offsets(positions):
    sizes = [f"size_of(a{i})" for i in positions]
    offsets = [f"o{i} = " + (" + ".join(sizes[:k]) or "0") for k, i in enumerate(positions)]
    return "; ".join([*offsets, "given = " + " + ".join(sizes)])
