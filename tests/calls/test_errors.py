"""Every sentence for bad input, by its words; and that the next correct call works."""

import math
import re

import numpy as np
import pytest
from oracles import among_dummies, differences

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


def raises(error, sentence):
    """Matches `sentence` literally, except that ``...`` stands for anything."""
    return pytest.raises(error, match=".*".join(map(re.escape, sentence.split("..."))))


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
    [(None, "NoneType"), ("1.0", "str"), (b"1", "bytes"), ({"a": 1.0}, "dict"), ({1.0}, "set")],
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


def test_ragged_x():
    with raises(ValueError, "jacobian_fwd: x is not a regular array"):
        dm.jacobian_fwd(lambda x: x, [[1.0, 2.0], [3.0]])


def test_the_argument_is_named():
    with raises(TypeError, "jacobian_fwd needs argument 1 to be an array of floats; got dtype <U1"):
        dm.jacobian_fwd(lambda a, b: b, 1.0, ["a"], argnums=1)
    with raises(TypeError, "derivative needs a real x; got dtype complex128."):
        dm.derivative(np.sin, 1j)
    with raises(TypeError, "jvp needs a real primals[1]; got dtype complex128."):
        dm.jvp(np.add, (1.0, 1j), (1.0, 1.0))
    with raises(TypeError, "jvp needs tangents[0] to be an array of floats; got dtype bool."):
        dm.jvp(np.sin, 1.0, True)


@pytest.mark.parametrize("call", [dm.jacobian_fwd, dm.value_and_jacobian_fwd])
def test_no_x(call):
    with raises(
        TypeError,
        f"{call.__name__} needs the point of evaluation: {call.__name__}(f, x).",
    ):
        call(np.sin)


@pytest.mark.parametrize("f", [None, 3.0, "sin", [np.sin], np.ones(3)])
def test_f_not_callable(f):
    for name, call in [
        ("jacobian_fwd", lambda: dm.jacobian_fwd(f, ONES)),
        ("value_and_jacobian_fwd", lambda: dm.value_and_jacobian_fwd(f, ONES)),
        ("jvp", lambda: dm.jvp(f, ONES, ONES)),
        ("derivative", lambda: dm.derivative(f, 1.0)),
    ]:
        with raises(
            TypeError,
            f"{name} needs a function as its first argument, got {type(f).__name__}. "
            f"Call it as {name}(f, x",
        ):
            call()


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


@pytest.mark.parametrize("chunk_size", [0, -1])
def test_chunk_size_not_positive(chunk_size):
    with raises(
        ValueError,
        f"jacobian_fwd: chunk_size must be a positive int, got chunk_size={chunk_size}.",
    ):
        dm.jacobian_fwd(np.sin, ONES, chunk_size=chunk_size)


@pytest.mark.parametrize("chunk_size", [1.5, True, "2", 2.0, (1,)])
def test_chunk_size_not_an_int(chunk_size):
    with raises(
        TypeError,
        f"jacobian_fwd: chunk_size must be a positive int, got chunk_size={chunk_size!r}.",
    ):
        dm.jacobian_fwd(np.sin, ONES, chunk_size=chunk_size)


@pytest.mark.parametrize("layout", ["rows", None, "Numerator", 0])
def test_layout(layout):
    with raises(
        ValueError,
        f'jacobian_fwd: layout must be "numerator" or "denominator", got layout={layout!r}.',
    ):
        dm.jacobian_fwd(np.sin, ONES, layout=layout)


def test_unknown_option():
    with raises(TypeError, "unexpected keyword argument 'chunk'"):
        dm.jacobian_fwd(np.sin, ONES, chunk=2)


@pytest.mark.parametrize(
    ("y", "kind"), [(1.0, "float"), ((1.0, 2.0, 3.0), "tuple"), ([1.0, 2.0], "list")]
)
def test_has_aux_without_a_pair(y, kind):
    for call in (dm.jacobian_fwd, dm.value_and_jacobian_fwd):
        with raises(
            TypeError,
            f"{call.__name__}: with has_aux=True f must return a pair (y, aux); f returned {kind}.",
        ):
            call(lambda x: y, ONES, has_aux=True)


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
        ({"a": 1.0}, "a dict"),
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
    ("f", "kind"),
    [
        (lambda x: [x[:2], x], "list"),
        (lambda x: (x[0], x), "tuple"),
        (lambda x: [[x[0], x[1]], [x[2]]], "list"),
        (lambda x: [[1.0, 2.0], [3.0]], "list"),
        (lambda x: [x, 1.0], "list"),
    ],
)
def test_f_returns_a_ragged_list(f, kind):
    with raises(
        ValueError,
        f"jacobian_fwd needs f to return arrays of one shape; f returned a {kind} that is ragged.",
    ):
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


