"""Where a function is found again in another process: by its name, or by what it was pickled as."""

import hashlib
import importlib
import os
import pickle
import sys

from dualmc.chunks.sending import by_value
from dualmc.replay.saved.sentences import Unusable


def label_of(f):
    return getattr(f, "__qualname__", None) or type(f).__qualname__


def kept(f):
    """The dict that says where f is.

    A function that its module has under its name is looked up there, so that a saved program is
    compared with the code of now.  Others are pickled: by reference if that can be done, else by
    value, with the file that their code is in.
    """
    module, name = getattr(f, "__module__", None), getattr(f, "__qualname__", None)
    has_name = type(module) is str and type(name) is str and _named(module, name) is f
    by_reference = None
    if not has_name:
        try:
            by_reference = pickle.dumps(f)
        except Exception:  # a lambda, a function in a function
            pass
    is_of_script = b"__main__" in (by_reference or b"__main__")
    return {
        "label": label_of(f),
        "name": (module, name) if has_name else None,
        "by reference": by_reference,
        "by value": by_value(f)
        if is_of_script and (not has_name or module == "__main__")
        else None,
        "file": _file_of(f),
    }


def _named(module, name):
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _file_of(f):
    """(file of f's code, digest of it), as far as there is one."""
    f = getattr(f, "func", f)  # of a partial
    code = getattr(f, "__code__", None) or getattr(type(f).__call__, "__code__", None)
    return None if code is None else _digest(code.co_filename)


def _digest(file):
    try:
        with open(file, "rb") as text:
            return os.path.realpath(file), hashlib.sha1(text.read()).hexdigest()
    except OSError:
        return None


def found(origin):
    """The function.

    Raises
    ------
    Unusable
    """
    why = "has no name under which another process would find it"
    if origin["name"] is not None:
        module, name = origin["name"]
        try:
            importlib.import_module(module)
        except ImportError as problem:
            why = f"is in the module {module}, which cannot be imported here ({problem})"
        else:
            f = _named(module, name)
            if f is not None:
                return f
            why = f"was {name} in the module {module}, which has no such name here"
    if origin["by reference"] is not None:
        try:
            return pickle.loads(origin["by reference"])
        except Exception as problem:
            why = f"cannot be unpickled ({type(problem).__name__}: {problem})"
    if origin["by value"] is not None:
        file = origin["file"]
        if file is None or _digest(file[0]) in (None, file):
            return _unpickled(origin)
        why = f"has no name, and {file[0]}, in which it was, has been edited"
    raise _not_found(origin, why)


def _unpickled(origin):
    try:
        return pickle.loads(origin["by value"])
    except Exception as problem:
        why = f"cannot be unpickled ({type(problem).__name__}: {problem})"
        raise _not_found(origin, why) from None


def _not_found(origin, why):
    return Unusable(f"its function {origin['label']} {why}. Give it: load(path, f).")
