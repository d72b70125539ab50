"""The errors and the warning of dualmc's own; every other error is the built-in type that fits.

A wrong kind of argument is a `TypeError`, a wrong value or shape a `ValueError`.
"""

import os
from collections.abc import Callable

import numpy as np

# Where frames lie that are neither f's nor a library's of the user.
OWN = os.path.dirname(__file__) + os.sep
NUMPY = os.path.dirname(np.__file__) + os.sep

# Called with every refusal that is made, and the level that it is known to concern.
witnesses: list[Callable] = []


def forget(error: BaseException | None) -> None:
    """`error` was caught by dualmc itself, which does without what was refused."""
    while error is not None:
        noted = getattr(error, "noted", None)
        if noted is not None:
            noted.told = True
        error = error.__cause__ or error.__context__


class MissingRuleError(NotImplementedError):
    """A function without a derivative rule was applied to a Dual.

    Raised instead of returning NaN or a zero derivative.  The message names the function and says
    how to add a rule (`dualmc.rule`, `dualmc.custom_jvp`).
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        for witness in witnesses:
            witness(self, None)


class TangentLostError(TypeError):
    """A step would have dropped a derivative silently.

    Raised by ``float(dual)``, by storing a Dual in a float array, by ``np.asarray(dual, float)``
    and by a Dual used after the derivative call that made it has finished.
    """

    def __init__(self, *args: object, level: object = None) -> None:
        super().__init__(*args)
        for witness in witnesses:
            witness(self, level)


class CompiledFallbackWarning(RuntimeWarning):
    """A function compiled by Numba cannot be compiled for derivatives, and runs as Python on Duals.

    The derivative is right, and may take a thousand times longer.  The message names the line and
    what has no compiled derivative.
    """


class RefusalSwallowedWarning(RuntimeWarning):
    """Within ``with dualmc.refusals("warn")``: f caught a refusal of dualmc's and went on.

    On plain numbers nothing would have been refused, and f may have taken another way: the value
    and the derivative may be wrong.  The message names the line and what was refused there; outside
    of such a block it is that of an error.
    """


class KinkWarning(UserWarning):
    """Within ``with dualmc.kinks("warn")``: a convention decided a derivative.

    The message names the line of f, the function, the convention and how many elements.
    """


class KinkError(ArithmeticError):
    """The same within ``with dualmc.kinks("raise")``, before anything is computed."""


def missing_case(name, what):
    """The `MissingRuleError` for a function that has a rule, but not for this use of it."""
    return MissingRuleError(
        f"dualmc differentiates {name}, but not {what}. Rewrite that step with functions that have "
        f"a rule, or wrap it in @dualmc.custom_jvp."
    )


def missing_rule(name):
    """The `MissingRuleError` for the function called `name` (dotted, as a user would write it)."""
    if "numba.vectorize" in name:
        return MissingRuleError(
            f"dualmc has no derivative rule for {name}. Call the Python function that it was made "
            f"of, or add a rule with dualmc.rule(ufunc, ...)."
        )
    return MissingRuleError(
        f"dualmc has no derivative rule for {name}. Add one with dualmc.rule({name}, ...) if it is "
        f"a ufunc, wrap the step in @dualmc.custom_jvp, or rewrite it with functions that have one."
    )


IN_THREAD = (
    " It was met in a thread that f has started, where numpy.zeros and the like make plain arrays: "
    "make them with numpy.zeros_like(x), or in the thread that called f."
)


def lost_in_array(cause=None):
    """The `TangentLostError` for a Dual stored in a float array, where `cause` was raised."""
    where = IN_THREAD if IN_THREAD in str(cause) else ""
    return TangentLostError(
        "Cannot store a Dual in a float array (x[i] = dual), nor convert it to one: the "
        "derivative would be lost. Allocate with numpy.zeros_like(dual), or build the array "
        "with numpy.stack. An array that was made outside of f is made anew, or copied, inside: "
        "a = numpy.array(a)." + where
    )


REMEDY = (
    "Give its derivative with @dualmc.custom_jvp (of the root of an equation, with "
    "dualmc.custom_root), or write the step in NumPy functions."
)


def lost_in_library(name):
    """The `TangentLostError` for a Dual that a function of another library converts to floats."""
    return TangentLostError(
        f"{name} would convert a Dual to plain numbers: the derivative would be lost. "
        f"{remedy(name)}"
    )


def remedy(name):
    """What to do where a function of another library, `name`, stopped at a Dual."""
    if name.partition(".")[0] == "pandas":
        return (
            "Compute with the array of a Series or DataFrame, series.to_numpy(); or have x first, "
            "as in x * series."
        )
    return REMEDY


def class_advice(name):
    """What to do where the class `name` of an array, one of its own, stopped at a Dual."""
    return (
        f"{name} cannot take a Dual: dualmc does not follow derivatives into arrays of a class of "
        f"their own. Compute with ordinary arrays there, e.g. with numpy.asarray(a), or give the "
        f"step's derivative with @dualmc.custom_jvp."
    )


# What to do where NumPy met an array of objects, the elements of which may be Duals.
OBJECTS_ADVICE = (
    "If Duals are the objects of that array: make one array of them first, e.g. with numpy.asarray "
    "or numpy.stack, or give the step's derivative with @dualmc.custom_jvp."
)
