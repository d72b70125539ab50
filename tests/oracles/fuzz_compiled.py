"""Does SciPy's compiled code survive what stands for numbers?  A fuzz of its public functions.

    python tests/oracles/fuzz_compiled.py [--rounds 3] [--seed 0] [--modules scipy.linalg,...]

Every public function, class and method of SciPy's submodules is called with Duals and Traceds, and
with lists and object arrays of them, in shapes that they might take.  Whatever they raise is fine;
a process that dies, or hangs in compiled code, is not.  The calls run in a process of their own,
which says what it is about to call and is begun again behind a call that ended it.  A call that
ends the process with plain numbers in the same places is SciPy's own affair.
"""

import argparse
import faulthandler
import importlib
import inspect
import os
import random
import signal
import subprocess
import sys
import tempfile
import warnings

import numpy as np

MODULES = """
scipy.special scipy.linalg scipy.sparse scipy.sparse.linalg scipy.sparse.csgraph scipy.optimize
scipy.spatial scipy.spatial.distance scipy.spatial.transform scipy.stats scipy.stats.qmc
scipy.stats.mstats scipy.signal scipy.signal.windows scipy.interpolate scipy.integrate scipy.ndimage
scipy.fft scipy.fftpack scipy.cluster.vq scipy.cluster.hierarchy scipy.linalg.blas
scipy.linalg.lapack scipy.linalg.interpolative scipy.optimize.elementwise scipy.differentiate
""".split()
SECONDS = 2  # for one call
LONGEST = 60  # without a word from the process
UNSAFE = {"show_config", "test", "bracket_root", "download_all"}


def targets(modules):
    """Pairs (name, callable): public functions, ufuncs and classes, each once."""
    found = {}
    for module in modules:
        try:
            owner = importlib.import_module(module)
        except ImportError:
            continue
        for name in sorted(getattr(owner, "__all__", None) or dir(owner)):
            a = getattr(owner, name, None)
            if name.startswith("_") or name in UNSAFE or inspect.ismodule(a) or not callable(a):
                continue
            found.setdefault(id(a), (f"{module}.{name}", a))
    return sorted(found.values(), key=lambda pair: pair[0])


# --- Arguments -----------------------------------------------------------------------------------


def carriers(x):
    """What f may hand on, made of the array `x` of six numbers that stand for others."""
    kind = float if type(x) is np.ndarray else object
    boxed, square = np.empty(6, kind), np.empty((2, 2), kind)
    for i in range(6):
        boxed[i] = x[i]
    square[:] = [[0.0, x[0]], [x[0], 0.0]]
    return [
        x, x[:3], x[0], x.reshape(2, 3), x[:4].reshape(2, 2), x.reshape(3, 2),
        list(x), [[x[0], 1.0], [1.0, x[1]]], [x[0], 2.0, 3.0], boxed, boxed.reshape(2, 3),
        boxed[:4].reshape(2, 2), boxed[:1], square, [x, x], (x[:3], x[3:]),
        np.array([x[0], 1.0, 2]), np.outer(x[:3], x[:3]), [[x]], x + 1j * x, x > 0.5,
    ]  # fmt: skip


def plain():
    """Constants beside them."""
    return [
        np.arange(1.0, 7.0), np.arange(1.0, 4.0), np.eye(2), np.eye(3), np.arange(6),
        np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2), 0, 1, 2, 3, 1.5, 0.5, True,
        None, [1.0, 2.0, 3.0], (2, 3), np.sin, lambda *a: a[0], "euclidean", "linear",
    ]  # fmt: skip


def names_of(call):
    """How many positional arguments `call` needs and may take."""
    if isinstance(call, np.ufunc):
        return call.nin, call.nin
    try:
        parameters = inspect.signature(call).parameters.values()
    except (ValueError, TypeError):
        return 1, 4
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in positional)
    return max(1, needed), max(1, min(len(positional), needed + 2))


def arguments(call, x, chance, number):
    """Arguments for `call`, one of them at least a carrier: each in turn."""
    low, high = names_of(call)
    count = chance.randint(low, high)
    args = [chance.choice(carriers(x) if chance.random() < 0.5 else plain()) for _ in range(count)]
    every = carriers(x)
    args[chance.randrange(min(count, 2))] = every[number % len(every)]
    return args


def plain_like(args):
    """Constants for the same places, to make an object whose methods then meet carriers."""
    return [np.arange(1.0, 7.0).reshape(3, 2) if i == 0 else a for i, a in enumerate(args)]


def methods(made):
    for name in dir(made):
        if not name.startswith("_") or name in ("__call__", "__matmul__", "__add__", "__mul__"):
            a = getattr(made, name, None)
            if callable(a):
                yield name, a


