"""Where numbers must be Duals: rewrites of Numba's untyped IR of functions compiled for Duals.

``np.float64(x)``, called, is a function that lets Duals pass (as a dtype, ``np.float64`` stays what
it is).  Where all constants are in Duals (`retargeting`), arrays of floats that names lead to are
loaded as copies in Duals, and what lists, tuples and dictionaries begin with is one, too.
"""

import numba
import numpy as np
from numba.core import ir
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.ir_utils import build_definitions, mk_unique_var

from dualmc.compiled.copying.creators import OPTIONS, as_float32, as_float64

PROMOTES = "__dualmc_promotes"

CALLED = {
    np.float64: numba.njit(lambda x: as_float64(x), **OPTIONS),
    np.float32: numba.njit(lambda x: as_float32(x), **OPTIONS),
}


class Uses:
    """What each variable of a function is, and how often it is used."""

    def __init__(self, func_ir):
        self.definitions, self.count = {}, {}
        for block in func_ir.blocks.values():
            for statement in block.body:
                if isinstance(statement, ir.Assign):
                    name = statement.target.name
                    self.definitions.setdefault(name, []).append(statement)
                if not isinstance(statement, ir.Del):
                    for variable in _read(statement):
                        self.count[variable.name] = self.count.get(variable.name, 0) + 1

    def of(self, variable):
        """The one assignment of a variable, or None."""
        found = self.definitions.get(variable.name, ())
        return found[0] if len(found) == 1 else None

    def value(self, variable):
        """The Python object that a variable holds, if names lead to it; else None."""
        found = self.of(variable)
        if found is None:
            return None
        value = found.value
        if isinstance(value, (ir.Global, ir.FreeVar)):
            return value.value
        if isinstance(value, ir.Expr) and value.op == "getattr":
            return getattr(self.value(value.value), value.attr, None)
        return None


def _read(statement):
    if not isinstance(statement, ir.Assign):
        return statement.list_vars()
    if isinstance(statement.value, ir.Expr):
        return statement.value.list_vars()
    return [statement.value] if isinstance(statement.value, ir.Var) else []


@register_pass(mutates_CFG=False, analysis_only=False)
class Promoted(FunctionPass):
    _name = "dualmc_promoted"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        uses = Uses(state.func_ir)
        promote = state.func_id.func.__globals__.get(PROMOTES)
        is_changed = False
        for block in state.func_ir.blocks.values():
            body = []
            for statement in block.body:
                value = getattr(statement, "value", None)
                if _is_call(value) and len(value.args) == 1 and not value.kws:
                    function = uses.value(value.func)
                    if _is_float_type(function):
                        value.func = _named(block, body, CALLED[function], value.loc)
                        is_changed = True
                if promote is not None and _holds_items(value):
                    _promote_items(block, body, value, promote)
                    is_changed = True
                body.append(statement)
                if promote is not None and _is_array(uses, statement):
                    _promote(block, body, promote)
                    is_changed = True
            block.body[:] = body
        if is_changed:
            state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return is_changed


def _is_call(value):
    return isinstance(value, ir.Expr) and value.op == "call"


def _is_float_type(function):
    return isinstance(function, type) and function in CALLED


def _named(block, body, function, loc):
    """A variable that holds `function`, made at the end of `body`."""
    variable = ir.Var(block.scope, mk_unique_var("$dualmc"), loc)
    body.append(ir.Assign(ir.Global(variable.name, function, loc), variable, loc))
    return variable


def _is_array(uses, statement):
    """Whether a statement loads an array of floats that names lead to."""
    if not isinstance(statement, ir.Assign):
        return False
    value = statement.value
    if isinstance(value, (ir.Global, ir.FreeVar)):
        found = value.value
    elif isinstance(value, ir.Expr) and value.op == "getattr":
        found = getattr(uses.value(value.value), value.attr, None)
    else:
        return False
    return isinstance(found, np.ndarray) and found.dtype.kind == "f"


def _holds_items(value):
    return isinstance(value, ir.Expr) and value.op in ("build_list", "build_tuple", "build_map")


def _promote_items(block, body, value, promote):
    """Let a list, a tuple or the values of a dictionary begin in Duals."""

    def promoted(item):
        function = _named(block, body, promote, value.loc)
        variable = ir.Var(block.scope, mk_unique_var("$dualmc"), value.loc)
        call = ir.Expr.call(function, [item], (), value.loc)
        body.append(ir.Assign(call, variable, value.loc))
        return variable

    if value.op == "build_map":
        value.items = [(key, promoted(item)) for key, item in value.items]
    else:
        value.items = [promoted(item) for item in value.items]


def _promote(block, body, promote):
    """Let the last statement of `body` load its array in Duals."""
    loaded = body.pop()
    loc = loaded.loc
    plain = ir.Var(block.scope, mk_unique_var("$dualmc"), loc)
    body.append(ir.Assign(loaded.value, plain, loc))
    function = _named(block, body, promote, loc)
    call = ir.Expr.call(function, [plain], (), loc)
    body.append(ir.Assign(call, loaded.target, loc))
