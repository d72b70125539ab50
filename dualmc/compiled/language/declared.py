"""What users declare of their functions: signatures given to `njit`, types of local variables.

They convert: a function declared for integers cuts what it is given, one for float32 rounds it.
The copy for Duals does the same.
"""

import numba
from numba.core import types
from numba.core.registry import cpu_target
from numba.extending import overload

from dualmc.compiled.language.conversions import converted, stripped

# What lets LLVM assume that nothing is NaN or infinite: partials are, where the function has kinks.
_ASSUMING_FINITE = {"nnan", "ninf"}
_FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}


def fastmath(flags):
    """The option `fastmath` for a copy: without the flags that would make of NaN any number."""
    if isinstance(flags, dict):
        flags = {flag for flag, is_set in flags.items() if is_set}
    if isinstance(flags, str):
        flags = {flags}
    if not flags or "fast" in (flags if isinstance(flags, (set, frozenset, list, tuple)) else ()):
        return _FAST if flags else False
    return _FAST if flags is True else set(flags) - _ASSUMING_FINITE


def local_types(given, kind):
    """The declared types of local variables, those of floats in Duals of this `kind`."""
    found = {}
    for name, declared in given.items():
        if isinstance(declared, types.Float):
            declared = kind.with_base(declared)
        elif isinstance(declared, types.Array) and isinstance(declared.dtype, types.Float):
            declared = declared.copy(dtype=kind.with_base(declared.dtype))
        found[name] = declared
    return found


def is_declared(dispatcher):
    """Whether the user gave signatures, so that arguments are converted to one of them."""
    return not dispatcher._can_compile and bool(dispatcher.signatures)


def by_signature(dispatcher, copy, options):
    """`copy`, of which arguments and result are converted as those of `dispatcher` are."""
    count = dispatcher.py_func.__code__.co_argcount
    names = [f"a{i}" for i in range(count)]
    function = types.Dispatcher(dispatcher)  # which does not keep it alive

    def stand_in(*args):
        raise NotImplementedError

    @overload(stand_in)
    def chosen(*args):
        plain = tuple(stripped(types.unliteral(kind)) for kind in args)
        found = function.get_call_type(cpu_target.typing_context, plain, {})
        taken = []
        scope = {"copy": copy, "converted": converted}
        for i, (given, declared) in enumerate(zip(plain, found.args, strict=False)):
            scope[f"T{i}"] = declared
            changes = given != declared and isinstance(declared, types.Number | types.Boolean)
            taken.append(f"converted(args[{i}], T{i})" if changes else f"args[{i}]")
        text = f"copy({', '.join(taken)})"
        if isinstance(found.return_type, types.Number | types.Boolean):
            scope["R"] = found.return_type
            text = f"converted({text}, R)"
        return eval(f"lambda *args: {text}", scope)

    scope = {"stand_in": stand_in}
    exec(f"def declared({', '.join(names)}): return stand_in({', '.join(names)})", scope)
    scope["declared"].__defaults__ = dispatcher.py_func.__defaults__
    return numba.njit(**options)(scope["declared"])