# --- Derivatives that would be lost --------------------------------------------------------------


def unadapted(f):
    """f as it runs where dualmc cannot adapt it: with NumPy's own functions and those of math."""
    return dm.as_is(lambda *args: f(*args))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: float(x[0]),
        lambda x: math.sin(x[0]),
        lambda x: math.sqrt(x[0]) * x[1],
        lambda x: math.exp(x[0]),
        lambda x: math.hypot(x[0], x[1]),
        lambda x: math.pow(x[0], 2),
        lambda x: math.fsum(x),
        lambda x: f"{float(x[0])}",
    ],
)
def test_float_of_a_dual(f):
    with raises(
        dm.TangentLostError,
        "float(dual) would lose the derivative (also met as math.sin(dual) or as storing a Dual "
        "in a float array). Use the NumPy function on the Dual itself, allocate with "
        "numpy.zeros_like(dual), or build the array with numpy.stack.",
    ):
        dm.jacobian_fwd(unadapted(f), ONES)


def test_complex_of_a_dual():
    for f in (lambda x: complex(x[0]), lambda x: complex(x[0], 1.0) * 2, lambda x: x[0] * 1):
        if f(ONES) == 1:
            continue
        with pytest.raises(dm.TangentLostError):
            dm.jacobian_fwd(f, ONES)
    with raises(
        dm.TangentLostError,
        "complex(dual) would lose the derivative. Multiply by 1j, or use NumPy functions.",
    ):
        dm.jacobian_fwd(lambda x: complex(x[0]), ONES)


def into_zeros(x):
    y = np.zeros(3)
    for i in range(3):
        y[i] = x[i]
    return y


def slice_into_zeros(x):
    y = np.zeros(3)
    y[:] = x * 2
    return y


def slice_of_elements_into_zeros(x):
    y = np.zeros(3)
    y[:2] = [x[0], x[1]]
    return y


def mask_into_zeros(x):
    y = np.zeros(3)
    y[[True, False, True]] = x[:2]
    return y


def into_float32(x):
    y = np.zeros(3, np.float32)
    y[0] = x[0]
    return y


def augmented_zeros(x):
    y = np.zeros(3)
    y += x
    return y


def augmented_element(x):
    y = np.zeros(3)
    y[1] += x[1]
    return y


def out_of_a_ufunc(x):
    y = np.zeros(3)
    np.sin(x, out=y)
    return y


def out_of_a_sum(x):
    y = np.zeros(())
    np.sum(x, out=y)
    return y


def copyto_zeros(x):
    y = np.zeros(3)
    np.copyto(y, x)
    return y


def put_into_zeros(x):
    y = np.zeros(3)
    np.put(y, [0, 1], x[:2])
    return y


def fill_zeros(x):
    y = np.zeros(3)
    y.fill(x[0])
    return y


def add_at_zeros(x):
    y = np.zeros(3)
    np.add.at(y, [0, 1, 1], x)
    return y


def fill_diagonal_zeros(x):
    y = np.zeros((3, 3))
    np.fill_diagonal(y, x)
    return y


def flat_of_zeros(x):
    y = np.zeros(3)
    y.flat[0] = x[0]
    return y


LOSSES = [
    into_zeros,
    slice_into_zeros,
    slice_of_elements_into_zeros,
    mask_into_zeros,
    into_float32,
    augmented_zeros,
    augmented_element,
    out_of_a_ufunc,
    out_of_a_sum,
    copyto_zeros,
    put_into_zeros,
    fill_zeros,
    add_at_zeros,
    fill_diagonal_zeros,
    flat_of_zeros,
]


