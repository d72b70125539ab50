"""`prepare` of a function that Numba has compiled: its sweep is machine code already.

Nothing is recorded and nothing has to be checked: what the function reads from outside was fixed
when it was compiled, and every branch is in it.
"""

import threading
from typing import Any

from numba.core.registry import CPUDispatcher

from dualmc.calls.request import Request
from dualmc.forward import swift

# Derivatives that a compiled function's sweeps give.
KINDS = ("jacobian", "hessian", "gradient")


class CompiledFunction:
    """What `Paths` is for plain code, with one path, which always holds."""

    reason = refusal = None
    is_compiled = True

    def __init__(self, request: Request, sweep: Any, is_direct: bool) -> None:
        self.lock = threading.Lock()
        self.kept = [self]
        x = request.xs[0]
        self.short = self if sweep is not None and is_direct and x.ndim == 1 else None
        self.code = sweep
        self.vector_shape = x.shape
        self.is_sparse = True  # what the code gives is shaped by `matrix`, that is, not at all

    def check(self) -> bool:
        return True

    @staticmethod
    def matrix(J: Any) -> Any:
        return J

    @staticmethod
    def run(code: Any, args: tuple) -> Any:
        return code(*args)

    def replayed(self, args: tuple, with_value: bool) -> None:
        """None: the verbs themselves call the sweeps."""
        return None

    def machine(self, args: tuple) -> None:
        return None

    def add(self, args: tuple, known: list) -> None:
        pass


def of(request: Request, kind: str, is_direct: bool) -> CompiledFunction | None:
    """The `CompiledFunction` of a request, or None where there is none."""
    f = request.f
    if type(f) is not CPUDispatcher or kind not in KINDS:
        return None
    from dualmc.compiled import calling

    if not calling.is_answered(f, request.xs):
        return None
    if kind == "jacobian" and is_direct and not request.sparse and len(request.args) == 1:
        x = request.xs[0]
        coloured = sparse_verbs().dense_at_once(f, x)
        if coloured is not None:
            return CompiledFunction(request, coloured, is_direct)
        if calling.at_once(f, x, swift) is None:
            return None
        return CompiledFunction(request, swift[id(f)][x.size], is_direct)
    is_sparse = request.sparse and kind == "jacobian"
    if calling.passes(request.of(f, is_sparse)) is None:
        return None
    sweep = None
    if is_sparse and is_direct and len(request.args) == 1:
        sweep = sparse_verbs().at_once(request)
    return CompiledFunction(request, sweep, is_direct)


def sparse_verbs():
    from dualmc.compiled.sparse import verbs

    return verbs
