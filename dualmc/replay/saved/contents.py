"""A prepared function as bytes, and from bytes: all of its ways, and what they were made for."""

from dualmc import versions
from dualmc.calls.structures.flat import Flat
from dualmc.calls.structures.trees import Structure
from dualmc.kernels.compiling import HAS_COMPILER
from dualmc.replay.guards.prints import Unknown
from dualmc.replay.saved import files, origin, steps, user_rules, ways
from dualmc.replay.saved.sentences import AGAIN, Unsaved, Unusable

# Of the file: another one cannot be read.
FORMAT = 1


def packed(prepared, with_origin=True):
    """The bytes of a file of `prepared`.

    Raises
    ------
    Unsaved
    """
    paths = prepared._paths
    if paths.is_compiled:
        raise Unsaved(
            "it is compiled by Numba, which keeps its code, and that of its derivatives, on disk "
            "itself: declare it with @njit(cache=True) and prepare it in each process"
        )
    if paths.reason is not None:
        raise Unsaved(f"it is not replayed, since {paths.reason}")
    try:
        rules = user_rules.prints()
    except Unknown as problem:
        raise Unsaved(str(problem)) from None
    request = paths._request
    pairs = list(paths.kept)
    found = [ways.kept(request.f, key, path) for key, path in pairs]
    found = [way for way in found if way is not None]
    if not found:
        raise Unsaved("what it reads has changed since it was recorded; call it once more")
    flat = request.f if type(request.f) is Flat else None
    state = {
        "options": prepared._state(None)[1:],
        "ways": found,
        "refusal": paths.refusal,
        "guarded": paths._guarded,
        "output": flat and (flat.output, flat.paths),
        "rules": rules,
        "origin": origin.kept(prepared._f) if with_origin else None,
    }
    header = {
        "format": FORMAT,
        "function": origin.label_of(prepared._f),
        "recorded with": versions.of_recording(),
        "compiled for": versions.of_machine(),
    }
    return files.packed(header, steps.dumps(state))


def opened(content, make, f=None):
    """The prepared function of the bytes of a file, as ``make(f, options, fill)`` makes one.

    ``fill(paths)`` gives new `Paths` what is in the file.

    Raises
    ------
    Unusable
    """
    header, packed_state = files.unpacked(content)
    is_same_machine = _check(header)
    try:
        state = steps.loads(packed_state)
    except Exception as problem:
        raise Unusable(
            f"what it holds cannot be unpickled here ({type(problem).__name__}: {problem})."
        ) from problem
    f = origin.found(state["origin"]) if f is None else f
    label = origin.label_of(f)
    try:
        is_same = state["rules"] == user_rules.prints()
    except Unknown:
        is_same = False
    if not is_same:
        raise Unusable(
            f"the rules and stand-ins registered with dualmc are not those of when it was saved. "
            f"Register them first, or prepare {label} again."
        )
    is_filled = False

    def fill(paths):
        nonlocal is_filled
        flat = paths._request.f
        if state["output"] is not None:
            if type(flat) is not Flat:
                raise Structure("a saved program of structures")
            flat.output, flat.paths = state["output"]
        paths.kept = _ways(state, flat, label, is_same_machine)
        paths.refusal, paths._guarded = state["refusal"], state["guarded"]
        paths._misses = 1
        paths._choose_short()
        is_filled = True

    prepared = make(f, state["options"], fill)
    if not is_filled:
        raise Unusable(f"{label} is compiled by Numba; what was saved is a function of Python.")
    return prepared


def _check(header):
    """Whether machine code can be taken as it is; refuse what was recorded otherwise."""
    if header.get("format") != FORMAT:
        raise Unusable(
            f"it has format {header.get('format')!r}, and this dualmc reads format "
            f"{FORMAT}. {AGAIN}"
        )
    if not HAS_COMPILER:
        raise Unusable("nothing is compiled here (NUMBA_DISABLE_JIT is set).")
    before, now = header["recorded with"], versions.of_recording()
    for name, version in now.items():
        if before.get(name) != version:
            raise Unusable(
                f"{header.get('function')} was prepared with {name} {before.get(name)}, and this "
                f"is {name} {version}. {AGAIN}"
            )
    return header["compiled for"] == versions.of_machine()


def _ways(state, f, label, is_same_machine):
    """The (key, path) pairs that hold here: those of which all that f reads is as it was."""
    found, problems = [], []
    for way in state["ways"]:
        for name in way["imported"]:
            _import(name)
        outside, problem = ways.outside_of(f, way)
        if problem is None:
            found.append(ways.restored(way, outside, is_same_machine))
        problems.append(problem)
    if not found:
        raise Unusable(f"{label} is not what it was when it was saved: {problems[0]}. {AGAIN}")
    return found


def _import(name):
    try:
        __import__(name)
    except ImportError:  # then what is read differs, and is named
        pass


def revived(make, f, options, content):
    """The prepared function that was pickled: of `content`, or recorded anew where that is not
    that of f here."""
    if content is not None:
        try:
            return opened(content, make, f)
        except Unusable:
            pass
    return make(f, options, None)


def pickled(prepared):
    """The bytes that travel with a pickle, or None."""
    try:
        return packed(prepared, with_origin=False)
    except Unsaved:
        return None