@pytest.mark.parametrize("f", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("n", [3, 30])
def test_a_dual_stored_in_a_float_array(f, n):
    """Loud, with the cure in the message; never a silent zero."""
    with raises(dm.TangentLostError, "numpy.zeros_like"):
        dm.jacobian_fwd(unadapted(lambda x: f(x[:3])), np.linspace(1.0, 2.0, n))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.asarray(x, dtype=float),
        lambda x: np.array(x, dtype=np.float64),
        lambda x: np.array([x[0], x[1]], dtype=float),
        lambda x: np.asarray([x[0], 1.0], float) * 2,
        lambda x: np.fromiter(x, float),
        lambda x: np.fromiter((v * 2 for v in x), dtype=np.float64),
        lambda x: np.full(3, x[0], dtype=float),
        lambda x: np.array([x[0], x[1]]).astype(float),
        lambda x: np.float64(x[0]),
        lambda x: np.array(x[0], dtype=np.float32),
    ],
)
def test_conversion_to_a_float_array(f):
    with pytest.raises(dm.TangentLostError, match="derivative would be lost|lose the derivative"):
        dm.jacobian_fwd(unadapted(f), ONES)


@pytest.mark.parametrize("f", [into_zeros, lambda x: math.sin(x[0]), lambda x: float(x[0])])
def test_losses_inside_other_calls(f):
    f = unadapted(f)
    with pytest.raises(dm.TangentLostError):
        dm.jvp(f, ONES, ONES)
    with pytest.raises(dm.TangentLostError):
        dm.derivative(lambda t: f(t * ONES), 1.0)
    with pytest.raises(dm.TangentLostError):
        dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x), ONES)


def test_a_constant_may_be_stored_in_a_float_array():
    """What is computed from the shape, the sign or the rounded value carries no derivative."""

    def f(x):
        y = np.zeros(3)
        y[0] = x.size
        y[1] = np.sign(x[1])
        y[2:] = np.floor(x[2:])
        return y * x

    assert np.array_equal(np.diag([3.0, 1.0, 1.0]), dm.jacobian_fwd(f, ONES))


def test_an_integer_array_takes_the_integer_part_as_numpy_does():
    """Truncation is locally constant: no derivative is lost."""

    def f(x):
        y = np.zeros(3, int)
        y[0] = x[0]
        return y * x

    assert np.array_equal(np.diag([2.0, 0.0, 0.0]), dm.jacobian_fwd(f, [2.5, 1.0, 1.0]))


def test_a_leaked_dual():
    kept = []
    dm.jacobian_fwd(lambda x: kept.append(x[0]) or x, ONES)
    with raises(
        dm.TangentLostError,
        "f used a Dual from a derivative call that has already finished. Return values from f; do "
        "not store Duals outside it.",
    ):
        dm.jacobian_fwd(lambda x: x * kept[0], ONES)


# --- Missing rules -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: np.nextafter(x, 2.0), "numpy.nextafter"),
        (lambda x: np.nextafter(np.ones(3), x), "numpy.nextafter"),
        (lambda x: np.histogram2d(x, [1.0, 2.0, 3.0]), "numpy.histogram2d"),
        (lambda x: np.packbits(x), "numpy.packbits"),
    ],
)
def test_missing_rule(f, name):
    with raises(
        dm.MissingRuleError,
        f"dualmc has no derivative rule for {name}. Add one with dualmc.rule({name}, ...) if it "
        f"is a ufunc, wrap the step in @dualmc.custom_jvp, or rewrite it with functions that have "
        f"one.",
    ):
        dm.jacobian_fwd(f, ONES)


