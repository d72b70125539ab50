"""The worked examples of the document this library implements, as data.

The document is Parr and Howard, "The Matrix Calculus You Need For Deep Learning" (2018),
arXiv:1802.01528; sections are numbered as there.  Each `Example` states a function in words and in
plain NumPy, a point, and the Jacobian the document derives, as an independent closed form.  Where
the text errs the mathematics is followed: d(w - x)/dw is I, and in 6.1 and 6.2 the case
z <= 0 is decided per sample.
"""

from typing import Any

import numpy as np

from dualmc.document.example import Example, product
from dualmc.document.neuron import activation, folded_loss, loss

# --- The points ----------------------------------------------------------------------------------

# No entry is 0 or 1 and no two of a vector agree, so a misplaced one shows; w > x holds for one
# entry only.
X0 = 1.3
V = np.array([1.5, 0.5])
W = np.array([0.5, -2.0, 3.0])
X = np.array([1.25, 0.25, -1.75])
Z0 = -2.5
A = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
C = np.array([2.0, -0.5, 1.5])

# w.x = -5.125, exactly: these biases put the neuron below its kink, on it and above it.
BELOW, KINK, ABOVE = -7.0, 5.125, 6.0

# Five samples; at W and bias 6, w.x_i + b is 9.5, 0.125, -1, 0 and 5.0625.
SAMPLES = np.array(
    [[1.0, 0.0, 1.0], [0.25, 1.5, -1.0], [2.0, 4.0, 0.0], [0.0, 3.0, 0.0], [0.5, 1.25, 0.4375]]
)
TARGETS = np.array([2.0, 1.5, 0.5, 3.0, 4.0])
SOME, ALL, NONE = 6.0, 8.0, -11.0


def _f(x: Any, y: Any) -> Any:
    return 3 * x**2 * y


def _g(x: Any, y: Any) -> Any:
    return 2 * x + y**8


def _affine(w: Any, b: Any, x: Any) -> Any:
    return np.dot(w, x) + b


def _relu(z: Any) -> Any:
    return np.maximum(0, z)


# --- Closed forms that need more than a line -----------------------------------------------------


def _d_loss_w(w: Any, b: Any, X: Any, y: Any) -> Any:
    """(2/N) sum over the active samples of e_i x_i, sample by sample."""
    total = np.zeros(len(w))
    for x_i, y_i in zip(X, y, strict=True):
        z = sum(w * x_i) + b
        if z > 0:
            total += (z - y_i) * x_i
    return 2 * total / len(y)


def _d_loss_b(w: Any, b: Any, X: Any, y: Any) -> Any:
    """(2/N) sum over the active samples of e_i."""
    total = 0.0
    for x_i, y_i in zip(X, y, strict=True):
        z = sum(w * x_i) + b
        if z > 0:
            total += z - y_i
    return 2 * total / len(y)


def _d_folded(w_hat: Any, X_hat: Any, y: Any) -> Any:
    w, b, X = w_hat[:-1], w_hat[-1], X_hat[:, :-1]
    return np.append(_d_loss_w(w, b, X, y), _d_loss_b(w, b, X, y))


# A row's first line is the document's text, the others are its Python.
# fmt: off

# --- Sections 2 to 4.1: scalar rules, gradients, layouts, shapes ---------------------------------

