"""Rewrites of Numba's untyped IR, of functions compiled for Duals.

``np.array([a, b, c])`` takes a tuple, so that no list is made on the heap; ``np.empty(n)`` learns
of the function's input; for the others see `promoting`.  Without them, where a Numba's classes are
others, these two are slower.
"""

from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.typed_passes import NopythonRewrites
from numba.core.untyped_passes import IRProcessing

from dualmc.compiled.arena import has_room
from dualmc.compiled.copying.fusion import DualRewrites
from dualmc.compiled.copying.promoting import PROMOTES, Promoted, Uses
from dualmc.compiled.language.halving import Halving
from dualmc.compiled.language.rewriting import Language

MAKES_ARRAYS = "_dualmc_makes_arrays"
TAKES_NEAR = "_dualmc_takes_near"


@register_pass(mutates_CFG=False, analysis_only=False)
class ListsToTuples(FunctionPass):
    _name = "dualmc_lists_to_tuples"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        uses = Uses(state.func_ir)
        promote = state.func_id.func.__globals__.get(PROMOTES)
        is_changed = False
        for call in _calls(state.func_ir):
            if call.args and getattr(uses.value(call.func), MAKES_ARRAYS, False):
                is_changed |= _to_tuple(uses, call.args[0], promote)
        return is_changed


def _to_tuple(uses, variable, promote):
    found = uses.of(variable)
    if found is None or uses.count.get(variable.name) != 1:
        return False
    if not isinstance(found.value, ir.Expr):
        return False
    if found.value.op == "call" and promote is not None:
        if uses.value(found.value.func) is promote:
            return _to_tuple(uses, found.value.args[0], promote)
    if found.value.op != "build_list":
        return False
    items = found.value.items
    if not items:
        return False
    found.value = ir.Expr.build_tuple(items, found.value.loc)
    for item in items:
        _to_tuple(uses, item, promote)
    return True


@register_pass(mutates_CFG=False, analysis_only=False)
class NearTheInput(FunctionPass):
    """``np.empty(shape)`` is told of the function's first array of Duals: see `arena`."""

    _name = "dualmc_near_the_input"

    def __init__(self):
        FunctionPass.__init__(self)

    def run_pass(self, state):
        duals = [i for i, kind in enumerate(state.args) if has_room(kind)]
        if not duals or state.flags.auto_parallel.enabled:  # room is of one thread
            return False
        uses = Uses(state.func_ir)
        calls = [call for call in _calls(state.func_ir) if _takes_near(uses, call)]
        if not calls:
            return False
        first = state.func_ir.blocks[min(state.func_ir.blocks)]
        loc = first.loc
        near = ir.Var(first.scope, "$dualmc_near", loc)
        first.scope.define(near.name, loc)
        argument = ir.Arg(state.func_ir.arg_names[duals[0]], duals[0], loc)
        first.body.insert(0, ir.Assign(argument, near, loc))
        state.func_ir._definitions[near.name].append(argument)
        for call in calls:
            call.kws = (*call.kws, ("near", near))
        return True


def _calls(func_ir):
    for block in func_ir.blocks.values():
        for statement in block.body:
            value = getattr(statement, "value", None)
            if isinstance(value, ir.Expr) and value.op == "call":
                yield value


def _takes_near(uses, call):
    return getattr(uses.value(call.func), TAKES_NEAR, False) and not call.vararg


class DualCompiler(CompilerBase):
    """Numba's compiler with the rewrites after its own first passes."""

    def define_pipelines(self):
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(Halving, IRProcessing)
        passes.add_pass_after(NearTheInput, IRProcessing)
        passes.add_pass_after(Language, IRProcessing)
        passes.add_pass_after(Promoted, IRProcessing)
        passes.add_pass_after(ListsToTuples, IRProcessing)  # the last of these is the first to run
        passes.add_pass_after(DualRewrites, NopythonRewrites)
        passes.passes = [entry for entry in passes.passes if entry[0] is not NopythonRewrites]
        passes.finalize()
        return [passes]
