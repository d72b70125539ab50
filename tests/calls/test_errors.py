"""Every sentence for bad input, by its words; and that the next correct call works."""

import numpy as np
import pytest
from expecting import raises

import dualmc as dm

ONES = np.ones(3)


@pytest.fixture(autouse=True)
def still_works():
    """After each error a correct call gives the right answer."""
    yield
    assert np.array_equal(np.diag([2.0, 4.0]), dm.jacobian_fwd(lambda x: x**2, [1.0, 2.0]))
    many = np.linspace(1.0, 2.0, 30)
    assert np.array_equal(np.diag(2 * many), dm.jacobian_fwd(lambda x: x**2, many))
    assert 2.0 == dm.derivative(lambda x: dm.derivative(lambda y: y**2, x), 3.0)


# --- The point of evaluation ---------------------------------------------------------------------


@pytest.mark.parametrize("x", [np.array([1j, 2.0]), [1j, 2.0], 1j, np.complex64(1)])
def test_complex_x(x):
    with raises(
        TypeError,
        "jacobian_fwd needs a real x; got dtype complex... Differentiate with respect to the real "
        "and imaginary parts, e.g. f(z[0] + 1j * z[1]) with real z.",
    ):
        dm.jacobian_fwd(lambda x: x, x)


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (np.array([1.0, None], dtype=object), "object"),
        (np.array([1.0, 2.0], dtype=object), "object"),
        (np.array(["1.0", "2.0"]), "<U3"),
        (np.array([True, False]), "bool"),
        (True, "bool"),
        ([True, False], "bool"),
        (["a", "b"], "<U1"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64[D]"),
    ],
)
@pytest.mark.parametrize("call", [dm.jacobian_fwd, dm.value_and_jacobian_fwd])
def test_arrays_that_are_not_floats(call, x, dtype):
    with raises(
        TypeError,
        f"{call.__name__} needs x to be an array of floats; got dtype {dtype}. "
        f"Convert it with x.astype(float) if its entries are numbers.",
    ):
        call(lambda x: x, x)


@pytest.mark.parametrize(
    ("x", "kind"),
    [(None, "NoneType"), ("1.0", "str"), (b"1", "bytes"), ({1.0}, "set")],
)
def test_things_that_are_no_arrays(x, kind):
    with raises(
        TypeError, f"jacobian_fwd needs x to be a float, a list or an array of floats; got {kind}."
    ):
        dm.jacobian_fwd(lambda x: x, x)


@pytest.mark.parametrize("x", [object(), lambda: 1.0, iter([1.0])])
def test_arbitrary_objects(x):
    with raises(TypeError, "jacobian_fwd needs x to be"):
        dm.jacobian_fwd(lambda x: x, x)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: np.matrix([[1.0, 2.0]]), "matrix"),
        (lambda: np.ma.masked_array([1.0, 2.0], [True, False]), "MaskedArray"),
    ],
)
def test_matrix_and_masked_arrays(make, kind):
    with raises(
        TypeError,
        f"jacobian_fwd needs x to be a float, a list or a plain array of floats; got {kind}. "
        f"Convert it first, e.g. with numpy.asarray(x).",
    ):
        dm.jacobian_fwd(lambda x: x, make())


def test_sparse_x():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    with raises(TypeError, "jacobian_fwd needs x to be"):
        dm.jacobian_fwd(lambda x: x, scipy_sparse.csr_array(np.eye(2)))


def test_the_argument_is_named():
    with raises(TypeError, "jacobian_fwd needs argument 1 to be an array of floats; got dtype <U1"):
        dm.jacobian_fwd(lambda a, b: b, 1.0, ["a"], argnums=1)
    with raises(TypeError, "derivative needs a real x; got dtype complex128."):
        dm.derivative(np.sin, 1j)
    with raises(TypeError, "jvp needs a real primals[1]; got dtype complex128."):
        dm.jvp(np.add, (1.0, 1j), (1.0, 1.0))
    with raises(TypeError, "jvp needs tangents[0] to be an array of floats; got dtype bool."):
        dm.jvp(np.sin, 1.0, True)


def test_arguments_swapped():
    with raises(TypeError, "jacobian_fwd needs a function as its first argument, got ndarray."):
        dm.jacobian_fwd(ONES, np.sin)


