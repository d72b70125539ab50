"""The stand-in for `decimal.Decimal`: decimal numbers hold no derivative."""

import decimal

from dualmc.duals.dual import Dual
from dualmc.duals.operands import has_tangent
from dualmc.errors import TangentLostError
from dualmc.unchanged.standins.builtins import called, number
from dualmc.unchanged.standins.table import is_carrier, looked_at

HANDLERS: dict = {}  # by name, for `foreign.py`: it is found where it is called


@called(decimal.Decimal)
def to_decimal(value="0", context=None):
    """``decimal.Decimal``, of plain numbers."""
    value = number(value)
    if is_carrier(value):
        if type(value) is Dual and not has_tangent(value):
            return decimal.Decimal(looked_at(value).item(), context)
        raise TangentLostError(
            "decimal.Decimal(x) would lose the derivative: decimal numbers carry none. Compute "
            "with floats, or give the derivative of the step with @dualmc.custom_jvp."
        )
    return decimal.Decimal(value, context)
