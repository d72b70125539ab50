"""Operands of other classes in closed form; as inputs, outputs and further arguments; units."""

import numpy as np
import pytest
from array_classes import (
    ARRAYS,
    Duck,
    Empty,
    Labelled,
    OnTheRight,
    OwnOrder,
    OwnSum,
    Scaled,
    V,
    X,
    is_refusal,
    of_class,
)

import dualmc as dm
from dualmc.duals.subclasses import extra

pytestmark = pytest.mark.filterwarnings(
    "ignore:the matrix subclass:PendingDeprecationWarning", "ignore::UserWarning"
)


# --- Closed forms --------------------------------------------------------------------------------

M = np.array([[1.0, 2.0], [3.0, 4.0]]).view(np.matrix)
XY = np.array([1.0, 2.0])
BOTH = [dm.jacobian_fwd, dm.jacobian_rev]


@pytest.mark.parametrize("jacobian", BOTH)
@pytest.mark.parametrize(
    ("f", "want"),
    [
        (lambda x: np.asarray(x.reshape(1, 2) * M).ravel(), np.array(M).T),
        (lambda x: np.asarray(M * x.reshape(2, 1)).ravel(), np.array(M)),
        (lambda x: np.asarray(M @ x).ravel(), np.array(M)),
        (lambda x: np.asarray(x @ M).ravel(), np.array(M).T),
        (lambda x: np.asarray((x[0] * M) ** 2).ravel(), [[14, 0], [20, 0], [30, 0], [44, 0]]),
        (lambda x: np.asarray(M.T * x.reshape(2, 1)).ravel(), np.array(M).T),
        (lambda x: (x.reshape(1, 2) * M * x.reshape(2, 1))[0, 0], [2 + 10.0, 5 + 16.0]),
        (lambda x: x.reshape(1, 2) * M, np.array(M).T.reshape(1, 2, 2)),
        (lambda x: (x.reshape(1, 2) * M).sum(), [3.0, 7.0]),
        (lambda x: math_of((x.reshape(1, 2) * M)[0, 0]), np.cos(7.0) * np.array([1.0, 3.0])),
    ],
)
def test_matrices_multiply_as_matrices(f, want, jacobian):
    np.testing.assert_allclose(jacobian(f, XY), want, rtol=1e-14)


def math_of(a):
    import math

    return math.sin(a)


def test_results_keep_their_class():
    c = V.copy().view(Labelled)
    c.label = "km"
    seen = []

    def f(x):
        y = x * c
        seen.append((type(y), y.label))
        return np.asarray(y)

    assert np.array_equal(dm.jacobian_fwd(f, X), np.diag(V))
    assert seen == [(Labelled, "km")]


def test_second_derivatives_through_own_code():
    c = V.copy().view(OnTheRight)
    H = dm.hessian(lambda x: np.sum(np.asarray(x * c) ** 3), X)
    np.testing.assert_allclose(H, np.diag(6 * (7 * V) ** 3 * X), rtol=1e-13)
    obs = np.ma.array(V, mask=[0, 1, 0])
    H = dm.hessian(lambda x: np.sum((x - obs) ** 4), X)
    np.testing.assert_allclose(H, np.diag(12 * (X - V) ** 2 * [1, 0, 1]), rtol=1e-13)
    G = dm.jacobian_fwd(lambda x: dm.gradient(lambda y: ((obs - y) ** 4).sum(), x), X)
    np.testing.assert_allclose(G, np.diag(12 * (X - V) ** 2 * [1, 0, 1]), rtol=1e-13)


def test_result_types_of_single_precision():
    c = V.copy().view(Labelled)
    x = X.astype(np.float32)
    assert dm.jacobian_fwd(lambda x: np.asarray(x * c), x).dtype == np.float64
    assert dm.jacobian_fwd(lambda x: np.asarray(x * c.astype(np.float32)), x).dtype == np.float32


def test_complex_elements_are_refused():
    c = V.copy().view(Scaled)
    with pytest.raises(dm.TangentLostError, match="complex"):
        dm.jacobian_fwd(lambda x: np.real(np.asarray((x + 1j) * c)), X)


# --- As inputs, outputs, directions and further arguments ----------------------------------------

