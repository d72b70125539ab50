"""Plain NumPy code, unchanged: buffers, conversions, `math`, methods, closures, modules."""

import ast
import dataclasses
import functools
import gc
import math
import threading
import types
import weakref

import adapted_module
import numpy as np
import pytest
from adapted_module import MODEL, Model, Slotted, counted, filled
from oracles import differences

import dualmc as dm
import dualmc.numpy as dnp
from dualmc.duals import levels
from dualmc.unchanged.standins.table import STANDINS

X = np.array([0.5, 1.2, 2.0])
MODES = [dm.jacobian_fwd, dm.jacobian_rev]
K = 2.5


def assert_right(f, x=X, rtol=1e-8):
    """In both modes, against differences of the plain function; and from many inputs too."""
    expected = differences(lambda x: np.asarray(f(x), float), x)
    for differentiate in MODES:
        np.testing.assert_allclose(differentiate(f, x), expected, rtol=rtol, atol=rtol)
    many = np.concatenate([x, np.ones(20)])
    J = dm.jacobian_fwd(lambda z: f(z[: x.size]), many)
    np.testing.assert_allclose(J[..., : x.size], expected, rtol=rtol, atol=rtol)


# --- Buffers and conversions ---------------------------------------------------------------------


def by_element(make):
    def f(x):
        out = make(3)
        for i in range(3):
            out[i] = x[i] * x[i - 1]
        return out

    return f


def by_slice(make):
    def f(x):
        out = make(3)
        out[1:] += x[:2] ** 2
        out[0] = x[2]
        return out * out

    return f


