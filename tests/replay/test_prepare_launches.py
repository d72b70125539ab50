"""Prepared functions that call the loops of ufuncs: special functions, solves, factors.

Values have the bits of SciPy's and NumPy's own; derivatives are those of fresh calls.  Where NumPy
raises, the prepared function does.
"""

import ctypes
import warnings

import numpy as np
import pytest

import dualmc as dm
from dualmc.replay.arithmetic import launches

sc = pytest.importorskip("scipy.special")
pytestmark = pytest.mark.usefixtures("always_replayed")

X = np.array([0.3, 0.9, 0.7, 1.2, 0.4])
SECOND = np.array([0.55, 1.6, 0.05, 2.4, 0.8])
AWKWARD = np.array(
    [0.0, -0.0, 1.0, 0.5, -0.5, 2.0, 7.5, -7.5, 40.0, 1e-8, np.inf, np.nan, 0.9999999, -3.0]
)


def parts(prepared):
    """Pieces of machine code and steps by NumPy: one is machine code alone."""
    return len(prepared._paths.kept[0][1].code.parts)


def loop_of(launch):
    """The loop as a Python function on contiguous arrays."""
    function, data = launch.loop.addresses()
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(function)

    def called(*arrays):
        pointers = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
        kinds = [(ctypes.c_ssize_t * len(v))(*v) for v in (launch.dimensions, launch.steps)]
        run(pointers, *kinds, data)

    return called


def with_rules():
    """The ufuncs of scipy.special that have derivatives."""
    from dualmc.functions.special.handlers import ROWS

    return sorted(ROWS, key=lambda ufunc: ufunc.__name__)


def test_every_ufunc_of_real_numbers_has_a_loop():
    found = {ufunc for ufunc in with_rules() if launches.is_special(ufunc)}
    assert len(found) > 150
    for ufunc in set(with_rules()) - found:
        assert "d" * ufunc.nin + "->d" not in ufunc.types, ufunc.__name__


@pytest.mark.filterwarnings("ignore:.*integer")
def test_loops_have_the_bits_of_their_ufuncs():
    count = 0
    for ufunc in with_rules():
        loop = launches.special_loop(ufunc, [np.dtype(float)] * ufunc.nin)
        if loop is None or ufunc.nin > 2:
            continue
        args = [np.ascontiguousarray(a.ravel()) for a in np.meshgrid(*[AWKWARD] * ufunc.nin)]
        try:
            with np.errstate(all="ignore"):
                expected = ufunc(*args)
        except (OverflowError, ValueError):  # as some of Boost's do
            continue
        found = np.empty(args[0].size)
        loop_of(launches.by_element(loop, found.size))(*args, found)
        np.testing.assert_array_equal(found.view(np.int64), expected.view(np.int64), ufunc.__name__)
        count += 1
    assert count > 100


def test_whole_numbers_choose_another_loop():
    whole, real = int, np.dtype(float)
    assert launches.special_loop(sc.kn, [whole, real]) is None
    assert launches.special_loop(sc.kn, [np.dtype(np.int64), real]) is None
    assert launches.special_loop(sc.kv, [whole, real]).types == "dd->d"
    assert launches.special_loop(np.sin, [real]) is None


