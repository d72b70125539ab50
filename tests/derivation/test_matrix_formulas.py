"""Formulas of matrix calculus: what is printed has the value of the Jacobian, at any point."""

import functools
import operator

import numpy as np
import pytest
from formula_judge import evaluate, jacobian

import dualmc as dm
from dualmc.derivation.chain_rule import Derivation
from dualmc.derivation.content import substituted_form
from dualmc.derivation.notation.replacing import ops_of
from dualmc.derivation.notation.text import Text
from dualmc.derivation.pieces import Pieces
from dualmc.derivation.transposing import transposed_form

A = np.array([[1.5, -0.5, 0.25], [0.75, 2.0, -1.0], [-0.5, 0.5, 3.0]])
B = np.array([[0.5, -1.0], [2.0, 0.25], [1.0, 0.75]])
W = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
b, x = np.array([0.5, -1.5]), np.array([1.0, 2.0, -0.5])


def complex_step(f, args, k):
    """The Jacobian by argument k of an analytic f, (m, n), by no rule."""
    columns = []
    for at in range(np.size(args[k])):
        moved = [np.array(a, complex) for a in args]
        moved[k].reshape(-1)[at] += 1e-30j
        columns.append(np.ravel(f(*moved)).imag / 1e-30)
    return np.stack(columns, axis=1)


def last_lines(explanation, layout="numerator"):
    """``dy/dX = ...`` of step 4, by X: the formula alone, if nothing in it is but named."""
    pieces = Pieces(Derivation(explanation.graph, layout), None)
    found = {}
    for node in explanation.graph.inputs:
        form = substituted_form(pieces, pieces.forms.get(node))
        if form is not None:
            is_scalar = pieces.y.size == node.size == 1
            e = pieces.writer.jacobian(form, is_scalar)
            if not ops_of(e) & {"derivative", "partial"}:
                found[node.name] = e
    return found


def check(f, *args, needs=True, analytic=None):
    """Every printed formula against the complex step, at the point and at others.

    `analytic` is the same function where NumPy's own is another one of complex numbers.
    """
    explanation = dm.explain(f, *args)
    pieces = Pieces(explanation.derivation, None)
    values = {n.name: n.value for n in (*explanation.graph.inputs, *explanation.graph.nodes)}
    constants = dict(explanation.graph.constants.values()) | pieces.writer.unnamed
    for node in explanation.graph.nodes:
        for partial in explanation.derivation.partials[node]:
            form, is_known = pieces.writer.partial(partial)
            if is_known:
                m, n = partial.shape
                computed = jacobian(form.expr(m == n == 1), values | constants, m, n)
                np.testing.assert_allclose(computed, partial.matrix(), rtol=1e-12, atol=1e-13)
                e = transposed_form(form).expr(m == n == 1)
                turned = jacobian(e, values | constants, n, m)
                np.testing.assert_allclose(turned, computed.T, rtol=1e-14)
            e = pieces.writer.tidy(node, [pieces.writer.symbol(v) for v in node.operands])
            assert e.shape in (node.shape, np.shape(evaluate(e, values | constants))), e
    formulas = last_lines(explanation)
    transposed = last_lines(explanation, "denominator")
    assert set(formulas) == {node.name for node in explanation.graph.inputs} or not needs
    rng = np.random.default_rng(7)
    for moved in (False, True, True):
        point = [a + 0.1 * rng.normal(size=np.shape(a)) if moved else a for a in args]
        at = dict(zip([n.name for n in explanation.graph.inputs], point, strict=True))
        for k, node in enumerate(explanation.graph.inputs):
            if node.name not in formulas:
                continue
            exact = complex_step(analytic or f, point, k)
            computed = jacobian(formulas[node.name], at | constants, *exact.shape)
            scale = max(1.0, np.abs(exact).max())
            np.testing.assert_allclose(computed, exact, rtol=1e-10, atol=1e-11 * scale)
            turned = jacobian(transposed[node.name], at | constants, *exact.T.shape)
            np.testing.assert_allclose(turned, exact.T, rtol=1e-10, atol=1e-11 * scale)
    return {name: Text().write(e) for name, e in formulas.items()}


