"""The events: every way in which Python learns something from the values of arrays.

A recorded program is f only as long as Python learns the same.  What it can learn, and what a
program therefore asks at other inputs:

value: truth, int, index, round, hash, text, item of a number or array.  It holds while the bits
    are those seen.
runs: the shape, length, dtype or count of what a step gave, or that it did not raise.  It holds
    while the step runs and gives as many results of those shapes and dtypes (and the same text).
raises: an exception of a step, which f may catch.  It holds while the step raises it again, in the
    same words.
finite: that a function of Python's numbers (`math.log`, ``1 / t``) did not raise.  It holds while
    its result is finite.

Steps need no event if they are *certain*: shape, dtype and success follow from the shapes and
dtypes of their operands.  `CERTAIN` lists them, with the arguments that may depend on the inputs;
whatever is not listed is an event, used or not, its result empty or not.

Floating-point errors and warnings are events too where f may see them, which is where f itself
sets NumPy's error handling or the warnings filters: such a function is not replayed (`Handling`).
"""

import sys
import warnings
from typing import Any, NamedTuple

import numpy as np

from dualmc.errors import forget
from dualmc.graph.nodes import Node, Output, Recorder, Slot, UfuncMethod, name_of_function


class Event(NamedTuple):
    """What was learnt of the call that `node` keeps.

    kind: "runs", "raises" or "finite" (values seen are `Recorder.guards`).  `seen`: the signature
    of the result, or what was raised.  `is_step`: whether `node` is an array of the program, or
    else a call that is made for the sake of what is seen alone.
    """

    kind: str
    node: Node
    seen: Any = None
    is_step: bool = True


class Unknown(Exception):
    """A result of which nobody could tell whether another is the same."""


def signature(y: Any) -> Any:
    """What Python can know of the result of a step without looking at the numbers in it."""
    if issubclass(type(y), (np.ndarray, np.generic)):
        return y.shape, y.dtype.str
    if issubclass(type(y), (tuple, list)):
        return type(y), tuple(map(signature, y))
    if type(y) in (bool, int, float, complex):
        return type(y)
    if y is None or isinstance(y, (str, bytes)):
        return type(y), y
    raise Unknown(type(y).__name__)


def words(error: BaseException) -> tuple:
    return type(error), str(error)


def holds(event: Event, values: Any) -> bool:
    """Whether the call of `event` does on these operands what it did when it was recorded."""
    try:
        with np.errstate(all="ignore"):
            y = event.node.call(*values)
    except Exception as error:
        forget(error)
        return event.kind == "raises" and words(error) == event.seen
    if event.kind == "finite":
        return bool(np.isfinite(y).all())
    return event.kind == "runs" and signature(y) == event.seen


# --- Noting them --------------------------------------------------------------------------------

# What Python does with floats where NumPy gives infinity or NaN: it raises, or makes complex roots.
_RAISING = frozenset(
    {np.divide, np.floor_divide, np.remainder, np.divmod, np.power, np.square, np.sqrt,
     np.reciprocal}
)  # fmt: skip


def note_result(recorder: Recorder, node: Node, y: Any) -> None:
    """Note what Python learns of `y`, the result of the call that `node` keeps."""
    changed = recorder.handling.changed()
    if changed is not None:
        recorder.refuse(changed)
    if recorder.careful:
        note_finite(recorder, node, y)
    if recorder.numbers:
        _note_number(recorder, node, y)
    is_array = issubclass(type(y), (np.ndarray, np.generic)) or type(y) in (bool, int)
    is_list = issubclass(type(y), (tuple, list)) and all(
        issubclass(type(a), (np.ndarray, np.generic)) for a in y
    )
    if (is_array or is_list) and is_certain(node.function, node.args, node.options, node.operands):
        return
    try:
        recorder.events.append(Event("runs", node, signature(y), is_array))
    except Unknown as problem:
        recorder.refuse(f"{name_of_function(node.function)} gives a {problem}")


def note_error(recorder: Recorder, node: Node | None, error: Exception) -> None:
    """Note that the call that `node` keeps raised `error`, which f may catch."""
    recorder.noted = error
    changed = recorder.handling.changed()
    if isinstance(error, (Warning, FloatingPointError)):
        changed = f"f may catch a {type(error).__name__}, which depends on values"
    if changed is not None:
        recorder.refuse(changed)
    if node is not None and not is_certain(node.function, node.args, node.options, node.operands):
        recorder.events.append(Event("raises", node, words(error), False))


