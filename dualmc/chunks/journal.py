"""Which columns of a file are done: a line for each chunk, written after the columns themselves.

The journal lies beside the file.  Its first line tells the call that it belongs to; only that may
go on with it.  It goes with the call that completes the Jacobian.
"""

import functools
import hashlib
import json
import os
import pickle
import types
from pathlib import Path

import numpy as np

from dualmc.chunks import given
from dualmc.chunks.task import version

ENDING = ".unfinished"
# What a journal knows of its call, and what to say where that is not the call of now.
TOLD = {
    "dualmc": "the version of dualmc",
    "f": "the code of f",
    "args": "the arguments of f",
    "y": "the value of f",
    "argnums": "argnums",
    "out": "the shape, dtype or layout of out",
}


class Journal:
    """The journal of one call; `done` is a list of pairs (begin, end), in no order."""

    def __init__(self, arrays, request, y):
        paths = [given.file_of(a) for a in arrays]
        self.arrays = arrays
        self.path = None if None in paths else Path(f"{paths[0]}{ENDING}")
        self.caller = request.caller
        self.head = {} if self.path is None else _head(arrays, request, y)
        self.done = []

    def begin(self, resume):
        """Read what is done, if `resume`; else begin anew, if nothing would be lost by that."""
        if self.path is None:
            if resume:
                raise ValueError(
                    f"{self.caller}: resume=True goes on with a file, and out is in memory. Give a "
                    f"numpy.memmap, or an array of zarr or h5py in a file."
                )
            return
        head, done = _read(self.path)
        if done and not resume:
            count = sum(end - begin for begin, end in done)
            raise ValueError(
                f"{self.caller}: out holds {count} columns of a call that did not end, says "
                f"{self.path}. Go on with them by resume=True, or remove that file to begin anew."
            )
        if done:
            other = [said for key, said in TOLD.items() if head.get(key) != self.head[key]]
            if other:
                raise ValueError(
                    f"{self.caller}: resume=True cannot go on with the columns that {self.path} "
                    f"tells of: {' and '.join(other)} differ{'s' * (len(other) == 1)}. Remove that "
                    f"file to begin anew."
                )
            self.done = done
        self._write_all()

    def note(self, begin, end):
        """The columns from `begin` to `end` are in the arrays."""
        if self.path is not None:
            for a in self.arrays:
                given.flush(a)
            with open(self.path, "a", encoding="utf-8") as file:
                _put(file, [begin, end])
        self.done.append((begin, end))

    def end(self):
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _write_all(self):
        """Whole lines in place of what is there, where the last one may be cut short."""
        new = self.path.with_name(self.path.name + ".new")
        with open(new, "w", encoding="utf-8") as file:
            _put(file, self.head, *map(list, self.done))
        os.replace(new, self.path)

    def gaps(self, n):
        """The columns of `n` that are not done, as pairs (begin, end)."""
        found, start = [], 0
        for begin, end in sorted(self.done):
            if start < begin:
                found.append((start, begin))
            start = max(start, end)
        return [*found, (start, n)] if start < n else found


def _put(file, *lines):
    file.writelines(json.dumps(line) + "\n" for line in lines)
    file.flush()
    os.fsync(file.fileno())


def _read(path):
    """The first line of a journal, and the columns that it has; one cut short does not count."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, []
    found = []
    for line in text.splitlines(keepends=True):
        try:
            found.append(json.loads(line) if line.endswith("\n") else None)
        except ValueError:
            found.append(None)
    head = found[0] if found and isinstance(found[0], dict) else {}
    return head, [(a[0], a[1]) for a in found[1:] if isinstance(a, list) and len(a) == 2]


# --- Which call it is -----------------------------------------------------------------------------


def _head(arrays, request, y):
    shapes = [[list(a.shape), np.dtype(a.dtype).str] for a in arrays]
    return {
        "dualmc": version(),
        "f": _hashed(_Code().of(request.f)),
        "args": _hashed(_said(request.args)),
        "y": _hashed(_said(np.asarray(y))),
        "argnums": list(request.numbers),
        "out": [request.layout, shapes],
    }


_PLAIN = (bool, int, float, complex, str, bytes, np.generic)


def _hashed(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _said(value):
    """A text that tells `value` from others: by its bits, as far as that can be done."""
    if issubclass(type(value), np.ndarray) and value.dtype != object:
        data = np.ascontiguousarray(value).tobytes()
        return f"{value.dtype.str} {value.shape} {hashlib.sha256(data).hexdigest()}"
    if issubclass(type(value), (tuple, list)):
        return f"{type(value).__name__}({', '.join(map(_said, value))})"
    if issubclass(type(value), dict):
        return f"dict({', '.join(f'{_said(k)}: {_said(v)}' for k, v in value.items())})"
    if value is None or issubclass(
        type(value), (bool, int, float, complex, str, bytes, np.generic)
    ):
        return f"{type(value).__name__} {value!r}"
    try:
        return hashlib.sha256(pickle.dumps(value)).hexdigest()
    except Exception:
        return type(value).__qualname__


class _Code:
    """The text of a function: its code and that of the functions that it holds, and its values."""

    def __init__(self):
        self.seen = set()

    def of(self, f):
        if id(f) in self.seen:
            return "again"
        self.seen.add(id(f))
        if issubclass(type(f), functools.partial):
            return f"partial {self.of(f.func)} {_said(f.args)} {_said(f.keywords)}"
        if issubclass(type(f), types.MethodType):
            return f"{self.of(f.__func__)} of {_said(f.__self__)}"
        f = getattr(f, "py_func", f)  # of Numba
        if not issubclass(type(f), types.FunctionType):
            call = vars(type(f)).get("__call__")
            code = self.of(call) if issubclass(type(call), types.FunctionType) else ""
            return f"{type(f).__qualname__} {getattr(f, '__name__', '')} {_said(f)} {code}"
        cells = [c.cell_contents for c in f.__closure__ or () if _is_full(c)]
        used = [f.__globals__.get(name) for name in f.__code__.co_names]
        held = [self.of(c) for c in cells if callable(c)]
        held += [self.of(g) for g in used if getattr(g, "__globals__", None) is f.__globals__]
        # Whole numbers and lists may be counters of calls.
        held += [_said(c) for c in cells + used if issubclass(type(c), (float, str, np.ndarray))]
        return f"{_code(f.__code__)} {_said(f.__defaults__)} {held}"


def _is_full(cell):
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _code(code):
    constants = [
        _code(c) if isinstance(c, types.CodeType)
        else repr(sorted(map(repr, c)) if isinstance(c, frozenset) else c)  # in no fixed order
        for c in code.co_consts
    ]  # fmt: skip
    return f"{code.co_name} {code.co_code.hex()} {code.co_names} {constants}"
