"""Expressions: what they compute, what they refuse and in which words, and that none escapes."""

import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dualmc as dm
from dualmc.cli import expressions
from dualmc.cli.expressions import ExpressionError, given_names, load, parse, read_point

V = np.array([0.5, -1.25, 2.0])
W = np.array([3.0, 0.25, -0.5])
M = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])


def refusal(function, *args):
    """The message of the error."""
    with pytest.raises(ExpressionError) as caught:
        function(*args)
    return str(caught.value)


def assert_same(actual, expected):
    """Equal values, types of containers and shapes."""
    assert isinstance(actual, (list, tuple)) == isinstance(expected, (list, tuple))
    if isinstance(expected, (list, tuple)):
        assert type(actual) is type(expected)
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            assert_same(a, e)
    else:
        np.testing.assert_array_equal(actual, expected, strict=isinstance(expected, np.ndarray))


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
    for name, function in expressions.FUNCTIONS.items():
        if name not in own:
            assert getattr(function, "__module__", "numpy").startswith("numpy"), name
    forbidden = """
    load save savez savetxt loadtxt genfromtxt fromfile fromregex memmap frompyfunc vectorize
    fromfunction copyto put place putmask fill_diagonal put_along_axis apply_along_axis piecewise
    apply_over_axes array2string shares_memory empty frombuffer nditer printoptions seterrcall
    """.split()
    assert not set(forbidden) & set(expressions.FUNCTIONS)


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


# --- Refusals ------------------------------------------------------------------------------------

ONLY = (
    " is not allowed: only numbers, variables, operators, indexing, lists and calls of NumPy "
    "functions are."
)
NO_NUMBER = " is not allowed here: it is no number."
UNKNOWN = ". Allowed are those of NumPy that dualmc differentiates; a product is written *."
REFERENCE = " For a function of a module write package.module:function."
DEEP = (
    "it is nested more than 100 levels deep; every sign in a long sum is one. For a function of a "
    "module write package.module:function."
)

