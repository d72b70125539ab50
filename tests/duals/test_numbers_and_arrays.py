"""Numbers and arrays of no dimensions: which of both is what NumPy has, and writes to the second.

``total += v`` writes into an array, which aliases and closures see; a number is made anew.  What
plain NumPy returns is the judge of the kinds, closed forms and plain NumPy of the programs.
"""

import copy
import math

import numpy as np
import pytest
from oracles import differences

import dualmc as dm
from dualmc.derivation.trace import trace

X = np.array([1.3, 0.7, 2.2])

# Of a vector x, its first element s and the array A(s) of no dimensions.
EXPRESSIONS = [
    "x.sum()", "np.sum(x)", "np.mean(x)", "np.prod(x)", "np.max(x)", "np.min(x)", "np.ptp(x)",
    "np.std(x)", "np.var(x)", "np.median(x)", "np.percentile(x,30)", "np.quantile(x,.3)",
    "np.average(x)", "np.dot(x,x)", "np.vdot(x,x)", "np.inner(x,x)", "x@x", "np.matmul(x,x)",
    "np.vecdot(x,x)", "np.linalg.vecdot(x,x)", "np.tensordot(x,x,1)",
    "np.linalg.tensordot(x,x,axes=1)", "np.einsum('i,i->',x,x)", "np.einsum('i,i',x,x)",
    "np.einsum('i->',x)", "np.einsum(x,[0],[])", "np.trace(np.outer(x,x))",
    "np.linalg.trace(np.outer(x,x))", "np.linalg.norm(x)", "np.linalg.vector_norm(x)",
    "np.linalg.matrix_norm(np.outer(x,x))", "np.linalg.det(np.outer(x,x)+np.eye(3))",
    "np.linalg.slogdet(np.outer(x,x)+np.eye(3))[1]", "np.linalg.cond(np.outer(x,x)+np.eye(3))",
    "np.interp(s,[0,1,9.],[0,2,3.])", "np.interp(1.5,[0,1,9.],x)", "np.trapezoid(x)",
    "np.take(x,0)", "x.take(0)", "np.take(x,np.array(0))", "np.take(x, ())", "np.cumsum(x)[0]",
    "x[0]", "x[0,...]", "x[...,0]", "x[()]", "x[1:][0]", "np.reshape(s,())",
    "np.reshape(x[:1],())", "x[:1].reshape(())", "np.squeeze(x[:1])", "np.squeeze(s)",
    "s.squeeze()", "s.reshape(())", "s.T", "s.transpose()", "np.transpose(s)", "s.copy()",
    "np.copy(s)", "np.array(s)", "np.asarray(s)", "np.asanyarray(s)",
    "np.ascontiguousarray(s)[0]", "np.require(s)", "s.real", "s.imag", "np.real(s)", "np.imag(s)",
    "np.conj(s)", "s.conj()", "s.conjugate()", "np.abs(s)", "abs(s)", "-s", "+s", "s+1", "1+s",
    "s*s", "s**2", "2.0**s", "s**0.5", "s//2", "s%2", "divmod(s,2)[1]", "np.divmod(s,2)[1]",
    "np.modf(s)[0]", "np.frexp(s)[0]", "np.ldexp(s,2)", "np.sin(s)", "np.arctan2(s,s+1)",
    "np.maximum(s,1)", "np.where(True,s,1.)", "np.where(s>0,s,s)", "np.select([True],[s])",
    "np.select([s>0],[s],0.)", "np.piecewise(s,[s>0],[lambda t:t*2])",
    "np.piecewise(s,[s>0],[lambda t:t*2, 0.])", "np.choose(0,[s,1.])", "np.clip(s,0,1)",
    "s.clip(0,9)", "np.clip(s,None,9.)", "np.nan_to_num(s)", "np.round(s,2)", "s.round(2)",
    "np.around(s)", "np.fix(s)", "np.rint(s)", "np.floor(s)", "np.sign(s)", "np.heaviside(s,0.)",
    "np.sinc(s)", "np.unwrap(x)[0]", "np.angle(s)", "np.degrees(s)", "np.zeros_like(s)",
    "np.ones_like(s)", "np.empty_like(s)*0", "np.full_like(s,2.)", "np.full_like(s,s)",
    "np.full((),s)", "np.full((),2.)", "np.zeros(())", "np.ones(())", "np.empty(())*0",
    "np.array(2.)", "np.asarray(2.)", "np.broadcast_to(s,())", "np.broadcast_arrays(s,s)[0]",
    "np.atleast_1d(s)[0]", "np.flip(s)", "np.rot90(np.outer(x,x))[0,0]", "np.expand_dims(s,0)[0]",
    "np.ravel(s)[0]", "s[()]", "s[...]", "np.add.reduce(x)", "np.multiply.reduce(x)",
    "np.maximum.reduce(x)", "np.hypot.reduce(x)", "np.add.reduce(s)", "np.add(s,1)", "np.sum(s)",
    "np.mean(s)", "np.max(s)", "np.prod(s)", "s.sum()", "s.mean()", "s.max()", "np.average(s)",
    "np.median(s)", "np.nansum(x)", "np.nanmean(x)", "np.nanmax(x)", "np.nanmin(x)",
    "np.nanprod(x)", "np.nanstd(x)", "np.nanvar(x)", "np.nanmedian(x)", "np.nanpercentile(x,40)",
    "np.nanquantile(x,.4)", "np.corrcoef(x,x**2)[0,1]", "np.cov(x)", "np.cov(x,x)[0,0]",
    "np.polyval(x,s)", "np.polyval([1.,2.],s)", "np.polynomial.polynomial.polyval(s,x)",
    "np.vander(x)[0,0]", "np.nan_to_num(x)[0]", "np.linalg.multi_dot([x,np.outer(x,x),x])",
    "np.linalg.inv(np.outer(x,x)+np.eye(3))[0,0]", "np.apply_along_axis(np.sum,0,x)",
    "np.apply_along_axis(lambda t: t.sum(),0,x)", "np.apply_over_axes(np.sum,x,0)[0]",
    "np.vectorize(lambda t:t*2)(s)", "np.vectorize(lambda t:t*2)(x)[0]", "x.item(0)",
    "x[:1].item()", "x.tolist()[0]", "list(x)[0]", "[v for v in x][0]", "next(iter(x))",
    "x.flat[0]", "np.extract([True],s)[0]", "np.astype(np.array(s),np.float32)",
    "np.array(s).astype(np.float64)", "s.astype(np.float32)", "s.astype(np.float64)",
    "np.diagonal(np.outer(x,x))[0]", "np.moveaxis(x,0,0)[0]", "np.roll(s,1)", "np.tile(s,2)[0]",
    "np.tile(s,())", "np.repeat(s,2)[0]", "np.resize(s,())", "np.resize(x,())",
    "np.delete(x,0)[0]", "np.max(x,initial=0)", "np.sum(x,axis=0)", "np.sum(x,axis=(0,))",
    "np.sum(x,axis=0,out=np.zeros(()))", "np.add(s,1,out=np.zeros(()))",
    "np.sum(x,keepdims=True)[0]", "np.dot(s,s)", "np.dot(2.,s)", "np.inner(s,s)",
    "np.outer(s,s)[0,0]", "np.kron(s,s)", "np.kron(np.array(s),np.array(s))",
    "np.convolve(x,x)[0]", "np.correlate(x,x)", "np.fft.fft(x).real[0]",
    "np.real(np.fft.fft(x)[0])", "np.fft.fft(x)[0].real", "np.fft.fft(x)[0].imag",
    "np.real(s*1j)", "(s*1j).imag", "abs(s*1j)", "np.abs(s+1j)", "(s*1j).conj().imag",
    "np.real_if_close(s)", "np.logspace(s,2,3)[0]", "np.linspace(s,2,3)[0]",
    "np.linspace(s,2,1)[0]", "np.arange(3.)[0]*s", "np.arange(s,9.)[0]", "np.geomspace(s,9,3)[0]",
    "np.take_along_axis(x,np.array([0]),0)[0]", "np.gradient(x)[0]", "np.diff(x)[0]",
    "np.ediff1d(x)[0]", "np.trim_zeros(x)[0]", "np.sort(x)[0]", "np.partition(x,1)[0]",
    "np.unique(x)[0]", "np.stack([s,s])[0]", "np.hstack([s,s])[0]", "np.concatenate([x,x])[0]",
    "np.block([s,s])[0]", "np.block(s)", "np.array([s,s])[0]", "np.array([[s]])[0,0]",
    "np.insert(x,0,s)[0]", "np.append(x,s)[0]", "np.ix_(x)[0][0]", "np.meshgrid(s,s)[0][0,0]",
    "np.bincount([0,0,1],x)[0]", "np.float64(2)*s", "np.float64(2)**s", "A(2.)*s", "s*A(2.)",
    "A(2.)+A(s)", "A(s)+A(s)", "np.negative(A(s))", "A(s)**2", "A(s).sum()", "A(s).copy()",
    "np.copy(A(s))", "A(s)[...]", "A(s)[()]", "A(s).T", "np.transpose(A(s))", "A(s).reshape(())",
    "A(s).real", "A(s).conj()", "np.conj(A(s))", "np.where(True,A(s),1.)", "np.clip(A(s),0,1)",
    "A(s).clip(0,1)", "np.nan_to_num(A(s))", "np.round(A(s))", "A(s).round()", "np.flip(A(s))",
    "np.squeeze(A(s))", "A(s).squeeze()", "np.asarray(A(s))", "np.array(A(s))",
    "np.zeros_like(A(s))", "np.broadcast_to(A(s),())", "np.roll(A(s),1)", "np.dot(A(s),A(s))",
    "np.kron(A(s),s)", "np.inner(A(s),A(s))", "np.tensordot(A(s),A(s),0)", "np.tensordot(s,s,0)",
    "np.einsum('->',A(s))", "np.einsum(',->',s,s)", "np.sum(A(s))", "np.mean(A(s))",
    "np.take(A(s),0)", "np.piecewise(A(s),[A(s)>0],[lambda t:t*2])",
    "np.select([A(True)],[A(s)])", "np.choose(A(0),[A(s),1.])", "np.sinc(A(s))",
    "np.interp(A(s),[0,1,9.],[0,2,3.])", "np.angle(A(s))", "np.real(A(s))", "np.imag(A(s))",
    "np.fix(A(s))", "np.polyval([1.,2.],A(s))", "np.median(A(s))", "np.average(A(s))",
    "np.trapezoid(x,x)", "np.real(A(s*1j))", "A(s*1j).imag", "np.squeeze(x[None,:1])",
    "np.vectorize(lambda t:t*2)(A(s))", "np.expand_dims(A(s),0)[0]", "np.atleast_1d(A(s))[0]",
    "abs(A(s))", "np.abs(A(s))", "-A(s)", "A(s)//2", "np.linalg.norm(s)", "np.linalg.norm(A(s))",
    "np.linalg.det(x[:1,None]+1)", "np.linalg.pinv(np.outer(x,x))[0,0]", "np.prod(A(s))",
    "np.cumsum(s)[0]", "np.matrix_transpose(np.outer(x,x))[0,0]", "np.unstack(x)[0]",
    "np.split(x,3)[0]", "np.unstack(x)[0]*1", "np.astype(A(s),float)", "np.max(A(s))",
    "np.add(A(s),1)", "np.hypot(A(s),1)", "np.ptp(A(s))", "np.maximum.accumulate(x)[0]",
    "np.poly(x)[0]", "np.polyfit([1,2,3.],x,1)[0]", "np.float_power(s,2)",
    "np.float_power(A(s),2)", "np.lib.stride_tricks.sliding_window_view(x,2)[0,0]",
    "np.logaddexp(s,1)", "np.modf(A(s))[0]", "np.ascontiguousarray(s)",
    "np.ascontiguousarray(A(s))", "np.asfortranarray(s)", "np.asarray_chkfinite(s)",
    "np.require(A(s))", "np.array(s,ndmin=0)", "np.array(s,ndmin=1)[0]",
    "np.asarray(s,dtype=np.float32)", "np.array(s,np.float32)", "copy.copy(s)",
    "copy.deepcopy(s)", "copy.copy(A(s))", "copy.deepcopy(A(s))", "math.sin(s)", "max(s,1.)",
    "sum([s,s])", "sum(x)", "math.fsum(x)", "s.item()", "s.tolist()", "A(s).item()",
    "A(s).tolist()", "s.ravel()[0]", "s.flatten()[0]", "s.view()", "A(s).view()",
    "s.take(0)", "s.repeat(2)[0]", "np.nanmax(s)", "s.min()", "s.std()", "s.var()", "s.prod()",
    "s.cumsum()[0]", "s.round()", "np.positive(s)", "np.square(s)", "(s<9)*s",
    "np.isclose(s,1)*s", "True*s", "s*True", "1j*s",
]  # fmt: skip


