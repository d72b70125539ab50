"""Stand-ins for the solvers of scipy.integrate that f calls."""

import functools
import inspect

import numpy as np
import scipy.integrate

from dualmc.duals import levels
from dualmc.duals.operands import as_operand, has_tangent
from dualmc.errors import MissingRuleError
from dualmc.graph.nodes import Recorder
from dualmc.solvers.odes.directions import complex_refused
from dualmc.solvers.odes.plain import Watched, outside, plain, with_value
from dualmc.solvers.odes.results import differentiated
from dualmc.solvers.odes.solved import Solved

HANDLERS: dict = {}
_WHERE = "scipy.integrate."


def _stands_for(original):
    """Decorator: ``standin(given)``, of the arguments by name, in place of `original`."""
    signature = inspect.signature(original)

    def register(standin):
        @functools.wraps(original)
        def called(*args, **kwargs):
            level = levels.current()
            if level is None:
                return original(*args, **kwargs)
            if isinstance(level, Recorder):
                raise _not_recorded(level, original.__name__)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return standin(bound.arguments)

        HANDLERS[_WHERE + original.__name__] = called
        return standin

    return register


def _not_recorded(recorder, name):
    reason = f"f calls scipy.integrate.{name}, whose steps depend on values"
    if recorder.whole:
        recorder.refuse(reason)
    return TypeError(f"dualmc cannot record this: {reason}.")


@_stands_for(scipy.integrate.solve_ivp)
def _solve_ivp(given):
    fun, t_span, y0, t_eval = (given[name] for name in ("fun", "t_span", "y0", "t_eval"))
    args = () if given["args"] is None else tuple(given["args"])
    events, options = given["events"], given["options"]
    events = [events] if callable(events) else list(events or ())
    problem = Solved(fun, args, (given["vectorized"], False))
    problem.note([t_span, y0, t_eval])
    options = {
        name: problem.watched(value) if callable(value) else plain(value)
        for name, value in options.items()
    }

    watched = [problem.watched(g) for g in events]

    def run(fun, args):
        return scipy.integrate.solve_ivp(
            fun, plain(t_span), plain(y0), given["method"], plain(t_eval),
            given["dense_output"], watched or None,
            given["vectorized"], None if given["args"] is None else args, **options,
        )  # fmt: skip

    out = problem.run(run)
    if not problem.watched.levels and not any(map(np.size, out.t_events or ())):
        return out
    t0, t_end = t_span
    y0 = _vector(y0)
    ts, ys = (out.t, out.y) if np.size(out.t) else (plain(t0) + np.zeros(1), plain(y0)[:, None])
    whole = problem.posed(t0, y0, ts, ys, given["method"], options, out.nfev)
    return differentiated(out, whole, [_with(g, args) for g in events], t_eval, t_end)


def _vector(y0):
    y0 = as_operand(y0)
    if np.iscomplexobj(y0):
        raise complex_refused()
    return np.atleast_1d(y0 if hasattr(y0, "dtype") else np.asarray(y0)).astype(float)


def _with(event, args):
    """The event as a function of t and y."""
    if not args:
        return event

    def g(t, y):
        return event(t, y, *args)

    g.terminal = getattr(event, "terminal", False)
    return g


@_stands_for(scipy.integrate.odeint)
def _odeint(given):
    func, y0, t, args = (given[name] for name in ("func", "y0", "t", "args"))
    args = args if isinstance(args, tuple) else (args,)
    problem = Solved(func, args, (False, not given["tfirst"]))
    problem.note([y0, t])
    plainly = {
        name: problem.watched(value) if callable(value) else plain(value)
        for name, value in given.items()
    }
    plainly["full_output"] = True

    def run(func, args):
        return scipy.integrate.odeint(**{**plainly, "func": func, "args": args})

    ys, info = problem.run(run)
    if problem.watched.levels:
        ys = _with_derivatives(problem, ys, info, y0, as_operand(t), plainly)
    return (ys, info) if given["full_output"] else ys


def _with_derivatives(problem, ys, info, y0, t, plainly):
    """The states `ys`, (times, n), of `odeint` with derivatives."""
    options = {
        name: 1.49012e-8 if plainly[name] is None else plainly[name] for name in ("rtol", "atol")
    }
    for name, ours in (("h0", "first_step"), ("hmax", "max_step"), ("hmin", "min_step")):
        if plainly[name]:
            options[ours] = plainly[name]
    ts = np.asarray(plain(t), float)
    whole = problem.posed(t[0], _vector(y0), ts, ys.T, "LSODA", options, info["nfe"][-1])
    moving = t if hasattr(t, "level") else ts
    return with_value(ys, np.transpose(whole.flow(ts).at(moving)))


def _refused(name, advice):
    return MissingRuleError(
        f"dualmc does not differentiate through scipy.integrate.{name}. {advice}, or wrap the step "
        f"in @dualmc.custom_jvp."
    )


def _bvp_refused():
    return _refused(
        "solve_bvp",
        "Call it in the solver of dualmc.custom_root(residual, solver), where the residual is that "
        "of the boundary conditions as a function of the values at one end, by solve_ivp, which "
        "dualmc differentiates",
    )


@_stands_for(scipy.integrate.solve_bvp)
def _solve_bvp(given):
    if has_tangent(list(given.values())):
        raise _bvp_refused()
    watched = Watched()
    given = {name: watched(value) if callable(value) else value for name, value in given.items()}
    with outside():
        out = scipy.integrate.solve_bvp(**given)
    if watched.levels:
        raise _bvp_refused()
    return out


def _stepwise(original):
    """In place of `scipy.integrate.ode` and `complex_ode`, which step through compiled code."""

    @functools.wraps(original, updated=())
    class Stepwise(original):
        def __init__(self, f, jac=None):
            self._refusal = None
            super().__init__(self._checked(f), self._checked(jac))

        def _checked(self, function):
            if function is None or levels.current() is None:
                return function

            @functools.wraps(function)
            def checked(*args):
                y = function(*args)
                self._check(y)
                return y

            return checked

        def _check(self, *given):
            if has_tangent(given):
                advice = "Use solve_ivp or odeint, which dualmc differentiates"
                self._refusal = _refused(original.__name__, advice)
                raise self._refusal

        def set_initial_value(self, y, t=0.0):
            self._check(y, t)
            return super().set_initial_value(y, t)

        def set_f_params(self, *args):
            self._check(*args)
            return super().set_f_params(*args)

        def integrate(self, t, *args, **kwargs):
            self._check(t)
            try:
                return super().integrate(t, *args, **kwargs)
            finally:
                if self._refusal is not None:  # which compiled code may replace by its own
                    raise self._refusal

    HANDLERS[_WHERE + original.__name__] = Stepwise


_stepwise(scipy.integrate.ode)
_stepwise(scipy.integrate.complex_ode)
