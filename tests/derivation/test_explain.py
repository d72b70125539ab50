"""The derivation: the document's tables, both orders, and what is too long or too large."""

import math
import re

import numpy as np
import pytest

import dualmc as dm
from dualmc.document.examples import SAMPLES, TARGETS, X0, W, X
from dualmc.document.neuron import loss
from dualmc.explain import explain


def equations(explanation):
    return [step.equation for step in explanation.steps]


def partials(explanation):
    return [(step.name, p.operand, p.formula) for step in explanation.steps for p in step.partials]


def line(explanation, start):
    """The line of the text that begins so."""
    found = [x.strip() for x in explanation.text().split("\n") if x.strip().startswith(start)]
    assert found, f"no line begins with {start!r}"
    return found


def last(explanation):
    """Step 4, as one string."""
    return explanation.text().partition("4. Substitute")[2]


# --- 4.5.1: one variable, one path ---------------------------------------------------------------


def test_sine_of_a_square():
    e = explain(lambda x: np.sin(x**2), X0)
    assert equations(e) == ["u1 = x^2", "y = sin(u1)"]
    assert partials(e) == [("u1", "x", "2*x"), ("y", "u1", "cos(u1)")]
    assert line(e, "dy/dx = du1/dx * dy/du1")  # forward, from x to y
    assert line(e, "dy/dx = dy/du1 * du1/dx")  # reverse, from y to x
    expected = 2 * X0 * math.cos(X0**2)
    assert f"dy/dx = 2*x*cos(x^2) = {expected:.6g}" in last(e)
    assert float(e.jacobian["x"]) == pytest.approx(expected, rel=1e-15)
    assert float(e.value) == math.sin(X0**2)


@pytest.fixture(scope="module")
def nested():
    return explain(lambda x: np.log(np.sin(x**3) ** 2), X0)


U1 = X0**3
U2 = math.sin(U1)
U3 = U2**2


def test_the_document_s_four_intermediates(nested):
    assert equations(nested) == ["u1 = x^3", "u2 = sin(u1)", "u3 = u2^2", "y = ln(u3)"]
    assert partials(nested) == [
        ("u1", "x", "3*x^2"),
        ("u2", "u1", "cos(u1)"),
        ("u3", "u2", "2*u2"),
        ("y", "u3", "1/u3"),
    ]
    values = [float(p.value) for step in nested.steps for p in step.partials]
    assert values == pytest.approx([3 * X0**2, math.cos(U1), 2 * U2, 1 / U3], rel=1e-14)
    assert [float(step.value) for step in nested.steps] == pytest.approx(
        [U1, U2, U3, math.log(U3)], rel=1e-15
    )


def test_running_products_from_x_to_y(nested):
    (x,) = nested.graph.inputs
    forward = nested.derivation.forward[x]
    du1 = 3 * X0**2
    du2 = du1 * math.cos(X0**3)
    du3 = du2 * 2 * math.sin(X0**3)
    dy = 6 * X0**2 * math.cos(X0**3) / math.sin(X0**3)
    expected = [du1, du2, du3, dy]
    found = [float(forward[node][0, 0]) for node in nested.graph.nodes]
    assert found == pytest.approx(expected, rel=1e-14)
    table = nested.text().partition("Forward")[2].partition("Reverse")[0]
    for value in expected:
        assert f"{value:.6g}" in table
    assert "dy/dx = du1/dx * du2/du1 * du3/du2 * dy/du3" in table


def test_running_products_from_y_to_x(nested):
    reverse = nested.derivation.reverse
    by_u3 = 1 / math.sin(X0**3) ** 2
    by_u2 = 2 / math.sin(X0**3)
    by_u1 = 2 * math.cos(X0**3) / math.sin(X0**3)
    by_x = 6 * X0**2 * math.cos(X0**3) / math.sin(X0**3)
    u1, u2, u3, _ = nested.graph.nodes
    found = [float(reverse[node][0, 0]) for node in (u3, u2, u1, nested.graph.inputs[0])]
    assert found == pytest.approx([by_u3, by_u2, by_u1, by_x], rel=1e-14)
    table = nested.text().partition("Reverse")[2].partition("4. ")[0]
    for value in (by_u3, by_u2, by_u1, by_x):
        assert f"{value:.6g}" in table
    assert "dy/dx = dy/du3 * du3/du2 * du2/du1 * du1/dx" in table


