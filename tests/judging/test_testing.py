"""`dualmc.testing`: right derivatives pass, and what is wrong with others is said."""

import copy

import numpy as np
import pytest
from expecting import raises_literally as raises

import dualmc as dm
from dualmc.testing import assert_gradient, assert_hessian, assert_jacobian

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]])
X = np.array([0.5, -1.0, 2.0])


def linear(x):
    return A @ x


def squares(x):
    return x**2


def quartic(x):
    return np.sum(x**4)


# --- What passes ---------------------------------------------------------------------------------


def test_right_ones_pass():
    assert assert_jacobian(linear, A, X) is None
    assert_jacobian(linear, A.tolist(), X)
    assert_jacobian(squares, lambda x: np.diag(2 * x), X)
    assert_jacobian(squares, lambda x: np.diag(2 * x), [1, 2])  # both get arrays
    assert_jacobian(np.sin, np.cos, 0.3)
    assert_gradient(quartic, lambda x: 4 * x**3, X)
    assert_hessian(quartic, lambda x: np.diag(12 * x**2), X)
    both = lambda a, b: (np.diag(b), np.diag(a))  # noqa: E731
    assert_jacobian(lambda a, b: a * b, both, X, 2 * X, argnums=(0, 1))
    assert_jacobian(lambda a, b: a * b, lambda a, b: np.diag(a), X, 2 * X, argnums=1)


def test_structures():
    def f(p):
        return {"scaled": 2 * p["v"], "energy": p["v"] @ p["v"] * p["k"]}

    def jac(p):
        v, k = p["v"], p["k"]
        return {
            "scaled": {"v": 2 * np.eye(2), "k": np.zeros(2)},
            "energy": {"v": 2 * v * k, "k": v @ v},
        }

    p = {"v": np.array([1.0, 3.0]), "k": 0.5}
    assert_jacobian(f, jac, p)
    wrong = jac(p)
    wrong["energy"]["v"] = np.array([1.0, 4.0])
    with raises(AssertionError, "J['energy']['v'][1]    4      3"):
        assert_jacobian(f, wrong, p)
    del wrong["energy"]["k"]
    with raises(ValueError, "assert_jacobian: jac['energy'] must be structured as"):
        assert_jacobian(f, wrong, p)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_equals_itself_alone(value):
    def f(x):  # the derivative is inf at 0, and that of the second is NaN
        with np.errstate(invalid="ignore"):
            return np.stack([np.sqrt(x[0]), np.sqrt(x[0]) - np.sqrt(x[0]), x[1]])

    exact = dm.jacobian_fwd(f, [0.0, 1.0])
    assert np.isinf(exact[0, 0]) and np.isnan(exact[1, 0])
    assert_jacobian(f, exact.copy(), [0.0, 1.0])
    for i, j in np.ndindex(exact.shape):
        wrong = exact.copy()
        wrong[i, j] = value if not np.array_equal(value, exact[i, j], equal_nan=True) else 1.0
        with raises(AssertionError, "1 of 6 entries differs"):
            assert_jacobian(f, wrong, [0.0, 1.0], rtol=1e300, atol=1e300)
        with raises(AssertionError, "1 of 6 entries differs"):
            assert_jacobian(f, wrong, [0.0, 1.0], rtol=np.inf, atol=np.inf)


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "dia"])
def test_sparse(name):
    sparse = pytest.importorskip("scipy.sparse")
    n = 200_000  # dense, it would take 320 GB
    x = np.linspace(1.0, 2.0, n)
    right = sparse.diags_array(2 * x).asformat(name)
    assert_jacobian(squares, right, x)
    assert_hessian(quartic, sparse.diags_array(12 * x**2).asformat(name), x)
    extra = (right + sparse.coo_array(([5.0], ([7], [3])), (n, n))).asformat(name)
    with raises(AssertionError, "d y[7] / d x[3]    5      0"):
        assert_jacobian(squares, extra, x)
    values = 2 * x
    values[11] = 0  # missing
    with raises(AssertionError, "d y[11] / d x[11]    0"):
        assert_jacobian(squares, sparse.diags_array(values).asformat(name), x)
    values[11] = np.nan
    with raises(AssertionError, "d y[11] / d x[11]  nan"):
        assert_jacobian(squares, sparse.diags_array(values).asformat(name), x)


def test_sparse_duplicates_add_up():
    sparse = pytest.importorskip("scipy.sparse")
    twice = sparse.coo_array(([0.5, 0.5, 1.0], ([0, 0, 1], [0, 0, 1])), (2, 2))
    assert_jacobian(lambda x: x, twice, [3.0, 4.0])


