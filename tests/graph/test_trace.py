"""The recorded graph: what is recorded, under which names, and what is refused."""

import copy
import math
import pickle

import numpy as np
import pytest
from function_cases import CASES

import dualmc as dm
from dualmc.derivation.chain_rule import Derivation
from dualmc.derivation.trace import names_of_arguments, trace


def names(graph):
    return [node.name for node in graph.nodes]


def functions(graph):
    return [getattr(node.function, "__name__", "") for node in graph.nodes]


# --- Names and nodes -----------------------------------------------------------------------------


def test_one_node_per_operation_in_order():
    graph = trace(lambda x: np.log(np.sin(x**3) ** 2), 1.3)
    assert names(graph) == ["u1", "u2", "u3", "y"]
    assert functions(graph) == ["power", "sin", "square", "log"]
    u1 = 1.3**3
    expected = [u1, math.sin(u1), math.sin(u1) ** 2, math.log(math.sin(u1) ** 2)]
    assert [float(node.value) for node in graph.nodes] == pytest.approx(expected, rel=1e-15)
    assert [node.operands[0].name for node in graph.nodes] == ["x", "u1", "u2", "u3"]


def test_operands_used_twice_have_two_slots():
    graph = trace(lambda x: x * x, 3.0)
    (node,) = graph.nodes
    assert [operand.name for operand in node.operands] == ["x", "x"]


def test_what_does_not_reach_the_output_is_left_out():
    def f(x):
        np.cos(x)
        return np.sin(x)

    assert functions(trace(f, 1.0)) == ["sin"]


def test_a_list_is_one_last_node():
    graph = trace(lambda x: [np.log(x**2), 7.0, np.sin(3 * x)], 1.3)
    assert graph.value.shape == (3,)
    assert functions(graph) == ["square", "log", "multiply", "sin", "stacked"]
    nested = trace(lambda x: [[x[0], 1.0], [x[1], x[0] * x[1]]], [2.0, 3.0])
    np.testing.assert_array_equal(nested.value, [[2.0, 1.0], [3.0, 6.0]])


def test_a_constant_function_has_no_nodes():
    graph = trace(lambda x: 99, 1.0)
    assert graph.nodes == []
    assert graph.value == 99
    assert graph.count_paths() == {graph.inputs[0]: 0}
    assert trace(lambda x: np.floor(x), 1.5).nodes == []


def test_the_identity_is_a_node():
    graph = trace(lambda x: x, [1.0, 2.0])
    assert names(graph) == ["y"]
    np.testing.assert_array_equal(graph.value, [1.0, 2.0])


def test_inputs_are_named_by_the_signature():
    assert [n.name for n in trace(lambda w, x: w @ x, [1.0], [2.0]).inputs] == ["w", "x"]
    assert names_of_arguments(np.sin, 1) == ["x"]
    assert names_of_arguments(lambda *a: a, 2) == ["x1", "x2"]
    assert names_of_arguments(lambda *a: a, 1) == ["x"]
    assert [n.name for n in trace(lambda a: a, 1.0, names=["t"]).inputs] == ["t"]

    class Named:
        names = ("p", "q")

        def __call__(self, *args):
            return args[0] * args[1]

    assert [n.name for n in trace(Named(), 1.0, 2.0).inputs] == ["p", "q"]


def test_functions_of_math_are_steps():
    graph = trace(lambda x: math.sin(x) + math.log(x), 2.0)
    assert [node.function for node in graph.nodes] == [np.sin, np.log, np.add]
    assert abs(graph.value - math.sin(2.0) - math.log(2.0)) < 1e-15


def test_names_do_not_collide():
    graph = trace(lambda y, u1: np.sin(y * u1), 1.0, 2.0)
    assert [n.name for n in graph.inputs] == ["y", "u1"]
    assert names(graph) == ["v1", "f"]


def test_argnums_choose_the_inputs_and_the_rest_is_constant():
    def f(w, b, X):
        return np.sum(X @ w + b)

    X = np.ones((2, 3))
    graph = trace(f, [1.0, 2.0, 3.0], 0.5, X, argnums=(0, 1))
    assert [n.name for n in graph.inputs] == ["w", "b"]
    ((name, kept),) = graph.constants.values()
    assert name == "X"
    np.testing.assert_array_equal(kept, X)
    assert len(trace(f, [1.0, 2.0, 3.0], 0.5, X).inputs) == 3
    assert [n.name for n in trace(f, [1.0, 2.0, 3.0], 0.5, X, argnums=-2).inputs] == ["b"]


def test_arguments_that_are_no_numbers_are_constants():
    graph = trace(lambda x, how, n: x**n if how == "power" else x, 2.0, "power", 3)
    assert [n.name for n in graph.inputs] == ["x", "n"]


def test_the_caller_s_arrays_do_not_change():
    def f(x):
        x[0] = 5.0
        x *= 2
        return x

    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(trace(f, x).value, [10.0, 4.0])
    np.testing.assert_array_equal(x, [1.0, 2.0])