REFUSALS = [
    ("", "it is empty. Write one such as sin(x**2)."),
    (" \n", "it is empty. Write one such as sin(x**2)."),
    ("x + " * 3000, "11999 characters are more than 10000." + REFERENCE),
    ("sine(x)", "unknown function 'sine' at column 1. Did you mean 'sin'?"),
    ("1 + np.Sqr(x)", "unknown function 'np.Sqr' at column 5. Did you mean 'sqrt'?"),
    ("x(2)", "unknown function 'x' at column 1" + UNKNOWN),
    ("2(x)", "'2' at column 1 is no function: write * for a product."),
    ("sin(x)(y)", "'sin(x)' at column 1 is no function: write * for a product."),
    ("x ^ 2", "'^' at column 3: write ** for a power."),
    ("ξ + (ξ)^(2)", "'^' at column 8: write ** for a power."),
    ("x << 2", "'x << 2' at column 1 is not allowed: bits are not shifted here."),
    ("y + x >> 2", "'y + x >> 2' at column 1 is not allowed: bits are not shifted here."),
    ("a and b", "'a and b' at column 1: write & between comparisons in parentheses."),
    ("a or b", "'a or b' at column 1: write | between comparisons in parentheses."),
    ("not a", "'not a' at column 1: write ~ before a comparison in parentheses."),
    (
        "a < b < c",
        "'a < b < c' at column 1: comparisons are not chained; write (a < b) & (b < c), with the "
        "parentheses.",
    ),
    ("x is y", "'x is y' at column 1: numbers are compared by <, <=, >, >=, == and != only."),
    ("x in y", "'x in y' at column 1: numbers are compared by <, <=, >, >=, == and != only."),
    ("sin", "'sin' at column 1 is a function: call it, as in sin(x), or give it a value."),
    ("max(ln, 0)", "'ln' at column 5 is a function: call it, as in ln(x), or give it a value."),
    ("np.sin", "'np.sin' at column 1 is a function: call it, as in sin(x)."),
    ("2 * np", "'np' at column 5 stands for NumPy: write np.sin(x), np.pi or the like."),
    ("np.q", "unknown name 'np.q' at column 1. Known are np.pi, np.e, np.inf, np.nan, np.newaxis."),
    ("np.newaxs", "unknown name 'np.newaxs' at column 1. Did you mean 'newaxis'?"),
    ("x.sum", "'x.sum' at column 1 is not allowed: .sum is none of .T, .mT, .shape, .size, .ndim, "
     ".real, .imag. Call it: .sum()."),
    ("x.flat", "'x.flat' at column 1 is not allowed: .flat is none of .T, .mT, .shape, .size, "
     ".ndim, .real, .imag." + REFERENCE),
    ("x.sun()", "'x.sun' at column 1 is not allowed: .sun() is no method here. Did you mean "
     "'sum'?"),
    ("m.f(x)", "'m.f' at column 1 is not allowed: .f() is no method here." + REFERENCE),
    ("sin(x, y)", "'sin(x, y)' at column 1: too many arguments; at most 1 without a name."),
    ("sum(x, 0, y)", "'sum(x, 0, y)' at column 1: too many arguments; at most 2 without a name."),
    ("x.sum(0, y)", "'x.sum(0, y)' at column 1: too many arguments; at most 1 without a name."),
    ("dot(x, y, z)", "'dot(x, y, z)' at column 1: too many arguments; at most 2 without a name."),
    ("sin(x, out=y)", "'out=y' at column 8 is an argument that is not allowed here."),
    ("sin(x, where=y)", "'where=y' at column 8 is an argument that is not allowed here."),
    ("ones(3, dtype=x)", "'dtype=x' at column 9 is an argument that is not allowed here."),
    ("median(x, overwrite_input=True)", "'overwrite_input=True' at column 11 is an argument that "
     "is not allowed here."),
    ("nan_to_num(x, copy=False)", "'copy=False' at column 15 is an argument that is not allowed "
     "here."),
    ("sin(**x)", "'**x' at column 5 is an argument that is not allowed here."),
    ("sin(*x)", "'*x' at column 5" + ONLY),
    ("[*x]", "'*x' at column 2" + ONLY),
    ("lambda: 1", "'lambda: 1' at column 1" + ONLY),
    ("[t for t in x]", "'[t for t in x]' at column 1" + ONLY),
    ("sum(t for t in x)", "'(t for t in x)' at column 4" + ONLY),
    ("{t: 1 for t in x}", "'{t: 1 for t in x}' at column 1" + ONLY),
    ("{1: 2}", "'{1: 2}' at column 1" + ONLY),
    ("{1, 2}", "'{1, 2}' at column 1" + ONLY),
    ("(y := 1)", "'y := 1' at column 2" + ONLY),
    ("f'{x}'", "'f'{x}'' at column 1" + ONLY),
    ("await x", "'await x' at column 1" + ONLY),
    ("'ij'", "''ij'' at column 1" + NO_NUMBER),
    ("b'ij'", "'b'ij'' at column 1" + NO_NUMBER),
    ("['ij']", "''ij'' at column 2" + NO_NUMBER),
    ("...", "'...' at column 1" + NO_NUMBER),
    ("sin(...)", "'...' at column 5" + NO_NUMBER),
    ("copy('O')", "''O'' at column 6 is not allowed: it is no option of a NumPy function known "
     "here."),
    ("x # y", "'#' at column 3 is not allowed."),
    ("x\0", "'\\x00' at column 2 is not allowed."),
    ("x\u200b", "'\\u200b' at column 2 is not allowed."),
    ("x\udc80", "'\\udc80' at column 2 is not allowed."),
    ("0x" + "f" * 300, "'0x" + "f" * 35 + "...' at column 1 is too large a number."),
    ("sin(x", "'(' was never closed at column 4:\n    sin(x\n       ^"),
    ("1 + 2x", "write * for a product, as in 2*x; invalid number at column 5:\n    1 + 2x\n"
     "        ^"),
    ("sin x", "invalid syntax at column 5:\n    sin x\n        ^"),
    ("x = 2", "invalid syntax at column 3:\n    x = 2\n      ^"),
    ("x := 2", "invalid syntax at column 3:\n    x := 2\n      ^"),
    ("(x y)", "invalid syntax at column 2:\n    (x y)\n     ^"),
    ("x; y", "invalid syntax at column 2:\n    x; y\n     ^"),
    ("import os", "invalid syntax at column 1:\n    import os\n    ^"),
    (
        "x + " * 30 + "$ + x",
        "invalid syntax at column 121:\n    " + "x + " * 10 + "$ + x\n    " + " " * 40 + "^",
    ),
    ("(" * 5000, "too many nested parentheses at column 201:\n    " + "(" * 80 + "\n    "
     + " " * 40 + "^"),
    ("-" * 9000 + "x", DEEP),
    ("+".join("x" * 5000), DEEP),
    ("+".join("x" * 150), DEEP),
    ("x" + ".T" * 4000, DEEP),
    ("x**" * 3000 + "x", DEEP),
    ("not " * 2000 + "x", DEEP),
    ("[" * 150 + "]" * 150, DEEP),
    ("x[" * 150 + "0" + "]" * 150, DEEP),
]  # fmt: skip