def kinds_of(expression, differentiate):
    """What `expression` is, an array or not, when it is evaluated by `differentiate`."""
    seen = []
    scope = {"np": np, "A": np.array, "copy": copy, "math": math, "seen": seen.append}
    source = f"""def f(x):
    A, s = np.array, x[0]
    y = {expression}
    seen(isinstance(y, np.ndarray))
    return np.real(y) * 1.0
"""
    exec(source, scope)
    with np.errstate(all="ignore"):
        differentiate(scope["f"])
    return seen


MODES = {
    "forward": lambda f: dm.jacobian_fwd(f, X),
    "sparse": lambda f: dm.jacobian_fwd(f, X, sparse=True),
    "reverse": lambda f: dm.jacobian_rev(f, X),
    "nested": lambda f: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), X),
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_a_number_is_what_numpy_says(expression):
    (is_array,) = kinds_of(expression, lambda f: f(X.copy()))
    for name, differentiate in MODES.items():
        assert set(kinds_of(expression, differentiate)) == {is_array}, name


# What a recording refuses: complex intermediates, plain arrays made by f, positions of values.
REFUSED = ("1j", "fft", "np.arange(s", "np.zeros(())),", "out=")


@pytest.mark.parametrize("expression", [e for e in EXPRESSIONS if not any(r in e for r in REFUSED)])
def test_what_is_a_number_is_what_numpy_says_while_recording(expression):
    (is_array,) = kinds_of(expression, lambda f: f(X.copy()))
    assert set(kinds_of(expression, lambda f: trace(f, X))) == {is_array}


