"""Roots that compiled code finds by halving, refused as `dualmc.duals.halving` refuses them.

A pass puts a look before every comparison that a loop makes; of numbers and whole numbers it comes
to nothing.  What was compared is remembered in the frame of the function, one `Site` a comparison.
"""

import dis
import inspect
import operator

import numpy as np
from llvmlite import ir as llvm
from numba.core import cgutils, errors, ir, types
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.ir_utils import build_definitions, get_definition, guard, mk_unique_var
from numba.core.typing import signature
from numba.extending import intrinsic, overload, register_jitable

from dualmc.compiled.arrays.looping import bare, element, is_dual_array
from dualmc.compiled.scalars.dual_type import is_dual, is_scalar, promoted
from dualmc.compiled.scalars.intrinsics import factor_of, partial_of
from dualmc.duals.halving import told
from dualmc.errors import TangentLostError
from dualmc.kernels import halving
from dualmc.kernels.compiling import compiled
from dualmc.kernels.halving import COUNT, SLOPES, TOP

is_closer, is_halving = compiled(halving.is_closer), compiled(halving.is_halving)
ORDERS = (operator.lt, operator.le, operator.gt, operator.ge)
UFUNCS = (np.less, np.less_equal, np.greater, np.greater_equal)
CAUGHT = (
    "dualmc: a loop compares Duals where a try statement would catch what is refused of that, a "
    "root found by halving"
)
FLOATS = types.CPointer(types.float64)


def _look(a, b, site):
    raise NotImplementedError


@overload(_look)
def _look_typed(a, b, site):
    """Whether a comparison of `a` with `b` decides ever closer to where it would switch."""
    n = promoted(a, b).n
    is_first, is_plain = is_dual(a), not (is_dual(a) and is_dual(b))

    def look(a, b, site):
        x, y = factor_of(a), factor_of(b)
        size = abs(x - y)
        if not size < np.inf:
            return False
        if site[COUNT] < 0 or size >= 0.5 * site[TOP]:
            site[COUNT], site[TOP] = 0.0, size
            return False
        if not is_closer(size, x > y, x if is_first else y, is_plain, site):
            return False
        gap = a - b
        for k in range(n):
            site[SLOPES + k] = factor_of(partial_of(gap, k))
        return is_halving(size, n, site)

    return look


# --- Where it looks ------------------------------------------------------------------------------


def _pairs(a, b):
    """Of types compared: how many pairs of numbers stand for them, as `_look_at` takes these."""
    if is_scalar(a) and is_scalar(b):
        return 1 if promoted(a, b) is not None else 0
    return 2 if is_dual_array(a) or is_dual_array(b) else 0


def _element(a, i):
    raise NotImplementedError


@overload(_element)
def _element_typed(a, i):
    if not isinstance(a, types.Array):
        return lambda a, i: a
    return (lambda a, i: a[()]) if a.ndim == 0 else (lambda a, i: a.flat[i])


def _look_at(a, b, first, second):
    raise NotImplementedError


@overload(_look_at)
def _look_at_typed(a, b, first, second):
    """Of arrays two elements tell, where the operands are of one shape or one is a number."""
    if not (isinstance(a, types.Array) or isinstance(b, types.Array)):
        return lambda a, b, first, second: _look(a, b, first)
    if not isinstance(b, types.Array):
        return lambda a, b, first, second: a.size > 0 and _of_elements(a, b, a.size, first, second)
    if not isinstance(a, types.Array):
        return lambda a, b, first, second: b.size > 0 and _of_elements(a, b, b.size, first, second)
    if a.ndim != b.ndim:
        return lambda a, b, first, second: False

    def of_arrays(a, b, first, second):
        return a.size > 0 and a.shape == b.shape and _of_elements(a, b, a.size, first, second)

    return of_arrays


