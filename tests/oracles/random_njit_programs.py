"""Random compiled programs: `jit_jacobian` against the Python path of the same function.

The value must be the function's own bit for bit; the Jacobian must equal that of the Python path to
1e-12, relative to the largest entry of its row, and of analytic programs also the complex step.

    python tests/oracles/random_njit_programs.py --count 1000 --seed 0

prints every program that is wrong or refused.
"""

import argparse
import linecache
import math
import sys
import time
import types
import warnings

import numba
import numpy as np
from oracles import complex_step
from random_njit_statements import SIZE, Program
from random_programs import COMPLEX

import dualmc as dm

RTOL = 1e-12
LARGEST = 1e4


def function_of(program, compiled, numpy=np):
    """The function f of a program, in a module of its own, under `njit` or plain."""
    module = types.ModuleType("random_njit_program")
    module.np, module.math = numpy, math
    module.njit = numba.njit if compiled else (lambda f: f)
    name = f"<random njit program {program.seed}>"
    linecache.cache[name] = (len(program.source), None, program.source.splitlines(True), name)
    exec(compile(program.source, name, "exec"), module.__dict__)
    return module.f


def point(seed):
    return np.random.default_rng(seed).uniform(-1.2, 1.2, SIZE)


def excess(J, expected):
    """How far beyond what rounding allows two Jacobians differ, in units of it."""
    J, expected = np.atleast_2d(J), np.atleast_2d(expected)
    if J.shape != expected.shape or not np.array_equal(np.isnan(J), np.isnan(expected)):
        return math.inf
    scale = np.maximum(np.max(np.abs(expected), axis=-1, keepdims=True, initial=0.0), 1.0)
    with np.errstate(invalid="ignore"):
        difference = np.abs(J - expected) / (RTOL * scale)
    return float(np.nanmax(difference, initial=0.0))


def judge(program, second=False):
    """What is wrong with the derivative of a program: a sentence, or None."""
    x = point(program.seed)
    plain, f = function_of(program, False), function_of(program, True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            y = np.array(f(x))
        except numba.core.errors.NumbaError as error:
            return f"not a program that Numba compiles: {str(error)[-300:]}"
        if not np.all(np.abs(y) < LARGEST):
            return None
        try:
            value, J = dm.jit_jacobian(f, chunk_size=SIZE // 2, value=True)(x)
        except numba.core.errors.NumbaError as error:
            return f"refused: {error}"
        expected = dm.jacobian_fwd(plain, x)
    if not np.array_equal(np.asarray(value), y):
        return f"value {value!r}, not {y!r}"
    found = excess(J, expected)
    if not found <= 1:
        return f"{found:.3g} times what rounding allows from the Python path:\n{J}\n{expected}"
    if program.is_analytic:
        stepped = complex_step(function_of(program, False, COMPLEX), x)
        found = excess(J.reshape(-1, SIZE), np.reshape(stepped, (-1, SIZE)))
        if not found <= 10:
            return f"{found:.3g} times what rounding allows from the complex step:\n{J}\n{stepped}"
    return _second(f, plain, x) if second and y.ndim == 0 else None


def _second(f, plain, x):
    H = dm.jit_jacobian(dm.jit_jacobian(f, chunk_size=2), chunk_size=2)(x)
    expected = dm.hessian(plain, x)
    if np.isnan(H).any():
        return None  # at a kink: the general path answers
    found = excess(H, expected)
    return None if found <= 100 else f"Hessian: {found:.3g}\n{H}\n{expected}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--second", action="store_true", help="Hessians of programs that allow it")
    options = parser.parse_args()
    begun, wrong, done = time.monotonic(), 0, 0
    for seed in range(options.seed, options.seed + options.count):
        if time.monotonic() - begun > options.seconds:
            break
        program = Program(seed)
        done += 1
        try:
            problem = judge(program, options.second)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if problem is not None:
            wrong += 1
            print(f"--- seed {seed}: {problem}\n{program.source}", flush=True)
    print(f"{done} programs, {wrong} of them wrong or refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