def note_finite(recorder: Recorder, node: Node, y: Any) -> None:
    """Where warnings are errors: a finite result, of finite numbers, came without one."""
    y = np.asarray(y) if issubclass(type(y), (np.ndarray, np.generic)) else None
    if y is None or y.dtype.kind not in "fb" or not np.isfinite(y).all():
        recorder.refuse("f may catch a warning, which is an error here and depends on values")
    elif y.dtype.kind == "f":
        recorder.events.append(Event("finite", node))


def _note_number(recorder: Recorder, node: Node, y: Any) -> None:
    """What Python's floats alone make raised nothing if it is finite."""
    if node.function not in _RAISING:
        return
    if any(operand.serial not in recorder.numbers for operand in node.operands):
        return
    if not np.isfinite(y).all():
        recorder.refuse("a division or a power of Python's floats is not finite")
    recorder.events.append(Event("finite", node))


# --- Steps that cannot surprise ------------------------------------------------------------------


def _table() -> dict:
    """By function: which of its arguments may depend on the inputs; None: all of them."""
    found: dict = {}
    rows: tuple[tuple[tuple[int, ...] | None, str], ...] = (
        (None, """
            sum mean var std max min amax amin ptp prod cumsum cumprod cumulative_sum
            cumulative_prod nansum nanprod nancumsum nancumprod nanmean nanvar nanstd nanmax nanmin
            all any count_nonzero argmax argmin argsort sort lexsort sort_complex
            isclose allclose array_equal array_equiv isin iscomplex isreal isneginf isposinf
            clip nan_to_num select concatenate concat stack hstack vstack dstack column_stack
            block append atleast_1d atleast_2d atleast_3d broadcast_arrays meshgrid
            dot vdot inner outer matmul vecdot matvec vecmat tensordot kron cross convolve correlate
            einsum trapezoid polyval polyadd polysub polyder sinc angle real imag
            unwrap copy copyto putmask zeros_like ones_like empty_like full_like fill_diagonal
            linalg.outer linalg.cross linalg.matmul linalg.vecdot linalg.tensordot linalg.det
            linalg.slogdet linalg.multi_dot linalg.trace linalg.diagonal linalg.matrix_transpose
            linalg.vector_norm
        """),
        ((0,), """
            reshape ravel transpose swapaxes moveaxis rollaxis expand_dims squeeze flip fliplr
            flipud rot90 roll take take_along_axis repeat tile broadcast_to split array_split hsplit
            vsplit dsplit unstack delete diag diagonal diagflat tril triu resize trace
            matrix_transpose permute_dims pad partition argpartition astype round around fix
            quantile percentile median nanmedian nanquantile nanpercentile average diff
            digitize vander polyint cov corrcoef shape ndim size
            fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft fft.fft2 fft.ifft2 fft.rfft2
            fft.irfft2 fft.fftn fft.ifftn fft.rfftn fft.irfftn fft.fftshift fft.ifftshift
            lib.stride_tricks.sliding_window_view
        """),
        ((0, 1), "linspace ediff1d searchsorted"),
        ((0, 2), "insert put put_along_axis"),
        ((1,), "compress extract bincount choose"),
        ((0, 1, 2), "interp"),
    )  # fmt: skip
    for positions, names in rows:
        for name in names.split():
            owner: Any = np
            for part in name.split("."):
                owner = getattr(owner, part, None)
            if owner is not None:
                found[owner] = positions
    return found


CERTAIN = _table()
# Arguments by name that are numbers to compute with, not counts or places.
_NUMBERS_BY_NAME = frozenset(
    "a x y v arr ary array m b fp initial where weights values constant_values min max a_min a_max "
    "append prepend left right fill_value".split()
)
_UFUNCS = frozenset(u for u in vars(np).values() if isinstance(u, np.ufunc))


def is_certain(function: Any, args: tuple, options: dict, operands: tuple = ()) -> bool:
    """Whether the shape, the dtype and the success of a call follow from its operands' shapes."""
    while isinstance(function, Output):  # it comes, or fails, with the others
        function = function.function
    function = getattr(function, "writes", function)
    if isinstance(function, np.ufunc):
        if function is np.power and any(n.value.dtype.kind in "iu" for n in operands):
            return False  # a negative power of a whole number
        return _is_certain_ufunc(function)
    if isinstance(function, UfuncMethod):
        places = {"reduceat": (0,), "at": (0, 2)}.get(function.method)
        return _is_certain_ufunc(function.ufunc) and _are_at(places, args, options)
    if function is np.where:
        return len(args) == 3
    if getattr(function, "is_write", False) and is_by_mask(args, operands):
        return True
    if function is np.linalg.norm:
        return _is_certain_norm(args, options)
    if function is np.average and "weights" in options:  # which may sum up to 0
        return not has_slot(options["weights"]) and _are_at((0,), args, options)
    positions = CERTAIN.get(function, ()) if _is_hashable(function) else ()
    return _are_at(positions, args, options)


