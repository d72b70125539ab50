"""The array methods of Dual: each is the NumPy function of the same name."""

import numpy as np

from dualmc.duals import beside, ended
from dualmc.duals.dual import Dual
from dualmc.errors import TangentLostError
from dualmc.functions.moving import inplace
from dualmc.rules.registry import FUNCTIONS

# Methods whose function takes the array first and the same arguments after it.
_SAME_NAME = """
sum mean std var prod cumsum cumprod max min ptp clip round take diagonal trace dot
repeat searchsorted argmax argmin argsort argpartition nonzero all any squeeze swapaxes choose
ravel
""".split()
# Unary ufuncs, so that NumPy's object loops (np.sin of an object array of Duals) find them.
_UNARY = """
sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh exp exp2 expm1 log log2
log10 log1p sqrt cbrt square reciprocal rint floor ceil trunc fabs deg2rad rad2deg degrees radians
sign isnan isinf isfinite arctan2 hypot logaddexp logical_not
""".split()


def _delegate(name):
    function = getattr(np, name)

    if isinstance(function, np.ufunc):

        def method(self, *args, **kwargs):
            return function(self, *args, **kwargs)

    else:  # as NumPy's dispatcher, which would come back here

        def method(self, *args, **kwargs):
            return self.__array_function__(function, (), (self, *args), kwargs)

    method.__name__ = name
    method.__doc__ = f"``numpy.{name}(self, ...)``"
    return method


def _reshape(self, *shape, order="C", copy=None):
    if len(shape) == 1:
        shape = shape[0]
    if not self.level.open:
        return ended.method(self, "reshape", (shape,), {"order": order})
    return FUNCTIONS[np.reshape].handler(self, shape, order, copy=copy)


def _transpose(self, *axes):
    if len(axes) == 1:
        axes = axes[0]
    if not self.level.open:
        return ended.method(self, "transpose", (axes if axes else None,))
    return FUNCTIONS[np.transpose].handler(self, axes if axes else None)


def _compress(self, condition, axis=None, out=None):
    return np.compress(condition, self, axis, out)


def _copy(self, order="C"):
    if not self.level.open:
        return ended.method(self, "copy", (order,))
    return self.as_number() if self.is_number else np.copy(self, order)


def _conj(self):
    """The array itself where that is real, unlike ``np.conj``, which copies."""
    if not self.level.open:
        return ended.method(self, "conj")
    return np.conjugate(self) if self.dtype.kind == "c" else self


def _flatten(self, order="C"):
    return np.copy(np.ravel(self, order))


def _astype(self, dtype, order="K", casting="unsafe", subok=True, copy=True):
    if not self.level.open:
        return ended.method(self, "astype", (dtype, order, casting, subok, copy))
    return np.astype(self, dtype, copy=copy)


def _item(self, *args):
    """One element, as a 0-d Dual: a Python float would lose the derivative."""
    if not self.level.open:
        return ended.method(self, "item", args)
    if not args:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return np.ravel(self)[0]
    if len(args) == 1 and issubclass(type(args[0]), (int, np.integer)):
        return np.ravel(self)[args[0]]
    return self[args[0] if len(args) == 1 else args]


def _tolist(self):
    """Nested lists of 0-d Duals."""
    if not self.level.open:
        return ended.method(self, "tolist")
    return [row.tolist() if row.ndim else row for row in self] if self.ndim else self[()]


def _view(self, *args, **kwargs):
    if not self.level.open:
        return ended.method(self, "view", args, kwargs)
    if len(args) == 1 and isinstance(args[0], type) and not kwargs:
        y = beside.viewed(self, args[0])
        if y is not None:
            return y
    if args or kwargs:
        as_array = getattr(self, "__array__", None)  # where no derivative is
        if as_array is not None:
            return as_array().view(*args, **kwargs)
        raise TangentLostError(
            "dual.view(dtype) would reinterpret the value and lose the derivative. Use astype."
        )
    return self if self.is_number else self[...]


def _attach():
    for name in _SAME_NAME + _UNARY:
        setattr(Dual, name, _delegate(name))
    Dual.reshape = _reshape
    Dual.transpose = _transpose
    Dual.compress = _compress
    Dual.copy = _copy
    Dual.conj = Dual.conjugate = _conj
    Dual.flatten = _flatten
    Dual.astype = _astype
    Dual.item = _item
    Dual.tolist = _tolist
    Dual.view = _view
    Dual.fill = inplace.fill
    Dual.sort = inplace.sort
    Dual.partition = inplace.partition
    Dual.put = inplace.put_method


_attach()
