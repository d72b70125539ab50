"""Whether a result is the array itself, a view of it or a copy: what a later write reaches.

The value must be plain NumPy's bit for bit, and the derivatives those of differences of it.
"""

import copy

import numpy as np
import pytest
from oracles import differences

import dualmc as dm
from dualmc.derivation.trace import trace

X = np.array([1.3, 0.7, -1.1, 2.2, 0.4, 0.9])

# Of a vector v.
EXPRESSIONS = [
    "v", "v.conj()", "v.conjugate()", "np.conj(v)", "v.real", "np.real(v)", "v.imag",
    "np.imag(v)", "np.asarray(v)", "np.asanyarray(v)", "np.array(v)", "np.array(v,copy=False)",
    "np.array(v,copy=None)", "np.array(v,ndmin=2)", "np.array(v,copy=None,ndmin=2)",
    "np.asarray(v,dtype=float)", "np.asarray(v,order='F')", "np.asarray(v,order='C')",
    "np.asarray(v[::2],order='C')", "np.ascontiguousarray(v)", "np.ascontiguousarray(v[::2])",
    "np.ascontiguousarray(v[::-1])", "np.asfortranarray(v)", "np.require(v)",
    "np.require(v,requirements='O')", "np.require(v[1:],requirements='O')",
    "np.require(v[::2],requirements=['C'])", "np.require(v,requirements='W')", "v.view()", "v.T",
    "v.copy()", "np.copy(v)", "v.flatten()", "v.ravel()", "np.ravel(v)", "v[::2].ravel()",
    "v[::-1].ravel()", "np.ravel(v[::2])", "v.reshape(2,3)", "np.reshape(v,(2,3))",
    "v[::-1].reshape(2,3)", "v[::2].reshape(3,1)", "v.squeeze()", "np.squeeze(v)",
    "v[None].squeeze()", "np.squeeze(v[None])", "np.squeeze(v[None],0)", "v[::2][None].squeeze()",
    "np.expand_dims(v,0)", "np.expand_dims(v[::2],1)", "np.atleast_1d(v)", "np.atleast_2d(v)",
    "np.atleast_3d(v)", "np.atleast_1d(v,v)[1]", "np.moveaxis(v,0,0)", "np.swapaxes(v[None],0,1)",
    "np.rollaxis(v[None],1)", "np.transpose(v)", "np.permute_dims(v[None],(1,0))", "np.flip(v)",
    "np.fliplr(v[None])", "np.flipud(v)", "np.rot90(v.reshape(2,3))",
    "np.rot90(v.reshape(2,3),2)", "np.rot90(v.reshape(2,3),0)", "np.split(v,2)[0]",
    "np.split(v,[1,3])[1]", "np.array_split(v,4)[0]", "np.hsplit(v,2)[1]",
    "np.vsplit(v.reshape(2,3),2)[1]", "np.dsplit(v.reshape(1,2,3),3)[1]",
    "np.unstack(v.reshape(2,3))[0]", "np.unstack(v.reshape(2,3),axis=1)[0]",
    "np.broadcast_to(v,(2,6))", "np.broadcast_to(v,(6,))", "np.broadcast_arrays(v,v)[0]",
    "np.broadcast_arrays(v)[0]", "np.diagonal(v[:4].reshape(2,2))",
    "v[:4].reshape(2,2).diagonal()", "np.linalg.diagonal(v[:4].reshape(2,2))",
    "np.diag(v[:4].reshape(2,2))", "np.diag(v)", "np.diagflat(v)", "np.tril(v.reshape(2,3))",
    "np.triu(v.reshape(2,3))", "np.take(v,[0,1])", "v.take([1])", "v[[0,1]]", "v[v>0]", "v[1:4]",
    "v[...]", "v[None]", "v[:,None]", "v[0,...]", "v.reshape(2,3)[0]", "v.reshape(2,3)[:,1]",
    "v.reshape(2,3)[1,...]", "v.reshape(2,3)[[0]]", "v.reshape(2,3)[0,[0,1]]",
    "v.reshape(2,3)[:,None,0]", "v.reshape(2,3).T", "v.reshape(2,3).T.ravel()",
    "v.reshape(2,3).T.reshape(-1)", "v.reshape(2,3).T.ravel('F')", "v.reshape(2,3).T.ravel('K')",
    "v.reshape(2,3).T.ravel('A')", "v.reshape(2,3).ravel('F')", "v.reshape(2,3).flatten('F')",
    "np.reshape(v.reshape(2,3),6,order='F')", "np.reshape(v.reshape(2,3).T,6,order='F')",
    "np.reshape(v.reshape(2,3).T,6,order='A')", "v.reshape(2,3,order='F')", "v.reshape(2,3).mT",
    "np.matrix_transpose(v.reshape(2,3))", "np.linalg.matrix_transpose(v.reshape(2,3))",
    "v.reshape(2,3).swapaxes(0,1)", "v.reshape(2,3).transpose(1,0)", "v.astype(float)",
    "v.astype(float,copy=False)", "np.astype(v,float,copy=False)", "np.astype(v,float)",
    "np.roll(v,1)", "np.tile(v,1)", "np.tile(v,(1,1))", "np.repeat(v,1)", "np.concatenate([v])",
    "np.stack([v])", "np.hstack([v])", "np.vstack([v])", "np.column_stack([v])", "np.block([v])",
    "np.append(v,[])", "np.delete(v,[])", "np.insert(v,0,[])", "np.where(True,v,0)",
    "np.select([v>-9],[v])", "np.choose([0]*6,[v])", "np.compress([1]*6,v)",
    "np.extract([1]*6,v)", "np.sort(v)", "np.unique(v)", "np.partition(v,2)", "np.clip(v,-99,99)",
    "np.nan_to_num(v)", "np.nan_to_num(v,copy=False)", "np.real_if_close(v)", "np.positive(v)",
    "+v", "abs(v)", "np.abs(v)", "np.meshgrid(v,v)[0]",
    "np.meshgrid(v,v,sparse=True,copy=False)[0]", "np.einsum('i->i',v)",
    "np.einsum('ij->ji',v.reshape(2,3))", "np.einsum('ii->i',v[:4].reshape(2,2))",
    "np.einsum('ij->ij',v.reshape(2,3))", "np.einsum('ij->j',v.reshape(2,3))",
    "np.lib.stride_tricks.sliding_window_view(v,3)",
    "np.lib.stride_tricks.as_strided(v,(2,2),(16,8))",
    "np.lib.stride_tricks.as_strided(v,(3,),(16,))", "np.lib.stride_tricks.as_strided(v)",
    "np.lib.stride_tricks.as_strided(v[::2],(2,))",
    "np.lib.stride_tricks.as_strided(v,(3,3),(8,8))",
    "np.lib.stride_tricks.as_strided(v.reshape(2,3),(3,2),(8,24))",
    "np.lib.stride_tricks.as_strided(v[1:],(2,),(8,))", "np.pad(v,0)", "np.fft.fftshift(v)",
    "np.resize(v,6)", "np.squeeze(v[:1])", "v[:1].squeeze()", "v[:1].reshape(())",
    "v[0:1][0,...]", "np.diff(v,0)", "np.gradient(v)", "np.cumsum(v)",
    "np.interp([0.5],np.arange(6.),v)", "np.apply_along_axis(lambda t:t,0,v)",
    "np.apply_along_axis(lambda t:t[:2],0,v)", "np.vectorize(lambda t:t)(v)", "np.full_like(v,v)",
    "np.full(6,v)", "np.array([v])", "np.array(list(v))", "np.asarray([v])[0]",
    "np.sum(v.reshape(1,6),axis=0)", "np.mean(v.reshape(1,6),axis=0)",
    "np.max(v.reshape(1,6),axis=0)", "np.add(v,0)", "v+0", "np.multiply(v,1.0)", "np.kron(1.0,v)",
    "np.outer(1.0,v)", "np.dot(1.0,v)", "np.tensordot(np.ones(1),v[None],1)",
    "np.matmul(np.eye(6),v)", "np.linalg.matrix_power(v[:4].reshape(2,2),1)",
    "np.linalg.multi_dot([np.eye(6),v])", "np.polyval([1.,0],v)",
    "np.piecewise(v,[v>-9],[lambda t:t])", "np.maximum.accumulate(v)", "np.add.reduce(v[None])",
    "np.maximum.reduce(v[None])", "copy.copy(v)", "copy.deepcopy(v)",
    "np.take_along_axis(v,np.arange(6),0)", "np.array_split(v,1)[0]", "np.concat([v])",
    "v.repeat(1)", "v.compress([1]*6)", "np.fmax(v,-9)", "np.linalg.norm(v[None],axis=0)",
    "np.moveaxis(v.reshape(1,2,3),0,-1)", "np.flip(v.reshape(2,3),0)",
    "v.reshape(2,3)[::-1,::-1]", "np.rollaxis(v.reshape(1,2,3),2)", "v.flat[:]", "v.flat[0:3]",
    "next(iter(v.reshape(2,3)))", "[r for r in v.reshape(2,3)][1]",
    "v.reshape(2,3)[np.array([True,False])]", "np.nanmax(v[None],axis=0)",
    "np.percentile(v[None],50,axis=0)", "np.sinc(v)", "np.asarray_chkfinite(v)",
    "np.copysign(v,v)", "np.array(v[::2],copy=None)", "np.array(v,order='F',copy=None)",
    "np.array(v.reshape(2,3),order='F',copy=None)", "np.asarray(v.reshape(2,3),order='F')",
    "np.asfortranarray(v.reshape(2,3))", "np.asfortranarray(v.reshape(2,3).T)",
    "np.ascontiguousarray(v.reshape(2,3).T)", "np.copy(v.reshape(2,3).T)",
    "v.reshape(2,3).T.copy()", "v.reshape(3,2).T.flatten()", "v.astype(complex).real",
    "(v+0j).real", "(v+0j).imag", "(v+0j).conj().real", "v.reshape(2,3)[0].T",
    "v.reshape(6,1)[:,0]", "v.reshape(-1,order='A')", "v.reshape(6,copy=True)",
    "v.reshape(6,copy=False)", "np.reshape(v,6,copy=True)", "np.reshape(v,6,copy=None)",
    "v.swapaxes(0,0)", "v.transpose()", "v.transpose(0)", "np.array(v,subok=True)",
    "np.array(v,copy=True,order='A')",
]  # fmt: skip

