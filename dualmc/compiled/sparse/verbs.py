"""Requests for sparse Jacobians of compiled functions."""

import weakref

import numpy as np
from numba.core import errors

from dualmc.calls import options
from dualmc.compiled import calling
from dualmc.compiled.sparse.patterns import Fingerprint, patterns_of
from dualmc.kernels.compiling import on_first_call
from dualmc.tangents import csr

# Types of arguments for which a function cannot be compiled for marked Duals.
_unmarked: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def passes(request):
    """As `passes.forward_pass.passes`, for a request of a sparse Jacobian; None: not here."""
    f, xs = request.f, request.xs
    if request.has_aux or not calling.is_answered(f, xs):
        return None
    kind = options.import_sparse(request.caller).csr_array
    found = filled(request)
    return _of_dense(request, kind) if found is None else (found[0], [found[1]], None)


def filled(request, only_narrow=False):
    """The value and the matrix of a request, or None where Duals with marks cannot be compiled.

    With `only_narrow` also where there are more than half as many colours as columns.
    """
    f = request.f
    kind = options.import_sparse(request.caller).csr_array
    args = tuple(calling.arguments(request.args, request.numbers, request.xs))
    refused = _unmarked.setdefault(f, set())
    if refused:  # to ask Numba for the types takes longer than a small Jacobian
        key = calling.kinds_of(args)
        if (key, False) in refused or only_narrow and (key, True) in refused:
            return None
    patterns = patterns_of(f, tuple(sorted(request.numbers)))
    print_ = patterns.print_of(args)
    try:
        if only_narrow:
            plan = patterns.plan_at(args, print_)
            if 2 * plan.colours > plan.n:
                refused.add((calling.kinds_of(args), True))
                return None
        y, data, plan = patterns.filled(args, print_)
    except errors.NumbaError:  # not for marked Duals, but perhaps for plain ones
        refused.add((calling.kinds_of(args), False))
        return None
    return np.asarray(y), _in_order(request, matrix(plan, data, kind))


def matrix(plan, data, kind):
    """The nonzeros as a matrix that has its own memory."""
    shape = plan.m, plan.n
    return csr.matrix(kind, shape, plan.indptr.copy(), plan.indices.copy(), data)


def _in_order(request, found):
    """The columns in the order of `argnums`."""
    order = calling.order_of(request)
    if type(order) is slice:
        return found
    found = found[:, order]
    found.sort_indices()
    return found


def _of_dense(request, kind):
    """What is not 0 in the dense Jacobian."""
    found = calling.passes(request.of(request.f, sparse=False))
    if found is None:
        return None
    y, (columns,), aux = found
    rows = columns.reshape(y.size, columns.shape[-1])
    return y, [csr.matrix_of_rows(rows, kind)], aux


class AtOnce:
    """The Jacobian of ``f(x)`` for vectors of one size, without looking anything up."""

    def __init__(self, f, x):
        self.patterns = patterns_of(f, (0,))
        self._found(x)

    def _found(self, x):
        """The value and the nonzeros at x, with the plan that has them."""
        y, data, self.plan = self.patterns.filled((x,))
        self.sweep, self.table, self.codes = self.patterns.at_hand(
            self.plan, Fingerprint((x,), (0,))
        )
        return y, data

    def __call__(self, x):
        plan = self.plan
        is_other, y, data = self.sweep(x, self.table, self.codes)
        if is_other:
            y, data = self._found(x)
            plan = self.plan
        return self.shaped(plan, y, data)


class Sparse(AtOnce):
    def __init__(self, request):
        self.kind = options.import_sparse(request.caller).csr_array
        super().__init__(request.f, request.xs[0])

    def shaped(self, plan, y, data):
        return matrix(plan, data, self.kind)


class Dense(AtOnce):
    """The dense Jacobian, of which few entries vary."""

    @staticmethod
    def shaped(plan, y, data):
        J = np.zeros((plan.m, plan.n), data.dtype)
        spread(plan.indptr, plan.indices, data, J)
        return J.reshape(*np.shape(y), plan.n)


# From so many columns on, finding the pattern is soon made up for by calls that use it: dense
# sweeps take 1.6 times as long for 128 columns of the Brusselator, 50 times for 1,024.
_MANY = 128
# Columns per colour that make it worth while.
_FEW = 8


def at_once(request):
    """The `Sparse` of a request that `passes` has answered; None: it did so by a dense one."""
    is_dense = (calling.kinds_of(request.xs), False) in _unmarked.get(request.f, ())
    return None if is_dense else Sparse(request)


def dense_at_once(f, x):
    """What gives the dense Jacobian of ``f(x)`` by its pattern; None: it would not be faster."""
    if x.ndim != 1 or x.size < _MANY or not calling.is_answered(f, (x,)):
        return None
    try:
        plan = patterns_of(f, (0,)).plan_at((x,))
    except errors.NumbaError:
        return None
    return Dense(f, x) if plan.colours * _FEW <= x.size else None


@on_first_call
def spread(indptr, indices, data, J):
    for i in range(J.shape[0]):
        for k in range(indptr[i], indptr[i + 1]):
            J[i, indices[k]] = data[k]
