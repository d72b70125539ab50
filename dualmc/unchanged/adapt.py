"""Plain NumPy code, unchanged: f runs with stand-ins for what a Dual cannot reach.

While a derivative call runs, the functions that it needs have adapted code in place of their own:
the same code, which looks up what its names lead to among the stand-ins (`standins/`,
`code/rewriting.py`).  The functions themselves, their classes, modules and objects are untouched,
and have their own code back when the call ends, whatever happens (`code/exchange.py`).

Which functions: those that f leads to by names, closures, arguments, classes and objects
(`code/plans.py`), and those that are seen to run, SciPy's own Python code included
(`code/learning.py`).  What cannot be reached (C extensions, packages that are left as they are) is
called with Duals: it refuses them loudly, or handles them rightly.
"""

import functools
import sys
import types

import numpy as np

from dualmc.duals import levels
from dualmc.unchanged import foreign
from dualmc.unchanged.as_is import DATA, MARK
from dualmc.unchanged.code import exchange, learning, modules, plans, values
from dualmc.unchanged.code.rewriting import is_rewritten
from dualmc.unchanged.standins import (  # noqa: F401 (their stand-ins enter the table)
    arrays,
    builtins,
    callers,
    kinds,
    math_module,
    memory,
)
from dualmc.unchanged.standins.table import STANDINS

_NONE: dict = {}
Restart = learning.Restart


def adapted(f):
    """The callable to run in place of `f` inside of a call."""
    return functools.partial(_called, f)


def _called(f, *args, **kwargs):
    return call(f, args, levels.current(), kwargs)


def numpy_of_call():
    """NumPy as adapted code sees it."""
    return modules.view_of(np)


def is_adapted(frame):
    """Whether `frame` runs on stand-ins."""
    return is_rewritten(frame.f_code)


def restarting(run):
    """Decorator: what calls f is run again where the call is to be begun again."""

    @functools.wraps(run)
    def again(*args, **kwargs):
        while True:
            try:
                return run(*args, **kwargs)
            except Restart:
                continue

    return again


def _entered(f):
    """What to call for `f`, the Python function that it is, if any, and what is around it."""
    kind = type(f)
    if kind is types.FunctionType:
        if f not in STANDINS:
            return f, f if _is_entered(f) else None, ()
        if not _is_entered(f):
            return f, None, ()
    elif kind is types.MethodType:
        function = f.__func__
        if type(function) is types.FunctionType and function not in STANDINS:
            return f, function, (f.__self__,)
    elif kind is functools.partial:
        inner = f
        around = []
        while type(inner) is functools.partial:
            around += [*inner.args, *inner.keywords.values()]
            inner = inner.func
        _, function, more = _entered(inner)
        return values.adapted(f), function, (*around, *more)
    elif issubclass(kind, type):
        made = f.__init__
        if type(made) is types.FunctionType:
            return f, made, (f,)
    if kind.__module__.startswith("dualmc."):
        return f, None, ()
    found = values.called(f)
    if found is not f:
        if type(found) is types.FunctionType:
            return _entered(found)
        inner = getattr(found, "function", getattr(found, "pyfunc", None))  # a ufunc by elements
        return found, _entered(inner)[1] if type(inner) is types.FunctionType else None, ()
    function = getattr(kind, "__call__", None)  # noqa: B004 (of the class)
    if type(function) is types.FunctionType:
        return f, function, (f,)
    return f, None, ()


def _is_entered(f):
    home = f.__globals__.get("__name__") or ""
    return MARK not in f.__dict__ and not home.startswith("dualmc.")


def _unwrapped(args):
    """The arguments of f, constant sparse matrices as those that look for Duals."""
    for a in args:
        kind = type(a)
        if kind not in DATA and kind.__module__.startswith("scipy.sparse"):
            from dualmc.unchanged.scipy import sparse_products

            return tuple(map(sparse_products.view_of, args))
    return args


def call(f, args, level, kwargs=_NONE, judge=None):
    """``f(*args)``, adapted, on Duals of `level`; without one, what it needs is known.

    `judge` is told, with f, `args` and `level`, what compiled code raised in a first call and f
    caught: where that is a refusal, later calls are looked at too.

    Raises
    ------
    Restart
        If it is to be begun again, with what was learned from it.
    """
    if foreign.known != len(sys.modules):
        foreign.register()
    run = function = f
    around = ()
    if type(f) is not types.FunctionType or f in STANDINS or not _is_entered(f):
        run, function, around = _entered(f)
        if function is None:
            return run(*args, **kwargs)
    if not plans.PLAIN.issuperset(map(type, args)):
        args = _unwrapped(args)
    stack, token = levels.stack, None
    was_quiet, stack.is_quiet = stack.is_quiet, False
    problem = seen = None
    try:
        needed = plans.needed(function, (*around, *args) if around else args)
        if needed.exchanges:
            token = exchange.Token(level)
            exchange.enter(token, needed.exchanges)
        if level is None:
            return run(*args, **kwargs)
        try:
            if needed.is_known:
                y = run(*args, **kwargs)
            else:
                seen = learning.Seen()
                with learning.watching(seen):
                    y = run(*args, **kwargs)
        except Exception as error:
            problem = error
        if problem is not None or seen is not None or level.refusals is not None:
            _judge(needed, seen, problem, level, judge and functools.partial(judge, f, args, level))
            if problem is not None:
                raise problem
        return y
    finally:
        try:
            if token is not None:
                exchange.leave(token)
        except BaseException:  # an interrupt
            exchange.leave(token)
            raise
        finally:
            problem = None
            stack.is_quiet = was_quiet


callers.CALLS_F.add(call.__code__)


def _judge(needed, seen, problem, level, judge):
    """What is learned from a call of f: that nothing was missing, or to begin it again."""
    swallowed = next((r for r in level.refusals or () if not r.told), None)
    if seen is problem is swallowed is None:
        return
    try:
        is_complete = _is_complete(needed, seen or learning.Seen(), problem, swallowed)
    except Restart:
        # What was refused inside is begun again too: calls around need not hear of it.
        for refused in level.refusals or ():
            refused.told = True
        raise
    if is_complete and not (seen.raised and judge and judge(seen.raised)):
        needed.is_complete()


def _is_complete(needed, seen, problem, swallowed):
    """Whether nothing was missing in a call; if what was is known now, it is begun again."""
    plan = needed.plan
    if problem is not None:
        seen.note_way(problem)
    is_missing = learning.learned(plan, seen)
    if not is_missing:
        if problem is swallowed is None:
            return True
        is_missing = learning.is_worth_a_try(needed, problem, swallowed)
    if is_missing and plans.begun_again(plan) < learning.TRIES:
        raise Restart
    return False