# The array is written to, the result, and the array that v is a view of.
PROGRAMS = {
    "array": """
    v = x * 1.0
    y = {expression}
    v += x[0] * v
""",
    "result": """
    v = x * 1.0
    y = {expression}
    if isinstance(y, np.ndarray) and y.flags.writeable:
        y *= x[0]
""",
    "whole": """
    w = x * 1.0
    v = w[...]
    y = {expression}
    w[...] = w * w
""",
}


def program(expression, name):
    scope = {"np": np, "copy": copy}
    body = PROGRAMS[name].format(expression=expression)
    exec(f"def f(x):{body}    return np.concatenate([np.ravel(y) * 1.0, v])", scope)
    return scope["f"]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_later_write_reaches_what_it_reaches_in_numpy(expression, name):
    f = program(expression, name)
    value, J = f(X.copy()), differences(f, X)
    for y, found in (
        dm.value_and_jacobian_fwd(f, X),
        dm.value_and_jacobian_rev(f, X),
        (value, dm.jacobian_fwd(f, X, sparse=True).toarray()),
    ):
        assert np.array_equal(y, value)
        np.testing.assert_allclose(found, J, rtol=1e-8, atol=1e-8)
    if "0j" not in expression and "complex" not in expression:  # which a recording refuses
        assert np.array_equal(trace(f, X).value, value)


