"""Random programs of plain NumPy, differentiated in every mode and compared with an oracle.

A program is a function of a vector; `random_statements.py` makes them.  Its value must be plain
NumPy's bit for bit.  The oracle of the first derivatives is the complex step on the same source
(Squire and Trapp, 1998), of the second ones extrapolated differences of it; programs with complex
intermediates are judged by extrapolated differences alone.  Both call plain NumPy only.

    python tests/oracles/random_programs.py --count 1000 --seed 0

prints every program that some mode gets wrong, its statements reduced to those that matter.
"""

import argparse
import contextlib
import functools
import math
import sys
import time
import traceback
import types
import warnings

import numpy as np
from oracles import complex_step, differences
from random_statements import SIZE, Program

import dualmc as dm

MANY = 24
# Largest value in a program that is judged.
LARGEST = 1e4


# A number made of the program's value, for second derivatives.
SCALAR = """

def g(x):
    y = f(x)
    return np.sum(np.cos(np.arange(y.size)) * np.sin(y))
"""


# --- Oracles -------------------------------------------------------------------------------------


class ComplexNumPy(types.SimpleNamespace):
    """NumPy, whose new arrays are complex: what the complex step needs of a program."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def _made(function):
        def make(*args, **kwargs):
            kwargs.setdefault("dtype", complex)
            return function(*args, **kwargs)

        return make


def _complex_numpy():
    found = ComplexNumPy()
    for name in (
        "zeros", "ones", "empty", "full", "arange", "linspace", "array", "asarray", "eye",
    ):  # fmt: skip
        setattr(found, name, ComplexNumPy._made(getattr(np, name)))
    found.copy = found.array
    return found


COMPLEX = _complex_numpy()


def functions_of(source, numpy=np):
    """The function that `source` defines and a number made of it, in a module of their own."""
    module = types.ModuleType("random_program")
    module.np = numpy
    exec(compile(source + SCALAR, "<random program>", "exec"), module.__dict__)
    return module.f, module.g


class Judge:
    """A program, its plain function and its right derivatives."""

    def __init__(self, program):
        self.source = program.source()
        self.f, self.scalar = functions_of(self.source)
        self.is_analytic = program.is_analytic
        self.complex_f, _ = functions_of(self.source, COMPLEX)
        self.seed = program.seed
        rng = np.random.default_rng([program.seed, 1])
        self.points = [rng.uniform(-1.4, 1.4, SIZE) for _ in range(3)]

    def value(self, x):
        return np.array(self.f(x.copy()))

    def jacobian(self, x):
        if self.is_analytic:
            return complex_step(self.complex_f, x)
        return self._by_differences(self.f, x)

    def is_differentiable(self, x, step=1e-5):
        """Whether plain differences are near the complex step: they are not where values tie."""
        J = self.jacobian(x)
        moves = step * np.eye(SIZE)
        pairs = [(self.value(x + move), self.value(x - move)) for move in moves]
        slopes = np.stack([(up - down) / (2 * step) for up, down in pairs], axis=-1)
        return np.abs(slopes - J).max(initial=0.0) < 1e-4 * np.abs(J).max(initial=1.0)

    def hessian(self, x, step=1e-3):
        """By differences of the gradient, extrapolated once; None where a branch is near."""
        try:
            fine, coarse = (self._slopes(x, h) for h in (step / 2, step))
        except Exception:  # of plain NumPy, on the other side of a branch
            return None
        is_smooth = np.abs(fine - coarse).max() < 1e-3 * np.abs(fine).max(initial=1.0)
        H = (4 * fine - coarse) / 3
        noise = 1e-8 if self.is_analytic else 1e-4
        is_sure = np.abs(H - H.T).max() < noise * np.abs(H).max(initial=1.0)
        return H if is_smooth and is_sure else None

    def _slopes(self, x, h):
        moves = h * np.eye(SIZE)
        pairs = [(self._gradient(x + move), self._gradient(x - move)) for move in moves]
        return np.stack([(up - down) / (2 * h) for up, down in pairs], axis=-1)

    def _gradient(self, x):
        if not self.is_analytic:
            return differences(self.scalar, x, 2e-3)
        y = self.value(x)
        return (np.cos(np.arange(y.size)) * np.cos(y)) @ self.jacobian(x)

    @staticmethod
    def _by_differences(f, x):
        """None where two steps disagree: a branch, or a kink, is near."""
        fine, coarse = differences(f, x, 2e-3), differences(f, x, 5e-3)
        scale = np.abs(fine).max(initial=1.0)
        return fine if np.abs(fine - coarse).max(initial=0.0) < 1e-6 * scale else None


# --- Modes ---------------------------------------------------------------------------------------


def modes(judge, x):
    """Per mode: a function that gives a value or None, and first derivatives."""
    f = judge.f
    m = judge.value(x).size
    eye_m, eye_n = np.eye(m), np.eye(SIZE)
    padded = np.concatenate([x, np.linspace(-1, 1, MANY - SIZE)])

    def by_jvp():
        pairs = [dm.jvp(f, x, e) for e in eye_n]
        return pairs[0][0], np.stack([p[1] for p in pairs], axis=-1)

    def by_vjp():
        y, pullback = dm.vjp(f, x)
        return y, np.stack([pullback(e) for e in eye_m])

    def among_others(**options):
        y, J = dm.value_and_jacobian_fwd(lambda z: f(z[:SIZE] * 1.0), padded, **options)
        return y, (J.toarray() if options else J)[:, :SIZE]

    def by_sparse(**options):
        y, J = dm.value_and_jacobian_fwd(f, x, sparse=True, **options)
        return y, J.toarray().reshape(*y.shape, SIZE)

    return {
        "forward": lambda: dm.value_and_jacobian_fwd(f, x),
        "chunk_size=1": lambda: dm.value_and_jacobian_fwd(f, x, chunk_size=1),
        "chunk_size=3": lambda: dm.value_and_jacobian_fwd(f, x, chunk_size=3),
        "sparse": by_sparse,
        "sparse, chunk_size=2": lambda: by_sparse(chunk_size=2),
        "many inputs": among_others,
        "many inputs, sparse": lambda: among_others(sparse=True),
        "reverse": lambda: dm.value_and_jacobian_rev(f, x),
        "reverse, chunk_size=1": lambda: dm.value_and_jacobian_rev(f, x, chunk_size=1),
        "jvp": by_jvp,
        "vjp": by_vjp,
    }


def second_modes(judge, x):
    """Per mode: a function that gives second derivatives."""
    g = judge.scalar
    return {
        "hessian": lambda: dm.hessian(g, x),
        "hessian, sparse": lambda: dm.hessian(g, x, sparse=True).toarray(),
        "forward over forward": lambda: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(g, z), x),
        "reverse over reverse": lambda: dm.jacobian_rev(lambda z: dm.gradient(g, z), x),
        "reverse over forward": lambda: dm.jacobian_rev(lambda z: dm.jacobian_fwd(g, z), x),
        "hvp": lambda: np.stack([dm.hvp(g, x, e) for e in np.eye(SIZE)]),
    }


class Failure(Exception):
    """A mode that is wrong."""


def check(judge, with_prepare=False, count=None):
    """Compare every mode with the oracle, or `count` of each order drawn at random."""
    x = judge.points[0]
    value, J = judge.value(x), judge.jacobian(x)
    for name, mode in _drawn(modes(judge, x), judge, count):
        y, got = _run(name, mode)
        if y.shape != value.shape or not np.array_equal(y, value):
            raise Failure(f"{name}: value\n{y}\nright is\n{value}")
        if J is not None:
            _compare(name, got.reshape(J.shape), J, 1e-9 if judge.is_analytic else 1e-5)
    H = judge.hessian(x)
    if H is not None:
        for name, mode in _drawn(second_modes(judge, x), judge, count):
            _compare(name, _run(name, mode), H, 1e-6 if judge.is_analytic else 1e-3)
    if with_prepare:
        _check_prepared(judge)


def _drawn(named, judge, count):
    """The modes to be tried: all, or `count` of them that the program's seed chooses."""
    names = list(named)
    if count is not None:
        names = np.random.default_rng([judge.seed, 2]).permutation(names)[:count]
    return [(str(name), named[name]) for name in names]


