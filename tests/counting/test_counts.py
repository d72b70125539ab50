"""Multiplications and additions of the chain rule, counted against forms derived by hand.

Conventions: a partial other than 1 and -1 costs a multiplication per element, the one with the seed
included; an element that receives c contributions costs c - 1 additions; moving costs nothing.
"""

import dataclasses
import sys

import numpy as np
import pytest

import dualmc as dm
from dualmc.calls.request import Request
from dualmc.counting import costs, kinds
from dualmc.counting.chain import cuts_of
from dualmc.counting.elements import sources
from dualmc.passes.reverse_pass import Tape


def counted(f, *args, argnums=0):
    """(multiplications, additions) of one tangent, of one cotangent, of the nonzeros."""
    request = Request("compare", f, args, argnums, None, False, "numerator", False)
    tape = Tape(request)
    works = (
        costs.forward_work(tape.order),
        costs.reverse_work(tape.order),
        costs.structured_work(tape.order, tape.inputs).work,
    )
    return [(work.multiplications, work.additions) for work in works]


X = np.linspace(0.3, 1.7, 8)


@pytest.mark.parametrize("k", [1, 2, 7])
@pytest.mark.parametrize("n", [1, 8, 100])
def test_a_chain_of_element_wise_functions(k, n):
    """n numbers per function in every mode: a product of diagonals stays a diagonal (4.5.3)."""

    def chain(x):
        for _ in range(k):
            x = np.sin(x)
        return x

    assert [(k * n, 0)] * 3 == counted(chain, np.linspace(0.1, 1.0, n))


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_a_tree_of_products(depth):
    """2^d leaves, halved d times: each of the 2^d - 1 products has two partials.

    Forward adds its two terms; in reverse the two halves of an array meet nowhere.  The product at
    height h depends on 2^h leaves, so that the nonzeros cost d multiplications per leaf.
    """
    n = 2**depth

    def tree(x):
        while x.size > 1:
            half = x.size // 2
            x = x[:half] * x[half:]
        return x[0]

    nonzeros = (n * depth, 0)
    assert [(2 * (n - 1), n - 1), (2 * (n - 1), 0), nonzeros] == counted(tree, np.ones(n))


@pytest.mark.parametrize("n", [1, 5, 64])
def test_sums(n):
    """One tangent is summed, one cotangent is copied, n nonzeros become one row of n."""
    assert [(0, n - 1), (0, 0), (0, 0)] == counted(np.sum, np.ones(n))
    # x + x + x: two additions an element forward; three contributions meet in reverse.
    assert [(0, 2 * n), (0, 2 * n), (0, 2 * n)] == counted(lambda x: x + x + x, np.ones(n))


def test_fan_out():
    """sin(x) + cos(x) + exp(x): three products; two additions forward, two where they meet."""
    f = lambda x: np.sin(x) + np.cos(x) + np.exp(x)  # noqa: E731
    assert [(24, 16), (24, 16), (24, 16)] == counted(f, X)


@pytest.mark.parametrize(("m", "p", "q"), [(3, 4, 5), (1, 6, 1), (7, 1, 2)])
def test_matrix_products(m, p, q):
    A, B = np.ones((m, p)), np.ones((p, q))
    # A @ X by X: m q sums of p products each; in reverse p q sums of m.
    by_right = [(m * p * q, m * (p - 1) * q), (m * p * q, p * q * (m - 1))]
    assert by_right == counted(lambda X: A @ X, B)[:2]
    by_left = [(m * p * q, m * q * (p - 1)), (m * p * q, m * p * (q - 1))]
    assert by_left == counted(lambda X: X @ B, A)[:2]
    both = counted(lambda a, b: a @ b, A, B, argnums=(0, 1))
    assert (2 * m * p * q, 2 * m * q * (p - 1) + m * q) == both[0]
    assert (2 * m * p * q, m * p * (q - 1) + p * q * (m - 1)) == both[1]


def test_broadcasting():
    """A column times a row, both active: every product has two partials; reverse sums them up."""
    m, n = 3, 5
    f = lambda a, b: a[:, None] * b  # noqa: E731
    forward, reverse, nonzeros = counted(f, np.ones(m), np.ones(n), argnums=(0, 1))
    assert (2 * m * n, m * n) == forward
    assert (2 * m * n, m * n - m + m * n - n) == reverse
    assert (2 * m * n, 0) == nonzeros


