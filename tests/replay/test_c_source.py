"""`to_c`: C source with the bits of the prepared function, that says where f goes elsewhere."""

import ctypes
import math
import shutil
import subprocess

import numpy as np
import pytest

import dualmc as dm
from dualmc.replay.arithmetic.arrays import each, given
from dualmc.replay.arithmetic.scalars import SCALARS
from dualmc.replay.machine import c_text, native
from dualmc.replay.machine.operations import FUNCTIONS
from dualmc.replay.machine.schedule import Memory, plan

COMPILER = shutil.which("cc")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
STRICT = "-std=c99 -Wall -Wextra -pedantic -Werror -O2 -ffp-contract=off -shared -fPIC".split()
X = np.array([0.5, 1.5, -0.25, 2.0])


def compiled(source, folder, name):
    """``run(*inputs, value, derivative)`` of arrays."""
    text, library = folder / f"{name}.c", folder / f"{name}.so"
    text.write_text(source)
    command = [COMPILER, *STRICT, str(text), "-o", str(library), "-lm"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    function = ctypes.CDLL(str(library))[name]

    def run(*arrays):
        return function(*(ctypes.c_void_p(a.ctypes.data) for a in arrays))

    return run


def stencil(x):
    return np.roll(x, 1) * np.sin(x) - np.exp(np.roll(x, -1)) / (1.0 + x**2)


def product(x):
    return np.outer(x, x) @ np.cumsum(x) + np.max(x) * np.where(x > 0, x, np.tanh(-x))


def branching(x):
    y = x * 2.0
    for i in range(4):
        if x[i] > 1.0:
            y = y * x[i]
    return y


def number(x):
    return np.sum(np.exp(x[1:]) * x[:-1] ** 3) / (1.0 + x[0] ** 2)


def scaled(t, x, k):
    return k * np.abs(x) ** 1.5 * t + np.mod(x, 0.7) + np.floor(x) * np.sign(x)


def many(x):
    return np.cumsum(np.sin(x) * x[0]) + np.hypot(x, 1.0)


V = np.array([1.0, -2.0, 0.5, 0.125])
LONG = np.linspace(-1.0, 1.0, 2500)
CASES = {
    "stencil": (stencil, (X,), {}),
    "csr": (stencil, (X,), {"sparse": True}),
    "product": (product, (X,), {}),
    "branching": (branching, (X,), {}),
    "gradient": (number, (X,), {"of": "gradient"}),
    "hessian": (number, (X,), {"of": "hessian"}),
    "sparse_hessian": (number, (X,), {"of": "hessian", "sparse": True}),
    "hvp": (number, (X, V), {"of": "hvp"}),
    "jvp": (stencil, (X, V), {"of": "jvp"}),
    "vjp": (stencil, (X, V), {"of": "vjp"}),
    "scaled": (scaled, (2.0, X, 1.25), {"argnums": (0, 1)}),
    "large_sparse": (stencil, (LONG,), {"sparse": True}),
    "large_dense": (stencil, (LONG[::20].copy(),), {}),
}


def flat(J):
    if isinstance(J, tuple):
        rows = np.size(J[-1]) // 4  # of the cases here x has four numbers
        return np.concatenate([np.reshape(part, (rows, -1)) for part in J], 1).reshape(-1)
    return (J.data if hasattr(J, "indptr") else np.asarray(J)).reshape(-1)


@pytest.mark.parametrize("name", CASES)
def test_the_bits_of_the_prepared_function(name, tmp_path, always_replayed):
    f, at, options = CASES[name]
    if options.get("sparse"):
        pytest.importorskip("scipy")
    J = dm.prepare(f, *at, **options)
    assert J.reason is None
    run = compiled(J.to_c(name), tmp_path, name)
    for factor in (1.0, 0.75):
        args = [np.array(factor * np.asarray(a, float)) for a in at]
        y, J_x = J.value_and_jacobian(*(float(a) if a.ndim == 0 else a for a in args))
        value, derivative = np.full(np.size(y), 7.0), np.full(flat(J_x).size, 7.0)
        assert 0 == run(*args, value, derivative)
        np.testing.assert_array_max_ulp(derivative, flat(J_x), 4)
        np.testing.assert_array_max_ulp(value, np.asarray(y, float).reshape(-1), 4)
    assert J.fresh_calls == 0


VALUES = np.array([-2.5, -1.0, -0.3, -0.0, 0.0, 0.4, 1.0, 1.7, 3.0, np.inf, -np.inf, np.nan])


def test_every_operation(tmp_path):
    """On special numbers too: beside the machine code of the same plan."""
    a, b = (np.ascontiguousarray(m).ravel() for m in np.meshgrid(VALUES, VALUES))
    n = a.size
    parts, expected = ["#include <math.h>"], {}
    for op, scalar in SCALARS.items():
        given_arrays = [given(k, (n,)) for k in range(2)]
        operands = [
            each("truth", given_arrays[k % 2]) if kind == "b" else given_arrays[k % 2]
            for k, kind in enumerate(scalar.takes)
        ]
        array = each(op, *operands)
        array = each("number", array) if array.is_bool else array
        made = plan([(array, Memory(n, "out"), np.arange(n), "set")])
        text = c_text.Text(native.Written(made, {}, 2), f"op_{op}")
        parts += [*text.tables(), *(f.removeprefix("static ") for f in text.functions)]
        out = np.zeros(n)
        code = native.coded(made, {}, 2)
        code.run(a, b, code.work.copy(), out)
        expected[op] = out, text.names
    source = tmp_path / "ops.c"
    source.write_text("\n\n".join(parts))
    library = str(tmp_path / "ops.so")
    subprocess.run([COMPILER, *STRICT, str(source), "-o", library, "-lm"], check=True)
    library = ctypes.CDLL(library)
    work = np.zeros(4 * n)
    for op, (wanted, (name,)) in expected.items():
        out = np.zeros(n)
        library[name](*(ctypes.c_void_p(x.ctypes.data) for x in (a, b, work, out)))
        is_nan = np.isnan(wanted)
        assert (is_nan == np.isnan(out)).all(), op
        np.testing.assert_array_max_ulp(out[~is_nan], wanted[~is_nan], 1)
        assert (np.signbit(out) == np.signbit(wanted))[~is_nan].all(), op
        if op not in FUNCTIONS:
            assert out[~is_nan].tobytes() == wanted[~is_nan].tobytes(), op


def test_arithmetic_has_the_same_bits(tmp_path):
    def f(x):
        y = x / 3.0
        for _ in range(20):
            y = y * x + np.sqrt(x) / (y - 2.0)
        return y

    J = dm.prepare(f, np.ones(3))
    run = compiled(J.to_c(), tmp_path, "f")
    for x in np.random.default_rng(2).uniform(0.1, 1.2, (20, 3)):
        value, derivative = np.zeros(3), np.zeros((3, 3))
        assert 0 == run(x, value, derivative)
        y, J_x = J.value_and_jacobian(x)
        assert (value.tobytes(), derivative.tobytes()) == (y.tobytes(), J_x.tobytes())


def test_a_closed_form(tmp_path):
    def rosenbrock(x):
        return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2

    run = compiled(dm.prepare(rosenbrock, np.ones(2), of="hessian").to_c("h"), tmp_path, "h")
    a, b = 0.3, -1.7
    gradient, hessian = np.zeros(2), np.zeros((2, 2))
    assert 0 == run(np.array([a, b]), gradient, hessian)
    np.testing.assert_allclose(
        gradient, [-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)], rtol=1e-15
    )
    expected = [[1200 * a * a - 400 * b + 2, -400 * a], [-400 * a, 200]]
    np.testing.assert_allclose(hessian, expected, rtol=1e-15)


