"""Every public function with what it cannot take: its name, what it needs, what it got."""

import numpy as np
import pytest
from expecting import raises_literally as raises

import dualmc as dm

ONES = np.ones(3)
V = np.ones(3)


def total(x):
    return np.sum(x**2)


# Each called as call(f, x); a scalar function `total` suits all of them.
CALLS = {
    "jacobian_fwd": dm.jacobian_fwd,
    "value_and_jacobian_fwd": dm.value_and_jacobian_fwd,
    "jacobian_rev": dm.jacobian_rev,
    "value_and_jacobian_rev": dm.value_and_jacobian_rev,
    "linearize": dm.linearize,
    "gradient": dm.gradient,
    "value_and_gradient": dm.value_and_gradient,
    "hessian": dm.hessian,
    "check_jacobian": dm.check_jacobian,
    "compare": dm.compare,
    "explain": dm.explain,
    "derivative": dm.derivative,
    "jvp": lambda f, x: dm.jvp(f, x, V),
    "vjp": dm.vjp,
    "hvp": lambda f, x: dm.hvp(f, x, V),
}
every = pytest.mark.parametrize("name", CALLS)
# Where x stands in a message.
POINT = {"jvp": "primals[0]", "hvp": "primals[0]"}


@pytest.fixture(autouse=True)
def still_works():
    """An error leaves nothing behind: the next call is right."""
    yield
    np.testing.assert_array_equal(dm.jacobian_fwd(total, ONES), 2 * ONES)
    np.testing.assert_array_equal(dm.gradient(total, ONES), 2 * ONES)


@every
@pytest.mark.parametrize("f", [3.0, None, "sin", [np.sin], ONES])
def test_what_is_no_function(name, f):
    kind = type(f).__name__
    with raises(
        TypeError,
        f"{name} needs a function as its first argument, got {kind}. Call it as {name}(f, x).",
    ):
        CALLS[name](f, ONES)


@every
@pytest.mark.parametrize("x", [None, "abc", b"a", {1.0}])
def test_points_that_are_no_arrays(name, x):
    point = POINT.get(name, "x")
    with raises(
        TypeError,
        f"{name} needs {point} to be a float, a list or an array of floats; got "
        f"{type(x).__name__}.",
    ):
        CALLS[name](total, x)


@every
def test_points_that_are_sparse(name):
    sparse = pytest.importorskip("scipy.sparse")
    point = POINT.get(name, "x")
    with raises(
        TypeError,
        f"{name} needs {point} to be a float, a list or an array of floats; got csr_array.",
    ):
        CALLS[name](total, sparse.csr_array(np.eye(3)))


@every
def test_complex_points(name):
    with raises(
        TypeError,
        f"{name} needs a real {POINT.get(name, 'x')}; got dtype complex128. Differentiate with "
        f"respect to the real and imaginary parts",
    ):
        CALLS[name](total, 1j * ONES)


@every
@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (np.array([1.0, None], object), "object"),
        (np.array([True] * 3), "bool"),
        (np.array(["a"]), "<U1"),
    ],
)
def test_points_of_other_dtypes(name, x, dtype):
    with raises(
        TypeError,
        f"{name} needs {POINT.get(name, 'x')} to be an array of floats; got dtype {dtype}. Convert",
    ):
        CALLS[name](total, x)


@every
def test_points_that_are_masked(name):
    with raises(
        TypeError,
        f"{name} needs {POINT.get(name, 'x')} to be a float, a list or a plain array of floats; "
        f"got MaskedArray. Convert it first",
    ):
        CALLS[name](total, np.ma.ones(3))


@every
@pytest.mark.parametrize("returned", [None, "a", np.sin, {1.0}])
def test_what_f_may_not_return(name, returned):
    x = 1.0 if name == "derivative" else ONES
    kind = "None" if returned is None else f"a {type(returned).__name__}"
    hint = " Did f forget its return statement?" if returned is None else ""
    with raises(
        TypeError,
        f"{name} needs f to return a number, an array, or a list or tuple of those; f returned "
        f"{kind}.{hint}",
    ):
        CALLS[name](lambda x: returned, x)


@every
@pytest.mark.parametrize(
    ("returned", "what"),
    [(["a"], "a list that holds a str."), (np.array(["a"]), "an array of dtype <U1.")],
)
def test_what_f_may_not_return_among_others(name, returned, what):
    x = 1.0 if name == "derivative" else ONES
    sentence = f"numbers; f returned {what}"
    if name == "explain":  # which makes arrays of lists
        sentence = "real numbers; f returned an array of dtype <U1."
    with raises(TypeError, f"{name} needs f to return {sentence}"):
        CALLS[name](lambda x: returned, x)


