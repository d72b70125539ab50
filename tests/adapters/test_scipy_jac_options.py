"""What `scipy_jac` refuses, and in which words."""

import numpy as np
import pytest
from expecting import raises_literally

import dualmc as dm

X = np.array([1.0, 2.0])


def f(x, *args):
    return x * x


@pytest.mark.parametrize("given", [3, None, "sin"])
def test_what_is_no_function(given):
    with pytest.raises(TypeError, match="scipy_jac needs a function as its first argument"):
        dm.scipy_jac(given)


@pytest.mark.parametrize(
    ("solver", "said"),
    [("curvefit", "Did you mean 'curve_fit'?"), ("solve_ivps", "Did you mean 'solve_ivp'?"),
     ("Newton", "or left out where f(x, *args) is differentiated by x")],
)  # fmt: skip
def test_solvers_that_are_not_known(solver, said):
    with raises_literally(ValueError, said):
        dm.scipy_jac(f, solver)


def test_a_solver_is_a_name():
    with pytest.raises(TypeError, match="solver must be one of 'least_squares'"):
        dm.scipy_jac(f, np.sin)


def test_unknown_options():
    with pytest.raises(
        TypeError, match=r"got an unexpected keyword argument 'spars'. Did you mean"
    ):
        dm.scipy_jac(f, spars=True)


@pytest.mark.parametrize(
    ("argnums", "error", "said"),
    [((0, 1), TypeError, "argnums must be an int, since solvers vary one argument"),
     (True, TypeError, "argnums must be an int"), (-1, ValueError, "must not be negative"),
     ("x", TypeError, "argnums must be an int")],
)  # fmt: skip
def test_argnums(argnums, error, said):
    with raises_literally(error, said):
        dm.scipy_jac(f, argnums=argnums)


def test_argnums_of_another_argument():
    J = dm.scipy_jac(lambda a, x: a * x**2, argnums=1)
    np.testing.assert_array_equal(J.jac(3.0, X), np.diag(6.0 * X))
    with raises_literally(TypeError, "scipy_jac needs the point of evaluation, argument 1 of f"):
        J.jac(3.0)
    with pytest.raises(TypeError, match="curve_fit fixes which arguments of f it varies"):
        dm.scipy_jac(f, "curve_fit", argnums=1)


@pytest.mark.parametrize("sparse", ["dense", 2, ("banded", 1), None])
def test_sparse(sparse):
    with pytest.raises((TypeError, ValueError), match="scipy_jac: sparse must be True, False or"):
        dm.scipy_jac(f, sparse=sparse)


@pytest.mark.parametrize("solver", ["curve_fit", "solve_bvp", "lmfit", "iminuit"])
def test_solvers_without_sparse_matrices(solver):
    pytest.importorskip("scipy")
    with pytest.raises(ValueError, match=f"{solver} takes dense Jacobians; got sparse=True"):
        dm.scipy_jac(f, solver, sparse=True)


def test_layouts():
    pytest.importorskip("scipy")
    for options in ({"solver": "solve_bvp"}, {"solver": "minimize"}, {"sparse": "banded"}):
        with pytest.raises(ValueError, match="layout has no meaning for"):
            dm.scipy_jac(f, layout="denominator", **options)
    with pytest.raises(ValueError, match='layout must be "numerator" or "denominator"'):
        dm.scipy_jac(f, layout="rows")


@pytest.mark.parametrize("prepare", ["yes", 1, 0.5])
def test_prepare(prepare):
    with pytest.raises((TypeError, ValueError), match="prepare must be True or False"):
        dm.scipy_jac(f, prepare=prepare)