def trace(a):
    return np.trace(a)


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        # By matrices: Kronecker products, row by row.
        (lambda W: W @ x, (W,), {"W": "I_2 kron x^T"}),
        (lambda W: x[:2] @ W, (W,), None),
        (lambda W, x, b: W @ x + b, (W, x, b), {"W": "I_2 kron x^T", "x": "W", "b": "I"}),
        (lambda X: A @ X, (B,), {"X": "A kron I_2"}),
        (lambda X: X @ W, (B,), {"X": "I_3 kron W^T"}),
        (lambda X: A @ X @ W, (B,), {"X": "A kron W^T"}),
        (lambda X: X.T, (B,), {"X": "K_3_2"}),
        (lambda X: X.T @ X, (B,), {"X": "(I_2 kron X^T) @ K_3_2 + X^T kron I_2"}),
        (lambda X: X @ A @ X, (A,), {"X": "I_3 kron (X^T @ A^T) + (X @ A) kron I_3"}),
        (lambda u, v: np.outer(u, v), (x, b), {"u": "I_3 kron v", "v": "u kron I_2"}),
        (lambda X: np.linalg.inv(X), (A,), {"X": "-(inv(X) kron inv(X)^T)"}),
        (lambda X: np.linalg.solve(X, x), (A,), {"X": "-(inv(X) kron solve(X, x)^T)"}),
        (lambda b: np.linalg.solve(A, b), (x,), {"b": "inv(A)"}),
        (lambda X: np.linalg.solve(A, X), (B,), {"X": "inv(A) kron I_2"}),
        (lambda X: np.linalg.solve(X, B), (A,), None),
        # Scalars of matrices: the gradient as a row, vec(G)^T.
        (lambda X: np.trace(W @ X), (B,), {"X": "vec(W^T)^T"}),
        (lambda X: np.trace(X), (A,), {"X": "vec(I_3)^T"}),
        (lambda X: np.trace(X.T @ A @ X), (B,), {"X": "vec(A @ X + A^T @ X)^T"}),
        (lambda X: np.linalg.det(X), (A,), {"X": "det(X) * vec(inv(X)^T)^T"}),
        (lambda X: np.log(np.linalg.det(X)), (A,), {"X": "vec(inv(X)^T)^T"}),
        (lambda X: np.sum(X), (B,), {"X": "ones^T"}),
        (lambda X: np.sum(X**2), (B,), {"X": "2 * vec(X)^T"}),
        (lambda X: np.sum((A @ X - B) ** 2), (B + 1,), {"X": "2 * vec(A^T @ (A @ X - B))^T"}),
        (lambda X: x @ X @ x, (A,), {"X": "x^T kron x^T"}),
        # Vectors.
        (lambda x: x @ A @ x, (x,), {"x": "x^T @ (A^T + A)"}),
        (lambda x: np.sum((A @ x - x) ** 2), (x,), {"x": "2 * (A @ x - x)^T @ (A - I)"}),
        (lambda x: np.tanh(W @ x), (x,), {"x": "diag(1/cosh(W @ x)^2) @ W"}),
        (lambda W: np.tanh(W @ x), (W,), {"W": "diag(1/cosh(W @ x)^2) kron x^T"}),
        (lambda W: np.sum(np.tanh(W @ x) ** 2), (W,),
         {"W": "2 * ((tanh(W @ x)/cosh(W @ x)^2)^T kron x^T)"}),
        (lambda V, W: np.sum((V @ np.sin(W @ x) - b) ** 2), (A[:2, :2], W),
         {"V": "2 * ((V @ sin(W @ x) - b)^T kron sin(W @ x)^T)",
          "W": "2 * (((V @ sin(W @ x) - b)^T @ V @ diag(cos(W @ x))) kron x^T)"}),
        (lambda X: x @ np.linalg.inv(X) @ x, (A,),
         {"X": "-((x^T @ inv(X)) kron (x^T @ inv(X)^T))"}),
        (lambda X: X @ X @ X, (A,), {"X": "I_3 kron (X^T @ X^T) + X kron X^T + (X @ X) kron I_3"}),
        (lambda x: np.exp(x) / np.sum(np.exp(x)), (x,), None),
        (lambda x: x / np.sqrt(x @ x), (x,), None),
        # Broadcasting.
        (lambda X: X * b, (B,), {"X": "I_3 kron diag(b)"}),
        (lambda b: B * b, (b,), {"b": "diag(vec(B)) @ (ones_3 kron I_2)"}),
        (lambda X, b: X + b, (B, b), {"X": "I", "b": "ones_3 kron I_2"}),
        (lambda X, c: X * c, (B, x[:, None]), None),
        (lambda X: np.sum(X, axis=0), (B,), {"X": "ones_3^T kron I_2"}),
        (lambda X: np.sum(X, axis=1), (B,), {"X": "I_3 kron ones_2^T"}),
        (lambda X: np.mean(X, axis=1), (B,), {"X": "1/2 * (I_3 kron ones_2^T)"}),
        (lambda X: np.mean(X), (B,), {"X": "1/6 * ones^T"}),
        (lambda X, c: X * c, (B, 1.5), {"X": "c * I", "c": "vec(X)"}),
        (lambda X: np.sin(X), (B,), {"X": "diag(vec(cos(X)))"}),
        (lambda X: (B * X).reshape(-1), (B,), {"X": "diag(vec(B))"}),
        (lambda X: np.sin((B * X).reshape(-1)), (B,), None),
        (lambda X: np.sin((B * X).reshape(2, 3)) * 2.0, (B,), None),
        (lambda X: np.sum((B * X).reshape(2, 3) * W), (B,), None),
    ],
)  # fmt: skip
def test_formulas_of_matrix_calculus(f, args, expected):
    found = check(f, *args, needs=expected is not None)
    if expected is not None:
        assert found == expected


