"""Initial value problems that f solves: the variational equations beside the state.

In come the calls of `scipy.integrate.solve_ivp` and `odeint` in f, out go their results with
derivatives.  The solver runs on plain numbers first, and its result is the value.  Then the state
y' = F(t, y) is integrated once more together with its derivatives by the inputs, S' = F_y S + F_x,
by the same method under the same error control, to the times of that result.

In reading order: `handlers.py`, the stand-ins; `solved.py`, a call of a solver; `plain.py` and
`lifting.py`, the user's functions on plain numbers; `problems.py`, a problem to be differentiated;
`directions.py`, what it depends on, and F pushed along; `flow.py`, the state at any time, with its
derivatives; `compiled.py`, F as machine code; `integration.py`, the methods for the enlarged
system: SciPy's own, and `staggered.py`, `bdf.py`, `radau.py`; `results.py`, what the user gets,
times of events included.
"""