def test_moved_elements():
    assert [(0, 0)] * 3 == counted(lambda x: x.reshape(2, 4).T[::-1], X)
    # Element 0 is taken three times: its cotangent has three contributions.
    assert [(0, 0), (0, 2), (0, 0)] == counted(lambda x: x[[0, 0, 0, 3]], X)
    # Overlapping slices: the n - 2 inner elements are read twice.
    assert [(0, 0), (0, 6), (0, 0)] == counted(lambda x: np.stack([x[1:], x[:-1]]), X)
    assert [(0, 0)] * 3 == counted(lambda x: np.concatenate([x[:3], x[3:]]), X)


def test_running_sums():
    n = X.size
    assert [(0, n - 1), (0, n - 1), (0, 0)] == counted(np.cumsum, X)


def test_a_buffer_that_is_filled():
    def f(x):
        y = np.zeros_like(x)
        y[::2] = np.sin(x[::2])
        y[1::2] = 3.0 * x[1::2]
        return y

    assert [(8, 0)] * 3 == counted(f, X)


DOCUMENT = [
    # section 4.5.1: u = x^2, y = sin(u); u1 = x^3, u2 = sin, u3 = square, y = ln
    ("sin(x^2)", lambda x: np.sin(x**2), 1.2, [(2, 0), (2, 0), (2, 0)]),
    ("ln(sin(x^3)^2)", lambda x: np.log(np.sin(x**3) ** 2), 1.2, [(4, 0), (4, 0), (4, 0)]),
    # 4.5.2: the paths x and x^2 are added once, wherever they meet
    ("x + x^2", lambda x: x + x**2, 1.2, [(1, 1), (1, 1), (1, 1)]),
    ("sin(x + x^2)", lambda x: np.sin(x + x**2), 1.2, [(2, 1), (2, 1), (2, 1)]),
    ("x * x^2", lambda x: x * x**2, 1.2, [(3, 1), (3, 1), (3, 1)]),
    # 4.5.3: two outputs of one input, two partials each; in reverse x receives from both
    ("[ln(x^2), sin(3x)]", lambda x: [np.log(x**2), np.sin(3 * x)], 1.2,
     [(4, 0), (4, 1), (4, 0)]),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x", "expected"), [row[1:] for row in DOCUMENT],
                         ids=[row[0] for row in DOCUMENT])  # fmt: skip
def test_the_documents_examples(f, x, expected):
    assert expected == counted(f, x)


def test_the_documents_neuron():
    """max(0, w.x + b) by w, n numbers: n products and n - 1 sums, + b, and the maximum."""
    n = 5
    x = np.ones(n)
    neuron = lambda w, b: np.maximum(0, w @ x + b)  # noqa: E731
    forward, reverse, _ = counted(neuron, np.ones(n), 0.5, argnums=(0, 1))
    assert (n + 1, (n - 1) + 1) == forward
    assert (n + 1, 0) == reverse


def test_the_documents_loss():
    """mean((y - max(0, X w + b))^2) over N samples, by w and b.

    X w: N n products, N (n - 1) sums; + b: N sums; max and square: N products each; the mean: N - 1
    sums and a product.  In reverse the product gives n sums of N, and b another.
    """
    N, n = 7, 3
    X, y = np.ones((N, n)), np.zeros(N)
    loss = lambda w, b: np.mean((y - np.maximum(0, X @ w + b)) ** 2)  # noqa: E731
    forward, reverse, _ = counted(loss, np.ones(n), 0.5, argnums=(0, 1))
    assert (N * n + 2 * N + 1, N * (n - 1) + N + N - 1) == forward
    assert (N * n + 2 * N + 1, n * (N - 1) + N - 1) == reverse


def test_the_nonzeros_are_those_of_the_jacobian():
    rng = np.random.default_rng(5)
    for _ in range(20):
        index = rng.integers(0, 12, (9, 3))
        f = lambda x, index=index: np.sum(np.sin(x[index]), axis=1) * x[:9]  # noqa: E731
        request = Request("compare", f, (rng.normal(size=12),), 0, None, False, "numerator", False)
        tape = Tape(request)
        found = costs.structured_work(tape.order, tape.inputs)
        assert np.count_nonzero(dm.jacobian_fwd(f, request.args[0])) == found.nonzeros


def test_what_every_path_passes():
    def shapes(f, x):
        tape = Tape(Request("compare", f, (x,), 0, None, False, "numerator", False))
        return [node.shape for node in cuts_of(tape.order, tape.inputs)]

    assert [(8,), (8,), ()] == shapes(lambda x: np.sum(np.sin(np.cos(x))), X)
    assert [(8,), (8,)] == shapes(lambda x: (lambda u: u * np.sin(u))(np.cos(x)), X)
    assert [(8,)] == shapes(lambda x: np.cos(np.sin(x)) + x, X)


