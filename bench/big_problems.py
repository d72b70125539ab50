"""Big sparse Jacobians, no pattern given: bundle adjustment, a Brusselator in two dimensions.

What a Jacobian of bundle adjustment costs in units of its residuals (30,503 views, Dubrovnik), at
once and prepared; ADBench's C++ by hand needs 6.7, its differences 16 (Srajer, Kukelova, Fitzgibbon
2018).  The first three calls at once find structure that later ones remember: printed apart.

Then `solve_ivp(BDF)` on 20,000 equations with dualmc's Jacobian and with SciPy's coloured
differences, which are given the exact pattern: calls of the right-hand side, beside what dense
differences would need; seconds of a Jacobian; seconds of it all, most of which is SuperLU's.

Goals: at most 10 at once and 3 prepared; at least 20 times fewer calls than dense differences;
less time than coloured ones.  The functions are those of `examples/`.

    python bench/big_problems.py [--only bundle|brusselator] [--rounds 3]

Times are processor times; ratios are medians over rounds in which both sides took turns.
"""

import argparse
import functools
import sys

from tools import checkout, threads  # (before NumPy)

# isort: split
import time

import numpy as np
from problems.problem import Case
from tools.reference import Judge
from tools.timing import Ratio, interleave

import dualmc as dm

sys.path.insert(0, str(checkout.ROOT / "examples"))


def judged(name, f, x, J, is_analytic):
    judge = Judge(Case(f, x, is_analytic=is_analytic))
    if not judge.is_right(J):
        raise SystemExit(f"WRONG: {name}: relative error {judge.error(J):.1e}")


def bundle(rounds):
    """The goals missed."""
    from bundle_adjustment import load, residuals

    x, views = load()
    at_once = functools.partial(dm.jacobian_fwd, residuals, x, views, sparse=True)
    first = seconds(at_once)[1:]
    prepared = dm.prepare(residuals, x, views, sparse=True)
    for J in (at_once(), prepared(x, views)):
        judged("bundle adjustment", lambda x: residuals(x, views), x, J, False)
    calls = {
        "f": lambda: residuals(x, views),
        "at once": at_once,
        "prepared": lambda: prepared(x, views),
    }
    samples = interleave(calls, max(9, 3 * rounds), clock=time.process_time)
    print(
        f"bundle adjustment, {len(views.camera)} views, {x.size} unknowns, {J.nnz} nonzeros: J / f"
    )
    missed = []
    for name, most in (("at once", 10), ("prepared", 3)):
        ratio = Ratio.of(samples[name], samples["f"])
        print(f"  {name:12s} {ratio}, goal {most}")
        if ratio.median > most:
            missed.append(f"bundle adjustment {name}")
    early = np.median(first) / np.median(samples["f"])
    print(f"  {'calls 2, 3':12s} {early:.3g}")
    return missed


def seconds(call, count=3):
    found = []
    for _ in range(count):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return found


def brusselator(rounds, cells=100, end=11.5):
    """The goals missed."""
    from brusselator_2d import brusselator as rhs
    from brusselator_2d import start
    from measured import Counted
    from scipy.integrate import BDF, solve_ivp

    y, disk = start(cells)

    def f(t, y):
        return rhs(t, y, disk)

    at_once = functools.partial(dm.jacobian_fwd, f, argnums=1, sparse="csc")
    pattern = at_once(0.0, y)
    pattern.data[:] = 1  # also where an entry, as u^2, happens to be 0 at the start
    judged("brusselator", lambda y: f(0.0, y), y, at_once(0.0, y), True)
    ways = {"dualmc": {"jac": at_once}, "coloured": {"jac_sparsity": pattern}}
    one = {
        name: functools.partial(BDF(f, 0.0, y, end, **options).jac, 0.0, y)
        for name, options in ways.items()
    }
    one["prepared"] = functools.partial(dm.prepare(f, 0.0, y, argnums=1, sparse="csc"), 0.0, y)
    samples = interleave(one, 9, clock=time.process_time)
    whole, counts = {name: [] for name in ways}, {}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            counted = Counted(f)
            began = time.process_time()
            solution = solve_ivp(
                counted, (0, end), y, "BDF", t_eval=[end], rtol=1e-4, atol=1e-4, **ways[name]
            )
            whole[name].append(time.process_time() - began)
            counts[name] = counted.calls, solution.njev, solution.nlu
    calls, jacobians, factorizations = counts["dualmc"]
    fewer = (calls + jacobians * y.size) / calls
    ratio = Ratio.of(whole["coloured"], whole["dualmc"])
    print(
        f"brusselator, {y.size} equations, {jacobians} Jacobians, {factorizations} factorizations\n"
        f"  calls        {calls}, coloured {counts['coloured'][0]}, dense {fewer:.0f} times ours, "
        f"goal 20\n"
        f"  a Jacobian   coloured {Ratio.of(samples['coloured'], samples['dualmc'])} times ours, "
        f"{Ratio.of(samples['coloured'], samples['prepared'])} times ours prepared\n"
        f"  in all       coloured {ratio} times ours, goal 1; of the "
        f"least {min(whole['coloured']) / min(whole['dualmc']):.3g} ({min(whole['dualmc']):.3g} s)"
    )
    missed = [] if fewer >= 20 else ["brusselator calls"]
    return missed + ([] if ratio.median > 1 else ["brusselator time"])


PARTS = {"bundle": bundle, "brusselator": brusselator}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of whole solutions")
    options = parser.parse_args()
    print(threads.conditions())
    missed = []
    for name, part in PARTS.items():
        if options.only in (None, name):
            missed += part(options.rounds)
    print("goals met" if not missed else f"goals missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
