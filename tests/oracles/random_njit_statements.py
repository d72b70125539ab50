"""Random programs as users of Numba write them: the source text of a function of a vector.

A program works with numbers, whole numbers, vectors, a matrix and helper functions under `njit`; it
has loops, branches that look at values, local arrays written element by element, slices, tuples,
lists and whole-array expressions.  Values stay of order 1, away from poles.  In an analytic program
every step is an analytic function, and no branch looks at what depends on the input.
"""

import random

SIZE = 4
ONE = ("np.sin({0})", "np.cos({0})", "np.tanh({0})", "np.exp(-{0} * {0})", "np.arctan({0})",
       "np.sqrt(1.5 + {0} * {0})", "np.log(2.0 + {0} * {0})", "1.0 / (1.5 + {0} * {0})",
       "np.sinh(0.3 * {0})", "np.log1p(0.5 * {0} * {0})", "np.expm1(0.2 * {0})", "({0}) ** 2",
       "({0}) ** 3 * 0.1", "(1.2 + {0} * {0}) ** 0.7", "(1.2 + {0} * {0}) ** -1.5", "-({0})",
       "np.square({0})", "np.arcsinh({0})")  # fmt: skip
OF_MATH = ("math.sin({0})", "math.exp(-{0} * {0})", "math.sqrt(1.5 + {0} * {0})", "math.erf({0})",
           "math.lgamma(1.5 + {0} * {0})", "math.atan({0})", "math.tanh({0})")  # fmt: skip
KINKED = ("abs({0})", "np.fabs({0})", "({0}) % 0.7", "max({0}, 0.1)", "min({0}, {0} * 0.5)",
          "np.maximum({0}, -0.2)", "round({0}, 1) * {0}", "np.floor({0} * 2.0) * {0}",
          "np.sign({0}) * {0}", "float(int({0} * 3.0)) + {0}")  # fmt: skip
TWO = ("{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} / (2.0 + {1} * {1})",
       "(1.1 + {0} * {0}) ** np.tanh({1})")  # fmt: skip
# And what has no complex form.
TWO_KINKED = ("np.arctan2({0}, 1.0 + {1} * {1})", "np.hypot({0}, 1.0 + {1} * {1})",
              "max({0}, {1})", "min({0}, {1})", "np.minimum({0}, {1})", "np.copysign({0}, {1})",
              "max({0}, {1}, 0.05)", "{0} if {0} > {1} else {1}", "({0} > {1}) * {0}",
              "np.fmod({0}, 1.5 + {1} * {1})")  # fmt: skip
VECTOR_ONE = ("np.sin({0})", "np.exp(-{0} * {0})", "np.sqrt(1.5 + {0} * {0})", "{0} ** 2",
              "np.tanh({0}) * 0.5", "1.0 / (2.0 + {0} * {0})", "{0}[::-1]", "np.cumsum({0}) * 0.3",
              "{0} * 0.5 + 1.0", "-{0}", "{0}.copy()", "np.log(1.5 + {0} ** 2)")  # fmt: skip
VECTOR_KINKED = ("np.abs({0})", "np.where({0} > 0.1, {0}, {0} * {0})", "np.maximum({0}, 0.2)",
                 "np.sort({0})", "np.clip({0}, -0.6, 0.8)")  # fmt: skip
VECTOR_TWO = ("{0} * {1}", "{0} + {1}", "{0} - 0.5 * {1}", "{0} / (1.5 + {1} * {1})",
              "np.where(np.array([True, False, True, True]), {0}, {1})")  # fmt: skip
REDUCED = ("np.sum({0})", "{0}.sum() * 0.5", "np.mean({0})", "np.dot({0}, {1}) * 0.3", "{0}[{i}]",
           "np.prod(0.5 + {0} * 0.1)", "{0} @ {1}", "{0}[1:].sum()", "{0}[-1]")  # fmt: skip
REDUCED_KINKED = (
    "np.max({0})",
    "{0}.min()",
    "max({0})",
    "np.median({0})",
    "np.ptp({0})",
    "np.linalg.norm({0} + 3.0)",
    "np.var({0})",
)
MADE = ("np.empty({n})", "np.zeros({n})", "np.ones({n})", "np.full({n}, 0.5)", "np.empty_like(x)",
        "np.zeros_like(x)", "np.zeros(x.shape)")  # fmt: skip


