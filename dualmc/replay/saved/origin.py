"""Where a function is found again in another process: by its name, or by what it was pickled as."""

import importlib
import pickle
import sys

from dualmc.chunks.sending import by_value
from dualmc.replay.saved.sentences import Unusable


def label_of(f):
    return getattr(f, "__qualname__", None) or type(f).__qualname__


def kept(f):
    """The dict that says where f is.

    A function that its module has under its name is looked up there: it is the code of now that a
    saved program is compared with.  Others, and those of a script, are pickled too.
    """
    module, name = getattr(f, "__module__", None), getattr(f, "__qualname__", None)
    has_name = type(module) is str and type(name) is str and _found(module, name) is f
    packed = None
    if not has_name or module == "__main__":
        packed = _packed(f)
    return {
        "label": label_of(f),
        "module": module if has_name else None,
        "name": name if has_name else None,
        "packed": packed,
    }


def _found(module, name):
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _packed(f):
    """f pickled; a function of a script by value, as another one does not have it."""
    is_of_script = getattr(f, "__module__", None) == "__main__"
    if not is_of_script:
        try:
            return pickle.dumps(f)
        except Exception:  # a lambda, a function in a function
            pass
    return by_value(f)


def found(origin):
    """The function.

    Raises
    ------
    Unusable
    """
    label, module, name = origin["label"], origin["module"], origin["name"]
    if module is not None:
        try:
            importlib.import_module(module)
        except ImportError as problem:
            why = f"is in the module {module}, which cannot be imported here ({problem})"
        else:
            f = _found(module, name)
            if f is not None:
                return f
            why = f"was {name} in the module {module}, which has no such name here"
    else:
        why = "has no name under which another process would find it"
    if origin["packed"] is not None:
        try:
            return pickle.loads(origin["packed"])
        except Exception as problem:
            why += f"; nor can it be unpickled ({type(problem).__name__}: {problem})"
    raise Unusable(f"its function {label} {why}. Give it: load(path, f).")