def _check_prepared(judge):
    prepared = _run("prepare", lambda: dm.prepare(judge.f, judge.points[0]))
    for x in (*judge.points, *judge.points[:2]):
        y, got = _run("prepared", lambda x=x: prepared.value_and_jacobian(x))
        value, J = judge.value(x), judge.jacobian(x)
        _compare("prepared, value", y, value, 1e-12)
        if J is not None:
            _compare("prepared", got, J, 1e-9 if judge.is_analytic else 1e-5)


def _run(name, mode):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return mode()
    except Exception as error:
        raise Failure(f"{name}: {type(error).__name__}: {error}") from error


def _compare(name, got, right, tolerance):
    scale = np.abs(right).max(initial=1.0)
    if got.shape != right.shape or not np.abs(got - right).max(initial=0.0) <= tolerance * scale:
        raise Failure(f"{name}:\n{got}\nright is\n{right}")


def is_sound(judge):
    """Whether plain NumPy runs the program everywhere, with numbers that differences can judge."""
    try:
        with np.errstate(all="ignore"):
            found = [judge.value(x) for x in judge.points]
            found += [judge.jacobian(x) for x in judge.points]
            is_smooth = not judge.is_analytic or judge.is_differentiable(judge.points[0])
    except Exception:  # of the program: this one is not of use
        return False
    is_finite = all(a is not None and np.abs(a).max(initial=0.0) < LARGEST for a in found)
    return is_finite and is_smooth


