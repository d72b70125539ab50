"""Plans are an optimisation: with them and without, every bit of the results is the same."""

import contextlib
import gc
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
import random_arrays
from function_cases import CASES
from random_programs import MANY, SIZE, functions_of
from random_statements import Program

import dualmc as dm
from dualmc.duals.signatures import PLANS, State
from dualmc.kernels import compiling
from dualmc.tangents import structure


@contextlib.contextmanager
def switched(is_on):
    before, State.enabled = State.enabled, is_on
    PLANS.clear()
    try:
        yield
    finally:
        State.enabled = before


def bits(a):
    """The numbers of an array as integers, every NaN the same one."""
    a = np.ascontiguousarray(a)
    if a.dtype.kind in "fc":
        a = np.where(np.isnan(a), np.nan, a).astype(a.dtype)
        return a.shape, a.dtype, a.tobytes()
    return a.shape, a.dtype, a.tolist()


def outcome(derive):
    """What `derive` returns, in bits, or the error that it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            y, J = derive()
        except Exception as error:
            return type(error), str(error)
    return bits(y), bits(J.toarray() if hasattr(J, "toarray") else J)


def ways(f, x):
    """Value and Jacobian with dense tangents, with slots, and of f among many inputs."""
    n = x.size
    padded = np.concatenate([x.ravel(), np.linspace(-1, 1, max(0, MANY - n))])

    def among(z):
        return f(z[:n].reshape(x.shape) * 1.0)

    return {
        "dense": lambda: dm.value_and_jacobian_fwd(f, x),
        "sparse": lambda: dm.value_and_jacobian_fwd(f, x, sparse=True),
        "among others": lambda: dm.value_and_jacobian_fwd(among, padded),
        "few columns": lambda: dm.value_and_jacobian_fwd(f, x, chunk_size=2),
    }


def assert_same(f, x):
    for name, derive in ways(f, x).items():
        with switched(False):
            expected = outcome(derive)
        with switched(True):
            for _ in range(2):  # making the plans, and by them
                assert expected == outcome(derive), name


@pytest.mark.table
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_idiom(case):
    assert_same(case.f, np.array(case.x))


@pytest.mark.table(4)
@pytest.mark.parametrize("seed", range(100))
def test_random_programs(seed):
    f, _ = functions_of(Program(seed).source())
    assert_same(f, np.random.default_rng([seed, 1]).uniform(-1.4, 1.4, SIZE))


@pytest.mark.parametrize("seed", range(50))
def test_random_programs_of_arrays(seed):
    f = random_arrays.Program(seed).function()
    x = np.random.default_rng([seed, 1]).uniform(-1.2, 1.4, random_arrays.SIZE)
    assert_same(f, x)
    assert_same_hessian(lambda x: np.sum(np.tanh(f(x))), x)


def assert_same_hessian(f, x):
    derive = lambda: (0.0, dm.hessian(f, x))  # noqa: E731
    with switched(False):
        expected = outcome(derive)
    with switched(True):
        assert expected == outcome(derive) == outcome(derive)


# --- Where plans must give way -------------------------------------------------------------------

INF, NAN = np.inf, np.nan
EDGES = np.array([0.0, -0.0, INF, -INF, NAN, 1.5, -2.0, 1e308, 5e-324, 3.0])
C = EDGES[::-1].copy()
PLAIN = np.linspace(0.3, 2.0, 10)
OPERATIONS = {
    "constants": lambda x: [x * C, C * x, x / C, C / x, x - C, C - x, np.arctan2(x, C)],
    "numbers": lambda x: [x * 0.0, x * INF, x * NAN, x / 0.0, 0.0 / x, x * 0, x / 0, x * 2**70],
    "zeros-beside-infinities": lambda x: [
        np.exp(x) * 0.0, np.log(x) * 0.0, np.log(x) * C, np.sqrt(x) * x, x * np.log(x[0]),
    ],
    "choices": lambda x: [
        np.maximum(x, 0.0) * np.log(x), np.maximum(np.log(x), 0.0), np.minimum(C, np.log(x)),
        np.fmax(np.log(x), np.sqrt(x)), np.heaviside(x, 0.5), np.copysign(x, -1.0),
    ],
    "powers": lambda x: [x**2.5, 2.0**x, np.abs(x) ** x, x**0, x**3, x**-1, np.fmod(x, 2.0)],
    "two": lambda x: [x * x, x / x, x - x, x / x[::-1], np.hypot(x, x[::-1]), x * np.sum(x[5:7])],
    "elements": lambda x: [x * x[5], x / x[0], x[5] - x, x[5] * x[6] + C, x[0] / x[5] * x],
    "dtypes": lambda x: [x * True, x * np.float32(1.5), x + np.int8(3), x * list(range(10))],
    "memory-orders": lambda x: [
        np.sin(x.reshape(2, 5).T).ravel(), (x.reshape(2, 5).T * x.reshape(5, 2)).ravel(),
        (x.reshape(2, 5).T * np.ones((5, 2))).ravel(), x * np.arange(20.0)[::2],
        x * np.broadcast_to(2.0, 10), x[::-2] * x[::2],
    ],
    "shapes": lambda x: [
        x * np.array(2.0), (x.reshape(2, 5) * np.arange(5.0)).ravel(),
        (x.reshape(2, 5) / x[:5]).ravel(), (x[:3, None] - x[None, :4]).ravel(),
        np.sin(x[:0]) * x[:0], x[:0] * 2.0, np.add(x[5:6].reshape(()), x[6:7].reshape(())),
    ],
    "views": lambda x: _written(x),
    "caught": lambda x: _caught(x),
}  # fmt: skip


def _written(x):
    """Views of what is written to in between, by every way to write."""
    y = np.zeros_like(x)
    y[:3] = x[:3]
    view, found = y[1:4], []
    found.append(view * 2.0)
    y[1] = x[5] * 3
    found.append(view * 2.0)
    y[2:] += x[2:]
    found += [view * x[5], np.sin(view), y]
    z = x * 1.0
    view, inner = z[2:], z[2:][1:]
    found.append(inner * 2.0)
    z *= 3.0
    found.append(inner * 2.0)
    inner[...] = x[:7]
    found.append(np.sin(view))
    view -= 1.0
    found += [z * z, view / inner[0]]
    return found


def _caught(x):
    y = x
    with np.errstate(all="raise"):
        for g in (
            lambda: x / 0.0,
            lambda: np.log(x * 0 - 1.0),
            lambda: np.exp(x * 1e5),
            lambda: x * x * 1e308,
        ):
            try:
                y = y + g()
            except FloatingPointError:
                y = y * 2.0
    return [y]


@pytest.mark.parametrize("x", [EDGES, PLAIN, -PLAIN], ids=["edges", "positive", "negative"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_edges(name, x):
    operation = OPERATIONS[name]
    assert_same(lambda x: np.concatenate([np.ravel(y) for y in operation(x)]), x)


@pytest.mark.parametrize("name", ["two", "powers", "shapes"])
def test_second_derivatives(name):
    operation = OPERATIONS[name]

    def f(x):
        return sum(np.sum(np.sin(y)) for y in operation(x))

    assert_same_hessian(f, PLAIN)


def test_warnings_are_those_of_the_general_handlers():
    def messages(f):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            dm.jacobian_fwd(f, EDGES)
        return {str(warning.message) for warning in found}

    for f in (lambda x: x / C, lambda x: x * x, lambda x: np.log(x), lambda x: C / x - 1e308 * x):
        with switched(False):
            expected = messages(f)
        with switched(True):
            messages(f)
            assert expected == messages(f)
        assert expected


# --- Signatures ----------------------------------------------------------------------------------


def inside(f, x=PLAIN, **options):
    """What `f` returns of a Dual, while the call is under way."""
    found = []

    @dm.as_is
    def run(x):
        found.append(f(x))
        return x

    dm.jacobian_fwd(run, x, **options)
    return found[0]


@pytest.mark.parametrize("options", [{}, {"sparse": True}], ids=["blocks", "slots"])
def test_equal_operands_share_a_signature_and_its_plans(options):
    @dm.as_is
    def f(x):
        y = x * 2.0
        z = np.sin(y)
        assert y._signature is z._signature is not None
        return {np.sin, (np.multiply, float)} <= z._signature.plans.keys()

    with switched(True):
        assert inside(f, **options)


def test_a_write_changes_the_signature():
    @dm.as_is
    def f(x):
        y = x * 2.0
        before = y._signature
        y[0] = 1.0
        return before, y._signature

    before, after = inside(f)
    assert before is not None and after is None


def test_signatures_keep_no_columns_alive():
    @dm.as_is
    def f(x):
        y = x[np.arange(10)[::-1].copy()]  # columns of its own
        signature = (y * 2.0)._signature
        return signature, weakref.ref(y._tangent.col)

    signature, col = inside(f, sparse=True)
    structure.forget()
    gc.collect()
    assert col() is None and signature.column() is None


def test_a_dual_of_a_finished_call_is_refused():
    stored = []
    dm.jacobian_fwd(lambda x: stored.append(x * 2.0) or x, PLAIN)
    with pytest.raises(dm.TangentLostError):
        dm.jacobian_fwd(lambda x: stored[0] * 2.0 + x, PLAIN)


def test_two_calls_of_one_structure_do_not_mix():
    def f(x):
        return dm.jacobian_fwd(lambda z: z * x + z * z, x * 2.0)

    J = dm.jacobian_fwd(f, PLAIN[:3])
    for i in range(3):
        assert J[i, i, i] == 5.0
    assert np.count_nonzero(J) == 3


def test_plans_of_many_threads():
    def f(x):
        return np.sin(x) * x + x[0] / x - 2.0 * np.exp(x[::-1])

    expected = bits(dm.jacobian_fwd(f, PLAIN))
    PLANS.clear()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: bits(dm.jacobian_fwd(f, PLAIN)), range(64)))
    assert set(found) == {expected}


def test_a_kernel_that_would_misread_an_array_is_told():
    """What ``DUALMC_DEBUG=1`` checks of every launch."""
    types = tuple(numba.typeof(np.ones(shape)) for shape in ((3,), (2, 3)))
    launched = compiling.checked(lambda a, b: a.size + b.size, types)
    assert 9 == launched(np.ones(3), np.ones((2, 3)))
    for a in (np.ones((3, 1)), np.ones(6)[::2], np.ones(3, np.float32), [1.0, 2.0, 3.0]):
        with pytest.raises(AssertionError, match="met"):
            launched(a, np.ones((2, 3)))
    with pytest.raises(AssertionError, match="met"):
        launched(np.ones(3), np.ones((3, 2)).T)