def is_by_mask(args: tuple, operands: tuple) -> bool:
    """Whether ``a[mask] = number`` is written, for truth values in the shape of a, which vary."""
    a, mask, value = (operands[x].value if isinstance(x, Slot) else x for x in args)
    return (
        isinstance(args[1], Slot)
        and mask.dtype == bool
        and np.shape(a) == mask.shape
        and not issubclass(type(value), (list, tuple))
        and np.shape(value) == ()
    )


def _are_at(positions: tuple | None, args: tuple, options: dict) -> bool:
    """Whether only arguments at `positions` (None: all) depend on the inputs."""
    for name, value in options.items():
        if has_slot(value) and (name not in _NUMBERS_BY_NAME or positions == ()):
            return False
    return positions is None or not any(
        has_slot(a) for i, a in enumerate(args) if i not in positions
    )


def _is_certain_ufunc(ufunc: np.ufunc) -> bool:
    modules = map(sys.modules.get, ("scipy.special", "scipy.special._ufuncs"))
    return ufunc in _UFUNCS or any(getattr(m, ufunc.__name__, None) is ufunc for m in modules)


def _is_certain_norm(args: tuple, options: dict) -> bool:
    """Norms by singular values may not converge."""
    order = options.get("ord", args[1] if len(args) > 1 else None)
    return order is None or isinstance(order, str) and order == "fro"


def _is_hashable(function: Any) -> bool:
    try:
        hash(function)
    except TypeError:
        return False
    return True


def has_slot(a: Any) -> bool:
    if isinstance(a, Slot):
        return True
    return issubclass(type(a), (list, tuple)) and any(map(has_slot, a))


# --- Floating-point errors and warnings ----------------------------------------------------------

try:
    from numpy._core.umath import _extobj_contextvar

    error_state = _extobj_contextvar.get  # another object wherever the handling is another
except ImportError:  # a NumPy that keeps it elsewhere

    def error_state() -> Any:
        return tuple(np.geterr().items())


_LOUD = frozenset({"raise", "call", "log"})


def loud_errors() -> str | None:
    """Which of NumPy's floating-point errors do more than warn, as a phrase; None: none."""
    for name, mode in np.geterr().items():
        if mode in _LOUD:
            return f'numpy.errstate({name}="{mode}")'
    return None


def loud_special() -> str | None:
    """Which errors of scipy.special raise, as a phrase; None: none."""
    special = sys.modules.get("scipy.special")
    found = special.geterr().items() if hasattr(special, "geterr") else ()
    for name, mode in found:
        if mode == "raise" and name != "memory":  # as SciPy has it anyway
            return f'scipy.special.errstate({name}="{mode}")'
    return None


def warning_action() -> str:
    """What Python does with the RuntimeWarning of a step: "ignore", "error", ..."""
    for action, message, category, module, line in warnings.filters:
        if issubclass(RuntimeWarning, category):
            if action == "error":
                return action
            if message is None and module is None and not line:
                return action
    return "default"


class Handling:
    """How errors of arithmetic and warnings are dealt with, as f began; `changed` says what f
    did to it."""

    __slots__ = ("state", "special", "filters", "show", "action")

    def __init__(self) -> None:
        self.state: Any = error_state()
        self.special = loud_special()
        self.filters = warnings.filters
        self.show = warnings.showwarning, getattr(warnings, "_showwarnmsg_impl", None)
        self.action = warning_action()

    def changed(self) -> str | None:
        """Why a step that runs now may tell f of its values by an error or a warning."""
        if error_state() is not self.state:
            loud = loud_errors()
            if loud is not None:
                return f"f runs a step under {loud}, where values decide whether it raises"
        if self.special is None and (loud := loud_special()) is not None:
            return f"f runs a step under {loud}, where values decide whether it raises"
        action = self.action
        if warnings.filters is not self.filters:
            action = warning_action()
            if action == "error" != self.action:
                return "f makes errors of warnings, so that values decide whether a step raises"
        now = warnings.showwarning, getattr(warnings, "_showwarnmsg_impl", None)
        if now != self.show and action != "ignore":
            return "f catches warnings, which depend on values"
        return None