def judged(seed):
    """The judge of a program, or None if plain NumPy does not run it soundly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge = Judge(Program(seed))
        return judge if is_sound(judge) else None


# --- Long runs -----------------------------------------------------------------------------------


def failure_of(program, with_prepare=False, count=None):
    """What is wrong with a program, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge = Judge(program)
        if not is_sound(judge):
            return None
        with np.errstate(all="ignore"):
            try:
                check(judge, with_prepare, count)
            except Failure as failure:
                return failure
    return None


def reduced(program, failure_of, first_failure):
    """`program` without the statements that its failure does not need, and that failure."""
    failure, name = first_failure, str(first_failure).partition(":")[0]
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for i in reversed(range(len(program.blocks))):
            blocks = program.blocks
            program.blocks = blocks[:i] + blocks[i + 1 :]
            found = failure_of(program)
            if found is not None and str(found).partition(":")[0] == name:
                failure, is_smaller = found, True
            else:
                program.blocks = blocks
    return program, failure


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prepare", type=int, default=10, help="prepare one program of so many")
    parser.add_argument("--modes", type=int, help="try so many modes of each order; by default all")
    parser.add_argument("--errors", action="store_true", help="print the tracebacks of errors")
    options = parser.parse_args()
    start, failed, seed = time.perf_counter(), {}, options.seed
    with contextlib.suppress(KeyboardInterrupt):  # which ends a long run
        while seed < options.seed + options.count:
            found = judged_seed(seed, options)
            if found is not None:
                failed.setdefault(str(found).partition(":")[0], []).append(seed)
            seed += 1
    seconds = math.ceil(time.perf_counter() - start)
    print(
        f"{seed - options.seed} programs in {seconds} s, {sum(map(len, failed.values()))} wrong: "
        f"{failed}"
    )
    return bool(failed)


def judged_seed(seed, options):
    """Judge one program; print it, reduced, if a mode is wrong."""
    judge_it = functools.partial(
        failure_of,
        with_prepare=options.prepare > 0 and seed % options.prepare == 0,
        count=options.modes,
    )
    program = Program(seed)
    failure = judge_it(program)
    if failure is not None:
        program, failure = reduced(program, judge_it, failure)
        print(f"--- seed {seed}\n{program.source()}{failure}\n", flush=True)
        if options.errors and failure.__cause__ is not None:
            traceback.print_exception(failure.__cause__)
    return failure


if __name__ == "__main__":
    sys.exit(main())
