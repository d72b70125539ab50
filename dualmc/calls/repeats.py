"""Who answers a verb's call in place of a fresh one: nobody, or `dualmc/automatic/`.

``answer(f)`` is what takes the place of the verb's own function, called with the same arguments, or
None.
"""

from collections.abc import Callable
from typing import Any

answer: Callable[..., Any] | None = None


def asked(f: Callable, prepare: bool, caller: str) -> Any:
    """``answer(f)`` for a call with the option `prepare`; None where f is to be run.

    Raises
    ------
    TypeError
        If `prepare` is no bool.
    """
    if prepare is not True and prepare is not False:
        raise TypeError(f"{caller}: prepare must be True or False, got prepare={prepare!r}.")
    return answer and answer(f, prepare)