MAKERS = {
    "zeros": lambda n: np.zeros(n),
    "zeros shape": lambda n: np.zeros((n,)),
    "ones": lambda n: np.ones(n),
    "full": lambda n: np.full(n, 2.0),
    "eye": lambda n: np.eye(n)[0],
    "identity": lambda n: np.identity(n)[1],
    "arange": lambda n: np.arange(float(n)),
    "linspace": lambda n: np.linspace(0.0, 1.0, n),
    "zeros_like": lambda n: np.zeros_like(np.linspace(1.0, 2.0, n)),
    "full_like": lambda n: np.full_like(np.ones(n), 0.5),
    "array": lambda n: np.array([0.0] * n),
    "asarray": lambda n: np.asarray([1.0] * n),
    "array of array": lambda n: np.array(np.ones(n)),
    "copy": lambda n: np.copy(np.ones(n)),
    "from file": lambda n: np.frombuffer(np.ones(n).tobytes()).copy() if n < 0 else np.ones(n),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("program", [by_element, by_slice])
def test_a_buffer_holds_what_is_stored(program, make):
    assert_right(program(make))


def test_an_empty_buffer():
    assert_right(by_element(lambda n: np.empty(n)))
    assert_right(by_element(lambda n: np.empty_like(np.ones(n))))


CONVERSIONS = {
    "array": lambda x: np.array([[x[0], 1.0], [x[1], x[2]]]) @ np.array([x[0], 2.0]),
    "array dtype": lambda x: np.array([x[0], x[1] ** 2], dtype=float),
    "array of the input": lambda x: np.array(x) * x,
    "array ndmin": lambda x: np.array(x, ndmin=2) * x,
    "asarray": lambda x: np.asarray(x) ** 2,
    "asarray dtype": lambda x: np.asarray(x, dtype=float) ** 2,
    "asarray list": lambda x: np.asarray([x[0], x[1] * x[2]]),
    "ascontiguousarray": lambda x: np.ascontiguousarray(x[::-1]) * x,
    "asarray_chkfinite": lambda x: np.asarray_chkfinite(x) * x,
    "atleast_1d": lambda x: np.atleast_1d(x[0]) * x,
    "fromiter": lambda x: np.fromiter((v * v for v in x), float),
    "fromiter count": lambda x: np.fromiter((v * v for v in x), float, 2),
    "full": lambda x: np.full((2, 2), x[0] * x[1]),
    "full dtype": lambda x: np.full(2, x[0], dtype=float) * x[1],
    "arange": lambda x: np.arange(x[0], 3.1 + x[0], x[0] + 0.5),
    "list": lambda x: sum(list(x * x)) * x,
    "map": lambda x: np.array(list(map(math.tanh, x))),
    "sorted": lambda x: np.array(sorted(x, reverse=True)) * x,
    "zip": lambda x: np.array([a * b for a, b in zip(x, x[::-1], strict=True)]),
    "vectorize": lambda x: np.vectorize(lambda v: v**2 if v > 1 else v)(x),
    "vectorize two": lambda x: np.vectorize(lambda v, w: v * w)(x, x[0]),
    "isinstance array": lambda x: x * x if isinstance(x, np.ndarray) else x * 0,
    "isinstance float": lambda x: np.array([v * v if isinstance(v, float) else 0.0 for v in x]),
    "isscalar": lambda x: x[0] * x if np.isscalar(x[0]) else x * 0,
    "complex buffer": lambda x: by_element(lambda n: np.zeros(n, complex))(x).real,
    "2-D buffer": lambda x: (np.zeros((3, 3)) + np.eye(3) * x) @ x,
    "joined with constants": lambda x: np.hstack([np.zeros(2), x * x, [1.0]]),
    "out": lambda x: np.multiply(x, x, out=np.zeros(3)),
    "np.add.at": lambda x: add_at(x),
    "fill_diagonal": lambda x: diagonal(x),
}


def add_at(x):
    out = np.zeros(2)
    np.add.at(out, [0, 1, 1], x * x)
    return out


def diagonal(x):
    out = np.zeros((3, 3))
    np.fill_diagonal(out, x * x)
    return out


@pytest.mark.parametrize("f", CONVERSIONS.values(), ids=CONVERSIONS)
def test_a_conversion_keeps_derivatives(f):
    assert_right(f)


def test_a_buffer_without_derivative_is_a_plain_array():
    def f(x):
        out = np.zeros(3)
        out[1] = 2.0
        assert isinstance(out, np.ndarray) and out.dtype == float
        assert [0.0, 2.0, 0.0] == out.tolist() == list(out)
        assert 2.0 == float(out[1]) and 2.0 == out.sum() and "2." in str(out)
        return out * x

    assert_right(f)


def test_integer_and_boolean_buffers_stay_plain():
    def f(x):
        order, mask = np.zeros(3, int), np.ones(3, bool)
        assert type(order) is type(mask) is type(np.arange(3)) is not dm.Dual
        order[:] = [2, 0, 1]
        return x[order] * x[mask]

    assert_right(f)


# --- The module math -----------------------------------------------------------------------------

ONE = {
    "sqrt": 0.7, "exp": 0.3, "expm1": 0.1, "log": 1.7, "log1p": 0.4, "log2": 3.0, "log10": 2.0,
    "sin": 0.9, "cos": 0.9, "tan": 0.4, "asin": 0.3, "acos": 0.3, "atan": 2.0, "sinh": 0.5,
    "cosh": 0.5, "tanh": 0.5, "asinh": 0.5, "acosh": 1.5, "atanh": 0.5, "fabs": -2.0,
    "degrees": 1.0, "radians": 90.0, "erf": 0.4, "erfc": 0.4,
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_a_function_of_math(name):
    function, x = getattr(math, name), ONE[name]
    h = 1e-3
    points = [function(x + k * h) for k in (-2, -1, 1, 2)]
    slope = (points[0] - 8 * points[1] + 8 * points[2] - points[3]) / (12 * h)
    y, J = dm.value_and_jacobian_fwd(lambda x: function(x), x)
    assert function(x) == y
    np.testing.assert_allclose(J, slope, rtol=1e-8)
    np.testing.assert_allclose(dm.jacobian_rev(lambda x: function(x), x), slope, rtol=1e-8)
    np.testing.assert_allclose(dm.jacobian_fwd(function, x), slope, rtol=1e-8)


MORE_MATH = {
    "atan2": lambda x: math.atan2(x[0], x[1]),
    "hypot": lambda x: math.hypot(*x),
    "pow": lambda x: math.pow(x[0], x[1]),
    "log base": lambda x: math.log(x[1], x[2]),
    "fmod": lambda x: math.fmod(x[2], x[0] + 0.2),
    "remainder": lambda x: math.remainder(x[2], x[0] + 0.2),
    "copysign": lambda x: math.copysign(x[0], -1.0),
    "fsum": lambda x: math.fsum(x * x),
    "prod": lambda x: math.prod(x),
    "dist": lambda x: math.dist(x, [1.0, 1.0, 1.0]),
    "floor": lambda x: math.floor(x[1]) * x[0],
    "isfinite": lambda x: x[0] * x[1] if math.isfinite(x[0]) else 0.0,
    "sqrt of a number": lambda x: math.sqrt(4.0) * x[0],
}


@pytest.mark.parametrize("f", MORE_MATH.values(), ids=MORE_MATH)
def test_math_of_several_numbers(f):
    assert_right(f)


def test_math_has_pythons_errors():
    for f, error in [
        (lambda x: math.sqrt(-x[0]), ValueError),
        (lambda x: math.log(x[0] - x[0]), ValueError),
        (lambda x: math.exp(1e4 * x[0]), OverflowError),
        (lambda x: math.sin(x), TypeError),
    ]:
        with pytest.raises(error):
            f(X)
        with pytest.raises(error):
            dm.jacobian_fwd(f, X)


# --- Where code is found -------------------------------------------------------------------------


def recursive(n, x):
    if n == 0:
        return np.zeros(3)
    out = recursive(n - 1, x)
    out[n - 1] = x[n - 1] ** n
    return out


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@decorated
def wrapped(x):
    out = np.zeros(2)
    out[0], out[1] = x[0], math.sin(x[1] * x[2])
    return out


@functools.lru_cache
def cached(n):
    return np.arange(n) * 1.0


@dataclasses.dataclass
class Parameters:
    a: object
    b: float = 2.0

    def values(self, x):
        out = np.zeros(2)
        out[0], out[1] = x[0] * self.b, math.exp(x[1]) * self.a
        return out


def closure():
    count, scale = 0, 2.0

    def inner(x):
        nonlocal count
        count += 1
        out = np.zeros(3)
        out[:] = x * x * scale
        return out

    return inner


def imports(x):
    import math as m

    import numpy as n
    from numpy import ones

    out = n.zeros(2) + ones(2)
    out[0] = m.sqrt(x[0])
    return out


def inner_functions(x):
    def row(i):
        out = np.zeros(3)
        out[i] = x[i] * K
        return out

    return np.stack([row(i) for i in range(3)])


def default_arguments(x, np=np, root=math.sqrt):
    out = np.zeros(1)
    out[0] = root(x[0])
    return out


FOUND = {
    "a module's function": filled,
    "through the module": lambda x: adapted_module.filled(x),
    "method": MODEL.scaled,
    "callable": MODEL,
    "an object's method": lambda x: MODEL(x),
    "an object through its module": lambda x: adapted_module.MODEL(x),
    "an object made inside": lambda x: Model(x[0])(x),
    "static method": lambda x: Model.squares(x),
    "class method": lambda x: Model.cubes(x),
    "dataclass": lambda x: Parameters(x[2]).values(x),
    "slots": lambda x: Slotted(K).times(x),
    "recursion": lambda x: recursive(3, x),
    "decorator": wrapped,
    "cache": lambda x: cached(3) * x,
    "closure": closure(),
    "imports inside": imports,
    "inner functions": inner_functions,
    "default arguments": default_arguments,
    "partial": functools.partial(lambda p, x: np.full(3, 0.0) + x * p, 2.0),
    "partial of a method": functools.partial(MODEL.scaled),
    "getattr": lambda x: by_element(getattr(np, "zeros"))(x),  # noqa: B009
    "passed as an argument": lambda x: by_element(np.zeros)(x),
    "lambda": lambda x: (lambda out: (out.__setitem__(0, x[0] * x[1]), out)[1])(np.zeros(2)),
    "inner derivative": lambda x: dm.jacobian_fwd(
        lambda y: np.array([y[0] * x[1], math.sin(y[1]) * x[0]]), x * 1.0
    ),
    "dualmc.numpy": lambda x: by_element(dnp.zeros)(x),
}


@pytest.mark.parametrize("f", FOUND.values(), ids=FOUND)
def test_code_is_reached(f):
    assert_right(f)


def test_compiled_functions_run_as_the_python_they_were_made_of():
    numba = pytest.importorskip("numba")

    @numba.njit
    def kernel(x):
        out = np.zeros(3)
        for i in range(3):
            out[i] = math.sin(x[i]) * x[0]
        return out

    assert_right(kernel)
    assert_right(lambda x: kernel(x) + 1.0)


# --- Nothing of the user's changes ---------------------------------------------------------------


def test_global_variables_are_handed_back():
    adapted_module.calls = 0
    dm.jacobian_fwd(counted, X)
    assert 1 == adapted_module.calls and type(adapted_module.calls) is int
    assert 2 == counted(X)[0] / math.sqrt(X[0])
    dm.jacobian_fwd(counted, X, chunk_size=1)
    assert 5 == adapted_module.calls


def test_global_variables_are_handed_back_after_an_error():
    source = "def f(x):\n    global seen\n    seen = 1\n    raise KeyError\n"
    module = types.ModuleType("made_up")
    code = compile(ast.parse(source), "made_up", "exec")
    exec(code, module.__dict__)
    with pytest.raises(KeyError):
        dm.jacobian_fwd(module.f, X)
    assert 1 == module.seen


def test_data_is_as_current_as_the_module(monkeypatch):
    before = dm.jacobian_fwd(filled, X)
    monkeypatch.setattr(adapted_module, "SCALE", 6.0)
    np.testing.assert_allclose(dm.jacobian_fwd(filled, X), 2 * before, rtol=1e-15)
    monkeypatch.setattr(adapted_module, "zeros", lambda n: np.ones(n + 1))
    assert (4, 3) == dm.jacobian_fwd(filled, X).shape


def test_objects_keep_their_state():
    model = Model(1.0)
    dm.jacobian_fwd(model, X)
    assert 1 == model.uses and type(model) is Model
    assert {"shift": 1.0, "uses": 1} == model.__dict__


def test_modules_and_functions_are_as_they_were():
    before = dict(vars(adapted_module)), vars(np)["zeros"], vars(math)["sin"], filled.__globals__
    for f in FOUND.values():
        dm.jacobian_fwd(f, X)
    now = dict(vars(adapted_module)), vars(np)["zeros"], vars(math)["sin"], filled.__globals__
    before[0].pop("calls"), now[0].pop("calls")
    assert before[0].keys() == now[0].keys()
    assert all(before[0][name] is now[0][name] for name in now[0])
    assert before[1:3] == now[1:3] and before[3] is now[3]


def test_functions_are_freed():
    refs = []
    for _ in range(3):
        f = closure()
        dm.jacobian_fwd(f, X)
        refs.append(weakref.ref(f))
    del f
    gc.collect()
    assert [None] * 3 == [ref() for ref in refs]


def calling_each_other(depth):
    """Two inner functions that know each other by their closures, each with a buffer of its own."""

    def ping(x, k):
        out = np.zeros(x.size)
        out[:] = x * x if k == 0 else np.sin(pong(x, k - 1))
        return out

    def pong(x, k):
        out = np.zeros(x.size)
        out[:] = x if k == 0 else 2.0 * ping(x, k - 1)
        return out

    return lambda x: ping(x, depth)


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_closures_that_call_each_other(depth):
    f = calling_each_other(depth)
    for _ in range(2):
        assert_right(f)


def test_a_closure_is_as_current_as_its_variables():
    """Functions and data that a closure names may change from one call to the next."""

    def build():
        scale = 1.0

        def inner(x):
            out = np.zeros(x.size)
            out[:] = scale * x * x
            return out

        def other(x):
            return np.cos(x)

        def f(x):
            return inner(x) + 0.0 * scale

        def change(value):
            nonlocal scale
            scale = value

        def swap():
            nonlocal inner
            inner = other

        return f, change, swap

    f, change, swap = build()
    for value in (1.0, 3.0, -2.0):
        change(value)
        for _ in range(2):
            np.testing.assert_allclose(dm.jacobian_fwd(f, X), np.diag(2.0 * value * X), rtol=1e-15)
    swap()
    for _ in range(2):
        np.testing.assert_allclose(dm.jacobian_fwd(f, X), np.diag(-np.sin(X)), rtol=1e-15)


def test_closures_are_freed():
    f = calling_each_other(2)
    dm.jacobian_fwd(f, X)
    alive = weakref.ref(f)
    del f
    gc.collect()
    assert alive() is None


def test_stand_ins_are_the_originals_outside_of_a_call():
    assert levels.current() is None
    for standin in (STANDINS[np.zeros], dnp.zeros):
        assert type(standin(3)) is np.ndarray
    assert type(dnp.array([1.0])) is np.ndarray
    assert dnp.sin is np.sin and "zeros" in dir(dnp)


def test_threads():
    expected = dm.jacobian_fwd(MODEL.scaled, X)
    failed = []

    def work():
        try:
            for _ in range(20):
                assert np.array_equal(expected, dm.jacobian_fwd(MODEL.scaled, X))
                assert type(np.zeros(2)) is np.ndarray
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failed


# --- What cannot be reached is loud, and says where ----------------------------------------------

KEPT_ELSEWHERE = {"zeros": np.zeros}


def test_functions_kept_in_a_dictionary_are_not_reached():
    def f(x):
        out = KEPT_ELSEWHERE["zeros"](3)
        out[0] = x[0]
        return out

    with pytest.raises(dm.TangentLostError, match=r"test_adapt.py, line \d+: out\[0\] = x\[0\]"):
        dm.jacobian_fwd(f, X)


def test_an_array_made_outside_is_not_written_to():
    out = np.zeros(3)

    def f(x):
        out[0] = x[0]
        return out

    with pytest.raises(dm.TangentLostError, match="Allocate with numpy.zeros_like"):
        dm.jacobian_fwd(f, X)
    assert [0.0, 0.0, 0.0] == out.tolist()


def test_float_names_the_line():
    with pytest.raises(dm.TangentLostError, match=r"test_adapt.py, line \d+: .*float\(x\[0\]\)"):
        dm.jacobian_fwd(lambda x: np.array([float(x[0])]), X)


def test_a_missing_rule_names_the_line():
    with pytest.raises(dm.MissingRuleError, match=r"numpy.nextafter(.|\n)*test_adapt.py, line \d+"):
        dm.jacobian_fwd(lambda x: np.nextafter(x, 0.0), X)


def test_as_is():
    @dm.as_is
    def plain(x):
        out = np.zeros(3)
        out[:] = x
        return out

    for f in (plain, lambda x: plain(x) * 2):
        with pytest.raises(dm.TangentLostError):
            dm.jacobian_fwd(f, X)
    with pytest.raises(TypeError, match="as_is needs a Python function or class"):
        dm.as_is(3.0)


# --- Sparse matrices -----------------------------------------------------------------------------


def sparse_cases():
    sparse = pytest.importorskip("scipy.sparse")
    A = sparse.random(5, 3, 0.6, format="csr", random_state=1)
    B, M = sparse.coo_array(A), sparse.csc_matrix(A)
    return [
        lambda x: A @ (x * x),
        lambda x: B @ x,
        lambda x: M * x,
        lambda x: A.dot(np.outer(x, x)),
        lambda x: (x * x) @ A.T,
        lambda x: A @ np.tanh(A.T @ (A @ x)),
        lambda x: (2 * A + A) @ x,
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_sparse_matrix_times_a_dual(number):
    assert_right(sparse_cases()[number])


def test_sparse_products_stay_sparse():
    sparse = pytest.importorskip("scipy.sparse")
    n = 500
    A = sparse.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    J = dm.jacobian_fwd(lambda u: A @ u + u**2, np.ones(n), sparse=True)
    assert 3 * n - 2 == J.nnz
    assert (J != A + 2 * sparse.eye_array(n)).nnz == 0


every_mode = pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])


# --- Plain arrays in other libraries -------------------------------------------------------------


@every_mode
def test_libraries_get_plain_arrays_for_buffers_without_derivative(mode):
    sparse = pytest.importorskip("scipy.sparse")
    from scipy.interpolate import CubicSpline

    def f(x):
        knots = np.linspace(0.0, 1.0, 4)
        heights = np.zeros(4)
        heights[1:] = [1.0, 8.0, 27.0]
        D = sparse.diags_array([-np.ones(3), np.ones(2)], offsets=[0, 1])
        assert np.float64 is type(knots[1])
        return D @ x + CubicSpline(knots, heights)(0.5)

    expected = [[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [0.0, 0.0, -1.0]]
    assert np.array_equal(expected, mode(f, np.ones(3)))
    value = dm.value_and_jacobian_fwd(f, np.ones(3))[0]
    np.testing.assert_allclose(value, np.array([0.0, 0.0, -1.0]) + 1.5**3, rtol=1e-14)


@every_mode
@pytest.mark.parametrize("through", [lambda z: z, lambda z: z[1:]])
def test_an_array_that_a_library_holds_takes_no_derivative(mode, through):
    sparse = pytest.importorskip("scipy.sparse")

    def f(x):
        z = np.zeros(4)
        held = sparse.dia_array((through(z)[None, :], [0]), shape=(4, 4))
        z[0] = x[0]
        return held @ np.ones(held.shape[1]) + z[0]

    with pytest.raises(dm.TangentLostError, match="An array that a library holds as plain numbers"):
        mode(f, np.ones(3))

    def with_a_copy(x):
        z = np.zeros(4)
        sparse.csr_array(through(z).copy()[None, :])
        z[:3] = 1.0
        z[0] = x[0]
        return z[0]

    assert np.array_equal([1.0, 0.0, 0.0], mode(with_a_copy, np.ones(3)))


@every_mode
def test_sparse_matrices_made_inside_f(mode):
    sparse = pytest.importorskip("scipy.sparse")
    from scipy.sparse import csr_matrix, diags, kron

    def f(x):
        A = csr_matrix(np.eye(3) * 2.0)
        assert isinstance(A, csr_matrix)
        assert isinstance(A.tocsc().tocsr(), sparse.csr_matrix)
        assert not isinstance(A, sparse.csc_matrix)
        assert not isinstance(A, sparse.csr_array)
        assert sparse.issparse(A) and not sparse.issparse(x)
        B = diags([np.arange(1.0, 4.0)], [0]).tocsr()
        C = (A + 2 * B) @ B
        return C @ x + x @ C.T + A.dot(x) + A * x + kron(A, B).tocsr()[:3, :3] @ x

    d = np.arange(1.0, 4.0)
    expected = np.diag(2 * (2 + 2 * d) * d + 4 + 2 * d)
    assert np.array_equal(expected, mode(f, np.ones(3)))


@every_mode
@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("scipy.sparse.csr_array", lambda sp, x: sp.csr_array(np.diag(x)) @ x),
        ("scipy.sparse.coo_array", lambda sp, x: sp.coo_array((x, ([0, 1], [0, 1]))) @ x),
        ("scipy.sparse.diags", lambda sp, x: sp.diags([x], [0]) @ x),
        ("scipy.sparse.kron", lambda sp, x: sp.kron(x[:, None], np.eye(2)) @ x),
        ("csr_array.multiply", lambda sp, x: sp.csr_array(np.eye(2)).multiply(x) @ x),
        ("csr_array.__mul__", lambda sp, x: sp.csr_array(np.eye(2)) * x[0] @ x),
        ("csr_matrix.__mul__", lambda sp, x: sp.csr_matrix(np.eye(2)) * x[0] * x),
        ("csr_matrix.__rmul__", lambda sp, x: x[0] * sp.csr_matrix(np.eye(2)) * x),
        ("csr_array.__truediv__", lambda sp, x: sp.csr_array(np.eye(2)) / x[0] @ x),
        ("csr_array.__add__", lambda sp, x: sp.csr_array(np.eye(2)) + x),
    ],
)
def test_sparse_matrices_of_duals_are_refused(mode, name, f):
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(dm.MissingRuleError) as caught:
        mode(lambda x: f(sparse, x), np.ones(2))
    message = str(caught.value)
    assert message.startswith("dualmc cannot keep the derivatives of numbers stored in a SciPy")
    assert f"({name} of a Dual)" in message
    assert f"\n  at {__file__}" in message


@every_mode
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("make", [np.matrix, np.asmatrix])
def test_numpys_matrix_refuses(mode, make):
    def f(x):
        a = make(np.eye(3) * 2)
        assert isinstance(a, np.matrix)
        return np.asarray(a @ np.ones(3)).ravel() * x

    assert np.array_equal(2 * np.eye(3), mode(f, np.ones(3)))
    with pytest.raises(dm.MissingRuleError, match="does not differentiate numpy.matrix") as caught:
        mode(lambda x: make(x) * 2, np.ones(3))
    assert "and @ for products" in str(caught.value)
