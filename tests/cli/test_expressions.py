"""Expressions: what they compute, and that derivatives flow through them."""

import numpy as np
import pytest
from expression_judge import M, V, W, assert_same, refusal
from hypothesis import given, settings
from hypothesis import strategies as st

import dualmc as dm
from dualmc.cli.expressions import allowed
from dualmc.cli.expressions.reader import parse

# --- Values --------------------------------------------------------------------------------------

# The text, the same in Python, and the arguments.
VALUES = [
    ("3*x**2 + 2*x - 1", lambda x: 3 * x**2 + 2 * x - 1, 1.25),
    ("x - y - 1", lambda x, y: x - y - 1, 1.5, 0.25),
    ("-x**2", lambda x: -(x**2), 1.5),
    ("+x / y", lambda x, y: +x / y, 1.5, 0.25),
    ("x // 2 + x % 2", lambda x: x // 2 + x % 2, 5.5),
    ("2**3**2", lambda: 512),
    ("1.5e2 * 1j", lambda: 150j),
    ("M @ x", lambda M, x: M @ x, M, V),
    ("x < y", lambda x, y: x < y, V, W),
    ("x == y", lambda x, y: x == y, V, W),
    ("x != y", lambda x, y: x != y, V, W),
    ("(x >= 0) & (x <= 1)", lambda x: (x >= 0) & (x <= 1), V),
    ("(x > 1) | ~(x > 0)", lambda x: (x > 1) | ~(x > 0), V),
    ("~(1 > 2)", lambda: True),
    ("x if x > 0 else -x", lambda x: x if x > 0 else -x, -1.5),
    ("x[0] + x[-1]", lambda x: x[0] + x[-1], V),
    ("x[1:]", lambda x: x[1:], V),
    ("x[::-1]", lambda x: x[::-1], V),
    ("x[..., 0]", lambda x: x[..., 0], M),
    ("x[1, :2]", lambda x: x[1, :2], M),
    ("x[None]", lambda x: x[None], V),
    ("x[:, newaxis]", lambda x: x[:, None], V),
    ("x[x > 0]", lambda x: x[x > 0], V),
    ("x[[2, 0]]", lambda x: x[[2, 0]], V),
    ("[x, y][1]", lambda x, y: y, 1.5, 0.25),
    ("[[1, 2], [3, 4]][:, 0]", lambda: np.array([1, 3])),
    ("[x, 2*x]", lambda x: [x, 2 * x], 1.5),
    ("x, [y]", lambda x, y: (x, [y]), 1.5, 0.25),
    ("[1, 2] + [3, 4]", lambda: np.array([4, 6])),
    ("[0] * 3", lambda: np.array([0])),
    ("-[x, y]", lambda x, y: np.array([-x, -y]), 1.5, 0.25),
    ("[1, 2] < x", lambda x: np.array([True, False]), 1.5),
    ("sin(x) + np.sin(x) + numpy.sin(x)", lambda x: np.sin(x) + np.sin(x) + np.sin(x), V),
    ("sum(x)", lambda x: np.sum(x), V),
    ("sum(x, axis=0)", lambda x: np.sum(x, axis=0), M),
    ("sum(x, 1)", lambda x: np.sum(x, 1), M),
    ("sum([x, y])", lambda x, y: np.sum(np.stack([x, y])), V, W),
    ("np.linalg.norm(x) + linalg.norm(x) + norm(x)", lambda x: 3 * np.sqrt(np.sum(x * x)), V),
    ("norm(x, 'fro')", lambda x: np.linalg.norm(x, "fro"), M),
    ("stack([x, y])", lambda x, y: np.stack([x, y]), V, W),
    ("concatenate((x, y))", lambda x, y: np.concatenate((x, y)), V, W),
    ("block([[x], [x]])", lambda x: np.block([[x], [x]]), M),
    ("where(x > 0, x, 0)", lambda x: np.where(x > 0, x, 0), V),
    ("clip(x, None, 1)", lambda x: np.clip(x, None, 1), V),
    ("dot(w, x)", lambda w, x: np.dot(w, x), W, V),
    ("einsum('ij,j->i', M, x)", lambda M, x: np.einsum("ij,j->i", M, x), M, V),
    (
        "meshgrid(x, y, indexing='ij')[1]",
        lambda x, y: np.meshgrid(x, y, indexing="ij")[1],
        V,
        W,
    ),
    ("pad(x, 1, mode='edge')", lambda x: np.pad(x, 1, mode="edge"), V),
    ("modf(x)[0]", lambda x: np.modf(x)[0], V),
    ("ln(x) + log(x)", lambda x: 2 * np.log(x), 1.5),
    ("max(0, z)", lambda z: np.maximum(0, z), V),
    ("min(x, y)", lambda x, y: np.minimum(x, y), V, W),
    ("max(x, 0, y)", lambda x, y: np.maximum(np.maximum(x, 0), y), V, W),
    ("max(x) - min(x)", lambda x: np.max(x) - np.min(x), V),
    ("max(x, axis=1)", lambda x: np.max(x, axis=1), M),
    ("np.max(x, 1)", lambda x: np.max(x, 1), M),
    ("max([1, x])", lambda x: np.float64(1.5), 1.5),
    ("abs(x) + len(x)", lambda x: np.abs(x) + 3, V),
    ("x.sum() * x.mean(axis=0)", lambda x: x.sum() * x.mean(axis=0), M),
    ("x.T @ y", lambda x, y: x.T @ y, M, M),
    ("x.reshape(3, 2)", lambda x: x.reshape(3, 2), M),
    ("x.reshape((3, -1))", lambda x: x.reshape((3, -1)), M),
    ("x.transpose() + x.transpose(1, 0)", lambda x: 2 * x.T, M),
    ("x.flatten() + x.ravel()", lambda x: 2 * x.ravel(), M),
    ("x.dot(y)", lambda x, y: x.dot(y), V, W),
    ("(x + 1).max()", lambda x: (x + 1).max(), V),
    ("x.shape[0] * x.size + x.ndim", lambda x: 2 * 6 + 2, M),
    ("array([[1, x], [3, 4]])", lambda x: np.array([[1, x], [3, 4]]), 1.5),
    ("array(x)", lambda x: x, V),
    ("array([])", lambda: np.array([])),
    ("zeros((2, 3)) + ones(3)", lambda: np.ones((2, 3))),
    ("full(2, 7) + arange(2) + eye(2)", lambda: np.full(2, 7) + np.arange(2) + np.eye(2)),
    ("linspace(0, 1, num=5)", lambda: np.linspace(0, 1, num=5)),
    ("pi + e + np.pi + np.e", lambda: np.pi + np.e + np.pi + np.e),
    ("[inf, -np.inf]", lambda: [np.inf, -np.inf]),
    ("isnan(nan)", lambda: np.isnan(np.nan)),
    ("(None, True, False)", lambda: (None, True, False)),
    ("sin(\n x)\t", lambda x: np.sin(x), 1.5),
    ("sin(ξ) + ξ", lambda x: np.sin(x) + x, 1.5),
]


@pytest.mark.parametrize("text, expected, point", [(t, f, p) for t, f, *p in VALUES])
def test_value(text, expected, point):
    assert_same(parse(text)(*point), expected(*point))


@pytest.mark.parametrize(
    "text, names",
    [
        ("w @ x + b", ("w", "x", "b")),
        ("b + x*b", ("b", "x")),
        ("y if x > 0 else z", ("y", "x", "z")),
        ("sum(x, axis=k) + t[i:j]", ("x", "k", "t", "i", "j")),
        ("pi", ()),
    ],
)
def test_names_are_in_order_of_appearance(text, names):
    assert parse(text).names == names


def test_expression_describes_itself():
    f = parse(" x + 1 ")
    assert f.text == f.__name__ == "x + 1"
    assert repr(f) == "Expression(text='x + 1', names=('x',))"
    assert f == parse("x + 1")
    assert f != parse("x+1")


def test_number_of_values_must_fit():
    with pytest.raises(TypeError, match=r"^w @ x is a function of w, x: 2 values are needed, got"):
        parse("w @ x")(V)


def test_names_are_variables_where_the_caller_says_so():
    assert parse("e + np.e", ["e"])(1.0) == 1.0 + np.e
    assert parse("sin(angle)", ["angle"])(0.5) == np.sin(0.5)
    assert parse("sin(sin)", ["sin"])(0.5) == np.sin(0.5)
    assert parse("np * 2", ["np"])(3.0) == 6.0


def test_floats_are_numpys():
    """A float behaves as it does inside an array: no ZeroDivisionError, no complex roots."""
    with np.errstate(all="ignore"):
        assert parse("1 / x")(0.0) == np.inf
        assert np.isnan(parse("x ** 0.5")(-1.0))
        assert np.isnan(parse("(-8) ** (1/3)")())
        assert parse("2.0 ** 1e6")() == np.inf


@pytest.mark.parametrize(
    "text, value",
    [("2**10", 1024), ("2**62", 2**62), ("2**63", 2.0**63), ("2**62 * 4", 2.0**64), ("2**-1", 0.5)],
)
def test_integers_become_floats_beyond_64_bits(text, value):
    actual = parse(text)()
    assert actual == value
    assert type(actual) is type(value)


@pytest.mark.parametrize(
    "text, piece",
    [
        ("10**1000000", "'10**1000000' at column 1"),
        ("9**9**9**9", "'9**9**9' at column 4"),
        ("x + 10**10**10", "'10**10**10' at column 5"),
        ("((10**100)**100)**100", "'(10**100)**100' at column 2"),
    ],
)
def test_huge_powers_are_refused(text, piece):
    f = parse(text)
    assert refusal(f, *[1.0] * len(f.names)) == f"expression: {piece} is too large a number."


@pytest.mark.parametrize(
    "text",
    [
        "stack([None, 10])[1:] ** 3",
        "where(True, None, 10) ** 3",
        "abs(full(2, None))",
        "[None] * 2",
    ],
)
def test_objects_are_no_operands(text):
    with pytest.raises(TypeError, match="^An expression computes with numbers; an array here"):
        parse(text)()


@pytest.mark.parametrize("text", ["max(x, 0, keepdims=True)", "max()"])
def test_maximum_takes_arrays_only(text):
    f = parse(text)
    with pytest.raises(TypeError, match=r"^max\(a, b\) takes numbers or arrays only\.$"):
        f(*[V] * len(f.names))


def test_every_allowed_function_is_numpys_and_changes_nothing():
    own = {"array", "asarray"}
    for name, function in allowed.FUNCTIONS.items():
        if name not in own:
            assert getattr(function, "__module__", "numpy").startswith("numpy"), name
    forbidden = """
    load save savez savetxt loadtxt genfromtxt fromfile fromregex memmap frompyfunc vectorize
    fromfunction copyto put place putmask fill_diagonal put_along_axis apply_along_axis piecewise
    apply_over_axes array2string shares_memory empty frombuffer nditer printoptions seterrcall
    """.split()
    assert not set(forbidden) & set(allowed.FUNCTIONS)


# --- Derivatives ---------------------------------------------------------------------------------


def test_jacobian_of_an_expression():
    x = 1.2
    actual = dm.jacobian_fwd(parse("sin(x**2)"), x)
    np.testing.assert_allclose(actual, 2 * x * np.cos(x**2), rtol=1e-15)


# The text, its Jacobian by the first argument in closed form, and the arguments.
DERIVATIVES = [
    ("[x[0]*x[1], x[0]]", lambda x: [[x[1], x[0], 0], [1, 0, 0]], V),
    ("x, 2*x", lambda x: [1, 2], 1.5),
    ("[x, x**2] * [1, 3]", lambda x: [1, 6 * x], 1.5),
    ("sum([x, x**2])", lambda x: 1 + 2 * x, V),
    ("norm([3*x, 4*x])", lambda x: 5.0, 1.5),
    ("array([[x, 1], [2, x]])", lambda x: np.eye(2), 1.5),
    ("concatenate([[x[0]], x])", lambda x: np.eye(3)[[0, 0, 1, 2]], V),
    ("stack([[x, 1], [2, x]])", lambda x: np.eye(2), 1.5),
    ("block([[x], [x]])", lambda x: np.stack([np.eye(3), np.eye(3)]), V),
    ("x[x > 0]", lambda x: np.eye(3)[[0, 2]], V),
    ("x if x > 0 else -x", lambda x: -1, -1.5),
    ("max(0, w @ x)", lambda w, x: x, V, np.array([1.0, 0.0, 2.0])),
    ("x.T.reshape(3).dot(y) + x.sum()", lambda x, y: y + 1, V, W),
    ("x.real.mean() * len(x) * x.size", lambda x: np.full(3, 3.0), V),
]


@pytest.mark.parametrize("text, closed, point", [(t, f, p) for t, f, *p in DERIVATIVES])
def test_duals_flow_through(text, closed, point):
    J = dm.jacobian_fwd(parse(text), *point)
    np.testing.assert_allclose(J, closed(*point), rtol=1e-14)


class Logged(np.lib.mixins.NDArrayOperatorsMixin):
    """An array-like that knows NumPy's protocols only, and notes what it meets."""

    def __init__(self, value, log):
        self.value, self.log = value, log

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        self.log.append(ufunc.__name__)
        return Logged(getattr(ufunc, method)(*map(plain, inputs), **kwargs), self.log)

    def __array_function__(self, function, types, args, kwargs):
        self.log.append(function.__name__)
        return Logged(function(*plain(args), **kwargs), self.log)


def plain(a):
    if isinstance(a, (list, tuple)):
        return type(a)(map(plain, a))
    return a.value if isinstance(a, Logged) else a


def test_any_class_with_numpys_protocols_flows_through():
    """Methods are NumPy functions, so that a class needs none."""
    log = []
    y = parse("norm([2*x, x**2]) + x.T.sum()")(Logged(V, log))
    assert log == ["multiply", "power", "stack", "norm", "transpose", "sum", "add"]
    np.testing.assert_allclose(y.value, np.sqrt(np.sum(4 * V**2 + V**4)) + np.sum(V))


def test_errors_of_a_computation_are_its_own():
    with pytest.raises(ValueError, match="matmul"):
        dm.jacobian_fwd(parse("x @ [1, 2]"), V)
    with pytest.raises(ZeroDivisionError):
        parse("1 / 0")()


# --- Random expressions --------------------------------------------------------------------------

NAMES = ("x", "y", "z")
UNARY = {"sin": np.sin, "np.cos": np.cos, "arctan": np.arctan, "abs": np.abs}
BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2}


