"""What closed code may do: operations of Python's machine, names, functions, kinds of values.

All that is not listed is not closed, so that what a later Python or NumPy brings is not either.
"""

import builtins
import functools
import math
import types

import numpy as np

from dualmc.rules import registry

# Of Python 3.11 to 3.14: what moves values between the stack and f's own variables, computes,
# jumps, calls, makes tuples, lists, dicts, slices, texts and functions, or raises.
OPERATIONS = frozenset(
    """
    NOP RESUME CACHE POP_TOP PUSH_NULL COPY SWAP PRECALL CALL CALL_KW KW_NAMES CALL_FUNCTION_EX
    LOAD_FAST LOAD_FAST_CHECK LOAD_FAST_AND_CLEAR LOAD_FAST_BORROW LOAD_FAST_LOAD_FAST
    LOAD_FAST_BORROW_LOAD_FAST_BORROW STORE_FAST STORE_FAST_STORE_FAST STORE_FAST_LOAD_FAST
    STORE_FAST_MAYBE_NULL DELETE_FAST LOAD_CLOSURE MAKE_CELL COPY_FREE_VARS LOAD_SMALL_INT
    RETURN_VALUE NOT_TAKEN TO_BOOL
    UNARY_NEGATIVE UNARY_POSITIVE UNARY_NOT UNARY_INVERT BINARY_OP BINARY_SUBSCR BINARY_SLICE
    STORE_SUBSCR STORE_SLICE COMPARE_OP CONTAINS_OP GET_LEN
    BUILD_TUPLE BUILD_LIST BUILD_MAP BUILD_CONST_KEY_MAP BUILD_SLICE BUILD_STRING LIST_APPEND
    LIST_EXTEND LIST_TO_TUPLE MAP_ADD DICT_UPDATE DICT_MERGE UNPACK_SEQUENCE UNPACK_EX
    GET_ITER FOR_ITER END_FOR POP_ITER
    JUMP_FORWARD JUMP_BACKWARD JUMP_BACKWARD_NO_INTERRUPT JUMP_IF_TRUE_OR_POP JUMP_IF_FALSE_OR_POP
    POP_JUMP_IF_TRUE POP_JUMP_IF_FALSE POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE
    POP_JUMP_FORWARD_IF_TRUE POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_NONE
    POP_JUMP_FORWARD_IF_NOT_NONE POP_JUMP_BACKWARD_IF_TRUE POP_JUMP_BACKWARD_IF_FALSE
    POP_JUMP_BACKWARD_IF_NONE POP_JUMP_BACKWARD_IF_NOT_NONE
    MAKE_FUNCTION SET_FUNCTION_ATTRIBUTE RAISE_VARARGS LOAD_ASSERTION_ERROR RERAISE
    """.split()
)
# What makes texts of numbers, by NumPy's print options, which nobody compares: where f raises them.
FORMATS = frozenset("FORMAT_VALUE FORMAT_SIMPLE FORMAT_WITH_SPEC CONVERT_VALUE".split())
# Beside these, those of generator expressions, which nobody but the function around them runs.
GENERATING = OPERATIONS | frozenset(
    "RETURN_GENERATOR YIELD_VALUE CALL_INTRINSIC_1 GET_YIELD_FROM_ITER".split()
)
# Methods and attributes of arrays, numbers, lists and dicts that change nothing but these.  Lists
# and dicts are f's own; an array from outside that f writes to is noticed as it is recorded.
ATTRIBUTES = frozenset(
    """
    T mT shape size ndim dtype astype real imag sum mean prod min max argmin argmax std var cumsum
    cumprod dot reshape ravel flatten transpose swapaxes squeeze copy clip round take repeat
    diagonal trace conj conjugate all any tolist item append extend insert reverse items keys values
    get flat sort fill put partition
    """.split()
)
UFUNC_METHODS = frozenset("reduce accumulate outer reduceat at".split())
# Python's own functions, and exceptions to raise.
_BUILTINS = """
    abs all any bool divmod enumerate float int isinstance len list max min pow range reversed round
    sum tuple zip ArithmeticError AssertionError Exception FloatingPointError IndexError
    NotImplementedError OverflowError RuntimeError TypeError ValueError ZeroDivisionError
""".split()
BUILTINS = {name: getattr(builtins, name) for name in _BUILTINS}
MODULES = frozenset({np, np.linalg, np.fft, math})
NUMBERS = (bool, int, float, complex, np.number, np.bool_)
_CLASSES = frozenset({np.ndarray, np.generic, np.float64, np.int64, np.intp, np.bool_})
# What depends on settings of NumPy's, or on where arrays lie, or warns by what numbers are, through
# `warnings`, of which the processor notes nothing.
_UNSETTLED = frozenset(
    """
    array_repr array_str array2string format_float_positional format_float_scientific
    may_share_memory shares_memory
    nanmean nanmax nanmin nanmedian nanpercentile nanquantile nanstd nanvar polyfit
    """.split()
)
_MADE = "zeros ones empty full eye identity tri arange linspace array asarray isscalar".split()


@functools.cache
def functions():
    """The functions of NumPy and `math` that closed code may call."""
    found = {entry for entry in vars(np).values() if type(entry) is np.ufunc}
    found.update(
        function
        for function, entry in registry.FUNCTIONS.items()
        if function.__name__ not in _UNSETTLED and (function.__module__ or "").startswith("numpy")
    )
    found.update(getattr(np, name) for name in _MADE)
    found.update(f for f in vars(math).values() if type(f) is types.BuiltinFunctionType)
    return frozenset(found)


def is_function(value):
    """Whether `value` is a function or a dtype that closed code may call or name."""
    kind = type(value)
    if kind is type:
        return value in _CLASSES
    known = kind is np.ufunc or kind in (types.FunctionType, types.BuiltinFunctionType)
    return (known or kind is type(np.concatenate)) and value in functions()


def is_constant(value):
    """Whether `value` is a number, nothing, a text without % (which makes others), or a tuple."""
    kind = type(value)
    if kind is tuple:
        return all(map(is_constant, value))
    if kind is str:
        return "%" not in value
    return value is None or value is Ellipsis or is_class_of_numbers(kind)


def is_class_of_numbers(kind):
    """Whether `kind` is a class of numbers of Python's or NumPy's own."""
    return kind.__module__ in ("builtins", "numpy") and issubclass(kind, NUMBERS)


def is_array(value):
    return type(value) is np.ndarray and value.dtype.kind in "biufc"