_FIRST = (
    Example("2", "99", "x", "0",
        lambda x: 99, (X0,), lambda x: 0),
    Example("2", "3x", "x", "3",
        lambda x: 3 * x, (X0,), lambda x: 3),
    Example("2", "x^3", "x", "3x^2",
        lambda x: x**3, (X0,), lambda x: 3 * x * x),
    Example("2", "x^2 + 3x", "x", "2x + 3",
        lambda x: x**2 + 3 * x, (X0,), lambda x: 2 * x + 3),
    Example("2", "x^2 - 3x", "x", "2x - 3",
        lambda x: x**2 - 3 * x, (Z0,), lambda x: 2 * x - 3),
    Example("2", "x^2 x", "x", "3x^2",
        lambda x: x**2 * x, (X0,), lambda x: 3 * x * x),
    Example("2", "ln(x^2)", "x", "2/x",
        lambda x: np.log(x**2), (X0,), lambda x: 2 / x),
    Example("2", "9(x + x^2)", "x", "9 + 18x",
        lambda x: 9 * (x + x**2), (X0,), lambda x: 9 + 18 * x),
    Example("3", "xy", "x", "y",
        lambda x, y: x * y, (X0, Z0), lambda x, y: y),
    Example("3", "xy", "y", "x",
        lambda x, y: x * y, (X0, Z0), lambda x, y: x, 1),
    Example("3", "f = 3x^2 y", "x", "6yx",
        _f, (X0, Z0), lambda x, y: 6 * y * x),
    Example("3", "f = 3x^2 y", "y", "3x^2",
        _f, (X0, Z0), lambda x, y: 3 * x * x, 1),
    Example("3", "f = 3x^2 y", "(x, y)", "[6yx, 3x^2]",
        lambda v: _f(*v), (V,), lambda v: [6 * v[1] * v[0], 3 * v[0] ** 2]),
    Example("4", "g = 2x + y^8", "(x, y)", "[2, 8y^7]",
        lambda v: _g(*v), (V,), lambda v: [2, 8 * v[1] ** 7]),
    Example("4", "(f, g)", "(x, y)", "[6yx, 3x^2], [2, 8y^7]",
        lambda v: [_f(*v), _g(*v)], (V,),
        lambda v: [[6 * v[1] * v[0], 3 * v[0] ** 2], [2, 8 * v[1] ** 7]]),
    Example("4", "(f, g), denominator layout", "(x, y)", "[6yx, 2], [3x^2, 8y^7]",
        lambda v: [_f(*v), _g(*v)], (V,),
        lambda v: [[6 * v[1] * v[0], 2], [3 * v[0] ** 2, 8 * v[1] ** 7]], layout="denominator"),
    Example("4.1", "x", "x", "I",
        lambda x: x, (X,), lambda x: np.eye(3)),
    Example("4.1", "x^2: scalar x, scalar f", "x", "number 2x",
        lambda x: x**2, (X0,), lambda x: 2 * x),
    Example("4.1", "x1 x2 x3: vector x, scalar f", "x", "row [x2 x3, x1 x3, x1 x2]",
        lambda x: x[0] * x[1] * x[2], (X,), lambda x: [x[1] * x[2], x[0] * x[2], x[0] * x[1]]),
    Example("4.1", "(x, x^2): scalar x, vector f", "x", "column [1, 2x]",
        lambda x: [x, x**2], (X0,), lambda x: [1, 2 * x]),
    Example("4.1", "(x1 x2, x2 x3): x, f vectors", "x", "m x n [x2, x1, 0], [0, x3, x2]",
        lambda x: x[:-1] * x[1:], (X,), lambda x: [[x[1], x[0], 0], [0, x[2], x[1]]]),
)

# --- Sections 4.2 to 4.4: element-wise functions, scalar expansion, sums -------------------------

