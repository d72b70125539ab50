"""The pieces of a replay: operations, formulas and sums of machine code are those of NumPy."""

import numpy as np
import pytest

import dualmc as dm
from dualmc.replay.arithmetic import scalars
from dualmc.replay.arithmetic.arrays import constant, each, given, reduced, routed, strong
from dualmc.replay.machine import native
from dualmc.replay.machine.schedule import Memory, plan


def run(array, *inputs):
    """The numbers of an array of the replayed program at `inputs`."""
    memory = Memory(array.size, "out")
    out = np.zeros(array.size)
    made = plan([(array, memory, np.arange(array.size), "set")])
    code = native.coded(made, {}, len(inputs))
    which, index = array.wires()
    for number, leaf in enumerate(array.leaves):
        if leaf.kind == "const":
            out[which == number] = leaf.data[index[which == number]]
    code.run(*map(np.ascontiguousarray, inputs), code.work.copy(), out)
    return out.reshape(array.shape)


VALUES = np.array([-2.5, -1.0, -0.3, -0.0, 0.0, 0.4, 1.0, 1.7, 3.0, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("name", [n for n, s in scalars.SCALARS.items() if s.takes == "f"])
def test_operation_of_one_number(name):
    with np.errstate(all="ignore"):
        expected = scalars.SCALARS[name].numpy(VALUES)
        actual = run(each(name, given(0, VALUES.shape)), VALUES)
    np.testing.assert_allclose(actual, np.asarray(expected, float), rtol=4e-16, atol=0)


@pytest.mark.parametrize("name", [n for n, s in scalars.SCALARS.items() if s.takes == "ff"])
def test_operation_of_two_numbers(name):
    a, b = (np.ascontiguousarray(m).ravel() for m in np.meshgrid(VALUES, VALUES))
    with np.errstate(all="ignore"):
        expected = scalars.SCALARS[name].numpy(a, b)
        actual = run(each(name, given(0, a.shape), given(1, a.shape)), a, b)
    np.testing.assert_allclose(actual, np.asarray(expected, float), rtol=4e-16, atol=0)


@pytest.mark.parametrize(
    "ufunc", [u for u, form in scalars.UFUNCS.items() if callable(form)], ids=lambda u: u.__name__
)
def test_formula_of_a_ufunc(ufunc):
    a, b = (np.ascontiguousarray(m).ravel() for m in np.meshgrid(VALUES, VALUES))
    with np.errstate(all="ignore"):
        if ufunc.nin == 1:
            expected, formula = ufunc(a), ufunc(given(0, a.shape))
        else:
            expected, formula = ufunc(a, b), ufunc(given(0, a.shape), given(1, a.shape))
        actual = run(formula, *(a, b)[: ufunc.nin])
    np.testing.assert_allclose(actual, expected, rtol=2e-15, atol=0)


def test_wiring_is_composed_and_constants_are_folded():
    x = given(0, (4,))
    doubled = each("multiply", x, 2.0)
    moved = routed([doubled, constant([5.0])], np.array([3, 4, 0, -1]), (4,), [0, 0, 0, 9.0])
    again = routed([moved], np.array([1, 3, 0, 0]), (2, 2))
    np.testing.assert_array_equal(run(again, np.arange(4.0)), [[5.0, 9.0], [6.0, 6.0]])
    assert each("add", constant([1.0, 2.0]), 3.0).const.tolist() == [4.0, 5.0]
    assert strong("multiply", x, 0.0).const.tolist() == [0.0] * 4
    assert strong("add", x, 0.0).leaves == x.leaves
    values = np.array([-0.0, np.inf, 1.0, np.nan])  # which are not what a tangent would be
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(run(each("multiply", x, 0.0), values), values * 0.0)
    assert not np.signbit(run(each("add", x, 0.0), values))[0]
    assert each("multiply", x, 1.0).leaves == x.leaves
    assert each("negative", each("negative", x)).leaves == x.leaves


def test_sums_start_from_their_constants_at_every_run():
    x = given(0, (3,))
    both = routed([each("exp", x), constant([10.0])], np.array([0, 1, 2, 3]), (4,))
    total = reduced("add", [(both, np.array([0, 0, 1, 0]))], 2)
    for _ in range(2):
        expected = [np.exp(0.0) + np.exp(1.0) + 10.0, np.exp(2.0)]
        np.testing.assert_allclose(run(total, np.arange(3.0)), expected, rtol=1e-15)


def test_a_number_to_the_power_of_equal_exponents():
    prepared = dm.prepare(lambda x: x ** np.array([2.0, 2.0, 2.0]), 3.0)
    assert prepared.reason is None
    np.testing.assert_allclose(prepared(5.0), [10.0, 10.0, 10.0], rtol=1e-15)