@pytest.mark.parametrize("name", ["conj", "conjugate"])
def test_the_conjugate_of_a_real_array_is_the_array_itself(name):
    def f(x):
        v = x * 1.0
        w = getattr(v, name)()
        v[0] = 5.0
        return w * w

    x = np.array([2.0, 3.0])
    right = [[0.0, 0.0], [0.0, 6.0]]
    assert np.array_equal(dm.jacobian_fwd(f, x), right)
    assert np.array_equal(dm.jacobian_rev(f, x), right)
    assert np.array_equal(dm.value_and_jacobian_fwd(f, x)[0], [25.0, 9.0])


def test_arrays_that_need_no_broadcasting_are_themselves():
    def f(x):
        v = x * 1.0
        np.broadcast_arrays(v, v)[0][...] = 7.0
        return v * x

    assert np.array_equal(dm.jacobian_fwd(f, [2.0, 3.0]), 7 * np.eye(2))


def test_strided_views_stay_in_their_memory():
    as_strided = np.lib.stride_tricks.as_strided

    def f(x):
        return as_strided(x * 1.0, (3, 2), (8, 8)).sum(axis=1)

    assert np.array_equal(
        dm.jacobian_fwd(f, np.arange(4.0)), [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    )
    with pytest.raises(ValueError, match="leaves the memory"):
        dm.jacobian_fwd(lambda x: as_strided(x, (9,), (8,)), np.arange(4.0))
    with pytest.raises(ValueError, match="multiples of 8 bytes"):
        dm.jacobian_fwd(lambda x: as_strided(x, (2,), (4,)), np.arange(4.0))
