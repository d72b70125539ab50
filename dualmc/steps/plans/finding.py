"""How the plan of an operation is found where its operands' signatures have not led to it yet."""

import functools

from numpy import ndarray

from dualmc.duals.dual import Dual
from dualmc.duals.signatures import UNSERVED, is_fresh, signature_of
from dualmc.steps.plans import elementwise, recorded


def unserved(*operands):
    """The plan of what no plan serves."""
    return None


def _family(signature):
    """The makers of plans: on a tape, or in forward mode."""
    return recorded if signature.kind is None else elementwise


def of_one(ufunc, x, exponent=None):
    """The plan of `ufunc` for a Dual, kept where its signature finds it.

    Given the `exponent` that `ufunc` stands for, a tape raises numbers as NumPy's scalars are.
    """
    signature = looked_at(x)
    if signature is UNSERVED:
        return unserved
    key = ufunc if exponent is None or signature.shape else (ufunc, exponent)
    plan = signature.plans.get(key)
    if plan is None:
        find = of_one
        if key is ufunc:
            plan = _family(signature).of_one(ufunc, signature)
        else:
            plan = recorded.of_one(ufunc, signature, exponent)
            find = functools.partial(_of_power, exponent)
        plan = signature.keep(key, checked(plan, find, ufunc, signature.is_view))
    return plan


def _of_power(exponent, ufunc, x):
    return of_one(ufunc, x, exponent)


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
        plan = _family(first).of_two(ufunc, first, second)
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
        plan = _family(signature).beside_constant(ufunc, argnum, signature, kind)
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
