"""Whole-array expressions of Duals in one loop, as Numba's own of floats.

Numba finds the expressions (``RewriteArrayExprs``); those with Duals become one loop here, with the
functions of scalars called in its body, so that no temporary array is made and no function compiled
for it.  Without it each operation makes an array.
"""

from numba.core import ir, types
from numba.core.compiler_machinery import register_pass
from numba.core.rewrites.registry import RewriteRegistry, rewrite_registry
from numba.core.typed_passes import NopythonRewrites
from numba.np.ufunc.array_exprs import RewriteArrayExprs

from dualmc.compiled.arrays import elementwise, looping
from dualmc.compiled.arrays.looping import bare, element
from dualmc.compiled.scalars.dual_type import is_dual

FUSED = "dualmc_arrayexpr"


class FuseDuals(RewriteArrayExprs):
    """Finds the expressions with Duals."""

    def __init__(self, state, *args, **kws):
        super().__init__(state, *args, **kws)
        state.targetctx.special_ops[FUSED] = _lower

    def _match_array_expr(self, instr, expr, target_name):
        if expr.op not in ("unary", "binop", "call") or not _has_duals(self.typemap, instr):
            return
        if expr.op == "call":
            super()._match_array_expr(instr, expr, target_name)
            if target_name in self.array_assigns and expr.kws:
                del self.array_assigns[target_name]
        elif expr.fn in elementwise.OPERATORS:
            self.array_assigns[target_name] = instr

    def _handle_matches(self):
        replace_map, dead_vars, used_vars = super()._handle_matches()
        for made in replace_map.values():
            if made is not None:
                made.value.op = FUSED
        return replace_map, dead_vars, used_vars


class FuseFloats(RewriteArrayExprs):
    """Numba's own, of all others."""

    def _match_array_expr(self, instr, expr, target_name):
        if not _has_duals(self.typemap, instr):
            super()._match_array_expr(instr, expr, target_name)


def _has_duals(typemap, assign):
    names = [assign.target.name]
    if assign.value.op in ("unary", "binop"):
        names += [variable.name for variable in assign.value.list_vars()]
    elif assign.value.op == "call":
        names += [variable.name for variable in assign.value.args]
    return any(is_dual(element(bare(typemap[name]))) for name in names if name in typemap)


@register_pass(mutates_CFG=True, analysis_only=False)
class DualRewrites(NopythonRewrites):
    """Numba's rewrites after inference, with the expressions of Duals fused by us."""

    _name = "dualmc_nopython_rewrites"

    def run_pass(self, state):
        registry = RewriteRegistry()
        for rewrite in rewrite_registry.rewrites["after-inference"]:
            both = [FuseDuals, FuseFloats] if rewrite is RewriteArrayExprs else [rewrite]
            registry.rewrites["after-inference"].extend(both)
        return self._applied(state, registry)

    @staticmethod
    def _applied(state, registry):
        from numba.core import postproc

        processor = postproc.PostProcessor(state.func_ir)
        processor.run(True)
        registry.apply("after-inference", state)
        processor.remove_dels()
        return True


def _lower(lowerer, expr):
    context, builder = lowerer.context, lowerer.builder
    names = sorted({variable.name for variable in expr.list_vars()})
    operands = []
    for name in names:
        given = lowerer.typeof(name)
        kind = elementwise.kept(given)
        value = context.cast(builder, lowerer.loadvar(name), given, kind)
        operands.append(looping.Operand(context, builder, kind, value))
    kinds = [element(operand.kind) for operand in operands]

    def compute(values):
        known = dict(zip(names, zip(values, kinds, strict=True), strict=True))
        value, kind = _evaluated(context, builder, expr.expr, known)
        return context.cast(builder, value, kind, expr.ty.dtype)

    return looping.fill_new(context, builder, expr.ty, operands, compute)


def _evaluated(context, builder, tree, known):
    """The value of an expression of scalars, and its type."""
    if isinstance(tree, ir.Var):
        return known[tree.name]
    if isinstance(tree, ir.Const):
        kind = context.typing_context.resolve_value_type(tree.value)
        value = context.get_constant_generic(builder, types.unliteral(kind), tree.value)
        return value, kind
    op, parts = tree
    values, kinds = zip(*(_evaluated(context, builder, p, known) for p in parts), strict=True)
    scalar = elementwise.scalar_of(op)
    return looping.call_scalar(context, builder, scalar, kinds, values)
