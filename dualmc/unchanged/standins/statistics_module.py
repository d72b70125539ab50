"""Stand-ins for the functions of the module statistics, which computes with exact fractions.

Each is its definition in floats, with the value that the function itself gives.
"""

import functools
import math
import statistics

import numpy as np

from dualmc.unchanged.standins.builtins import to_float
from dualmc.unchanged.standins.table import (
    exact,
    has_carrier,
    is_carrier,
    looked_at,
    operand,
    value_of,
)

HANDLERS: dict = {}  # by name, for `foreign.py`


# --- Of samples ----------------------------------------------------------------------------------


def _mean(x, weights=None):
    return np.mean(x) if weights is None else np.sum(x * weights) / np.sum(weights)


def _harmonic_mean(x, weights=None):
    return 1.0 / _mean(1.0 / x, weights)


def _spread(ddof, root):
    def formula(x, center=None, **named):
        (center,) = named.values() or (center,)
        center = np.mean(x) if center is None else center
        squares = np.sum((x - center) ** 2)
        if root:  # with sqrt first, so that second derivatives at 0 spread are those of a norm
            return np.linalg.norm(x - center) / math.sqrt(x.shape[0] - ddof)
        return squares / (x.shape[0] - ddof)

    return formula


def _covariance(x, y):
    return np.sum((x - np.mean(x)) * (y - np.mean(y))) / (x.shape[0] - 1)


def _correlation(x, y, **options):
    if options.get("method", "linear") != "linear":
        return np.mean(x) * 0.0  # of ranks, which are locally constant
    dx, dy = x - np.mean(x), y - np.mean(y)
    return np.sum(dx * dy) / np.sqrt(np.sum(dx * dx) * np.sum(dy * dy))


def _slope(x, y, **options):
    if options.get("proportional"):
        return np.sum(x * y) / np.sum(x * x)
    dx = x - np.mean(x)
    return np.sum(dx * (y - np.mean(y))) / np.sum(dx * dx)


def _intercept(x, y, **options):
    if options.get("proportional"):
        return np.mean(x) * 0.0
    return np.mean(y) - _slope(x, y) * np.mean(x)


_FORMULAS = {
    "mean": _mean,
    "fmean": _mean,
    "geometric_mean": lambda x: np.exp(np.mean(np.log(x))),
    "harmonic_mean": _harmonic_mean,
    "variance": _spread(1, False),
    "pvariance": _spread(0, False),
    "stdev": _spread(1, True),
    "pstdev": _spread(0, True),
    "covariance": _covariance,
    "correlation": _correlation,
}


def _listed(a):
    """What `a` holds, where it is one of numbers; anything else as it is."""
    if isinstance(a, (str, bytes)) or a is None or is_carrier(a) and a.is_number:
        return a
    return list(a) if np.iterable(a) else a


def _numbers(a):
    """Carriers and numbers as one vector, or a number."""
    return np.asarray(a, float) if type(a) is list and not has_carrier(a) else operand(a)


def _by_formula(original, formula):
    def plain(*args, **kwargs):
        """The value, of plain numbers or of those of an outer call."""
        if has_carrier([*args, *kwargs.values()]):
            return standin(*args, **kwargs)
        return original(*map(_entries, args), **{k: _entries(a) for k, a in kwargs.items()})

    @functools.wraps(original)
    def standin(*args, **kwargs):
        args, kwargs = [_listed(a) for a in args], {k: _listed(a) for k, a in kwargs.items()}
        if not has_carrier([*args, *kwargs.values()]):
            return original(*args, **kwargs)
        value = original(*map(_plain, args), **{k: _plain(a) for k, a in kwargs.items()})  # raises
        names = list(kwargs)
        arrays = [a if isinstance(a, str) or a is None else _numbers(a)
                  for a in (*args, *kwargs.values())]  # fmt: skip
        count = len(args)

        def named(function):
            return lambda *all: function(*all[:count], **dict(zip(names, all[count:], strict=True)))

        y = exact(named(plain), named(formula), *arrays)
        return to_float(y) if type(value) is float else y

    return standin


def _plain(a):
    """The values of a list of carriers, or of one."""
    if type(a) is list:
        return [_plain(item) for item in a]
    return value_of(a)[()] if is_carrier(a) else a


def _entries(a):
    """A plain vector as the list of its entries."""
    return list(a) if type(a) is np.ndarray and a.ndim else a[()] if type(a) is np.ndarray else a


for _name, _formula in _FORMULAS.items():
    HANDLERS[f"statistics.{_name}"] = _by_formula(getattr(statistics, _name), _formula)

_of_regression = (
    _by_formula(lambda x, y, **kw: statistics.linear_regression(x, y, **kw).slope, _slope),
    _by_formula(lambda x, y, **kw: statistics.linear_regression(x, y, **kw).intercept, _intercept),
)


def linear_regression(x, y, /, **options):
    x, y = list(x), list(y)
    if not has_carrier([x, y]):
        return statistics.linear_regression(x, y, **options)
    slope, intercept = (part(x, y, **options) for part in _of_regression)
    return statistics.LinearRegression(slope=slope, intercept=intercept)


# --- Of ordered samples: the entries themselves, or between two of them --------------------------


def _median(original):
    def standin(data):
        data = list(data)
        if not has_carrier(data):
            return original(data)
        original([looked_at(item) for item in data])  # raises
        data, n = sorted(data), len(data)
        if n % 2 or original is statistics.median_low:
            return data[(n - 1) // 2]
        if original is statistics.median_high:
            return data[n // 2]
        return (data[n // 2 - 1] + data[n // 2]) / 2

    return functools.wraps(original)(standin)


def quantiles(data, *, n=4, method="exclusive"):
    data = list(data)
    if not has_carrier(data):
        return statistics.quantiles(data, n=n, method=method)
    statistics.quantiles([looked_at(item) for item in data], n=n, method=method)  # raises
    data, count = sorted(data), len(data)
    if count == 1:
        return data * (n - 1)
    found, last = [], count - 1
    for i in range(1, n):
        if method == "inclusive":
            j, delta = divmod(i * last, n)
        else:
            j = min(max(i * (count + 1) // n, 1), last)
            delta = i * (count + 1) - j * n
            j -= 1
        found.append((data[j] * (n - delta) + data[j + 1] * delta) / n)
    return found


def _mode(original):
    def standin(data):
        data = list(data)
        if not has_carrier(data):
            return original(data)
        values = [looked_at(item)[()] if is_carrier(item) else item for item in data]
        found = original(values)
        if type(found) is list:
            return [data[values.index(value)] for value in found]
        return data[values.index(found)]

    return functools.wraps(original)(standin)


HANDLERS |= {
    "statistics.median": _median(statistics.median),
    "statistics.median_low": _median(statistics.median_low),
    "statistics.median_high": _median(statistics.median_high),
    "statistics.mode": _mode(statistics.mode),
    "statistics.multimode": _mode(statistics.multimode),
    "statistics.quantiles": quantiles,
    "statistics.linear_regression": linear_regression,
}
