"""Formulas: every one against the rule table's numbers, and as mathematics writes them."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from formula_judge import evaluate

import dualmc as dm
from dualmc.derivation.forms import Form, compose, elementwise, listed, plus
from dualmc.derivation.notation.printer import digits, parts_of_name
from dualmc.derivation.notation.replacing import substitute
from dualmc.derivation.notation.symbols import (
    ONE,
    ZERO,
    Expr,
    add,
    apply,
    call,
    divide,
    expr,
    multiply,
    negative,
    number,
    power,
    subtract,
    symbol,
)
from dualmc.derivation.notation.text import Compact, Text
from dualmc.derivation.textbook import TEXTBOOK, elementwise_formula
from dualmc.explain import explain
from dualmc.rules.table import RULES

X, Y, U = symbol("x"), symbol("y"), symbol("u1")


def text(e):
    return Text().write(e)


# --- Tidying -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e", "expected"),
    [
        (multiply(1, X), "x"),
        (multiply(2, 3), "6"),
        (multiply(X, 0), "0"),
        (power(X, 1), "x"),
        (power(X, 0), "1"),
        (add(0, X), "x"),
        (add(X, X), "2*x"),
        (add(X, 1, X), "2*x + 1"),
        (subtract(X, X), "0"),
        (negative(negative(X)), "x"),
        (negative(add(X, Y)), "-(x + y)"),
        (subtract(X, add(Y, 1)), "x - y - 1"),
        (subtract(Y, negative(X)), "y + x"),
        (divide(X, X), "1"),
        (divide(6, 4), "3/2"),
        (divide(X, divide(Y, 2)), "2*x/y"),
        (multiply(number(3.0), power(X, 2.0)), "3*x^2"),
        (multiply(X, power(X, 2)), "x^3"),
        (divide(1, multiply(2, call("sqrt", X))), "1/(2*sqrt(x))"),
        (multiply(call("sqrt", X), call("sqrt", X)), "x"),
        (power(power(X, 2), 3), "x^6"),
        (power(power(X, 2), 0.5), "(x^2)^0.5"),
        (power(multiply(2, X), 3), "8*x^3"),
        (power(2, X), "2^x"),
        (power(X, -2), "1/x^2"),
        (multiply(0.1, 3), "3/10"),
        (multiply(0.001, X), "0.001*x"),
        (number(0.123), "0.123"),
        (number(1e-30), "1e-30"),
        (number(-0.0), "0"),
        (number(math.pi), "pi"),
        (number(np.float64(0.5)), "0.5"),
        (number(-math.inf), "-inf"),
        (power(negative(X), 2), "x^2"),
        (power(negative(X), 3), "-x^3"),
        (multiply(call("cos", power(X, 2)), multiply(2, X)), "2*x*cos(x^2)"),
    ],
    ids=str,
)
def test_tidied(e, expected):
    assert text(e) == expected


def test_the_document_s_product():
    # 4.5.1: 1/u3 * 2 u2 * cos(u1) * 3 x^2 with the intermediates substituted back.
    sine = call("sin", power(X, 3))
    product = multiply(
        divide(1, power(sine, 2)), multiply(2, sine), call("cos", power(X, 3)), 3, power(X, 2)
    )
    assert text(product) == "6*x^2*cos(x^3)/sin(x^3)"


def test_tidying_keeps_the_value(rng):
    def build(depth):
        """A random formula, tidied, and the same in floating point."""
        kind = rng.integers(7) if depth else 0
        if kind == 0:
            which = rng.integers(3)
            if which < 2:
                return (X, Y)[which], lambda v, which=which: v[which]
            c = float(rng.integers(1, 9)) / 4
            return number(c), lambda v: c
        a, f = build(depth - 1)
        if kind == 5:
            n = int(rng.integers(1, 4))
            return power(a, n), lambda v: f(v) ** n
        if kind == 6:
            return call("sin", a), lambda v: np.sin(f(v))
        b, g = build(depth - 1)
        if kind == 1:
            return add(a, b), lambda v: f(v) + g(v)
        if kind == 2:
            return subtract(a, b), lambda v: f(v) - g(v)
        if kind == 3:
            return multiply(a, b), lambda v: f(v) * g(v)
        shifted = add(power(b, 2), 1)
        return divide(a, shifted), lambda v: f(v) / (g(v) ** 2 + 1)

    for _ in range(200):
        e, f = build(4)
        for x, y in [(0.7, 1.9), (-1.3, 0.4)]:
            expected = f((x, y))
            computed = evaluate(e, {"x": x, "y": y})
            assert computed == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_formulas_are_built_by_numpy_code():
    assert text(np.exp(-X) * 2.0 / (1.0 + X)) == "2*exp(-x)/(1 + x)"
    assert text(3 - X) == "3 - x"
    assert text(2**X) == "2^x"
    assert text(+X) == "x"
    assert text(abs(X)) == "abs(x)"
    assert text(np.where(X > 0, X, 0.0)) == "x if x > 0 else 0"
    assert np.where(True, X, Y).key == X.key
    with pytest.raises(TypeError, match="truth of a formula"):
        bool(X > 0)
    with pytest.raises(TypeError):
        np.add.reduce(X)


def test_substitution_tidies():
    e = multiply(2, U, call("cos", U))
    assert text(substitute(e, {"u1": power(X, 2)})) == "2*x^2*cos(x^2)"
    where = Expr("where", Expr("gt", U, ZERO), ONE, ZERO)
    assert text(substitute(where, {"u1": add(X, 1)})) == "1 if x + 1 > 0 else 0"


# --- Every rule ----------------------------------------------------------------------------------

POINTS = {
    1: [(0.3,), (0.71,), (-0.42,)],
    2: [(0.7, 1.9), (2.3, 0.6), (1.2, 3.1), (3.7, 1.3)],
}
DOMAIN = {
    np.log: [(0.3,), (2.0,)],
    np.log2: [(0.3,), (2.0,)],
    np.log10: [(0.3,), (2.0,)],
    np.sqrt: [(0.3,), (2.0,)],
    np.arccosh: [(1.3,), (4.0,)],
    np.heaviside: [(0.5, 2.0), (0.0, 2.0), (-1.0, 3.0)],
    np.ldexp: [(0.7, 3), (-1.3, 2)],
    np.fmod: [(7.3, 2.1), (-7.3, 2.1), (1.0, 3.0)],
    np.remainder: [(7.3, 2.1), (-7.3, 2.1), (1.0, 3.0)],
}


@pytest.mark.parametrize("function", list(RULES), ids=lambda f: f.__name__)
def test_every_formula_agrees_with_its_rule(function):
    count = len(RULES[function].partials)
    args = (X, Y)[:count]
    for point in DOMAIN.get(function, POINTS[count]):
        for slot in range(count):
            if slot in RULES[function].integer:
                continue
            e = elementwise_formula(function, slot, args)
            assert e is not None, f"{function.__name__} has no formula"
            values = dict(zip("xy", point, strict=False))

            def along(t, slot=slot, point=point):
                return function(*(t if i == slot else v for i, v in enumerate(point)))

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = dm.derivative(along, float(point[slot]))
                computed = evaluate(e, values)
            assert float(computed) == pytest.approx(float(expected), rel=1e-12, abs=1e-15)


def test_textbook_formulas_are_of_functions_with_rules():
    for function, partials in TEXTBOOK.items():
        assert len(partials) == len(RULES[function].partials)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x**3, "3*x^2"),
        (lambda x: x**2, "2*x"),
        (lambda x: x**2.5, "5*x^(3/2)/2"),
        (lambda x: x**-3, "-3/x^4"),
        (lambda x: 2**x, "2^x*ln(2)"),
        (lambda x: 3 * x, "3"),
        (lambda x: x - 1, "1"),
        (lambda x: 1 - x, "-1"),
        (lambda x: x / 4, "1/4"),
        (lambda x: 4 / x, "-4/x^2"),
        (lambda x: 1 / x, "-1/x^2"),
        (np.exp, "exp(x)"),
        (np.log, "1/x"),
        (np.log2, "1/(x*ln(2))"),
        (np.sqrt, "1/(2*sqrt(x))"),
        (np.sin, "cos(x)"),
        (np.cos, "-sin(x)"),
        (np.tan, "1/cos(x)^2"),
        (np.tanh, "1/cosh(x)^2"),
        (np.arctan, "1/(1 + x^2)"),
        (np.arcsin, "1/sqrt(1 - x^2)"),
        (np.degrees, "180/pi"),
        (abs, "sign(x)"),
        (lambda x: np.maximum(0, x), "1 if x > 0 else 0"),
        (lambda x: np.minimum(x, 1), "1 if x < 1 else 0"),
        (lambda x: np.logaddexp(0, x), "1/(1 + exp(-x))"),
        (lambda x: np.pi * x, "pi"),
        (lambda x: 0.123 * x, "0.123"),
    ],
)
def test_partials_as_the_textbooks_write_them(f, expected):
    (step,) = explain(f, 0.7, names=["x"]).steps
    (partial,) = step.partials
    assert partial.formula == expected


def test_conversions_to_float_are_not_written():
    explanation = explain(lambda x: 2 * float(x) ** 2, 1.5)
    assert "Derivation of y = 2*x^2\n" in explanation.text()
    assert "dy/dx = 4*x = 6" in explanation.text()


def test_partials_of_two_operands():
    def of(f):
        return [p.formula for p in explain(f, 2.0, 3.0, names=["a", "b"]).steps[-1].partials]

    assert of(lambda a, b: a * b) == ["b", "a"]
    assert of(lambda a, b: a / b) == ["1/b", "-a/b^2"]
    assert of(lambda a, b: a**b) == ["b*a^(b - 1)", "a^b*ln(a)"]
    assert of(np.hypot) == ["a/hypot(a, b)", "b/hypot(a, b)"]
    assert of(np.arctan2) == ["b/(a^2 + b^2)", "-a/(a^2 + b^2)"]
    assert of(lambda a, b: a - b) == ["1", "-1"]


def test_a_tie_of_two_varying_values_says_that_it_is_shared():
    steps = explain(np.maximum, 2.0, 2.0, names=["a", "b"]).steps
    assert [p.formula for p in steps[0].partials] == [
        "0.5 if a == b else 1 if a > b else 0",
        "0.5 if a == b else 1 if b > a else 0",
    ]
    assert [float(p.value) for p in steps[0].partials] == [0.5, 0.5]


@pytest.mark.parametrize("x", [[1.0, 2.0], [1.0, -2.0], [-1.0, -2.0]])
def test_a_rectifier_has_one_formula_wherever_it_is(x):
    for f, formula in [
        (lambda x: np.maximum(0, x), "diag(1 if x > 0 else 0)"),
        (lambda x: np.abs(x), "diag(sign(x))"),
    ]:
        (step,) = explain(f, np.array(x)).steps
        assert formula == step.partials[0].formula


def test_users_rules_show_their_own_formula():
    softplus = np.frompyfunc(lambda x: math.log1p(math.exp(x)), 1, 1)
    dm.rule(softplus, lambda x, y: 1 / (1 + np.exp(-x)))
    try:
        (step,) = explain(softplus, 0.0, names=["x"]).steps
        assert step.partials[0].formula == "1/(1 + exp(-x))"
        assert float(step.partials[0].value) == 0.5
    finally:
        del RULES[softplus]


def test_users_rules_without_a_formula_show_their_value():
    odd = np.frompyfunc(lambda x: x**2, 1, 1)
    dm.rule(odd, lambda x, y: 2 * x if x > 0 else -2 * x)
    try:
        explanation = explain(odd, 3.0)
        assert explanation.steps[0].partials[0].formula == "number"
        assert float(explanation.steps[0].partials[0].value) == 6.0
        assert "6" in explanation.text()
    finally:
        del RULES[odd]


# --- Jacobians as formulas -----------------------------------------------------------------------

V = symbol("v", (3,))
W = symbol("w", (3,))


def shown(form, is_scalar=False):
    return text(form.expr(is_scalar))


def test_products_of_diagonals_are_diagonals():
    # 4.5.3: diag(f') diag(g') = diag(f' g').
    a, b = elementwise(np.cos(V), "diagonal"), elementwise(2 * V, "diagonal")
    assert shown(compose(a, b)) == "2 * diag(v*cos(v))"


def test_products_with_rows_columns_and_identities():
    ones_row = Form(ONE, (Expr("row", ONE),))
    ones = Form(ONE, (Expr("column", ONE),))
    diagonal = elementwise(np.cos(V), "diagonal")
    assert shown(compose(ones_row, diagonal)) == "cos(v)^T"
    assert shown(compose(diagonal, ones)) == "cos(v)"
    assert shown(compose(ones_row, compose(diagonal, ones)), True) == "sum(cos(v))"
    assert shown(compose(Form(X), diagonal)) == "x * diag(cos(v))"
    assert shown(Form(ONE)) == "I"
    assert shown(Form(negative(ONE))) == "-I"
    assert shown(Form(number(3))) == "3 * I"
    assert shown(Form(number(3)), True) == "3"
    matrix = Form(ONE, (symbol("A", (3, 3)),))
    assert shown(compose(diagonal, matrix)) == "diag(cos(v)) @ A"
    assert shown(compose(Form(ZERO), matrix)) == "0"


def test_sums_of_jacobians():
    a, b = elementwise(np.cos(V), "diagonal"), elementwise(W, "diagonal")
    assert shown(plus(a, b)) == "diag(cos(v) + w)"
    assert shown(plus(a, Form(ONE))) == "diag(cos(v) + 1)"
    assert shown(plus(Form(X), Form(ONE))) == "(x + 1) * I"
    assert shown(plus(Form(ZERO), a)) == "diag(cos(v))"
    rows = [Form(ONE, (Expr("entries", ONE, ZERO),)), Form(X, (Expr("entries", ZERO, ONE),))]
    assert shown(plus(*rows)) == "[1, x]"
    first, second = (Form(ONE, (symbol(name, (3, 3)),)) for name in "AB")
    assert shown(plus(plus(first, second), first)) == "2 * A + B"
    assert shown(plus(first, first)) == "2 * A"


def test_lists_of_numbers():
    assert shown(listed([Form(X), Form(ONE)])) == "[x, 1]"
    rows = [Form(X, (Expr("entries", ONE, ZERO),)), Form(ZERO)]
    assert shown(listed(rows)) == "[[x, 0], [0, 0]]"
    assert listed([Form(ONE, (symbol("A", (3, 3)),))]) is None


# --- Printing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e", "expected"),
    [
        (Expr("subtract", X, Expr("add", Y, ONE)), "x - (y + 1)"),
        (Expr("multiply", Expr("add", X, ONE), Y), "(x + 1)*y"),
        (Expr("divide", X, Expr("multiply", number(2), Y)), "x/(2*y)"),
        (Expr("divide", X, Expr("divide", Y, U)), "x/(y/u1)"),
        (Expr("power", Expr("negative", X), number(2)), "(-x)^2"),
        (Expr("power", Expr("power", X, number(2)), number(3)), "(x^2)^3"),
        (Expr("power", number(-2), number(3)), "(-2)^3"),
        (Expr("multiply", X, number(-2)), "x*(-2)"),
        (Expr("add", X, number(-2)), "x - 2"),
        (Expr("negative", Expr("divide", X, Y)), "-x/y"),
        (Expr("multiply", number(2), Expr("where", Expr("gt", X, ZERO), X, Y)),
         "2*(x if x > 0 else y)"),
        (Expr("power", X, Expr("divide", ONE, Y)), "x^(1/y)"),
    ],
)  # fmt: skip
def test_parentheses(e, expected):
    assert text(e) == expected


def test_digits():
    numbers = (3.0, -0.0, 0.1 + 0.2, 1e6, 123456.0, 1 / 3, math.nan, math.inf)
    expected = ["3", "0", "0.3", "1e+06", "123456", "0.333333", "nan", "inf"]
    assert [digits(v) for v in numbers] == expected


def test_names_have_subscripts():
    assert parts_of_name("u12") == ("u", "12")
    assert parts_of_name("w_hat") == ("w", "hat")
    assert parts_of_name("x") == ("x", "")
    assert Compact().write(Expr("power", symbol("u12"), number(3))) == "u₁₂³"


def test_numbers_are_exact_decimals():
    assert number(0.1).args[0] == Fraction(1, 10)
    assert text(add(0.1, 0.2)) == "3/10"
    assert expr(X) is X
    assert text(apply(np.square, X)) == "x^2"