# --- The process that calls ----------------------------------------------------------------------


class Late(BaseException):
    pass


def _late(*_):
    raise Late


def tried(call, args):
    """Call it; whatever it raises is fine."""
    signal.alarm(SECONDS)
    try:
        with np.errstate(all="ignore"):
            return call(*args)
    except (Exception, Late):
        return None
    finally:
        signal.alarm(0)


def body(name, call, rounds, chance, say):
    """A function of x that calls `call` in many ways."""
    first = chance.randrange(len(carriers(np.ones(6))))

    def f(x):
        for number in range(first, first + rounds):
            args = arguments(call, x, chance, number)
            say(f"{name} {number}")
            tried(call, args)
            if inspect.isclass(call) and number == first:
                made = tried(call, [np.arange(1.0, 7.0).reshape(3, 2)])
                made = made or tried(call, [np.arange(1.0, 7.0), np.arange(1.0, 7.0) ** 2])
                for method, bound in () if made is None else methods(made):
                    say(f"{name}.{method} {number}")
                    tried(bound, arguments(bound, x, chance, number))
        return x * 2.0

    return f


def modes():
    import dualmc as dm

    return {
        "jacobian_fwd": dm.jacobian_fwd,
        "jacobian_rev": dm.jacobian_rev,
        "prepare": dm.prepare,
        "explain": dm.explain,
    }


def work(options):
    """Call the targets from number `options.start` on."""
    faulthandler.enable()
    signal.signal(signal.SIGALRM, _late)
    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    found = targets(options.modules.split(",") if options.modules else MODULES)
    for number in range(options.start, len(found)):
        if options.every > 1 and (number + options.seed) % options.every:
            continue
        name, call = found[number]
        for mode, differentiate in modes().items():
            chance = random.Random(f"{options.seed} {name} {mode}")
            if options.plain:
                differentiate = _plainly

            def say(text, number=number, mode=mode):
                print(number, mode, text, file=out)

            tried(
                differentiate,
                (body(name, call, options.rounds, chance, say), np.arange(1.0, 7.0) / 7),
            )
        if options.plain:
            break
    print("done", len(found), file=out)


def _plainly(f, x):
    return f(x)


# --- The process that watches --------------------------------------------------------------------


def watch(options):
    """Run `work`, again behind every call that ended it; the list of those."""
    ended, start = [], 0
    command = [sys.executable, os.path.abspath(__file__), "--work"]
    for name in ("rounds", "seed", "every", "modules"):
        command += [f"--{name}", str(getattr(options, name))]
    with tempfile.TemporaryDirectory() as folder:
        while True:
            done, last = _followed([*command, "--start", str(start)], folder)
            if last.startswith("done"):
                return ended
            if not last:
                raise SystemExit(f"the process that calls did not start: {done}")
            start = int(last.split()[0]) + 1
            place = _place(folder)
            _, plain_last = _followed([*command, "--start", str(start - 1), "--plain"], folder)
            is_own = not plain_last.startswith("done")
            print(done, last, "(with plain numbers, too)" if is_own else place, flush=True)
            if not is_own:
                ended.append(last)


def _followed(command, folder):
    """Run `command`: how it ended, and the last line that it wrote."""
    with open(os.path.join(folder, "errors"), "w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, cwd=folder, text=True
        )
        timer = _Timer(process)
        last = ""
        for line in process.stdout:
            last = line.strip()
            timer.again()
        timer.stop()
        process.wait()
    return ("hung" if timer.is_late else process.returncode), last


def _place(folder):
    """The innermost lines of the user's side, as the fault handler saw them."""
    with open(os.path.join(folder, "errors")) as errors:
        lines = [line.strip() for line in errors if line.startswith("  File")]
    return " < ".join(line.split("site-packages")[-1] for line in lines[:3])


class _Timer:
    """Ends a process that says nothing for too long."""

    def __init__(self, process):
        import threading

        self.process, self.is_late, self.timer = process, False, None
        self.threading = threading
        self.again()

    def again(self):
        self.stop()
        self.timer = self.threading.Timer(LONGEST, self._end)
        self.timer.daemon = True
        self.timer.start()

    def _end(self):
        self.is_late = True
        self.process.kill()

    def stop(self):
        if self.timer is not None:
            self.timer.cancel()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="calls of each function and mode")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="only each so many-th function")
    parser.add_argument("--modules", default="")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options)
        return 0
    ended = watch(options)
    print(f"{len(ended)} calls ended the process")
    return int(bool(ended))


if __name__ == "__main__":
    sys.exit(main())