def test_constants_are_as_they_were_when_used():
    def f(x):
        a = np.array([1.0, 2.0])
        y = x * a
        a[:] = 100
        return y + x * a

    graph = trace(f, [1.0, 1.0])
    J = Derivation(graph).jacobian(graph.inputs[0], "forward")
    np.testing.assert_array_equal(J, np.diag([101.0, 102.0]))


def test_the_same_element_is_one_node():
    graph = trace(lambda x: x[0] * x[1] + x[0], [2.0, 3.0])
    assert functions(graph).count("getitem") == 2


# --- Paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, 64, 300])
def test_a_chain_of_doublings_has_two_to_the_n_paths(n):
    def f(x):
        for _ in range(n):
            x = x + x
        return x

    graph = trace(f, 1.0)
    assert graph.count_paths() == {graph.inputs[0]: 2**n}


def test_paths_are_listed_from_x_to_y():
    graph = trace(lambda x: np.sin(x + x**2), 1.3)
    (x,) = graph.inputs
    found = [[node.name for node, _ in path] for path in graph.paths(x)]
    assert sorted(found) == [["u1", "u2", "y"], ["u2", "y"]]
    square = trace(lambda x: x * x, 2.0)
    assert [path[0][1] for path in square.paths(square.inputs[0])] == [0, 1]


def test_lattice_paths_are_binomials():
    # Pascal's triangle: row k, column j has binomial(k, j) paths from the top.
    def f(x):
        row = [x]
        for _ in range(10):
            row = [
                row[0] * 1.0,
                *(a + b for a, b in zip(row, row[1:], strict=False)),
                row[-1] * 1.0,
            ]
        return row[4]

    graph = trace(f, 1.0)
    assert graph.count_paths()[graph.inputs[0]] == math.comb(10, 4)


# --- Plain NumPy code ----------------------------------------------------------------------------


@pytest.mark.table
@pytest.mark.parametrize(
    "case", [c for c in CASES if not c.name.startswith("complex")], ids=lambda c: c.name
)
def test_both_orders_give_the_jacobian_of_every_idiom(case):
    try:
        graph = trace(case.f, case.x.copy())
    except TypeError as error:
        assert "explain needs real intermediates" in str(error)
        return
    plain = case.f(case.x.copy())
    np.testing.assert_allclose(graph.value, np.array(plain, dtype=float), rtol=1e-12)
    derivation = Derivation(graph)
    expected = dm.jacobian_fwd(case.f, case.x.copy())
    for order in ("forward", "reverse"):
        J = derivation.jacobian(graph.inputs[0], order).reshape(expected.shape)
        np.testing.assert_allclose(J, expected, rtol=1e-9, atol=1e-11)


def test_views_follow_the_writes_to_their_array():
    def f(x):
        y = x * 1.0
        row = y[1:]
        y[1] = x[0] * 10
        first = row[0] * 1.0
        row[1] = x[1] * 100
        return [first, y[2], y.reshape(3, 1)[2, 0], y.T[1]]

    np.testing.assert_array_equal(trace(f, [1.0, 2.0, 3.0]).value, [10.0, 200.0, 200.0, 10.0])


def test_a_number_taken_twice_is_no_view():
    def f(x):
        a = x[0]
        b = x[0]
        b += 5.0
        return [a, b, x[0]]

    np.testing.assert_array_equal(trace(f, [1.0, 2.0]).value, [1.0, 6.0, 1.0])


def test_flat_is_a_view_of_any_memory_order():
    def f(x):
        y = x.T * 1.0
        z = y.T
        z.flat[1] = x[1, 1] * 10
        return y

    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(trace(f, x).value, [[1.0, 3.0], [40.0, 4.0]])


def test_augmented_assignment_to_a_part_is_written_once():
    def f(x):
        y = x * 1.0
        y[1:] += x[0]
        return y

    assert functions(trace(f, [1.0, 2.0])).count("written") == 1


def test_a_buffer_of_zeros_takes_values():
    def f(x):
        y = np.zeros_like(x)
        assert float(y[0]) == 0.0
        y[0] = x[1]
        return y

    graph = trace(f, [1.0, 2.0])
    assert functions(graph) == ["getitem", "written"]


def test_read_only_views_refuse_writes():
    def f(x):
        np.broadcast_to(x, (2, 2))[0, 0] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        trace(f, [1.0, 2.0])


def test_ties_are_shared_as_in_the_function_itself():
    graph = trace(lambda x: np.maximum(x[0], x[1]), [2.0, 2.0])
    J = Derivation(graph).jacobian(graph.inputs[0], "reverse")
    np.testing.assert_array_equal(J, [[0.5, 0.5]])