def test_the_tape_counts_an_array_once():
    """sin keeps its input and its output, the product both factors: x, u and the product's own."""
    x = np.linspace(1.0, 2.0, 100)
    tape = Tape(
        Request("compare", lambda x: np.sin(x) * x, (x,), 0, None, False, "numerator", False)
    )
    assert 2 * x.nbytes == costs.tape_bytes(tape.order)


# --- compare -------------------------------------------------------------------------------------


def test_compare_multiplies_by_inputs_and_outputs():
    f = lambda x: np.sin(x[:4]) * np.exp(x[4:])  # noqa: E731
    found = dm.compare(f, X, seconds=0.05)
    one = (16, 4), (16, 0)  # 4 sin, 4 exp, 8 partials of the product; 4 sums of two terms
    assert (8, 4) == (found.n, found.m)
    column, chunk, structured, reverse, differences = found.modes
    assert (8 * one[0][0], 8 * one[0][1]) == (column.multiplications, column.additions)
    assert (8 * one[0][0], 8 * one[0][1]) == (chunk.multiplications, chunk.additions)
    assert (4 * one[1][0], 4 * one[1][1]) == (reverse.multiplications, reverse.additions)
    assert (16, 0) == (structured.multiplications, structured.additions)
    assert (8, 1, 1, 1, 9) == tuple(mode.passes for mode in found.modes)
    assert differences.multiplications is None
    assert all(mode.difference < 1e-14 for mode in found.modes[:4])
    assert 1e-12 < differences.difference < 1e-5


def test_compare_writes_the_chain_rule_in_both_orders():
    A, B = np.ones((5, 7)), np.ones((2, 5))
    found = dm.compare(lambda x: B @ np.tanh(A @ x), np.zeros(7), seconds=0.05)
    assert ["du1/dx", "du2/du1", "dy/du2"] == [factor.name for factor in found.factors]
    assert [(5, 7), (5, 5), (2, 5)] == [(f.rows, f.columns) for f in found.factors]
    assert [35, 5, 10] == [factor.nonzeros for factor in found.factors]
    # From x: a diagonal times 5 x 7, then 2 x 5 times 5 x 7.  From y: 2 x 5 times both.
    assert [0, 5 * 7, 10 * 7] == [factor.forward for factor in found.factors]
    assert [2 * 35, 2 * 5, 0] == [factor.reverse for factor in found.factors]
    text = str(found)
    assert "forward, from x to y:  dy/dx = du1/dx du2/du1 dy/du2" in text
    assert "reverse, from y to x:  dy/dx = dy/du2 du2/du1 du1/dx" in text
    assert "<table>" in found._repr_html_()


@pytest.fixture
def timed(monkeypatch):
    """Give the modes that `compare` measures these seconds: `timed(forward=..., reverse=...)`."""
    module = sys.modules["dualmc.counting.compared"]
    measured_modes = module.measured_modes

    def timed(**seconds):
        def modes(*args):
            *before, forward, reverse, differences = measured_modes(*args)
            assert (forward.call, reverse.call) == ("jacobian_fwd(f, x)", "jacobian_rev(f, x)")
            forward = dataclasses.replace(forward, seconds=seconds["forward"])
            reverse = dataclasses.replace(reverse, seconds=seconds["reverse"])
            return (*before, forward, reverse, differences)

        monkeypatch.setattr(module, "measured_modes", modes)

    return timed


@pytest.mark.parametrize(
    ("forward", "reverse", "measured", "advice"),
    [
        (3.0, 1.0, "reverse", "Use reverse mode, gradient or jacobian_rev: 3 times faster"),
        (1.0, 5.0, "forward", "Use forward mode, jacobian_fwd: 5 times faster"),
        (1.0, 1.1, "either", "Use either: jacobian_fwd and jacobian_rev take about the same"),
    ],
)
def test_compare_advises_what_was_faster(timed, forward, reverse, measured, advice):
    timed(forward=forward, reverse=reverse)
    W = np.ones((600, 600))
    rosenbrock = lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)  # noqa: E731
    found = dm.compare(lambda x: rosenbrock(np.tanh(W @ x)), np.ones(600), seconds=0.01)
    assert (found.predicted, found.measured) == ("reverse", measured)
    assert found.advice.startswith(advice)
    assert ("The counts alone would say reverse" in found.advice) == (measured == "forward")


