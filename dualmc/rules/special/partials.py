"""What rows of scipy.special share: constants, and what stands where no partial exists."""

from dualmc.errors import missing_case
from dualmc.rules.table import Rule

TWO_OVER_ROOT_PI = 1.1283791670955126
ROOT_TWO_PI = 2.5066282746310002
ROOT_HALF = 0.7071067811865476


def values(x):
    """The plain numbers under any depth of Duals."""
    while hasattr(x, "primal"):
        x = x.primal
    return x


class refused:
    """In place of a partial that does not exist here: the argument must be a constant."""

    def __init__(self, name, what):
        self.error = f"scipy.special.{name}", f"with respect to {what}"

    def __call__(self, *args):
        raise missing_case(*self.error)


def rule_of(partials):
    """The rule of `partials`, which refuses at once where one that is needed is `refused`."""

    def check(function, active, y):
        for i in active:
            if type(partials[i]) is refused:
                partials[i]()

    has_refusal = any(type(p) is refused for p in partials)
    return Rule(partials, kernel=False, check=check if has_refusal else None)