def test_zero_derivatives_stay_zero():
    # 4.5.2 by the sum over paths would be 0 * inf.
    graph = trace(lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0)
    for order in ("forward", "reverse"):
        assert Derivation(graph).jacobian(graph.inputs[0], order) == 0.0


# --- What is refused -----------------------------------------------------------------------------


def _filled(x):
    a = np.zeros(3)
    for i in range(3):
        a[i] = x[i] ** 2 + (a[i - 1] if i else 0.0)
    return a


def _put(x):
    a = np.empty(3)
    np.sin(x, out=a)
    b = np.ones((2, 3))
    np.copyto(b, a * x)
    return b


@pytest.mark.parametrize("f", [_filled, _put])
def test_arrays_that_f_makes_take_values(f):
    """As in every other verb; those from outside are refused, see below."""
    x = np.array([0.5, -1.0, 2.0])
    graph = trace(f, x)
    np.testing.assert_array_equal(graph.output.value, f(x))
    exact = closed_form(f, x)
    for order in ("forward", "reverse"):
        J = Derivation(graph).jacobian(graph.inputs[0], order)
        np.testing.assert_allclose(J, exact, rtol=1e-14)


def closed_form(f, x):
    if f is _filled:
        return np.tril(np.ones((3, 3))) * 2 * x
    row = np.diag(np.cos(x) * x + np.sin(x))
    return np.concatenate([row, row])


OUTSIDE = np.zeros(1)


def _stored(x):
    OUTSIDE[0] = x
    return OUTSIDE


def _out(x):
    np.sin(x, out=OUTSIDE)
    return OUTSIDE


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (complex, TypeError, "real intermediates; astype made a complex one"),
        (_stored, dm.TangentLostError, "stores an array .* in a plain array"),
        (_out, dm.TangentLostError, "cannot write a Traced into a plain array"),
        (lambda x: np.copyto(OUTSIDE, x), dm.TangentLostError, "numpy.copyto cannot store"),
        (lambda x: x.view(np.int64), dm.TangentLostError, "view.dtype."),
        (lambda x: np.nextafter(x, 0.0), dm.MissingRuleError, "numpy.nextafter"),
        (lambda x: np.packbits(np.stack([x])), dm.MissingRuleError, "numpy.packbits"),
        (lambda x: x * 1j, TypeError, "real intermediates; multiply made a complex one"),
        (lambda x: None, TypeError, "f returned None. Did f forget"),
        (lambda x: "no", TypeError, "f returned a str"),
        (lambda x: [x, [x, x]], ValueError, "no common shape"),
        (pickle.dumps, TypeError, "cannot be pickled"),
        (lambda x: dm.derivative(np.sin, x), TypeError, "derivative"),
        (lambda x: len(x), TypeError, "unsized"),
        (lambda x: list(x), TypeError, "0-d"),
    ],
)
def test_errors_inside_f(f, error, message):
    with pytest.raises(error, match=message):
        trace(f, 1.0)


def test_errors_of_the_call():
    with pytest.raises(TypeError, match="needs a function as its first argument"):
        trace(1.0, np.sin)
    with pytest.raises(TypeError, match="the point of evaluation"):
        trace(np.sin)
    with pytest.raises(
        TypeError, match="needs x to be a float, a list or an array of floats; got str"
    ):
        trace(lambda s: 1.0, "text")
    with pytest.raises(ValueError, match="argnums=3 is out of range"):
        trace(np.sin, 1.0, argnums=3)
    with pytest.raises(ValueError, match="one name per argument"):
        trace(np.sin, 1.0, names=["a", "b"])
    with pytest.raises(TypeError, match="real x"):
        trace(np.sin, 1j, argnums=0)


def test_traces_do_not_mix():
    kept = []
    trace(lambda x: kept.append(x) or x, 1.0)
    with pytest.raises(dm.TangentLostError, match="already finished"):
        trace(lambda x: x * np.sin(kept[0]), 1.0)

    def outer(x):
        return trace(lambda t: t * x, 2.0).value

    with pytest.raises(TypeError, match="explain cannot be called inside"):
        trace(outer, 1.0)
    with pytest.raises(TypeError, match="A Dual and a Traced met"):
        dm.derivative(lambda x: trace(lambda t: t * x, 2.0).value, 1.0)


def test_copies_and_formats():
    seen = {}

    def f(x):
        seen["format"] = f"{x:.2f}"
        seen["repr"] = repr(x)
        seen["round"] = round(x, 1)
        y = copy.copy(x) + copy.deepcopy(x)
        return y

    assert float(trace(f, 1.25).value) == 2.5
    assert seen == {"format": "1.25", "repr": "1.25", "round": 1.2}  # x came in as Python's float


def test_twenty_thousand_operations():
    def f(x):
        for i in range(20_000):
            x = np.sin(x) if i % 2 else x * 1.0001
        return x

    graph = trace(f, 0.5)
    assert len(graph.nodes) == 20_000
    assert graph.count_paths()[graph.inputs[0]] == 1