def test_another_way_and_what_is_not_finite(tmp_path):
    def f(x):
        return np.sqrt(x) if x[0] < 1 else x * math.pi

    J = dm.prepare(f, np.array([0.5, 4.0]))
    run = compiled(J.to_c("one"), tmp_path, "one")
    value, derivative = np.zeros(2), np.zeros((2, 2))
    assert 1 == run(np.array([2.0, 4.0]), value, derivative)
    assert np.isnan(value).all() and np.isnan(derivative).all()
    assert 2 == run(np.array([0.5, 0.0]), value, derivative)
    assert np.isnan(value).all() and np.isnan(derivative).all()
    assert 0 == run(np.array([0.25, 4.0]), value, derivative)
    np.testing.assert_array_equal(derivative, [[1.0, 0.0], [0.0, 0.25]])
    both = compiled(J.to_c("two", points=[(np.array([2.0, 4.0]),)]), tmp_path, "two")
    assert 0 == both(np.array([2.0, 4.0]), value, derivative)
    np.testing.assert_array_equal(derivative, math.pi * np.eye(2))
    assert 0 == both(np.array([0.25, 4.0]), value, derivative)
    np.testing.assert_array_equal(derivative, [[1.0, 0.0], [0.0, 0.25]])


def test_the_pattern_and_single_results(tmp_path):
    pytest.importorskip("scipy")
    J = dm.prepare(stencil, X, sparse=True)
    source = J.to_c("g", what="derivative")
    run = compiled(source, tmp_path, "g")
    library = ctypes.CDLL(str(tmp_path / "g.so"))
    expected = J(X)
    for name in ("indptr", "indices"):
        found = getattr(expected, name)
        given = (ctypes.c_int * found.size).in_dll(library, f"g_{name}")
        assert found.tolist() == list(given)
    derivative = np.zeros(expected.nnz)
    assert 0 == run(X, derivative)
    np.testing.assert_array_max_ulp(derivative, expected.data, 4)
    value = np.zeros(4)
    assert 0 == compiled(J.to_c("v", what="value"), tmp_path, "v")(X, value)
    np.testing.assert_allclose(value, stencil(X), rtol=1e-15)


