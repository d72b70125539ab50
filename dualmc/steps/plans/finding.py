"""How the plan of an operation is found where its operands' signatures have not led to it yet."""

from numpy import ndarray

from dualmc.duals.dual import Dual
from dualmc.duals.signatures import UNSERVED, is_fresh, signature_of
from dualmc.steps.plans import elementwise


def unserved(*operands):
    """The plan of what no plan serves."""
    return None


def of_one(ufunc, x):
    """The plan of `ufunc` for a Dual, kept where its signature finds it."""
    signature = looked_at(x)
    if signature is UNSERVED:
        return unserved
    plan = signature.plans.get(ufunc)
    if plan is None:
        plan = elementwise.of_one(ufunc, signature)
        plan = signature.keep(ufunc, checked(plan, of_one, ufunc, signature.is_view))
    return plan


def of_two(ufunc, a, b):
    """The same for two operands, at least one of which is a Dual."""
    if type(a) is not Dual or type(b) is not Dual:
        return _beside_constant(ufunc, a, b)
    first, second = looked_at(a), looked_at(b)
    if first is UNSERVED or second is UNSERVED:
        return unserved
    key = ufunc, second
    plan = first.plans.get(key)
    if plan is None:
        plan = elementwise.of_two(ufunc, first, second)
        plan = first.keep(key, checked(plan, of_two, ufunc, first.is_view or second.is_view))
    return plan


def _beside_constant(ufunc, a, b):
    argnum = 0 if type(a) is Dual else 1
    x, c = (b, a) if argnum else (a, b)
    signature = looked_at(x)
    if signature is UNSERVED:
        return unserved
    kind = c.shape if type(c) is ndarray else type(c)
    key = (kind, ufunc) if argnum else (ufunc, kind)
    plan = signature.plans.get(key)
    if plan is None:
        plan = elementwise.beside_constant(ufunc, argnum, signature, kind)
        plan = signature.keep(key, checked(plan, of_two, ufunc, signature.is_view))
    return plan


def looked_at(x):
    """The signature of a Dual as it is now."""
    found = x._signature
    return signature_of(x) if found is None or found.is_view and not is_fresh(x) else found


def checked(plan, find, ufunc, has_view):
    """`plan`, or what `find` gives anew where a view among its operands has changed since."""
    if plan is None:
        return unserved
    if not has_view:
        return plan

    def run(*operands):
        for x in operands:
            if type(x) is Dual and x._view is not None and not is_fresh(x):
                return find(ufunc, *operands)(*operands)
        return plan(*operands)

    return run
