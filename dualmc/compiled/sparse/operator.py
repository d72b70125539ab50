"""The sparse Jacobian as a function that compiled code can call: the nonzeros, by a pattern found
before at an example.

The pattern lies in arrays that the compiled function finds by their address, so that entries of
another point can be added to it without compiling again.
"""

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, errors, types
from numba.extending import intrinsic
from numba.np import arrayobj

from dualmc.calls import options
from dualmc.calls.inputs import as_input, as_read
from dualmc.compiled import calling
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.sparse.compression import Compressed
from dualmc.compiled.sparse.patterns import Fingerprint, patterns_of

_CALLER = "jit_jacobian"

_TEXT = """
def jac({into}{names}{rest}):
    {admitted}
    at = places()
    return sweep({into}{names}array_at(at, TABLE), array_at(at + 16, CODES), {rest})
"""


def _reading(address):
    """A function for compiled code that returns the integer at an address.

    Numba is told of the address, so that callers are not kept on disk for another process.
    """

    @intrinsic
    def places(context):
        def code(context, builder, sig, args):
            at = context.add_dynamic_addr(builder, address, info="a pattern of dualmc's")
            return builder.load(builder.bitcast(at, ir.IntType(64).as_pointer()))

        return types.intp(), code

    return places


@intrinsic
def array_at(context, address, dtype):
    """The vector of which pointer and size are kept at an address."""
    kind = types.Array(dtype.dtype, 1, "C")

    def code(context, builder, sig, args):
        at = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        data, size = (builder.load(builder.gep(at, [ir.IntType(64)(i)])) for i in range(2))
        array = context.make_array(kind)(context, builder)
        width = context.get_constant(types.intp, kind.dtype.bitwidth // 8)
        arrayobj.populate_array(
            array,
            data=builder.inttoptr(data, array.data.type),
            shape=cgutils.pack_array(builder, [size]),
            strides=cgutils.pack_array(builder, [width]),
            itemsize=width,
            meminfo=None,
        )
        return array._getvalue()

    return kind(types.intp, dtype), code


# Tables of patterns: compiled callers may outlive the dispatcher that they have the address from.
_alive: list = []


def _admitting(args):
    """A function for compiled code that takes the tuple of arguments, of these types alone.

    A pattern that is not checked at every call was found for these.
    """
    wanted = tuple(_bare(numba.typeof(a)) for a in args)

    @intrinsic
    def admitted(context, given):
        if tuple(map(_bare, given.types)) != wanted and not any(map(_has_dual, given.types)):
            raise errors.TypingError(
                f"{_CALLER}: the pattern was found for arguments of types {wanted}, and these are "
                f"{tuple(given.types)}. Make another one, with sparse= an example of such."
            )
        return types.none(given), lambda context, builder, sig, args: context.get_dummy_value()

    return admitted


def _bare(kind):
    """A type without what does not change the steps of a function."""
    kind = types.unliteral(kind)
    return types.Array(kind.dtype, kind.ndim, "A") if isinstance(kind, types.Array) else kind


def _has_dual(kind):
    return is_dual(kind.dtype if isinstance(kind, types.Array) else kind)


class Pattern:
    """What `jac.include` and its attributes need."""

    def __init__(self, f, positions, out, example):
        self.f, self.positions = f, positions
        self.patterns = patterns_of(f, positions, out)
        args = self._read(example)
        print_ = Fingerprint(args, positions, out)
        plan = self.patterns.filled(args)[2]
        # Compiled code cannot compare all that a pattern depends on.
        self.is_checked = not print_.is_alone or print_.integers not in plan.certain
        self.admitted = _admitting(args)
        self.holder = np.zeros(1, np.int64)
        _alive.append(self.holder)
        self._hold(plan)

    def _hold(self, plan):
        table, codes = self._codes(plan)
        places = np.array([table.ctypes.data, table.size, codes.ctypes.data, codes.size])
        _alive.append((table, codes, places))
        self.plan = plan
        self.holder[0] = places.ctypes.data  # at once: calls may be under way

    def _codes(self, plan):
        if self.is_checked:
            return plan.checked(self.patterns.words)
        return plan.table, np.zeros(1, np.uint64)

    def _read(self, args):
        last = self.positions[-1]
        if len(args) <= last:
            raise TypeError(
                f"{_CALLER}: sparse must be the arguments of an example call, got "
                f"{len(args)} of them, and argnums names argument {last}."
            )
        args = as_read(args)
        xs = [as_input(args[i], _CALLER, f"argument {i}") for i in self.positions]
        return tuple(calling.arguments(args, self.positions, xs))

    def include(self, jac, args):
        plan = self.patterns.filled(self._read(args))[2]
        if (plan.m, plan.n) != (self.plan.m, self.plan.n):
            raise ValueError(
                f"{_CALLER}: the Jacobian has shape {(plan.m, plan.n)} for these arguments, and "
                f"{(self.plan.m, self.plan.n)} at the example. Make another one for them."
            )
        self._hold(self.plan.union(plan, self.plan.lanes))
        self.show(jac)

    def show(self, jac):
        """Let `jac` have the pattern as attributes."""
        jac.indptr, jac.indices = self.plan.indptr.copy(), self.plan.indices.copy()
        jac.shape = self.plan.m, self.plan.n


def jacobian_by_example(f, argnums, chunk_size, value, example, out, inplace):
    """See `dualmc.jit_jacobian`."""
    if chunk_size is not None:
        raise TypeError(f"{_CALLER}: with sparse the colours tell how many columns go together.")
    if issubclass(type(example), (bool, str)):
        raise TypeError(
            f"{_CALLER}: sparse must be an example of x, or the tuple of all arguments, at which "
            f"the pattern is found; got sparse={example!r}."
        )
    if inplace and value:
        raise ValueError(f"{_CALLER}: inplace=True writes one Jacobian, and returns no value.")
    example = example if type(example) is tuple else (example,)
    positions = options.check_argnums(argnums, len(example), _CALLER)[0]
    if list(positions) != sorted(positions):
        raise ValueError(f"{_CALLER}: argnums must ascend with sparse, got {argnums!r}.")
    pattern = Pattern(f, positions, out, example)
    returns = "into" if inplace else "with value" if value else "alone"
    sweep = Compressed(f, positions, out, pattern.plan.lanes, pattern.is_checked, returns)
    scope = {
        "sweep": sweep.compiled(), "admitted": pattern.admitted, "array_at": array_at,
        "places": _reading(pattern.holder.ctypes.data), "TABLE": np.int32, "CODES": np.uint64,
    }  # fmt: skip
    names, rest = sweep.names(), sweep.rest()
    given = f"admitted(({names}) + rest)" if rest == "*rest" else f"admitted(({names}{rest}))"
    text = _TEXT.format(
        names=names, rest=rest, into="data, " * inplace,
        admitted="" if pattern.is_checked else given,
    )  # fmt: skip
    exec(compile(text, __file__, "exec"), scope)
    jac = numba.njit(nogil=True)(scope["jac"])
    jac.include = lambda *args: pattern.include(jac, args)
    pattern.show(jac)
    return jac