def test_names():
    J = dm.prepare(lambda x: x**2, X)
    for name in (None, "2x", "a b", "x()", 3, "", "é"):
        with pytest.raises(ValueError, match=r"Prepared.to_c: name must be a name in C, got"):
            J.to_c(name)
    for name in ("double", "value", "memcpy", "exp"):
        with pytest.raises(ValueError, match="is taken in C; give another name="):
            J.to_c(name)
    with pytest.raises(ValueError, match="what must be one of"):
        J.to_c("f", what="all")


def test_arguments_whose_names_are_taken_in_c(tmp_path):
    def f(double, w):
        return double * w

    run = compiled(dm.prepare(f, X, 2.0).to_c(), tmp_path, "f")
    value, derivative = np.zeros(4), np.zeros((4, 4))
    assert 0 == run(X, np.array([3.0]), value, derivative)
    np.testing.assert_array_equal(derivative, 3.0 * np.eye(4))


@pytest.mark.parametrize(
    ("f", "options", "why"),
    [
        (lambda x: np.linalg.solve(np.diag(x), x**2), {}, r"have no compiled form \(solve\)"),
        (lambda x: np.sort(x) ** 2, {}, r"have no compiled form \(sort\)"),
        (lambda x: x**2, {"layout": "denominator"}, 'layout="denominator" is not served'),
        (lambda x: x**2, {"sparse": "csc"}, 'sparse="csc" is not served'),
    ],
)
def test_what_has_no_source(f, options, why, always_replayed):
    if options.get("sparse"):
        pytest.importorskip("scipy")
    with pytest.raises(NotImplementedError, match=why):
        dm.prepare(f, X, **options).to_c("f")


def test_structures_have_none():
    J = dm.prepare(lambda p: p["a"] ** 2, {"a": X})
    with pytest.raises(NotImplementedError, match="Prepared.to_c: .* prepared for structures"):
        J.to_c("f")


def test_a_loaded_program_has_the_same_source(tmp_path):
    J = dm.prepare(many, X)
    J.save(tmp_path / "J")
    assert J.to_c() == dm.load(tmp_path / "J").to_c()
