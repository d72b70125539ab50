"""Distances of scipy.spatial.distance: one formula per metric, of arrays of vectors (..., d).

The functions of two vectors, `cdist` and `pdist` evaluate the same formula; the value is SciPy's.
"""

import numpy as np
from scipy.spatial import distance

from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import quiet
from dualmc.functions.results import written
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import entries, floats, has_carrier, plain
from dualmc.unchanged.scipy.linear_maps import agreed, size

HANDLERS: dict = {}
handles = entries("scipy.spatial.distance", HANDLERS)


def _sum(w, a):
    return np.sum(a if w is None else w * a, axis=-1)


def euclidean(u, v, w=None):
    d = u - v
    return np.linalg.norm(d if w is None else np.sqrt(w) * d, axis=-1)


def sqeuclidean(u, v, w=None):
    return _sum(w, (u - v) ** 2)


def cityblock(u, v, w=None):
    return _sum(w, np.abs(u - v))


def chebyshev(u, v, w=None):
    d = np.abs(u - v)
    if w is not None:
        d = d[..., values(w) > 0]
    return np.max(d, axis=-1)


def minkowski(u, v, p=2, w=None):
    if has_carrier(p):
        raise missing_case("scipy.spatial.distance.minkowski", "by p")
    if p == np.inf:
        return chebyshev(u, v, w)
    d = u - v
    return np.linalg.norm(d if w is None else w ** (1 / p) * d, p, axis=-1)


def canberra(u, v, w=None):
    total = np.abs(u) + np.abs(v)
    is_zero = values(total) == 0
    parts = np.where(is_zero, 0.0, np.abs(u - v)) / np.where(is_zero, 1.0, total)
    return _sum(w, parts)


def braycurtis(u, v, w=None):
    return _sum(w, np.abs(u - v)) / _sum(w, np.abs(u + v))


def cosine(u, v, w=None):
    return 1.0 - _sum(w, u * v) / np.sqrt(_sum(w, u * u) * _sum(w, v * v))


def correlation(u, v, w=None, centered=True):
    if centered:
        weight = 1.0 / u.shape[-1] if w is None else w / np.sum(w)
        u = u - np.sum(weight * u, axis=-1, keepdims=True)
        v = v - np.sum(weight * v, axis=-1, keepdims=True)
    return cosine(u, v, w)


def mahalanobis(u, v, VI):
    d = u - v
    return np.sqrt(np.sum(np.matmul(d[..., None, :], VI)[..., 0, :] * d, axis=-1))


def seuclidean(u, v, V):
    return np.linalg.norm((u - v) / np.sqrt(V), axis=-1)


def jensenshannon(p, q, base=None):
    p = p / np.sum(p, axis=-1, keepdims=True)
    q = q / np.sum(q, axis=-1, keepdims=True)
    m = (p + q) / 2.0
    total = np.sum(_entropy(p, m) + _entropy(q, m), axis=-1)
    return np.sqrt((total if base is None else total / np.log(base)) / 2.0)


def _entropy(p, m):
    is_zero = values(p) == 0
    p = np.where(is_zero, 1.0, p)
    return np.where(is_zero, 0.0, p * np.log(p / np.where(is_zero, 1.0, m)))


METRICS = {
    f.__name__: f
    for f in (euclidean, sqeuclidean, cityblock, chebyshev, minkowski, canberra, braycurtis, cosine,
              correlation, mahalanobis, seuclidean, jensenshannon)
}  # fmt: skip
# What counts where vectors are equal, or true: the derivative is 0.
FLAT = frozenset("hamming jaccard yule dice rogerstanimoto russellrao sokalsneath".split())


# --- Of two vectors ------------------------------------------------------------------------------


