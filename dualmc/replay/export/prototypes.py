"""The C signatures under which native code is handed out, each a few instructions around it.

Whatever the signature, a call that fails notes why in a word of memory, and gives NaN.
"""

import ctypes
import math

from llvmlite import ir

from dualmc.replay.export.served import Refused
from dualmc.replay.machine import engine
from dualmc.replay.machine.alone import (
    COUNT,
    NO_MEMORY,
    OVERLAP,
    address_of,
    fill_nan,
    scratch,
)
from dualmc.replay.machine.engine import INT64, POINTER
from dualmc.replay.machine.function import integer, repeat
from dualmc.replay.machine.operations import DOUBLE

INT = ir.IntType(32)
NAN = ir.Constant(DOUBLE, float("nan"))
ARRAY = ctypes.POINTER(ctypes.c_double)
# By the letters of a signature: LLVM's type and that of ctypes.
_KINDS = {
    "double": (DOUBLE, ctypes.c_double),
    "double *": (POINTER, ARRAY),
    "void *": (ir.IntType(8).as_pointer(), ctypes.c_void_p),
    "int": (INT, ctypes.c_int),
    "npy_intp": (ir.IntType(8 * ctypes.sizeof(ctypes.c_ssize_t)), ctypes.c_ssize_t),
    "int64_t": (INT64, ctypes.c_int64),
    "void": (ir.VoidType(), None),
}


class Writer:
    """A function of the C signature `text` in the writing, around the code of a `Served`.

    `entry`: which number of the result, if the signature has one number; `order`: of a matrix.
    """

    def __init__(self, served, text, entry, order, word):
        self.served = served
        self.entry = entry
        self.order = order
        self.word = word
        given, _, rest = text.partition(" (")
        result, *args = (_KINDS[kind] for kind in [given, *rest.rstrip(")").split(", ")])
        self.module = engine.module()
        self.failure = {"void": None, "double": NAN, "int": INT(0)}.get(given)
        kind = ir.FunctionType(result[0], [a[0] for a in args])
        self.function = ir.Function(self.module, kind, engine.ENTRY)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.ctypes = ctypes.CFUNCTYPE(result[1], *(a[1] for a in args))

    def note(self, state):
        """Add `state` to the word, if it is not 0."""
        builder = self.builder
        with builder.if_then(builder.icmp_unsigned("!=", state, integer(0)), likely=False):
            word = builder.bitcast(address_of(self.word), INT64.as_pointer())
            builder.atomic_rmw("or", word, state, "monotonic")

    def call(self, inputs, *results):
        """The state of a call that puts what was asked for into `results`."""
        given = iter(results)
        pointers = [
            *inputs,
            *(next(given) if has else POINTER(None) for has in self.served.alone.has),
        ]
        kind = ir.FunctionType(INT64, [POINTER] * len(pointers))
        function = self.builder.inttoptr(integer(self.served.alone.address), kind.as_pointer())
        state = self.builder.call(function, pointers)
        self.note(state)
        return state

    def fail(self, state):
        self.note(integer(state))
        self.builder.ret_void() if self.failure is None else self.builder.ret(self.failure)

    def cut(self, pointer, inputs):
        """Pointers to `inputs` that lie one after the other from `pointer` on."""
        first = 0
        for given in inputs:
            yield self.builder.gep(pointer, [integer(first)])
            first += math.prod(given.shape)

    def all_from(self, pointer, n):
        """Pointers to all inputs, that lie one after the other; the call fails for another n."""
        inputs = self.served.inputs
        count = sum(math.prod(given.shape) for given in inputs)
        with self.builder.if_then(self.builder.icmp_signed("!=", n, n.type(count)), likely=False):
            self.fail(COUNT)
        return self.cut(pointer, inputs)

    def one_number(self, inputs):
        """The state of a call, and number `entry` of its result."""
        builder = self.builder
        count = sum(self.served.alone.results)
        buffer, free = scratch(builder, count, lambda: self.fail(NO_MEMORY))
        state = self.call(inputs, buffer)
        number = builder.load(builder.gep(buffer, [integer(self.entry)]))
        free()
        return state, number