def test_dense_beside_sparse():
    sparse = pytest.importorskip("scipy.sparse")
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    pair = (sparse.diags_array(b), np.diag(a))
    assert_jacobian(lambda a, b: a * b, pair, a, b, argnums=(0, 1))
    pair[1][0, 0] = 9.0
    with raises(AssertionError, "d y[0] / d b[0]    9      1"):
        assert_jacobian(lambda a, b: a * b, pair, a, b, argnums=(0, 1))


def test_tolerances():
    near = A * (1 + 1e-9)
    assert_jacobian(linear, near, X)
    with raises(AssertionError, "9 of 9 entries differ by more than rtol=1e-12, atol=0"):
        assert_jacobian(linear, near, X, rtol=1e-12)
    assert_jacobian(linear, near, X, rtol=0, atol=1e-7)
    assert_jacobian(squares, lambda x: np.diag(2 * x) * (1 + 1e-5), X.astype(np.float32))
    with pytest.raises(AssertionError, match="rtol=1.5e-08"):
        assert_jacobian(squares, lambda x: np.diag(2 * x) * (1 + 1e-5), X)
    # Half precision: differences do not overflow.
    big = np.array([6e4, 1.0], np.float16)
    with pytest.raises(AssertionError, match="1 of 4"):
        assert_jacobian(lambda x: big * x, np.diag([-6e4, 1.0]), np.ones(2, np.float16))


# --- What is said --------------------------------------------------------------------------------


def test_the_worst_come_first_and_the_rest_is_counted():
    wrong = np.diag(2 * np.arange(100.0))
    wrong[7, 7] += 1e-3
    wrong[40, 2] = -5.0
    with pytest.raises(AssertionError) as raised:
        assert_jacobian(squares, wrong, np.arange(100.0))
    lines = str(raised.value).splitlines()
    assert lines[:2] == [
        "jac is not the Jacobian of squares",
        "2 of 10,000 entries differ by more than rtol=1.5e-08, atol=0",
    ]
    assert lines[5].split()[:5] == ["d", "y[40]", "/", "d", "x[2]"]
    assert lines[6].split()[:7] == ["d", "y[7]", "/", "d", "x[7]", "14.001", "14"]
    with pytest.raises(AssertionError, match=r"\.\.\. and 92 more"):
        assert_jacobian(squares, np.eye(100), np.linspace(3.0, 4.0, 100))


def test_a_small_column_that_is_wrong_outranks_rounding_of_a_large_one():
    def f(x):
        return np.stack([1e4 * x[0] * x[1], 1e-4 * x[1]])

    wrong = np.array([[1e4 * (1 + 1e-7), 1e4], [0.0, 2e-4]])
    with pytest.raises(AssertionError, match=r"(?s)d y\[1\] / d x\[1\].*d y\[0\] / d x\[0\]"):
        assert_jacobian(f, wrong, [1.0, 1.0])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (A.T, "It is the transpose: the Jacobian has a row for each output"),
        (-A, "It is -1 times the exact one."),
        (2 * A, "It is 2 times the exact one."),
        (0 * A, "It is 0 everywhere."),
        (A + 1, None),
    ],
)
def test_what_is_likely(wrong, said):
    with pytest.raises(AssertionError) as raised:
        assert_jacobian(linear, wrong, X)
    if said is None:
        assert str(raised.value).count("\n\n") == 1
    else:
        assert said in str(raised.value)


def test_shapes():
    two = lambda x: A[:2] @ x  # noqa: E731
    with raises(AssertionError, "jac has shape (3, 2), not (2, 3): y.shape + x.shape = (2,) + (3,)"
                ".\nIt is the transpose"):  # fmt: skip
        assert_jacobian(two, A[:2].T, X)
    with raises(AssertionError, "That is the shape of the transpose"):
        assert_jacobian(two, np.ones((3, 2)), X)
    with raises(AssertionError, "Its numbers are right: give it with .reshape((3,))."):
        assert_gradient(quartic, (4 * X**3)[None], X)
    with raises(AssertionError, "jac has shape (2,), not (2, 3)"):
        assert_jacobian(two, np.ones(2), X)
    image = np.ones((2, 2))
    with raises(AssertionError, "d y[0, 1] / d X[1, 0]    0      1"):
        assert_jacobian(lambda X: X.T, np.eye(4).reshape(2, 2, 2, 2), image)


def test_a_matrix_of_sparse_entries_that_is_the_transpose():
    sparse = pytest.importorskip("scipy.sparse")
    with raises(AssertionError, "It is the transpose"):
        assert_jacobian(lambda x: A[:2] @ x, sparse.csr_array(A[:2].T), X)


