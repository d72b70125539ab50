"""`Prepared.cfunc`: what was prepared, at an address; oracles are closed forms and SciPy."""

import ctypes
import math
import pickle
import threading

import numba
import numpy as np
import pytest
from oracles import assert_close, complex_step
from scipy import LowLevelCallable, integrate, ndimage

import dualmc as dm

pytestmark = pytest.mark.slow

VECTOR = "double (int, double *, void *)"
RATES = "void (double, double *, double *, double *)"
U = np.array([1.0, 2.0])
P = np.array([3.0, 4.0])


def pointers(*arrays):
    return [a.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for a in arrays]


def wave(t, a):
    return np.sin(a * t)


def rates(t, u, p):
    """Two ways, which t decides."""
    return [p[0] * u[1] * u[0], -u[0] * t if t < 1 else u[1] * p[1]]


def jacobian_of_rates(t, u, p):
    return [[p[0] * u[1], p[0] * u[0]], [-t, 0.0] if t < 1 else [0.0, p[1]]]


def value_of_rates(t, u, p):
    return [p[0] * u[1] * u[0], -u[0] * t if t < 1 else u[1] * p[1]]


@pytest.fixture(scope="module")
def prepared():
    return dm.prepare(rates, 0.5, U, P, argnums=1)


# --- SciPy ---------------------------------------------------------------------------------------


def test_quad_integrates_a_partial():
    partial = dm.prepare(wave, 0.5, 2.0, argnums=1).cfunc(VECTOR)
    for a in (2.0, 0.3):
        y, _ = integrate.quad(LowLevelCallable(partial.ctypes), 0.0, 1.0, args=(a,))
        assert y == pytest.approx(math.sin(a) / a - (1 - math.cos(a)) / a**2, rel=1e-13)
    partial.check()


@pytest.mark.parametrize("signature", ["double (double)", "double (double, void *)"])
def test_quad_integrates_functions_of_one_number(signature):
    square = dm.prepare(lambda t: t**3, 0.5).cfunc(signature)
    assert square.signature == signature
    y, _ = integrate.quad(LowLevelCallable(square.ctypes), 0.0, 2.0)
    assert y == pytest.approx(8.0, rel=1e-14)
    value = dm.prepare(lambda t: t**3, 0.5).cfunc(signature.replace(" ", ""), "value")
    y, _ = integrate.quad(LowLevelCallable(value.ctypes), 0.0, 2.0)
    assert y == pytest.approx(4.0, rel=1e-14)


@pytest.mark.parametrize("signature", [VECTOR, "double (int, double *)"])
def test_nquad_integrates_an_entry_of_a_vector_function(signature):
    prepared = dm.prepare(lambda x: np.array([x[0] ** 2 * x[1], x[0] + x[1] ** 3]), U)
    for entry, expected in (((0, 1), 1 / 3), ((1, 1), 1.0), ((-2, -1), 1 / 3)):
        c = prepared.cfunc(signature, entry=entry)
        y, _ = integrate.nquad(LowLevelCallable(c.ctypes), [(0, 1), (0, 1)])
        assert y == pytest.approx(expected, rel=1e-13)
    value = prepared.cfunc(signature, "value", entry=1)
    y, _ = integrate.nquad(LowLevelCallable(value.ctypes), [(0, 1), (0, 1)])
    assert y == pytest.approx(0.75, rel=1e-13)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_another_branch_is_not_integrated_over():
    kinked = dm.prepare(lambda t: t**2 if t < 1 else -t, 0.5)
    c = kinked.cfunc("double (double)")
    y, _ = integrate.quad(LowLevelCallable(c.ctypes), 0.0, 2.0)
    assert math.isnan(y) and c.failed
    with pytest.raises(ValueError, match="f goes another way there"):
        c.check()
    c.check()  # noted once
    whole = kinked.cfunc("double (double)", points=[(1.5,)])
    y, _ = integrate.quad(LowLevelCallable(whole.ctypes), 0.0, 2.0, points=[1.0])
    assert y == pytest.approx(0.0, abs=1e-14)
    whole.check()


def test_the_count_of_numbers_is_checked():
    c = dm.prepare(wave, 0.5, 2.0, argnums=1).cfunc(VECTOR)
    assert math.isnan(c.ctypes(3, *pointers(np.ones(3)), None))
    with pytest.raises(ValueError, match="n is not the count"):
        c.check()
    assert c.ctypes(2, *pointers(np.array([0.5, 2.0])), None) == 0.5 * math.cos(1.0)


