"""Functions of matrices, those of scipy.linalg: exponential, logarithm, square root.

The derivative of a function f of matrices in the direction E stands in the corner of

    f([[A, E], [0, A]]) = [[f(A), L(A, E)], [0, f(A)]]

(Mathias, 1996), which needs nothing but f itself, holds for every f that is smooth at the spectrum
of A, repeated eigenvalues included, and is differentiated again by the same formula.  Its adjoint
is the derivative at A^T: the pairing is without conjugate.
"""

import math
import warnings

import numpy as np

from dualmc.duals.operands import as_operand, level_of
from dualmc.functions.matrices.differentials import held, quiet, solved
from dualmc.functions.results import applied, with_primal
from dualmc.unchanged.scipy.linalg.table import by_formula, call, handles, one_matrix


def corner(name, p, rows, is_complex):
    """The derivatives of a function of matrices at `p` in the directions `rows`, (..., n, n)."""
    n = p.shape[-1]
    lead = np.shape(rows)[:-2]
    flat = np.reshape(rows, (math.prod(lead), n, n))
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said once, of the value
        for i in range(flat.shape[0]):
            upper = np.concatenate([p, flat[i]], axis=1)
            lower = np.concatenate([np.zeros((n, n)), p], axis=1)
            part = call(name, np.concatenate([upper, lower]))[:n, n:]
            found.append(part if is_complex else np.real(part))
    if not found:
        return np.zeros(np.shape(rows))
    return np.reshape(np.stack(found), (*lead, n, n))


def _function(name):
    @handles(name)
    def function(A, *args, **kwargs):
        A = one_matrix(as_operand(A), name)
        p = held(A, A.level)
        y = call(name, p, *args, **kwargs)
        y_as_array = as_operand(y)
        back = np.swapaxes(p, 0, 1)
        # SciPy's logm may leave rounding errors in imaginary parts where its result is real.
        is_complex = y_as_array.dtype.kind == "c" or A.dtype.kind == "c"
        return applied(
            lambda rows: corner(name, p, rows, is_complex),
            lambda rows: corner(name, back, rows, is_complex),
            A,
            y_as_array,
        )

    function.__name__ = name
    return function


for _name in ("expm", "logm", "sinm", "cosm", "tanm", "sinhm", "coshm", "tanhm", "signm"):
    _function(_name)


@handles("sqrtm")
def sqrtm(A, *args, **kwargs):
    """``Y dY + dY Y = dA`` (Sylvester)."""
    A = one_matrix(as_operand(A), "sqrtm")
    y = call("sqrtm", held(A, A.level), *args, **kwargs)
    return with_primal(y, _sqrtm_differential(A, held(as_operand(y), A.level)))


@quiet
def _sqrtm_differential(a, y):
    n = a.shape[0]
    unit = np.eye(n)
    # Row by row: vec(Y X) = (Y kron I) vec(X), vec(X Y) = (I kron Y^T) vec(X).
    system = np.kron(y, unit) + np.kron(unit, np.swapaxes(y, 0, 1))
    a = a if y.dtype.kind != "c" else a.astype(y.dtype)
    return np.reshape(solved(system, np.reshape(a, (n * n, 1))), (n, n))


@handles("expm_frechet")
def expm_frechet(A, E, method=None, compute_expm=True, check_finite=True):
    """The corner of the exponential of ``[[A, E], [0, A]]``."""
    A, E = as_operand(A), as_operand(E)
    level = level_of(A, E)
    own = call("expm_frechet", held(A, level), held(E, level), method, True, check_finite)
    n = one_matrix(A, "expm_frechet").shape[0]
    upper = np.concatenate([A, E], axis=1)
    lower = np.concatenate([np.zeros((n, n)), A], axis=1)
    whole = call("expm", np.concatenate([upper, lower]))
    second = with_primal(own[1], whole[:n, n:])
    return (with_primal(own[0], whole[:n, :n]), second) if compute_expm else second


@by_formula("fractional_matrix_power")
def fractional_matrix_power(A, t):
    """``exp(t log A)``."""
    return call("expm", t * call("logm", one_matrix(A, "fractional_matrix_power")))
