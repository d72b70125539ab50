"""Who answers a verb's call in place of a fresh one: nobody, or `dualmc/automatic/`.

``answer(f)`` is what takes the place of the verb's own function, called with the same arguments, or
None.
"""

from collections.abc import Callable
from typing import Any

answer: Callable[..., Any] | None = None
