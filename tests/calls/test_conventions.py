"""Every awkward point has the derivative that its row says, in every mode and nesting."""

import csv
import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conventions import ROWS, SECOND, TABLE, compiled
from oracles import among_dummies

import dualmc as dm

ROOT = Path(__file__).parents[2]
DUMMIES = 40
ERRORS = {"TangentLostError": dm.TangentLostError, "LinAlgError": np.linalg.LinAlgError}
# NaN, not 0, in reverse mode within reverse mode.
LOST_ON_THE_TAPE = (
    "np.where(x > 0, x * np.log(x), 0)",
    "np.maximum(np.sqrt(x), 1)",
    "np.maximum(np.sqrt(x), x + 1)",
    "np.minimum(1, 1 / x)",
    "np.fmax(np.log(x), -5)",
    "np.clip(np.log(x), -5, 5)",
    "np.sqrt(np.maximum(x, 0))",
    "np.sqrt(np.clip(x, 0, 1))",
    "np.heaviside(x, 1 / (x - 1))",
)
# The points lie where functions and their values are not finite.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

MODES = {
    "forward": dm.jacobian_fwd,
    "forward by columns": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "forward sparse": lambda f, x: dense(dm.jacobian_fwd(f, x, sparse=True)),
    "reverse": dm.jacobian_rev,
    "reverse by rows": lambda f, x: dm.jacobian_rev(f, x, chunk_size=1),
    "reverse sparse": lambda f, x: dense(dm.jacobian_rev(f, x, sparse=True)),
}
every_mode = pytest.mark.parametrize("mode", MODES)
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def rows(condition):
    chosen = [row for row in ROWS if condition(row)]
    return pytest.mark.parametrize("row", chosen, ids=lambda row: row.name)


every_derivative = rows(lambda row: row.raises is None)
every_second = pytest.mark.parametrize(
    "row",
    [row for row in ROWS + SECOND if row.second is not None],
    ids=lambda row: row.name,
)


def dense(J):
    return J.toarray()


def number(row):
    return np.asarray(row.x)


def expected(row, mode):
    J = row.J if row.reverse is None or not mode.startswith("reverse") else row.reverse
    return np.asarray(J, float)


def assert_equal(expected, actual, rtol=1e-14):
    """Equal but for rounding; NaN, infinities and zeros exactly."""
    actual = np.reshape(actual, expected.shape)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol, equal_nan=True)


def test_rows_differ():
    assert len({row.name for row in ROWS}) == len(ROWS) > 150
    assert all(TABLE.values())


@pytest.mark.table
@every_mode
@every_derivative
def test_jacobian(row, mode):
    x = number(row)
    before = x.copy()
    J = MODES[mode](compiled(row.code), x)
    if "sparse" not in mode:
        assert np.shape(J) == expected(row, mode).shape
    assert_equal(expected(row, mode), J)
    assert np.array_equal(before, x, equal_nan=True)


@pytest.mark.table
@every_mode
@every_derivative
def test_among_other_inputs(row, mode):
    """Beside inputs that have no influence, where the structure is carried in another form."""
    x = number(row)
    if x.dtype.kind != "f":
        pytest.skip("among floats, integers are floats")
    J = expected(row, mode)
    f, z = among_dummies(compiled(row.code), x, DUMMIES)
    found = np.reshape(MODES[mode](f, z), (-1, z.size))
    assert_equal(J, found[:, : x.size])
    assert not found[:, x.size :].any()


@rows(lambda row: row.raises is not None)
@every_mode
def test_error(row, mode):
    with pytest.raises(ERRORS[row.raises]):
        MODES[mode](compiled(row.code), number(row))


@pytest.mark.table
@every_derivative
def test_columns_by_jvp(row):
    x = number(row)
    J = expected(row, "forward")
    f = compiled(row.code)
    columns = [dm.jvp(f, x, e.reshape(x.shape))[1] for e in np.eye(x.size)]
    if columns:
        assert_equal(J, np.stack(columns, axis=-1))


@pytest.mark.table
@every_derivative
def test_rows_by_vjp(row):
    J = expected(row, "reverse")
    y, pullback = dm.vjp(compiled(row.code), number(row))
    for i in np.ndindex(np.shape(y)):
        y_bar = np.zeros(np.shape(y))
        y_bar[i] = 1.0
        assert_equal(J[i], pullback(y_bar))