@pytest.mark.parametrize("text, message", REFUSALS)
def test_refusal(text, message):
    assert refusal(parse, text) == f"expression: {message}"


def test_long_numbers_are_refused():
    assert refusal(parse, "9" * 4000).endswith("...' at column 1 is too large a number.")
    assert "Exceeds the limit (4300 digits)" in refusal(parse, "9" * 9000)


def test_deepest_expression_is_computed():
    """With Python's stack half used up already, as it is inside a test or a framework."""
    text = "+".join(["x[0]"] * 90)

    def at_depth(n):
        return parse(text)(V) if n == 0 else at_depth(n - 1)

    assert at_depth(400) == 45.0
    assert_same(parse("abs(" * 90 + "x" + ")" * 90)(V), np.abs(V))


def test_python_warnings_are_not_shown():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "is no number" in refusal(parse, r"'\d'")
        assert parse("1if x else 2")(1.0) == 1


# --- Escapes -------------------------------------------------------------------------------------

ESCAPES = r"""
().__class__
().__class__.__bases__[0].__subclasses__()
x.__class__
x.__class__.__mro__
x.__array_interface__
x.__getattribute__('T')
(1).__class__
sin.__self__
sum.__globals__['os']
np.__builtins__
np.__dict__['load']
np.__loader__
np.linalg.__builtins__
np.linalg.__dict__
np.sin.__class__
np.load('x')
np.load(x)
np.loadtxt('/etc/passwd')
np.genfromtxt('/etc/passwd')
np.fromfile('x')
np.memmap('x')
np.save('x', x)
np.savetxt('x', x)
np.DataSource
np.f2py.compile('x')
np.f2py
np.ctypeslib.load_library('x', '.')
np.ctypeslib
np.lib.npyio.DataSource('x')
np.lib.introspect
np.testing.rundocs('x')
np.distutils
np.core
np._core
np.char.add('a', 'b')
np.random.rand(3)
np.rec.fromfile('x')
np.frompyfunc(x, 1, 1)
np.vectorize(x)
np.fromfunction(x, 3)
np.apply_along_axis(sin, 0, x)
np.piecewise(x, [x > 0], [sin])
np.setbufsize(1)
np.seterrcall(x)
np.set_printoptions(1)
np.show_config()
np.info(x)
np.source(x)
np.dtype('O')
np.object_
np.void(3)
np.array(x, dtype='O')
np.array(x, 'O')
zeros(2, 'O')
full(2, 1, 'O')
x.astype('O')
x.view('O')
x.tofile('a')
x.dump('a')
x.dumps()
x.tobytes()
x.data
x.base
x.ctypes
x.setflags(1)
x.fill(0)
x.sort()
x.put(0, 1)
x.resize(3)
x.itemset(0, 1)
x.__setitem__(0, 1)
x.T.dump('a')
(x + 1).dump('a')
x[0].dump('a')
sin(x).dump('a')
pad(x, 1, sin)
einsum('i->i', x, out=x)
einsum('__import__', x)
sort(x, kind='os.system')
sum(x, axis='O')
eval('1')
exec('1')
compile('1', '', 'eval')
open('x')
__import__('os')
__builtins__
__name__
_
_x
globals()
locals()
vars()
dir()
getattr(x, 'T')
setattr(x, 'T', 1)
type(x)
object()
str(x)
print(x)
input()
breakpoint()
help(x)
exit()
memoryview(x)
os.system('ls')
sys.modules
dualmc.expressions
importlib.import_module('os')
f'{x}'
f'{().__class__}'
'{0.__class__}'.format(x)
'%s' % x
'a'.join(x)
(lambda: x)()
[y for y in ().__class__]
(y := __import__)('os')
sin(x, __class__=1)
sin(x, _x=1)
ｎp.load('x')
＿＿import＿＿('os')
__ｉｍｐｏｒｔ__('os')
x.＿＿class＿＿
x.__ｃlass__
x.ｄump('a')
ｅｖａｌ('1')
ᵉval('1')
""".strip().splitlines()


