"""Random programs of moves, writes and arithmetic on arrays of all shapes, as statements.

They are made for what one half of dualmc must not do otherwise than the other: every program is run
in two ways, and the results are compared bit for bit.  All of NumPy that has plans is in them, in
all ways of calling it, beside the same that has none.
"""

import random

import numpy as np

SIZE = 12


class Program:
    """Statements ``line`` of a function of a vector of `SIZE` numbers; `source` is its code.

    Names stand for arrays of one shape for good, so that every statement fits.
    """

    def __init__(self, seed, length=14):
        self.random = random.Random(seed)
        self.shapes = {
            "x": (SIZE,), "a": (SIZE,), "b": (SIZE,), "c": (SIZE,),
            "p": (3, 4), "q": (3, 4), "r": (4,), "w": (3, 1), "s": (), "t": (),
        }  # fmt: skip
        self.lines = [
            "a = x * 1.0",
            "b = np.sin(x) + 2.0",
            "c = np.ones_like(x)",
            "p = x.reshape(3, 4) * 1.5",
            "q = np.cos(x).reshape(4, 3).T",
            "r = x[:4] - 0.5",
            "w = (x[:3] * x[4:7])[:, None]",
            "s = x[0] * 1.0",
            "t = np.sum(x)",
        ]
        for i in range(length):
            self.lines += self._statement(i)

    def source(self):
        names = [name for name in self.shapes if name != "x"]
        result = ", ".join(f"np.ravel({name})" for name in names)
        body = "\n".join(
            f"    {line}" for line in [*self.lines, f"return np.concatenate([{result}])"]
        )
        return f"def f(x):\n{body}\n"

    def function(self):
        scope = {"np": np, **CONSTANTS}
        exec(self.source(), scope)
        return scope["f"]

    # --- Statements ------------------------------------------------------------------------------

    def _statement(self, i):
        make = self.random.choice([self._assigned, self._assigned, self._written, self._viewed])
        return make(i)

    def _assigned(self, i):
        """A new array under an old name."""
        name = self._name()
        return [f"{name} = {self._expression(self.shapes[name])}"]

    def _written(self, i):
        """A write to an array or a part of one."""
        name = self._name(lambda shape: shape)
        shape = self.shapes[name]
        key, part = self._part(shape)
        operator = self.random.choice(["", "", "+", "-", "*", "/"])
        if self.random.random() < 0.2:
            return [f"{name} {operator or '+'}= {self._operand(shape)}"]
        if operator == "/":
            return [f"{name}{key} /= {self._positive(part)}"]
        return [f"{name}{key} {operator}= {self._expression(part)}"]

    def _viewed(self, i):
        """A view, and what is read of it after a write to its array, or written to it."""
        name = self._name(lambda shape: shape)
        shape = self.shapes[name]
        key, part = self._part(shape)
        view = f"v{i}"
        lines = [f"{view} = {name}{key}"]
        if self.random.random() < 0.5:
            lines.append(f"u{i} = {view} * 1.25")
        if self.random.random() < 0.6:
            lines += self._written(i)
        if self.random.random() < 0.5 and part:
            lines.append(f"{view}[...] = {self._expression(part)}")
        other = self._name(lambda shape: shape == part)
        if other is not None:
            lines.append(f"{other} = {self._of(view, part)}")
        return lines

    # --- Expressions -----------------------------------------------------------------------------

    def _name(self, fits=None):
        names = [n for n, shape in self.shapes.items() if n != "x" and (not fits or fits(shape))]
        return self.random.choice(names) if names else None

    def _atom(self, shape):
        """Something of `shape`."""
        choose = self.random
        names = [n for n, other in self.shapes.items() if other == shape]
        options = [choose.choice(names)] * 4 if names else []
        if shape == ():
            options += [f"{choose.choice('abc')}[{choose.randint(-2, 2)}]", "p[1, 2]", "q[-1, 0]"]
        elif shape == (SIZE,):
            options += ["p.ravel()", "q.reshape(-1)", "q.flatten()", "np.ravel(q)"]
        elif shape == (3, 4):
            options += ["a.reshape(3, 4)", "b.reshape((4, 3)).T", "q.transpose(0, 1)"]
        elif shape == (4,):
            options += ["p[1]", "p[-1, :]", "q[0]", "a[2:6]", "b[::3]", "c[7:3:-1]"]
        elif shape == (3, 1):
            options += ["p[:, :1]", "q[:, 1:2]", "a[:3].reshape(-1, 1)", "b[None, 1:4].T"]
        options.append(f"a[:{int(np.prod(shape))}].reshape({shape})")
        return choose.choice(options)

    def _part(self, shape):
        """An index in brackets, and the shape of what it takes."""
        n = len(shape)
        keys = {
            1: ["[1:]", "[:-1]", "[::2]", "[::-1]", "[2:3]", "[...]", "[[0, 2]]", "[0]", "[-1]",
                "[1:4]", "[I]", "[B]", "[None, :]"],
            2: ["[0]", "[:, 0]", "[1:]", "[:, ::-1]", "[1, 0]", "[...]", "[..., :1]", "[[0, 1]]",
                "[:, [0, 0]]", "[None]", "[-1:]"],
        }[n]  # fmt: skip
        if n == 1 and shape[0] != SIZE:
            keys = [key for key in keys if key not in ("[I]", "[B]")]
        if shape == (3, 1):
            keys = [key for key in keys if key not in ("[:, [0, 0]]",)]
        key = self.random.choice(keys)
        scope = {"a": np.zeros(shape), **CONSTANTS}
        return key, np.shape(eval(f"a{key}", scope))

    def _positive(self, shape):
        return f"(np.abs({self._atom(shape)}) + 1.5)"

    def _operand(self, shape):
        """Something that broadcasts to `shape` beside an array of it."""
        choose = self.random
        options = [self._atom(shape)] * 4 + [self._atom(())]
        options += ["1.7", "3", "np.float64(0.3)", "0", "-0.0", "np.array(1.1)"]
        if shape == (3, 4):
            options += [self._atom((4,)), self._atom((3, 1)), "R", "M[:, :1]", "M", "F"]
        if shape == (SIZE,):
            options += ["C", "C2[::2]"]
        return choose.choice(options)

    def _expression(self, shape):
        first = self._atom(shape)
        return self._of(first, shape)

    def _of(self, a, shape):
        """An expression of `a` that has its `shape`."""
        choose = self.random
        kinds = ["binary"] * 5 + ["unary"] * 3 + ["chain"] * 3 + ["where"] * 2 + ["choice"]
        if shape == ():
            kinds += ["reduced"] * 8
        elif len(shape) == 1:
            kinds += ["joined"] * 3 + ["moved"] * 3 + ["gathered"] * 2 + ["lane"] * 4
        else:
            kinds += ["joined"] * 2 + ["moved"] * 2 + ["lane"] * 3
        return getattr(self, f"_{choose.choice(kinds)}")(a, shape)

    def _binary(self, a, shape):
        b = self._operand(shape)
        operator = self.random.choice("+-*/")
        if operator == "/":
            return f"{a} / {self._positive(shape)}"
        a, b = (a, b) if self.random.random() < 0.7 else (b, a)
        if "np." not in a and "np." not in b and self.random.random() < 0.2:
            return f"np.{ {'+': 'add', '-': 'subtract', '*': 'multiply'}[operator] }({a}, {b})"
        return f"{a} {operator} {b}"

    def _unary(self, a, shape):
        power = self.random.choice(["1.5", "0.5", "3", "np.float64(1.3)", "-1"])
        return self.random.choice([
            f"np.sin({a})", f"np.exp(-np.abs({a}))", f"-{a}", f"np.tanh({a})", f"{a} ** 2",
            f"np.sqrt(np.abs({a}) + 0.1)", f"np.square({a})", f"np.abs({a}) ** {power}", f"+{a}",
            f"np.copy({a})", f"1.0 / (2.0 + np.abs({a}))", f"np.log1p({a} * {a})",
        ])  # fmt: skip

    def _chain(self, a, shape):
        """One block under several factors, and their sum."""
        number = self.random.choice(["0.1", "-0.3", "3", "1.0"])
        return self.random.choice([
            f"np.exp(-{a} * 0.1) + ({a} + 3.0)", f"{a} * {number} - {a}",
            f"{a} * {number} + {a} / 7", f"np.sin({a}) * 0.7 + {a}",
            f"({a} + 1.0) * ({a} * {number})", f"2.0 - {a} + {a} * 0.3",
        ])  # fmt: skip

    def _where(self, a, shape):
        b = self._operand(shape)
        condition = self.random.choice([f"{a} > 0.4", f"{self._atom(shape)} < 1.0"])
        if shape == (SIZE,) and self.random.random() < 0.5:
            condition = "B"
        a, b = (a, b) if self.random.random() < 0.6 else (b, a)
        return f"np.where({condition}, {a}, {b}) + np.zeros({shape})"

    def _choice(self, a, shape):
        b = self._operand(shape)
        return self.random.choice([
            f"np.maximum({a}, {b}) + np.zeros({shape})", f"np.clip({a}, -1.5, 1.5)",
            f"np.minimum({b}, {a} * 0.5) + np.zeros({shape})",
        ])  # fmt: skip

    def _joined(self, a, shape):
        n = shape[0]
        if len(shape) == 1:
            k = self.random.randint(0, n)
            b, constant = self._atom(shape), f"np.full({n - k}, 0.5)"
            return self.random.choice([
                f"np.concatenate([{a}[:{k}], ({b})[{k}:]])", f"np.hstack(({a}[:{k}], {constant}))",
                f"np.concatenate(({constant}, {a}[{n - k}:] * 0.3), axis=0)",
                f"np.concatenate([{a}[{k}:], {b}[:{k}]], 0)",
                f"np.stack([{a}, {b}], axis=0)[1]", f"np.column_stack([{a}, {b}])[:, 0]",
                f"np.concatenate([{a} * 0.7, np.zeros(0)])", f"np.array([{a}[0], *{b}[1:]])",
                f"np.vstack([{a}, np.zeros({n})])[0]", f"np.append({a}[1:], {self._atom(())})",
            ])  # fmt: skip
        b = self._atom(shape)
        return self.random.choice([
            f"np.concatenate([{a}[:1], ({b})[1:]])", f"np.stack([{a}, {b}], -1)[..., 0]",
            f"np.hstack([{a}[:, :0], {b}])", f"np.vstack([{b}[2:] * 0.3, {a}[:2]])",
            f"np.concatenate([{a} * 0.7, np.zeros({shape})], axis=1)[:, :{shape[1]}]",
        ])  # fmt: skip

    def _moved(self, a, shape):
        k = self.random.randint(-3, 3)
        axis = self.random.choice(["", ", 0", ", axis=0", ", -1"])
        options = [f"np.roll({a}, {k}{axis})", f"np.roll({a} * 0.3, {k}{axis})", f"np.flip({a})"]
        n = shape[0]
        if len(shape) == 1:
            options += [f"np.repeat({a}, 2)[:{n}]", f"np.tile({a} * 1.1, 2)[1:{n + 1}]"]
        else:
            options += [f"np.repeat({a}, 2, axis=0)[:{n}]", f"({a}).T.reshape({shape}) * 1.0",
                        f"np.swapaxes({a}, -1, -2).copy().swapaxes(-1, -2)"]  # fmt: skip
        return self.random.choice(options)

    def _gathered(self, a, shape):
        n = shape[0]
        if n == SIZE:
            return self.random.choice([f"{a}[I]", f"({a} * 0.3)[I8]", f"np.take({a}, I)"])
        return f"{a}[[0, *range({n - 1})]]"

    def _reduced(self, a, shape):
        array = self.random.choice(["a", "b", "p", "q", "r", "w", self._atom((SIZE,)), "a[3:]"])
        function = self.random.choice([*REDUCTIONS, "np.std"])
        other = self._atom((4,))
        return self.random.choice([
            f"{function}({array})", f"{function}({array} * 0.3)", f"{array}.sum()", f"r @ {other}",
            f"np.dot(a, {self._atom((SIZE,))})", f"np.mean({array}, keepdims=True).item()",
            f"np.sum(np.sin({array}) * {array})", f"np.var({array}, ddof=1)", "np.cumsum(b)[-2]",
        ])  # fmt: skip

    def _lane(self, a, shape):
        """What sums along an axis, of an array of this shape or another."""
        function = self.random.choice(REDUCTIONS)
        p, r, w = self._atom((3, 4)), self._atom((4,)), self._atom((3, 1))
        ways = {
            (4,): [
                f"{function}({p}, axis=0)", f"R @ (M.T @ {p})", f"np.cumsum({a})",
                f"{w}[:, 0] @ {p}", f"M.T @ {p}[:, 0]",
            ],
            (3, 1): [
                f"{function}({p}, axis=1, keepdims=True)", f"{p} @ R[:, None]",
                f"np.expand_dims({p} @ {r}, 1)",
            ],
            (3, 4): [
                f"np.cumsum({p}, axis=0)", f"({p} @ M.T) @ {p}", f"M @ (M.T @ {p})",
                f"{a} - {a}.mean(axis=0)", f"{a} / (1.0 + np.abs({a}).sum(axis=1, keepdims=True))",
            ],
            (SIZE,): [
                f"np.cumsum({a} * 0.2)", f"D @ {a}", f"{a} @ D", f"np.diff({a}, append=1.0)",
                f"np.cumsum({a}, 0)", f"{a} - {a}.mean()",
            ],
        }  # fmt: skip
        return self.random.choice(ways.get(shape, [f"{a} * 1.0"]))


REDUCTIONS = [f"np.{name}" for name in ("sum", "mean", "max", "min", "prod", "var", "linalg.norm")]
_grid = np.cos(1.3 * np.arange(SIZE * SIZE)).reshape(SIZE, SIZE)
CONSTANTS = {
    "C": _grid[0].copy(), "C2": np.linspace(-1.0, 2.0, 2 * SIZE), "R": _grid[1, :4].copy(),
    "M": _grid[2].reshape(3, 4).copy(), "F": np.asfortranarray(_grid[3].reshape(3, 4)),
    "D": _grid / SIZE, "I": np.array([3, 1, 1, 0, 5, 11, 2, 7, 4, 9, 10, 6]),
    "I8": np.arange(SIZE, dtype=np.int8)[::-1], "B": np.arange(SIZE) % 3 == 1,
    "np": np,
}  # fmt: skip
