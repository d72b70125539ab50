"""The chain rule as formulas: in the intermediates, and with these substituted back."""

from collections.abc import Sequence

from dualmc.derivation.chain_rule import Derivation
from dualmc.derivation.forms import Form, compose, elementwise, listed, plus, terms_of
from dualmc.derivation.notation.replacing import substitute
from dualmc.derivation.notation.symbols import ONE, ZERO, Expr
from dualmc.derivation.partials import Partial
from dualmc.derivation.textbook import LONGEST
from dualmc.graph.nodes import Node
from dualmc.graph.returning import stacked


def form_along(derivation: Derivation, path: Sequence[tuple[Node, int]]) -> Form:
    """The product of the partials along one path, as a formula in the intermediates."""
    total = Form(ONE)
    for node, slot in path:
        form, _ = derivation.writer.partial(derivation.partials[node][slot])
        total = compose(form, total)
    return total


def combined(derivation: Derivation, x: Node) -> Form | None:
    """``dy/dx`` as a formula in the intermediates, by forward accumulation."""
    found = {x: Form(ONE)}
    for node in derivation.graph.nodes:
        parts = derivation.partials[node]
        if not any(p.operand in found for p in parts):
            continue
        total = _listed(node, parts, found)
        if total is None:
            for partial in parts:
                if partial.operand not in found:
                    continue
                part = compose(derivation.writer.partial(partial)[0], found[partial.operand])
                total = part if total is None else plus(total, part)
        if total is None or total.size > LONGEST:
            return None
        found[node] = total
    return found.get(derivation.graph.output)


def _listed(node: Node, parts: list[Partial], found: dict[Node, Form]) -> Form | None:
    """A list of numbers has as rows the derivatives of its entries."""
    if node.function is not stacked or any(p.operand.shape for p in parts):
        return None
    if len(node.args) != len(parts):
        return None
    none = Form(ZERO)
    return listed([found.get(p.operand, none) for p in parts])


def closed(derivation: Derivation) -> dict[str, Expr] | None:
    """Every intermediate as a formula in the inputs; None if one grows too long."""
    found = {x.name: derivation.writer.symbol(x) for x in derivation.graph.inputs}
    for node in derivation.graph.nodes:
        e = derivation.writer.tidy(node, [found[operand.name] for operand in node.operands])
        if e.size > LONGEST:
            return None
        found[node.name] = e
    return found


def substituted(form: Form, values: dict[str, Expr]) -> Form | None:
    """A formula in the inputs alone; None if it grows too long."""
    out = Form(substitute(form.coefficient, values))
    for factor in form.factors:
        if factor.op in ("diagonal", "row", "column"):
            e = substitute(factor.args[0], values)
            if e.is_array and e.shape != factor.args[0].shape:
                return None  # tidied, it would have to be repeated
            next_ = elementwise(e, factor.op) if factor.args[0].is_array else Form(ONE, (factor,))
        elif factor.op == "total":
            next_ = Form(ZERO)
            for term in terms_of(Form(ONE, (factor,))):
                part = substituted(term, values)
                if part is None:
                    return None
                next_ = plus(next_, part)
        else:
            next_ = Form(ONE, (_replaced(factor, values),))
        out = compose(out, next_)
        if out.size > LONGEST:
            return None
    return out


def _replaced(e: Expr, values: dict[str, Expr]) -> Expr:
    """`substitute`, except in the names of derivatives."""
    if e.op in ("derivative", "partial"):
        return e
    if e.op in ("symbol", "entries", "rows", "list", "transpose", "row", "column", "diagonal"):
        return substitute(e, values)
    args = [_replaced(a, values) if isinstance(a, Expr) else a for a in e.args]
    return Expr(e.op, *args, shape=e.shape)