# --- Programs ------------------------------------------------------------------------------------


def helper(x):
    total = np.zeros(())

    def add(t, v):
        t += v

    for v in x:
        add(total, v**2)
    return total


def alias(x):
    total = np.array(0.0)
    other = total
    for v in x:
        total += v
    return other * 2


def attribute(x):
    class Mean:
        def __init__(self):
            self.n, self.mean = 0, np.zeros(())
            self.seen = self.mean

        def see(self, v):
            self.n += 1
            self.mean += (v - self.mean) / self.n

    m = Mean()
    for v in x:
        m.see(v)
    return m.seen * 1.0


def every_operator(x):
    t = np.array(x[0])
    kept = t
    t += x[1]
    t -= 0.5
    t *= x[2]
    t /= x[0]
    t **= 2
    return kept + 0.0


def floor_and_mod(x):
    t = np.array(7.3 * x[0])
    kept = t
    t %= x[1]
    return np.stack([kept, t])


def views_of_it(x):
    t = np.array(x[0])
    u, w, v = t[...], t.reshape(1), t[None]
    t *= x[1]
    w[0] += 1.0
    v += x[2]
    return np.stack([t, u, w[0], v[0]])


def of_a_vector(x):
    v = x * 1.0
    t = v[1, ...]
    t += x[0]
    return v