def write_plain(writer):
    """A pointer per argument of f, then one per result; the state is what it returns."""
    count = len(writer.served.inputs)
    args = writer.function.args
    writer.builder.ret(writer.call(args[:count], *args[count:]))


def write_number(writer):
    """A function of one number."""
    if [math.prod(given.shape) for given in writer.served.inputs] != [1]:
        raise Refused("this signature is of one number, f is not")
    place = writer.builder.alloca(DOUBLE)
    writer.builder.store(writer.function.args[0], place)
    writer.builder.ret(writer.one_number([place])[1])


def write_vector(writer):
    """A function of n numbers: the arguments of f, one after the other."""
    n, numbers, *_ = writer.function.args
    writer.builder.ret(writer.one_number(writer.all_from(numbers, n))[1])


def write_filter(writer):
    """A function of the n numbers in a window, which puts its number where it is told."""
    builder = writer.builder
    numbers, n, result, _ = writer.function.args
    state, number = writer.one_number(writer.all_from(numbers, n))
    builder.store(number, result)
    builder.ret(builder.zext(builder.icmp_unsigned("==", state, integer(0)), INT))


def write_rates(writer):
    """The right-hand side of an equation, or its Jacobian: (t, u, result, parameters)."""
    builder = writer.builder
    served = writer.served
    t, u, result, parameters = writer.function.args
    place = builder.alloca(DOUBLE)
    builder.store(t, place)
    inputs = served.inputs
    if len(inputs) == 1:
        pointers = [u]
    elif inputs[0].shape == ():
        pointers = [place, u, *writer.cut(parameters, inputs[2:])]
    else:
        raise Refused("this signature is of f(u) or f(t, u, ...), where t is a float")
    count = sum(served.alone.results)
    states = math.prod(inputs[-1 if len(inputs) == 1 else 1].shape)
    if served.value is not None and count != states:
        raise Refused(f"f gives {count} rates of {states} states")
    if writer.order == "F":
        buffer, free = scratch(builder, count, lambda: writer.fail(NO_MEMORY))
        writer.call(pointers, buffer)
        _transpose(builder, result, buffer, served.rows, served.columns)
        free()
    else:
        state = writer.call(pointers, result)
        is_overlap = builder.icmp_unsigned("==", state, integer(OVERLAP))
        with builder.if_then(is_overlap, likely=False):  # the caller has no other way to see it
            fill_nan(builder, result, count)
    builder.ret_void()


def _transpose(builder, target, source, rows, columns):
    """The (rows, columns) matrix `source` goes to `target` column by column."""

    def row(i):
        def entry(j):
            at = builder.add(builder.mul(i, integer(columns)), j)
            to = builder.add(builder.mul(j, integer(rows)), i)
            builder.store(builder.load(builder.gep(source, [at])), builder.gep(target, [to]))

        repeat(builder, columns, entry)

    repeat(builder, rows, row)


FILTER = "int (double *, npy_intp, double *, void *)"
RATES = "void (double, double *, double *, double *)"
PROTOTYPES = {
    "double (double)": write_number,
    "double (double, void *)": write_number,
    "double (int, double *)": write_vector,
    "double (int, double *, void *)": write_vector,
    FILTER: write_filter,
    RATES: write_rates,
}


def plain_of(served):
    """The signature that has a pointer per argument and result."""
    count = len(served.inputs) + sum(served.alone.has)
    return f"int64_t ({', '.join(['double *'] * count)})"


def write(served, text, entry, order, word):
    """(`Machine`, ctypes type) of the function with the signature `text`.

    Raises
    ------
    Refused
        If f does not fit it.
    """
    writer = Writer(served, text, entry, order, word)
    has = served.alone.has
    if text in PROTOTYPES and all(has):
        raise Refused('this signature has one result; ask for "value" or "derivative"')
    PROTOTYPES.get(text, write_plain)(writer)
    return engine.Machine(writer.module), writer.ctypes