@pytest.mark.parametrize("text", ESCAPES)
def test_no_escape(text):
    refusal(parse, text)
    refusal(parse, f"sin({text})")
    refusal(parse, f"[1, x[{text}]]")
    refusal(parse, f"x if {text} else sum(x, axis={text})")
    refusal(read_point, [f"y={text}"], ["y"])


@pytest.mark.parametrize(
    "text, name, column",
    [
        ("__import__('os')", "__import__", 1),
        ("_＿ｉｍｐｏｒｔ＿＿('os')", "__import__", 1),
        ("1 + x._＿class＿＿", "__class__", 5),
        ("sin(x, _y=1)", "_y", 8),
        ("_", "_", 1),
    ],
)
def test_underscores_are_refused_in_any_script(text, name, column):
    assert refusal(parse, text) == (
        f"expression: '{name}' at column {column} is not allowed: names may not start with an "
        "underscore."
    )
    assert "underscore" in refusal(parse, text, [name])


def test_compatible_letters_are_the_same_name():
    """Python's rule: 𝑥 and x are one variable, to --at too."""
    assert parse("𝑥 + x").names == ("x",)
    assert read_point(["𝑥=1"], ["x"]) == (1.0,)


def test_look_alikes_are_other_names():
    """The first letter is Cyrillic."""
    message = refusal(parse, "ѕin(x)")
    assert message == "expression: unknown function 'ѕin' at column 1. Did you mean 'sin'?"


def test_an_expression_reaches_nothing_but_its_values():
    """A value's attributes are not looked up, whatever it is."""

    class Trap:
        def __getattr__(self, name):
            raise AssertionError(name)

        def __add__(self, other):
            return 42

    assert parse("x + 1")(Trap()) == 42


@pytest.mark.parametrize(
    "text",
    ["sort(x)", "median(x)", "nan_to_num(x)", "partition(x, 1)", "abs(x.real)", "clip(x, 0, 1)"],
)
def test_points_are_not_changed(text):
    x = V.copy()
    parse(text)(x)
    np.testing.assert_array_equal(x, V)


# --- The point -----------------------------------------------------------------------------------


def test_given_names():
    assert given_names(["x=1.2", " w = [1, 2]"]) == ("x", "w")