def numbers_rebind(x):
    s = x[0]
    kept = s
    s += x[1]
    return np.stack([kept, s])


def copies_of_numbers(x):
    s = x[0]
    for y in (np.array(s), s[...], np.reshape(s, (1,)), np.ravel(s), s[None], np.atleast_1d(s)):
        y += x[1]
    return s * x[2]


def written_out(x):
    t, u = np.zeros(()), np.array(x[1])
    np.sum(x * x, out=t)
    np.multiply(t, x[0], out=u)
    np.add(u, 1.0, out=u, where=True)
    return np.stack([t, u])


def whole_writes(x):
    t = np.zeros(())
    kept = t
    t[...] = x[0]
    t[()] = t * x[1]
    np.copyto(kept, t * t)
    t.fill(t * x[2])
    return kept


def reduced_to_one(x):
    s = np.sum(x)
    kept = s
    s *= 2
    m = np.max(x)
    m -= x[1]
    return np.stack([kept, s, m])


def in_a_list(x):
    items = [np.zeros(()) for _ in range(3)]
    first = items[0]
    for item, v in zip(items, x, strict=True):
        item += v * v
    return np.stack([first, *items])


def matmul_and_dot(x):
    t = np.array(x @ x)
    kept = t
    t += np.dot(x, x)
    return kept * 1.0


