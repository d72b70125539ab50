"""One request for a Jacobian: its arguments, checked."""

import copy
import math

from numba.core.registry import CPUDispatcher

from dualmc.calls import options
from dualmc.calls.inputs import as_input, as_read

NUMERATOR = "numerator"
CSR = options.FORMATS[0]


class Request:
    """The checked arguments of a Jacobian call."""

    __slots__ = ("caller", "f", "args", "numbers", "is_tuple", "chunk_size", "sparse", "format",
                 "layout", "has_aux", "xs", "sizes")  # fmt: skip

    def __init__(self, caller, f, args, argnums, chunk_size, sparse, layout, has_aux):
        check_callable(f, caller)
        if not args:
            raise TypeError(f"{caller} needs the point of evaluation: {caller}(f, x).")
        self.sparse, self.format, self.layout, self.has_aux = False, None, layout, False
        if sparse is True and has_aux is False and layout is NUMERATOR:
            self.sparse, self.format = True, CSR
        elif sparse is not False or has_aux is not False or layout is not NUMERATOR:
            self.format = options.format_of(sparse, caller)
            self.sparse = self.format is not None
            options.check_layout(layout, caller)
            self.has_aux = options.check_flag("has_aux", has_aux, caller)
        self.caller = caller
        self.f = f
        self.args = args if len(args) == 1 else as_read(args)
        self.numbers, self.is_tuple = options.check_argnums(argnums, len(args), caller)
        self.chunk_size = chunk_size
        if chunk_size is not None:
            self.chunk_size = options.check_chunk_size(chunk_size, caller)
        if self.sparse:
            options.import_sparse(caller)
        self.xs = [
            as_input(args[i], caller, "x" if len(args) == 1 else f"argument {i}")
            for i in self.numbers
        ]
        self.sizes = [math.prod(x.shape) for x in self.xs]

    def of(self, f, sparse=None):
        """The same request for another function."""
        other = copy.copy(self)
        other.f = f
        other.sparse = self.sparse if sparse is None else sparse
        return other


def opened(f):
    """The Python function that Numba has compiled, which has steps to show; others as they are."""
    return f.py_func if type(f) is CPUDispatcher else f


def check_callable(f, caller):
    if not callable(f):
        raise TypeError(
            f"{caller} needs a function as its first argument, got {type(f).__name__}. "
            f"Call it as {caller}(f, x)."
        )
