"""One request: its arguments checked, f called as it asks, the result laid out as it asks."""

import copy
import math

import numpy as np

from dualmc.calls import options
from dualmc.calls.calling import call_f
from dualmc.calls.inputs import as_input
from dualmc.calls.outputs import as_output, import_sparse, nested_sparse, strip
from dualmc.calls.seeds import as_given
from dualmc.tangents import csr

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
        self.args = args
        self.numbers, self.is_tuple = options.check_argnums(argnums, len(args), caller)
        self.chunk_size = chunk_size
        if chunk_size is not None:
            self.chunk_size = options.check_chunk_size(chunk_size, caller)
        if self.sparse:
            import_sparse(caller)
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

    def call(self, inputs, level):
        """f at `inputs` in the places of the differentiated arguments: its output, and aux."""
        call = list(self.args)
        for i, x, given in zip(self.numbers, inputs, self.xs, strict=True):
            call[i] = x if given.shape else as_given(x, self.args[i])
        out, aux = call_f(self.f, call, level), None
        if self.has_aux:
            out, aux = _with_aux(out, self.caller)
            aux = strip(aux, level)
        return as_output(out, self.caller), aux

    def split(self, joined, shape):
        """The Jacobian per argument, from its columns of all arguments, (*shape, n)."""
        if len(self.xs) == 1:
            return self.result([joined], shape)
        ends = np.cumsum([0, *self.sizes]).tolist()
        parts = [joined[..., i:j] for i, j in zip(ends, ends[1:], strict=False)]
        return self.result([p if self.sparse else p.copy() for p in parts], shape)

    def sparse_rows(self, rows):
        """Dense rows, (k, n), as a `scipy.sparse.csr_array`."""
        sparse = import_sparse(self.caller)
        if type(rows) is not np.ndarray:
            raise nested_sparse(self.caller)
        return csr.matrix_of_rows(rows, sparse.csr_array)

    def result(self, parts, shape):
        """What the caller gets, from one array (*shape, x.size) or sparse matrix per argument."""
        found = []
        for J, x in zip(parts, self.xs, strict=True):
            if self.sparse:
                if self.layout == "denominator":
                    J = J.T.asformat(self.format)
                elif self.format != CSR:  # which it is
                    J = J.asformat(self.format)
                found.append(J)
                continue
            if J.shape != shape + x.shape:
                J = np.reshape(J, shape + x.shape)
            if self.layout == "denominator":
                ndim = len(shape)
                J = np.transpose(J, (*range(ndim, ndim + len(x.shape)), *range(ndim)))
            found.append(J)
        return tuple(found) if self.is_tuple else found[0]


def scalar(a):
    """A 0-d array as the scalar NumPy would return; arrays as the caller's own, writable."""
    if type(a) is not np.ndarray:
        return a
    return a[()] if a.ndim == 0 else a if a.flags.writeable else a.copy()


def check_callable(f, caller):
    if not callable(f):
        raise TypeError(
            f"{caller} needs a function as its first argument, got {type(f).__name__}. "
            f"Call it as {caller}(f, x)."
        )


def _with_aux(out, caller):
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(
            f"{caller}: with has_aux=True f must return a pair (y, aux); "
            f"f returned {type(out).__name__}."
        )
    return out