# What a derivative may enter by a side door: keyword arguments, ends, fill values, lists.
A5 = np.array([1.2, -0.4, 0.7, 2.2, -1.5])
N5 = np.array([1.2, np.nan, 0.7, 2.2, np.nan])
SIDE_DOORS = {
    "fmod.reduce": lambda x: np.fmod.reduce(x),
    "copysign.accumulate": lambda x: np.copysign.accumulate(x),
    "remainder.reduceat": lambda x: np.remainder.reduceat(x, [0, 1]),
    "hypot.reduceat": lambda x: np.hypot.reduceat(x, [0, 1]),
    "logaddexp2.reduceat": lambda x: np.logaddexp2.reduceat(x, [0, 2]),
    "i0": np.i0,
    "quantile q": lambda x: np.quantile(A5, x[2]),
    "quantile a and q": lambda x: np.quantile(x, x[2] / 2),
    "percentile q": lambda x: np.percentile(A5, 20 * x[0]),
    "quantile weights": lambda x: np.quantile(A5, 0.4, weights=x, method="inverted_cdf") * x[0],
    "trapezoid dx": lambda x: np.trapezoid(A5, dx=x[0]),
    "interp left": lambda x: np.interp([-5.0, 0.5, 9.0], [0, 1, 2], [1, 2, 4], left=x[0]),
    "interp right": lambda x: np.interp(x - 2.0, [0, 0.1, 0.2], [1, 2, 4], right=x[1]),
    "interp period": lambda x: np.interp([0.3, 2.5], [0, 0.2, 0.5], [1, 2, 4], period=x[2]),
    "logspace base": lambda x: np.logspace(0, 2, 3, base=x[0]),
    "cov aweights": lambda x: np.cov(A5, aweights=x),
    "cov both": lambda x: np.cov(x, aweights=x[::-1]),
    "var mean": lambda x: np.var(A5, mean=x[0]),
    "var mean both": lambda x: np.var(x, mean=x[0]),
    "std mean": lambda x: np.std(A5, mean=x[0]),
    "std mean both": lambda x: np.std(x, mean=x[0]),
    "pad constant_values": lambda x: np.pad(A5, 1, constant_values=x[0]),
    "pad constant_values both": lambda x: np.pad(x, 1, constant_values=(x[0], 2 * x[1])),
    "pad end_values": lambda x: np.pad(A5, 2, "linear_ramp", end_values=x[0]),
    "pad end_values both": lambda x: np.pad(x, 2, "linear_ramp", end_values=x[0]),
    "nan_to_num nan": lambda x: np.nan_to_num(N5, nan=x[0]),
    "nan_to_num nan both": lambda x: np.nan_to_num(np.where(N5 > 0, x, np.nan), nan=x[0]),
    "piecewise values": lambda x: np.piecewise(A5, [A5 > 0], [x[0], x[1]]),
    "piecewise values both": lambda x: np.piecewise(x, [x > 1], [x[0], x[1]]),
    "piecewise arguments": lambda x: np.piecewise(x, [x > 1], [lambda v, a: v * a, 2.0], x[0]),
    "unwrap period": lambda x: np.unwrap(4 * A5, period=x[2]),
    "unwrap period both": lambda x: np.unwrap(4 * x, period=x[2]),
    "ediff1d ends": lambda x: np.ediff1d(A5, to_begin=x[:1], to_end=x[1:2]),
    "sum initial": lambda x: np.sum(A5, initial=x[0]),
    "sum initial both": lambda x: np.sum(x, initial=x[0]),
    "sum initial method": lambda x: x.sum(initial=x[0]),
    "add.reduce initial": lambda x: np.add.reduce(x, initial=x[0]),
    "prod initial": lambda x: np.prod(A5, initial=x[0]),
    "prod initial both": lambda x: np.prod(x, initial=x[0]),
    "prod initial where": lambda x: np.prod(x, initial=x[0] ** 2, where=[True, False] * 2 + [True]),
    "multiply.reduce initial": lambda x: np.multiply.reduce(x, initial=x[0]),
    "max initial": lambda x: np.max(A5, initial=9 * x[0]),
    "max initial both": lambda x: np.max(x, initial=9 * x[0]),
    "min initial both": lambda x: np.min(x, initial=-9 * x[0]),
    "maximum.reduce initial": lambda x: np.maximum.reduce(x, initial=9 * x[0]),
    "nanmax initial": lambda x: np.nanmax(x, initial=9 * x[0]),
    "nansum initial": lambda x: np.nansum(x, initial=x[0]),
    "nanprod initial": lambda x: np.nanprod(x, initial=x[0]),
    "logaddexp.reduce initial": lambda x: np.logaddexp.reduce(x, initial=x[0]),
    "polyint k": lambda x: np.polyint([1.0, 2.0], k=x[0]),
    "apply_along_axis arguments": lambda x: np.apply_along_axis(lambda r, a: r * a, 0, A5, x[0]),
    "vectorize otypes": lambda x: np.vectorize(lambda a: a * a, otypes=[float])(x),
    "vectorize signature": lambda x: np.vectorize(lambda r: r @ r, signature="(n)->()")(x[None]),
    "vectorize excluded": lambda x: np.vectorize(lambda a, b: a * b[0], excluded=[1])(A5, x),
    "frompyfunc": lambda x: np.frompyfunc(lambda a: a * a, 1, 1)(x),
    "fromiter": lambda x: np.fromiter((v * 2 for v in x), dtype=float),
    "kron with a number": lambda x: np.kron(x, 2.0) + np.kron(2.0, x),
    "accumulate out": lambda x: np.add.accumulate(x, out=np.zeros_like(x)),
    "reduce out": lambda x: np.add.reduce(x[:, None], axis=1, out=np.zeros_like(x)),
    "cumsum out": lambda x: np.cumsum(x, out=np.zeros_like(x)),
    "divmod out": lambda x: np.divmod(x, 0.37, out=(np.zeros_like(x), np.zeros_like(x)))[1],
    "modf out": lambda x: np.modf(x, out=(np.zeros_like(x), np.zeros_like(x)))[0],
    "mean of a list": lambda x: np.mean([x[0], x[1] ** 2, 1.0]),
    "std of a list": lambda x: np.std([x[0], x[1] ** 2, 1.0]),
    "median of a list": lambda x: np.median([x[0], x[1] ** 2, 1.0]),
    "interp in a list": lambda x: np.interp(0.5, [0, 1], [x[0], x[1]]),
    "convolve of lists": lambda x: np.convolve([x[0], 1.0], [x[1], 2.0]),
    "cross of lists": lambda x: np.cross([x[0], x[1], 0.0], [0.0, x[2], 1.0]),
    "sort of a list": lambda x: np.sort([x[0], x[1], x[2]]),
    "norm of a list": lambda x: np.linalg.norm([x[0], x[1]]),
    "real of complex list": lambda x: np.real([x[0] * 1j, x[1]]) * x[2],
    "imag of complex list": lambda x: np.imag([x[0] * 1j, x[1]]) * x[2],
    "real of complex array": lambda x: np.array([x[0] * 1j + x[2], x[1] + 0j]).real * x[2],
    "imag of complex array": lambda x: np.array([x[0] * 1j + x[2], x[1] + 0j]).imag * x[2],
    "angle of complex array": lambda x: np.angle(np.array([x[0] * 1j + x[2], x[1] + 0j])),
    "abs of complex array": lambda x: np.abs(np.array([x[0] * 1j + x[2], x[1] + 0j])),
    "conj of complex array": lambda x: np.conj(np.array([x[0] * 1j + x[2], x[1] + 0j])),
    "any of an array": lambda x: x * np.any(np.array([x[0], x[1]])),
    "isnan of an array": lambda x: np.where(np.isnan(np.array([x[0], x[1]])), 0.0, x[:2]),
    "math.trunc": lambda x: x * math.trunc(x[0]) + math.floor(x[1]) * math.ceil(x[2]) * x,
    "math.prod": lambda x: math.prod(x),
    "emath.sqrt": lambda x: np.emath.sqrt(x),
    "polyfit": lambda x: np.polyfit(np.arange(5.0), x, 2),
    "poly": lambda x: np.poly(x),
    "histogram weights": lambda x: np.histogram(A5, 3, weights=x)[0],
    "solve": lambda x: np.linalg.solve(np.diag(x) + 0.1, A5),
    "inv": lambda x: np.linalg.inv(np.diag(x) + 0.1),
    "det": lambda x: np.linalg.det(np.diag(x) + 0.1),
}


