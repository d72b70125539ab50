"""The methods of a sparse matrix of Duals, by which they differ from SciPy's."""

import operator
import warnings

import numpy as np

from dualmc.errors import missing_case
from dualmc.unchanged.scipy import sparse_products as constant
from dualmc.unchanged.scipy.sparse import algebra, making, writing
from dualmc.unchanged.scipy.sparse.places import (
    METHODS,
    WRITTEN_TO,
    blank_of,
    is_sparse,
    moved,
    numbers,
    plain,
    plain_kind,
    summed,
    varies,
    with_numbers,
)


def _of_places(name):
    """A method that moves numbers and computes nothing."""

    def method(self, *args, **kwargs):
        return moved(lambda m: getattr(m, name)(*args, **kwargs), self)

    return method


def _of_each(function):
    return lambda self: algebra.each(self, function)


def _asformat(self, format, copy=False):
    if format is None or format == self.format:
        return self.copy() if copy else self
    return getattr(self, f"to{format}")()


def _copy(self):
    if self.format in WRITTEN_TO:
        return writing.copied(self)
    return with_numbers(plain(self).copy(), self.data.copy())


def _to(name):
    def method(self, *args, copy=False, **kwargs):
        if name == f"to{self.format}" and not args and not kwargs:
            return _copy(self) if copy else self
        return moved(lambda m: getattr(m, name)(*args, **kwargs), self)

    return method


def _astype(self, dtype, casting="unsafe", copy=True):
    return algebra.each(self, lambda data: data.astype(dtype))


def _transpose(self, axes=None, copy=False):
    if self.format == "coo" and axes is None:  # entries that share a place stay
        return with_numbers(plain(self).transpose(), self.data)
    return moved(lambda m: m.transpose(axes), self)


def _diagonal(self, k=0):
    return moved(lambda m: m.diagonal(k), self)


def _toarray(self, order=None, out=None):
    if out is not None:
        raise missing_case("toarray of a sparse matrix", "with out=")
    return algebra.toarray(self)


def _todense(self, order=None, out=None):
    return algebra.in_family(self, _toarray(self, order, out))


def _sum(self, axis=None, dtype=None, out=None):
    if out is not None:
        raise missing_case("the sum of a sparse matrix", "with out=")
    return algebra.reduced(self, axis, dtype)


def _mean(self, axis=None, dtype=None, out=None):
    if out is not None:
        raise missing_case("the mean of a sparse matrix", "with out=")
    axes = range(self.ndim) if axis is None else np.atleast_1d(axis)
    return algebra.each(self, lambda data: data / np.prod([self.shape[i] for i in axes])).sum(
        axis, dtype
    )


def _dense_reduction(name):
    function = getattr(np, name)

    def method(self, axis=None, out=None, *, explicit=False):
        if out is not None or explicit:
            raise missing_case(f"{name} of a sparse matrix", "with out= or explicit=True")
        y = function(algebra.toarray(self), axis=axis)
        if axis is None or algebra.is_matrix(self):
            return y if axis is None else algebra.in_family(self, np.expand_dims(y, axis))
        return making.from_dense(plain_kind(self._coo_container((1, 1))), y)

    return method


def _compared(symbol):
    """Comparisons look at values, and have no derivative."""

    def method(self, other):
        return symbol(plain(self), plain(other) if is_sparse(other) else constant.operand(other))

    return method


def _dot(self, other):
    return algebra.multiply(self, other) if np.ndim(other) == 0 and not is_sparse(other) else (
        algebra.matmul(self, other)
    )  # fmt: skip


def _times(self, other):
    """The old family's ``*`` is the product of matrices, but for numbers."""
    is_number = not is_sparse(other) and np.ndim(other) == 0
    if algebra.is_matrix(self) and not is_number:
        return algebra.matmul(self, other)
    return algebra.multiply(self, other)


def _times_from_left(self, other):
    is_number = not is_sparse(other) and np.ndim(other) == 0
    if algebra.is_matrix(self) and not is_number:
        return algebra.rmatmul(self, other)
    return algebra.multiply(self, other)


def _power(self, n, dtype=None):
    if np.ndim(n) != 0 or n == 0:
        raise NotImplementedError("the power of a sparse matrix needs a nonzero number")
    return algebra.each(self, lambda data: data**n)


def _pow(self, n):
    if not algebra.is_matrix(self):
        return _power(self, n)
    if int(n) != n or n < 0:
        raise ValueError("exponent must be a non-negative integer")
    y = making.identity_like(self)
    for _ in range(int(n)):
        y = y @ self
    return y


def _no_inplace(name):
    def method(self, *args, **kwargs):
        raise missing_case(
            f"{plain_kind(self).__name__}.{name}", "of a matrix that holds Duals in place"
        )

    return method


def _scaled_in_place(symbol):
    def method(self, other):
        if np.ndim(other) != 0 or self.format in WRITTEN_TO:
            return NotImplemented
        self.data = symbol(self.data, other)
        return self

    return method


def _sum_duplicates(self):
    """In place, and SciPy hands nothing back."""
    found = summed(self)
    if found is not self:
        self.__dict__ = found.asformat(self.format).__dict__


def _nothing(self, *args, **kwargs):
    """What changes neither the matrix nor its numbers."""


def _eliminated(self):
    """Entries whose value is 0 may have a derivative, and stay."""


def _init(self, *args, **kwargs):
    """Made by `making.made`."""


def _repr(self):
    return f"<{plain_kind(self).__name__} of Duals: {numbers(self).shape[0]} entries, {self.shape}>"


