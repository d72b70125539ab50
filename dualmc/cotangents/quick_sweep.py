"""Quick sweeps of one float64 cotangent: the commonest pullbacks with as little Python as possible.

The pullbacks serve every sweep, of many rows, of any dtype, of Duals, with care for zeros; what
they inspect costs more than the arithmetic on small arrays.  Here all steps are float64 and there
is one cotangent: an array of the step's shape, or a number that stands for an array of equal ones.
Large arrays, and steps that have no short way here, take the pullbacks themselves.

Steps are numbered as they are recorded, so that all that was made of one has been swept before it
is met on the way down the numbers: what does not reach the output has no cotangent and is passed.
"""

import itertools
import math

import numpy as np

from dualmc.cotangents.quick_steps import STEPS
from dualmc.cotangents.single import FLOAT64, SingleSweep, general, ndarray
from dualmc.cotangents.sweep import NotQuick, is_finite
from dualmc.errors import forget
from dualmc.kernels import buffers
from dualmc.kernels.quiet import quiet

LARGE = buffers.LARGE


def pulled(output, bar, inputs):
    """Sweep the cotangent `bar` of `output` down to `inputs`: an array for each, all their own.

    None where a result is not finite; `NotImplemented` where a step is not of float64 numbers.
    """
    sweep = SingleSweep()
    known, nodes = sweep.known, sweep.nodes
    latest = oldest = output.serial
    known[latest] = bar
    nodes[latest] = output
    for var in inputs:
        if var.dtype is not FLOAT64:
            return NotImplemented
        oldest = min(oldest, var.serial)
    try:
        with quiet():
            # The numbers between are those of others: dead ends, other calls, other threads.
            serials = range(latest, oldest, -1)
            for node in filter(None, map(nodes.pop, serials, itertools.repeat(None))):
                if node.dtype is not FLOAT64:
                    return NotImplemented
                pull = node.pull
                if pull is None:  # an input
                    continue
                bar = known.pop(node.serial)
                step = STEPS.get(pull)
                if step is None or type(bar) is ndarray and bar.nbytes >= LARGE:
                    general(node, bar, sweep)
                    continue
                part = step(node, bar, sweep)
                if part is not None:
                    parent = node.parents[0]
                    serial = parent.serial
                    if serial in known:
                        known[serial] = known[serial] + part
                    else:
                        known[serial] = part
                        nodes[serial] = parent
            return [_result(known.get(var.serial), var, sweep) for var in inputs]
    except Exception as error:  # of what a NaN met; a careful sweep meets none, or the same again
        forget(error)
        return None


_ZERO = np.zeros(())


def _result(bar, var, sweep):
    if bar is None:
        return np.zeros(var.shape, var.dtype)
    if type(bar) is not ndarray:
        bar = np.full(var.shape, bar)
    if bar.ndim == 1 and bar.nbytes < LARGE:
        if not bar.dot(bar) < math.inf:
            raise NotQuick
    elif not is_finite(bar):
        raise NotQuick
    # No -0 among the results, which share memory with nothing.
    is_ours = var.serial in sweep.own and (bar.nbytes < LARGE or buffers.is_tight(bar))
    return np.add(bar, _ZERO, bar if is_ours else np.empty(var.shape))
