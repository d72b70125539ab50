"""Random programs: functions of a vector, as source, made of random statements in plain NumPy.

Views, writes in place, buffers that are used again, arrays of no dimensions, branches, loops,
exceptions that are caught, lists, masks, type tests, closures, complex intermediates, joins,
reductions.
"""

import numpy as np

# Inputs of a program.
SIZE = 4


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