@pytest.mark.parametrize("name", SIDE_DOORS)
def test_right_or_refused_never_silently_wrong(name):
    f, x = SIDE_DOORS[name], np.array([1.7, 0.9, 0.6, 2.3, 1.4])

    def numbers(x):
        """Object arrays of floats, as np.frompyfunc returns them, are floats."""
        y = np.asarray(f(x))
        return y.astype(float) if y.dtype == object else y

    value, expected = numbers(x.copy()), differences(numbers, x)
    for g, z in [(f, x), among_dummies(f, x, 17)]:
        try:
            y, J = dm.value_and_jacobian_fwd(g, z)
        except dm.MissingRuleError as error:
            assert re.match("dualmc (has no derivative rule for|differentiates) ", str(error))
        except dm.TangentLostError as error:
            assert "derivative" in str(error)
        except TypeError as error:
            # NumPy's own refusal of the object array that a list of Duals makes.
            assert re.search(r"dtype\('O'\)|not supported for the input types", str(error))
        else:
            np.testing.assert_allclose(y, value, rtol=1e-14, atol=1e-14)
            np.testing.assert_allclose(J[..., : x.size], expected, rtol=1e-7, atol=1e-8)


def test_missing_rule_is_a_not_implemented_error():
    assert issubclass(dm.MissingRuleError, NotImplementedError)
    assert issubclass(dm.TangentLostError, TypeError)


def test_bitwise_and_integer_functions_are_numpys_type_errors():
    for f in (lambda x: np.bitwise_and(x, 1), lambda x: np.gcd(x, 2), lambda x: x << 1):
        with pytest.raises(TypeError):
            f(ONES)
        with pytest.raises((TypeError, dm.MissingRuleError)):
            dm.jacobian_fwd(f, ONES)


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