@pytest.mark.parametrize(
    "name",
    ["jacobian_fwd", "value_and_jacobian_fwd", "jacobian_rev", "value_and_jacobian_rev",
     "gradient", "value_and_gradient", "vjp"],
)  # fmt: skip
@pytest.mark.parametrize("returned", [1.0, (1.0, 2.0, 3.0), [1.0, 2.0]])
def test_has_aux_without_a_pair(name, returned):
    with raises(
        TypeError,
        f"{name}: with has_aux=True f must return a pair (y, aux); f returned "
        f"{type(returned).__name__}.",
    ):
        CALLS[name](lambda x: returned, ONES, has_aux=True)


@every
def test_sparse_results_of_f(name):
    sparse = pytest.importorskip("scipy.sparse")
    x = 1.0 if name == "derivative" else ONES
    if name == "explain":
        with pytest.raises(TypeError, match="explain needs f to return real numbers; f returned"):
            dm.explain(lambda x: sparse.csr_array(np.eye(3)), x)
        return
    with raises(TypeError, "f returned a csr_array. Return its entries, e.g. with .toarray()."):
        CALLS[name](lambda x: sparse.csr_array(np.eye(3)), x)


@every
def test_the_point_is_needed(name):
    if name in ("derivative", "jvp", "vjp", "hvp"):  # Python's own message
        with pytest.raises(TypeError, match="missing"):
            getattr(dm, name)(total)
        return
    with raises(TypeError, f"{name} needs the point of evaluation: {name}(f, x)."):
        CALLS[name](total)


@every
@pytest.mark.parametrize(
    ("argnums", "error", "sentence"),
    [
        (1, ValueError, "argnums=1 is out of range: f is called with 1 positional argument,"),
        (-2, ValueError, "argnums=-2 is out of range"),
        ("a", TypeError, "argnums must be an int or a tuple of ints, got argnums='a'."),
        (1.0, TypeError, "argnums must be an int or a tuple of ints, got argnums=1.0."),
        (True, TypeError, "argnums must be an int or a tuple of ints, got argnums=True."),
        ((), ValueError, "argnums must name at least one argument, got ()."),
        ((0, -1), ValueError, "argnums=(0, -1) names an argument twice."),
        ((0, 5), ValueError, "argnums=(0, 5) is out of range"),
        ((0, None), TypeError, "argnums must be an int or a tuple of ints, got argnums=(0, None)."),
    ],
)
def test_argnums(name, argnums, error, sentence):
    if name in ("derivative", "jvp", "vjp", "hvp"):
        pytest.skip("has no argnums")
    with raises(error, f"{name}: {sentence}"):
        CALLS[name](total, ONES, argnums=argnums)


@pytest.mark.parametrize(
    "name",
    ["jacobian_fwd", "value_and_jacobian_fwd", "jacobian_rev", "value_and_jacobian_rev", "hessian"],
)
@pytest.mark.parametrize("chunk_size", [0, -1, 1.5, 2.0, True, "2", (1,)])
def test_chunk_sizes(name, chunk_size):
    kind = ValueError if type(chunk_size) is int else TypeError
    with raises(kind, f"{name}: chunk_size must be a positive int, got chunk_size={chunk_size!r}."):
        CALLS[name](total, ONES, chunk_size=chunk_size)


@pytest.mark.parametrize("name", ["gradient", "value_and_gradient", "hessian", "hvp"])
@pytest.mark.parametrize(("f", "shape"), [(lambda x: x, "(3,)"), (lambda x: [x, x], "(2, 3)")])
def test_functions_that_are_no_scalars(name, f, shape):
    with raises(
        ValueError,
        f"{name} needs f to return a real scalar; f returned shape {shape}. Use jacobian_rev, or "
        f"reduce the output, e.g. with .sum().",
    ):
        CALLS[name](f, ONES)


@every
def test_a_missing_rule_names_the_line(name):
    x = 1.0 if name == "derivative" else ONES

    def f(x):
        y = x + 1
        return np.sum(np.nextafter(y, 2.0))  # the line

    with pytest.raises(dm.MissingRuleError) as caught:
        CALLS[name](f, x)
    message = str(caught.value)
    assert message.startswith("dualmc has no derivative rule for numpy.nextafter. Add one with")
    assert 1 == message.count("\n  at ")
    assert message.endswith("return np.sum(np.nextafter(y, 2.0))  # the line")
    assert __file__ in message


