"""Random programs of plain NumPy, differentiated in every mode and compared with an oracle.

A program is a function of a vector made of random statements: views, writes in place, buffers that
are used again, arrays of no dimensions, branches, loops, exceptions that are caught, lists, masks,
type tests, closures, complex intermediates, joins, reductions.  Its value must be plain NumPy's
bit for bit.  The oracle of the first derivatives is the complex step on the same source (Squire and
Trapp, 1998), of the second ones extrapolated differences of it; programs with complex intermediates
are judged by extrapolated differences alone.  Both call plain NumPy only.

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

import dualmc as dm

# Numbers of inputs; 24 starts sparse, of which the last are not looked at.
SIZE = 4
MANY = 24
# Largest value in a program that is judged.
LARGEST = 1e4


# --- Programs ------------------------------------------------------------------------------------


class Program:
    """The statements of one program, and what is known of its variables.

    `vectors` and `matrices` name arrays that may be written to, of shapes (SIZE,) and (2, SIZE);
    `numbers` are scalars, `points` arrays of no dimensions.
    """

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.seed = seed
        self.blocks = []
        self.vectors = ["x"]
        self.matrices, self.numbers, self.points = [], [], []
        self.count = 0
        self.is_analytic = True
        for _ in range(self.rng.integers(4, 13)):
            self.blocks.append(self.statement())
        self.returned = self.result()

    # --- Choices ---

    def pick(self, items):
        return items[self.rng.integers(len(items))]

    def new(self, kind):
        self.count += 1
        return f"{kind}{self.count}"

    def constant(self):
        return f"{self.rng.uniform(-1.5, 1.5):.2f}"

    def index(self):
        return str(self.rng.integers(-SIZE, SIZE))

    # --- Expressions ---

    def number(self, depth=1):
        """An expression for a number."""
        a, b = self.pick(self.vectors), self.pick(self.vectors)
        options = [
            self.constant,
            lambda: f"{a}[{self.index()}]",
            lambda: f"np.sum({a})",
            lambda: f"{a}.mean()",
            lambda: f"np.max({a})",
            lambda: f"{a} @ {b}",
            lambda: f"np.dot({a}, {b})",
            lambda: f"np.prod(1 + 0.1 * {a})",
            lambda: f"np.sqrt(1 + np.sum({a} ** 2))",
            lambda: f"np.tanh({a}[{self.index()}])",
            lambda: f"{a}[np.argmax({b})]",
            lambda: f"{a}[{b} > {self.constant()}].sum()",
        ]
        if self.numbers:
            options += [lambda: self.pick(self.numbers)] * 3
        if self.points:
            options += [
                lambda: f"{self.pick(self.points)}[()]",
                lambda: f"{self.pick(self.points)} * {self.constant()}",
            ]
        if self.matrices:
            m = self.pick(self.matrices)
            options += [lambda: f"{m}[1, {self.index()}]", lambda: f"np.sum({m} * {m})"]
        if depth:
            options += [
                lambda: f"({self.number(0)} * {self.number(0)})",
                lambda: f"np.sin({self.number(0)} - {self.number(0)})",
                lambda: f"({self.number(0)} / (2 + np.sin({self.number(0)})))",
            ]
        return self.pick(options)()

    def vector(self, depth=2):
        """An expression for a vector."""
        a = self.pick(self.vectors)
        options = [lambda: a] * 3 + [
            lambda: f"np.sin({a})",
            lambda: f"{a} * {self.constant()}",
            lambda: f"{a}[::-1]",
            lambda: f"np.cumsum({a}) * 0.3",
            lambda: f"np.sort({a})",
            lambda: f"np.roll({a}, 1)",
            lambda: f"{a}[np.argsort({self.pick(self.vectors)})]",
            lambda: f"np.maximum({a}, {self.constant()})",
            lambda: f"np.where({self.mask()}, {a}, {self.pick(self.vectors)})",
            lambda: f"np.concatenate([{a}[2:], {self.pick(self.vectors)}[:2]])",
            lambda: f"np.hstack([{self.number(0)}, {a}[1:]])",
            lambda: f"np.array([{', '.join(self.number(0) for _ in range(SIZE))}])",
            lambda: f"np.repeat({a}[:2], 2)",
            lambda: f"np.append({a}[1:], {self.number(0)})",
        ]
        if self.matrices:
            m = self.pick(self.matrices)
            options += [
                lambda: f"{m}[{self.rng.integers(2)}]",
                lambda: f"{m}.sum(axis=0)",
                lambda: f"np.einsum('ij,j->j', {m}, {a})",
                lambda: f"({m}.T @ ({m} @ {a})) * 0.1",
                lambda: f"{m}.reshape(-1)[::2]",
            ]
        if depth:
            options += [
                lambda: f"({self.vector(depth - 1)} + {self.vector(depth - 1)})",
                lambda: f"({self.vector(depth - 1)} * {self.vector(depth - 1)})",
                lambda: f"({self.vector(depth - 1)} * {self.number(0)})",
                lambda: f"np.tanh({self.vector(depth - 1)})",
                lambda: f"({self.vector(depth - 1)} / (2 + np.cos({self.vector(0)})))",
                lambda: f"np.exp(0.3 * np.sin({self.vector(depth - 1)}))",
                lambda: f"np.sin({self.vector(depth - 1)}) ** 2",
            ]
        return self.pick(options)()

    def mask(self):
        return f"{self.pick(self.vectors)} > {self.constant()}"

    # --- Statements ---

    def statement(self):
        kinds = [
            self.assign, self.assign, self.view, self.view, self.write, self.write, self.write,
            self.buffer, self.zero_d, self.branch, self.caught, self.listed, self.matrix,
            self.number_statement, self.type_test, self.closure, self.work_array, self.loop,
            self.complex_numbers, self.fill_loop, self.alias,
        ]  # fmt: skip
        return self.pick(kinds)()

    def assign(self):
        expression = self.vector()
        name = self.new("a")
        # The copy: an expression that is a name would make an alias, which `alias` does.
        self.vectors.append(name)
        return [f"{name} = {expression} + 0.0"]

    def alias(self):
        a = self.pick(self.vectors)
        name = self.new("b")
        self.vectors.append(name)
        how = self.pick(
            ["{0}", "{0}.real", "{0}.conj()", "{0}.view()", "np.asarray({0})", "np.ravel({0})",
             "{0}[...]", "np.reshape({0}, -1)", "{0}.copy()", "np.copy({0})", "np.array({0})",
             "{0}.flatten()", "np.squeeze({0}[None])", "np.atleast_1d({0})", "{0}.T",
             "np.ascontiguousarray({0})", "np.expand_dims({0}, 0)[0]", "np.moveaxis({0}, 0, -1)",
             "np.require({0}, requirements='C')", "np.broadcast_arrays({0}, {0})[1]",
             "np.real({0})", "np.asarray({0}, order='F')", "np.array_split({0}, 1)[0]",
             "{0}.astype({0}.dtype)", "{0}.reshape(2, 2).T.reshape(-1)",
             "{0}.reshape(2, 2).ravel()"]
        )  # fmt: skip
        self.is_analytic &= "real" not in how and "conj" not in how
        return [f"{name} = {how.format(a)}"]

    def view(self):
        """A part of an array that shares its memory, and a write through it or to the whole."""
        a = self.pick(self.vectors + self.matrices)
        is_matrix = a in self.matrices
        name = self.new("v")
        cut = self.pick(
            ["{0}[0]", "{0}[:, 1:3]", "{0}.T", "{0}[1, ::2]", "np.ravel({0})", "{0}[::-1]",
             "{0}.reshape(4, 2)", "np.swapaxes({0}, 0, 1)", "np.split({0}, 2)[1]", "{0}[:, ::-1]",
             "np.diagonal({0}[:, :2]).copy()", "{0}[0, 1:, None]", "{0}[:, 2]"]
            if is_matrix
            else ["{0}[1:]", "{0}[:-1]", "{0}[::2]", "{0}[::-1]", "{0}.reshape(2, 2)", "{0}[1:3]",
                  "{0}.reshape(2, 2).T", "{0}[None]", "{0}[1, ...]", "np.split({0}, 2)[0]",
                  "{0}[1:][1:]", "{0}[:, None]", "np.flip({0})", "np.ravel({0})[1:]"]
        )  # fmt: skip
        lines = [f"{name} = {cut.format(a)}"]
        writes = [
            f"{name} *= {self.number(0)}",
            f"{name} += {self.number(0)}",
            f"{name}[...] = np.sin({name}) + {self.number(0)}",
            f"{name} -= np.cos({name})",
            f"np.multiply({name}, {self.number(0)}, out={name})",
            f"{name}[...] = {self.number(0)}",
            f"{a}[...] = np.cos({a})",
            f"{a} *= 0.5",
        ]
        for _ in range(self.rng.integers(0, 3)):
            lines.append(self.pick(writes))
        number = self.new("s")
        self.numbers.append(number)
        lines.append(f"{number} = np.sum({name} * {name})")
        return lines

    def write(self):
        """A write to a whole array or to elements of it."""
        if self.matrices and self.rng.random() < 0.25:
            m = self.pick(self.matrices)
            return [
                self.pick(
                    [f"{m}[0] = {self.vector(1)}", f"{m}[:, 1] += {self.number(0)}",
                     f"{m} *= {self.vector(1)}", f"{m}[1, 1:] -= {m}[0, :-1]",
                     f"{m}[{m} > {self.constant()}] = {self.number(0)}", f"{m}.T[0] = {m}[0, :2]",
                     f"{m}[:, ::2] = {m}[:, 1::2]", f"np.copyto({m}, {self.vector(1)})",
                     f"{m}.sort(axis=1)", f"{m}.flat[3] = {self.number(0)}",
                     f"{m}[[0, 1], [1, 2]] = {self.number(0)}"]
                )
            ]  # fmt: skip
        a = self.pick(self.vectors)
        e, s, mask = self.vector(1), self.number(1), self.mask()
        return [
            self.pick(
                [f"{a} += {e}", f"{a} -= {e}", f"{a} *= {e}", f"{a} /= 2 + np.cos({e})",
                 f"{a} **= 2", f"{a}[{self.index()}] = {s}", f"{a}[{self.index()}] += {s}",
                 f"{a}[{self.index()}] *= {s}", f"{a}[1:] = {a}[:-1]", f"{a}[1:] -= {a}[:-1]",
                 f"{a}[1:] += ({e})[:-1]", f"{a}[:2] *= ({e})[2:]", f"{a}[...] = {e}",
                 f"{a}[:] = {s}", f"{a}[{mask}] = {s}", f"{a}[{mask}] *= {s}",
                 f"{a}[[0, 2]] = ({e})[1:3]", f"{a}[[3, 1]] += {s}", f"{a}.fill({s})",
                 f"np.copyto({a}, {e})", f"np.copyto({a}, {e}, where={mask})",
                 f"np.add({a}, {e}, out={a})", f"np.sin({e}, out={a})", f"{a}.sort()",
                 f"np.add.at({a}, [0, 0, 2], ({e})[:3])", f"np.subtract.at({a}, [1, 1], {s})",
                 f"np.put({a}, [1, 3], {s})", f"np.putmask({a}, {mask}, {e})",
                 f"{a}.flat[1] = {s}", f"{a}[::2] = {s}", f"{a}[::-1] = {a} * 1.0",
                 f"np.place({a}, {mask}, [{s}])", f"{a}.put([0], {s})", f"{a}[1:3] = {s}",
                 f"np.multiply({a}[1:], {a}[:-1], out={a}[1:])", f"{a}[...] += {s}",
                 f"np.cumsum({e} * 0.3, out={a})", f"np.square({a}, out={a})",
                 f"np.divide({a}, 2 + np.sin({e}), out={a}, where={mask})"]
            )
        ]  # fmt: skip

    def buffer(self):
        """A buffer that is read before it is written, or written in parts."""
        name = self.new("w")
        made = self.pick(
            [f"np.zeros({SIZE})", f"np.ones({SIZE})", f"np.full({SIZE}, {self.constant()})",
             "np.zeros_like(x)", f"np.arange({SIZE}.0)", f"np.linspace(0.5, 2, {SIZE})",
             "np.array([0.5, -1.0, 2.0, 1.5])", f"np.full({SIZE}, {self.number(0)})"]
        )  # fmt: skip
        lines = [f"{name} = {made}"]
        before = self.pick(self.vectors)
        if self.rng.random() < 0.7:
            read = self.new("a")
            how = self.pick(
                ["{1} * {0}", "{1} / (3 + {0})", "({0} @ {1}) * {1}", "np.sin({1}) + {0} ** 2",
                 "np.stack([{0}, {1}]).sum(axis=0)", "np.outer({0}, {1})[1]", "{0} - {1}",
                 "np.arctan2({1}, 4 + {0})", "np.where({1} > 0, {0} * {1}, {1})"]
            ).format(name, before)  # fmt: skip
            lines.append(f"{read} = {how}")
            self.vectors.append(read)
        self.vectors.append(name)
        return lines + self.write()

    def zero_d(self):
        """Arrays of no dimensions: aliases see a write, numbers do not."""
        name = self.new("t")
        lines = [
            f"{name} = "
            + self.pick(
                ["np.zeros(())", f"np.array({self.number(0)})", f"np.asarray({self.number(0)})",
                 f"{self.pick(self.vectors)}[{self.index()}, ...]",
                 f"np.full((), {self.number(0)})", f"np.array({self.constant()})",
                 f"{self.pick(self.vectors)}[1:2].reshape(())", f"np.copy({self.number(0)})",
                 f"np.squeeze({self.pick(self.vectors)}[:1])"]
            )
        ]  # fmt: skip
        alias = self.new("u")
        lines.append(
            f"{alias} = {name}" + self.pick(["", "", "[...]", ".copy()", " * 1.0", "[()]"])
        )
        lines += self.pick(
            [
                [f"for e in {self.pick(self.vectors)}:", f"    {name} += e * e"],
                [f"{name} *= {self.number(0)}"],
                [f"{name}[...] = {self.number(0)} + {name}"],
                [f"{name} -= {self.number(0)}", f"{name} /= 2 + np.cos({name})"],
                [f"np.add({name}, {self.number(0)}, out={name})"],
                [f"{name} += {self.number(0)}", f"{name} **= 2"],
                [f"np.sum({self.pick(self.vectors)}, out={name})"],
                [f"{name}.fill({self.number(0)})"],
                [f"{alias} += {self.number(0)}"],
            ]
        )
        self.points.append(name)
        number = self.new("s")
        self.numbers.append(number)
        lines.append(f"{number} = np.sin({alias}) + {name}")
        return lines

    def branch(self):
        lines = [f"if {self.number(0)} > {self.constant()}:"]
        lines += ["    " + line for line in self.write()]
        if self.rng.random() < 0.7:
            lines += ["else:", *("    " + line for line in self.write())]
        return lines

    def caught(self):
        name = self.new("s")
        a = self.pick(self.vectors)
        lines = self.pick(
            [
                ["try:", f"    {name} = {a}[{self.rng.integers(2, 7)}] * 2", "except IndexError:",
                 f"    {name} = {self.number(0)}"],
                ["try:", f"    if {self.number(0)} > {self.constant()}:",
                 "        raise ValueError", f"    {name} = {self.number()}",
                 "except ValueError:", f"    {name} = {self.number()}"],
                ["try:", f"    {a}[:3] += {self.pick(self.vectors)}", f"    {name} = {a}[0]",
                 "except ValueError:", f"    {name} = {self.number()}"],
            ]
        )  # fmt: skip
        self.numbers.append(name)
        return lines

    def listed(self):
        name, items = self.new("a"), self.new("items")
        a = self.pick(self.vectors)
        lines = [
            f"{items} = []",
            f"for i in range({SIZE}):",
            f"    {items}.append({a}[i] * {self.number(0)} + i)",
            f"{name} = np." + self.pick(["array", "stack", "hstack", "asarray"]) + f"({items})",
        ]
        self.vectors.append(name)
        return lines

    def matrix(self):
        name = self.new("m")
        e, g = self.vector(1), self.vector(1)
        lines = [
            f"{name} = "
            + self.pick(
                [f"np.stack([{e}, {g}])", f"np.outer([0.5, -1.0], {e})", f"np.zeros((2, {SIZE}))",
                 f"np.vstack([{e}, np.ones({SIZE})])", f"np.tile({e}, (2, 1))",
                 f"np.repeat(({e})[None], 2, axis=0)", f"np.column_stack([{e}, {g}]).T",
                 f"np.concatenate([{e}, {g}]).reshape(2, {SIZE})",
                 f"np.array([{e}, {g}])"]
            )
        ]  # fmt: skip
        self.matrices.append(name)
        return lines

    def number_statement(self):
        name = self.new("s")
        lines = [f"{name} = {self.number()}"]
        if self.rng.random() < 0.5:
            other = self.new("s")
            lines += [f"{other} = {name}", f"{name} += {self.number(0)}"]
            self.numbers.append(other)
        self.numbers.append(name)
        return lines

    def type_test(self):
        name = self.new("s")
        a = self.pick(self.numbers + self.points + self.vectors)
        lines = [
            f"if {self.pick(['isinstance({0}, np.ndarray)', 'np.isscalar({0})', 'np.ndim({0}) == 0', 'np.shape({0}) == ()', 'isinstance({0}, np.generic)', 'isinstance({0}, (list, tuple))']).format(a)}:",  # noqa: E501
            f"    {name} = {self.number()}",
            "else:",
            f"    {name} = {self.number()}",
        ]
        self.numbers.append(name)
        return lines

    def closure(self):
        name = self.new("do")
        a = self.pick(self.vectors + self.points)
        body = self.pick(["p += q", "p[...] = p * q", "p *= q", "p -= np.sin(q)"])
        return [f"def {name}(p, q):", f"    {body}", f"{name}({a}, {self.number(0)})"]

    def work_array(self):
        """A work array that is written anew at every turn of a loop."""
        w, name = self.new("w"), self.new("a")
        a, b = self.pick(self.vectors), self.pick(self.vectors)
        body = self.pick(
            [[f"np.multiply({a}, k + 1.0, out={w})", f"{name} = {name} + np.sin({w})"],
             [f"{w}[...] = {a} * {b} + k", f"{name} += {w} * {b}"],
             [f"{w}[:2] = {a}[2:]", f"{w}[2:] = {b}[:2] * k", f"{name} = np.cos({w}) * {name}"],
             [f"np.add({w}, {a}, out={w})", f"{name} += {w} ** 2 * 0.1"],
             [f"{w} += {a}", f"{w} *= 0.5", f"{name} = {name} + {w} * {w}"]]
        )  # fmt: skip
        made = self.pick(["np.empty_like(x)", f"np.empty({SIZE})", "np.zeros_like(x)"])
        lines = [f"{w} = {made}", f"{w}[:] = {self.number(0)}", f"{name} = np.ones({SIZE})"]
        lines += ["for k in range(3):", *("    " + line for line in body)]
        self.vectors += [w, name]
        return lines

    def loop(self):
        name = self.new("s")
        lines = [f"{name} = {self.number()}", "k = 0", f"while {name} > 0.3 and k < 4:"]
        lines += [f"    {name} = np.sin({name}) * 0.8", "    k += 1"]
        self.numbers.append(name)
        return lines

    def fill_loop(self):
        """Elements written one by one, each from the one before."""
        name = self.new("a")
        a = self.pick(self.vectors)
        made = self.pick([f"np.zeros({SIZE})", f"np.empty({SIZE})", "np.zeros_like(x)"])
        lines = [f"{name} = {made}", f"{name}[0] = {self.number(0)}", f"for i in range(1, {SIZE}):"]
        lines.append(
            self.pick(
                [f"    {name}[i] = np.sin({name}[i - 1]) * {a}[i]",
                 f"    {name}[i] = {name}[i - 1] + {a}[i] ** 2",
                 f"    {name}[i] = np.sum({name}[:i]) * {a}[i] * 0.5",
                 f"    {name}[i:] = {name}[i - 1] * {a}[i] + 1"]
            )
        )  # fmt: skip
        self.vectors.append(name)
        return lines

    def complex_numbers(self):
        if self.rng.random() < 0.5:
            return self.assign()
        self.is_analytic = False
        z, name = self.new("z"), self.new("a")
        a, b = self.pick(self.vectors), self.pick(self.vectors)
        lines = [f"{z} = np.exp(1j * {a})"]
        lines += self.pick(
            [[], [f"{z} *= {b}"], [f"{z}.real[1:] = {b}[1:]"], [f"{z} += {b}"], [f"{z}[0] = 2j"],
             [f"{z}.imag *= {b}"], [f"{z}[1:] = {b}[1:]"], [f"{z} = {z} * {b} + {a}"]]
        )  # fmt: skip
        how = self.pick(
            ["np.abs({0} + 3)", "({0} * {0}).real", "np.imag({0}) ** 2", "{0}.real - {0}.imag",
             "({0} * np.conj({0})).real", "np.real({0} + {1}) * {1}", "np.angle({0} + 5)",
             "np.fft.ifft(np.fft.fft({0})).real", "np.abs({0} + 3 * {1}) + {1}"]
        )  # fmt: skip
        self.vectors.append(name)
        return [*lines, f"{name} = {how.format(z, b)}"]

    def result(self):
        names = [self.pick(self.vectors)]
        for group in (self.vectors, self.matrices, self.numbers, self.points):
            names += [str(n) for n in self.rng.permutation(group)[:2]] if group else []
        if self.rng.random() < 0.3:
            return f"np.tanh({self.pick(self.vectors)}) * ({self.number(0)})"
        parts = ", ".join(f"np.ravel({name})" for name in dict.fromkeys(names))
        return f"np.concatenate([{parts}])"

    # --- Source ---

    def source(self):
        lines = [line for block in self.blocks for line in block]
        body = "\n".join("    " + line for line in [*lines, f"return {self.returned}"])
        return f"def f(x):\n{body}\n"


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
    for name in ("zeros", "ones", "empty", "full", "arange", "linspace", "array", "asarray"):
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
