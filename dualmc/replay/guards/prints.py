"""What a snapshot compares, in words that are the same in every process: for programs on disk.

In a process what cannot change in place is compared by identity.  Between processes a name stands
for it, with the version of its package; objects of C extensions go by what they are pickled as.
"""

import hashlib
import inspect
import logging
import pickle
import sys
import threading
import types

import numpy as np

from dualmc.unchanged.as_is import is_foreign


class Unknown(Exception):
    """A value that nobody can tell from another; the message names it."""


_NAMED = (
    type, types.FunctionType, types.BuiltinFunctionType, types.WrapperDescriptorType,
    types.MethodDescriptorType, types.ClassMethodDescriptorType, types.MemberDescriptorType,
    types.GetSetDescriptorType, types.MethodWrapperType, type(np.concatenate),
)  # fmt: skip
# Of these any one is as good as another.
_NAMELESS = type(threading.Lock()), type(threading.RLock()), threading.local


def name_of(value):
    """Words for what is compared by identity.

    Raises
    ------
    Unknown
    """
    if isinstance(value, types.ModuleType):
        return "module", value.__name__, _version(value.__name__)
    if isinstance(value, np.ufunc):
        return _name_of_ufunc(value)
    if isinstance(value, _NAMED):
        owner = getattr(value, "__objclass__", None)
        module = getattr(value, "__module__", None) or getattr(owner, "__module__", None) or ""
        name = getattr(value, "__qualname__", value.__name__)
        # A class of the user's is looked at by what is in it, wherever it lives.
        return (module, name, _version(module)) if is_foreign(module, "") else (name,)
    if isinstance(value, types.CodeType):
        return code_words(value)
    if isinstance(value, logging.Logger):
        return ("logger", value.name)
    if isinstance(value, inspect.Signature):
        return (str(value),)
    if isinstance(value, _NAMELESS):
        return ()
    try:
        return (hashlib.sha1(pickle.dumps(value, 4)).hexdigest(),)
    except Exception:
        raise Unknown(
            f"a {type(value).__name__}, which cannot be compared with that of another process"
        ) from None


def _name_of_ufunc(value):
    name = value.__name__
    for library in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(library), name, None) is value:
            return library, name, _version(library)
    raise Unknown(
        f"the ufunc {name}, of whose loops nobody knows whether another process has the same"
    )


def _version(module):
    top = sys.modules.get(module.partition(".")[0])
    return str(getattr(top, "__version__", ""))


def code_words(code):
    """All that a code object does, without where it stands."""
    consts = [
        code_words(c) if isinstance(c, types.CodeType) else _constant(c) for c in code.co_consts
    ]
    return (
        code.co_name, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount,
        code.co_flags, code.co_code, code.co_names, code.co_varnames, code.co_freevars,
        code.co_cellvars, code.co_exceptiontable, consts,
    )  # fmt: skip


def _constant(value):
    if isinstance(value, (tuple, frozenset)):
        parts = list(map(_constant, value))
        if type(value) is frozenset:
            parts.sort(key=repr)
        return type(value).__name__, parts
    return type(value).__name__, repr(value)