FUNCTIONS = {
    "ndtr": lambda x: sc.ndtr(x),
    "log_ndtr": lambda x: sc.log_ndtr(-3 * x),
    "ndtri": lambda x: sc.ndtri(0.3 * x),
    "erf": lambda x: sc.erf(x) * sc.erfc(2 * x),
    "erfcx": lambda x: sc.erfcx(x),
    "gammaln": lambda x: sc.gammaln(x),
    "gamma": lambda x: sc.gamma(x),
    "digamma": lambda x: sc.digamma(x),
    "polygamma": lambda x: sc.polygamma(1, x) + sc.polygamma(2, x),
    "expit": lambda x: sc.expit(x),
    "logit": lambda x: sc.logit(0.3 * x),
    "log_expit": lambda x: sc.log_expit(x),
    "xlogy": lambda x: sc.xlogy(x, x[::-1]),
    "xlog1py": lambda x: sc.xlog1py(2.0, x),
    "entr": lambda x: sc.entr(x) + sc.rel_entr(x, 0.5),
    "i0": lambda x: sc.i0(x) - sc.i1(x) + sc.i0e(x) + sc.i1e(x),
    "bessel": lambda x: sc.j0(x) + sc.j1(x) + sc.jv(2, x) + sc.kv(1.5, x) + sc.iv(0.5, x),
    "beta": lambda x: sc.betaln(x, x[::-1]) + sc.beta(x, 2.0),
    "broadcast": lambda x: sc.xlogy(x[:, None], x),
    "number": lambda x: sc.ndtr(x[0]) * sc.gammaln(x[1]) + x,
    "boxcox": lambda x: sc.boxcox(x, 0.5) + sc.huber(0.5, x),
    "dawsn": lambda x: sc.dawsn(x) + sc.exprel(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_functions(name):
    f = FUNCTIONS[name]
    prepared = dm.prepare(f, X)
    assert (prepared.reason, parts(prepared)) == (None, 1)
    for x in (X, SECOND):
        value, J = prepared.value_and_jacobian(x)
        np.testing.assert_allclose(value, f(x), rtol=4e-15, atol=1e-15)
        np.testing.assert_allclose(J, dm.jacobian_fwd(f, x), rtol=1e-13, atol=1e-14)
    assert prepared.fresh_calls == 0


@pytest.mark.parametrize("name", "ndtr erfc gammaln psi expit log_ndtr i0 i1 rgamma".split())
def test_values_have_scipys_bits(name):
    ufunc = getattr(sc, name)
    generator = np.random.default_rng(0)
    x = generator.uniform(0.1, 8.0, 1000)
    prepared = dm.prepare(lambda x: ufunc(x), x, sparse=True)
    other = generator.uniform(0.01, 30.0, 1000)
    value, _ = prepared.value_and_jacobian(other)
    np.testing.assert_array_equal(value, ufunc(other))
    assert prepared.fresh_calls == 0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: sc.kn(2, x),
        lambda x: sc.gammainc(x, 0.5),
        lambda x: sc.betainc(x, 2.0, 0.3),
        lambda x: sc.zeta(x + 2.0),
        lambda x: sc.eval_legendre(3, x),
        lambda x: sc.sici(x)[0],
        lambda x: np.real(sc.hankel1(1.0, x)),
        lambda x: sc.voigt_profile(x, 0.5, 0.5),
    ],
)
def test_what_is_no_formula_is_right_too(f):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        prepared = dm.prepare(f, X)
    for x in (X, SECOND):
        np.testing.assert_allclose(prepared(x), dm.jacobian_fwd(f, x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["gammaln", "logit", "ndtr", "xlogy", "entr", "i0"])
def test_at_edges_of_domains(name):
    ufunc = getattr(sc, name)
    args = [1.0] * (ufunc.nin - 1)
    prepared = dm.prepare(lambda x: ufunc(*args, x), X * 0.5)
    for at in (0.0, -0.0, -1.0, 1.0, np.inf, -np.inf, np.nan, 5e-324, 300.0):
        x = np.array([0.5, 0.25, at, 0.75, 0.125])
        with np.errstate(all="ignore"):
            value, J = prepared.value_and_jacobian(x)
            v, fresh = dm.value_and_jacobian_fwd(lambda x: ufunc(*args, x), x)
        np.testing.assert_array_equal(value, v)
        np.testing.assert_allclose(J, fresh, rtol=1e-13)


# --- Errors that scipy.special makes loud --------------------------------------------------------

POLE = np.array([0.3, -1.0, 0.7, 1.2, 0.4])


def test_errors_of_scipy_are_raised():
    prepared = dm.prepare(lambda x: sc.gammaln(x), X)
    with sc.errstate(singular="raise"):
        np.testing.assert_allclose(np.diag(prepared(X)), sc.psi(X), rtol=1e-14)
        with pytest.raises(sc.SpecialFunctionError, match="singularity"):
            prepared(POLE)
    assert np.isnan(prepared(POLE)[1, 1])


def caught(x):
    try:
        return sc.gammaln(x)
    except sc.SpecialFunctionError:
        return 7.0 * x


def caught_within(x):
    with sc.errstate(singular="raise"):
        return caught(x)


@pytest.mark.filterwarnings("ignore:prepare. f is not replayed")
@pytest.mark.parametrize("at", [X, POLE])
def test_errors_that_f_catches(at):
    prepared = dm.prepare(caught, X)
    with sc.errstate(singular="raise"):
        within = dm.prepare(caught_within, at), dm.prepare(caught, at), prepared
        for run in within:
            np.testing.assert_array_equal(run(POLE), 7.0 * np.eye(5))
            np.testing.assert_allclose(np.diag(run(X)), sc.psi(X), rtol=1e-14)
    np.testing.assert_array_equal(within[0](POLE), 7.0 * np.eye(5))
    for run in within:
        np.testing.assert_allclose(np.diag(run(X)), sc.psi(X), rtol=1e-14)


# --- Matrices ------------------------------------------------------------------------------------

M = np.random.default_rng(1).normal(size=(3, 3)) + 3 * np.eye(3)
Z = np.random.default_rng(2).normal(size=9) * 0.3


def shifted(x):
    return M + x.reshape(3, 3)


def gram(x):
    return M @ M.T + x.reshape(3, 3)


MATRICES = {
    "solve1": lambda x: np.linalg.solve(shifted(x), x[:3]),
    "solve1 of constants": lambda x: np.linalg.solve(shifted(x), np.ones(3)),
    "solve by constants": lambda x: np.linalg.solve(M, x[:3]),
    "solve": lambda x: np.linalg.solve(shifted(x), x[:6].reshape(3, 2)),
    "transposed": lambda x: np.linalg.solve(shifted(x).T, x.reshape(3, 3).T),
    "inv": lambda x: np.linalg.inv(shifted(x)),
    "inv of constants": lambda x: np.linalg.inv(M) @ x[:3],
    "cholesky": lambda x: np.linalg.cholesky(gram(x)),
    "cholesky upper": lambda x: np.linalg.cholesky(gram(x), upper=True),
    "det": lambda x: np.linalg.det(shifted(x)),
    "slogdet": lambda x: np.linalg.slogdet(shifted(x))[1],
    "sign": lambda x: np.linalg.slogdet(shifted(x)).sign * x,
    "one by one": lambda x: np.linalg.solve(x[:1, None], x[1:2]) + np.linalg.det(x[2:3, None]),
    "stack": lambda x: np.linalg.solve(np.stack([shifted(x), M]), np.ones((2, 3, 1))),
    "norm": lambda x: np.linalg.inv(shifted(x)) @ np.linalg.cholesky(gram(x)),
}
BY_NUMPY = {"cholesky upper", "stack"}


@pytest.mark.parametrize("name", MATRICES)
def test_matrices(name):
    f = MATRICES[name]
    x = Z + 0.2
    prepared = dm.prepare(f, Z)
    assert prepared.reason is None
    assert (parts(prepared) == 1) == (name not in BY_NUMPY)
    for at in (x, Z):
        value, J = prepared.value_and_jacobian(at)
        if name not in ("norm", "inv of constants"):  # products round as they like
            np.testing.assert_array_equal(value, f(at))
        np.testing.assert_allclose(value, f(at), rtol=1e-13)
        np.testing.assert_allclose(J, dm.jacobian_fwd(f, at), rtol=1e-11, atol=1e-12)
    assert prepared.fresh_calls == 0


SINGULAR = np.array([1.0, 2.0, 2.0, 4.0])
REGULAR = np.array([3.0, 1.0, 0.5, 5.0])


@pytest.mark.parametrize("function", [np.linalg.inv, np.linalg.cholesky])
def test_singular_matrices_raise(function):
    prepared = dm.prepare(lambda x: function(x.reshape(2, 2)), REGULAR)
    bad = SINGULAR if function is np.linalg.inv else -REGULAR
    for _ in range(3):
        with pytest.raises(np.linalg.LinAlgError):
            prepared(bad)
        with pytest.raises(np.linalg.LinAlgError):
            prepared.value_and_jacobian(bad)
    fresh = dm.jacobian_fwd(lambda x: function(x.reshape(2, 2)), REGULAR + 0.1)
    np.testing.assert_allclose(prepared(REGULAR + 0.1), fresh, rtol=1e-12, atol=1e-15)


def unused(x):
    np.linalg.inv(x.reshape(2, 2))
    return x * 2


def tried(x):
    try:
        return np.linalg.cholesky(x.reshape(2, 2)).ravel()
    except np.linalg.LinAlgError:
        return x * 3


def test_a_result_that_nobody_needs_raises_too():
    prepared = dm.prepare(unused, REGULAR)
    np.testing.assert_array_equal(prepared(REGULAR + 1), 2 * np.eye(4))
    assert (prepared.replays, parts(prepared)) == (1, 1)
    with pytest.raises(np.linalg.LinAlgError):
        prepared(SINGULAR)


@pytest.mark.parametrize("first", [REGULAR, -REGULAR])
def test_failures_that_f_catches(first):
    prepared = dm.prepare(tried, first)
    for x in (REGULAR, -REGULAR, REGULAR + 1, SINGULAR - 5, REGULAR):
        np.testing.assert_allclose(prepared(x), dm.jacobian_fwd(tried, x), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("x", [SINGULAR, np.zeros(4)])
@pytest.mark.parametrize("function", [np.linalg.det, lambda a: np.linalg.slogdet(a)[1]])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_determinants_of_singular_matrices(function, x):
    def f(x):
        return function(x.reshape(2, 2))

    found = dm.prepare(f, REGULAR)(x)
    np.testing.assert_allclose(found, dm.jacobian_fwd(f, x), atol=1e-13)


def test_cofactors_of_all_but_singular_matrices_are_computed_afresh():
    def f(x):
        return np.linalg.det(x.reshape(3, 3))

    prepared = dm.prepare(f, Z + np.eye(3).ravel())
    near = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]).ravel() + 1e-9 * Z
    np.testing.assert_array_equal(prepared(near), dm.jacobian_fwd(f, near))
    assert prepared.fresh_calls == 1


