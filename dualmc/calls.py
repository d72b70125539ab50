"""What every differentiation does around f: check its arguments, call it, hand back the result."""

import linecache
import math
import os

import numpy as np

from dualmc import adapt, seeds
from dualmc.errors import MissingRuleError, TangentLostError


class Request:
    """The checked arguments of a Jacobian call."""

    __slots__ = ("caller", "f", "args", "numbers", "is_tuple", "chunk_size", "sparse", "layout",
                 "has_aux", "xs", "sizes")  # fmt: skip

    def __init__(self, caller, f, args, argnums, chunk_size, sparse, layout, has_aux):
        check_callable(f, caller)
        if not args:
            raise TypeError(f"{caller} needs the point of evaluation: {caller}(f, x).")
        if layout not in ("numerator", "denominator"):
            raise ValueError(
                f'{caller}: layout must be "numerator" or "denominator", got layout={layout!r}.'
            )
        self.caller = caller
        self.f = f
        self.args = args
        self.numbers, self.is_tuple = seeds.check_argnums(argnums, len(args), caller)
        self.chunk_size = seeds.check_chunk_size(chunk_size, caller)
        self.sparse = sparse
        self.layout = layout
        self.has_aux = has_aux
        if sparse:
            seeds.import_sparse(caller)
        self.xs = [
            seeds.as_input(args[i], caller, "x" if len(args) == 1 else f"argument {i}")
            for i in self.numbers
        ]
        self.sizes = [math.prod(x.shape) for x in self.xs]

    def call(self, inputs, level):
        """f at `inputs` in the places of the differentiated arguments: its output, and aux."""
        call = list(self.args)
        for i, x in zip(self.numbers, inputs, strict=True):
            call[i] = x
        out, aux = call_f(self.f, call, level), None
        if self.has_aux:
            out, aux = _with_aux(out, self.caller)
            aux = seeds.strip(aux, level)
        return seeds.as_output(out, self.caller), aux

    def split(self, joined, shape):
        """The Jacobian per argument, from its columns of all arguments, (*shape, n)."""
        if len(self.xs) == 1:
            return self.result([joined], shape)
        ends = np.cumsum([0, *self.sizes]).tolist()
        parts = [joined[..., i:j] for i, j in zip(ends, ends[1:], strict=False)]
        return self.result([p if self.sparse else p.copy() for p in parts], shape)

    def sparse_rows(self, rows):
        """Dense rows, (k, n), as a `scipy.sparse.csr_array`."""
        sparse = seeds.import_sparse(self.caller)
        if type(rows) is not np.ndarray:
            raise seeds.nested_sparse(self.caller)
        return sparse.csr_array(rows)

    def result(self, parts, shape):
        """What the caller gets, from one array (*shape, x.size) or sparse matrix per argument."""
        found = []
        for J, x in zip(parts, self.xs, strict=True):
            if self.sparse:
                found.append(J.T.tocsr() if self.layout == "denominator" else J)
                continue
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


def call_f(f, args, level):
    """``f(*args)``, f adapted; an error that names a lost derivative or rule says where it was."""
    try:
        try:
            return adapt.adapted(f)(*args)
        finally:
            adapt.hand_back()
    except (MissingRuleError, TangentLostError) as error:
        _locate(error, error.__traceback__)
        raise
    except (ValueError, TypeError) as error:
        is_lost = isinstance(error.__cause__, TangentLostError) or (
            # ndarray.flat reports the refusal without its cause.
            level is not None and level.lost and "setting" in str(error) and "array" in str(error)
        )
        if is_lost:
            lost = TangentLostError(
                "Cannot store a Dual in a float array (x[i] = dual), nor convert it to one: the "
                "derivative would be lost. Allocate with numpy.zeros_like(dual), or build the "
                "array with numpy.stack."
            )
            _locate(lost, error.__traceback__)
            raise lost.with_traceback(error.__traceback__) from error
        raise


_OWN = os.path.dirname(__file__) + os.sep
_NUMPY = os.path.dirname(np.__file__) + os.sep


def _locate(error, tb):
    """Put the user's line at which `error` was raised into its message, once."""
    found = None
    while tb is not None:
        name = tb.tb_frame.f_code.co_filename
        if not name.startswith((_OWN, _NUMPY)):
            found = tb
        tb = tb.tb_next
    if found is None or getattr(error, "is_located", False):
        return
    file, number = found.tb_frame.f_code.co_filename, found.tb_lineno
    line = linecache.getline(file, number).strip()
    where = f"{file}, line {number}" + (f": {line}" if line else "")
    error.args = (f"{error.args[0]}\n  at {where}",)
    error.is_located = True


def _with_aux(out, caller):
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(
            f"{caller}: with has_aux=True f must return a pair (y, aux); "
            f"f returned {type(out).__name__}."
        )
    return out
