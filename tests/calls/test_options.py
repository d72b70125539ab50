"""Options of the public functions: each does what it says, or is refused in a sentence."""

import numpy as np
import pytest
from expecting import raises_literally

import dualmc as dm
from dualmc.calls.options import FORMATS

sparse = pytest.importorskip("scipy.sparse")
X = np.array([2.0, 3.0, 0.5])
COUPLED = np.array([[4.0, 0.0, 0.0], [3.0, 2.0, 0.0], [0.0, 0.5, 3.0]])


def coupled(x):
    return np.concatenate([x[:1] ** 2, x[1:] * x[:-1]])


def energy(x):
    return np.sum(x[1:] * x[:-1] ** 2)


ENERGY = np.array([[6.0, 4.0, 0.0], [4.0, 1.0, 6.0], [0.0, 6.0, 0.0]])


@pytest.mark.parametrize("format", [True, *FORMATS])
@pytest.mark.parametrize("chunk_size", [None, 2])
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_sparse_formats_of_a_jacobian(mode, chunk_size, format):
    J = mode(coupled, X, sparse=format, chunk_size=chunk_size)
    assert J.format == ("csr" if format is True else format)
    assert isinstance(J, sparse.sparray)
    np.testing.assert_array_equal(COUPLED, J.toarray())
    transposed = mode(coupled, X, sparse=format, layout="denominator")
    assert transposed.format == J.format
    np.testing.assert_array_equal(COUPLED.T, transposed.toarray())


@pytest.mark.parametrize("format", FORMATS)
def test_sparse_formats_of_a_hessian(format):
    H = dm.hessian(energy, X, sparse=format)
    assert H.format == format
    np.testing.assert_array_equal(ENERGY, H.toarray())
    blocks = dm.hessian(lambda a, b: energy(np.append(a, b)), X[:1], X[1:], argnums=(0, 1),
                        sparse=format)  # fmt: skip
    assert {block.format for row in blocks for block in row} == {format}
    found = np.block([[block.toarray() for block in row] for row in blocks])
    np.testing.assert_array_equal(ENERGY, found)


@pytest.mark.parametrize("format", FORMATS)
def test_sparse_formats_of_a_prepared_jacobian(format):
    J = dm.prepare(coupled, np.ones(3), sparse=format)
    for _ in range(2):
        assert J(X).format == format
        np.testing.assert_array_equal(COUPLED, J(X).toarray())
    assert J.replays


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_sparse_entries_of_every_width(mode, dtype):
    """SciPy's matrices know no float16: there the entries are float32."""
    for f, expected in ((coupled, COUPLED), (lambda x: np.ones(2, x.dtype), np.zeros((2, 3)))):
        J = mode(f, X.astype(dtype), sparse=True)
        assert J.dtype == (np.float32 if dtype == np.float16 else dtype)
        np.testing.assert_array_equal(expected, J.toarray())


CALLS = {
    "jacobian_fwd": dm.jacobian_fwd,
    "value_and_jacobian_fwd": dm.value_and_jacobian_fwd,
    "jacobian_rev": dm.jacobian_rev,
    "value_and_jacobian_rev": dm.value_and_jacobian_rev,
    "prepare": dm.prepare,
}


@pytest.mark.parametrize("value", ["dense", "no", "", "CSR", 2, 0.5, None, [True], X])
@pytest.mark.parametrize("name", [*CALLS, "hessian"])
def test_what_sparse_may_not_be(name, value):
    call = CALLS.get(name, dm.hessian)
    with pytest.raises((TypeError, ValueError), match=rf"^{name}: sparse must be True, False or"):
        call(energy, X, sparse=value)


def test_custom_root_has_no_formats():
    with pytest.raises(ValueError, match="custom_root: sparse must be True or False"):
        dm.custom_root(lambda y, a: y - a, lambda a: a, sparse="csc")


@pytest.mark.parametrize("value", ["yes", 1, None])
@pytest.mark.parametrize("call", [dm.jacobian_fwd, dm.jacobian_rev, dm.gradient, dm.vjp])
def test_what_has_aux_may_not_be(call, value):
    with pytest.raises((TypeError, ValueError), match="has_aux must be True or False"):
        call(lambda x: (energy(x), None), X, has_aux=value)


@pytest.mark.parametrize("layout", ["rows", "Numerator", None, 0, X])
@pytest.mark.parametrize("name", CALLS)
def test_what_layout_may_not_be(name, layout):
    with raises_literally(
        ValueError,
        f'{name}: layout must be "numerator" or "denominator", got layout={layout!r}.',
    ):
        CALLS[name](coupled, X, layout=layout)
