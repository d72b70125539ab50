"""What fresh calls, recording and machine code cost, by a fixed model: seconds a step and so on.

No clock is asked, so that a program records the same functions at the same calls, and gets the same
bits, in every run.  The numbers are those of a common machine; where they are wrong by some factor,
machine code comes that much too early or too late.
"""

import math

from dualmc.graph.nodes import called
from dualmc.replay.guards.arguments import key_of
from dualmc.replay.path import recorded
from dualmc.replay.paths import SLOWER
from dualmc.replay.recording import derivatives
from dualmc.replay.recording.budget import Budget

# Seconds of a fresh call: of itself, a step that it takes, and a number that a step computes, times
# the columns, of which there are seldom more than so many at once.
CALL, STEP, NUMBER = 15e-6, 3e-6, 1e-9
WIDEST = 16
# Seconds of making machine code: of the first, which loads the compiler; of each; of a step that is
# recorded, and of an operation that is compiled.
LOADING, MAKING, RECORDED, OPERATION = 0.5, 0.03, 1e-4, 5e-4


def weighed(f, args, active, is_reverse):
    """Seconds of a fresh call, and of making machine code: f is recorded, to count its steps.

    Raises
    ------
    NotReplayable
    Exception
        What f does with what stands for its arguments.
    """
    key = key_of(args, active)
    traced = [i for i, wanted in enumerate(key) if wanted is not None]
    budget = Counted(None)
    recorded(derivatives.reached(f), args, traced, active, False, budget, called)
    columns = 1 if is_reverse else sum(math.prod(key[i].shape) for i in active)
    steps, numbers = budget.steps, budget.bytes // 8 * min(columns + 1, WIDEST)
    return CALL + STEP * steps + NUMBER * numbers, MAKING + (RECORDED + OPERATION) * steps


class Counted(Budget):
    """A budget whose seconds are those of the model."""

    pace = OPERATION

    def _is_late(self, more):
        return self.seconds is not None and self.steps * RECORDED + more > self.seconds

    def learn(self, count, seconds):
        """The model stays what it is."""


class Worth:
    """What a recording may cost, and whether a replay is worth it, beside a fresh call of so many
    seconds."""

    is_whole = True  # a fresh call warns of what they do

    def __init__(self, seconds, fresh):
        self.seconds, self.fresh = seconds, fresh

    def budget(self, fresh):
        return Counted(self.seconds, lambda: SLOWER * self.fresh)

    def is_faster(self, path, inputs, fresh):
        """Large products, and steps that NumPy runs: only a clock could tell."""
        return False
