"""`Traced`: an array that remembers the node of the graph that made it.

It stands for a plain array in a user's function, as a Dual does; what a Dual has no rule for, a
Traced refuses too, and like a Dual it refuses to become a float.  Its value never changes in place:
a write gives it another node.  A view remembers the Traced that it is a part of, and each follows
the other's writes.
"""

import copy
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.duals import conversions, ended, levels, texts
from dualmc.duals.elements import CARRIERS
from dualmc.errors import TangentLostError
from dualmc.graph.nodes import Node, Recorder


class Traced:
    """An array that records what is done to it: `ATTACHED`, below, says where."""

    __slots__ = ("_recorder", "_node", "_owner", "_place", "_seen", "_is_array", "_memory")
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
        self._memory: Any = None  # once the recording has ended: the array that it is

    @property
    def node(self) -> Node:
        """The node that made it: another after each write to the memory that it shares."""
        if self.has_ended:
            ended.check_readable(self)
            return self._node
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
        return np.asarray(self.ended_value()) if self.has_ended else self.node.value

    @property
    def has_ended(self) -> bool:
        """Whether the recording that it belongs to has."""
        return not self._recorder.open

    is_running = property(lambda self: self._recorder.open)

    def ended_value(self) -> Any:
        """The plain array or number that it is where it has: see `duals/ended.py`."""
        ended.check_readable(self)
        if self._memory is None:
            if self._owner is None:
                self._memory = self._node.value.copy()  # which a program may hold as a constant
            else:
                assert self._place is not None
                self._memory = self._place(self._owner.ended_value())
        if not self.is_number:
            return self._memory
        return self._memory.item() if self.is_pythons else self._memory[()]

    def look(self) -> Any:
        """The plain array, whose numbers decide what f does next."""
        if self.has_ended:
            return self.value
        node = self.node
        self._recorder.guard(node)
        return node.value

    def _whole(self, rounding: np.ufunc) -> Any:
        """The whole number nearby: in a whole program, all that f knows of the value."""
        if self._recorder.whole and self.dtype.kind == "f" and not self.has_ended:
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
        serial, recorder = self.node.serial, self._recorder
        return serial in recorder.numbers or serial in recorder.floats

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What it stands for, as of a Dual; dualmc itself asks ``type(a)``."""
        recorder, node = self._recorder, self.node
        is_input = node.function is None and node.name
        if self.is_number and (is_input or self.is_pythons and recorder.takes_numbers):
            if not (self.has_ended and levels.is_inside()):
                recorder.asked_type = True  # which may depend on the class of an argument
        return self.stands_for

    @property
    def stands_for(self) -> type:
        """The same where the answer is that for all arguments that are taken for equal kinds."""
        if self.has_ended and levels.is_inside():
            return type(self)
        if not self.is_number:
            return np.ndarray
        return float if self.is_pythons else self.node.value.dtype.type

    def in_memory(self) -> Any:
        """The value, to be asked how it lies in memory, which later arguments need not do so."""
        if not self.is_constant and self.is_flat:
            self._recorder.asked_memory = True
        return self.value

    shape = property(lambda self: self._node.value.shape)
    ndim = property(lambda self: self._node.value.ndim)
    size = property(lambda self: self._node.value.size)
    dtype = property(lambda self: self._node.value.dtype)
    nbytes = property(lambda self: self._node.value.nbytes)
    itemsize = property(lambda self: self._node.value.itemsize)
    flags = property(lambda self: self.in_memory().flags)
    _data = property(lambda self: self)  # what numpy.ma, Python code, computes with
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    real = property(lambda self: np.real(self), conversions.set_real)
    imag = property(lambda self: np.imag(self))

    def __repr__(self) -> str:
        return repr(self._shown())

    def __str__(self) -> str:
        return str(self._shown())

    def __format__(self, spec: str) -> str:
        return format(self._shown(), spec)

    def _shown(self) -> Any:
        """The plain number or array, which somebody may read again."""
        if self.has_ended:  # inside another call, in the message of an error, say
            return self._node.value[()] if levels.is_inside() else self.ended_value()
        value = self.look()[()]
        if not self.is_flat:
            texts.shown(self._recorder, value)
        return value.item() if self.is_pythons else value

    # --- conversions: the value alone decides, or the derivative would be lost -------------------

    def __len__(self) -> int:
        return conversions.length(self)

    def __bool__(self) -> bool:
        if self._recorder.whole and self.dtype.kind != "b" and not self.has_ended:
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
        if self.has_ended:
            return round(self.ended_value(), digits)
        if not self.is_number:
            return round(self.look(), digits)  # as of NumPy's arrays: an error
        if self.is_pythons:
            return round(self.look().item(), digits)
        return np.round(self, digits)

    __trunc__ = __int__

    def __floor__(self) -> int:
        return int(self._whole(np.floor))

    def __ceil__(self) -> int:
        return int(self._whole(np.ceil))

    def __float__(self) -> float:
        if self.has_ended or self.is_flat:
            return float(self.look())
        if texts.is_formatting(sys._getframe(1)):
            return float(self._shown())
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

    def __copy__(self) -> Any:
        return copy.copy(self.ended_value()) if self.has_ended else self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return copy.copy(self)

    @property
    def __array__(self) -> Any:
        if not self.has_ended:
            raise AttributeError("__array__")
        value = self.value
        return lambda dtype=None, copy=None: np.array(value, dtype, copy=copy)

    def __reduce__(self) -> Any:
        if self.has_ended:
            return ended.reduced(self)
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