def leaves():
    """Pairs of text, precedence and function; what binds tightest has precedence 9."""
    numbers = st.floats(0.001, 1000).map(lambda v: (repr(v), 9, lambda *p: np.float64(v)))
    variables = st.sampled_from(range(3)).map(lambda i: (NAMES[i], 9, lambda *p: p[i]))
    return numbers | variables


def wrapped(tree, least):
    return tree[0] if tree[1] >= least else f"({tree[0]})"


def binary(sign, a, b):
    apply, level = BINARY[sign], PRECEDENCE[sign]
    text = f"{wrapped(a, level)} {sign} {wrapped(b, level + 1)}"
    return text, level, lambda *p: apply(a[2](*p), b[2](*p))


def called(name, a):
    return f"{name}({a[0]})", 9, lambda *p: UNARY[name](a[2](*p))


def negated(a):
    return f"-{wrapped(a, 3)}", 3, lambda *p: -a[2](*p)


def powered(a, n):
    return f"{wrapped(a, 9)}**{n}", 4, lambda *p: a[2](*p) ** n


def larger(trees):
    return (
        st.builds(binary, st.sampled_from(list(BINARY)), trees, trees)
        | st.builds(called, st.sampled_from(list(UNARY)), trees)
        | st.builds(negated, trees)
        | st.builds(powered, trees, st.integers(0, 3))
    )


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.recursive(leaves(), larger, max_leaves=25), st.tuples(*[st.floats(-10, 10)] * 3))
def test_random_expressions(tree, point):
    text, _, expected = tree
    point = tuple(map(np.float64, point))
    f = parse(text, NAMES)
    with np.errstate(all="ignore"):
        actual = f(*[point[NAMES.index(name)] for name in f.names])
        np.testing.assert_array_equal(actual, expected(*point))
