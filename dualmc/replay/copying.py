"""Copies of prepared functions, and what pickle asks for.

Where pickle cannot take f (a lambda, a function in a function), cloudpickle or dill do, if they are
installed.
"""

import pickle
from collections.abc import Callable
from typing import Any

from dualmc.calls.structures import trees
from dualmc.chunks.sending import by_value


def kept(args: tuple) -> tuple:
    """`args` as they are now, whatever is written into their arrays later."""
    return trees.copied(tuple(args))


def reduced(make: Callable, state: tuple) -> tuple:
    """What pickle asks for: ``make(*state)`` on the other side; f comes first in `state`."""
    try:
        pickle.dumps(state)
    except Exception as problem:
        packed = by_value(state)
        if packed is None:
            raise pickle.PicklingError(
                f"A prepared function is pickled by its function, which pickle does not take here "
                f"({type(problem).__name__}: {problem}). Define {_name(state[0])} at the top level "
                f"of a module, or install cloudpickle."
            ) from problem
        return _made_of, (make, packed)
    return make, state


def _made_of(make: Callable, packed: bytes) -> Any:
    return make(*pickle.loads(packed))


def _name(f: Callable) -> str:
    return getattr(f, "__qualname__", type(f).__qualname__)