def analytic_std(x):
    return np.sqrt(np.mean((x - np.mean(x)) ** 2))


@pytest.mark.parametrize(
    ("f", "analytic", "expected"),
    [
        (lambda x: np.var(x), lambda x: analytic_std(x) ** 2, "2/3 * (x - mean(x))^T"),
        (lambda x: np.std(x), analytic_std, "1/(3*std(x)) * (x - mean(x))^T"),
        (
            lambda x: (x - np.mean(x)) / np.std(x),
            lambda x: (x - np.mean(x)) / analytic_std(x),
            None,
        ),
    ],
)
def test_formulas_of_samples(f, analytic, expected):
    found = check(f, x, analytic=analytic)
    assert expected in (None, found["x"])
    check(f, B, analytic=analytic)


@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [
        (lambda x: x * x, np.ones(3), "2 * diag(x)"),
        (lambda X: X * X, np.ones((2, 2)), "2 * diag(vec(X))"),
        (lambda x: np.exp(x), np.zeros(3), "diag(exp(x))"),
        (lambda X: np.linalg.inv(X), np.eye(2), "-(inv(X) kron inv(X)^T)"),
        (lambda x: np.sin(x), np.zeros(2), "diag(cos(x))"),
        (lambda x: x**2, 0.5, "2*x"),
        (lambda x: np.eye(3) @ (x + 0), np.ones(3), None),
        (lambda x: x @ x, np.ones(3), "2 * x^T"),
        (lambda x: np.prod(x), np.ones(3), None),
    ],
)
def test_a_formula_holds_away_from_the_point(f, at, expected):
    """What is I or a row of ones there, by coincidence, is not written so."""
    found = check(f, at, needs=False)
    if expected is None:
        assert "ones" not in found.get("x", "")
    else:
        assert found == {"X" if np.ndim(at) == 2 else "x": expected}


# --- Equal terms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x, y: x * y + y * x, {"x": "2*y", "y": "2*x"}),
        (lambda x, y: 2 * x + 3 * x + 0 * y, {"x": "5", "y": "0"}),
        (lambda x, y: np.sin(x * y) + np.sin(y * x), {"x": "2*y*cos(x*y)", "y": "2*x*cos(x*y)"}),
        (lambda x, y: (x + y) * (y + x), None),
    ],
)
def test_equal_terms_are_collected(f, expected):
    found = check(f, 0.7, 1.9, needs=False)
    if expected is not None:
        assert {name: found[name] for name in found} == expected


def test_equal_terms_of_values_are_collected():
    assert "y = 2*x*y" not in dm.explain(lambda x, y: x * y + y * x, 2.0, 3.0).text()
    assert "Derivation of f = 2*x*y\n" in dm.explain(lambda x, y: x * y + y * x, 2.0, 3.0).text()
    assert "Derivation of y = 5*x\n" in dm.explain(lambda x: 2 * x + 3 * x, 2.0).text()


def test_products_of_matrices_are_not_collected():
    found = check(lambda X: A @ X + X @ A, A + 1)
    assert found == {"X": "A kron I_3 + I_3 kron A^T"}
    assert "y = A @ X + X @ A" in dm.explain(lambda X: A @ X + X @ A, A).text()
    found = check(lambda X: A @ X + A @ X, A + 1)
    assert found == {"X": "2 * (A kron I_3)"}


# --- Denominator layout ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args", "formula", "chain"),
    [
        (lambda x: np.tanh(W @ x), (x,), "W^T @ diag(1/cosh(W @ x)^2)", "du1/dx * dy/du1"),
        (lambda w: w @ x, (x + 1,), "x", None),
        (lambda W: W @ x, (W,), "I_2 kron x", None),
        (lambda X: np.sum((A @ X - B) ** 2), (B + 1,), "2 * vec(A^T @ (A @ X - B))", None),
        (lambda x: np.log(x @ x), (x,), None, "∂u1/∂x * dy/du1 + ∂u1/∂x * dy/du1"),
        (lambda x: [x[0] * x[1], x[1] ** 2], (x,), None, None),
        (lambda x, c: x * c, (x, 2.0), "c * I", None),
    ],
)  # fmt: skip
def test_denominator_layout(f, args, formula, chain):
    """All Jacobians transposed, all products the other way round."""
    explanation = dm.explain(f, *args, layout="denominator")
    text = explanation.text()
    assert "In denominator layout: a row for each input, a column for each output." in text
    first = explanation.graph.inputs[0]
    if formula is not None:
        assert f"/d{first.name} = {formula}" in text
    if chain is not None:
        assert f"dy/d{first.name} = {chain}" in text
    for k, node in enumerate(explanation.graph.inputs):
        exact = dm.jacobian_fwd(f, *args, argnums=k, layout="denominator")
        np.testing.assert_array_equal(explanation.jacobian[node.name], exact)
        assert np.shape(explanation.jacobian[node.name]) == node.shape + np.shape(f(*args))
    for step in explanation.steps:
        for by in step.partials:
            operand = next(
                n
                for n in (*explanation.graph.inputs, *explanation.graph.nodes)
                if n.name == by.operand
            )
            assert np.shape(by.value) == operand.shape + np.shape(step.value)
    assert "Both orders agree" in text and "jacobian_fwd agree" in text
    for written in (explanation.html(), explanation.latex(), explanation._repr_markdown_()):
        assert "denominator layout" in written