def test_generic_filter_takes_an_entry():
    def f(x):
        return np.exp(x[0] * x[2]) if x[1] < 5 else x[1]

    c = dm.prepare(f, np.ones(3)).cfunc("int (double *, npy_intp, double *, void *)", entry=2)
    image = np.linspace(0.1, 1.0, 7)
    found = ndimage.generic_filter(image, LowLevelCallable(c.ctypes), size=3)
    padded = np.pad(image, 1, mode="symmetric")
    assert_close(padded[:-2] * np.exp(padded[:-2] * padded[2:]), found, 1e-14)
    for other, size in ((image, 5), (image * 9, 3)):
        with pytest.raises(RuntimeError):
            ndimage.generic_filter(other, LowLevelCallable(c.ctypes), size=size)
        with pytest.raises(ValueError, match="another way|the count"):
            c.check()


# --- Solvers of differential equations -----------------------------------------------------------


def test_rates_and_their_jacobian(prepared):
    du, J = np.empty(2), np.empty((2, 2))
    value, jacobian = prepared.cfunc(RATES, "value"), prepared.cfunc(RATES)
    by_columns = prepared.cfunc(RATES, order="F")
    value.ctypes(0.5, *pointers(U, du, P))
    assert_close(value_of_rates(0.5, U, P), du, 1e-15)
    jacobian.ctypes(0.25, *pointers(U, J, P))
    assert_close(jacobian_of_rates(0.25, U, P), J, 1e-15)
    by_columns.ctypes(0.25, *pointers(U, J, P))
    assert_close(jacobian_of_rates(0.25, U, P), J.T, 1e-15)
    for c in (value, jacobian, by_columns):
        c.check()
        c.ctypes(1.5, *pointers(U, J, P))  # the other way
        assert np.isnan(J.reshape(-1)[:2]).all() and (c is value or np.isnan(J).all())
        with pytest.raises(ValueError, match="another way"):
            c.check()


def test_numba_calls_addresses_as_solvers_do():
    """A Runge-Kutta step per call, as numbalsoda would make them, against SciPy."""
    pendulum = dm.prepare(lambda t, u, g: [u[1], -g * np.sin(u[0])], 0.0, U, 9.81, argnums=1)
    rhs = pendulum.cfunc(RATES, "value").ctypes

    @numba.njit
    def solved(u, steps, h, p):
        k = np.empty((4, 2))
        for i in range(steps):
            rhs(i * h, u.ctypes, k[0].ctypes, p.ctypes)
            for j, c in ((1, 0.5), (2, 0.5), (3, 1.0)):
                v = u + c * h * k[j - 1]
                rhs(i * h + c * h, v.ctypes, k[j].ctypes, p.ctypes)
            u = u + h * (k[0] + 2 * k[1] + 2 * k[2] + k[3]) / 6
        return u

    found = solved(U, 4000, 1e-3 / 4, np.array([9.81]))
    solution = integrate.solve_ivp(
        lambda t, u: [u[1], -9.81 * math.sin(u[0])], (0, 1), U, method="DOP853", rtol=1e-13,
        atol=1e-13,
    )  # fmt: skip
    assert_close(solution.y[:, -1], found, 1e-11)


def test_rates_of_states_alone_and_refusals(prepared):
    squares = dm.prepare(lambda u: u**2, U).cfunc(RATES)
    J = np.empty((2, 2))
    squares.ctypes(0.0, *pointers(U, J), None)
    assert_close(np.diag(2 * U), J, 1e-15)
    for f, args, why in (
        (lambda u, t: u * t, (U, 0.5), "of f.u. or f.t, u"),
        (lambda t, u: u[:1] * t, (0.5, U), "1 rates of 2 states"),
    ):
        with pytest.raises(NotImplementedError, match=why):
            dm.prepare(f, *args).cfunc(RATES, "value")


def test_the_jacobian_on_its_argument_is_nan():
    jacobian = dm.prepare(lambda u: u**2, U).cfunc(RATES)
    memory = np.arange(1.0, 6.0)
    jacobian.ctypes(0.0, *pointers(memory[3:], memory), None)
    assert np.isnan(memory[:4]).all()
    with pytest.raises(ValueError, match="shares memory"):
        jacobian.check()


# --- Plain pointers ------------------------------------------------------------------------------

FUNCTIONS = {
    "sums": lambda x: np.sum(x**2) * x + np.cumsum(np.sin(x)),
    "products": lambda x: (x.reshape(2, 2) @ np.exp(x.reshape(2, 2))).ravel(),
    "constants": lambda x: np.array([1.0, x[0] * x[1], 5.0, x[2]]),
    "nothing": lambda x: x[:0],
    "constant": lambda x: np.ones(3),
    "moves": lambda x: np.concatenate([x[::-1], np.roll(x, 1) * x, x[1:2]]),
    "pools": lambda x: np.tanh(np.concatenate([x[:2], [0.5], x[2:] ** 2])) @ np.ones((5, 5)),
}