NOT_PLAIN = {
    "masked": lambda: np.ma.array(X, mask=[0, 1, 0]),
    "matrix": lambda: np.matrix(X),
    "Labelled": lambda: X.view(Labelled),
    "Scaled": lambda: X.view(Scaled),
    "duck": lambda: Duck(X),
    "list of them": lambda: [X.view(Labelled), X.view(Labelled)],
}
TAKE = {
    "jacobian_fwd": lambda x: dm.jacobian_fwd(lambda x: x * 2.0, x),
    "jacobian_rev": lambda x: dm.jacobian_rev(lambda x: x * 2.0, x),
    "gradient": lambda x: dm.gradient(lambda x: np.sum(x), x),
    "hessian": lambda x: dm.hessian(lambda x: np.sum(x**2), x),
    "hvp": lambda x: dm.hvp(lambda x: np.sum(x**2), x, np.ones(3)),
    "hvp's direction": lambda x: dm.hvp(lambda x: np.sum(x**2), X, x),
    "jvp": lambda x: dm.jvp(lambda x: x * 2.0, x, X),
    "jvp's direction": lambda x: dm.jvp(lambda x: x * 2.0, X, x),
    "vjp": lambda x: dm.vjp(lambda x: x * 2.0, x),
    "pullback": lambda x: dm.vjp(lambda x: x * 2.0, X)[1](x),
    "prepare": lambda x: dm.prepare(lambda x: x * 2.0, x)(x),
    "prepared": lambda x: prepared_before(x),
    "explain": lambda x: dm.explain(lambda x: np.sum(x), x),
    "check_jacobian": lambda x: dm.check_jacobian(lambda x: x * 2.0, x),
}


def prepared_before(x):
    J = dm.prepare(lambda x: x * 2.0, X)
    J(X)
    return J(x)


@pytest.mark.parametrize("make", NOT_PLAIN)
@pytest.mark.parametrize("take", TAKE)
def test_inputs_that_mean_more_are_refused(take, make):
    with pytest.raises(TypeError, match="needs .* to be .*got "):
        TAKE[take](NOT_PLAIN[make]())


def test_inputs_that_are_arrays():
    for kind in ARRAYS:
        x = of_class(kind)
        assert np.array_equal(dm.jacobian_fwd(lambda x: x**2, x), np.diag(2 * V))
        assert np.array_equal(dm.jacobian_rev(lambda x: x**2, x), np.diag(2 * V))
        assert type(dm.jvp(lambda x: x**2, x, x)[1]) is np.ndarray


@pytest.mark.parametrize("jacobian", [*BOTH, lambda f, x: dm.prepare(f, x)(x)])
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda x: x * np.ma.array(V, mask=[0, 1, 0]), "masked array"),
        (lambda x: np.ma.array(V, mask=[0, 1, 0]), "masked array"),
        (lambda x: np.ma.masked, "masked array"),
        (lambda x: x * V.view(Labelled), "Labelled"),
        (lambda x: V.view(Labelled), "Labelled"),
        (lambda x: Duck(V), "Duck"),
        (lambda x: [x[0], np.ma.masked], "Masked"),
    ],
)
def test_outputs_that_mean_more_are_refused(returned, message, jacobian):
    with pytest.raises(TypeError, match=message):
        jacobian(returned, X)


@pytest.mark.parametrize("jacobian", BOTH)
def test_outputs_that_are_numbers(jacobian):
    assert np.array_equal(jacobian(lambda x: x * np.ma.array(V), X), np.diag(V))
    assert np.array_equal(jacobian(lambda x: np.matrix(V), X), np.zeros((1, 3, 3)))
    assert np.array_equal(jacobian(lambda x: of_class(np.memmap), X), np.zeros((3, 3)))


def test_auxiliary_output():
    obs = np.ma.array(V, mask=[0, 1, 0])
    label = V.view(Labelled)
    _, (masked, labelled) = dm.jacobian_fwd(
        lambda x: (np.sum(x), (x - obs, x * label)), X, has_aux=True
    )
    assert type(masked) is np.ma.MaskedArray
    assert masked.mask.tolist() == [False, True, False]
    assert np.array_equal(masked.compressed(), (X - V)[[0, 2]])
    assert type(labelled) is Labelled
    assert labelled.dtype == np.float64
    assert np.array_equal(labelled, X * V)


def test_further_arguments_reach_f_as_they_are():
    obs = np.ma.array(V, mask=[0, 1, 0])
    for jacobian in (*BOTH, lambda f, *args: dm.prepare(f, *args)(*args)):
        g = jacobian(lambda x, obs: np.sum((x - obs) ** 2), X, obs)
        np.testing.assert_allclose(g, 2 * (X - V) * [1, 0, 1], rtol=1e-14)