def test_substituted_back(nested):
    value = 6 * X0**2 * math.cos(X0**3) / math.sin(X0**3)
    assert line(nested, "dy/dx = dy/du3 * du3/du2 * du2/du1 * du1/dx = 6*u2*x^2*cos(u1)/u3")
    assert f"dy/dx = 6*x^2*cos(x^3)/sin(x^3) = {value:.6g}" in last(nested)
    assert "Derivation of y = ln(sin(x^3)^2)" in nested.text()


# --- 4.5.2: the total derivative -----------------------------------------------------------------


def test_x_plus_its_square():
    e = explain(lambda x: x + x**2, X0)
    assert equations(e) == ["u1 = x^2", "y = x + u1"]
    assert partials(e) == [("u1", "x", "2*x"), ("y", "x", "1"), ("y", "u1", "1")]
    assert "2 paths lead from x to y" in e.text()
    assert line(e, "x -> y")
    assert line(e, "x -> u1 -> y")
    assert f"dy/dx = 1 + 2*x = {1 + 2 * X0:.6g}" in last(e)
    assert "dy/dx = ∂y/∂u1 * du1/dx + ∂y/∂x = 1 + 2*x" in e.text()


def test_sine_of_x_plus_its_square():
    e = explain(lambda x: np.sin(x + x**2), X0)
    assert equations(e) == ["u1 = x^2", "u2 = x + u1", "y = sin(u2)"]
    expected = math.cos(X0 + X0**2) * (1 + 2 * X0)
    assert f"dy/dx = cos(x + x^2)*(1 + 2*x) = {expected:.6g}" in last(e)
    (x,) = e.graph.inputs
    terms = [float(e.derivation.along(path)[0, 0]) for path in e.graph.paths(x)]
    c = math.cos(X0 + X0**2)
    assert sorted(terms) == pytest.approx(sorted([c, 2 * X0 * c]), rel=1e-14)


def test_x_times_its_square():
    e = explain(lambda x: x * x**2, X0)
    assert partials(e) == [("u1", "x", "2*x"), ("y", "x", "u1"), ("y", "u1", "x")]
    assert f"dy/dx = 3*x^2 = {3 * X0**2:.6g}" in last(e)


def test_x_times_x_has_a_partial_for_each_use():
    e = explain(lambda x: x * x, X0)
    assert partials(e) == [("y", "x", "x"), ("y", "x", "x")]
    assert "2 paths lead from x to y" in e.text()
    assert "dy/dx = 2*x" in last(e)


# --- 4.5.3: vectors ------------------------------------------------------------------------------


def test_a_list_of_two_functions():
    e = explain(lambda x: [np.log(x**2), np.sin(3 * x)], X0)
    assert equations(e)[-1] == "y = [u2, u4]"
    expected = [2 / X0, 3 * math.cos(3 * X0)]
    np.testing.assert_allclose(e.jacobian["x"], expected, rtol=1e-14)
    assert "dy/dx = [2/x, 3*cos(3*x)]" in last(e)


def test_a_product_of_a_diagonal_and_a_column():
    # [[1/g1, 0], [0, cos g2]] [2x, 3], with vectors of intermediates.
    def f(x):
        g = np.stack([x**2, 3 * x])
        return np.stack([np.log(g[0]), np.sin(g[1])])

    e = explain(f, X0)
    by_name = {node.name: node for node in e.graph.nodes}
    (x,) = e.graph.inputs
    g = by_name["u3"]
    np.testing.assert_allclose(e.derivation.forward[x][g], [[2 * X0], [3]], rtol=1e-15)
    np.testing.assert_allclose(
        e.derivation.reverse[g], [[1 / X0**2, 0], [0, math.cos(3 * X0)]], rtol=1e-14
    )


def test_the_gradient_of_section_3():
    e = explain(lambda x, y: 3 * x**2 * y, 1.5, 0.5)
    assert e.graph.output.name == "f"  # y is an argument
    assert "df/dx = 6*y*x = 4.5" in last(e)
    assert "df/dy = 3*x^2 = 6.75" in last(e)
    e = explain(lambda v: 3 * v[0] ** 2 * v[1], [1.5, 0.5])
    assert "dy/dv = [6*v[1]*v[0], 3*v[0]^2] = [4.5  6.75]" in last(e)