def _of_two(name):
    formula = METRICS[name]
    original = getattr(distance, name)

    @quiet
    def handler(u, v, *args, **kwargs):
        own = original(plain(u), plain(v), *map(plain, args),
                       **{key: plain(a) for key, a in kwargs.items()})  # fmt: skip
        u, v = floats(u), floats(v)
        if name == "jensenshannon":
            axis, kept = kwargs.pop("axis", 0), kwargs.pop("keepdims", False)
            y = formula(np.moveaxis(u, axis, -1), np.moveaxis(v, axis, -1), *args, **kwargs)
            return agreed(own, np.reshape(y, np.shape(own)) if kept else y, _dotted(name), 1.0)
        args = [a if a is None or np.ndim(plain(a)) == 0 else floats(a) for a in args]
        kwargs = {k: a if a is None or np.ndim(plain(a)) == 0 else floats(a)
                  for k, a in kwargs.items()}  # fmt: skip
        y = formula(np.ravel(u), np.ravel(v), *args, **kwargs)
        return agreed(own, y, _dotted(name), _scale(name, u, v))

    handles(name)(handler)


def _dotted(name):
    return f"scipy.spatial.distance.{name}"


def _scale(name, *arrays):
    """The size of what is subtracted where vectors are close."""
    return 1.0 if name in ("cosine", "correlation") else max(map(size, arrays))


for _name in METRICS:
    _of_two(_name)


# --- Of all pairs --------------------------------------------------------------------------------


def _metric(metric):
    """The name that SciPy gives a metric, by any of its names; what the user wrote as it is."""
    if callable(metric):
        name = getattr(metric, "__name__", "")
        return name if getattr(distance, name, None) is metric else metric
    known = distance._METRIC_ALIAS.get(metric.lower().removeprefix("test_"))
    return metric if known is None else known.canonical_name


def _options(name, together, kwargs):
    """The options of a metric, with what it takes of the data where they are not given."""
    options = {k: a if np.ndim(plain(a)) == 0 else floats(a) for k, a in kwargs.items()
               if a is not None}  # fmt: skip
    if name == "seuclidean" and "V" not in options:
        options["V"] = np.var(together, axis=0, ddof=1)
    if name == "mahalanobis" and "VI" not in options:
        options["VI"] = np.swapaxes(np.linalg.inv(np.atleast_2d(np.cov(together.T))), 0, 1)
    return options


def _pairs(function, name, own, u, v, together, metric, kwargs):
    """The distances of u and v, arrays of vectors that broadcast."""
    if callable(name):
        shape = np.broadcast_shapes(u.shape, v.shape)
        rows = [np.reshape(np.broadcast_to(a, shape), (-1, shape[-1])) for a in (u, v)]
        found = [metric(a, b, **kwargs) for a, b in zip(*rows, strict=True)]
        return np.reshape(np.stack(found), shape[:-1])
    if name not in METRICS:
        if name in FLAT and not has_carrier(tuple(kwargs.values())):
            return own
        raise missing_case(_dotted(function), f"with metric={metric!r}")
    y = METRICS[name](u, v, **_options(name, together, kwargs))
    return agreed(own, y, _dotted(function), _scale(name, together))


def _plain_options(kwargs):
    return {key: plain(a) for key, a in kwargs.items()}


@handles("cdist")
@quiet
def cdist(XA, XB, metric="euclidean", *, out=None, **kwargs):
    name = _metric(metric)
    own = None
    if not callable(name):
        own = distance.cdist(plain(XA), plain(XB), name, **_plain_options(kwargs))
    u, v = floats(XA), floats(XB)
    together = np.concatenate([u, v]) if name in ("seuclidean", "mahalanobis") else u
    y = _pairs("cdist", name, own, u[:, None], v[None], together, metric, kwargs)
    return written(out, y)


@handles("pdist")
@quiet
def pdist(X, metric="euclidean", *, out=None, **kwargs):
    name = _metric(metric)
    own = None
    if not callable(name):
        own = distance.pdist(plain(X), name, **_plain_options(kwargs))
    X = floats(X)
    first, second = np.triu_indices(X.shape[0], 1)
    y = _pairs("pdist", name, own, X[first], X[second], X, metric, kwargs)
    return written(out, y)


@handles("directed_hausdorff")
def directed_hausdorff(u, v, *args, **kwargs):
    d, i, j = distance.directed_hausdorff(plain(u), plain(v), *args, **kwargs)
    y = np.linalg.norm(floats(u)[i] - floats(v)[j])
    return agreed(d, y, _dotted("directed_hausdorff")), i, j