def test_the_layout_changes_no_number():
    both = [
        dm.explain(lambda x: np.sin(W @ x), x, layout=layout)
        for layout in ("numerator", "denominator")
    ]
    one, other = (np.asarray(e.jacobian["x"]) for e in both)
    np.testing.assert_array_equal(one.T, other)
    assert "row for each input" not in both[0].text()
    with pytest.raises(ValueError, match='explain: layout must be "numerator" or "denominator"'):
        dm.explain(np.sin, 1.0, layout="rows")


# --- Random programs -----------------------------------------------------------------------------


def random_program(rng):
    """A random function of a matrix and a vector, analytic, and a point."""
    n = 3
    M, v = rng.normal(size=(n, n)), rng.normal(size=n)
    steps = []
    for _ in range(rng.integers(2, 6)):
        steps.append((int(rng.integers(12)), int(rng.integers(100)), int(rng.integers(100))))
    end = int(rng.integers(4))

    def f(X, u):
        matrices, vectors = [X, M], [u, v]
        for kind, i, j in steps:
            P, Q = matrices[i % len(matrices)], matrices[j % len(matrices)]
            p, q = vectors[i % len(vectors)], vectors[j % len(vectors)]
            if kind == 0:
                matrices.append(P @ Q)
            elif kind == 1:
                matrices.append(P.T)
            elif kind == 2:
                matrices.append(P * Q)
            elif kind == 3:
                matrices.append(np.sin(P) - Q)
            elif kind == 4:
                vectors.append(P @ q)
            elif kind == 5:
                vectors.append(p @ Q)
            elif kind == 6:
                vectors.append(p * q + p)
            elif kind == 7:
                matrices.append(np.outer(p, q))
            elif kind == 8:
                matrices.append(P + q)
            elif kind == 9:
                vectors.append(np.sum(P * Q, axis=i % 2))
            elif kind == 10:
                vectors.append(np.tanh(p) * (p @ q))
            else:
                matrices.append(P * np.trace(Q))
        last = [matrices[-1], vectors[-1]]
        if end == 0:
            return np.sum(last[0] ** 2) + np.sum(last[1])
        if end == 1:
            return last[0] @ last[1]
        return last[0] if end == 2 else last[1] * np.sum(last[0])

    return f, (rng.normal(size=(n, n)), rng.normal(size=n))


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed):
    f, args = random_program(np.random.default_rng(seed))
    check(f, *args, needs=False)


def test_random_programs_have_formulas():
    """What the test above checks is there: most programs are written out."""
    count = 0
    for seed in range(0, 40, 4):
        f, args = random_program(np.random.default_rng(seed))
        count += len(last_lines(dm.explain(f, *args)))
    assert count >= 8


def test_the_order_of_elements_is_that_of_reshape():
    """vec reads rows: (A kron B^T) vec(X) is vec(A X B)."""
    X = np.arange(6.0).reshape(3, 2)
    J = dm.jacobian_fwd(lambda X: A @ X @ W, X)
    flat = J.reshape(9, 6)
    np.testing.assert_array_equal(flat, np.kron(A, W.T))
    np.testing.assert_allclose(flat @ X.reshape(-1), (A @ X @ W).reshape(-1))
    assert functools.reduce(operator.mul, J.shape) == flat.size


def test_two_uses_without_a_formula_are_not_one():
    """Their partials have one name, but are two matrices: the sum is not twice the one."""
    text = dm.explain(lambda X: np.einsum("ij,ik->jk", X, X), B).text()
    assert "dy/dX = ∂y/∂X + ∂y/∂X" in text
    assert "2 * ∂y/∂X" not in text


def test_a_derivative_without_a_formula_is_not_its_own_formula():
    text = dm.explain(lambda x: np.prod(x), x).text()
    assert "dy/dx = dy/dx" not in text
    assert "dy/dx = [-1  -0.5  2]" in text