@pytest.mark.parametrize(
    "text, value",
    [
        ("1.2", 1.2),
        ("3", 3.0),
        ("-pi/4", -np.pi / 4),
        ("2**0.5", np.sqrt(2)),
        ("nan", np.nan),
        ("-inf", -np.inf),
        ("log(0)", -np.inf),
        ("[1, 2]", np.array([1.0, 2.0])),
        ("1, 2", np.array([1.0, 2.0])),
        ("[[1, 2], [3, 4]]", np.array([[1.0, 2.0], [3.0, 4.0]])),
        ("np.linspace(0, 1, 5)", np.array([0.0, 0.25, 0.5, 0.75, 1.0])),
        ("eye(2)[0]", np.array([1.0, 0.0])),
        ("[]", np.array([])),
        ("10**30", 1e30),
    ],
)
def test_read_point_value(text, value):
    (actual,) = read_point([f"x={text}"], ["x"])
    assert_same(actual, value)
    assert type(actual) is type(value if isinstance(value, np.ndarray) else 1.0)


def test_read_point_is_in_the_order_of_the_names():
    w, x = read_point(["x = 1.2", "w=[1, 2]"], ["w", "x"])
    np.testing.assert_array_equal(w, [1.0, 2.0])
    assert x == 1.2
    assert read_point([], []) == ()
    assert read_point(["lambda_=2", "e=3"], ["e", "lambda_"]) == (3.0, 2.0)


def test_read_point_leaves_out_defaults():
    assert read_point(["x=2"], ["x", "a", "b"], {"a": "five", "b": None}) == (2.0,)
    assert read_point(["x=2", "b=3"], ["x", "a", "b"], {"a": "five", "b": None}) == (2, "five", 3)


@pytest.mark.parametrize(
    "settings, names, message",
    [
        (["x=1"], ["x", "y", "z"], "--at: no value for y, z. Needed: x, y, z."),
        ([], ["x"], "--at: no value for x. Needed: x."),
        (["z=1"], ["x"], "--at: z is not one of the variables. Needed: x."),
        (["z=1"], [], "--at: z is not one of the variables. Needed: none."),
        (["x=1", "x=2"], ["x"], "--at: x is given twice."),
        (["1.2"], ["x"], "--at: '1.2' is not name=value, such as x=1.2."),
        (["2=x"], ["x"], "--at: '2=x' is not name=value, such as x=1.2."),
        (["if=2"], ["x"], "--at: 'if=2' is not name=value, such as x=1.2."),
        (["=2"], ["x"], "--at: '=2' is not name=value, such as x=1.2."),
        (["x="], ["x"], "--at x: it is empty. Write one such as sin(x**2)."),
        (["x=2*y"], ["x"], "--at x: 'y' is no number: a value holds no variables."),
        (["x=1,y=2"], ["x"], "--at x: invalid syntax at column 4:\n    1,y=2\n       ^"),
        (["x=1j"], ["x"], "--at x: 1j is complex; it must be real numbers."),
        (["x=[1, 2j]"], ["x"], "--at x: [1, 2j] is complex; it must be real numbers."),
        (["x=1<2"], ["x"], "--at x: 1<2 is true or false; it must be real numbers."),
        (["x=None"], ["x"], "--at x: None is not a number; it must be real numbers."),
        (["x=1/0"], ["x"], "--at x: 1/0 cannot be computed: division by zero"),
        (
            ["x=[[1, 2], [3]]"],
            ["x"],
            "--at x: [[1, 2], [3]] cannot be computed: all input arrays must have the same shape",
        ),
        (
            ["x=[None]"],
            ["x"],
            "--at x: [None] cannot be computed: An expression computes with numbers; an array here "
            "holds something else.",
        ),
        (["x=9**9**9"], ["x"], "--at x: '9**9**9' at column 1 is too large a number."),
        (["x=open(1)"], ["x"], "--at x: unknown function 'open' at column 1" + UNKNOWN),
    ],
)
def test_read_point_errors(settings, names, message):
    assert refusal(read_point, settings, names) == message


