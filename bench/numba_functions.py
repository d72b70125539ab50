"""What the Jacobian of an `@njit` function costs, beside code by hand, JAX and differences.

For each problem of `problems/jitted`: microseconds of one call from Python, and of one call inside
compiled code, the contenders interleaved, each its minimum over the rounds; ratios and their
geometric means; errors in units of the largest entry.  Beside them what `prepare` makes of the same
code as plain Python, handed out by its `njit`.  Then the Hessian of Rosenbrock's function,
seconds to a first Jacobian (HIRES, in fresh processes, more than compiling f), and ADBench's LSTM
and hand.  JAX is left out where it is not installed.

    python bench/numba_functions.py [--problems hires pollu] [--rounds 40] [--json]
        [--parts problems hessian first long]

Exits with 1 if a Jacobian is wrong.
"""

import argparse
import json
import pathlib
import sys
import time

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np
from problems.jitted import PROBLEMS, hand, lstm, rosenbrock
from tools import first_jacobian, jitted_contenders
from tools.jitted_contenders import ANALYTIC, DISPATCHER, JAX, QUOTIENTS, RECORDED, VERB
from tools.timing import geometric_mean, interleave, seconds, time_text

import dualmc as dm

PARTS = ("problems", "hessian", "first", "long")
EXACT = 1e-12
# A call that is slower than this takes part in five rounds only.
SLOW = 0.05
# Steps of the LSTM that JAX unrolls where it is not told of the loop.
UNROLLED = 5


def minima(calls, rounds, clock=time.perf_counter):
    """Seconds of the fastest sample of each."""
    samples = interleave(calls, rounds, slow=SLOW, clock=clock)
    return {name: float(np.min(taken)) for name, taken in samples.items()}


def measured(name, rounds, jax):
    """A problem as a dictionary of numbers."""
    problem = PROBLEMS[name]()
    calls = jitted_contenders.from_python(problem, jax)
    errors = jitted_contenders.errors(problem, calls)
    python = minima(calls, rounds)
    loops = jitted_contenders.inside(problem)
    for loop in loops.values():
        loop(1)
    count = max(1, int(2e-4 / seconds(lambda: loops[QUOTIENTS](3)) * 3))
    timed = {way: (lambda loop=loop: loop(count)) for way, loop in loops.items()}
    inside = {way: t / count for way, t in minima(timed, rounds).items()}
    return {
        "n": problem.x.size,
        "chunk": problem.pattern is None and jitted_contenders.chunk_for(problem.x.size),
        "python": python,
        "inside": inside,
        "errors": errors,
    }


# --- Tables --------------------------------------------------------------------------------------


def micro(times, way):
    return f"{times[way] * 1e6:10.3f}" if way in times else f"{'-':>10s}"


def ratio(times, way, other):
    if way not in times or other not in times:
        return f"{'-':>9s}"
    return f"{times[way] / times[other]:9.2f}"


def mean_line(rows, which, pairs):
    """Geometric means of the ratios of ways, over the rows that have both."""
    parts = []
    for way, other in pairs:
        found = [row[which] for row in rows.values() if {way, other} <= row[which].keys()]
        ratios = [times[way] / times[other] for times in found]
        if ratios:
            mean, ends = geometric_mean(ratios), f"{min(ratios):.2f} .. {max(ratios):.2f}"
            parts.append(f"  {way} / {other}: {mean:.2f} ({ends}; {len(ratios)} problems)")
    return "\n".join(parts)


def print_problems(rows):
    own = [DISPATCHER, RECORDED, "prepared", VERB]
    for which, ways in (
        ("python", ["f", ANALYTIC, *own, QUOTIENTS, JAX, "jax, coloured"]),
        ("inside", ["f", ANALYTIC, *own[:2], QUOTIENTS]),
    ):
        where = "called from Python" if which == "python" else "called inside compiled code"
        print(f"\nmicroseconds, {where}")
        print(f"{'':22s}" + "".join(f"{way[:15]:>16s}" for way in ways))
        for name, row in rows.items():
            print(f"{name:22s}" + "".join(f"      {micro(row[which], way)}" for way in ways))
        print("ratios, geometric mean (least .. most)")
        mine = [way for way in own if way in ways]
        pairs = [(way, ANALYTIC) for way in mine]
        pairs += [(way, ours) for way in (JAX, "jax, coloured", QUOTIENTS) for ours in mine]
        print(mean_line(rows, which, pairs))
    print("\nlargest error, in units of the largest entry")
    for name, row in rows.items():
        parts = [f"{way} {error:.0e}" for way, error in row["errors"].items()]
        print(f"{name:22s}" + ", ".join(parts))


# --- The other parts -----------------------------------------------------------------------------


