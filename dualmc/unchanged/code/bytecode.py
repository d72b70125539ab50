"""Code objects as lists of instructions, and back: what `rewriting.py` inserts, Python's way.

An instruction is known by its name; jumps and the table of exceptions point to instructions, so
that some can be inserted or replaced between others.  Sizes, jump distances, the tables of lines
and of exceptions are computed anew (the formats: CPython's InternalDocs, "Code objects" and
"Exception handling").
"""

import dis
import opcode

_CACHES = opcode._inline_cache_entries
_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
_EXTENDED = dis.opmap["EXTENDED_ARG"]
_CACHE = dis.opmap["CACHE"]
# Whether what marks a call (NULL) is pushed after the function that is called, as since 3.13.
NULL_IS_AFTER = "CALL_KW" in dis.opmap
# Whether a method that is called is loaded by LOAD_ATTR, as since 3.12.
_METHODS_ARE_ATTRIBUTES = dis.opmap.get("LOAD_METHOD", 256) > 255
# ``a[b]`` of the two topmost values.
if "BINARY_SUBSCR" in dis.opmap:
    SUBSCRIPT = ("BINARY_SUBSCR", 0)
else:
    SUBSCRIPT = ("BINARY_OP", [name for name, _ in dis._nb_ops].index("NB_SUBSCR"))
# What `rewriting.py` made, by its id: the code, and what it was made of.
REWRITTEN: dict = {}
# The user's code of functions whose code is exchanged now: see `exchange.py`.
ORIGINALS: dict = {}


class Step:
    """One instruction: `value` is what its argument stands for, `target` the step it jumps to."""

    __slots__ = ("name", "arg", "value", "target", "position", "offset")

    def __init__(self, name, arg=0, value=None, position=(None,) * 4):
        self.name = name
        self.arg = arg
        self.value = value
        self.target = None
        self.position = position
        self.offset = 0

    @property
    def pushes_null(self):
        """Whether it pushes the mark of a call beside the global name that it loads."""
        return self.name == "LOAD_GLOBAL" and bool(self.arg & 1)

    @property
    def is_method(self):
        """Whether it loads an attribute that is called next."""
        return self.name == "LOAD_METHOD" or (
            self.name == "LOAD_ATTR" and _METHODS_ARE_ATTRIBUTES and bool(self.arg & 1)
        )


def steps_of(code):
    """The instructions of `code`, and its table of exceptions in terms of them."""
    places = list(code.co_positions())
    steps, at, waiting = [], {}, []
    for found in dis.get_instructions(code):
        if found.opcode == _EXTENDED:  # a jump may lead here
            waiting.append(found.offset)
            continue
        step = Step(found.opname, found.arg or 0, found.argval, places[found.offset // 2])
        for offset in (*waiting, found.offset):
            at[offset] = step
        waiting.clear()
        steps.append(step)
    for step in steps:
        if dis.opmap[step.name] in _JUMPS:
            step.target = at[step.value]
    handlers = [
        (at[e.start], at.get(e.end), at[e.target], e.depth, e.lasti)
        for e in dis._parse_exception_table(code)
    ]
    return steps, handlers


def code_of(code, steps, handlers, constants, extra):
    """`code` with other instructions and constants; `extra` values more may be on its stack."""
    _place(steps)
    written = bytearray()
    for step in steps:
        _write(written, step)
    return code.replace(
        co_code=bytes(written),
        co_consts=constants,
        co_stacksize=code.co_stacksize + extra,
        co_linetable=_lines(steps, code.co_firstlineno),
        co_exceptiontable=_exceptions(handlers, len(written)),
    )


def _caches(name):
    if isinstance(_CACHES, dict):
        return _CACHES.get(name, 0)
    return _CACHES[dis.opmap[name]]


def _size(step):
    """In units of two bytes."""
    return 1 + (step.arg > 0xFF) + (step.arg > 0xFFFF) + (step.arg > 0xFFFFFF) + _caches(step.name)


def _place(steps):
    """Offsets and jump distances, which depend on one another, until both stay."""
    while True:
        offset = 0
        for step in steps:
            step.offset = offset
            offset += _size(step)
        is_settled = True
        for step in steps:
            if step.target is not None:
                distance = step.target.offset - (step.offset + _size(step))
                arg = -distance if "BACKWARD" in step.name else distance
                size = _size(step)
                step.arg = arg
                is_settled &= size == _size(step)
        if is_settled:
            return


def _write(written, step):
    for shift in (24, 16, 8):
        if step.arg >> shift:
            written += bytes((_EXTENDED, step.arg >> shift & 0xFF))
    written += bytes((dis.opmap[step.name], step.arg & 0xFF))
    written += bytes((_CACHE, 0)) * _caches(step.name)


def _little(value):
    found = []
    while value > 0x3F:
        found.append(0x40 | value & 0x3F)
        value >>= 6
    return bytes((*found, value))


def _lines(steps, line):
    """The table of positions: the long form of entry for every instruction."""
    table = bytearray()
    for step in steps:
        start, end, column, end_column = step.position
        length = _size(step)
        while length > 0:
            part = min(length, 8)
            length -= part
            if start is None:
                table.append(0x80 | 15 << 3 | part - 1)
                continue
            is_short = end is None or column is None or end_column is None
            table.append(0x80 | (13 if is_short else 14) << 3 | part - 1)
            delta = start - line
            table += _little(-delta << 1 | 1 if delta < 0 else delta << 1)
            if not is_short:
                table += _little(end - start) + _little(column + 1) + _little(end_column + 1)
            line = start
    return bytes(table)


def _big(value, mark=0):
    found = [value & 0x3F]
    while value > 0x3F:
        value >>= 6
        found.append(0x40 | value & 0x3F)
    found[-1] |= mark
    return bytes(reversed(found))


def _exceptions(handlers, size):
    table = bytearray()
    for first, end, target, depth, keeps_place in handlers:
        stop = size // 2 if end is None else end.offset
        table += _big(first.offset, 0x80) + _big(stop - first.offset)
        table += _big(target.offset) + _big(depth << 1 | keeps_place)
    return bytes(table)
