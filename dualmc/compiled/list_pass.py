"""Two rewrites of Numba's untyped IR, of functions compiled for Duals.

``np.array([a, b, c])`` takes a tuple, so that no list is made on the heap; ``np.float64(x)``,
called, is a function that lets Duals pass (as a dtype, ``np.float64`` stays what it is).  Without
them, where a Numba's classes are others, the first is slower and the second an error at compile
time.
"""

from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.typed_passes import NopythonRewrites
from numba.core.untyped_passes import IRProcessing

from dualmc.compiled.fusion import DualRewrites

MAKES_ARRAYS = "_dualmc_makes_arrays"
FLOATS = "_dualmc_float"


class _Uses:
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
class ListsToTuples(FunctionPass):
    _name = "dualmc_lists_to_tuples"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        uses = _Uses(state.func_ir)
        is_changed = False
        for block in state.func_ir.blocks.values():
            for statement in block.body:
                value = getattr(statement, "value", None)
                if not (isinstance(value, ir.Expr) and value.op == "call" and value.args):
                    continue
                function = uses.value(value.func)
                if getattr(function, MAKES_ARRAYS, False):
                    is_changed |= _to_tuple(uses, value.args[0])
        return is_changed


def _to_tuple(uses, variable):
    found = uses.of(variable)
    if found is None or uses.count.get(variable.name) != 1:
        return False
    if not isinstance(found.value, ir.Expr) or found.value.op != "build_list":
        return False
    items = found.value.items
    if not items:
        return False
    found.value = ir.Expr.build_tuple(items, found.value.loc)
    for item in items:
        _to_tuple(uses, item)
    return True


class DualCompiler(CompilerBase):
    """Numba's compiler with the rewrites after its own first passes."""

    def define_pipelines(self):
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(ListsToTuples, IRProcessing)
        passes.add_pass_after(DualRewrites, NopythonRewrites)
        passes.passes = [entry for entry in passes.passes if entry[0] is not NopythonRewrites]
        passes.finalize()
        return [passes]
