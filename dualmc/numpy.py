"""NumPy with the functions that keep derivatives: ``import dualmc.numpy as np``.

For code that `dualmc.jacobian_fwd` and its kin cannot adapt by themselves.  Every name is NumPy's
own, but for those that make arrays (`zeros`, `array`, `asarray`, ...): inside a derivative call
they return arrays that may hold Duals, elsewhere they are NumPy's.

>>> import dualmc.numpy as np
>>> import dualmc as dm
>>> def f(x):
...     out = np.zeros(2)
...     out[0] = x[0] * x[1]
...     return out
>>> dm.jacobian_fwd(f, [2.0, 3.0])
array([[3., 2.],
       [0., 0.]])
"""

from typing import TYPE_CHECKING

import numpy

from dualmc.unchanged.standins.table import STANDINS as _STANDINS

if TYPE_CHECKING:
    from numpy import *  # noqa: F403


def __getattr__(name):
    value = getattr(numpy, name)
    try:
        return _STANDINS.get(value, value)
    except TypeError:  # not hashable
        return value


def __dir__():
    return dir(numpy)