def test_rounding_is_named():
    with raises(AssertionError, "That is rounding of larger entries; atol=1e-07 would allow"):
        assert_jacobian(
            lambda x: np.stack([1e10 * x[0], 0 * x[1]]), [[1e10, 0], [0, 5e-8]], [1.0, 1.0]
        )


def test_conventions_are_named():
    def f(x):
        return np.sum(np.abs(x))

    assert_gradient(f, [0.0, 1.0], [0.0, 3.0])
    with raises(AssertionError, "A convention decides here") as raised:
        assert_gradient(f, [1.0, 1.0], [0.0, 3.0])
    assert "numpy.absolute is at a kink in 1 element" in str(raised.value)
    assert "return np.sum(np.abs(x))" in str(raised.value)
    with pytest.raises(AssertionError) as raised:
        assert_gradient(f, [1.0, 1.0], [2.0, -3.0])
    assert "convention" not in str(raised.value)


def test_second_derivatives_are_named():
    with raises(AssertionError, "d2 y / d a[0] d b     1      2"):
        assert_hessian(
            lambda a, b: a[0] ** 2 * b,
            ((np.array([[6.0]]), np.array([1.0])), (np.array([2.0]), np.array(0.0))),
            np.array([1.0]),
            3.0,
            argnums=(0, 1),
        )


# --- Arguments -----------------------------------------------------------------------------------


def test_f_and_jac_get_copies():
    def spoils(x, table):
        y = table["t"] * x
        table["t"] += 1
        return y

    def jac(x, table):
        x += 100
        t = table["t"]
        table["t"] = None
        return t * np.eye(2)

    x, table = np.ones(2), {"t": 3.0}
    before = copy.deepcopy((x, table))
    assert_jacobian(spoils, jac, x, table)
    np.testing.assert_array_equal(x, before[0])
    assert table == before[1]


@pytest.mark.parametrize(
    ("jac", "error", "sentence"),
    [
        (lambda x: None, TypeError, "array of numbers; got None. Did it forget its return"),
        (lambda x: "abc", TypeError, "array of numbers; got dtype <U3"),
        (lambda x: [[1.0], [1.0, 2.0]], ValueError, "assert_jacobian: jac is not a regular array"),
        (np.ma.masked_array(A, A > 5), TypeError, "assert_jacobian: jac has masked entries"),
        (np.array([[object()]]), TypeError, "array of numbers; got dtype object"),
    ],
)
def test_what_is_no_jacobian(jac, error, sentence):
    with raises(error, sentence):
        assert_jacobian(linear, jac, X)


@pytest.mark.parametrize("judge", [assert_jacobian, assert_gradient, assert_hessian])
def test_arguments_that_do_not_suit(judge):
    name = judge.__name__
    with raises(TypeError, f"{name} needs a function as its first argument, got int."):
        judge(3, A, X)
    with raises(TypeError, f"{name} needs the point of evaluation"):
        judge(quartic, A)
    with raises(TypeError, f"{name} needs x to be a float, a list or an array of floats; got str"):
        judge(quartic, A, "a")
    with raises(TypeError, f"{name}: rtol must be a number, got rtol='a'."):
        judge(quartic, A, X, rtol="a")
    with raises(ValueError, f"{name}: atol must not be negative, got atol=nan."):
        judge(quartic, A, X, atol=np.nan)
    with raises(ValueError, f"{name}: argnums=3 is out of range"):
        judge(quartic, A, X, argnums=3)
    with raises(TypeError, f"{name} needs plain numbers; call it outside of other calls."):
        dm.gradient(lambda x: judge(quartic, A, x) or quartic(x), X)


def test_errors_of_the_functions_pass_through():
    def broken(x):
        raise RuntimeError("no formula yet")

    with raises(RuntimeError, "no formula yet"):
        assert_jacobian(linear, broken, X)
    with raises(AssertionError, "mine"):

        def asserts(x):
            raise AssertionError("mine")

        assert_jacobian(asserts, A, X)


def test_gradients_are_arrays():
    sparse = pytest.importorskip("scipy.sparse")
    with raises(TypeError, "grad is sparse, but a gradient is compared as an array"):
        assert_gradient(quartic, sparse.csr_array(X[None]), X)


def test_nothing_is_printed_of_dualmc_by_pytest():
    """The frames between the test and the message are hidden, as numpy.testing's are."""
    with pytest.raises(AssertionError) as raised:
        assert_jacobian(linear, -A, X)
    files = {str(entry.path) for entry in raised.traceback if not entry.ishidden(raised)}
    assert not [file for file in files if "dualmc" in file.rpartition("tests")[2]]
