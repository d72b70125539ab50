"""What code does with a name that it loads: it calls what it finds there, or it holds it.

``np.exp([t, 1.0])`` can be a function that looks for Duals in lists first.  Code that holds
``np.exp`` itself, to compare it (``act is np.exp``) or to hand it on, must find NumPy's own.
"""

import dis
import functools
import types

from dualmc.unchanged.code import bytecode

_COMPARES = frozenset({"IS_OP", "COMPARE_OP", "CONTAINS_OP"})
_LOADS = frozenset({"LOAD_FAST", "LOAD_CONST", "LOAD_DEREF", "LOAD_FAST_BORROW"})


def path(steps, i, value):
    """What `steps[i]`, which loads `value`, leads to, and the place of the step that loads that.

    Attributes of modules are followed: of ``np.linalg.norm`` it is the function.
    """
    i += 1
    while isinstance(value, types.ModuleType) and i < len(steps):
        step = steps[i]
        if step.name not in ("LOAD_ATTR", "LOAD_METHOD"):
            break
        value = _attribute(value, step.value)
        i += 1
    return value, i - 1


def _attribute(module, name):
    """An attribute of a module; of the user's only what is there, for asking may import it."""
    found = vars(module).get(name)
    if found is None and module.__name__.partition(".")[0] in _LAZY:
        found = getattr(module, name, None)
    return found


_LAZY = frozenset({"numpy", "scipy"})


def is_called(steps, first, last):
    """Whether what steps `first` (a name) to `last` (its attributes) load is called or asked."""
    if steps[first].pushes_null or steps[last].is_method:
        return True
    after = steps[last + 1].name if last + 1 < len(steps) else ""
    if after in ("LOAD_ATTR", "LOAD_METHOD"):
        return True
    if bytecode.NULL_IS_AFTER:
        return after == "PUSH_NULL"
    return first > 0 and steps[first - 1].name == "PUSH_NULL"


def is_compared(steps, last):
    """Whether it is compared with something, and needs to be what it is."""
    after = [step.name for step in steps[last + 1 : last + 3]]
    return bool(after) and (
        after[0] in _COMPARES or after[0] in _LOADS and after[1:] and after[1] in _COMPARES
    )


def is_used(frame):
    """Whether what `frame` loads just now is called, asked for an attribute or matched."""
    return _is_used_at(frame.f_code, frame.f_lasti)


@functools.lru_cache(256)
def _is_used_at(code, offset):
    steps = list(dis.get_instructions(code))
    i = next(i for i, step in enumerate(steps) if step.offset == offset)
    before, after = steps[max(i - 2, 0) : i + 1], [step.opname for step in steps[i + 1 : i + 3]]
    is_called = any("NULL" in step.argrepr for step in before[-2:])
    if not bytecode.NULL_IS_AFTER:  # the module may be loaded by an instruction of its own
        is_called = is_called or any(step.opname == "PUSH_NULL" for step in before)
    used = ("LOAD_ATTR", "LOAD_METHOD", "PUSH_NULL")
    return is_called or after[0] in used or after[1:] == ["MATCH_CLASS"]
