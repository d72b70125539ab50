"""`Traced`: an array that remembers the node of the graph that made it.

It stands for a plain array in a user's function, as a Dual does; what a Dual has no rule for, a
Traced refuses too, and like a Dual it refuses to become a float.  Its value never changes in place:
a write gives it another node.  A view remembers the Traced that it is a part of, and each follows
the other's writes.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.duals import conversions
from dualmc.duals.elements import CARRIERS
from dualmc.errors import TangentLostError
from dualmc.graph.nodes import Node, Recorder


class Traced:
    """An array that records what is done to it: `ATTACHED`, below, says where."""

    __slots__ = ("_recorder", "_node", "_owner", "_place", "_seen", "_is_array")
    __array_priority__ = 2000.0
    __hash__ = None  # type: ignore[assignment]
    __getitem__: Callable[..., Any]
    copy: Callable[..., Any]

    def __init__(self, recorder: Recorder, node: Node, is_array: bool = False) -> None:
        self._recorder = recorder
        self._node = node
        self._is_array = is_array  # even without dimensions; see `is_number`
        self._owner: Traced | None = None  # the array that this is a view of
        self._place: Callable | None = None  # how it is taken from there
        self._seen: Node | None = None  # the owner's node at that time

    @property
    def node(self) -> Node:
        """The node that made it: another after each write to the memory that it shares."""
        if not self._recorder.open:
            raise TangentLostError(
                "f used a Traced from a call of explain or trace that has already finished. "
                "Return values from f; do not store them outside it."
            )
        stale = []
        view = self
        while view._owner is not None:
            stale.append(view)
            view = view._owner
        for view in reversed(stale):
            assert view._owner is not None and view._place is not None
            if view._seen is not view._owner._node:
                view._node = view._place(view._owner)._node
                view._seen = view._owner._node
        return self._node

    @property
    def value(self) -> Any:
        """The plain array."""
        return self.node.value

    def look(self) -> Any:
        """The plain array, whose numbers decide what f does next."""
        node = self.node
        self._recorder.guard(node)
        return node.value

    def _whole(self, rounding: np.ufunc) -> Any:
        """The whole number nearby: in a whole program, all that f knows of the value."""
        if self._recorder.whole and self.dtype.kind == "f":
            return (rounding(self) + 0.0).look()  # of 0 and -0 it is the same
        return rounding(self.look())

    @property
    def is_number(self) -> bool:
        """Whether NumPy would have a scalar here, not an array of no dimensions."""
        return not self._is_array and self._owner is None and not self.node.value.ndim

    def as_array(self) -> "Traced":
        """Itself, or of a number the array that NumPy makes of it."""
        return Traced(self._recorder, self.node, True) if self.is_number else self

    @property
    def is_flat(self) -> bool:
        """Whether it has no derivative."""
        return self.is_constant or self.node.serial in self._recorder.flat

    @property
    def is_constant(self) -> bool:
        """Whether it does not depend on the inputs."""
        return self.node.function is None and not self.node.name

    @property
    def is_pythons(self) -> bool:
        """Whether f knows it as a float of Python's."""
        return self.node.serial in self._recorder.numbers

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What it stands for, as of a Dual; dualmc itself asks ``type(a)``."""
        recorder = self._recorder
        if not recorder.open:
            return type(self)
        if not self.is_number:
            return np.ndarray
        node = self.node
        if node.function is None and node.name:
            recorder.asked_type = True
        is_float = self.is_pythons or node.serial in recorder.floats
        return float if is_float else node.value.dtype.type

    def in_memory(self) -> Any:
        """The value, to be asked how it lies in memory, which later arguments need not do so."""
        if not self.is_constant and self.is_flat:
            self._recorder.asked_memory = True
        return self.value

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    nbytes = property(lambda self: self.value.nbytes)
    itemsize = property(lambda self: self.value.itemsize)
    flags = property(lambda self: self.in_memory().flags)
    _data = property(lambda self: self)  # what numpy.ma, Python code, computes with
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    real = property(lambda self: np.real(self))
    imag = property(lambda self: np.imag(self))

    def __repr__(self) -> str:
        return repr(self.look()[()])

    def __str__(self) -> str:
        return str(self.look()[()])

    def __format__(self, spec: str) -> str:
        return format(self.look().item() if self.ndim == 0 else self.look(), spec)

    # --- conversions: the value alone decides, or the derivative would be lost -------------------

    def __len__(self) -> int:
        return conversions.length(self)

    def __bool__(self) -> bool:
        if self._recorder.whole and self.dtype.kind != "b":
            compare: Any = np.not_equal
            return bool(compare(self, 0).look())
        return bool(self.look())

    def __iter__(self) -> Any:
        return conversions.iterator(self)

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))

    def __index__(self) -> int:
        return operator.index(self.look())

    def __int__(self) -> int:
        return int(self._whole(np.trunc))

    def __round__(self, digits: int | None = None) -> Any:
        if digits is None:
            return int(self._whole(np.rint))
        return round(self.look().item(), digits)

    __trunc__ = __int__

    def __floor__(self) -> int:
        return int(self._whole(np.floor))

    def __ceil__(self) -> int:
        return int(self._whole(np.ceil))

    def __float__(self) -> float:
        if self.is_flat:
            return float(self.look())
        self._recorder.lost = True
        raise TangentLostError(
            "float(traced) would lose the derivative (also met as math.sin(traced) or as storing "
            "a Traced in a float array). Use the NumPy function on the array itself, allocate "
            "with numpy.zeros_like(x), or build the array with numpy.stack. Where a step needs "
            "plain numbers, give its derivative with @dualmc.custom_jvp.",
            level=self._recorder,
        )

    def __complex__(self) -> complex:
        return complex(float(self))

    def __copy__(self) -> "Traced":
        return self.copy()

    def __deepcopy__(self, memo: Any) -> "Traced":
        return self.copy()

    def __reduce__(self) -> Any:
        raise TypeError("A Traced cannot be pickled: it belongs to a call of explain or trace.")


# What else it can do, by the file that gives it to the class; to `methods.py` belongs a method for
# every function of `rules/table.py` too, the names of which NumPy's loops over objects look for.
ATTACHED = {
    "graph/views.py": "__getitem__ __setitem__",
    "graph/protocols.py": "__array_ufunc__ __array_function__",
    "graph/operators.py": """
        __add__ __sub__ __mul__ __truediv__ __floordiv__ __mod__ __matmul__ __pow__ __divmod__
        __and__ __or__ __xor__ __radd__ __rsub__ __rmul__ __rtruediv__ __rfloordiv__ __rmod__
        __rmatmul__ __rpow__ __rdivmod__ __rand__ __ror__ __rxor__ __iadd__ __isub__ __imul__
        __itruediv__ __ifloordiv__ __imod__ __imatmul__ __ipow__ __iand__ __ior__ __ixor__
        __invert__ __neg__ __pos__ __abs__ __lt__ __le__ __gt__ __ge__ __eq__ __ne__
    """,
    "graph/methods.py": """
        reshape transpose ravel flatten flat squeeze swapaxes diagonal
        copy astype view item tolist conj conjugate
        take compress choose repeat searchsorted nonzero sort argsort partition argpartition
        sum prod mean std var cumsum cumprod max min argmax argmin all any trace dot clip round
        fill put rint floor ceil trunc sign
    """,
    "unchanged/attributes.py": """
        shape dtype strides base data ctypes device to_device setflags resize
        byteswap getfield setfield tobytes tofile dump dumps __bytes__ __dlpack__ __dlpack_device__
        __array_namespace__ as_integer_ratio is_integer hex
    """,
}
CARRIERS.add(Traced)