_VECTORS = (
    Example("4.2", "w + x", "w", "I",
        lambda w, x: w + x, (W, X), lambda w, x: np.eye(3)),
    Example("4.2", "w + x", "x", "I",
        lambda w, x: w + x, (W, X), lambda w, x: np.eye(3), 1),
    Example("4.2", "w - x", "w", "I",
        lambda w, x: w - x, (W, X), lambda w, x: np.eye(3)),
    Example("4.2", "w - x", "x", "-I",
        lambda w, x: w - x, (W, X), lambda w, x: -np.eye(3), 1),
    Example("4.2", "w * x", "w", "diag(x)",
        lambda w, x: w * x, (W, X), lambda w, x: np.diag(x)),
    Example("4.2", "w * x", "x", "diag(w)",
        lambda w, x: w * x, (W, X), lambda w, x: np.diag(w), 1),
    Example("4.2", "w / x", "w", "diag(1/x_i)",
        lambda w, x: w / x, (W, X), lambda w, x: np.diag(1 / x)),
    Example("4.2", "w / x", "x", "diag(-w_i/x_i^2)",
        lambda w, x: w / x, (W, X), lambda w, x: np.diag(-w / x**2), 1),
    Example("4.2", "max(w, x)", "w", "diag(1 if w_i > x_i else 0)",
        np.maximum, (W, X), lambda w, x: np.diag([0, 0, 1])),
    Example("4.2", "max(w, x)", "x", "diag(1 if x_i > w_i else 0)",
        np.maximum, (W, X), lambda w, x: np.diag([1, 1, 0]), 1),
    Example("4.2", "w > x", "w", "0",
        lambda w, x: w > x, (W, X), lambda w, x: np.zeros((3, 3))),
    Example("4.2", "w > x", "x", "0",
        lambda w, x: w > x, (W, X), lambda w, x: np.zeros((3, 3)), 1),
    Example("4.2", "exp(w) * sin(x), diagonal", "w", "diag(exp(w_i) sin(x_i))",
        lambda w, x: np.exp(w) * np.sin(x), (W, X), lambda w, x: np.diag(np.exp(w) * np.sin(x))),
    Example("4.2", "exp(w) * sin(x), diagonal", "x", "diag(exp(w_i) cos(x_i))",
        lambda w, x: np.exp(w) * np.sin(x), (W, X), lambda w, x: np.diag(np.exp(w) * np.cos(x)), 1),
    Example("4.3", "x + z", "x", "I",
        lambda x, z: x + z, (X, Z0), lambda x, z: np.eye(3)),
    Example("4.3", "x + z", "z", "ones",
        lambda x, z: x + z, (X, Z0), lambda x, z: np.ones(3), 1),
    Example("4.3", "x z", "x", "z I",
        lambda x, z: x * z, (X, Z0), lambda x, z: z * np.eye(3)),
    Example("4.3", "x z", "z", "x",
        lambda x, z: x * z, (X, Z0), lambda x, z: x, 1),
    Example("4.4", "sum(x)", "x", "ones^T",
        np.sum, (X,), lambda x: np.ones(3)),
    Example("4.4", "sum(f(x)), f = A (x * x)", "x", "column sums of A diag(2x)",
        lambda x: np.sum(A @ (x * x)), (X,), lambda x: (A[0] + A[1]) * 2 * x),
    Example("4.4", "sum(x z)", "x", "[z, ..., z]",
        lambda x, z: np.sum(x * z), (X, Z0), lambda x, z: [z, z, z]),
    Example("4.4", "sum(x z)", "z", "sum(x)",
        lambda x, z: np.sum(x * z), (X, Z0), lambda x, z: x[0] + x[1] + x[2], 1),
)

# --- Section 4.5: the chain rules; each result also as the product of its intermediates ----------

_U1 = X0**3
_U2 = float(np.sin(_U1))
_U3 = _U2 * _U2

_SINGLE_VARIABLE = (
    Example("4.5.1", "u = x^2", "x", "2x",
        lambda x: x**2, (X0,), lambda x: 2 * x),
    Example("4.5.1", "y = sin(u)", "u", "cos(u)",
        np.sin, (X0 * X0,), lambda u: np.cos(u)),
    Example("4.5.1", "sin(x^2)", "x", "2x cos(x^2)",
        lambda x: np.sin(x**2), (X0,), lambda x: 2 * x * np.cos(x * x)),
    product("4.5.1", "sin(x^2), product", "du/dx dy/du",
        X0, lambda x: 2 * x * np.cos(x * x), np.square, np.sin),
    Example("4.5.1", "u1 = x^3", "x", "3x^2",
        lambda x: x**3, (X0,), lambda x: 3 * x * x),
    Example("4.5.1", "u2 = sin(u1)", "u1", "cos(u1)",
        np.sin, (_U1,), lambda u: np.cos(u)),
    Example("4.5.1", "u3 = u2^2", "u2", "2 u2",
        np.square, (_U2,), lambda u: 2 * u),
    Example("4.5.1", "u4 = ln(u3)", "u3", "1/u3",
        np.log, (_U3,), lambda u: 1 / u),
    Example("4.5.1", "ln(sin(x^3)^2)", "x", "6x^2 cos(x^3) / sin(x^3)",
        lambda x: np.log(np.sin(x**3) ** 2), (X0,),
        lambda x: 6 * x * x * np.cos(x**3) / np.sin(x**3)),
    product("4.5.1", "ln(sin(x^3)^2), product", "du4/du3 du3/du2 du2/du1 du1/dx",
        X0, lambda x: 6 * x * x * np.cos(x**3) / np.sin(x**3), lambda x: x**3, np.sin, np.square,
        np.log),
)