@pytest.mark.table
@every_derivative
def test_jacobian_of_what_jvp_returns(row):
    """The primal that leaves an inner level carries the derivative of the outer one."""
    x = number(row)
    f = compiled(row.code)
    J = dm.jacobian_fwd(lambda x: dm.jvp(f, x, np.ones(x.shape))[0], x)
    assert_equal(expected(row, "forward"), J)


@pytest.mark.table
@pytest.mark.parametrize("outer", [dm.value_and_jacobian_fwd, dm.value_and_jacobian_rev])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@every_derivative
def test_inside_another_derivative(row, mode, outer):
    """The Jacobian by x, while an outer level differentiates by s, which only passes through."""
    if row.code == "np.sqrt(x) ** 2":
        pytest.skip("within another derivative the square of a root is what it is the root of")
    if outer is dm.value_and_jacobian_rev:
        if row.reverse is not None:
            pytest.skip("what is 0 times inf is NaN once an outer tape records it")
        if mode == "reverse" and row.code in LOST_ON_THE_TAPE:
            pytest.xfail("the tape does not know that a cotangent it records is always 0")
    x = number(row)
    f = compiled(row.code)
    J = expected(row, mode)
    found, _ = outer(lambda s: 1.0 * MODES[mode](lambda x: f(x + 0.0 * s), x), 2.0)
    assert_equal(J, found)


@pytest.mark.table
@pytest.mark.parametrize("inner", ["forward", "reverse"])
@pytest.mark.parametrize("outer", ["forward", "reverse"])
@every_second
def test_second_derivative(row, outer, inner):
    f = compiled(row.code)
    H = MODES[outer](lambda x: MODES[inner](f, x), number(row))
    assert_equal(np.asarray(row.second, float), H, rtol=1e-13)


@pytest.mark.table
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("row", SECOND, ids=lambda row: row.name)
def test_first_derivative_of_what_is_derived_again(row, mode):
    assert_equal(np.asarray(row.J, float), MODES[mode](compiled(row.code), number(row)))


@pytest.mark.table
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@every_derivative
def test_single_precision(row, mode):
    x = number(row).astype(np.float32)
    f = compiled(row.code)
    J = MODES[mode](f, x)
    y = np.asarray(dm.jvp(f, x, np.zeros(x.shape))[0])
    if y.dtype.kind == "f":
        assert J.dtype == y.dtype
    assert_equal(expected(row, mode), J, rtol=1e-6)


@pytest.mark.parametrize("outer", [dm.value_and_jacobian_fwd, dm.value_and_jacobian_rev])
@pytest.mark.parametrize("x", [-1.0, [-1.0, -2.0]], ids=["number", "vector"])
def test_where_that_takes_no_element_within_a_derivative(x, outer):
    """The gradient of s max(x, 0)^2 / 2 is s max(x, 0): 0 for negative x, whatever s is."""

    def g(s):
        return dm.gradient(lambda x: s * np.sum(np.where(x > 0, x, 0.0) * x) / 2, x)

    y, J = outer(g, 3.0)
    assert np.array_equal(np.zeros(np.shape(x)), y)
    assert np.array_equal(np.zeros(np.shape(x)), J)


def test_the_published_page_is_the_current_one():
    """Its generator needs NumPy and the table only; what it prints is the page."""
    script = ROOT / "bench" / "conventions.py"
    made = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert made.stdout == (ROOT / "docs" / "conventions.md").read_text()


def test_the_recipes_of_the_page():
    done = doctest.testfile(
        str(ROOT / "docs" / "conventions.md"), module_relative=False, encoding="utf-8",
        optionflags=doctest.ELLIPSIS,
    )  # fmt: skip
    assert done.failed == 0
    assert done.attempted >= 18


def test_every_row_was_measured():
    with (ROOT / "docs" / "conventions_peers.csv").open(newline="") as file:
        measured = {row["case"]: row for row in csv.DictReader(file)}
    assert {"version", "date", *(row.name for row in ROWS)} == measured.keys()
    assert all(text for row in measured.values() for text in row.values())
