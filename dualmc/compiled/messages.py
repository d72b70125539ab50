"""Numba's reports on code that it cannot compile for Duals, as a sentence that names the line."""

import linecache
import re
import sys
import warnings
import weakref

from dualmc.errors import OWN, CompiledFallbackWarning

_FILE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
_DURING = re.compile(
    r"During: (?:typing of|lowering) [^\n]*? at (?P<file>[^\n]+?) \((?P<line>\d+)\)"
)
_CALL = re.compile(r"No implementation of function (?P<what>.+?) found for signature", re.DOTALL)
_ATTRIBUTE = re.compile(r"Unknown attribute '(?P<what>\w+)' of type (?P<of>[^\n]+)")
_NAME = re.compile(
    r"<built-in function (\w+)>|<function (\w+) at|<ufunc '(\w+)'>|<class '(\w+)'>"
    r"|<bound method (?:\w+\.)?(\w+) of"
)
_UNLIKE = re.compile(r"Cannot unify [^\n]*Dual\([^\n]* for '(?P<name>[^']+)'")
# What dualmc's own overloads say.
_OWN = re.compile(r"dualmc: (?P<text>[^\n]+(?:\n(?! *(?:raised|During|File|-)\b)[^\n]+)*)")
_DUAL = re.compile(r"Dual\((?:[^()]|\([^()]*\))*\)")


# Reports of Numba's that say little of what is meant.
_KNOWN = (
    (
        re.compile(r"Cannot request literal type"),
        "literally() cannot ask for the number itself here; let a closure hold it",
    ),
    (
        re.compile(r"During: Pass with_lifting"),
        "code in Python (objmode) would lose the derivatives of what it is given",
    ),
    (
        re.compile(r'During: lowering "\(\w+\)\.(?P<what>\w+) = '),
        "the attribute {what} holds floats, not numbers with derivatives",
    ),
)


def place(text, files):
    """The innermost line of the user's that a report names: (file, line) or None."""
    found = [m for pattern in (_DURING, _FILE) for m in pattern.finditer(text)]
    for match in found:
        for file in files:
            name = match["file"]
            if file == name or file.endswith(name.lstrip("./")):
                return file, int(match["line"])
    return None


def reason(error):
    """What could not be compiled, in a few words."""
    text = str(error)
    own = _OWN.search(text)
    if own is not None:
        return " ".join(own["text"].split())
    for known, meant in _KNOWN:
        match = known.search(text)
        if match is not None:
            return meant.format(**match.groupdict())
    call = _CALL.search(text)
    if call is not None:
        name = _NAME.search(call["what"])
        name = next(filter(None, name.groups())) if name else call["what"].strip()
        return f"{name} has no compiled derivative for these arguments"
    attribute = _ATTRIBUTE.search(text)
    if attribute is not None:
        of = _DUAL.sub("a number with derivatives", attribute["of"])
        return f"the attribute {attribute['what']} of {of} is not there for derivatives"
    unlike = _UNLIKE.search(text)
    if unlike is not None:
        name = unlike["name"].split(".")[0]
        return (
            f"{name} holds numbers or arrays of plain floats in one place and of ones that depend "
            f"on the inputs in another"
        )
    lines = (line.strip() for line in text.splitlines())
    first = next((s for s in lines if s and not s.startswith("Failed in ")), "")
    return _DUAL.sub("a number with derivatives", first) or type(error).__name__


def sentence(error, f, files):
    """Why `f` cannot be compiled for derivatives, where, and what to do."""
    where = place(str(error), files)
    text = f"dualmc cannot compile {f.py_func.__qualname__} for derivatives: {reason(error)}."
    if where is not None:
        file, line = where
        source = linecache.getline(file, line).strip()
        text += f"\n  at {file}, line {line}" + (f": {source}" if source else "")
    return text


WAYS_OUT = (
    "\n  Ways out: write the step with functions that docs/compiled.md lists; keep arrays that "
    "receive derivatives inside the function (np.empty_like(x), np.zeros(n, x.dtype)); or "
    "differentiate {name}.py_func, the Python function, which is slower."
)

_told: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def runs_as_python(f, text):
    """Warn, once for each text, that the compiled function `f` runs as Python on Duals."""
    told = _told.setdefault(f, set())
    if text in told:
        return
    told.add(text)
    warnings.warn(
        f"{text}\n  It runs as Python here, which is right but slow.",
        CompiledFallbackWarning,
        stacklevel=_users_level(),
    )


def _users_level():
    frame, level = sys._getframe(1), 1
    while frame is not None and frame.f_code.co_filename.startswith(OWN):
        frame, level = frame.f_back, level + 1
    return level
