"""``x.__class__``: what a Dual stands for, also to code that nobody adapted."""

import ast
import collections.abc
import copy
import functools
import numbers
import pathlib
import pickle

import numpy as np
import pytest

import dualmc as dm
from dualmc.duals.dual import Dual
from dualmc.graph.traced import Traced

X = np.array([1.5, 3.0])
MODES = [dm.jacobian_fwd, dm.jacobian_rev, lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
         lambda f, x: dm.prepare(f, x)(x)]  # fmt: skip


@functools.singledispatch
def generic(x):
    return 5 * x


generic.register(np.ndarray)(lambda x: x**2)
generic.register(float)(lambda x: x**3)


def by_match(x):
    match x:
        case float():
            return x**3
        case np.ndarray():
            return x**2
    return 5 * x


BRANCHES = {
    "isinstance array": (lambda x: x**2 if isinstance(x, np.ndarray) else x, np.diag(2 * X)),
    "isinstance generic": (lambda x: x[1] ** 2 if isinstance(x[1], np.generic) else x, [0, 6.0]),
    "no array is a number": (lambda x: x if isinstance(x, (float, np.generic)) else x**2,
                             np.diag(2 * X)),
    "no number is an array": (lambda x: x[1] if isinstance(x[1], np.ndarray) else x[1] ** 2,
                              [0, 6.0]),
    "real": (lambda x: x[1] ** 2 if isinstance(x[1], numbers.Real) else x[1], [0, 6.0]),
    "class": (lambda x: x**2 if x.__class__ is np.ndarray else x, np.diag(2 * X)),
    "class of a number": (lambda x: x[1] ** 2 if x[1].__class__ is np.float64 else x[1], [0, 6.0]),
    "its name": (lambda x: x**2 if x.__class__.__name__ == "ndarray" else x, np.diag(2 * X)),
    "iterable": (lambda x: x**2 if isinstance(x, collections.abc.Iterable) else x, np.diag(2 * X)),
    "singledispatch": (lambda x: generic(x) + generic(x[0]), np.diag(2 * X) + [[6.75, 0]] * 2),
    "match": (lambda x: by_match(x) + by_match(x[0]), np.diag(2 * X) + [[6.75, 0]] * 2),
    "0-d array": (lambda x: x[1] ** 2 if isinstance(x[1, ...], np.ndarray) else x[1], [0, 6.0]),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BRANCHES)
def test_the_branch_of_plain_numbers(name, mode):
    f, J = BRANCHES[name]
    for g in (dm.as_is(f), f):
        np.testing.assert_allclose(mode(g, X), J, rtol=1e-14)


@pytest.mark.parametrize(
    ("x", "kind"), [(3.0, float), (np.float64(3), np.float64), (np.float32(3), np.float32),
                    (np.array(3.0), np.ndarray)]
)  # fmt: skip
def test_the_class_of_an_argument(x, kind):
    def f(t):
        return t**2 if t.__class__ is kind else t

    for go in (dm.derivative, dm.jacobian_fwd, dm.jacobian_rev, dm.gradient, dm.hessian):
        for g in (f, dm.as_is(f)):
            assert float(go(g, x)) == (2.0 if go is dm.hessian else 6.0)
    inner = lambda t: t * dm.derivative(dm.as_is(f), t)  # noqa: E731
    assert float(dm.derivative(dm.as_is(inner), x)) == 12.0


def test_a_prepared_function_whose_argument_changes_its_class():
    f = dm.as_is(lambda t: t**2 if t.__class__ is float else 5 * t)
    with pytest.warns(UserWarning, match="asks for the type of an argument"):
        J = dm.prepare(f, 3.0)
    assert [float(J(t)) for t in (3.0, 4.0, np.float64(4.0), np.array(4.0))] == [6.0, 8.0, 5.0, 5.0]


def test_a_dual_is_a_dual_too():
    found = []
    dm.derivative(lambda t: found.append(t) or t * 2.0, 3.0)
    (t,) = found
    assert isinstance(t, Dual) and type(t) is Dual
    assert t.__class__ is float and isinstance(t, float)  # its call has ended: it reads as such
    dm.derivative(lambda s: found.append(t.__class__) or s * 2.0, 3.0)
    assert found[1] is Dual  # and is no float to another call
    by_hand = Dual([1.0, 2.0], [3.0, 4.0])
    assert isinstance(by_hand, Dual) and isinstance(by_hand, np.ndarray)
    assert np.array_equal((by_hand**2).tangent, [6.0, 16.0])


def test_copies_keep_what_they_carry_and_pickles_are_refused():
    def f(x):
        y = copy.deepcopy({"a": [copy.copy(x)]})["a"][0]
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(x)
        with pytest.raises(TypeError, match="cannot be pickled"):
            x.__reduce_ex__(2)
        return y**2

    for mode in MODES[:3]:
        np.testing.assert_array_equal(mode(dm.as_is(f), X), np.diag(2 * X))


M = np.arange(4.0).reshape(2, 2)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("mode", MODES[:3])
def test_classes_of_arrays_that_ask_it(mode):
    """numpy.matrix multiplies an ndarray as a matrix, and a number element by element."""
    m = np.matrix(M)
    v = np.array([[2.0], [1.0]])
    for f in (
        lambda x: np.asarray(m * x.reshape(2, 1)),
        lambda x: np.asarray(m * x[0] * v) + 0 * x[1],
        lambda x: np.asarray(np.asmatrix(x.reshape(2, 1)).T * m),
    ):
        want = [(f(X + h) - f(X - h)) / 2e-3 for h in 1e-3 * np.eye(2)]
        np.testing.assert_allclose(mode(dm.as_is(f), X), np.stack(want, -1), atol=1e-9)
    with pytest.raises((ValueError, dm.TangentLostError), match="read-only"):
        mode(dm.as_is(lambda x: _written(np.asmatrix(x))), X)


def _written(a):
    a[0, 0] = 1.0
    return a


def test_views_of_constants_are_their_memory():
    def f(x):
        a = np.zeros(4)
        a.view(np.recarray)[1] = 2.0
        bits = a.view(np.int64)
        assert isinstance(bits, np.ndarray) and bits[0] == 0
        return x * a[1]

    for mode in MODES[:3]:
        np.testing.assert_array_equal(mode(f, X), 2 * np.eye(2))


_KINDS = frozenset(
    "ndarray generic number floating inexact complexfloating float complex Number Real".split()
)
_ROOMS = "duals steps tangents cotangents functions graph kernels passes calls"


def test_dualmc_itself_asks_types():
    """``isinstance(a, np.ndarray)`` is true of a Dual: below `unchanged`, types are asked."""
    root = pathlib.Path(dm.__file__).parent
    known = {"kinds.py"}  # which answers for f
    found = []
    for room in _ROOMS.split():
        for file in (root / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
                    names = {n.attr for n in ast.walk(node.args[1]) if isinstance(n, ast.Attribute)}
                    names |= {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)}
                    if names & _KINDS and file.name not in known:
                        found.append(f"{file.name}:{node.lineno}")
    assert not found
    assert not isinstance(Traced, Dual)