# --- Options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argnums", "error", "sentence"),
    [
        (
            2,
            ValueError,
            "jacobian_fwd: argnums=2 is out of range: f is called with 2 positional arguments, "
            "numbered from 0.",
        ),
        (-3, ValueError, "jacobian_fwd: argnums=-3 is out of range"),
        ((0, 5), ValueError, "jacobian_fwd: argnums=(0, 5) is out of range"),
        (
            1.0,
            TypeError,
            "jacobian_fwd: argnums must be an int or a tuple of ints, got argnums=1.0.",
        ),
        ("x", TypeError, "argnums must be an int or a tuple of ints, got argnums='x'."),
        (None, TypeError, "argnums must be an int or a tuple of ints, got argnums=None."),
        (True, TypeError, "argnums must be an int or a tuple of ints, got argnums=True."),
        ((0, 1.5), TypeError, "argnums must be an int or a tuple of ints, got argnums=(0, 1.5)."),
        ((0, 0), ValueError, "jacobian_fwd: argnums=(0, 0) names an argument twice."),
        ((0, -2), ValueError, "jacobian_fwd: argnums=(0, -2) names an argument twice."),
        ((), ValueError, "jacobian_fwd: argnums must name at least one argument, got ()."),
    ],
)
def test_argnums(argnums, error, sentence):
    with raises(error, sentence):
        dm.jacobian_fwd(lambda a, b: a * b, 1.0, 2.0, argnums=argnums)


def test_argnums_of_one_argument():
    with raises(ValueError, "f is called with 1 positional argument, numbered from 0."):
        dm.jacobian_fwd(np.sin, 1.0, argnums=1)


def test_sparse_inside_another_derivative():
    def f(x):
        return dm.jacobian_fwd(lambda y: x * y, x, sparse=True)

    with raises(
        TypeError,
        "jacobian_fwd: sparse=True cannot hold the Duals of an outer derivative call. Use "
        "sparse=False inside, and sparse=True in the outermost call.",
    ):
        dm.jacobian_fwd(f, ONES)


# --- What f returns ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        ({1.0}, "a set"),
        ("text", "a str"),
        (b"text", "a bytes"),
        (np.sin, "a ufunc"),
        (lambda: 1.0, "a function"),
    ],
)
def test_f_returns_the_wrong_kind(y, kind):
    for name, call in [
        ("jacobian_fwd", lambda f: dm.jacobian_fwd(f, ONES)),
        ("value_and_jacobian_fwd", lambda f: dm.value_and_jacobian_fwd(f, ONES)),
        ("jvp", lambda f: dm.jvp(f, ONES, ONES)),
        ("derivative", lambda f: dm.derivative(f, 1.0)),
    ]:
        with raises(
            TypeError,
            f"{name} needs f to return a number, an array, or a list or tuple of those; "
            f"f returned {kind}.",
        ):
            call(lambda x: y)


def test_f_returns_none():
    def f(x):
        x**2

    with raises(TypeError, "f returned None. Did f forget its return statement?"):
        dm.jacobian_fwd(f, ONES)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.array(["a", "b"]),
        lambda x: ["a", "b"],
        lambda x: np.array([None, 1.0], dtype=object),
        lambda x: [x[0], None],
        lambda x: [x[0], "a"],
        lambda x: [{}, {}],
        lambda x: np.array(["2020-01-01"], dtype="datetime64[D]"),
        lambda x: object(),
    ],
)
def test_f_returns_something_that_is_no_number(f):
    with raises(TypeError, "jacobian_fwd needs f to return "):
        dm.jacobian_fwd(f, ONES)


def test_f_returns_another_shape_in_each_pass():
    sizes = iter([2, 3, 1])
    with raises(
        ValueError,
        "jacobian_fwd calls f once per chunk of columns, and f returned shape (3,) after shape "
        "(2,). f must be a function of its arguments alone.",
    ):
        dm.jacobian_fwd(lambda x: np.ones(next(sizes)) * x[0], ONES, chunk_size=1)


def test_f_raises_its_own_error():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dm.jacobian_fwd(f, ONES)


