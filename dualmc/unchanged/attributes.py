"""What else an ndarray has: its place in memory, its bytes, and a shape that can be set.

Shared by Dual and Traced.  What hands out the memory itself serves arrays that hold no derivative,
and else is refused.
"""

import gc

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.views import PartView, View
from dualmc.errors import TangentLostError
from dualmc.graph.traced import Traced
from dualmc.unchanged.adapt import numpy_of_call
from dualmc.unchanged.standins.table import plain, value_of


def _of_memory(name):
    """An attribute that hands out the memory."""

    def get(self):
        return getattr(plain(self, f"array.{name}"), name)

    return property(get)


def _method_of_memory(name):
    def method(self, *args, **kwargs):
        return getattr(plain(self, f"array.{name}()"), name)(*args, **kwargs)

    method.__name__ = name
    return method


def _strides(self):
    return (self.in_memory() if type(self) is Traced else value_of(self)).strides


def _base(self):
    """The array whose memory this is a view of, or None."""
    if type(self) is Traced:
        self.in_memory()
        return self._owner
    return None if self._view is None else self._view.root


def _set_shape(self, shape):
    """``a.shape = shape``: the same memory under another shape; what is no view is an error."""
    seen = value_of(self).view()
    try:
        seen.shape = shape
    except AttributeError as error:
        raise AttributeError(f"{error} (numpy.reshape copies where it must)") from None
    if any(_is_view_of(r, self) for r in gc.get_referrers(self)):
        raise TypeError(
            "Cannot set the shape of an array that other arrays are views of. Use reshape, which "
            "leaves it as it is."
        )
    become(self, np.reshape(_twin(self), seen.shape))


def _is_view_of(other, a):
    if isinstance(other, (View, PartView)):
        return other.root is a
    return type(other) is Traced and other._owner is a


def _twin(a):
    """Another object for the same array."""
    twin = object.__new__(type(a))
    become(twin, a)
    return twin


def become(a, other):
    """Let the object `a` be the array that `other` is, for everybody who holds it."""
    for name in type(a).__slots__:
        if name == "__weakref__":
            continue
        if hasattr(other, name):
            setattr(a, name, getattr(other, name))
        elif hasattr(a, name):  # what is not remembered of the other
            delattr(a, name)


def _resize(self, *shape, refcheck=True):
    """``a.resize(shape)``: repeated nowhere, unlike ``np.resize``; what is new is zero."""
    shape = shape[0] if len(shape) == 1 else shape
    shape = (shape,) if issubclass(type(shape), (int, np.integer)) else tuple(shape)
    if _base(self) is not None:
        raise ValueError("cannot resize this array: it does not own its data")
    size = int(np.prod(shape, dtype=np.int64))
    flat = np.ravel(self)[:size]
    rest = np.zeros(size - flat.shape[0], self.dtype)
    become(self, np.copy(np.reshape(np.concatenate([flat, rest]), shape)))


def _refused_setter(name, instead):
    def set(self, value):
        raise TangentLostError(
            f"array.{name} = ... would reinterpret the numbers and lose the derivative. {instead}"
        )

    return set


def _of_numbers_alone(name):
    """A method of NumPy's numbers that arrays have not, and which hands out digits."""

    def get(self):
        if not self.is_number:
            raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")
        return lambda: getattr(plain(self, f"number.{name}()")[()], name)()

    return property(get)


def _is_integer(self):
    if not self.is_number:
        raise AttributeError("'numpy.ndarray' object has no attribute 'is_integer'")
    return lambda: bool(np.equal(np.trunc(self), self))


def _setflags(self, write=None, align=None, uic=None):
    value_of(self).setflags(write, align, uic)


def _to_device(self, device, /, *, stream=None):
    if device != "cpu" or stream is not None:
        return value_of(self).to_device(device, stream=stream)  # NumPy's own error
    return self


def _array_namespace(self, *, api_version=None):
    """NumPy, as the function that is differentiated sees it."""
    np.empty(0).__array_namespace__(api_version=api_version)  # NumPy's own errors
    return numpy_of_call()


def _attach(kind):
    for name in ("data", "ctypes"):
        setattr(kind, name, _of_memory(name))
    for name in """
        tobytes tofile dump dumps byteswap getfield setfield __dlpack__ __dlpack_device__
    """.split():
        setattr(kind, name, _method_of_memory(name))
    kind.__bytes__ = lambda self: plain(self, "bytes(array)").tobytes()
    kind.strides = property(
        _strides, _refused_setter("strides", "Use numpy.lib.stride_tricks or an index.")
    )
    kind.dtype = property(kind.dtype.fget, _refused_setter("dtype", "Use astype."))
    kind.shape = property(kind.shape.fget, _set_shape)
    for name in ("as_integer_ratio", "hex"):
        setattr(kind, name, _of_numbers_alone(name))
    kind.is_integer = property(_is_integer)
    kind.base = property(_base)
    kind.device = "cpu"
    kind.to_device = _to_device
    kind.setflags = _setflags
    kind.resize = _resize
    kind.__array_namespace__ = _array_namespace


_attach(Dual)
_attach(Traced)