@pytest.mark.parametrize("on_stack", [2**11, 0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_jacobians_of_all_sorts(name, on_stack, monkeypatch):
    monkeypatch.setattr("dualmc.replay.machine.alone.ON_STACK", on_stack)
    f = FUNCTIONS[name]
    both = dm.prepare(f, np.ones(4)).cfunc(what="both")
    assert both.signature == "int64_t (double *, double *, double *)"
    for seed in range(2):
        x = np.random.default_rng(seed).normal(size=4)
        y, J = np.full(f(x).shape, 7.0), np.full((f(x).size, 4), 7.0)
        assert both.ctypes(*pointers(x, y, J)) == 0
        assert_close(f(x), y, 1e-14)
        assert_close(complex_step(f, x), J, 1e-13)


@pytest.mark.parametrize("what, expected", [("value", value_of_rates), (None, jacobian_of_rates)])
def test_one_result_has_one_pointer(prepared, what, expected):
    c = prepared.cfunc(what=what or "derivative")
    guarded = np.zeros(8)  # nothing is written beside the result
    size = np.size(expected(0.5, U, P))
    for _ in range(100):
        assert c.ctypes(*pointers(np.array(0.5), U, P, guarded[2:])) == 0
    assert_close(np.ravel(expected(0.5, U, P)), guarded[2 : 2 + size], 1e-15)
    np.testing.assert_array_equal(np.delete(guarded, np.s_[2 : 2 + size]), 0.0)


def test_states_that_are_returned():
    both = dm.prepare(lambda x: np.sqrt(x) if x[0] < 2 else x, np.ones(2)).cfunc(what="both")
    y, J = np.ones(2), np.ones((2, 2))
    assert both.ctypes(*pointers(np.array([3.0, 1.0]), y, J)) == 1
    assert np.isnan(y).all() and np.isnan(J).all()
    assert both.ctypes(*pointers(np.array([0.0, 1.0]), y, J)) == 2
    assert np.isnan(y).all() and np.isnan(J).all()
    memory = np.arange(8.0)
    assert both.ctypes(*pointers(memory, y, memory[1:])) == 4
    assert both.ctypes(*pointers(np.ones(2), memory[3:], memory)) == 4
    np.testing.assert_array_equal(memory, np.arange(8.0))
    assert both.failed == 1 | 2 | 4


# --- Life ----------------------------------------------------------------------------------------


def test_an_address_outlives_its_objects():
    address = dm.prepare(lambda t: t**3, 0.5).cfunc("double (double)").address
    dm.prepare(np.cos, U)
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(address)(2.0) == 12.0


def test_threads_may_call_at_once(prepared):
    c = prepared.cfunc()
    found = {}

    def work(k):
        t, u, J = np.array(0.1 * k), U + k, np.empty((2, 2))
        for _ in range(2000):
            assert c.ctypes(*pointers(t, u, P, J)) == 0
        found[k] = J

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, J in found.items():
        assert_close(jacobian_of_rates(0.1 * k, U + k, P), J, 1e-15)


def test_pickled_it_is_made_again():
    prepared = dm.prepare(rates, 0.5, U, P, argnums=1)
    c = prepared.cfunc(RATES, points=[(1.5, U, P)], order="F")
    again = pickle.loads(pickle.dumps(c))
    assert again.address != c.address and again.signature == c.signature
    J = np.empty((2, 2))
    for t in (0.5, 2.5):
        again.ctypes(t, *pointers(U, J, P))
        assert_close(jacobian_of_rates(t, U, P), J.T, 1e-15)


# --- What there is not ---------------------------------------------------------------------------


@pytest.mark.parametrize("options, error, words", [
    ({"signature": "float (float)"}, ValueError, "signature must be None or one of"),
    ({"signature": VECTOR}, ValueError, r"shape \(2, 2\). Say which with entry="),
    ({"signature": VECTOR, "entry": (0, 2)}, ValueError, "is no position"),
    ({"signature": VECTOR, "entry": 1}, ValueError, "is no position"),
    ({"signature": VECTOR, "entry": (0, "x")}, ValueError, "is no position"),
    ({"signature": VECTOR, "entry": (0, 0.0)}, ValueError, "is no position"),
    ({"entry": 1}, ValueError, "entry has no meaning"),
    ({"order": "A"}, ValueError, 'order must be "C" or "F"'),
    ({"order": "F"}, ValueError, 'order="F" is of the dense derivative'),
    ({"signature": RATES, "what": "value", "order": "F"}, ValueError, 'order="F" is of'),
    ({"signature": RATES, "what": "both"}, NotImplementedError, "one result"),
    ({"signature": "double (double)", "entry": (0, 0)}, NotImplementedError, "of one number"),
    ({"what": "jacobian"}, ValueError, "what must be one of"),
])  # fmt: skip
def test_what_there_is_not(prepared, options, error, words):
    with pytest.raises(error, match=words):
        prepared.cfunc(**options)
