"""Fair timing of several ways to one result: interleaved samples, paired ratios, their spread.

Every round takes one sample of every call, in an order that turns round from one round to the
next, so that a machine that slows down slows all of them; two calls are compared by the median of
the ratios within the rounds.  A sample repeats a fast call until it lasts two milliseconds.
"""

import gc
import math
import time
from dataclasses import dataclass

import numpy as np

# Seconds that a sample should last, so that the clock's own cost is lost in it.
SAMPLE = 2e-3


def seconds(call, count=1, clock=time.perf_counter):
    """Seconds per call, over `count` calls."""
    start = clock()
    for _ in range(count):
        call()
    return (clock() - start) / count


def interleave(calls, rounds=9, budget=math.inf, slow=math.inf, clock=time.perf_counter):
    """Samples of each of `calls`, taken in turn.

    Parameters
    ----------
    calls : dict of name to callable without arguments
        Warm already: what a first call compiles is not to be counted here.
    rounds : int
        Samples of each call.
    budget : float, optional
        Seconds that all rounds may take; there are five rounds even so.
    slow : float, optional
        Calls of more seconds than this take part in the first five rounds only.
    clock : callable, optional
        `time.process_time` counts the work alone, for machines that others use at the same time;
        what a library does in threads is in it, waiting for them is not.

    Returns
    -------
    dict of name to ndarray : seconds per call, one entry per round.
    """
    least = {name: min(seconds(call, 1, clock) for _ in "12") for name, call in calls.items()}
    counts = {name: max(1, math.ceil(SAMPLE / max(t, 1e-8))) for name, t in least.items()}
    per_round = sum(t * counts[name] for name, t in least.items() if t <= slow)
    affordable = min(rounds, budget / max(per_round, 1e-9))
    rounds = max(min(rounds, 5), int(affordable))
    samples = {name: [] for name in calls}
    gc.collect()
    for number in range(rounds):
        names = list(calls) if number % 2 == 0 else list(calls)[::-1]
        for name in names:
            if number < 5 or least[name] <= slow:
                samples[name].append(seconds(calls[name], counts[name], clock))
    return {name: np.array(taken) for name, taken in samples.items()}


@dataclass(frozen=True)
class Ratio:
    """How many times longer one call took than another: median and quartiles over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numerator, denominator):
        """Of two arrays of samples, taken in the same rounds; the longer one is cut."""
        rounds = min(len(numerator), len(denominator))
        paired = np.asarray(numerator)[:rounds] / np.asarray(denominator)[:rounds]
        low, median, high = np.quantile(paired, [0.25, 0.5, 0.75])
        return cls(float(median), float(low), float(high))

    def __str__(self):
        return f"{self.median:.3g} ({self.low:.3g} .. {self.high:.3g})"


def geometric_mean(values):
    """NaN for no values."""
    values = np.asarray(list(values), float)
    return float(np.exp(np.mean(np.log(values)))) if values.size else math.nan


def time_text(t):
    """Seconds for people: 12 us, 3.4 ms, 1.2 s."""
    for unit, size in (("us", 1e-6), ("ms", 1e-3)):
        if t < 1000 * size * 0.9995:
            return f"{t / size:.3g} {unit}"
    return f"{t:.3g} s"
