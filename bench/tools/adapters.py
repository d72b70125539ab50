"""The ways to a Jacobian that are compared: dualmc's, and every peer's at its best.

An adapter takes a case and returns a call without arguments that ends with the derivative on the
host, in NumPy: dense, or sparse, or the nonzeros alone where that is what the peer gives.  What a
user would do once (tracing, compiling, building a graph, finding a pattern) is done before, in the
adapter or in the first call.

Peers get a copy of the problem with only `np` swapped (see `namespaces.py`); for timing, the twin
where there is one, since it is never slower for them.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import dualmc as dm
from tools import namespaces


class Unsuited(Exception):
    """A peer is not made for this problem: why."""


@dataclass(frozen=True)
class Way:
    """One way to a derivative: what it needs, and how to set it up."""

    name: str
    setup: Callable
    module: str = "numpy"
    # For which problems: a function of (problem, case, m) that raises Unsuited.
    suits: Callable = lambda problem, case, m: None
    # Whether it takes the twin of a case, under its own namespace.
    swaps: bool = False
    tolerance: float | None = None
    is_sparse: bool = False

    @property
    def is_present(self):
        if self.module == "dualmc.prepare":
            return hasattr(dm, "prepare")
        return importlib.util.find_spec(self.module) is not None


# --- When a way is left out ----------------------------------------------------------------------


def only_scalar(problem, case, m):
    if not problem.is_scalar:
        raise Unsuited("more than one output")


def few_entries(problem, case, m):
    """Numbers that each carry a whole gradient: n m of them at every step."""
    if m * case.x.size > 10_000:
        raise Unsuited("over 10,000 entries")


def few_rows(problem, case, m):
    if m > 2000:
        raise Unsuited("over 2000 outputs")


def only_structured(problem, case, m):
    if problem.kind == "dense":
        raise Unsuited("dense")


def few_symbols(problem, case, m):
    """Symbolic scalars: graphs of full matrix products grow as the products."""
    if problem.kind == "dense" and case.x.size > 20:
        raise Unsuited("over 20 inputs, dense")


# --- dualmc --------------------------------------------------------------------------------------


def fresh(case, sparse=False):
    return lambda: dm.jacobian_fwd(case.f, case.x, sparse=sparse)


def fresh_sparse(case):
    return fresh(case, sparse=True)


def prepared(case, sparse=False):
    """Prepared at another point, so that the check would see values that were kept."""
    p = dm.prepare(case.f, 1.001 * case.x, sparse=sparse)
    return lambda: p(case.x)


def prepared_sparse(case):
    return prepared(case, sparse=True)


def reverse_gradient(case):
    return lambda: dm.gradient(case.f, case.x)


# --- JAX, autograd, PyTorch ----------------------------------------------------------------------


def jax_compiled(differentiate):
    def setup(case):
        import jax

        jax.config.update("jax_enable_x64", True)
        g = namespaces.under(case.f, namespaces.jax_namespace())
        J = jax.jit(getattr(jax, differentiate)(g))
        return lambda: np.asarray(jax.block_until_ready(J(case.x)))

    return setup


def asdex_prepared(case):
    """The values of the nonzeros, as CasADi gives them: no sparse matrix is assembled."""
    import asdex
    import jax

    jax.config.update("jax_enable_x64", True)
    g = namespaces.under(case.f, namespaces.jax_namespace())
    J = jax.jit(asdex.jacobian(g, case.x))

    def values(M):
        return np.asarray(M.data) if hasattr(M, "data") else [np.asarray(row.data) for row in M]

    return Nonzeros(lambda: jax.block_until_ready(J(case.x)), _of_bcoo, values)


def _of_bcoo(M):
    from scipy.sparse import coo_array, vstack

    if isinstance(M, list):  # of an f that returns a list: a row each
        return vstack([_of_bcoo(row) for row in M])
    indices = np.asarray(M.indices)
    shape = (1, *M.shape)[-2:]
    rows = indices[:, 0] if indices.shape[1] == 2 else np.zeros(len(indices), int)
    return coo_array((np.asarray(M.data), (rows, indices[:, -1])), shape).tocsr()


class Nonzeros:
    """A call that returns the values alone, and, for the check, how to make a matrix of it."""

    def __init__(self, compute, matrix, values):
        self.compute, self.to_matrix, self.values = compute, matrix, values

    def __call__(self):
        return self.values(self.compute())

    def matrix(self):
        return self.to_matrix(self.compute())


def autograd_way(differentiate):
    def setup(case):
        import autograd

        g = namespaces.under(case.f, namespaces.autograd_namespace())
        J = getattr(autograd, differentiate)(g)
        return lambda: J(case.x)

    return setup


def torch_forward(case):
    import torch

    torch.set_num_threads(1)
    g = namespaces.under(case.f, namespaces.torch_namespace())
    J = torch.func.jacfwd(g)

    def jacobian():
        found = J(torch.from_numpy(case.x))
        return (torch.stack(found) if isinstance(found, list) else found).detach().numpy()

    return jacobian


# --- CasADi --------------------------------------------------------------------------------------


def casadi_nonzeros(case):
    """The graph is built once; the call fills a buffer with the nonzeros."""
    import casadi as ca
    from scipy.sparse import csc_array

    x = ca.SX.sym("x", case.x.size)
    y = namespaces.under(case.f, namespaces.casadi_namespace())(x)
    if isinstance(y, list | tuple):
        y = ca.vertcat(*y)
    function = ca.Function("J", [x], [ca.jacobian(y, x)])
    pattern = function.sparsity_out(0)
    values = np.zeros(pattern.nnz())
    buffer, evaluate = function.buffer()
    buffer.set_arg(0, memoryview(case.x))
    buffer.set_res(0, memoryview(values))
    indices, starts = np.array(pattern.row()), np.array(pattern.colind())

    def compute():
        evaluate()
        return values

    call = Nonzeros(
        compute,
        lambda data: csc_array((data.copy(), indices, starts), pattern.shape).tocsr(),
        lambda data: data,
    )
    call.keeps = function, buffer  # what the buffer points into
    columns = np.repeat(np.arange(pattern.shape[1]), np.diff(starts))
    call.places = indices * pattern.shape[1] + columns
    call.shape = pattern.shape
    return call


def casadi_dense(case):
    call = casadi_nonzeros(case)

    def dense():
        J = np.zeros(call.shape)
        J.reshape(-1)[call.places] = call()
        return J

    return dense


# --- Scalars that carry derivatives, and differences ---------------------------------------------


def num_dual(case):
    import num_dual as nd

    def f(entries):
        x = np.empty(len(entries), dtype=object)
        x[:] = entries
        y = np.ravel(np.asarray(case.f(x), dtype=object))
        return [entry if hasattr(entry, "value") else entry + 0 * x[0] for entry in y]

    return lambda: np.array(nd.jacobian(f, case.x.tolist())[1], float)


def hyperjet(case):
    import hyperjet as hj

    n = case.x.size

    def jacobian():
        x = np.array(hj.variables(case.x.tolist(), order=1), dtype=object)
        y = np.ravel(np.asarray(case.f(x), dtype=object))
        return np.array([entry.g if hasattr(entry, "g") else np.zeros(n) for entry in y], float)

    return jacobian


def fastdual(case):
    import fastdual as fd

    def jacobian():
        fd.reset()
        x = fd.DualArray(case.x.tolist())
        y = np.ravel(np.asarray(case.f(x), dtype=object))
        return np.asarray(fd.jac(list(y), list(x)), float)

    return jacobian


def differences(case):
    from scipy.optimize._numdiff import approx_derivative

    def f(x):
        return np.ravel(np.asarray(case.f(x), float))

    return lambda: np.atleast_2d(approx_derivative(f, case.x, method="3-point"))


WAYS = {
    way.name: way
    for way in (
        Way("dense", fresh),
        Way("sparse", fresh_sparse, is_sparse=True),
        Way("prepared dense", prepared, "dualmc.prepare"),
        Way("prepared sparse", prepared_sparse, "dualmc.prepare", is_sparse=True),
        Way("gradient", reverse_gradient, suits=only_scalar),
        Way("jax.jit jacfwd", jax_compiled("jacfwd"), "jax", swaps=True),
        Way("jax.jit jacrev", jax_compiled("jacrev"), "jax", few_rows, swaps=True),
        Way("asdex", asdex_prepared, "asdex", only_structured, swaps=True, is_sparse=True),
        Way("casadi nonzeros", casadi_nonzeros, "casadi", few_symbols, True, is_sparse=True),
        Way("casadi dense", casadi_dense, "casadi", few_symbols, swaps=True),
        Way("autograd", autograd_way("jacobian"), "autograd", swaps=True),
        Way("autograd grad", autograd_way("grad"), "autograd", only_scalar, swaps=True),
        Way("torch jacfwd", torch_forward, "torch", swaps=True),
        Way("num-dual", num_dual, "num_dual", few_entries),
        Way("hyperjet", hyperjet, "hyperjet", few_entries),
        Way("fastdual", fastdual, "fastdual", few_entries),
        Way("scipy 3-point", differences, "scipy", tolerance=1e-4),
    )
}
DUALMC = ("dense", "sparse", "prepared dense", "prepared sparse", "gradient")
PEERS = tuple(name for name in WAYS if name not in DUALMC)