@pytest.mark.parametrize("solver", [None, "root", "minimize"])
@pytest.mark.parametrize(
    ("x", "said"),
    [(None, "to be a float, a list or an array of floats; got NoneType."),
     ("abc", "to be a float, a list or an array of floats; got str."),
     (np.array([True]), "to be an array of floats; got dtype bool."),
     (np.ma.ones(3), "to be a float, a list or a plain array of floats; got MaskedArray.")],
)  # fmt: skip
def test_points_that_are_no_arrays(solver, x, said):
    with raises_literally(TypeError, f"scipy_jac needs x {said}"):
        dm.scipy_jac(f, solver).jac(x)


@pytest.mark.parametrize(
    ("returned", "kind"), [(None, "None"), ("a", "a str"), (np.sin, "a ufunc")]
)
def test_what_f_may_not_return(returned, kind):
    with pytest.raises(TypeError, match=f"^scipy_jac needs f to return .*; f returned {kind}"):
        dm.scipy_jac(lambda x: returned, "root").jac(X)


@pytest.mark.parametrize("solver", [None, "root", "minimize"])
def test_steps_without_a_rule_or_that_lose_the_derivative(solver):
    outside = np.zeros(1)

    def kept(x):
        outside[0] = np.sum(x)
        return outside[0]

    with pytest.raises(dm.TangentLostError, match="the derivative would be lost"):
        dm.scipy_jac(kept, solver).jac(X)
    with pytest.raises(dm.MissingRuleError, match="no derivative rule for numpy.nextafter"):
        dm.scipy_jac(lambda x: np.sum(np.nextafter(x, 2.0)), solver).jac(X)


def test_calls_that_another_solver_makes():
    with raises_literally(
        TypeError, "scipy_jac: curve_fit calls f(t, a, b, ...) with numbers; got shapes (2,)."
    ):
        dm.scipy_jac(f, "curve_fit").jac(X, X)
    with raises_literally(TypeError, "iminuit calls f(a, b, ...) or f(x) with numbers"):
        dm.scipy_jac(f, "iminuit").jac(X, X)
    with raises_literally(TypeError, "lmfit calls f(params, *args) with lmfit.Parameters; got"):
        dm.scipy_jac(f, "lmfit").jac(X)
    with raises_literally(TypeError, "solve_bvp calls fun(x, y), bc(ya, yb), or either with p"):
        dm.scipy_jac(f, "solve_bvp").jac(X, X, X, X)
    with raises_literally(TypeError, "curve_fit gives f no keyword arguments; got b. Bind them"):
        dm.scipy_jac(f, "curve_fit").jac(X, 1.0, b=2.0)
    with raises_literally(TypeError, "NonlinearConstraint calls hess(x, v); got 1 arguments."):
        dm.scipy_jac(f, "NonlinearConstraint").hess(X)


@pytest.mark.parametrize("solver", ["least_squares", "solve_ivp", "curve_fit", "iminuit"])
def test_second_derivatives_that_nobody_asks_for(solver):
    for name in ("hess", "hessp"):
        with pytest.raises(TypeError, match=f"{solver} asks for no {name}"):
            getattr(dm.scipy_jac(f, solver), name)(X, X)
    with pytest.raises(TypeError, match="NonlinearConstraint asks for no hessp"):
        dm.scipy_jac(f, "NonlinearConstraint").hessp(X, X)


def test_complex_unknowns_of_every_solver():
    for solver, args in (
        (None, (X + 1j,)), ("solve_ivp", (0.0, X + 1j)), ("curve_fit", (X, 1j, 2.0)),
        ("solve_bvp", (X, np.ones((2, 2)) * 1j)), ("iminuit", (1j, 2.0)),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="complex128"):
            dm.scipy_jac(lambda *a: a[-1] * 2.0, solver).jac(*args)


def test_functions_that_return_no_number_for_minimize():
    with pytest.raises(
        ValueError, match="scipy_jac needs f to return a real scalar; f returned shape"
    ):
        dm.scipy_jac(f, "minimize").jac(X)


def test_representations():
    assert repr(dm.scipy_jac(f)) == "<ScipyJac f>"
    assert repr(dm.scipy_jac(f, "curve_fit")) == "<ScipyJac f for curve_fit>"
