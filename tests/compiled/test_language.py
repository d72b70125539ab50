"""What users write in compiled functions besides formulas: each case against its Python path."""

from collections import namedtuple

import numba
import numpy as np
import pytest
from numba import njit, objmode, prange, typed
from numba.experimental import jitclass
from numba.extending import register_jitable

import dualmc as dm

pytestmark = pytest.mark.slow

X = np.array([0.7, 0.3, -1.2])
Pair = namedtuple("Pair", "a b")
CASES = []


def case(*args):
    def register(f):
        CASES.append(pytest.param(f, args, id=f"{f.__name__}-{len(CASES)}"))
        return f

    return register


@njit
def falling(v, n):
    return v if n <= 1 else v * falling(v * 0.5, n - 1)


@njit
def even(v, n):
    return v if n == 0 else odd(v * 1.5, n - 1)


@njit
def odd(v, n):
    return -v if n == 0 else even(v + 0.1, n - 1)


@register_jitable
def cubed(v):
    return v**3


@njit
def squared(v):
    return v * v


@njit(inline="always")
def inlined(v):
    return v * v + 1.0


@njit
def products(x):
    for i in range(x.size):
        yield x[i] * i


@jitclass([("k", numba.float64), ("a", numba.float64[:])])
class Model:
    def __init__(self, k, a):
        self.k, self.a = k, a


@case(2.0)
@case()
def tuples_and_defaults(x, k=3.0):
    a, (b, c) = x[0], (x[1], k)
    pair = (a, 1.0) if a > 0 else (0.0, b)
    return a * b * c, pair[0] * pair[1], len(pair) * b


@case(Pair(1.5, 2.5))
def named_tuples(x, p):
    q, r = Pair(x[0] * p.a, 2.0), Pair(x[1], x[2])
    return q.a * q.b + r.b * r[0] + q[1]


@case("cos", None)
@case("sin", np.array([3.0]))
def options(x, name, w):
    y = np.sin(x[0]) if name == "sin" else np.cos(x[0])
    return y if w is None else y * w[0]


@case(squared)
def calls(x, g):
    def inner(v):
        return v * v + x[1]

    recursive = falling(x[0], 4) + even(x[0], 5)
    return recursive * inner(x[2]) + g(x[1]) + cubed(x[0]) + inlined(x[1])


@case()
def containers(x):
    s = 0.0
    for v in products(x):
        s += v * x[0]
    named = {"a": x[0], "b": 1.0}
    counted = {1: x[0], 2: x[1]}
    for k, v in counted.items():
        s += k * v * v
    values = [x[0], 2.0]
    values.append(x[1])
    for i, (u, v) in enumerate(zip(x, x[1:])):  # noqa: B905
        s += u * v * i
    return s + named["a"] * 3 + named["b"] + values[0] * values[1] * values[2]


@case()
def loops_and_errors(x):
    for i in range(3):
        if x[i] < 0:
            break
    else:
        return x[0]
    try:
        if x[0] > 0:
            raise ValueError("caught")
        y = x[0]
    except Exception:
        y = x[1] * 2
    while y < 3.0:
        y += x[0]
    return x[i] * y


@case(typed.List([1.0, 2.0]), Model(2.0, np.array([1.0, 2.0])))
def containers_as_arguments(x, numbers, model):
    s = model.k * x[0] + model.a[1] * x[1]
    for v in numbers:
        s += v * x[0]
    return s


@case()
def numbers_of_other_types(x):
    return np.float64(x[0]) * 2, np.float32(x[1]), np.int64(x[0] * 9) * x[1], np.bool_(x[2]) * x[2]


@pytest.mark.parametrize("f, args", CASES)
def test_as_the_python_path(f, args):
    compiled = njit(f)
    y, J = dm.jit_jacobian(compiled, chunk_size=3, value=True)(X, *args)
    np.testing.assert_array_equal(y, np.array(compiled(X, *args)))
    np.testing.assert_allclose(J, dm.jacobian_fwd(f, X, *args), rtol=1e-13, atol=1e-15)


def jacobian(f, *args, x=X):
    return dm.jit_jacobian(f, chunk_size=3)(x, *args)


# --- What the Python path has not ----------------------------------------------------------------


def test_typed_containers():
    @njit
    def f(x):
        table = typed.Dict.empty(numba.int64, numba.float64)
        table[1] = x[0]
        items = typed.List.empty_list(numba.float64)
        items.append(x[1])
        items.append(2.0)
        more = typed.List()
        more.append(x[2])
        return table[1] * 2 + items[0] * items[1] * more[0]

    np.testing.assert_allclose(jacobian(f), [2, 2 * X[2], 2 * X[1]], rtol=1e-15)


def test_parallel_runs_as_a_plain_loop():
    @njit(parallel=True)
    def f(x):
        out = np.empty(x.size)
        s = 0.0
        for i in prange(x.size):
            out[i] = x[i] ** 2
            s += x[i]
        return out * s

    expected = np.diag(2 * X) * X.sum() + (X**2)[:, None]
    np.testing.assert_allclose(jacobian(f), expected, rtol=1e-14)


