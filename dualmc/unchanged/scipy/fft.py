"""Stand-ins for scipy.fft: its Fourier transforms are NumPy's; cosines and sines are linear maps.

Of a cosine or sine transform the matrix is C = L Q R: Q a multiple of an orthogonal matrix, which
SciPy calls orthogonalized, L and R the identity but for their ends.  So C^T = R Q^T L, and Q^T is a
multiple of the inverse transform.
"""

import functools
import operator

import numpy as np
import scipy.fft

from dualmc.errors import missing_case
from dualmc.unchanged.scipy.entering import entries, floats, plain, standin_for
from dualmc.unchanged.scipy.linear_maps import Linear, agreed, at_bottom, size
from dualmc.unchanged.standins.table import STANDINS

HANDLERS: dict = {}
handles = entries("scipy.fft", HANDLERS)


# --- Fourier -------------------------------------------------------------------------------------


def _of_one_axis(name):
    of_numpy = getattr(np.fft, name)

    def handler(x, n=None, axis=-1, norm=None, overwrite_x=False, workers=None, *, plan=None):
        own = getattr(scipy.fft, name)(plain(x), n, axis, norm)
        x = floats(x)
        n = None if n is None else operator.index(n)
        return agreed(own, of_numpy(x, n, axis, norm), f"scipy.fft.{name}", size(x))

    handles(name)(handler)


def _of_several(name, default):
    of_numpy = getattr(np.fft, name)

    def handler(x, s=None, axes=default, norm=None, overwrite_x=False, workers=None, *, plan=None):
        own = getattr(scipy.fft, name)(plain(x), s, axes, norm)
        x = floats(x)
        s = None if s is None else tuple(np.atleast_1d(s).tolist())
        axes = None if axes is None else tuple(np.atleast_1d(axes).tolist())
        if s is not None and axes is None:
            axes = tuple(range(-len(s), 0))
        return agreed(own, of_numpy(x, s, axes, norm), f"scipy.fft.{name}", size(x))

    handles(name)(handler)


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    _of_one_axis(_name)
for _name in ("fftn", "ifftn", "rfftn", "irfftn"):
    _of_several(_name, None)
for _name in ("fft2", "ifft2", "rfft2", "irfft2"):
    _of_several(_name, (-2, -1))


def _refuse(name):
    def handler(*args, **kwargs):
        raise missing_case(f"scipy.fft.{name}", "yet: use fftn or ifftn and numpy.conj")

    handles(name)(handler)


for _name in ("hfft2", "ihfft2", "hfftn", "ihfftn", "fht", "ifht"):
    _refuse(_name)


def _shift(name):
    of_numpy = getattr(np.fft, name)

    def handler(x, axes=None):
        return of_numpy(floats(x), axes)

    handles(name)(handler)


_shift("fftshift")
_shift("ifftshift")


# --- Cosines and sines ---------------------------------------------------------------------------

_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}
_INVERSE = {"dct": "idct", "idct": "dct", "dst": "idst", "idst": "dst"}


def _ends(name, type, n):
    """The factors L and R that make the transform of the orthogonalized one, at all n places."""
    is_cosine = name.endswith("dct")
    if name.startswith("i"):
        type = {1: 1, 2: 3, 3: 2, 4: 4}[type]
    left, right = np.ones(n), np.ones(n)
    root = np.sqrt(2.0)
    if is_cosine and type == 1:
        left[[0, -1]], right[[0, -1]] = root, 1 / root
    elif type == 2:
        left[0 if is_cosine else -1] = root
    elif type == 3:
        right[0 if is_cosine else -1] = 1 / root
    return left, right


@functools.lru_cache(maxsize=128)
def _square(name, type, n, norm):
    """The multiple of the identity that Q^T Q is."""
    unit = np.zeros(n)
    unit[0] = 1.0
    column = getattr(scipy.fft, name)(unit, type, norm=norm, orthogonalize=True)
    return float(np.sum(column**2))


def trigonometric(name, x, type, axis, norm, orthogonalize):
    """A transform along one axis of a Dual or an array, in the length that it has."""
    function, inverse = getattr(scipy.fft, name), getattr(scipy.fft, _INVERSE[name])
    axis = axis % x.ndim - x.ndim
    n = x.shape[axis]
    orthogonalize = norm == "ortho" if orthogonalize is None else bool(orthogonalize)
    left, right = (np.ones(n),) * 2 if orthogonalize else _ends(name, type, n)
    left, right = (np.reshape(a, (-1,) + (1,) * (-axis - 1)) for a in (left, right))
    square = _square(name, type, n, norm)

    def forward(x):
        return function(x, type, axis=axis, norm=norm, orthogonalize=orthogonalize)

    def transposed(bar):
        inner = inverse(bar * left, type, axis=axis, norm=norm, orthogonalize=True)
        return right * inner * square

    return Linear(forward, transposed)(x)


def _fitted(x, n, axis):
    """`x` cropped or continued with zeros to length n along an axis."""
    x = np.moveaxis(x, axis, -1)
    have = x.shape[-1]
    if n > have:
        x = np.concatenate([x, np.zeros((*x.shape[:-1], n - have), x.dtype)], axis=-1)
    return np.moveaxis(x[..., :n], -1, axis)


def _real(name):
    def handler(x, type=2, n=None, axis=-1, norm=None, overwrite_x=False, workers=None,
                orthogonalize=None):  # fmt: skip
        own = getattr(scipy.fft, name)(plain(x), type, n, axis, norm, orthogonalize=orthogonalize)
        x = floats(x)
        x = x if n is None else _fitted(x, n, axis)
        return at_bottom(own, trigonometric(name, x, type, axis, norm, orthogonalize))

    handles(name)(handler)


def _real_of_several(name):
    one = name[:-1]

    def handler(x, type=2, s=None, axes=None, norm=None, overwrite_x=False, workers=None, *,
                orthogonalize=None):  # fmt: skip
        own = getattr(scipy.fft, name)(plain(x), type, s, axes, norm, orthogonalize=orthogonalize)
        x = floats(x)
        if axes is None:
            count = x.ndim if s is None else np.size(s)
            axes = range(x.ndim - count, x.ndim)
        axes = np.atleast_1d(list(axes) if np.ndim(axes) else axes).tolist()
        sizes = [None] * len(axes) if s is None else np.atleast_1d(s).tolist()
        for axis, n in zip(axes, sizes, strict=True):
            x = x if n is None else _fitted(x, n, axis)
            x = trigonometric(one, x, type, axis, norm, orthogonalize)
        return agreed(own, x, f"scipy.fft.{name}", size(own))

    handles(name)(handler)


for _name in _INVERSE:
    _real(_name)
    _real_of_several(_name + "n")


def _stand_behind():
    """Let the functions that scipy.fft hands its calls to lead to the stand-ins too."""
    for backend in ("_basic_backend", "_realtransforms_backend"):
        module = getattr(scipy.fft, backend, None)
        for name, standin in HANDLERS.items():
            function = getattr(module, name.rpartition(".")[2], None)
            if function is not None:
                STANDINS[function] = standin_for(function, standin.formula)


_stand_behind()