class Program:
    """One program: `source`, whether it `is_analytic`, and its `seed`."""

    def __init__(self, seed, size=10):
        self.seed, self.random = seed, random.Random(seed)
        self.is_analytic = self.random.random() < 0.4
        self.lines, self.indent = [], 1
        self.scalars, self.vectors, self.known = [], ["x"], []
        self.count = 0
        self.helpers = []
        self._helpers()
        for _ in range(2):
            self._assign_scalar()
        for _ in range(self.random.randint(size // 2, size)):
            self._statement()
        self._result()
        body = "\n".join(self.lines)
        self.source = "\n".join(self.helpers) + f"\n\n@njit\ndef f(x):\n{body}\n"

    # --- Expressions ---

    def pick(self, *tables):
        return self.random.choice([item for table in tables for item in table])

    def line(self, text):
        self.lines.append("    " * self.indent + text)

    def new(self, letter):
        self.count += 1
        return f"{letter}{self.count}"

    def atom(self):
        roll = self.random.random()
        if self.scalars and roll < 0.6:
            return self.random.choice(self.scalars)
        if roll < 0.85:
            return f"{self.random.choice(self.vectors)}[{self.random.randrange(SIZE)}]"
        return self.pick(("0.5", "1.5", "2", "-0.7", "1"))

    def scalar(self, depth=2):
        if depth == 0 or self.random.random() < 0.2:
            return self.atom()
        kinked = () if self.is_analytic else KINKED
        two = () if self.is_analytic else TWO_KINKED
        roll = self.random.random()
        if roll < 0.45:
            of_math = () if self.is_analytic else OF_MATH
            return "(" + self.pick(ONE, of_math, kinked).format(self.scalar(depth - 1)) + ")"
        if roll < 0.85:
            pair = self.scalar(depth - 1), self.scalar(depth - 1)
            return "(" + self.pick(TWO, two).format(*pair) + ")"
        return self.reduced()

    def reduced(self):
        table = (REDUCED,) if self.is_analytic else (REDUCED, REDUCED_KINKED)
        a, b = self.random.choice(self.vectors), self.random.choice(self.vectors)
        return self.pick(*table).format(a, b, i=self.random.randrange(SIZE))

    def vector(self, depth=2):
        if depth == 0 or self.random.random() < 0.25:
            return self.random.choice(self.vectors)
        kinked = () if self.is_analytic else VECTOR_KINKED
        if self.random.random() < 0.55:
            return "(" + self.pick(VECTOR_ONE, kinked).format(self.vector(depth - 1)) + ")"
        if self.random.random() < 0.3:
            return f"({self.vector(depth - 1)} * {self.atom()})"
        pair = self.vector(depth - 1), self.vector(depth - 1)
        return "(" + self.pick(VECTOR_TWO).format(*pair) + ")"

    def test(self):
        if self.is_analytic:
            return self.pick(("x.size > 3", "x.size % 2 == 1", "True"))
        op = self.pick(("<", ">", "<=", "!="))
        text = f"{self.scalar(1)} {op} {self.pick(('0.1', '0.3', self.atom()))}"
        if self.random.random() < 0.2:
            text += f" {self.pick(('and', 'or'))} {self.atom()} > 0.2"
        return text

    # --- Statements ---

    def _statement(self):
        weighted = [
            (self._assign_scalar, 4), (self._update, 3), (self._assign_vector, 4),
            (self._branch, 2), (self._loop, 3), (self._while, 1), (self._array, 3),
            (self._slice, 2), (self._tuple, 1), (self._call, 2), (self._list, 1),
            (self._matrix, 1),
        ]  # fmt: skip
        makes = [make for make, weight in weighted for _ in range(weight)]
        self.random.choice(makes)()

    def _assign_scalar(self):
        name = self.new("s")
        self.line(f"{name} = {self.scalar()}")
        if self.random.random() < 0.5:
            self.line(f"{name} = np.tanh({name}) * 1.5")
        self.scalars.append(name)

    def _update(self):
        if not self.scalars:
            return
        name = self.random.choice(self.scalars)
        op = self.pick(("+=", "-=", "*="))
        self.line(f"{name} {op} np.sin({self.scalar(1)})")

    def _assign_vector(self):
        name = self.new("v")
        self.line(f"{name} = 1.2 * np.tanh({self.vector()})")
        self.vectors.append(name)

    def _block(self, statements=2):
        """Statements of an inner block; names made there are not used behind it."""
        before = self.scalars[:], self.vectors[:]
        self.indent += 1
        self._update() if self.scalars else self._assign_scalar()
        for _ in range(self.random.randrange(statements)):
            self._statement() if self.indent < 4 else self._update()
        self.indent -= 1
        self.scalars, self.vectors = before

    def _branch(self):
        self.line(f"if {self.test()}:")
        self._block()
        if self.random.random() < 0.3:
            self.line(f"elif {self.test()}:")
            self._block(1)
        if self.random.random() < 0.6:
            self.line("else:")
            self._block()

    def _loop(self):
        i, s = self.new("i"), self.new("s")
        begin = self.pick(("0.0", "0", "1.0", self.atom()))
        self.line(f"{s} = {begin}")
        vector = self.random.choice(self.vectors)
        over = self.pick(("range", "value", "enumerate", "zip"))
        if over == "range":
            self.line(f"for {i} in range(1, {SIZE}):")
            item = f"{vector}[{i}] * {vector}[{i} - 1]"
        elif over == "value":
            self.line(f"for {i} in {vector}:")
            item = i
        elif over == "enumerate":
            self.line(f"for k{i}, {i} in enumerate({vector}):")
            item = f"{i} * (k{i} + 1)"
        else:
            other = self.random.choice(self.vectors)
            self.line(f"for {i}, j{i} in zip({vector}, {other}):")
            item = f"{i} * j{i}"
        self.indent += 1
        if not self.is_analytic and self.random.random() < 0.3:
            self.line(f"if {item} > 0.9:")
            self.line(f"    {self.pick(('break', 'continue'))}")
        self.line(f"{s} = 0.5 * {s} + np.sin({item})")
        if self.random.random() < 0.3:
            self._update()
        self.indent -= 1
        self.scalars.append(s)

    def _while(self):
        k, s = self.new("k"), self.new("s")
        self.line(f"{k} = 0")
        self.line(f"{s} = {self.scalar(1)}")
        limit = "" if self.is_analytic else f" and abs({s}) < 0.95"
        self.line(f"while {k} < {self.random.randint(2, 5)}{limit}:")
        self.line(f"    {s} = 0.6 * {s} + 0.3 * np.cos({s} * {self.atom()})")
        self.line(f"    {k} += 1")
        self.scalars.append(s)

    def _array(self):
        v, i = self.new("v"), self.new("i")
        made = self.pick(MADE, () if self.is_analytic else ("np.empty({n}, dtype=np.float64)",))
        self.line(f"{v} = {made.format(n='x.size')}")
        self.line(f"for {i} in range({SIZE}):")
        source = self.random.choice(self.vectors)
        self.line(f"    {v}[{i}] = np.sin({source}[{i}]) + {i} * 0.1 * np.cos({self.atom()})")
        if not self.is_analytic and self.random.random() < 0.3:
            self.line(f"    if {v}[{i}] > 0.4:")
            self.line(f"        {v}[{i}] *= {self.atom()}")
        if self.random.random() < 0.4:
            self.line(f"for {i} in range(1, {SIZE}):")
            self.line(f"    {v}[{i}] += 0.3 * {v}[{i} - 1]")
        self.vectors.append(v)

    def _slice(self):
        v = self.new("v")
        self.line(f"{v} = {self.random.choice(self.vectors)}.copy()")
        w = self.random.choice(self.vectors)
        part, other = self.pick((
            ("1:", f"{w}[:-1]"), (":2", f"{w}[2:]"), ("::2", f"{w}[1::2]"), ("::-1", f"{w}"),
            ("1:3", self.atom()), (":", f"{w} * {self.atom()}"),
        ))  # fmt: skip
        op = self.pick(("=", "+=", "*=", "-="))
        self.line(f"{v}[{part}] {op} {other}")
        self.vectors.append(v)

    def _tuple(self):
        s, t, u = self.new("s"), self.new("s"), self.new("t")
        self.line(f"{s}, {t} = 1.0 * {self.scalar(1)}, 1.0 * {self.scalar(1)}")
        self.line(f"{u} = ({s}, {self.pick(('0.5', t))}, {t})")
        self.line(f"{s} += {u}[{self.random.randrange(3)}] * {u}[1]")
        if self.random.random() < 0.5:
            self.line(f"for q{u} in {u}:")
            self.line(f"    {t} = 0.5 * {t} + np.sin(q{u})")
        self.scalars += [s, t]

    def _list(self):
        li, s = self.new("l"), self.new("s")
        self.line(f"{li} = [{self.scalar(1)}, {self.pick(('0.5', self.atom()))}]")
        self.line(f"{li}.append({self.scalar(1)})")
        self.line(f"{s} = {li}[0] * {li}[2] + sum({li})")
        self.scalars.append(s)

    def _matrix(self):
        a, v = self.new("A"), self.new("v")
        w, u = self.random.choice(self.vectors), self.random.choice(self.vectors)
        made = self.pick((f"np.outer({w}, {u}) * 0.2", f"np.eye({SIZE}) * {self.atom()}"))
        self.line(f"{a} = {made}")
        if self.random.random() < 0.5:
            self.line(f"{a}[1, 2] += {self.scalar(1)}")
        else:
            self.line(f"for i{a} in range({SIZE}):")
            self.line(f"    {a}[i{a}, (i{a} + 1) % {SIZE}] += 0.1 * {w}[i{a}]")
        use = self.pick((f"{a} @ {u}", f"{a}.T @ {u}", f"{a}[2] * {u}", f"{a}[:, 1] + {u}",
                         f"np.linalg.solve({a} + 4.0 * np.eye({SIZE}), {u})",
                         f"{a}.sum(axis=0)", f"np.dot({a}, {u})"))  # fmt: skip
        self.line(f"{v} = np.tanh({use})")
        self.vectors.append(v)

    def _helpers(self):
        a = self.pick(ONE).format("u")
        self.helpers.append(f"@njit\ndef g(u, v):\n    w = {a}\n    return w * v + 0.1 * u\n")
        self.helpers.append(
            "@njit\ndef h(w, k):\n    out = np.empty(w.size)\n    for i in range(w.size):\n"
            "        out[i] = g(w[i], k) if i % 2 == 0 else np.cos(w[i])\n    return out\n"
        )
        self.helpers.append("@njit\ndef pair(u, v):\n    return u * v, np.sin(u) + v\n")

    def _call(self):
        which = self.pick(("g", "h", "pair"))
        if which == "g":
            name = self.new("s")
            self.line(f"{name} = np.sin(g({self.scalar(1)}, {self.scalar(1)}))")
            self.scalars.append(name)
        elif which == "h":
            name = self.new("v")
            self.line(f"{name} = np.tanh(h({self.random.choice(self.vectors)}, {self.atom()}))")
            self.vectors.append(name)
        else:
            s, t = self.new("s"), self.new("s")
            self.line(f"{s}, {t} = pair({self.scalar(1)}, {self.atom()})")
            self.scalars += [s, t]

    def _result(self):
        used = self.scalars[-4:] or ["x[0]"]
        total = " + ".join(f"np.cos({s})" for s in used)
        kind = self.pick(("number", "vector", "tuple", "array", "matrix"))
        v, w = self.vectors[-1], self.random.choice(self.vectors)
        if kind == "number":
            self.line(f"return {total} + np.sum({v}) * 0.5")
        elif kind == "vector":
            self.line(f"return {v} * {used[-1]} + {w} + {used[0]}")
        elif kind == "tuple":
            self.line(f"return {total}, np.sum({v}), {w}[1]")
        elif kind == "array":
            self.line(f"return np.array([{total}, {v}[0] * {w}[2], {used[-1]}])")
        else:
            self.line(f"return np.outer({v}, {w}) + {total}")
