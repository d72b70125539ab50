"""Partial derivatives that know their own derivatives.

Differentiating the text of a partial again cancels where the text divides or subtracts: the one of
``x**p``, ``p*y/x``, loses all digits near p = 1 and underflows at tiny x.  A `Derived` partial is
evaluated by its text, and differentiated by partials of its own, which may be `Derived` in turn:
every order of derivative then has a formula that keeps its digits, and all nestings share it.
"""

from collections.abc import Callable

import numpy as np


class Derived:
    """A partial, a function of (inputs..., output), with the partials of it by each input.

    Those are numbers or functions of (inputs..., output, the partial's own value) that give the
    whole derivative by one input; the output is to them a function of the inputs.
    """

    __slots__ = ("formula", "partials")

    # (Derived, args) -> Dual, where an argument is one; set by `elementwise`, which knows how.
    push: Callable

    def __init__(self, formula, *partials):
        self.formula = formula
        self.partials = partials

    def __call__(self, *args):
        for a in args:
            kind = type(a)
            if kind is not np.ndarray and kind is not float and hasattr(a, "own_tangent"):
                return Derived.push(self, args)
        return self.formula(*args)


def text_of(partial):
    """The plain function that evaluates `partial`."""
    return partial.formula if type(partial) is Derived else partial