METHODS.update(
    {name: _of_places(name) for name in "reshape getrow getcol _getrow _getcol".split()}
    | {f"to{name}": _to(f"to{name}") for name in "csr csc coo dia bsr lil dok".split()}
    | {name: _dense_reduction(name) for name in "max min argmax argmin nanmax nanmin".split()}
    | {
        name: _of_each(getattr(np, name))
        for name in """
            sin tan arcsin arctan sinh tanh arcsinh arctanh rint sign expm1 log1p deg2rad rad2deg
            floor ceil trunc sqrt
        """.split()
    }
    | {f"__{name}__": _compared(getattr(operator, name)) for name in "eq ne lt le gt ge".split()}
    | {name: _no_inplace(name) for name in "resize __round__ _broadcast_to".split()}
)
METHODS.update(
    {
        "__init__": _init,
        "__new__": lambda cls, *args, **kwargs: blank_of(cls),
        "__hash__": None,
        "__repr__": _repr,
        "__str__": _repr,
        "__array_ufunc__": None,
        "__getitem__": lambda self, key: writing.picked(self, key),
        "__setitem__": lambda self, key, value: writing.assign(self, key, algebra.unwrapped(value)),
        "__matmul__": algebra.matmul,
        "__rmatmul__": algebra.rmatmul,
        "__mul__": _times,
        "__rmul__": _times_from_left,
        "__truediv__": algebra.divide,
        "__rtruediv__": lambda self, other: NotImplemented,
        "__add__": algebra.add,
        "__radd__": algebra.add,
        "__sub__": lambda self, other: algebra.add(self, other, -1),
        "__rsub__": lambda self, other: algebra.add(-self, other),
        "__neg__": _of_each(operator.neg),
        "__pos__": lambda self: self,
        "__abs__": _of_each(abs),
        "__pow__": _pow,
        "__imul__": _scaled_in_place(operator.mul),
        "__itruediv__": _scaled_in_place(operator.truediv),
        "__iter__": lambda self: (self[i] for i in range(self.shape[0])),
        "T": property(lambda self: self.transpose()),
        "real": property(_of_each(np.real)),
        "imag": property(_of_each(np.imag)),
        "power": _power,
        "multiply": algebra.multiply,
        "dot": _dot,
        "maximum": lambda self, other: making.chosen(np.maximum, self, other),
        "minimum": lambda self, other: making.chosen(np.minimum, self, other),
        "conj": lambda self, copy=True: algebra.each(self, np.conj),
        "conjugate": lambda self, copy=True: algebra.each(self, np.conj),
        "asformat": _asformat,
        "copy": _copy,
        "astype": _astype,
        "_asfptype": lambda self: self,
        "transpose": _transpose,
        "diagonal": _diagonal,
        "trace": lambda self, offset=0: np.sum(_diagonal(self, offset)),
        "toarray": _toarray,
        "todense": _todense,
        "sum": _sum,
        "mean": _mean,
        "nonzero": lambda self: plain(self).nonzero(),
        "count_nonzero": lambda self, axis=None: plain(self).count_nonzero(axis),
        "setdiag": lambda self, values, k=0: writing.set_diagonal(self, values, k),
        "sum_duplicates": _sum_duplicates,
        "eliminate_zeros": _eliminated,
        "prune": _nothing,
        "check_format": _nothing,
        "sort_indices": lambda self: writing.become(
            self, moved(lambda m: m.sorted_indices(), self)
        ),
        "sorted_indices": _of_places("sorted_indices"),
    }
)


def _assigning(kind):
    def assign(self, key, value):
        value = algebra.unwrapped(value)
        if constant.holds_number(value) or varies(value):
            writing.begin(self)
            return writing.assign(self, key, value)
        return kind.__setitem__(self, key, value)

    return assign


def _setting_diagonal(kind):
    def setdiag(self, values, k=0):
        if constant.holds_number(values):
            writing.begin(self)
            return writing.set_diagonal(self, values, k)
        return kind.setdiag(self, values, k)

    return setdiag


def of_constants(kind):
    """What a constant matrix does where Duals come in: for `sparse_products.kind_of`."""

    def binary(name, ours):
        own = getattr(kind, name)

        def method(self, other, *args):
            if varies(other) or constant.holds_number(other):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return ours(self, other)
            return constant.owned(own(self, other, *args), self)

        return method

    def new(cls, *args, **kwargs):
        if making.any_varies(args, kwargs):
            return making.made(kind, *args, **kwargs)
        return blank_of(cls)

    is_array = not algebra.is_matrix_kind(kind)
    found = {
        "__new__": new,
        "__setitem__": _assigning(kind),
        "setdiag": _setting_diagonal(kind),
        "__add__": binary("__add__", algebra.add),
        "__radd__": binary("__radd__", algebra.add),
        "__sub__": binary("__sub__", lambda a, b: algebra.add(a, b, -1)),
        "__rsub__": binary("__rsub__", lambda a, b: algebra.add(-a, b)),
        "multiply": binary("multiply", algebra.multiply),
        "__truediv__": binary("__truediv__", algebra.divide),
        "maximum": binary("maximum", lambda a, b: making.chosen(np.maximum, a, b)),
        "minimum": binary("minimum", lambda a, b: making.chosen(np.minimum, a, b)),
    }
    if is_array:
        found["__mul__"] = binary("__mul__", algebra.multiply)
        found["__rmul__"] = binary("__rmul__", algebra.multiply)
    return found