@register_jitable
def _of_elements(a, b, size, first, second):
    found = _look(_element(a, 0), _element(b, 0), first)
    return _look(_element(a, size // 2), _element(b, size // 2), second) or found


@intrinsic(prefer_literal=True)
def look(context, a, b, name, line):
    """Look at one comparison, of the function `name`, and refuse what is found."""
    first, second = types.unliteral(a), types.unliteral(b)
    count = _pairs(first, second)
    given = signature(types.none, first, second, name, line)
    if not count:
        return given, lambda context, builder, sig, args: context.get_dummy_value()
    n = next(element(kind).n for kind in (first, second) if is_dual(element(kind)))
    message = told(name.literal_value, line.literal_value)

    def code(context, builder, sig, args):
        sites = [_site(builder, SLOPES + 2 * n) for _ in range(count)]
        takes = signature(types.boolean, first, second, FLOATS, FLOATS)
        found = context.compile_internal(builder, _looked, takes, [*args[:2], sites[0], sites[-1]])
        with builder.if_then(builder.trunc(found, llvm.IntType(1)), likely=False):
            context.call_conv.return_user_exc(builder, TangentLostError, (message,))
        return context.get_dummy_value()

    return given, code


def _looked(a, b, first, second):
    return _look_at(a, b, first, second)


def _site(builder, size):
    """Memory of the frame for a site, which has seen nothing as the function begins."""
    double = llvm.DoubleType()
    memory = cgutils.alloca_once(builder, double, size)
    with builder.goto_entry_block():
        builder.store(double(-1.0), memory)
    return memory


@intrinsic
def caught(context, *args):
    """Nothing; of Duals refused: what is called with them next may refuse, and would be caught."""
    if any(is_dual(element(bare(kind))) for kind in _flat(args)):
        raise errors.TypingError(CAUGHT)
    return types.none(*args), lambda context, builder, sig, args: context.get_dummy_value()


def _flat(kinds):
    for kind in kinds:
        yield from _flat(kind.types) if isinstance(kind, types.BaseTuple) else (kind,)


@register_pass(mutates_CFG=False, analysis_only=False)
class Halving(FunctionPass):
    """Puts looks before what loops compare."""

    _name = "dualmc_halving"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        looks = _Looks(state.func_ir)
        loops = compute_cfg_from_blocks(state.func_ir.blocks).loops().values()
        inside = {label for loop in loops for label in loop.body}
        for label, block in state.func_ir.blocks.items():
            is_caught = label in looks.caught
            if label in inside or is_caught:
                before = block.body[:]
                block.body.clear()
                for statement in before:
                    looks.before(block, statement, label in inside, is_caught)
                    block.body.append(statement)
        if looks.count:
            state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return looks.count > 0


class _Looks:
    """What is put before the statements of one function.

    Attributes
    ----------
    count : int
        How many there are.
    caught : set of int
        The blocks within try statements: Numba looks for an exception in each of them.
    """

    def __init__(self, func_ir):
        self.func_ir = func_ir
        self.count = 0
        names = {label: set(_names(block)) for label, block in func_ir.blocks.items()}
        self.caught = {label for label, found in names.items() if "exception_check" in found}

    def before(self, block, statement, is_inside, is_caught):
        value = getattr(statement, "value", None)
        if not isinstance(value, ir.Expr):
            return
        function = self._found(value.func) if value.op == "call" else None
        if is_inside and value.op == "binop" and value.fn in ORDERS:
            self._look(block, value.lhs, value.rhs, value.loc, is_caught)
        elif is_inside and function in UFUNCS and len(value.args) == 2 and not value.kws:
            self._look(block, *value.args, value.loc, is_caught)
        elif is_inside and function is np.sign and len(value.args) == 1 and not value.kws:
            zero = self._made(block, ir.Const(0.0, value.loc), value.loc)
            self._look(block, value.args[0], zero, value.loc, is_caught)
        elif is_caught and isinstance(function, Dispatcher) and may_refuse(function):
            given = (*value.args, *(arg for _, arg in value.kws))
            self._call(block, caught, given, value.loc)

    def _look(self, block, a, b, loc, is_caught):
        if is_caught:
            self._call(block, caught, (a, b), loc)
            return
        name = self.func_ir.func_id.func_name.removesuffix("__dual")
        told_of = [self._made(block, ir.Const(value, loc), loc) for value in (name, loc.line)]
        self._call(block, look, (a, b, *told_of), loc)

    def _call(self, block, function, args, loc):
        self.count += 1
        found = self._made(block, ir.Global("dualmc", function, loc), loc)
        self._made(block, ir.Expr.call(found, args, (), loc), loc)

    def _made(self, block, value, loc):
        made = ir.Var(block.scope, mk_unique_var("$dualmc"), loc)
        block.body.append(ir.Assign(value, made, loc))
        return made

    def _found(self, variable):
        """The Python object that a variable holds, if names lead to it; else None."""
        value = guard(get_definition, self.func_ir, variable)
        if isinstance(value, (ir.Global, ir.FreeVar)):
            return value.value
        if isinstance(value, ir.Expr) and value.op == "getattr":
            return getattr(self._found(value.value), value.attr, None)
        return None


def _names(block):
    """What stands in a block of names of globals."""
    for statement in block.find_insts(ir.Assign):
        if isinstance(statement.value, ir.Global):
            yield statement.value.name


def may_refuse(dispatcher, seen=()):
    """Whether it compares within a loop, as far as its code and what it calls tells."""
    code = dispatcher.py_func.__code__
    if code in seen:
        return False
    ops = {i.opname for i in dis.get_instructions(code)}
    if "COMPARE_OP" in ops and any(
        op.startswith(("JUMP_BACKWARD", "POP_JUMP_BACKWARD")) for op in ops
    ):
        return True
    if any(isinstance(c, type(code)) for c in code.co_consts):
        return True
    names = inspect.getclosurevars(dispatcher.py_func)
    known = (*names.globals.values(), *names.nonlocals.values())
    return any(isinstance(v, Dispatcher) and may_refuse(v, (*seen, code)) for v in known)