@every
def test_a_lost_tangent_names_the_line(name):
    x = 1.0 if name == "derivative" else ONES
    made_outside = np.zeros(1)

    def kept(x):
        made_outside[0] = np.sum(x)
        return made_outside[0]

    with pytest.raises(dm.TangentLostError) as caught:
        CALLS[name](kept, x)
    message = str(caught.value)
    assert "the derivative would be lost" in message
    assert 1 == message.count(f"\n  at {__file__}, line ")


@every
def test_errors_of_f_pass_through(name):
    x = 1.0 if name == "derivative" else ONES
    given = KeyError("mine")

    def f(x):
        raise given

    with pytest.raises(KeyError) as caught:
        CALLS[name](f, x)
    assert given is caught.value
    assert caught.traceback[-1].name == "f"


# --- Functions with arguments of their own -------------------------------------------------------


@pytest.mark.parametrize("rtol", ["a", None, True])
def test_check_jacobian_needs_a_number(rtol):
    with raises(TypeError, f"check_jacobian: rtol must be a number, got rtol={rtol!r}."):
        dm.check_jacobian(total, ONES, rtol=rtol)


def test_check_jacobian_needs_a_tolerance_and_an_entry():
    for rtol in (-1.0, np.nan):
        with raises(ValueError, f"check_jacobian: rtol must not be negative, got rtol={rtol}."):
            dm.check_jacobian(total, ONES, rtol=rtol)
    with raises(
        ValueError,
        "check_jacobian needs an entry to check; f maps 0 inputs to an output of shape (0,).",
    ):
        dm.check_jacobian(lambda x: x, np.ones(0))


def test_pullbacks():
    _, pullback = dm.vjp(lambda x: x * 2, ONES)
    for y_bar, sentence in (
        (None, "pullback needs y_bar to be a float, a list or an array of floats; got NoneType."),
        ("a", "pullback needs y_bar to be a float, a list or an array of floats; got str."),
        (1j * ONES, "pullback needs a real y_bar; got dtype complex128."),
    ):
        with raises(TypeError, sentence):
            pullback(y_bar)
    with raises(ValueError, "pullback needs a cotangent of shape (3,) like f(x), got (4,)."):
        pullback(np.ones(4))
    np.testing.assert_array_equal(pullback(ONES)[0], 2 * ONES)


@pytest.mark.parametrize("name", ["jvp", "hvp"])
def test_tangents(name):
    call = getattr(dm, name)
    with raises(ValueError, f"{name}: tangents[0] has shape (4,), but primals[0] has shape (3,)."):
        call(total, ONES, np.ones(4))
    with raises(ValueError, f"{name} needs one tangent per primal; got 2 primals and 1 tangents."):
        call(lambda a, b: total(a), (ONES, ONES), (ONES,))
    with raises(TypeError, f"{name} needs a real tangents[0]; got dtype complex128."):
        call(total, ONES, 1j * ONES)


@pytest.mark.parametrize(
    ("solver", "residual", "sentence"),
    [
        (
            lambda a: None,
            lambda y, a: y - a,
            "the solver must return the root, a number or an array of real numbers; it returned "
            "None. Of scipy.optimize.root return sol.x.",
        ),
        (
            lambda a: {"x": a},
            lambda y, a: y - a,
            "the solver must return the root, a number or an array of real numbers; it returned a "
            "dict.",
        ),
        (
            lambda a: a,
            lambda y, a: None,
            "the residual must return a number or an array of real numbers; it returned None.",
        ),
        (
            lambda a: a,
            lambda y, a: "0",
            "the residual must return a number or an array of real numbers; it returned a str.",
        ),
    ],
)
def test_custom_root_checks_what_it_calls(solver, residual, sentence):
    root = dm.custom_root(residual, solver)
    for call in (dm.derivative, dm.gradient, dm.jacobian_fwd):
        with raises(TypeError, f"custom_root: {sentence}"):
            call(root, 1.0)


@pytest.mark.parametrize("sparse", [False, True])
def test_custom_root_of_a_singular_residual(sparse):
    if sparse:
        pytest.importorskip("scipy")
    root = dm.custom_root(lambda y, a: 0 * y + a - 1.0, lambda a: a, sparse=sparse)
    with raises(
        np.linalg.LinAlgError,
        "custom_root: the derivative of the residual with respect to the root is singular there",
    ):
        dm.jacobian_fwd(root, np.ones(2))


def test_a_residual_may_be_a_list():
    root = dm.custom_root(
        lambda y, a: [y[0] - a**2, y[1] * a - 1.0], lambda a: np.array([a**2, 1 / a])
    )
    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(mode(root, 2.0), [4.0, -0.25], rtol=1e-14)