def test_compare_predicts_forward_mode_for_a_stencil():
    stencil = lambda u: u[1:-1] * (u[2:] - u[:-2])  # noqa: E731
    local = dm.compare(stencil, np.linspace(0.0, 1.0, 1500), seconds=0.2)
    assert local.predicted == "forward"
    assert any(mode.is_extrapolated for mode in local.modes) or "~" not in str(local)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dm.compare(3.0, X), TypeError, "compare needs a function"),
        (lambda: dm.compare(np.sin), TypeError, "compare needs the point of evaluation"),
        (lambda: dm.compare(np.sin, X, seconds=0), ValueError, "seconds must be a positive number"),
        (lambda: dm.compare(np.floor, X), ValueError, "does not depend on its 8 inputs"),
        (lambda: dm.compare(lambda x: 1j * x, X), TypeError, "needs f to return real numbers"),
        (
            lambda: dm.jacobian_fwd(lambda x: dm.compare(np.sin, x) and x, X),
            TypeError,
            "compare measures at plain numbers",
        ),
    ],
)
def test_compare_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_empty_intermediates_are_counted():
    f = lambda x: np.zeros((3, 0)) @ x[:0] + x[0]  # noqa: E731
    assert (0, 2) == counted(f, np.ones(2))[1]  # three contributions to x[0]
    assert (2, 3) == (dm.compare(f, np.ones(2), seconds=0.05).n, 3)


def test_compare_shows_a_difference_that_is_not_finite():
    """At an infinite derivative finite differences are wrong, whatever the scale."""
    found = dm.compare(lambda x: np.sqrt(x) + 3 * x, np.array([0.0, 1.0]), seconds=0.02)
    differences = {mode.name: mode.difference for mode in found.modes}
    assert differences.pop("finite differences") == np.inf
    assert set(differences.values()) == {0.0}


def test_a_comparison_is_named_in_a_line():
    found = dm.compare(np.sin, np.ones(3), seconds=0.02)
    assert repr(found).startswith("<Comparison of sin: 3 inputs, 3 outputs; predicted ")
    assert "\n" not in repr(found) and "\n" in str(found)


def test_every_kind_of_step_is_counted():
    """A step of the tape that no kind names would stop `compare` at functions that take it."""
    pullbacks = set()
    for module in [m for name, m in sys.modules.items() if name.startswith("dualmc.")]:
        for name, function in vars(module).items():
            if name.startswith("pull_") and callable(function):
                pullbacks.add(function)
    assert len(pullbacks) > 20
    assert pullbacks <= set(kinds.KINDS)


def test_chosen_elements():
    """Reverse mode adds where an element receives more than one cotangent: 3 of 8 are chosen."""
    c = np.arange(8) % 3 == 0
    # Every x receives one of x[::-1], and the 5 that c leaves one more.
    assert [(0, 0), (0, 5), (0, 0)] == counted(lambda x: np.where(c, x[::-1], x), X)
    # x[0] receives 5, which takes 4 additions, and is one of x[::-1] too.
    assert [(0, 0), (0, 5), (0, 0)] == counted(lambda x: np.where(c, x[::-1], x[0]), X)
    assert [(0, 0), (0, 0), (0, 0)] == counted(lambda x: np.where(c, x[::-1], 3.0), X)
    found = dm.compare(lambda x: np.where(c, x[::-1], x), X, seconds=0.01)
    assert "8 of 64 entries not zero" in str(found)


def test_a_function_with_a_vjp_of_its_own_is_counted_as_its_matrix():
    @dm.custom_jvp
    def f(x):
        return np.asarray(x)[:2] * np.asarray(x)[2:4]

    @f.def_vjp
    def f_vjp(primals, bar):
        (x,) = primals
        return (np.concatenate([bar * x[2:4], bar * x[:2], np.zeros(4)]),)

    # All 2 x 8 partials times x_dot; times the two cotangents; times the 8 entries of dx/dx.
    assert [(16, 14), (16, 8), (16, 0)] == counted(f, X)


def test_transposed_elements_are_where_they_came_from():
    """The structured pass of ``x.reshape(2, 3, 4).transpose(2, 0, 1)`` finds J, a permutation."""
    x = np.arange(1.0, 25.0)
    f = lambda x: x.reshape(2, 3, 4).transpose(2, 0, 1).reshape(-1)  # noqa: E731
    request = Request("compare", f, (x,), 0, None, False, "numerator", False)
    tape = Tape(request)
    order = np.arange(24)
    for node in tape.order:
        if node.pull:
            (places,) = sources(node)
            order = order[places]
    assert np.array_equal(f(x) - 1, order)
