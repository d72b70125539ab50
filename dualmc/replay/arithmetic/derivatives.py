"""Which derivative of a program is wanted: what it is the Jacobian of, and along which vector."""

import math

import numpy as np

from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import constant, taken
from dualmc.replay.arithmetic.elementwise import elementwise
from dualmc.replay.arithmetic.pairs import Pair
from dualmc.replay.arithmetic.second import Differentiated
from dualmc.replay.arithmetic.steps import lower
from dualmc.replay.arithmetic.sums import sum_over
from dualmc.replay.recording.program import NotReplayable

# Derivatives times a vector.
PRODUCTS = ("jvp", "vjp", "hvp")


def derived(of, program, positions, budget, vector):
    """The `Pair` of which the derivative `of` is the Jacobian, the value that goes with it, and the
    one of f.

    `positions` are those of the inputs that are differentiated.  Then what is to be asked: the
    `Pair`s of guards, the arrays of events (None: those that have no replayed form), and arrays
    that have to be finite.
    """
    seed = _along(vector) if of == "jvp" else slots.seeded
    pair, guards, asked = lower(program, positions, budget, seed)
    if vector is not None:  # a fresh call says what is wrong with it
        other = program.output if of == "vjp" else program.inputs[positions[0]]
        if vector.size != other.size:
            raise NotReplayable("the vector has another size")
    ties = []
    y, value = pair, pair.array
    if of == "gradient":
        y = _number(pair)
        value = y.array
    elif of == "vjp":  # the gradient of the number ``sum(vector * y)``
        terms = elementwise(np.multiply, [pair.reshape((vector.size,)), Pair(vector)])
        y = sum_over(terms, (0,))
    elif of in ("hessian", "hvp"):
        y, ties = _gradient(_number(pair), program, positions, budget, vector)
        value = y.array
    return y, value, pair.array, guards, asked, ties


def _along(vector):
    """Seeds of a single column: the derivative in the direction `vector`."""

    def seed(size, first):
        coef = taken(vector, np.arange(first, first + size))
        return slots.Slots([(np.zeros(size, np.int32), coef)])

    return seed


def _number(pair):
    if math.prod(pair.shape) != 1:
        raise NotReplayable(f"it returns an array of shape {pair.shape}, not a number")
    return pair.reshape(())


def _gradient(pair, program, positions, budget, vector):
    """The gradient of a single number, with its tangents, and the ties of these."""
    if len(positions) != 1:
        raise NotReplayable("Hessians by several arguments are not replayed")
    x = program.inputs[positions[0]]
    gradient = _by_columns(pair.tangent, x.size)
    seed = slots.seeded if vector is None else _along(vector)
    second = Differentiated({positions[0]: 0}, budget, seed)
    tangent = second.tangent(gradient)
    return Pair(gradient.reshape(x.shape), tangent), second.ties


def _by_columns(t, columns):
    """The tangent of a single number as an Array, one element per column."""
    if t is None:
        return constant(np.zeros(columns))
    t = slots.as_block(t, slots.columns_of(t))
    source = np.full(columns, -1)
    source[t.cols] = np.arange(t.cols.size)
    return taken(t.coef, source)
