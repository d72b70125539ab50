"""Whether a value is better computed together with the Jacobian that may be asked for next."""


class Pairs:
    """Counts and times of a function whose value and Jacobian are asked for apart.

    The value alone takes v seconds, the pair w.  Of the points so far, a part p was asked for its
    Jacobian, too.  The value first costs v + p w for a point, the pair first w: it pays where
    w (1 - p) < v.
    """

    def __init__(self):
        self.points = self.asked = 0
        self.value_seconds = self.pair_seconds = None

    def pays(self):
        if not self.asked:
            return False
        missed = self.points - self.asked
        if missed <= 0:
            return True
        if self.value_seconds is None or self.pair_seconds is None:
            return False
        return missed * self.pair_seconds < self.points * self.value_seconds

    def value_took(self, seconds):
        self.value_seconds = _least(self.value_seconds, seconds)

    def pair_took(self, seconds):
        self.pair_seconds = _least(self.pair_seconds, seconds)


def _least(a, b):
    return b if a is None else min(a, b)