# With x itself as one of the intermediates, the sum over the paths is a product of Jacobians.
_TOTAL_DERIVATIVE = (
    Example("4.5.2", "x + x^2", "x", "1 + 2x",
        lambda x: x + x**2, (X0,), lambda x: 1 + 2 * x),
    product("4.5.2", "x + x^2, both paths", "1 + 1 * 2x",
        X0, lambda x: 1 + 2 * x, lambda x: [x, x**2], lambda u: u[0] + u[1]),
    Example("4.5.2", "sin(x + x^2)", "x", "cos(x + x^2)(1 + 2x)",
        lambda x: np.sin(x + x**2), (X0,), lambda x: np.cos(x + x * x) * (1 + 2 * x)),
    product("4.5.2", "sin(x + x^2), both paths", "cos(u2) (1 + 1 * 2x)",
        X0, lambda x: np.cos(x + x * x) * (1 + 2 * x), lambda x: [x, x**2], lambda u: u[0] + u[1],
        np.sin),
    Example("4.5.2", "u2 = x u1", "x", "u1",
        lambda x, u: x * u, (X0, X0 * X0), lambda x, u: u),
    Example("4.5.2", "u2 = x u1", "u1", "x",
        lambda x, u: x * u, (X0, X0 * X0), lambda x, u: x, 1),
    Example("4.5.2", "x x^2", "x", "3x^2",
        lambda x: x * x**2, (X0,), lambda x: 3 * x * x),
    product("4.5.2", "x x^2, both paths", "u1 + x * 2x",
        X0, lambda x: 3 * x * x, lambda x: [x, x**2], lambda u: u[0] * u[1]),
)

_VECTOR = (
    Example("4.5.3", "g = (x^2, 3x)", "x", "[2x, 3]",
        lambda x: [x**2, 3 * x], (X0,), lambda x: [2 * x, 3]),
    Example("4.5.3", "f = (ln g1, sin g2)", "g", "[1/g1, 0], [0, cos g2]",
        lambda g: [np.log(g[0]), np.sin(g[1])], (np.array([X0 * X0, 3 * X0]),),
        lambda g: [[1 / g[0], 0], [0, np.cos(g[1])]]),
    Example("4.5.3", "[ln(x^2), sin(3x)]", "x", "[2/x, 3 cos(3x)]",
        lambda x: [np.log(x**2), np.sin(3 * x)], (X0,), lambda x: [2 / x, 3 * np.cos(3 * x)]),
    product("4.5.3", "[ln(x^2), sin(3x)], product", "[1/g1, 0], [0, cos g2] [2x, 3]",
        X0, lambda x: [2 / x, 3 * np.cos(3 * x)], lambda x: [x**2, 3 * x],
        lambda g: [np.log(g[0]), np.sin(g[1])]),
    product("4.5.3", "exp(u), u = x^2", "(1 x 1)(1 x 1): 2x exp(x^2)",
        X0, lambda x: 2 * x * np.exp(x * x), np.square, np.exp),
    product("4.5.3", "u.u, u = (x, x^2)", "(1 x k)(k x 1): 2x + 4x^3",
        X0, lambda x: 2 * x + 4 * x**3, lambda x: [x, x**2], lambda u: np.sum(u * u)),
    product("4.5.3", "c.u, u = x * x", "(1 x k)(k x n): 2 c_j x_j",
        X, lambda x: C * 2 * x, np.square, lambda u: np.sum(C * u)),
    product("4.5.3", "(ln u, exp u), u = x^2", "(m x 1)(1 x 1): 2/x, 2x exp(x^2)",
        X0, lambda x: [2 * x / (x * x), 2 * x * np.exp(x * x)], np.square,
        lambda u: [np.log(u), np.exp(u)]),
    product("4.5.3", "A u, u = sin(c x)", "(m x k)(k x 1): A (c * cos(c x))",
        X0, lambda x: [np.sum(row * C * np.cos(C * x)) for row in A], lambda x: np.sin(C * x),
        lambda u: A @ u),
    product("4.5.3", "A u, u = x * x", "(m x k)(k x n): A diag(2x)",
        X, lambda x: [row * 2 * x for row in A], np.square, lambda u: A @ u),
    product("4.5.3", "sin(x^2), f and g element-wise", "diag(cos(u_i)) diag(2x_i)",
        X, lambda x: np.diag(np.cos(x * x) * 2 * x), np.square, np.sin),
)

