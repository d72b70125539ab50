"""What the user gets of a solved problem: SciPy's own result, with derivatives.

The values are those of the plain solver.  The times that it chose itself are constants; those that
were given, and those of events, move with the inputs.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand
from dualmc.kernels.payload import values
from dualmc.products import jvp
from dualmc.solvers.odes.plain import plain, with_value


def differentiated(out, problem, events, t_eval, t_end):
    """SciPy's plain result `out`, in which the times and the states become Duals.

    Parameters
    ----------
    events : list of callable
        With what they depend on.
    t_eval : array or Dual or None
    t_end : number or Dual
        The end that was asked for.
    """
    asked = [np.asarray(out.t, float), *(out.t_events or ())]
    flow = problem.flow(np.concatenate(asked) if out.sol is None else out.sol.ts[-1])
    times = []
    for event, found in zip(events, out.t_events or (), strict=True):
        times.append(event_times(event, found, flow, problem))
    if np.size(out.t):
        last = t_end if out.status == 0 else _terminal(out, events, times)
        out.t, out.y = _states(out, flow, problem.t0, t_eval, last)
    if times:
        states = zip(times, out.y_events, strict=True)
        out.y_events = [
            y if not np.size(t) else with_value(y, np.transpose(flow.at(t))) for t, y in states
        ]
        out.t_events = times
    if out.sol is not None:
        out.sol = Continuous(out.sol, flow)
    return out


def _states(out, flow, t0, t_eval, last):
    """The times and the states of the result."""
    ts = out.t
    if t_eval is not None:
        given = as_operand(t_eval)[: len(ts)]
        moving = given if type(given) is Dual else ts
        return with_value(ts, given), with_value(out.y, flow.at(moving))
    ends = [as_operand(t0), as_operand(last)]
    columns = [np.reshape(flow.at(np.reshape(end, (1,))), (-1, 1)) for end in ends]
    y = np.concatenate([columns[0], flow.at(ts[1:-1]), columns[1]], axis=1)
    moving = np.concatenate([np.reshape(ends[0], (1,)), ts[1:-1], np.reshape(ends[1], (1,))])
    return with_value(ts, moving), with_value(out.y, y)


def _terminal(out, events, times):
    """The time of the event that ended the integration; of a failure, the last that was reached."""
    if out.status == 1:
        reached = [t for t in out.t_events if t.size]
        end = max(reached, key=lambda t: abs(t[-1] - out.t[0]))[-1]
        for event, found, t in zip(events, out.t_events, times, strict=True):
            if getattr(event, "terminal", False) and found.size and found[-1] == end:
                return t[-1]
    return out.t[-1]


def event_times(event, found, flow, problem):
    """The roots `found` of an event g(t, y(t)), differentiated: by Newton's steps on Duals.

    The slope dg/dt is a plain number, and each step makes one order of derivatives more exact:
    the first gives that of the implicit function theorem.
    """
    if not found.size:
        return found
    states = values(flow.at(found))
    slopes = [_slope(event, t, states[:, i], problem) for i, t in enumerate(found)]
    t = found
    for _ in range(problem.depth):
        y = flow.at(t)
        g = [np.reshape(as_operand(event(t[i], y[:, i])), ()) for i in range(found.size)]
        t = with_value(found, t - np.stack(g) / np.array(slopes))
    return t


def _slope(event, t, y, problem):
    """dg/dt along the solution, a plain number."""
    f = np.asarray(plain(problem.F(t, y)))
    g_dot = plain(jvp(lambda s: np.reshape(event(t + s, y + f * s), ()), 0.0, 1.0)[1])
    if g_dot == 0:
        raise ZeroDivisionError(
            f"The time of an event of solve_ivp, t = {t:g}, has no derivative: the event function "
            f"does not cross 0 with a slope there. Let it return the difference itself, such as "
            f"y[0] - level, neither its sign nor a power of it."
        )
    return g_dot


class Continuous:
    """The dense output of `solve_ivp` at plain and Dual times, with derivatives."""

    def __init__(self, solution, flow):
        self._solution = solution
        self._flow = flow

    def __getattr__(self, name):
        return getattr(self._solution, name)

    def __call__(self, t):
        t = as_operand(t)
        value = self._solution(values(np.asarray(t) if type(t) is not Dual else t))
        y = self._flow.at(np.reshape(t, (-1,)))
        return with_value(value, y[:, 0] if value.ndim == 1 else y)