def test_nan_and_inf_in_matrices():
    def f(x):
        return np.linalg.solve(x.reshape(2, 2), np.ones(2))

    prepared = dm.prepare(f, REGULAR)
    for bad in (np.nan, np.inf):
        x = np.array([bad, 1.0, 1.0, 2.0])
        np.testing.assert_array_equal(prepared(x), dm.jacobian_fwd(f, x))


# --- Second derivatives --------------------------------------------------------------------------

SCALARS = {
    "ndtr": lambda x: np.sum(sc.ndtr(x * x[::-1])),
    "log_ndtr": lambda x: np.sum(sc.log_ndtr(-x)) ** 2,
    "gammaln": lambda x: np.sum(sc.gammaln(x) * x),
    "expit": lambda x: np.sum(sc.expit(x) ** 2),
    "xlogy": lambda x: np.sum(sc.xlogy(x, x[::-1])),
    "logsumexp": lambda x: np.log(np.sum(sc.expit(np.exp(x)))),
    "erfcx": lambda x: np.sum(sc.erfcx(x)),
    "i0": lambda x: np.sum(sc.i0(x)),
    "solve": lambda x: x @ np.linalg.solve(np.eye(5) + np.outer(x, x), x),
    "solve columns": lambda x: np.sum(np.linalg.solve(np.eye(5) + np.outer(x, x), x[:, None])),
    "slogdet": lambda x: np.linalg.slogdet(np.eye(5) + np.outer(x, x))[1],
    "det": lambda x: np.linalg.det(np.eye(5) + np.outer(x, x)),
    "inv": lambda x: np.sum(np.linalg.inv(np.eye(5) + np.outer(x, x))),
    "cholesky": lambda x: np.sum(np.log(np.diag(np.linalg.cholesky(np.eye(5) + np.outer(x, x))))),
}


