"""Every way of asking for a Jacobian gives the same one: no mode changes a result."""

import numpy as np
import pytest
from function_cases import CASES, expected_jacobian
from oracles import among_dummies

import dualmc as dm
from dualmc.calls import seeds
from dualmc.tangents import dense_tangent, slots, structure

pytestmark = pytest.mark.table
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_mode = pytest.mark.parametrize(
    ("jacobian", "value_and_jacobian"),
    [
        (dm.jacobian_fwd, dm.value_and_jacobian_fwd),
        (dm.jacobian_rev, dm.value_and_jacobian_rev),
    ],
    ids=["forward", "reverse"],
)

DUMMIES = 40


def assert_same(expected, actual, rtol=1e-12):
    """Up to the rounding of sums taken in another order, relative to the largest entry."""
    assert expected.shape == np.shape(actual)
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=0.1 * rtol * scale)


_references = {}


def reference(case):
    """The Jacobian that every other way is compared with, found once."""
    found = _references.get(case.name)
    if found is None:
        found = _references[case.name] = dm.jacobian_fwd(case.f, case.x)
        found.flags.writeable = False
    return found


def direction(case):
    return np.random.default_rng(7).normal(size=case.x.shape)


def contracted(J, v):
    return np.tensordot(J, v, axes=v.ndim)


