"""Derivatives that would be lost and rules that are missing: refused, by their words."""

import math
import re

import numpy as np
import pytest
from expecting import raises
from oracles import among_dummies, differences
from side_doors import SIDE_DOORS

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
            dm.jacobian_fwd(unadapted(f), ONES)
    with raises(
        dm.TangentLostError,
        "complex(dual) would lose the derivative. Multiply by 1j, or use NumPy functions.",
    ):
        dm.jacobian_fwd(unadapted(lambda x: complex(x[0])), ONES)


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


@pytest.mark.parametrize("name", SIDE_DOORS)
def test_right_or_refused_never_silently_wrong(name):
    f, x = SIDE_DOORS[name], np.array([1.7, 0.9, 0.6, 2.3, 1.4])

    def numbers(x):
        """Object arrays of floats, as np.frompyfunc returns them, are floats."""
        y = np.asarray(f(x))
        return y.astype(float) if y.dtype == object else y

    value, expected = numbers(x.copy()), differences(numbers, x)
    for call, g, z in [
        (dm.value_and_jacobian_fwd, f, x),
        (dm.value_and_jacobian_fwd, *among_dummies(f, x, 17)),
        (dm.value_and_jacobian_rev, f, x),
    ]:
        try:
            y, J = call(g, z)
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


# --- Constants in arrays from outside ------------------------------------------------------------

INTO_PLAIN = {
    "copyto": lambda W, a: np.copyto(W, a),
    "copyto where": lambda W, a: np.copyto(W, a, where=W > 1.0),
    "put": lambda W, a: np.put(W, [0, 2], a[1:]),
    "place": lambda W, a: np.place(W, W > 1.0, a[:1]),
    "putmask": lambda W, a: np.putmask(W, W > 1.0, a),
    "fill_diagonal": lambda W, a: np.fill_diagonal(W.reshape(3, 1), a),
    "put_along_axis": lambda W, a: np.put_along_axis(W, np.array([1, 0]), a[:2], 0),
}


@pytest.mark.parametrize("name", INTO_PLAIN)
@pytest.mark.parametrize("call", [dm.jacobian_fwd, dm.jacobian_rev], ids=["forward", "reverse"])
@pytest.mark.parametrize("made", [np.floor, lambda x: np.zeros(3) + 7.0], ids=["floor", "zeros"])
def test_constants_are_written_to_arrays_from_outside(call, name, made):
    """What has no derivative goes where NumPy puts it; the array is a constant of f."""
    write, x = INTO_PLAIN[name], np.array([1.5, 2.5, 3.5])
    expected, W = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])
    write(expected, made(x))

    def f(x):
        write(W, made(x))
        return W * x

    assert np.array_equal(np.diag(expected), call(f, x))
    assert np.array_equal(expected, W)


@pytest.mark.parametrize("name", INTO_PLAIN)
def test_a_derivative_is_not(name):
    W = np.array([1.0, 2.0, 3.0])
    with pytest.raises(dm.TangentLostError, match="derivative would be lost"):
        dm.jacobian_fwd(lambda x: (INTO_PLAIN[name](W, x), W * x)[1], np.array([1.5, 2.5, 3.5]))
    assert np.array_equal([1.0, 2.0, 3.0], W)