@pytest.mark.parametrize("name", SCALARS)
def test_hessians(name):
    f = SCALARS[name]
    prepared = dm.prepare(f, X, of="hessian")
    assert (prepared.reason, parts(prepared)) == (None, 1)
    for x in (X, SECOND):
        np.testing.assert_allclose(prepared(x), dm.hessian(f, x), rtol=1e-9, atol=1e-10)
    assert prepared.fresh_calls == 0


# --- Without Python ------------------------------------------------------------------------------


def likelihood(x):
    return sc.gammaln(x) @ np.linalg.solve(np.eye(5) + np.outer(x, x), sc.ndtr(x))


def test_nopython_code():
    run = dm.prepare(likelihood, X, of="gradient").njit("both")
    value, gradient = run(SECOND)
    np.testing.assert_allclose(value, likelihood(SECOND), rtol=1e-13)
    np.testing.assert_allclose(gradient, dm.gradient(likelihood, SECOND), rtol=1e-12)
    inverting = dm.prepare(lambda x: np.linalg.inv(x.reshape(2, 2)), REGULAR).njit()
    with pytest.raises(ValueError, match="another way"):
        inverting(SINGULAR)


def test_c_has_no_such_functions():
    prepared = dm.prepare(lambda x: sc.ndtr(x), X)
    with pytest.raises(NotImplementedError, match=r"no compiled form \(ndtr\) in C"):
        prepared.to_c("f")


