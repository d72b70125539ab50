"""Running a function of `np` under another library's namespace, its source unchanged.

`under(f, namespace)` is a copy of f in which the name `np` means `namespace.np`, as if the import
at the top of its file had been swapped, and in which the arrays that f captured are the library's
own constants.  Functions that f captured or calls by name come along.
"""

import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy


@dataclass(frozen=True)
class Namespace:
    """What `np` stands for, and how a NumPy array becomes a constant."""

    np: Any
    constant: Callable = lambda a: a


def under(f, namespace):
    """A copy of f, and of the Python functions it reaches, with `np` swapped."""
    return _Copier(namespace).function(f)


class _Copier:
    def __init__(self, namespace):
        self.namespace = namespace
        self.globals = {}
        self.copies = {}

    def function(self, f):
        if f in self.copies:
            return self.copies[f]
        cells = tuple(types.CellType() for _ in f.__closure__ or ())
        copy = types.FunctionType(f.__code__, self.module(f), f.__name__, f.__defaults__, cells)
        self.copies[f] = copy
        for new, old in zip(cells, f.__closure__ or (), strict=True):
            new.cell_contents = self.value(old.cell_contents)
        return copy

    def module(self, f):
        """The globals of f's module, with `np` and the module's own functions swapped."""
        own = f.__globals__
        if id(own) not in self.globals:
            swapped = self.globals[id(own)] = dict(own)
            for name, value in own.items():
                if isinstance(value, types.FunctionType) and value.__globals__ is own:
                    swapped[name] = self.function(value)
            swapped["np"] = self.namespace.np
        return self.globals[id(own)]

    def value(self, value):
        """What a captured value is under the other namespace."""
        if isinstance(value, types.FunctionType):
            return self.function(value)
        if isinstance(value, numpy.ndarray):
            return self.namespace.constant(value)
        if isinstance(value, list | tuple):
            return type(value)(self.value(entry) for entry in value)
        name = getattr(value, "__name__", "")
        if callable(value) and getattr(numpy, name, None) is value:
            return getattr(self.namespace.np, name)
        return value


# --- JAX and autograd have a NumPy of their own --------------------------------------------------


def jax_namespace():
    import jax.numpy as jnp

    # Indices stay NumPy's, which are constants of the traced program too.
    return Namespace(jnp, lambda a: jnp.asarray(a) if a.dtype.kind == "f" else a)


def autograd_namespace():
    import autograd.numpy as anp

    return Namespace(anp)


# --- PyTorch: NumPy's names and arguments over its functions -------------------------------------


def torch_namespace():
    import torch

    def tensor(a):
        return a if isinstance(a, torch.Tensor) else torch.as_tensor(a, dtype=torch.float64)

    def by_element(function):
        return lambda x: function(tensor(x))

    def reduction(function):
        def reduced(x, axis=None, keepdims=False):
            return function(x) if axis is None else function(x, dim=axis, keepdim=keepdims)

        return reduced

    def joined(function):
        return lambda arrays, axis=0: function([tensor(a) for a in arrays], dim=axis)

    names = ("sin", "cos", "exp", "log", "sqrt", "tanh")
    np = types.SimpleNamespace(
        pi=math.pi,
        e=math.e,
        sum=reduction(torch.sum),
        mean=reduction(torch.mean),
        max=reduction(lambda x, dim=None, keepdim=False: torch.amax(x, dim or (), keepdim)),
        maximum=lambda a, b: torch.maximum(tensor(a), tensor(b)),
        where=lambda condition, a, b: torch.where(condition, tensor(a), tensor(b)),
        concatenate=joined(torch.cat),
        stack=joined(torch.stack),
        roll=torch.roll,
        split=torch.tensor_split,
        cumsum=lambda x: torch.cumsum(x, 0),
        dot=torch.dot,
        diag=torch.diag,
        cross=torch.linalg.cross,
        empty_like=torch.empty_like,
        zeros_like=torch.zeros_like,
        array=lambda a: torch.tensor(a, dtype=torch.float64),
        linalg=torch.linalg,
        **{name: by_element(getattr(torch, name)) for name in names},
    )
    return Namespace(np, lambda a: torch.from_numpy(a.copy()))


# --- CasADi: symbolic columns, for problems in one dimension -------------------------------------


def casadi_namespace():
    import casadi as ca

    def rolled(x, shift):
        shift %= x.shape[0]
        return ca.vertcat(x[x.shape[0] - shift :], x[: x.shape[0] - shift])

    def concatenated(arrays, axis=0):
        return ca.vertcat(*arrays)

    names = ("sin", "cos", "exp", "log", "sqrt", "tanh")
    np = types.SimpleNamespace(
        pi=math.pi,
        e=math.e,
        sum=ca.sum1,
        mean=lambda x: ca.sum1(x) / x.shape[0],
        max=ca.mmax,
        maximum=ca.fmax,
        where=ca.if_else,
        concatenate=concatenated,
        stack=concatenated,
        array=concatenated,
        roll=rolled,
        cumsum=ca.cumsum,
        empty_like=lambda x: ca.SX.zeros(*x.shape),
        **{name: getattr(ca, name) for name in names},
    )
    return Namespace(np, ca.DM)
