"""A Dual has what an ndarray has, and adapted code takes it for what it stands for."""

import collections.abc
import hashlib
import io
import types
import warnings

import numpy as np
import pytest

import dualmc as dm
from dualmc.graph.traced import Traced

X = np.array([2.0, 3.0])
MODES = {
    "forward": dm.value_and_jacobian_fwd,
    "sparse": lambda f, x: dm.value_and_jacobian_fwd(f, x, sparse=True),
    "one column": lambda f, x: dm.value_and_jacobian_fwd(f, x, chunk_size=1),
    "reverse": dm.value_and_jacobian_rev,
    "prepared": lambda f, x: _prepared(f, x),
}


def _prepared(f, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        J = dm.prepare(f, x)
    J(x)
    return J.value_and_jacobian(x)


def judge(f, expected, x=X):
    """f's Jacobian in every mode; the value is that of plain numbers."""
    for name, mode in MODES.items():
        y, J = mode(f, x.copy())
        J = J.toarray() if hasattr(J, "toarray") else J
        np.testing.assert_array_equal(np.asarray(f(x.copy())), y, err_msg=name)
        np.testing.assert_allclose(np.reshape(J, np.shape(expected)), expected, 1e-14, 1e-14, name)


@pytest.mark.parametrize("kind", [dm.Dual, Traced])
def test_every_public_attribute_of_an_array_is_there(kind):
    missing = {name for name in dir(np.ndarray) if not name.startswith("_")} - set(dir(kind))
    assert missing == set()


# --- Shape, memory, bytes ------------------------------------------------------------------------


def shaped(y, shape):
    y.shape = shape
    return y


@pytest.mark.filterwarnings("ignore:Setting the shape")  # NumPy 2.5
def test_the_shape_can_be_set():
    judge(lambda x: shaped(2 * x, (2, 1))[:, 0], 2 * np.eye(2))
    judge(lambda x: shaped(np.outer(x, x), -1)[[0, 3]], np.diag(2 * X))
    judge(lambda x: shaped(x, (1, 2)) ** 2, np.diag(2 * X))
    judge(lambda x: shaped((2 * np.stack([x, x]))[1], (2, 1)) ** 2, np.diag(8 * X))
    judge(lambda x: shaped(np.copy(x[0]), (1,)), [[1.0, 0.0]])

    def alias(x):
        y = 2 * x
        z = y
        y.shape = (2, 1)
        y[0, 0] = 7 * x[1]
        return z.ravel() + z.shape[0]

    judge(alias, [[0.0, 7.0], [0.0, 2.0]])

    def of_a_view(x):
        y = np.zeros((2, 2))
        z = y[1]
        z.shape = (2, 1)
        z[:, 0] = x
        z[1, 0] *= x[0]
        return y

    judge(of_a_view, [[0, 0], [0, 0], [1, 0], [3, 2]])

    def of_a_buffer(x):
        y = np.zeros(4)
        y.shape = 2, 2
        y[0] = x
        return y.sum(axis=0)

    judge(of_a_buffer, np.eye(2))


def test_a_shape_that_is_no_view_is_refused():
    for f in (lambda x: shaped(np.outer(x, x).T, 4), lambda x: shaped(2 * x, 3)):
        for mode in (dm.jacobian_fwd, dm.jacobian_rev):
            with pytest.raises((AttributeError, ValueError), match="shape|reshape"):
                mode(f, X)

    def of_a_root(x):
        y = 2 * x
        z = y[:1]
        y.shape = (2, 1)
        return z

    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        with pytest.raises(TypeError, match="other arrays are views of"):
            mode(of_a_root, X)


def test_resize_in_place():
    def f(x):
        y = 2 * x
        y.resize((2, 2))
        y[1, 1] = x[0]
        return y

    judge(f, [[2, 0], [0, 2], [0, 0], [1, 0]])


def test_strides_flags_base_and_device():
    judge(lambda x: x * x.strides[0], 8 * np.eye(2))
    judge(lambda x: x * np.outer(x, x).strides[0], 16 * np.eye(2))
    judge(lambda x: x.to_device(x.device) * (x.base is None), np.eye(2))
    judge(lambda x: np.outer(x, x).T[0] * (np.outer(x, x).T.base is not None), [[4, 0], [3, 2]])


def test_the_array_namespace():
    judge(lambda x: x.__array_namespace__().exp(x), np.diag(np.exp(X)))

    def f(x):
        xp = x.__array_namespace__(api_version="2023.12")
        y = xp.zeros(2)
        y[1] = x[0]
        return y

    judge(f, [[0, 0], [1, 0]])
    with pytest.raises(ValueError, match="Array API"):
        dm.jacobian_fwd(lambda x: x.__array_namespace__(api_version="1800") and x, X)


@pytest.mark.parametrize("copy", [True, None, *np._CopyMode])
def test_array_with_every_copy_mode(copy):
    if copy is np._CopyMode.NEVER or copy is False:
        return
    judge(lambda x: np.array(x, copy=copy) * 2, 2 * np.eye(2))


READERS = {
    "tobytes": lambda a: len(a.tobytes()),
    "bytes": lambda a: len(bytes(a)),
    "memoryview": lambda a: memoryview(a).nbytes,
    "bytearray": lambda a: len(bytearray(a)),
    "data": lambda a: a.data.nbytes,
    "ctypes": lambda a: (a.ctypes.data > 0) * a.nbytes,
    "hash": lambda a: len(hashlib.sha256(a).digest()) / 2,
    "frombuffer": lambda a: np.frombuffer(a).nbytes,
    "dumps": lambda a: (len(a.dumps()) > 16) * a.nbytes,
    "dlpack": lambda a: np.from_dlpack(a).nbytes,
    "tofile": lambda a: _to_file(a),
    "byteswap": lambda a: a.byteswap().nbytes,
    "astype str": lambda a: 8 * len(a.astype(str)),
}


def _to_file(a):
    import tempfile

    with tempfile.TemporaryFile() as file:
        a.tofile(file)
        return file.tell()


@pytest.mark.parametrize("name", READERS)
def test_constants_have_bytes(name):
    reader = READERS[name]
    judge(lambda x: x * reader(np.ones(2)), 16 * np.eye(2))


@pytest.mark.parametrize("name", READERS)
def test_what_holds_a_derivative_has_none(name):
    reader = READERS[name]
    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        with pytest.raises(TypeError):
            mode(lambda x: x * reader(x * 1.0), X)


# --- Constants are plain arrays to everybody -----------------------------------------------------


def _lines(a):
    text = io.StringIO()
    np.savetxt(text, a)
    return text.getvalue().count("\n")


CONSTANTS = {
    "histogram": (lambda: np.histogram(np.ones(5))[0].sum(), 5),
    "histogram2d": (lambda: np.histogram2d(np.ones(3), np.ones(3))[0].sum(), 3),
    "histogram_bin_edges": (lambda: np.histogram_bin_edges(np.ones(3), 4).size, 5),
    "intersect1d": (lambda: np.intersect1d(np.arange(4.0), np.ones(2)).size, 1),
    "setxor1d": (lambda: np.setxor1d(np.arange(4.0), np.ones(2)).sum(), 5),
    "unique_counts": (lambda: np.unique_counts(np.ones(3)).counts[0], 3),
    "savetxt": (lambda: _lines(np.ones(3)), 3),
    "packbits": (lambda: np.packbits(np.ones(3).astype(bool))[0], 224),
    "spacing": (lambda: np.spacing(np.ones(2))[0] * 2.0**52, 1),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_functions_without_a_rule_take_constants(name):
    g, factor = CONSTANTS[name]
    judge(lambda x: x * g(), factor * np.eye(2))


def test_what_they_return_may_be_written_to():
    def f(x):
        y = np.setxor1d(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
        y[0] = x[1]
        return y

    judge(f, [[0, 1], [0, 0]])


# --- What a Dual stands for ----------------------------------------------------------------------

TABLE = {np.ndarray: 10.0, list: 2.0}
C = np.array([1.0, 2.0])


def matched(a):
    match a:
        case np.ndarray():
            return 3.0
    return 1.0


def test_the_type_of_an_array():
    judge(lambda x: x * (3 if type(x) is np.ndarray else 1), 3 * np.eye(2))
    judge(lambda x: x * (3 if type(np.ones(2)) is np.ndarray else 1), 3 * np.eye(2))
    judge(lambda x: x * (3 if C.__class__ is np.ndarray else 1), 3 * np.eye(2))
    judge(lambda x: x * (3 if np.ndarray is type(C) else 1), 3 * np.eye(2))
    judge(lambda x: x * (3 if type(x) in (list, np.ndarray) else 1), 3 * np.eye(2))
    judge(lambda x: x * TABLE[type(x)], 10 * np.eye(2))
    judge(lambda x: x * matched(x), 3 * np.eye(2))
    judge(lambda x: x * issubclass(type(x), np.ndarray) * isinstance(x, np.ndarray), np.eye(2))
    judge(lambda x: x * len(type(x).__name__), 7 * np.eye(2))
    judge(lambda x: x * isinstance(int, type) * (int is int), np.eye(2))


def test_the_type_of_a_number():
    judge(lambda x: x * (3 if type(x[0]) is np.float64 else 1), 3 * np.eye(2))
    judge(lambda x: x * (1 if isinstance(x[0], np.ndarray) else 3), 3 * np.eye(2))
    judge(lambda x: x * isinstance(np.sum(x), float), np.eye(2))
    for has in (
        lambda a: hasattr(a, "__len__"),
        lambda a: hasattr(a, "__iter__"),
        lambda a: isinstance(a, collections.abc.Sized),
        lambda a: isinstance(a, collections.abc.Iterable),
        lambda a: getattr(a, "__len__", None) is not None,
    ):
        judge(lambda x, has=has: x * (1 if has(x[0]) else 3), 3 * np.eye(2))
        judge(lambda x, has=has: x * (3 if has(x) else 1), 3 * np.eye(2))
    judge(lambda x: x * (3 if hasattr(x[0], "shape") else 1), 3 * np.eye(2))


def test_a_metaclass_made_in_f():
    def f(x):
        class Meta(type):
            scale = 3.0

        class Made(metaclass=Meta):
            pass

        return x * type(Made).scale * isinstance(Made, Meta)

    assert isinstance(f, types.FunctionType)
    judge(f, 3 * np.eye(2))


def test_unbound_methods():
    judge(lambda x: np.ndarray.sum(x**2), 2 * X)
    judge(lambda x: np.ndarray.reshape(x, (2, 1)) ** 2, np.diag(2 * X))
    judge(lambda x: np.ndarray.dot(C, C) * x, 5 * np.eye(2))
    np.testing.assert_array_equal(np.eye(2), dm.jacobian_fwd(np.ndarray.flatten, X))

    def called(x):
        y = np.ndarray(2)
        y[:] = x
        return y

    judge(called, np.eye(2))