def test_many_points():
    prepared = dm.prepare(likelihood, X, of="gradient")
    rows = np.linspace(0.5, 1.5, 20)[:, None] * X
    expected = [dm.gradient(likelihood, x) for x in rows]
    np.testing.assert_allclose(prepared(rows, batch=True), expected, rtol=1e-12)


# --- Padding -------------------------------------------------------------------------------------

PADS = [
    {"mode": "constant"}, {"mode": "constant", "constant_values": (1.0, 2.0)}, {"mode": "edge"},
    {"mode": "wrap"}, {"mode": "reflect"}, {"mode": "symmetric"},
    {"mode": "reflect", "reflect_type": "odd"}, {"mode": "symmetric", "reflect_type": "odd"},
    {"mode": "linear_ramp"}, {"mode": "linear_ramp", "end_values": 3.0}, {"mode": "mean"},
    {"mode": "maximum"}, {"mode": "minimum"}, {"mode": "median"},
    {"mode": "mean", "stat_length": 2},
]  # fmt: skip


@pytest.mark.parametrize("options", PADS)
@pytest.mark.parametrize("width", [2, ((1, 0), (2, 3)), 0])
def test_pad(options, width):
    def f(x):
        y = x.reshape(2, 3)
        return np.pad(y, width, **options) * 2.0

    x = np.array([3.0, 1.0, 2.0, 6.0, 5.0, 4.5])
    prepared = dm.prepare(f, x)
    for at in (x, x[::-1].copy()):
        value, J = prepared.value_and_jacobian(at)
        np.testing.assert_allclose(value, f(at), rtol=1e-15)
        np.testing.assert_array_equal(J, dm.jacobian_fwd(f, at))
    if (
        options["mode"] in ("constant", "edge", "wrap")
        or len(options) == 1
        and (options["mode"] in ("reflect", "symmetric"))
    ):
        assert (parts(prepared), prepared.fresh_calls) == (1, 0)


def test_pad_with_what_varies():
    def f(x):
        return np.pad(x[1:], 1, constant_values=x[0])

    prepared = dm.prepare(f, X)
    np.testing.assert_array_equal(prepared(SECOND), dm.jacobian_fwd(f, SECOND))


# --- What scipy.special writes in Python ---------------------------------------------------------


def masked(x):
    y = x * 2.0
    y[x > 0.6] = x[0]
    y[y < 0.7] = -1.0
    return y * np.sum(x, dtype=np.float64)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: sc.logsumexp(x),
        lambda x: sc.logsumexp(np.outer(x, x), axis=1),
        lambda x: sc.softmax(x),
        lambda x: sc.log_softmax(x),
        masked,
    ],
)
def test_sums_of_exponentials_and_masks(f):
    prepared = dm.prepare(f, X)
    assert (prepared.reason, parts(prepared)) == (None, 1)
    for x in (X, SECOND, X[::-1].copy()):
        value, J = prepared.value_and_jacobian(x)
        np.testing.assert_allclose(value, f(x), rtol=1e-14)
        np.testing.assert_allclose(J, dm.jacobian_fwd(f, x), rtol=1e-13, atol=1e-15)
    assert prepared.fresh_calls == 0
    for bad in (-np.inf, np.inf, np.nan):
        x = np.array([0.3, bad, 0.7, 1.2, 0.4])
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(prepared(x), dm.jacobian_fwd(f, x), rtol=1e-13, atol=1e-15)


def test_masks_of_another_shape():
    def f(x):
        y = np.outer(x, x)
        y[x > 0.6] = x
        return y

    def several(x):
        y = x * 1.0
        y[x > 0.6] = x[x > 0.6] ** 2
        return y

    for g in (f, several):
        prepared = dm.prepare(g, X)
        for x in (X, SECOND, X[::-1].copy()):
            np.testing.assert_allclose(prepared(x), dm.jacobian_fwd(g, x), rtol=1e-14)