def test_numpys_own_errors_keep_their_words():
    for f, error in [
        (lambda x: x + np.ones(2), ValueError),
        (lambda x: x @ np.ones(2), ValueError),
        (lambda x: x[7], IndexError),
        (lambda x: x[0, 0], IndexError),
        (lambda x: x.reshape(2, 2), ValueError),
        (lambda x: np.concatenate([x, np.ones((2, 2))]), ValueError),
        (lambda x: np.sum(x, axis=3), np.exceptions.AxisError),
        (lambda x: np.stack([x, x[:2]]), ValueError),
        (lambda x: bool(x), ValueError),
        (lambda x: x.nonexistent, AttributeError),
        (lambda x: len(x[0]), TypeError),
        (lambda x: list(x[0]), TypeError),
        (lambda x: x + "text", (TypeError, np.exceptions.DTypePromotionError)),
        (lambda x: x + None, TypeError),
        (lambda x: np.sin(x, x, x), TypeError),
        (lambda x: np.sum(x, nonexistent=1), TypeError),
    ]:
        with pytest.raises(error):
            f(ONES.copy())
        with pytest.raises(error):
            dm.jacobian_fwd(f, ONES)


# --- jvp and derivative --------------------------------------------------------------------------


def test_jvp_shape_mismatch():
    with raises(ValueError, "jvp: tangents[0] has shape (4,), but primals[0] has shape (3,)."):
        dm.jvp(np.sin, ONES, np.ones(4))
    with raises(ValueError, "jvp: tangents[1] has shape (), but primals[1] has shape (3,)."):
        dm.jvp(np.add, (ONES, ONES), (ONES, 1.0))
    with raises(ValueError, "jvp: tangents[0] has shape (3, 1), but primals[0] has shape (3,)."):
        dm.jvp(np.sin, ONES, np.ones((3, 1)))


def test_jvp_counts():
    with raises(ValueError, "jvp needs one tangent per primal; got 2 primals and 1 tangents."):
        dm.jvp(np.add, (ONES, ONES), (ONES,))
    with raises(ValueError, "jvp needs one tangent per primal; got 0 primals and 0 tangents."):
        dm.jvp(np.sin, (), ())
    with raises(TypeError, "jvp: primals is a tuple, but tangents is not. Give both or neither."):
        dm.jvp(np.sin, (ONES,), ONES)
    with raises(TypeError, "jvp: tangents is a tuple, but primals is not. Give both or neither."):
        dm.jvp(np.sin, ONES, (ONES,))


@pytest.mark.parametrize("x", [np.ones(3), [1.0], np.ones((1, 1)), np.zeros(0)])
def test_derivative_of_a_vector(x):
    with raises(
        ValueError,
        f"derivative needs a scalar x, got shape {np.shape(x)}. Use jacobian_fwd for arrays.",
    ):
        dm.derivative(np.sin, x)


# --- Duals made by hand --------------------------------------------------------------------------


def test_hand_made_dual_shapes():
    with raises(
        ValueError,
        "Dual: tangent has shape (4,); the primal's shape (3,) needs (3,) or (k, *(3,)).",
    ):
        dm.Dual(ONES, np.ones(4))
    with raises(TypeError, "Dual: primal must be an array of floats, got dtype <U1."):
        dm.Dual(["a"], [1.0])
    with raises(TypeError, "Dual: tangent must be an array of floats, got dtype bool."):
        dm.Dual([1.0], [True])


def test_hand_made_duals_with_different_numbers_of_tangents():
    a, b = dm.Dual(ONES, np.ones((2, 3))), dm.Dual(ONES, np.ones((4, 3)))
    with raises(
        ValueError,
        "Duals with different numbers of tangents met: ... Give all hand-made Duals tangents with "
        "the same leading axis.",
    ):
        a + b


def test_pickling_a_dual():
    import pickle

    with raises(TypeError, "A Dual cannot be pickled: it belongs to a derivative call of this"):
        pickle.dumps(dm.Dual(1.0, 1.0))


def test_a_dual_is_not_hashable():
    with raises(TypeError, "unhashable type: 'Dual'"):
        hash(dm.Dual(1.0, 1.0))


def test_viewing_a_dual_as_another_dtype():
    with raises(dm.TangentLostError, "dual.view(dtype) would reinterpret the value"):
        dm.jacobian_fwd(lambda x: x.view(np.int64), ONES)


def test_casting_away_the_imaginary_part_is_refused_as_numpy_does():
    def f(x):
        y = np.zeros_like(x)
        y += 1j * x
        return y

    with pytest.raises(TypeError):
        f(ONES)
    with pytest.raises(TypeError):
        dm.jacobian_fwd(f, ONES)
