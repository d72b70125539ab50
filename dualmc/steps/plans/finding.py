"""How the plan of an operation is found where its operands' signatures have not led to it yet."""

import functools

import numpy as np
from numpy import ndarray

from dualmc.duals.dual import Dual
from dualmc.duals.signatures import NUMBER, SLOTS, UNSERVED, is_fresh, signature_of
from dualmc.steps.plans import elementwise, forms, numbers, pairs, recorded

_NUMBERS = frozenset({float, int, np.float64})


def unserved(*operands):
    """The plan of what no plan serves."""
    return None


def looked_at(x):
    """The signature of a Dual as it is now."""
    found = x._signature
    return signature_of(x) if found is None or found.is_view and not is_fresh(x) else found


def of_one(ufunc, x, exponent=None):
    """The plan of `ufunc` for a Dual, kept where its signature finds it.

    Given the `exponent` that `ufunc` stands for, a tape raises numbers as NumPy's scalars are.
    """
    signature = looked_at(x)
    if signature is UNSERVED:
        return unserved
    key = ufunc if exponent is None else (ufunc, exponent)
    plan = signature.plans.get(key)
    if plan is None:
        if signature.kind is None:
            plan = recorded.of_one(ufunc, signature, exponent)
        elif signature.kind is NUMBER:
            plan = numbers.of_one(ufunc)
        else:
            plan = elementwise.of_one(ufunc, signature)
        find = of_one if exponent is None else functools.partial(_of_power, exponent)
        plan = signature.keep(key, _checked(plan, find, ufunc, signature.is_view))
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
        plan = _of_two(ufunc, first, second, a.level)
        plan = first.keep(key, _checked(plan, of_two, ufunc, first.is_view or second.is_view))
    return plan


def _of_two(ufunc, first, second, level):
    kinds = first.kind, second.kind
    if None in kinds:
        return recorded.of_two(ufunc, first, second) if kinds == (None, None) else None
    if kinds == (NUMBER, NUMBER):
        return numbers.of_two(ufunc)
    if kinds == (NUMBER, SLOTS) or kinds == (SLOTS, NUMBER):
        return _anew(ufunc, forms.as_array)
    if first.shape != second.shape and ufunc in pairs.CODES:
        if forms.is_line(first) or forms.is_line(second):
            return _anew(ufunc, forms.in_order)
    if kinds == (SLOTS, SLOTS) and first.shape != second.shape:
        shape = _common(ufunc, first, second.shape) if second.is_c else None
        if shape is None:
            return None
        return _of_spread(ufunc, first, second, shape, level)
    if first.own is not second.own:
        return pairs.of_two(ufunc, first, second, level)
    if first.kind is SLOTS:
        return elementwise.of_two(ufunc, first, second, None)
    other = pairs.of_two(ufunc, first, second, level)
    return elementwise.of_two(ufunc, first, second, other)


def _of_spread(ufunc, first, second, shape, level):
    """The plan for two with slots that are spread to `shape`."""
    spreaders = [forms.spreader(signature, level, shape) for signature in (first, second)]
    if None in spreaders:
        return _anew(ufunc, forms.spread, shape)
    (change, one), (change_other, other) = spreaders
    plan = _of_two(ufunc, one.own, other.own, level)
    if plan is None:
        return None
    return lambda a, b: plan(change(a), change_other(b)) if a.level is b.level else None


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
        plan = _of_constant(ufunc, argnum, signature, kind)
        plan = signature.keep(key, _checked(plan, of_two, ufunc, signature.is_view))
    return plan


def _of_constant(ufunc, argnum, signature, kind):
    if signature.kind is None:
        return recorded.beside_constant(ufunc, argnum, signature, kind, kind in _NUMBERS)
    if kind in _NUMBERS:
        makes = numbers if signature.kind is NUMBER else elementwise
        return makes.beside_constant(ufunc, argnum, signature, kind)
    if type(kind) is not tuple:
        return None
    if kind == ():
        return _anew(ufunc, forms.as_number)
    if signature.kind is NUMBER:
        return _anew(ufunc, forms.as_array)
    if kind == signature.shape:
        return elementwise.beside_array(ufunc, argnum, signature)
    shape = _common(ufunc, signature, kind)
    if shape is None:
        return None
    return _anew(ufunc, forms.spread, shape)


def _checked(plan, find, ufunc, has_view):
    """`plan`, or what `find` gives anew where a view among its operands has changed since."""
    if plan is None:
        return unserved
    if not has_view:
        return plan

    def of_one_view(x):
        view = x._view
        if view is not None:  # `is_fresh`, written out: every operation on a view comes here
            root = view.root
            if view.seen != root._writes or view.memory is not root._primal:
                return find(ufunc, x)(x)
        return plan(x)

    def of_views(a, b):
        for x in (a, b):
            if type(x) is Dual:
                view = x._view
                if view is not None:
                    root = view.root
                    if view.seen != root._writes or view.memory is not root._primal:
                        return find(ufunc, a, b)(a, b)
        return plan(a, b)

    return of_views if find is of_two else of_one_view


# --- Operands in another form --------------------------------------------------------------------


def _anew(ufunc, change, *options):
    """The plan that is found for the operands as `change` has them, None among them: not here."""

    def plan(a, b):
        a, b = change(a, *options), change(b, *options)
        return None if a is None or b is None else of_two(ufunc, a, b)(a, b)

    return plan


def _common(ufunc, signature, other):
    """The shape that a function's operands are spread to, or None.

    NumPy's results are those of the operands as they are only where one rounding makes them.
    """
    if ufunc not in pairs.CODES or not signature.is_c:
        return None
    return pairs.broadcast(signature.shape, other)