PROGRAMS = [
    helper, alias, attribute, every_operator, floor_and_mod, views_of_it, of_a_vector,
    numbers_rebind, copies_of_numbers, written_out, whole_writes, reduced_to_one, in_a_list,
    matmul_and_dot,
]  # fmt: skip
# Of plain arrays, into which a graph cannot be written: `explain` refuses them.
MAKERS = {helper, alias, attribute, written_out, whole_writes, in_a_list}


@pytest.mark.parametrize("f", PROGRAMS)
def test_what_is_written_in_place_is_seen_by_all_who_hold_it(f):
    value, J = np.asarray(f(X.copy())), differences(f, X)
    for y, found in (
        dm.value_and_jacobian_fwd(f, X),
        dm.value_and_jacobian_fwd(f, X, chunk_size=1),
        dm.value_and_jacobian_rev(f, X),
        (value, dm.jacobian_fwd(f, X, sparse=True).toarray().reshape(J.shape)),
    ):
        assert np.array_equal(y, value)
        np.testing.assert_allclose(found, J, rtol=1e-8, atol=1e-8)
    if f not in MAKERS:
        assert np.array_equal(trace(f, X).value, value)


@pytest.mark.parametrize("f", PROGRAMS)
def test_second_derivatives_of_what_is_written_in_place(f):
    def g(x):
        return np.sum(np.sin(f(x)))

    H = differences(lambda x: differences(g, x), X)
    for found in (
        dm.hessian(g, X),
        dm.jacobian_fwd(lambda z: dm.jacobian_fwd(g, z), X),
        dm.jacobian_rev(lambda z: dm.gradient(g, z), X),
    ):
        np.testing.assert_allclose(found, H, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("f", [helper, alias, every_operator, views_of_it, written_out])
def test_a_prepared_program_writes_in_place(f):
    J = dm.prepare(f, X)
    for x in (X, X * 1.5, X - 0.2):
        np.testing.assert_allclose(J(x), differences(f, x), rtol=1e-7, atol=1e-7)


def test_an_argument_is_what_the_caller_gives():
    def f(x):
        y = x
        y += 1.0
        return x * y

    assert dm.derivative(f, 2.0) == 5.0  # x (x + 1)
    assert dm.jacobian_fwd(f, np.float64(2.0)) == 5.0
    x = np.array(2.0)
    assert dm.jacobian_fwd(f, x) == 6.0  # (x + 1)**2
    assert dm.jacobian_rev(f, x) == dm.gradient(f, x) == 6.0
    assert dm.jvp(f, x, 1.0)[1] == dm.vjp(f, x)[1](1.0) == 6.0
    assert dm.hessian(f, x) == 2.0
    assert x == 2.0


def test_closed_forms():
    assert np.array_equal(dm.jacobian_fwd(helper, X), 2 * X)
    assert np.array_equal(dm.gradient(helper, X), 2 * X)
    assert np.array_equal(dm.jacobian_fwd(alias, X), [2.0, 2.0, 2.0])
    np.testing.assert_allclose(dm.gradient(attribute, X), np.full(3, 1 / 3), rtol=1e-14)
    assert np.array_equal(dm.hessian(helper, X), 2 * np.eye(3))
