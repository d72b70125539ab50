"""The check that all places hold what they held, as one expression: a call asks it each time.

Where the value cannot change in place its identity comes first, where it can its numbers or its
code; the match of a snapshot decides where these differ.
"""

import types
import warnings

import numpy as np

from dualmc.graph.events import error_state, loud_errors, loud_special, warning_action
from dualmc.replay.guards.values import SMALL
from dualmc.unchanged.as_is import is_foreign
from dualmc.unchanged.code.exchange import code_of


def compiled_check(f, match_f, fixed, places, action):
    """``check(args)``: whether f, its arguments `fixed` and its `Places` are what they were.

    `fixed`: by number of an argument, the match of it; `action`: what Python did with warnings.
    """
    names = places.names
    scope = {"f": f, "match": match_f, "ndarray": np.ndarray, "mentioned": frozenset(names)}
    terms = ["match(f, seen)"]
    if _is_simple(f, names):
        terms = [f"({_same_function('f', 'root', f, scope)} or match(f, seen))"]
    if places.catches:
        terms += _errors_stay(scope, action)
    terms += [_term(k, place, names, scope) for k, place in enumerate(places.found)]
    for k, namespace in enumerate(places.spaces.values()):
        scope[f"s{k}"], scope[f"n{k}"] = namespace, list(namespace)
        scope[f"h{k}"] = names.intersection(namespace)
        terms.append(f"([*s{k}] == n{k} or mentioned.intersection(s{k}) == h{k})")
    terms = "\n   and ".join(terms)
    scope.update({f"a{i}": match for i, match in fixed.items()})
    asked = " and ".join(f"a{i}(args[{i}], seen)" for i in fixed)
    asked = f" seen = {{}}\n if not ({asked}): return False\n" if asked else ""
    exec(
        "def check(args=()):\n"
        + asked
        + " seen = {}\n" * ("seen" in terms)
        + f" try:\n  return ({terms})\n except (KeyError, AttributeError):\n  return False\n",
        scope,
    )
    return scope["check"]


def _errors_stay(scope, recorded):
    """Expressions: errors of arithmetic, and warnings, are no errors, or were such then too."""
    is_calm = loud_errors() is None
    scope["state"], scope["loud"] = error_state, loud_errors
    scope["calm"] = error_state() if is_calm else None  # which raises nothing, as it is now
    scope["w"] = warnings
    scope["filters"] = warnings.filters if recorded == warning_action() else None
    scope["first"] = [*warnings.filters, None][0]
    scope["quiet"] = lambda: recorded == "error" or warning_action() != "error"
    scope["special"] = loud_special
    yield "(state() is calm or loud() is None)"
    yield "special() is None"
    yield "(w.filters is filters and [*filters, None][0] is first or quiet())"


def _term(k, place, names, scope):
    """An expression: whether place number `k` holds what it held."""
    value, name = place.value, place.name
    scope[f"g{k}"] = place.namespace
    if place.match is None:
        return f"{name!r} not in g{k}"
    scope[f"c{k}"], scope[f"m{k}"] = value, place.match
    found = f"g{k}[{name!r}]"
    if type(value) is np.ndarray and value.nbytes <= SMALL and not value.dtype.hasobject:
        same = _same_array(f"c{k}", value, scope)
        return f"(type(v := {found}) is ndarray and {same} or m{k}(v, seen))"
    if _is_settled(value):
        return f"((v := {found}) is c{k} or m{k}(v, seen))"
    if _is_simple(value, names):
        same = _same_function("v", f"k{k}", value, scope)
        return f"((v := {found}) is c{k} and {same} or m{k}(v, seen))"
    return f"m{k}({found}, seen)"


def _is_simple(value, names):
    """Whether a function is its code and its defaults, as far as anybody looks."""
    return (
        type(value) is types.FunctionType
        and not value.__closure__
        and not names.intersection(value.__dict__)
        and value.__kwdefaults__ is None
        and all(map(_is_settled, value.__defaults__ or ()))
    )


_SETTLED = (
    int, bool, str, bytes, float, complex, type(None), types.ModuleType, type, np.ufunc, np.generic,
    types.BuiltinFunctionType, type(np.concatenate),
)  # fmt: skip


def _is_settled(value):
    """Whether it is what it was as long as it is the same object."""
    if isinstance(value, types.BuiltinFunctionType):
        return isinstance(value.__self__, (types.ModuleType, type)) or value.__self__ is None
    if type(value) is types.FunctionType:
        return is_foreign(value.__globals__.get("__name__"), "")
    return issubclass(type(value), _SETTLED)


def _same_function(v, name, f, scope):
    """An expression: whether the function named `v`, which is `f`, has the state that it had."""
    scope[name], scope[f"{name}d"] = code_of(f), f.__defaults__
    count = len(f.__dict__)
    is_as_long = f"len({v}.__dict__) == {count}" if count else f"not {v}.__dict__"
    return (
        f"{v}.__code__ is {name} and {v}.__defaults__ is {name}d and {v}.__kwdefaults__ is None "
        f"and {is_as_long}"
    )


def _same_array(name, a, scope):
    """An expression: whether the array v has the numbers of `a`, in the same places."""
    scope[f"{name}d"], scope[f"{name}t"], scope[f"{name}s"] = a.dtype, a.strides, a.shape
    scope[f"{name}b"] = a.tobytes()
    if a.ndim == 1 and a.itemsize:  # the bytes tell the length, and there is one order of them
        return f"v.dtype is {name}d and v.ndim == 1 and v.tobytes() == {name}b"
    return (
        f"v.dtype is {name}d and v.strides == {name}t and v.shape == {name}s "
        f"and v.tobytes() == {name}b"
    )