def hessians(rounds, jax, n=100):
    """Seconds of the Hessian of Rosenbrock's function of n variables."""
    f, x = rosenbrock.rosenbrock_f, np.random.default_rng(n).uniform(0.5, 1.5, n)
    calls = {
        "f": lambda: f(x),
        ANALYTIC: lambda: rosenbrock.rosenbrock_hessian(x),
        "hessian": lambda: dm.hessian(f, x),
    }
    if jax is not None:
        compiled = jax.jit(jax.hessian(rosenbrock.rosenbrock_in_jax(jax.numpy)))
        calls["jax.jit(hessian)"] = lambda: compiled(x).block_until_ready()
    expected = calls[ANALYTIC]()
    size = np.max(np.abs(expected))
    errors = {
        name: float(np.max(np.abs(np.asarray(call()) - expected)) / size)
        for name, call in calls.items()
        if name != "f"
    }
    return {"n": n, "python": minima(calls, rounds), "errors": errors}


def long_ones(jax):
    """J / f and seconds to the first Jacobian, of ADBench's problems."""
    return {"lstm": long_one(lstm.lstm(), jax), "hand": long_one(hand.hand(), jax)} | (
        {} if jax is None else {"unrolled": unrolled(jax)}
    )


def long_one(problem, jax):
    """Seconds of the processor: calls so long are interrupted by whatever else the machine does."""
    f, x, args = problem.f, problem.x, problem.args
    first = {"f": seconds(lambda: f(x, *args), 1, time.process_time)}
    calls = {"f": lambda: f(x, *args), VERB: lambda: dm.jacobian_fwd(f, x, *args)}
    if jax is not None:
        derive = jax.grad if np.ndim(f(x, *args)) == 0 else jax.jacfwd
        compiled = jax.jit(derive(problem.in_jax(jax.numpy)))
        calls[f"jax.jit({derive.__name__})"] = lambda: compiled(x).block_until_ready()
    first |= {
        name: seconds(call, 1, time.process_time) for name, call in calls.items() if name != "f"
    }
    found = [np.asarray(call()) for name, call in calls.items() if name != "f"]
    size = np.max(np.abs(found[0]))
    error = max(float(np.max(np.abs(J - found[0])) / size) for J in found)
    return {
        "n": x.size,
        "python": minima(calls, 9, time.process_time),
        "first": first,
        "errors": {"jax": error},
    }


def unrolled(jax):
    """The LSTM as a loop, which JAX unrolls."""
    problem = lstm.lstm(UNROLLED + 1)
    compiled = jax.jit(jax.jacfwd(problem.in_jax(jax.numpy, scanned=False)))
    return {
        "steps": UNROLLED,
        "first": {"jax.jit(jacfwd)": seconds(lambda: compiled(problem.x).block_until_ready())},
    }


def print_long(found):
    for name, row in found.items():
        if name == "unrolled":
            first = row["first"]["jax.jit(jacfwd)"]
            print(f"{row['steps']} steps of it, which jax.jit(jacfwd) unrolls: first {first:.1f} s")
            continue
        times = row["python"]
        print(
            f"{name}, {row['n']} inputs: f {time_text(times['f'])}, first {row['first']['f']:.2f} s"
        )
        for way, t in times.items():
            if way != "f":
                print(
                    f"  {way:18s} {time_text(t):>9s} = {t / times['f']:7.1f} f"
                    f"   first {row['first'][way]:6.2f} s"
                )
        print(f"  they differ by {row['errors']['jax']:.0e} of the largest entry")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=3, help="fresh processes of each kind")
    parser.add_argument("--json", action="store_true", help="the numbers alone, for programs")
    options = parser.parse_args()
    threads.pin()
    jax = jitted_contenders.jax_or_none()
    say = (lambda *_: None) if options.json else print
    say(threads.conditions() + ("" if jax else "; JAX is not installed"))
    found = {}
    if "problems" in options.parts:
        rows = found["problems"] = {
            name: measured(name, options.rounds, jax) for name in options.problems
        }
        if not options.json:
            print_problems(rows)
    if "hessian" in options.parts:
        row = found["hessian"] = hessians(options.rounds, jax)
        parts = [f"{way} {time_text(t)}" for way, t in row["python"].items()]
        say(f"\nHessian of Rosenbrock, n = {row['n']}: " + ", ".join(parts))
    if "first" in options.parts:
        found["first"] = first_jacobian.measured(options.repeat, jax is not None)
        say("\nseconds to the first Jacobian of HIRES in fresh processes: the fastest, the median")
        for way, (least, median) in found["first"].items():
            say(f"  {way:44s}{least:6.2f}{median:8.2f}")
    if "long" in options.parts:
        found["long"] = long_ones(jax)
        if not options.json:
            print("\nADBench")
            print_long(found["long"])
    if options.json:
        json.dump(found, sys.stdout, indent=1)
    else:
        output = pathlib.Path(__file__).parent / "results" / "numba_functions.json"
        output.write_text(json.dumps(found, indent=1))
    return int(is_wrong(found))


def is_wrong(found):
    """Whether an exact way has an error beyond rounding."""
    rows = [*found.get("problems", {}).values(), *found.get("long", {}).values()]
    rows += [found["hessian"]] if "hessian" in found else []
    errors = [row.get("errors", {}) for row in rows]
    return any(e > EXACT for error in errors for way, e in error.items() if way != QUOTIENTS)


if __name__ == "__main__":
    sys.exit(main())
