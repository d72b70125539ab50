"""What `prepare` costs beside `jax.jit` with its compilation: seconds until the first Jacobian.

Both sides in one process, in turn, on new functions, after each has compiled another one: what a
process does once is not counted.  Processor time, of which `jax.jit` may use more threads.  Then
the time of a call, and why f is not replayed where it is not.  Ends with geometric means.

    python bench/compile_times.py [--problems lorenz96 ...] [--sizes 100 ...] [--largest 5000]
"""

import argparse
import time
import warnings

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np
from problems import PROBLEMS
from tools import namespaces
from tools.timing import time_text

import dualmc as dm


def prepared(problem, case):
    of = "gradient" if problem.is_scalar else "jacobian"
    p = dm.prepare(case.f, 1.001 * case.x, of=of)
    return lambda: p(case.x), p.reason


def jitted(problem, case):
    import jax

    f = namespaces.under(case.twin or case.f, namespaces.jax_namespace())
    J = jax.jit((jax.grad if problem.is_scalar else jax.jacfwd)(f))
    return lambda: np.asarray(jax.block_until_ready(J(case.x))), None


def first(side, problem, n):
    """Processor seconds until a new function's first derivative, the call, and a reason."""
    case = problem.build(n)
    start = time.process_time()
    call, reason = side(problem, case)
    call()
    return time.process_time() - start, call, reason


def least(call, rounds=7):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
        if times[-1] > 1.0:
            break
    return min(times)


def row(problem, n, rounds):
    """Least processor seconds of each side, its call's seconds, and the reason."""
    taken, calls, reason = [[], []], [None, None], None
    for _ in range(rounds):
        for k, side in enumerate((prepared, jitted)):
            seconds, calls[k], why = first(side, problem, n)
            taken[k].append(seconds)
            reason = reason or why
    return *map(min, taken), *map(least, calls), reason


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--sizes", nargs="+", type=int)
    parser.add_argument("--largest", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    import jax

    jax.config.update("jax_enable_x64", True)
    threads.pin()
    warnings.simplefilter("ignore")
    print(threads.conditions())
    first(prepared, PROBLEMS["lorenz96"], 10), first(jitted, PROBLEMS["lorenz96"], 10)
    ratios = {True: [], False: []}
    for name in options.problems:
        for n in PROBLEMS[name].sizes:
            if n > options.largest or options.sizes and n not in options.sizes:
                continue
            try:
                ours, jax_s, call, jax_call, reason = row(PROBLEMS[name], n, options.rounds)
            except (TypeError, NotImplementedError, jax.errors.JAXTypeError) as problem:
                print(f"{name}:{n} is not for jax.jit: {type(problem).__name__}")
                continue
            ratios[reason is None].append(ours / jax_s)
            print(
                f"{name}:{n:<6d} prepare {time_text(ours)}  jax.jit {time_text(jax_s)}  ratio "
                f"{ours / jax_s:.2f}   a call {time_text(call)}, {time_text(jax_call)}"
                f"   {reason or ''}",
                flush=True,
            )
    for is_replayed, found in ratios.items():
        if found:
            what = "replayed" if is_replayed else "not replayed"
            mean = np.exp(np.mean(np.log(found)))
            print(f"{what}: {len(found)} problems, geometric mean {mean:.2f} of jax.jit", end="")
            print(f", most {max(found):.2f}")


if __name__ == "__main__":
    main()
