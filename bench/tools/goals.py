"""What dualmc's speed is held to beside its peers, and whether a run of `peers.py` meets it."""

from collections.abc import Callable
from dataclasses import dataclass

from tools.timing import Ratio, geometric_mean


def is_local(row):
    return row.kind == "local" and row.n >= 100


def is_long(row):
    return row.kind == "local" and row.n >= 1000


def is_dense(row):
    return row.kind == "dense" and row.n >= 100


def is_small(row):
    return row.n <= 20


def is_scalar(row):
    return row.is_scalar


@dataclass(frozen=True)
class Goal:
    """A bound on the ratio of two ways' times: on its geometric mean, and on each problem's."""

    text: str
    rows: Callable
    numerator: str
    denominator: str
    mean: float
    each: float | None = None
    at_least: bool = False

    def is_met(self, value, bound):
        return bound is None or (value >= bound if self.at_least else value <= bound)

    def found(self, rows):
        """The ratio of every row that has both, by its label; the worst first."""
        ratios = {
            row.label: Ratio.of(row.samples[self.numerator], row.samples[self.denominator])
            for row in rows
            if self.rows(row) and {self.numerator, self.denominator} <= row.samples.keys()
        }
        order = sorted(ratios, key=lambda label: ratios[label].median, reverse=not self.at_least)
        return {label: ratios[label] for label in order}


LOCAL, LONG = "local, n >= 100, sparse", "local, n >= 1000"
DENSE, SMALL, SCALAR = "dense, n >= 100", "n <= 20", "gradient by reverse mode"
GOALS = (
    Goal(LOCAL, is_local, "jax.jit jacfwd", "sparse", 15.0, 1.0, at_least=True),
    Goal(LOCAL, is_local, "sparse", "asdex", 3.0),
    Goal(f"{LONG}, sparse", is_long, "prepared sparse", "asdex", 1.0),
    Goal(f"{LONG}, sparse", is_long, "prepared sparse", "casadi nonzeros", 1.5),
    Goal(f"{LONG}, dense", is_long, "jax.jit jacfwd", "dense", 3.0, at_least=True),
    Goal(DENSE, is_dense, "dense", "jax.jit jacfwd", 1.0, 1.5),
    Goal(SMALL, is_small, "dense", "f", 6.0),
    Goal(SMALL, is_small, "autograd", "dense", 5.0, at_least=True),
    Goal(SMALL, is_small, "dense", "num-dual", 1.0),
    Goal(SMALL, is_small, "dense", "hyperjet", 1.0),
    Goal(SMALL, is_small, "prepared dense", "jax.jit jacfwd", 1.0),
    Goal(SCALAR, is_scalar, "autograd grad", "gradient", 5.0, at_least=True),
)


@dataclass(frozen=True)
class Verdict:
    """What a run says about a goal."""

    goal: Goal
    ratios: dict

    @property
    def mean(self):
        return geometric_mean(ratio.median for ratio in self.ratios.values())

    @property
    def status(self):
        if not self.ratios:
            return "not measured"
        worst = next(iter(self.ratios.values())).median
        goal = self.goal
        met = goal.is_met(self.mean, goal.mean) and goal.is_met(worst, goal.each)
        return "met" if met else "missed"

    @property
    def bound(self):
        sign = ">=" if self.goal.at_least else "<="
        each = "" if self.goal.each is None else f", each {sign} {self.goal.each:g}"
        return f"{sign} {self.goal.mean:g}{each}"

    @property
    def compared(self):
        return f"{self.goal.numerator} / {self.goal.denominator}"

    def worst(self, count=4):
        """The problems furthest from the goal, with the quartiles of their ratios."""
        shown = list(self.ratios.items())[:count]
        return ", ".join(f"{label} {ratio}" for label, ratio in shown)


def verdicts(rows):
    return [Verdict(goal, goal.found(rows)) for goal in GOALS]


def report(rows):
    """Prints every goal: met or missed, the geometric mean, the worst problems."""
    print("\ngoals (geometric mean over problems; the worst problems, with quartiles over rounds)")
    for verdict in verdicts(rows):
        print(
            f"{verdict.status:12s} {verdict.goal.text}: {verdict.compared} "
            f"{verdict.mean:.3g} (goal {verdict.bound}; {len(verdict.ratios)} problems)"
        )
        if verdict.ratios:
            print(f"             worst: {verdict.worst()}")