def test_a_prepared_argument_becomes_masked():
    J = dm.prepare(lambda x, c: np.sum(x * c), X, V)
    assert np.array_equal(J(X, V), V)
    assert np.array_equal(J(X, np.ma.array(V, mask=[0, 1, 0])), V * [1, 0, 1])
    assert np.array_equal(J(X, V), V)


def test_custom_rules_take_what_they_are_given():
    obs = np.ma.array(V, mask=[0, 1, 0])

    @dm.custom_jvp
    def misfit(x, obs):
        return float(np.sum((x - obs) ** 2))

    @misfit.def_jvp
    def misfit_jvp(primals, tangents):
        x, obs = primals
        return misfit(x, obs), np.sum(2 * (x - obs) * tangents[0])

    assert np.allclose(dm.gradient(lambda x: misfit(x, obs), X), 2 * (X - V) * [1, 0, 1])


# --- Classes derived from ndarray that are made of x ---------------------------------------------


class Checking(np.ndarray):
    def __new__(cls, values):
        if not isinstance(values, (list, tuple, np.ndarray)):
            raise TypeError(f"Checking must be made of a list or an array, not {type(values)}")
        return np.asarray(values, dtype=float).view(cls)


def test_a_class_that_stops_at_a_dual_is_named():
    with pytest.raises(TypeError) as caught:
        dm.jacobian_fwd(lambda x: np.sum(Checking(x)), X)
    assert is_refusal(caught.value)


def test_what_defines_more():
    assert extra(np.ndarray) is None
    assert extra(np.matrix) is not None
    assert extra(np.ma.MaskedArray) is not None
    assert extra(float) is None
    assert extra(Duck) == "__array_ufunc__"
    assert extra(OwnSum) == "sum"
    assert extra(OwnOrder) in ("__lt__", "__gt__")
    assert extra(type("Heir", (Empty, OwnSum), {})) == "sum"


# --- Packages of units, where they are installed -------------------------------------------------


@pytest.mark.parametrize("jacobian", BOTH)
def test_units_of_astropy(jacobian):
    u = pytest.importorskip("astropy.units")
    km, m = V * u.km, 3.0 * u.m
    f = lambda x: np.asarray(x * km + m * x)  # noqa: E731
    np.testing.assert_allclose(jacobian(f, X), np.diag(V + 0.003), rtol=1e-14)
    f = lambda x: (x[0] * km[0] + m * x[1]).to_value(u.m)  # noqa: E731
    np.testing.assert_allclose(jacobian(f, X), [1500.0, 3.0, 0.0], rtol=1e-14)
    assert np.isclose(dm.derivative(lambda t: np.asarray(2 * u.km * t + m * t), 1.0), 2.003)
    with pytest.raises(TypeError) as caught:
        jacobian(lambda x: np.asarray(x * u.m), X)
    assert is_refusal(caught.value)
    with pytest.raises(TypeError, match="Quantity"):
        jacobian(lambda x: x * km, X)
    with pytest.raises(TypeError, match="Quantity"):
        jacobian(lambda x: x**2, X * u.km)


@pytest.mark.parametrize("jacobian", BOTH)
def test_units_of_pint_and_unyt(jacobian):
    pint = pytest.importorskip("pint")
    unit = pint.UnitRegistry()
    f = lambda x: (x * (2.0 * unit.km) + 3.0 * unit.m * x).to("m").magnitude  # noqa: E731
    np.testing.assert_allclose(jacobian(f, X), 2003.0 * np.eye(3), rtol=1e-14)
    unyt = pytest.importorskip("unyt")
    f = lambda x: np.asarray(x * unyt.unyt_array(V, "km") / unyt.unyt_array(V, "m"))  # noqa: E731
    try:
        J = jacobian(f, X)
    except TypeError as error:
        assert is_refusal(error)
    else:
        np.testing.assert_allclose(J, 1000.0 * np.eye(3), rtol=1e-14)
    for x in (X * unit.m, 3.0 * unit.m, unyt.unyt_array(X, "km"), [1.0 * unit.m, 2.0 * unit.m]):
        with pytest.raises(TypeError, match="needs x to be"):
            jacobian(lambda x: x**2, x)
