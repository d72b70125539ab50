"""Who holds an object: for the message of an error, in the words of the user's code."""

import gc
import sys
import types

# What holds anything for a while, and is not what a user would look for.
_PASSING = (types.FrameType, types.TracebackType, BaseException)
# Places that are named.
SHOWN = 5


def told(a):
    """A sentence on the array `a` and where it is kept, as far as that can be told."""
    holders = [r for r in gc.get_referrers(a) if _is_of_user(r)]
    tables = [r for r in holders if issubclass(type(r), dict)]
    owners = gc.get_referrers(*tables) if tables else []
    places = dict.fromkeys(place for r in holders for place in _places(r, a, owners))
    kept = f", kept as {' and as '.join([*places][:SHOWN])}" if places else ""
    what = f"an array of shape {a.shape}" if a.shape else "a number"
    return (
        f" It is {what}{kept}. Where its value is meant as a constant, keep numpy.array(a) in its "
        f"place before the call."
    )


def _is_of_user(holder):
    return not (issubclass(type(holder), _PASSING) or type(holder).__module__.startswith("dualmc"))


def _places(holder, a, owners):
    """How the user's code would ask `holder`, which refers to `a`, for it."""
    if issubclass(type(holder), dict):
        for key in [key for key, item in holder.items() if item is a]:
            yield _in_dict(holder, key, owners)
    elif issubclass(type(holder), (list, tuple)):
        for i in [i for i, item in enumerate(holder) if item is a]:
            yield f"item {i} of a {type(holder).__name__}"
    elif type(holder) is types.CellType:
        yield "a variable of a function around"
    else:
        for name in _attributes(holder):
            if getattr(holder, name, None) is a:
                yield f"{type(holder).__name__}.{name}"


def _in_dict(names, key, owners):
    """``names[key]`` as the attribute or the global variable that it may be."""
    module = sys.modules.get(names.get("__name__"))
    if module is not None and vars(module) is names:
        return f"{names['__name__']}.{key}"
    for owner in owners:
        if getattr(owner, "__dict__", None) is names:
            return f"{type(owner).__name__}.{key}"
        if issubclass(type(owner), type) and any(r is names for r in gc.get_referents(owner)):
            return f"{owner.__name__}.{key}"
    return f"item {key!r} of a dict"


def _attributes(holder):
    """The names of the attributes of an instance, in its dict and in the slots of its classes."""
    yield from getattr(holder, "__dict__", ())
    for base in type(holder).__mro__:
        slots = base.__dict__.get("__slots__", ())
        yield from [slots] if type(slots) is str else slots
