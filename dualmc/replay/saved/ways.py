"""One path and what it is kept as: its machine code, its program, and what f read outside.

The program is packed apart, and opened only when somebody asks for what is compiled later: the
value, native code, code for another machine.
"""

import functools
import zlib

from dualmc.replay.guards.outside import Outside
from dualmc.replay.guards.prints import Unknown
from dualmc.replay.machine.native import Code
from dualmc.replay.machine.schedule import Memory
from dualmc.replay.path import Path
from dualmc.replay.saved import leaves, steps
from dualmc.replay.saved.sentences import Unsaved

# How hard the program is packed: as fast as may be.
LEVEL = 1


def kept(f, key, path):
    """The dict that this path is kept as; None where what it reads is no longer what it was.

    Raises
    ------
    Unsaved
    """
    if not path.check(_arguments(key, path)):
        return None
    try:
        outside = Outside(f, path.fixed, True, path.outside.action)
    except Unknown as problem:
        raise Unsaved(str(problem)) from None
    if path.packed is None:
        path.packed = zlib.compress(steps.dumps(leaves.flattened(path.arithmetic)), LEVEL)
    value = None
    if path.has_code_with_value:
        code, memory = path.code_with_value()
        value = code.state(), memory.offset, memory.size
    return {
        "key": key,
        "fixed": path.fixed,
        "action": outside.action,
        "prints": outside.prints,
        "imported": outside.imported,
        "state": path.state(),
        "code": path.code.state(),
        "value": value,
        "program": path.packed,
    }


def _arguments(key, path):
    """Arguments for a check, which looks at those alone that are no inputs."""
    return tuple(path.fixed.get(i) for i in range(len(key)))


def difference(prints, found):
    """What is not as it was, in words; None: nothing.  Pairs of a label and a digest each."""
    if prints == found:
        return None
    for (label, digest), (other, other_digest) in zip(prints, found, strict=False):
        if label != other:
            return f"{label} (or {other}) differs"
        if digest != other_digest:
            return f"{label} differs"
    longer = max(prints, found, key=len)
    return f"{longer[min(len(prints), len(found))][0]} differs"


def outside_of(f, way):
    """What f reads outside, as it is here, and what of it is not as it was, in words."""
    try:
        outside = Outside(f, way["fixed"], True, way["action"])
    except Unknown as problem:
        return None, str(problem)
    return outside, difference(way["prints"], outside.prints)


def restored(way, outside, is_same_machine):
    """The (key, path) of this dict."""
    arithmetic = functools.partial(_opened, way["program"])
    path = Path.of_state(way["state"], arithmetic)
    path.fixed, path.packed = way["fixed"], way["program"]
    path.outside, path.check = outside, outside.check
    path._with_value = path._kept_value = None
    if not is_same_machine:
        path.code = path.compiled()
        return way["key"], path
    count = path._count_of_inputs
    path.code = Code.of_state(way["code"], count)
    if way["value"]:
        path._kept_value = functools.partial(_code_with_value, count, *way["value"])
    return way["key"], path


def _code_with_value(count, state, offset, size):
    memory = Memory(size)
    memory.offset = offset
    return Code.of_state(state, count), memory


def _opened(program):
    return leaves.restored(steps.loads(zlib.decompress(program)))