@every_case
def test_chunk_sizes(case):
    n = case.x.size
    expected = reference(case)
    for chunk_size in sorted({1, n // 3, n - 1, n, n + 1} - {0}):
        assert_same(expected, dm.jacobian_fwd(case.f, case.x, chunk_size=chunk_size))


@every_case
def test_reverse_mode(case):
    expected = reference(case)
    m = expected.size // case.x.size
    assert_same(expected, dm.jacobian_rev(case.f, case.x))
    for chunk_size in sorted({1, m // 3, m - 1, m, m + 1} - {0, -1}):
        assert_same(expected, dm.jacobian_rev(case.f, case.x, chunk_size=chunk_size))


@every_case
def test_reverse_mode_among_other_inputs(case):
    expected = reference(case)
    n, y_shape = case.x.size, expected.shape[: expected.ndim - case.x.ndim]
    g, z = among_dummies(case.f, case.x, DUMMIES)
    J = dm.jacobian_rev(g, z).reshape((*y_shape, n + DUMMIES))
    assert_same(expected, J[..., :n].reshape(expected.shape))
    assert not J[..., n:].any()


@every_case
def test_pullback_is_vector_times_jacobian(case):
    expected = reference(case)
    y, pullback = dm.vjp(case.f, case.x)
    assert np.array_equal(np.asarray(case.f(case.x.copy())), y, equal_nan=True)
    y_bar = np.random.default_rng(8).normal(size=np.shape(y))
    if np.asarray(y).dtype.kind == "c":
        y_bar = y_bar * (0.6 - 0.8j)
    rows = np.tensordot(y_bar, expected, axes=y_bar.ndim).real
    assert_same(rows, pullback(y_bar), rtol=1e-11)


@every_case
def test_adjoint(case):
    """<y_bar, J x_dot> = <J^T y_bar, x_dot>, up to the rounding of the terms added."""
    x_dot = direction(case)
    y, y_dot = dm.jvp(case.f, case.x, x_dot)
    _, pullback = dm.vjp(case.f, case.x)
    y_bar = np.random.default_rng(9).normal(size=np.shape(y))
    left, right = np.real(y_bar * y_dot), pullback(y_bar) * x_dot
    size = np.sum(np.abs(left)) + np.sum(np.abs(right))
    np.testing.assert_allclose(
        np.sum(left), np.sum(right), rtol=0, atol=1e-12 * max(1.0, np.nan_to_num(size))
    )


@every_mode
@every_case
def test_sparse_result(case, jacobian, value_and_jacobian):
    expected = reference(case)
    for chunk_size in (None, 2):
        J = jacobian(case.f, case.x, sparse=True, chunk_size=chunk_size)
        assert (expected.size // case.x.size, case.x.size) == J.shape
        assert J.has_canonical_format
        assert_same(expected, J.toarray().reshape(expected.shape))


@every_case
def test_sparse_start(case):
    expected = reference(case)
    n, y_shape = case.x.size, expected.shape[: expected.ndim - case.x.ndim]
    g, z = among_dummies(case.f, case.x, DUMMIES)
    for options in ({}, {"sparse": True}, {"chunk_size": 7}, {"chunk_size": 17}):
        J = dm.jacobian_fwd(g, z, **options)
        J = J.toarray() if "sparse" in options else J
        J = J.reshape((*y_shape, n + DUMMIES))
        assert_same(expected, J[..., :n].reshape(expected.shape))
        assert not J[..., n:].any()


@every_mode
@every_case
def test_memory_layouts(case, jacobian, value_and_jacobian):
    x = case.x
    expected = reference(case)
    wide = np.zeros(tuple(2 * s for s in x.shape))
    wide[tuple(slice(None, None, 2) for _ in x.shape)] = x
    backwards = tuple(slice(None, None, -1) for _ in x.shape)
    read_only = x.copy()
    read_only.flags.writeable = False
    for layout in (
        np.asfortranarray(x) if x.ndim else x,
        wide[tuple(slice(None, None, 2) for _ in x.shape)],
        x[backwards].copy()[backwards],
        read_only,
    ):
        before = layout.copy()
        y, J = value_and_jacobian(case.f, layout)
        assert np.array_equal(before, layout, equal_nan=True)
        assert np.array_equal(np.asarray(case.f(layout.copy(order="K"))), y, equal_nan=True)
        if np.array_equal(np.asarray(case.f(x.copy())), y, equal_nan=True):
            assert_same(expected, J)
        else:
            # reshape, ravel: whether they are views follows the memory, and so does the result.
            assert_same(expected_jacobian(case._replace(x=layout)), J, rtol=1e-8)


@every_case
def test_jvp_is_jacobian_times_vector(case):
    v = direction(case)
    y, y_dot = dm.jvp(case.f, case.x, v)
    assert_same(contracted(reference(case), v), y_dot, rtol=1e-11)
    assert np.array_equal(np.asarray(case.f(case.x.copy())), y, equal_nan=True)


@every_case
def test_derivative_along_a_line(case):
    x, v = case.x, direction(case)
    actual = dm.derivative(lambda t: case.f(x + t * v), 0.0)
    assert_same(contracted(reference(case), v), actual, rtol=1e-11)


@every_case
def test_derivative_along_a_line_inside_a_jacobian(case):
    """d/dt f(x + t v) at each s of an outer argument that has no influence, and at the point."""
    x, v = case.x, direction(case)
    y, J = dm.value_and_jacobian_fwd(
        lambda s: dm.derivative(lambda t: case.f(x + t * v), 0.0) * s[0], np.array([2.0, 3.0])
    )
    expected = contracted(reference(case), v)
    assert_same(2.0 * expected, y, rtol=1e-11)
    assert_same(np.stack([expected, 0.0 * expected], axis=-1), J, rtol=1e-11)


@every_mode
@every_case
def test_argnums(case, jacobian, value_and_jacobian):
    expected = reference(case)
    v = direction(case)
    J = jacobian(lambda a, z: case.f(z), "unused", case.x, argnums=1)
    assert_same(expected, J)
    J = jacobian(lambda a, z: case.f(z), "unused", case.x, argnums=-1)
    assert_same(expected, J)
    by_t, by_x = jacobian(lambda t, z: case.f(z + t * v), 0.0, case.x, argnums=(0, 1))
    assert_same(expected, by_x)
    assert_same(contracted(expected, v), by_t, rtol=1e-11)
    by_x, by_t = jacobian(lambda t, z: case.f(z + t * v), 0.0, case.x, argnums=(1, 0))
    assert_same(expected, by_x)
    assert_same(contracted(expected, v), by_t, rtol=1e-11)


@every_mode
@every_case
def test_denominator_layout(case, jacobian, value_and_jacobian):
    expected = reference(case)
    y_ndim = expected.ndim - case.x.ndim
    transposed = np.moveaxis(expected, range(y_ndim), range(-y_ndim, 0)) if y_ndim else expected
    assert_same(transposed, jacobian(case.f, case.x, layout="denominator"))
    sparse = jacobian(case.f, case.x, layout="denominator", sparse=True)
    assert (case.x.size, expected.size // case.x.size) == sparse.shape
    assert_same(transposed, sparse.toarray().reshape(transposed.shape))


@every_mode
@every_case
def test_auxiliary_output(case, jacobian, value_and_jacobian):
    J, aux = jacobian(lambda x: (case.f(x.copy()), {"x": x, "label": "kept"}), case.x, has_aux=True)
    assert_same(reference(case), J)
    assert "kept" == aux["label"]
    assert type(aux["x"]) is np.ndarray
    assert np.array_equal(case.x, aux["x"], equal_nan=True)
    (y, aux), J = value_and_jacobian(lambda x: (case.f(x), [1]), case.x, has_aux=True)
    assert [1] == aux
    assert np.array_equal(np.asarray(case.f(case.x.copy())), y, equal_nan=True)


# --- Other widths --------------------------------------------------------------------------------

# Object arrays and Python's own numbers: NumPy computes these in float64 whatever x is.
PYTHON_NUMBERS = ("object-array", "asarray", "builtin-sorted", "method-item", "method-tolist")
PYTHON_NUMBERS += ("math-", "sum-of-list", "vectorize", "dtype-of-x", "questions-about-dtype")


@every_mode
@pytest.mark.parametrize(
    "case", [c for c in CASES if not c.name.startswith(PYTHON_NUMBERS)], ids=lambda case: case.name
)
def test_float32_stays_where_numpy_keeps_it(case, jacobian, value_and_jacobian):
    x = case.x.astype(np.float32)
    expected = np.asarray(case.f(x.copy()))
    exact = dm.jacobian_fwd(case.f, x.astype(float))
    scale = max(1.0, np.max(np.abs(exact), initial=0.0))
    for sparse in (False, True):
        y, J = value_and_jacobian(case.f, x, sparse=sparse)
        assert expected.dtype == np.asarray(y).dtype
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
        assert (expected.dtype if expected.dtype.kind in "fc" else np.float32) == J.dtype
        J = J.toarray().reshape(exact.shape) if sparse else J
        np.testing.assert_allclose(J, exact, rtol=1e-4, atol=2e-5 * scale)


# --- Policies: when to be sparse, when to work in chunks -----------------------------------------


POLICIES = ["never wide", "always wide", "sort many slots", "dense start", "small memory budget"]


@pytest.fixture(params=POLICIES)
def policy(request, monkeypatch):
    if request.param in ("never wide", "sort many slots", "always wide"):
        monkeypatch.setattr(dense_tangent, "is_wide", lambda w, n: request.param == "always wide")
    if request.param == "sort many slots":
        monkeypatch.setattr(slots, "INSERTION_SLOTS", 1)
    if request.param == "dense start":
        monkeypatch.setattr(seeds, "DENSE_INPUTS", 10**9)
    if request.param == "small memory budget":
        monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 500)
    structure.forget()  # what was found under another policy
    yield request.param
    structure.forget()


@every_case
def test_policies_change_no_result(case, policy):
    expected = expected_jacobian(case)
    g, z = among_dummies(case.f, case.x, 17)
    J = dm.jacobian_fwd(g, z)
    assert_same(expected, J[..., : case.x.size].reshape(expected.shape), rtol=1e-8)
    assert not J[..., case.x.size :].any()
    J = dm.jacobian_fwd(g, z, sparse=True).toarray()
    assert_same(expected.ravel(), J[:, : case.x.size].ravel(), rtol=1e-8)


@every_case
@pytest.mark.parametrize("policy", ["never wide", "small memory budget"], indirect=True)
def test_policies_change_no_nested_result(case, policy):
    v = direction(case)
    g, z = among_dummies(case.f, case.x, 17)
    u = np.concatenate([v.ravel(), np.zeros(17)])
    _, expected = dm.jvp(lambda x: dm.jvp(case.f, x, v)[1], case.x, v)
    J = dm.jacobian_fwd(lambda z: dm.jvp(g, z, u)[1], z)
    assert_same(expected, J @ u, rtol=1e-9)
    _, J_dot = dm.jvp(lambda z: dm.jacobian_fwd(g, z), z, u)
    assert_same(expected, J_dot @ u, rtol=1e-9)


@every_mode
def test_argnums_of_three_arguments_in_chunks(jacobian, value_and_jacobian):
    """The columns of a chunk may belong to several arguments."""
    a, b, c = np.array([0.5, 1.5]), np.array([[1.0, -2.0], [0.3, 0.7]]), 2.0

    def f(a, b, c):
        return b @ a * c + a

    expected_a = b * c + np.eye(2)
    expected_b = c * np.einsum("ik,l->ikl", np.eye(2), a)
    expected_c = b @ a
    for options in ({}, {"chunk_size": 1}, {"chunk_size": 2}, {"chunk_size": 5}):
        J_a, J_b, J_c = jacobian(f, a, b, c, argnums=(0, 1, 2), **options)
        assert_same(expected_a, J_a)
        assert_same(expected_b, J_b)
        assert_same(expected_c, J_c)
    for sparse_J, expected in zip(
        jacobian(f, a, b, c, argnums=(0, 1, 2), sparse=True, chunk_size=3),
        (expected_a, expected_b, expected_c),
        strict=True,
    ):
        assert_same(expected.reshape(2, -1), sparse_J.toarray())
