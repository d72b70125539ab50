"""JAX, PyTorch and autograd behind one face: `(version, module, forward, reverse)` of each.

`module` has NumPy's names, and the two modes are functions of (f, x) that return a Jacobian as
NumPy reads it.
"""

import numpy as np


class NotOffered(Exception):
    """The library has no function of that name."""


def jax():
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def wrapped(f):
        return lambda x: jnp.asarray(stacked(f(x), jnp.stack))

    def forward(f, x):
        return jax.jacfwd(wrapped(f))(jnp.asarray(x))

    def reverse(f, x):
        return jax.jacrev(wrapped(f))(jnp.asarray(x))

    return jax.__version__, jnp, forward, reverse


def autograd():
    import autograd
    import autograd.numpy as anp

    def wrapped(f):
        def g(x):
            y = stacked(f(x), anp.stack)
            return y if hasattr(y, "_value") else np.asarray(y, float)

        return g

    def forward(f, x):
        g = wrapped(f)
        jvp = autograd.make_jvp(g)(x)
        columns = [jvp(e.reshape(x.shape))[1] for e in np.eye(x.size)]
        return np.stack(columns, -1).reshape(np.shape(columns[0]) + x.shape)

    def reverse(f, x):
        return autograd.jacobian(wrapped(f))(x)

    import importlib.metadata

    return importlib.metadata.version("autograd"), anp, forward, reverse


def torch():
    import torch

    def wrapped(f):
        return lambda x: torch.as_tensor(stacked(f(x), torch.stack))

    def forward(f, x):
        g, x = wrapped(f), torch.tensor(x)
        columns = []
        for i in range(x.numel()):
            e = torch.zeros_like(x)
            e.view(-1)[i] = 1
            columns.append(torch.func.jvp(g, (x.clone(),), (e,))[1].numpy())
        return np.stack(columns, -1).reshape(columns[0].shape + tuple(x.shape))

    def reverse(f, x):
        return torch.autograd.functional.jacobian(wrapped(f), torch.tensor(x)).numpy()

    return torch.__version__.split("+")[0], torch_as_numpy(torch), forward, reverse


def stacked(y, stack):
    return stack(list(y)) if isinstance(y, (list, tuple)) else y


def torch_as_numpy(torch):
    """PyTorch's functions of the same names, numbers made tensors and axis made dim."""

    def tensor(a):
        if isinstance(a, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in a):
            return torch.stack([tensor(item) for item in a])
        if isinstance(a, (list, tuple)):
            a = np.array(a)
        return a if isinstance(a, torch.Tensor) else torch.as_tensor(a)

    def number(a):
        return isinstance(a, (bool, int, float, complex))

    def adapted(function):
        def call(*args, **options):
            if "axis" in options:
                options["dim"] = options.pop("axis")
            has_tensor = any(isinstance(a, torch.Tensor) for a in args)
            double = has_tensor and {"dtype": torch.float64}
            args = [
                torch.tensor(float(a), **double) if number(a) and has_tensor else a for a in args
            ]
            return function(*args, **options)

        return call

    same = """abs angle arccos arccosh arcsin arctan arctan2 arctanh argmax argsort ceil clip
        copysign cov dot exp floor fmax fmin fmod heaviside hypot isclose log log1p logaddexp
        maximum minimum nanmean nan_to_num nansum prod quantile remainder round searchsorted sign
        sinc sin sqrt square sum tanh trapezoid trunc""".split()
    found = {name: adapted(getattr(torch, name)) for name in same}

    def numbers(function):
        """Whose further arguments are numbers, and stay so."""

        def call(x, *args, axis=None, **options):
            if axis is not None:
                options["dim"] = axis
            return function(x, *args, **options)

        return call

    def extremum(whole, along):
        def call(x, axis=None, **options):
            return whole(x, **options) if axis is None else along(x, dim=axis, **options)

        return call

    def spread(function):
        return lambda x: function(x, correction=0)

    def where(condition, *args):
        return torch.where(condition, *args)

    def svd(x, compute_uv=True):
        return torch.linalg.svd(x) if compute_uv else torch.linalg.svdvals(x)

    # NumPy's axis and divisor where torch has another default, so that the functions are the same.
    maximum = found["maximum"]
    maximum.accumulate = lambda x: torch.cummax(x, 0).values
    found |= {
        "array": tensor,
        "where": where,
        "max": extremum(torch.max, torch.amax),
        "min": extremum(torch.min, torch.amin),
        "sort": lambda x: torch.sort(x).values,
        "median": torch.median,
        "mean": torch.mean,
        "unique": torch.unique,
        "cumsum": lambda x: torch.cumsum(x, 0),
        "cumprod": lambda x: torch.cumprod(x, 0),
        "std": spread(torch.std),
        "var": spread(torch.var),
        "gradient": lambda x: torch.gradient(x)[0],
        "zeros": lambda n: torch.zeros(n, dtype=torch.float64),
        "inf": np.inf,
        "nan": np.nan,
        "pi": np.pi,
    }
    linear = {
        name: numbers(getattr(torch.linalg, name))
        for name in """cholesky cond det eigh
        eigvals eigvalsh inv matrix_power matrix_rank norm pinv slogdet solve""".split()
    }
    linear["svd"] = svd
    return Offers(found | {"linalg": Offers(linear)})


class Offers:
    """A namespace of functions, for which a missing name is no mistake."""

    def __init__(self, functions):
        vars(self).update(functions)

    def __getattr__(self, name):
        raise NotOffered(name)


LIBRARIES = {"JAX": jax, "PyTorch": torch, "autograd": autograd}
