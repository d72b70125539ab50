"""Constants are called as f's code calls them."""

import functools
import types

import numpy as np
import pytest

import dualmc as dm
from dualmc.derivation.surroundings import named_arrays

M = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
shift = np.array([1.0, -1.0])
X = np.array([1.0, 0.5, 2.0])
MODEL = {"weights": M + 1, "bias": shift + 1, "layers": [M + 2, M + 3]}
space = types.SimpleNamespace(inner=types.SimpleNamespace(K=M + 4))


def affine(x):
    return M @ x + shift


class Layer:
    def __init__(self):
        self.W, self.b = 2 * M, 3 * shift

    def __call__(self, x):
        return self.W @ x + self.b

    def forward(self, x):
        return self.W @ x


class Slotted:
    __slots__ = ("Q",)

    def __init__(self):
        self.Q = 7 * M


LAYER, SLOTTED = Layer(), Slotted()


def closure():
    N = M + 5

    def inner(x):
        return N @ x

    def outer(x):
        def again(x):
            return inner(x) * 2

        return again(x)

    return outer


def with_default(x, D=M * 3):
    return D @ x


def of_attribute(x):
    return LAYER.W @ x


def of_slot(x):
    return SLOTTED.Q @ x


def of_items(x):
    return MODEL["weights"] @ x + MODEL["bias"]


def of_list(x):
    return MODEL["layers"][1] @ x


def of_namespace(x):
    return space.inner.K @ x


def of_transpose(x):
    return M.T @ (M @ x)


def of_lambda(x):
    return (lambda z: M @ z)(x)


@pytest.mark.parametrize(
    ("f", "equations"),
    [
        (affine, ["u1 = M @ x", "y = u1 + shift"]),
        (lambda x: affine(x), ["u1 = M @ x", "y = u1 + shift"]),
        (of_lambda, ["y = M @ x"]),
        (closure(), ["u1 = N @ x", "y = u1*2"]),
        (with_default, ["y = D @ x"]),
        (of_attribute, ["y = W @ x"]),
        (of_slot, ["y = Q @ x"]),
        (LAYER, ["u1 = W @ x", "y = u1 + b"]),
        (LAYER.forward, ["y = W @ x"]),
        (of_items, ["u1 = weights @ x", "y = u1 + bias"]),
        (of_list, ["y = layers_1 @ x"]),
        (of_namespace, ["y = K @ x"]),
        (of_transpose, ["u1 = M @ x", "y = M^T @ u1"]),
        (functools.partial(lambda x, C: C @ x, C=M * 7), ["y = C @ x"]),
        (functools.partial(lambda C, x: C @ x, M * 7), ["y = C @ x"]),
        (lambda x: (M * 2) @ x, ["y = c1 @ x"]),
    ],
)
def test_names(f, equations):
    explanation = dm.explain(f, X, names=["x"])
    assert [step.equation for step in explanation.steps] == equations


def test_the_transpose_of_a_constant_is_shown_as_that():
    text = dm.explain(lambda x: M.T @ x, shift).text()
    assert "dy/dx = M^T" in text
    assert "M = [1  2  3]" in text and "c1" not in text


def test_names_that_are_taken():
    """By an input, by another array, by an intermediate variable, by c1 itself."""
    steps = dm.explain(lambda M: affine(M), X).steps
    assert steps[0].equation == "u1 = M_1 @ M"
    u1, y = M + 1, shift
    steps = dm.explain(lambda x: u1 @ x + y, X).steps
    assert [step.equation for step in steps] == ["v1 = u1 @ x", "f = v1 + y"]
    steps = dm.explain(lambda c1: (M * 2) @ c1, X).steps
    assert steps[0].equation == "y = c2 @ c1"

    def other():
        M = shift
        return lambda x: affine(x) * M

    text = dm.explain(other(), X).text()
    assert "M = [1, -1]" in text and "M_1 = [1  2  3]" in text


def test_a_constant_that_changes_is_not_called_by_one_name():
    table = np.ones(3)

    def f(x):
        y = table * x
        table[0] = 5.0
        return y + table * x

    steps = dm.explain(f, X).steps
    assert [step.equation for step in steps] == ["u1 = c1*x", "u2 = table*x", "y = u1 + u2"]
    assert "c1 = [1, 1, 1]" in dm.explain(f, X).text() or table[0] == 5.0


def test_a_transpose_from_before_a_change_is_not_called_by_that_name():
    table = np.array([[1.0, 2.0], [3.0, 4.0]])

    def f(x):
        y = table.T @ x
        table[0, 0] = 50.0
        y = y + table @ x
        table[0, 0] = 1.0
        return y

    equations = [step.equation for step in dm.explain(f, X[:2]).steps]
    assert equations == ["u1 = c1 @ x", "u2 = table @ x", "y = u1 + u2"]
    text = dm.explain(f, X[:2]).text()
    assert "table = [50  2]" in text and "c1 = [1  3]" in text


def test_looking_around_runs_nothing_and_ends():
    class Odd:
        def __init__(self):
            self.self = self
            self.values = [self, {"again": self}]

        @property
        def W(self):
            raise AssertionError("called")

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            raise AssertionError(f"asked for {name}")

    odd = Odd()
    deep = []
    for _ in range(100):
        deep = [deep, M]
    found = named_arrays(lambda x: (odd.W, deep, x))
    assert all(a is M for a, _ in found)


def test_objects_that_answer_with_errors():
    class Lazy:
        def __getattribute__(self, name):
            raise ImportError("not loaded yet")

    lazy = Lazy()
    assert [name for _, name in named_arrays(lambda x: (lazy, M, x))] == ["M"]


@pytest.mark.parametrize("f", [np.sin, len, type, "no function", 3, functools.partial(np.sum)])
def test_what_has_no_surroundings(f):
    assert named_arrays(f) == []


def test_a_variable_that_is_not_set_yet():
    def f(x):
        return later @ x

    assert named_arrays(f) == []
    later = M
    assert [name for _, name in named_arrays(f)] == ["later"]