@pytest.mark.parametrize("flags", [True, {"nnan", "contract"}])
def test_fast_math_knows_infinite_partials(flags):
    @njit(fastmath=flags)
    def f(x):
        return np.sqrt(x[0]) + x[1] * 0.0, np.sqrt(x[1] * x[1] + 1.0)

    got = jacobian(f, x=np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(got, [[np.inf, 0, 0], [0, 0.5 / np.sqrt(1.25), 0]], rtol=1e-14)


def test_fast_math_beside_kinks_of_second_derivatives():
    @njit(fastmath=True)
    def f(x):
        return abs(x[0]) * x[1]

    H = dm.jit_jacobian(dm.jit_jacobian(f, chunk_size=2), chunk_size=2)
    assert np.isnan(H(np.array([0.0, 2.0]))[0, 0])


def test_error_models():
    def f(x):
        return x[0] / (x[1] - 0.3), x[0] % 0.2

    for caller in (njit(f), dm.jit_jacobian(njit(f))):
        with pytest.raises(ZeroDivisionError):
            caller(X)
    J = jacobian(njit(error_model="numpy")(f))
    assert J[0, 0] == np.inf and J[0, 1] == -np.inf and J[1, 0] == 1


def test_errors_of_the_function_have_its_values():
    class Own(Exception):
        pass

    @njit
    def f(x, which):
        if which == 0:
            raise ValueError("too large", x[0], 3)
        if which == 1:
            raise Own("mine")
        return x[0]

    for which, kind, args in ((0, ValueError, ("too large", 0.7, 3)), (1, Own, ("mine",))):
        with pytest.raises(kind) as raised:
            jacobian(f, which)
        assert raised.value.args == args


def test_assertions():
    scope = {}
    exec("def f(x):\n    assert x[0] > 0.5, 'small'\n    return x[0] * 2", scope)
    f = njit(scope["f"])
    np.testing.assert_array_equal(jacobian(f), [2, 0, 0])
    with pytest.raises(AssertionError, match="small"):
        jacobian(f, x=-X)


def test_bounds_are_checked_as_in_the_function():
    @njit(boundscheck=True)
    def f(x):
        return x[x.size]

    with pytest.raises(IndexError):
        jacobian(f)


def test_declared_types_convert():
    @njit("int64(int64)")
    def twice(v):
        return v * 2

    @njit("float32(float32)")
    def single(v):
        return v * v

    @njit("float64(float64, int64)")
    def power(v, n):
        return 1.0 if n == 0 else v * power(v, n - 1)

    @njit(locals={"s": numba.float32, "total": numba.float64})
    def f(x):
        s = x[0] * 1.1
        total = 0
        for i in range(3):
            total += x[i]
        return twice(x[0] * 10.1) * x[1], single(x[0]), power(x[1], 3), s * x[2], total

    y, J = dm.jit_jacobian(f, chunk_size=3, value=True)(X)
    np.testing.assert_array_equal(y, f(X))
    a, b, c = X
    expected = [[0, 14, 0], [2 * a, 0, 0], [0, 3 * b**2, 0], [1.1 * c, 0, 1.1 * a], [1, 1, 1]]
    np.testing.assert_allclose(J, expected, rtol=1e-7)


def test_random_numbers_are_drawn_as_in_the_function():
    @njit
    def f(x):
        np.random.seed(3)  # noqa: NPY002
        return x[0] * np.random.random()  # noqa: NPY002

    np.testing.assert_array_equal(jacobian(f), [f(np.ones(3)), 0, 0])


def test_print_shows_values(capfd):
    @njit
    def f(x):
        print("at", x[0], x[1] * 2)
        return x[0]

    f(X)
    shown = capfd.readouterr().out
    jacobian(f)
    assert capfd.readouterr().out == shown


# --- What is refused -----------------------------------------------------------------------------


def stored(x, model):
    model.k = x[0]
    return model.k


def python(x, model):
    with objmode(y="float64"):
        y = float(x[0])
    return y


def complex_numbers(x, model):
    return (x[0] * 1j).imag


def made_complex(x, model):
    return abs(complex(x[0], x[1]))


def literal(x, model):
    numba.literally(model)
    return x[0]


def drawn(x, model):
    return np.random.normal(x[0], 1.0)  # noqa: NPY002


def spaced(x, model):
    return np.nextafter(x[0], x[1])


@pytest.mark.parametrize(
    "plain, model, words",
    [
        (stored, Model(1.0, X), "the attribute k holds floats"),
        (python, 0, "objmode"),
        (complex_numbers, 0, "complex numbers cannot carry derivatives"),
        (made_complex, 0, "complex numbers cannot carry derivatives"),
        (literal, 0, "let a closure hold it"),
        (drawn, 0, "normal has no compiled derivative"),
        (spaced, 0, "nextafter has no compiled derivative"),
    ],
)
def test_refused(plain, model, words):
    with pytest.raises(numba.core.errors.TypingError, match=words) as raised:
        jacobian(njit(plain), model)
    text = str(raised.value)
    assert "Ways out" in text and "Dual(" not in text
    if plain is not literal:
        assert "test_language.py, line" in text