def test_element_wise_functions_stay_diagonal():
    v = np.array([0.3, 0.7, 1.1])
    e = explain(lambda v: np.sin(v**2), v)
    assert [p.structure for step in e.steps for p in step.partials] == ["diagonal", "diagonal"]
    assert "dy/dv = 2 * diag(v*cos(v^2))" in last(e)
    np.testing.assert_allclose(e.jacobian["v"], np.diag(2 * v * np.cos(v**2)), rtol=1e-14)


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        (lambda w, x: w + x, 2, [("I", "I")]),
        (lambda w, x: w - x, 2, [("I", "-I")]),
        (lambda w, x: w * x, 2, [("diag(x)", "diag(w)")]),
        (lambda w, x: w / x, 2, [("diag(1/x)", "-diag(w/x^2)")]),
        (lambda x, z: x + z, 1, [("I", "ones")]),
        (lambda x, z: x * z, 1, [("z * I", "x")]),
        (lambda x, z: np.sum(x * z), 1, [("z * I", "x"), ("ones^T",)]),
        (lambda w, x: w @ x, 2, [("x^T", "w^T")]),
        (lambda w, x: np.mean(w * x), 2, [("diag(x)", "diag(w)"), ("1/2 * ones^T",)]),
    ],
)
def test_the_tables_of_section_4(f, args, expected):
    v, w = np.array([1.5, 0.5]), np.array([0.25, 3.0])
    e = explain(f, v, w if args == 2 else 2.5)
    assert [tuple(p.formula for p in step.partials) for step in e.steps] == expected


# --- 5 and 6: the neuron and its loss ------------------------------------------------------------


@pytest.mark.parametrize(("b", "is_active"), [(6.0, 1), (5.125, 0), (-7.0, 0)])
def test_the_neuron(b, is_active):
    e = explain(lambda w, x, b: np.maximum(0, np.dot(w, x) + b), W, X, b)
    assert equations(e) == ["u1 = w . x", "u2 = u1 + b", "y = max(0, u2)"]
    assert partials(e) == [
        ("u1", "w", "x^T"),
        ("u1", "x", "w^T"),
        ("u2", "u1", "1"),
        ("u2", "b", "1"),
        ("y", "u2", "1 if u2 > 0 else 0"),
    ]
    np.testing.assert_array_equal(e.jacobian["w"], is_active * X)
    np.testing.assert_array_equal(e.jacobian["b"], is_active)
    assert "dy/dw = (1 if w . x + b > 0 else 0) * x^T = " in last(e)
    assert f"dy/db = 1 if w . x + b > 0 else 0 = {is_active}" in last(e)


def test_the_loss():
    e = explain(loss, W, 6.0, SAMPLES, TARGETS, argnums=(0, 1))
    assert equations(e) == [
        "u1 = X @ w",
        "u2 = u1 + b",
        "u3 = max(0, u2)",
        "u4 = y - u3",
        "u5 = u4^2",
        "f = mean(u5)",
    ]
    # (2/N) sum over the active samples of e_i x_i^T and of e_i; three samples are active.
    by_w, by_b = np.zeros(3), 0.0
    for x_i, y_i in zip(SAMPLES, TARGETS, strict=True):
        z = W @ x_i + 6.0
        if z > 0:
            by_w += 2 / 5 * (z - y_i) * x_i
            by_b += 2 / 5 * (z - y_i)
    np.testing.assert_allclose(e.jacobian["w"], by_w, rtol=1e-14)
    np.testing.assert_allclose(e.jacobian["b"], by_b, rtol=1e-14)
    for x, expected in zip(e.graph.inputs, (by_w, by_b), strict=True):
        for order in ("forward", "reverse"):
            J = e.derivation.jacobian(x, order)
            np.testing.assert_allclose(J.reshape(np.shape(expected)), expected, rtol=1e-14)
    assert "reverse gets all of them at once" in e.text()


def test_a_layer():
    A = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
    e = explain(lambda x: np.tanh(A @ x), X)
    assert partials(e) == [("u1", "x", "A"), ("y", "u1", "diag(1/cosh(u1)^2)")]
    assert "dy/dx = diag(1/cosh(A @ x)^2) @ A" in last(e)
    assert "A = [1    -2  0.5]" in e.text()
    expected = np.diag(1 / np.cosh(A @ X) ** 2) @ A
    np.testing.assert_allclose(e.jacobian["x"], expected, rtol=1e-13)


# --- Both orders ---------------------------------------------------------------------------------


def test_multiplications_of_both_orders():
    # A chain of matrices (1 x 4)(4 x 4)(4 x 4): from x to y 4*4*4 + 1*4*4, from y to x 2 * 1*4*4.
    B, C, row = np.full((4, 4), 2.0), np.full((4, 4), 3.0), np.full(4, 5.0)
    e = explain(lambda x: row @ (C @ (B @ x)), np.ones(4))
    assert e.derivation.multiplications() == (64 + 16, 16 + 16)
    assert "Forward order takes 80 multiplications, reverse order 32 multiplications" in e.text()