def test_too_much_memory_is_an_error():
    message = refusal(read_point, ["x=zeros(10**15)"], ["x"])
    assert message.startswith("--at x: 'zeros(10**15)' at column 1 is too large: an array of ")


# --- Functions of modules ------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current directory, where modules may be written; both are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("sample_"):
            del sys.modules[name]


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_load_expression():
    target = load("x[1:] + e")
    assert (target.text, target.names, target.defaults) == ("x[1:] + e", ("x",), {})
    assert_same(target.function(V), V[1:] + np.e)
    assert load("e * x", ["e"]).names == ("e", "x")
    assert refusal(load, "sine(x)").startswith("expression: unknown function 'sine'")


def test_load_function(folder):
    write(
        folder,
        "sample_model/curves.py",
        "class C:\n    def f(self, x, a=1, *, b=2): return x + a\n\nc = C()\n",
    )
    target = load(" sample_model.curves:c.f ")
    assert target.text == "sample_model.curves:c.f"
    assert target.names == ("x", "a")
    assert target.defaults == {"a": 1}
    assert target.function(*read_point(["x=2"], target.names, target.defaults)) == 3.0
    assert sys.path[0] == str(folder)


@pytest.mark.parametrize(
    "text, names",
    [
        ("numpy:sin", ("x",)),
        ("numpy:arctan2", ("x1", "x2")),
        ("numpy:linalg.norm", ("x", "ord", "axis", "keepdims")),
        ("dualmc.document.neuron:activation", ("w", "b", "x")),
        ("math:hypot", ("p", "q")),
        ("builtins:max", ("p", "q")),
    ],
)
def test_load_names_the_arguments(text, names):
    """Those of a function that names none are the user's."""
    assert load(text, ["p", "q"]).names == names


def test_load_adds_names_to_those_before_star(folder):
    write(folder, "sample_star.py", "def f(x, *rest): return x\n")
    assert load("sample_star:f", ["q", "x", "p"]).names == ("x", "q", "p")


@pytest.mark.parametrize(
    "text, message",
    [
        ("nope:f", "there is no module 'nope' in {folder} or among those installed."),
        ("numpy.nope:f", "there is no module 'numpy.nope' in {folder} or among those installed."),
        (
            "sample_fine.py:f",
            "there is no module 'sample_fine.py' in {folder} or among those installed. Leave out "
            ".py.",
        ),
        ("sample_fine:g", "there is no 'g' in sample_fine."),
        ("sample_fine:functoin", "there is no 'functoin' in sample_fine. Did you mean 'function'?"),
        ("sample_fine:N.f", "there is no 'f' in int."),
        ("sample_fine:N", "it is of type int, not a function."),
        (
            "sample_fine:keyword",
            "its argument k is passed by keyword only and has no default. Write a function without "
            "it, and name that one.",
        ),
        (
            "sample_needs:f",
            "importing sample_needs failed: ModuleNotFoundError: No module named 'nowhere'",
        ),
        (
            "sample_broken:f",
            "importing sample_broken failed: ZeroDivisionError: division by zero",
        ),
        ("sample_script:f", "importing sample_script failed: SystemExit: 3"),
        ("numpy:", "write package.module:function, such as numpy:sin."),
        (":f", "write package.module:function, such as numpy:sin."),
        ("a..b:f", "write package.module:function, such as numpy:sin."),
        ("path/to/model.py:f", "write package.module:function, such as numpy:sin."),
        ("numpy:sin:cos", "write package.module:function, such as numpy:sin."),
    ],
)
def test_load_errors(folder, text, message):
    write(folder, "sample_fine.py", "N = 1\ndef function(): ...\ndef keyword(x, *, k): ...\n")
    write(folder, "sample_needs.py", "import nowhere\n")
    write(folder, "sample_broken.py", "1 / 0\n")
    write(folder, "sample_script.py", "raise SystemExit(3)\n")
    assert refusal(load, text) == f"function '{text}': " + message.format(folder=folder)
