"""Requests for sparse Jacobians of compiled functions."""

import copy

import numpy as np
from numba.core import errors

from dualmc.calls import options
from dualmc.compiled import calling
from dualmc.compiled.sparse.patterns import patterns_of
from dualmc.tangents import csr


def passes(request):
    """As `passes.forward_pass.passes`, for a request of a sparse Jacobian; None: not here."""
    f, xs, positions = request.f, request.xs, tuple(request.numbers)
    if request.has_aux or not calling.is_answered(f, xs):
        return None
    if list(positions) != sorted(set(positions)):
        return None
    kind = options.import_sparse(request.caller).csr_array
    args = tuple(calling.arguments(request.args, positions, xs))
    try:
        y, data, plan = patterns_of(f, positions).filled(args)
    except errors.NumbaError:  # no marks, but perhaps plain Duals
        return _of_dense(request, kind)
    shape = plan.m, plan.n
    matrix = csr.matrix(kind, shape, plan.indptr.copy(), plan.indices.copy(), data)
    return np.asarray(y), [matrix], None


def _of_dense(request, kind):
    """What is not 0 in the dense Jacobian."""
    dense = copy.copy(request)
    dense.sparse = False
    found = calling.passes(dense)
    if found is None:
        return None
    y, (columns,), aux = found
    rows = columns.reshape(y.size, columns.shape[-1])
    return y, [csr.matrix_of_rows(rows, kind)], aux