def test_the_cost_statement_for_many_parameters():
    # A scalar of n parameters: forward carries n columns, reverse one row.
    n = 100_000
    e = explain(lambda x: np.sum(np.sin(x) ** 2), np.linspace(0, 1, n))
    assert e.derivation.forward is None
    assert e.derivation.multiplications() == (n * n, 2 * n)
    assert "Too large to show: 100,000 columns" in e.text()
    x = np.linspace(0, 1, n)
    np.testing.assert_allclose(e.jacobian["x"], np.sin(2 * x), rtol=1e-12, atol=1e-15)
    assert "dy/dx = 2 * (sin(x)*cos(x))^T" in last(e)


def test_orders_agree_and_say_so(nested):
    assert nested.derivation.difference() <= 1e-15
    assert re.search(r"Both orders agree .*The forward order and jacobian_fwd agree", nested.text())


def test_orders_that_do_not_agree_say_so():
    # At 0 the derivative is infinite times 0: forward keeps the NaN, reverse the factor 0.
    e = explain(lambda x: np.sqrt(x) * np.sin(x), 0.0)
    assert "Both orders do not agree: 0 was multiplied by an infinite derivative." in e.text()


def test_inputs_that_are_not_used():
    e = explain(lambda x, y: np.sin(x), 1.0, 2.0)
    assert e.jacobian["y"] == 0
    assert "f does not depend on y." in e.text()
    assert "df/dy = 0" in last(e)


def test_a_constant_function():
    e = explain(lambda x: 99, X0)
    assert e.steps == ()
    assert e.jacobian["x"] == 0
    assert "y = 99" in e.text()
    assert "does not depend on x: its derivative is 0." in e.text()
    assert "</html>" in e.html()
    assert "\\end{document}" in e.latex()


def test_many_paths_are_counted_not_listed():
    def doubled(x):
        for _ in range(50):
            x = x + x
        return x

    e = explain(doubled, 1.0)
    assert "about 10^15 paths lead from x to y." in e.text()
    assert e.derivation.jacobian(e.graph.inputs[0], "forward") == 2.0**50

    def few(x):
        for _ in range(6):
            x = x + x
        return x

    assert "64 paths lead from x to y." in explain(few, 1.0).text()


# --- Long and large ------------------------------------------------------------------------------


def test_five_thousand_operations():
    def f(x):
        for i in range(5_000):
            x = np.sin(x) if i % 2 else x + 0.5
        return x

    e = explain(f, 0.3)
    text = e.text()
    assert len(text) < 20_000
    assert "u1 = x + 0.5" in text
    assert "y = sin(u4999)" in text
    assert "4,976 more" in text
    assert "Of its 5,000 operations the first and the last." in e.html()
    expected = dm.derivative(f, 0.3)
    (x,) = e.graph.inputs
    assert float(e.derivation.jacobian(x, "reverse")[0, 0]) == pytest.approx(float(expected))


def test_selections_of_large_arrays_show_values_only():
    e = explain(lambda x: np.sum((x[1:] - x[:-1]) ** 2), np.linspace(0, 1, 10_000))
    assert "too large to show" in e.text()
    assert e.steps[0].partials == ()
    np.testing.assert_allclose(e.jacobian["x"][0], 2 * (0 - 1 / 9999))


def test_long_formulas_are_left_out():
    def f(x):
        for _ in range(30):
            x = np.sin(x) * np.cos(x) + x
        return x

    e = explain(f, 0.3)
    assert "is not written out here" in e.text()
    assert f"dy/dx = {float(dm.derivative(f, 0.3)):.6g}" in last(e)


# --- Arguments ----------------------------------------------------------------------------------


def test_the_arguments_are_kept_as_they_were():
    x = np.array([1.0, 2.0])
    e = explain(lambda x: np.sum(x**2), x)
    x[:] = 100
    np.testing.assert_array_equal(e.jacobian["x"], [2.0, 4.0])


def test_single_precision():
    e = explain(lambda x: np.sin(x) * 2, np.float32(1.0))
    assert e.jacobian["x"].dtype == np.float32
    assert float(e.steps[0].partials[0].value) == pytest.approx(math.cos(1.0), rel=1e-6)


def test_errors_name_explain():
    with pytest.raises(TypeError, match="explain needs a function"):
        explain(1.0)
    with pytest.raises(TypeError, match="explain needs the point of evaluation"):
        explain(np.sin)