# --- Sections 5 and 6: the neuron and its loss ---------------------------------------------------

_NEURON = (
    Example("5", "w.x", "w", "x^T",
        np.dot, (W, X), lambda w, x: x),
    Example("5", "w.x", "x", "w^T",
        np.dot, (W, X), lambda w, x: w, 1),
    product("5", "w.x = sum(u), u = w * x", "ones^T diag(x)",
        W, lambda w: X, lambda w: w * X, np.sum, wrt="w"),
    Example("5", "w.x + b", "w", "x^T",
        _affine, (W, ABOVE, X), lambda w, b, x: x),
    Example("5", "w.x + b", "b", "1",
        _affine, (W, ABOVE, X), lambda w, b, x: 1, 1),
    Example("5", "max(0, z), z < 0", "z", "0",
        _relu, (-0.5,), lambda z: 0),
    Example("5", "max(0, z), z = 0", "z", "0",
        _relu, (0.0,), lambda z: 0),
    Example("5", "max(0, z), z > 0", "z", "1",
        _relu, (0.5,), lambda z: 1),
    Example("5", "max(0, x)", "x", "diag(1 if x_i > 0 else 0)",
        _relu, (np.array([-0.5, 0.0, 2.0]),), lambda x: np.diag([0, 0, 1])),
    Example("5", "max(0, w.x + b), z < 0", "w", "zeros^T",
        activation, (W, BELOW, X), lambda w, b, x: np.zeros(3)),
    Example("5", "max(0, w.x + b), z = 0", "w", "zeros^T",
        activation, (W, KINK, X), lambda w, b, x: np.zeros(3)),
    Example("5", "max(0, w.x + b), z > 0", "w", "x^T",
        activation, (W, ABOVE, X), lambda w, b, x: x),
    Example("5", "max(0, w.x + b), z < 0", "b", "0",
        activation, (W, BELOW, X), lambda w, b, x: 0, 1),
    Example("5", "max(0, w.x + b), z = 0", "b", "0",
        activation, (W, KINK, X), lambda w, b, x: 0, 1),
    Example("5", "max(0, w.x + b), z > 0", "b", "1",
        activation, (W, ABOVE, X), lambda w, b, x: 1, 1),
)

_LOSS = (
    Example("6.1", "C, some samples active", "w", "(2/N) sum_active e_i x_i^T",
        loss, (W, SOME, SAMPLES, TARGETS), _d_loss_w),
    Example("6.1", "C, all active", "w", "(2/N) sum e_i x_i^T",
        loss, (W, ALL, SAMPLES, TARGETS), _d_loss_w),
    Example("6.1", "C, none active", "w", "zeros^T",
        loss, (W, NONE, SAMPLES, TARGETS), _d_loss_w),
    product("6.1", "C through u = a(x_i), v = y - u", "dC/dv dv/du du/dw",
        W, lambda w: _d_loss_w(w, SOME, SAMPLES, TARGETS), lambda w: activation(w, SOME, SAMPLES),
        lambda u: TARGETS - u, lambda v: np.mean(v**2), wrt="w"),
    Example("6.2", "C, some samples active", "b", "(2/N) sum_active e_i",
        loss, (W, SOME, SAMPLES, TARGETS), _d_loss_b, 1),
    Example("6.2", "C, all active", "b", "(2/N) sum e_i",
        loss, (W, ALL, SAMPLES, TARGETS), _d_loss_b, 1),
    Example("6.2", "C, none active", "b", "0",
        loss, (W, NONE, SAMPLES, TARGETS), _d_loss_b, 1),
    Example("6", "C folded, w^.x^ = [w, b].[x, 1]", "w^", "[dC/dw, dC/db]",
        folded_loss, (np.append(W, SOME), np.column_stack([SAMPLES, np.ones(5)]), TARGETS),
        _d_folded),
)

# fmt: on

EXAMPLES: tuple[Example, ...] = (
    *_FIRST,
    *_VECTORS,
    *_SINGLE_VARIABLE,
    *_TOTAL_DERIVATIVE,
    *_VECTOR,
    *_NEURON,
    *_LOSS,
)
