"""`scipy.spatial.transform.Rotation`: objects of SciPy's class whose quaternions are Duals."""

import numpy as np
from scipy.spatial.transform import Rotation

from dualmc.errors import missing_case
from dualmc.unchanged.scipy.entering import floats, has_carrier, look, looking, method, plain
from dualmc.unchanged.scipy.spatial import quaternions

NAME = "scipy.spatial.transform.Rotation"
_RIGHT = np.pi / 180.0


def _filled(rotation, q):
    """`rotation`, an object made of plain numbers, with the quaternions q."""
    rotation._single = np.ndim(q) == 1
    rotation._quat = q[None] if np.ndim(q) == 1 else q
    return look(rotation)


def _made(q):
    """A Rotation of the unit quaternions q, (..., 4)."""
    return _filled(Rotation(plain(q), normalize=False), q)


def _quat(rotation):
    """The quaternions of any Rotation, (4,) of a single one."""
    q = rotation._quat
    return q[0] if rotation._single else q


def _rolled(q, places):
    return np.roll(q, places, axis=-1)


@method(Rotation, "__init__")
def _init(original, self, quat, normalize=True, copy=True, scalar_first=False):
    q = floats(quat)
    original(self, plain(q), normalize, copy, scalar_first)
    q = _rolled(q, -1) if scalar_first else q
    _filled(self, quaternions.normalized(q) if normalize else q)


@method(Rotation, "from_quat")
def _from_quat(original, quat, *, scalar_first=False):
    q = floats(quat)
    return _made(quaternions.normalized(_rolled(q, -1) if scalar_first else q))


@method(Rotation, "from_rotvec")
def _from_rotvec(original, rotvec, degrees=False):
    v = floats(rotvec)
    original(plain(v), degrees)  # SciPy's errors
    return _made(quaternions.of_rotvec(v * _RIGHT if degrees else v))


@method(Rotation, "from_matrix")
def _from_matrix(original, matrix, *, assume_valid=False):
    m = floats(matrix)
    original(plain(m), assume_valid=assume_valid)
    return _made(quaternions.of_matrix(m, assume_valid))


@method(Rotation, "from_euler")
def _from_euler(original, seq, angles, degrees=False):
    angles = floats(angles)
    own = original(seq, plain(angles), degrees)
    angles = angles * _RIGHT if degrees else angles
    if angles.ndim == 0 or len(seq) == 1 and angles.shape[-1] != 1:
        angles = angles[..., None]
    q = quaternions.of_euler(seq, angles)
    return _made(np.reshape(q, (*own.as_quat().shape,)))


@method(Rotation, "from_mrp")
def _from_mrp(original, mrp):
    return _made(quaternions.of_mrp(floats(mrp)))


@method(Rotation, "as_quat")
def _as_quat(original, self, canonical=False, *, scalar_first=False):
    q = _quat(self)
    q = quaternions.canonical(q) if canonical else q
    return _rolled(q, 1) if scalar_first else q * 1.0


@method(Rotation, "as_matrix")
def _as_matrix(original, self):
    return quaternions.to_matrix(_quat(self))


@method(Rotation, "as_rotvec")
def _as_rotvec(original, self, degrees=False):
    v = quaternions.to_rotvec(_quat(self))
    return v / _RIGHT if degrees else v


@method(Rotation, "as_euler")
def _as_euler(original, self, seq, degrees=False, **options):
    Rotation.identity().as_euler(seq, suppress_warnings=True)  # SciPy's errors
    angles = quaternions.to_euler(_quat(self), seq)
    return angles / _RIGHT if degrees else angles


@method(Rotation, "as_mrp")
def _as_mrp(original, self):
    return quaternions.to_mrp(_quat(self))


@method(Rotation, "magnitude")
def _magnitude(original, self):
    return quaternions.to_angle(_quat(self))


@method(Rotation, "apply")
def _apply(original, self, vectors, inverse=False):
    v = floats(vectors)
    if v.shape[-1] != 3:
        raise ValueError(f"Expected input of shape (..., 3), got {v.shape}.")
    m = quaternions.to_matrix(_quat(self))
    m = np.swapaxes(m, -1, -2) if inverse else m
    y = np.matmul(m, v[..., None])[..., 0]
    return y


@method(Rotation, "inv")
def _inv(original, self):
    return _made(quaternions.inverse(_quat(self)))


@method(Rotation, "__mul__")
def _mul(original, self, other):
    if not isinstance(other, Rotation):
        return NotImplemented
    q = quaternions.composed(_quat(self), _quat(other))
    return _made(quaternions.normalized(q))


@method(Rotation, "__pow__")
def _pow(original, self, n, modulus=None):
    if modulus is not None:
        raise NotImplementedError("modulus not supported")
    n = floats(n)
    n = n[0] if n.shape == (1,) else n
    if not has_carrier(n) and n in (0, 1, -1):
        q = _quat(self)
        one = np.zeros(np.shape(q))
        one[..., 3] = 1.0
        return _made({0: one + 0.0 * q, 1: q, -1: quaternions.inverse(q)}[int(n)])
    return _made(quaternions.of_rotvec(n * quaternions.to_rotvec(_quat(self))))


@method(Rotation, "__getitem__")
def _getitem(original, self, indexer):
    if self._single:
        raise TypeError("Single rotation is not subscriptable.")
    return _made(self._quat[indexer])


@method(Rotation, "__iter__")
def _iter(original, self):
    if self._single:
        raise TypeError("Single rotation is not iterable.")
    return (_made(q) for q in self._quat)


@method(Rotation, "concatenate")
def _concatenate(original, rotations):
    if isinstance(rotations, Rotation):
        return _made(_quat(rotations))
    return _made(np.concatenate([np.atleast_2d(_quat(r)) for r in rotations]))


def _refuse(name):
    @method(Rotation, name)
    def refused(original, *args, **kwargs):
        raise missing_case(NAME, f"its method {name}")


for _name in """
    from_davenport as_davenport align_vectors mean reduce approx_equal __setitem__
""".split():
    if _name in Rotation.__dict__:
        _refuse(_name)

HANDLERS = {NAME: looking(Rotation)}
