"""The ways to the Jacobian of an `@njit` function that bench/numba_functions.py compares.

Called from Python all give a Jacobian as NumPy or SciPy holds it; inside compiled code, a loop
calls f or a Jacobian again and again at points that differ, so that nothing is hoisted out.
"""

import warnings

import numpy as np
from numba import njit
from problems.jitted import differences

import dualmc as dm
from dualmc.compiled.sweeps import chunk_for

JAX, JAX_COLOURED = "jax.jit(jacfwd)", "jax, coloured"
ANALYTIC, DISPATCHER, VERB, QUOTIENTS = "analytic", "jit_jacobian", "jacobian_fwd", "differences"
RECORDED = "prepare.njit"
# What XLA needs for a dense Jacobian of more columns is gigabytes and minutes.
MOST_COLUMNS_OF_JAX = 5000


def jax_or_none():
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    return jax


def dispatcher(problem):
    """`jit_jacobian` for as many columns as this problem has, which `jacobian_fwd` finds itself;
    where there is a pattern, for the nonzeros.
    """
    if problem.pattern is not None:
        return dm.jit_jacobian(problem.f, sparse=problem.x)
    return dm.jit_jacobian(problem.f, chunk_size=chunk_for(problem.x.size))


def recorded(problem):
    """The Python code of f, recorded, as a function for compiled code; None where it is too long.

    Of a sparse Jacobian it gives the nonzeros.
    """
    sparse = problem.pattern is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # says what the error says
        prepared = dm.prepare(problem.f.py_func, problem.x, sparse=sparse)
    try:
        return prepared.njit()
    except NotImplementedError:
        return None


def from_python(problem, jax):
    """Calls without arguments, by name."""
    f, x, pattern = problem.f, problem.x, problem.pattern
    quotients = differences.of(problem)
    jac = dispatcher(problem)
    calls = {"f": lambda: f(x)}
    if pattern is None:
        calls[ANALYTIC] = lambda: problem.jacobian(x)
        calls[DISPATCHER] = lambda: jac(x)
        calls[VERB] = lambda: dm.jacobian_fwd(f, x)
        calls[QUOTIENTS] = lambda: quotients(x)
    else:
        prepared = dm.prepare(f, x, sparse=True)
        calls[ANALYTIC] = lambda: pattern.matrix(problem.jacobian(x))
        calls[DISPATCHER] = lambda: pattern.matrix(jac(x))
        calls["prepared"] = lambda: prepared(x)
        calls[VERB] = lambda: dm.jacobian_fwd(f, x, sparse=True)
        calls[QUOTIENTS] = lambda: pattern.matrix(quotients(x))
    nonzeros = recorded(problem)
    if nonzeros is not None:
        whole = (lambda J: J) if pattern is None else pattern.matrix
        calls[RECORDED] = lambda: whole(nonzeros(x))
    if jax is not None:
        calls |= of_jax(problem, jax)
    return calls


def of_jax(problem, jax):
    g, x, pattern = problem.in_jax(jax.numpy), problem.x, problem.pattern
    calls = {}
    if x.size <= MOST_COLUMNS_OF_JAX:
        jacobian = jax.jit(jax.jacfwd(g))
        calls[JAX] = lambda: jacobian(x).block_until_ready()
    if pattern is not None:
        compressed = jax.jit(coloured_by_jax(jax, g, pattern))
        calls[JAX_COLOURED] = lambda: pattern.matrix(np.asarray(compressed(x)))
    return calls


def coloured_by_jax(jax, g, pattern):
    """What an expert makes of it: a JVP per colour, and the nonzeros out of them."""
    count = int(pattern.colours.max()) + 1
    seeds = (pattern.colours == np.arange(count)[:, None]).astype(float)
    rows = np.repeat(np.arange(pattern.indptr.size - 1), np.diff(pattern.indptr))
    colours = pattern.colours[pattern.indices]

    def nonzeros(x):
        push = jax.vmap(lambda v: jax.jvp(g, (x,), (v,))[1])
        return push(seeds)[colours, rows]

    return nonzeros


def inside(problem):
    """Functions of how often, which run compiled from end to end, by name."""
    ways = {
        "f": problem.f,
        ANALYTIC: problem.jacobian,
        DISPATCHER: dispatcher(problem),
        QUOTIENTS: differences.of(problem),
    }
    found = recorded(problem)
    if found is not None:
        ways[RECORDED] = found
    loops = {}
    for name, way in ways.items():
        loop = (adding if name == "f" and problem.is_scalar else looking)(way)
        loops[name] = lambda count, loop=loop: loop(problem.x.copy(), count)
    return loops


def adding(f):
    @njit
    def loop(x, count):
        total = 0.0
        for _ in range(count):
            x[0] += 1e-9
            total += f(x)
        return total

    return loop


def looking(jacobian):
    @njit
    def loop(x, count):
        total = 0.0
        for _ in range(count):
            x[0] += 1e-9
            total += jacobian(x).flat[0]
        return total

    return loop


def errors(problem, calls):
    """The largest error of every way, in units of the largest entry of the analytic Jacobian."""
    expected = dense(problem, calls[ANALYTIC]())
    size = np.max(np.abs(expected))
    return {
        name: float(np.max(np.abs(dense(problem, call()) - expected)) / size)
        for name, call in calls.items()
        if name not in ("f", ANALYTIC)
    }


def dense(problem, J):
    return J.toarray() if hasattr(J, "toarray") else np.asarray(J)
