"""The assertions of numpy.testing, which look at numbers alone: those of the values.

``numpy.testing.assert_allclose(x, y)`` inside f is right of Duals where it is of their values.
"""

import numpy as np

from dualmc.unchanged.standins.table import has_carrier, looked_at, operand

_NAMES = """
assert_equal assert_almost_equal assert_approx_equal assert_array_equal assert_array_less
assert_array_almost_equal assert_array_almost_equal_nulp assert_array_max_ulp assert_allclose
""".split()


def _looked(a):
    """`a`, or what is in it, by its values; a number as a number."""
    if type(a) is dict:
        return {key: _looked(item) for key, item in a.items()}
    if not has_carrier(a):
        return a
    if type(a) is list or type(a) is tuple:
        return type(a)(map(_looked, a))
    return looked_at(operand(a))[()]


def _of_values(assertion):
    def standin(*args, **options):
        options = {name: _looked(a) for name, a in options.items()}
        return assertion(*map(_looked, args), **options)

    standin.__name__ = assertion.__name__
    standin.__doc__ = assertion.__doc__
    return standin


def handlers():
    return {f"numpy.testing.{name}": _of_values(getattr(np.testing, name)) for name in _NAMES}
