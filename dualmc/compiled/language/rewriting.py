"""A pass over Numba's untyped IR of functions compiled for Duals, after its own first passes.

``np.int64(x)``, called, is a function that takes Duals, as every number's class is; as a dtype it
stays what it is.  Typed containers of floats that begin empty are made for Duals.  Exceptions carry
primals.
"""

import numba
from numba.core import ir, types
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.ir_utils import build_definitions, get_definition, guard, mk_unique_var

from dualmc.compiled.language.conversions import called, shown

KIND = "__dualmc_kind"  # among a copy's globals: the type of its Duals
_EMPTY = (numba.typed.List.empty_list, numba.typed.Dict.empty)


@register_pass(mutates_CFG=False, analysis_only=False)
class Language(FunctionPass):
    _name = "dualmc_language"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        kind = state.func_id.func.__globals__.get(KIND)
        rewriting = _Rewriting(state.func_ir, kind)
        for block in state.func_ir.blocks.values():
            before = block.body[:]
            block.body.clear()
            for statement in before:
                rewriting.prepare(block, statement)
                block.body.append(statement)
        if rewriting.is_changed:
            state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return rewriting.is_changed


class _Rewriting:
    def __init__(self, func_ir, kind):
        self.func_ir, self.kind = func_ir, kind
        self.is_changed = False

    def prepare(self, block, statement):
        """Change a statement where it needs it, and append to the block what it uses."""
        value = getattr(statement, "value", None)
        if isinstance(value, ir.Expr) and value.op == "call":
            self._call(block, value)

    def _named(self, block, value, loc):
        self.is_changed = True
        made = ir.Var(block.scope, mk_unique_var("$dualmc"), loc)
        block.body.append(ir.Assign(value, made, loc))
        return made

    def _constant(self, block, value, loc):
        return self._named(block, ir.Global("dualmc", value, loc), loc)

    def _found(self, variable):
        """The Python object that a variable holds, if names lead to it; else None."""
        value = guard(get_definition, self.func_ir, variable)
        if isinstance(value, (ir.Global, ir.FreeVar)):
            return value.value
        if isinstance(value, ir.Expr) and value.op == "getattr":
            return getattr(self._found(value.value), value.attr, None)
        return None

    def _call(self, block, call):
        function = self._found(call.func)
        stand_in = called(function) if len(call.args) == 1 and not call.kws else None
        if stand_in is not None:
            call.func = self._constant(block, stand_in, call.loc)
        elif isinstance(function, type) and issubclass(function, BaseException):
            call.args = tuple(self._shown(block, arg) for arg in call.args)
        elif self.kind is not None and function in _EMPTY:
            call.args = tuple(self._item_type(block, arg) for arg in call.args)

    def _shown(self, block, arg):
        if isinstance(guard(get_definition, self.func_ir, arg), ir.Const):
            return arg
        function = self._constant(block, shown, arg.loc)
        return self._named(block, ir.Expr.call(function, (arg,), (), arg.loc), arg.loc)

    def _item_type(self, block, arg):
        found = self._found(arg)
        if not isinstance(found, types.Float):
            return arg
        return self._constant(block, self.kind.with_base(found), arg.loc)
