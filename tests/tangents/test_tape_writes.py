"""Arrays that change after they were recorded: what the tape keeps is what they were."""

import numpy as np
import pytest
from oracles import complex_step, differences
from reverse_judge import assert_close, judge

import dualmc as dm


def element_by_element(x):
    y = np.zeros_like(x)
    for i in range(x.size):
        y[i] = x[i] ** 2 * (y[i - 1] if i else x[-1])
    return y


def operand_changed(x):
    y = x * 1.0
    z = np.sin(y)
    y[0] = 5.0
    w = np.exp(z) * y
    y[1:] *= w[:-1]
    return z * w * y


def result_changed(x):
    z = np.exp(x)
    w = z * z
    z[...] = 0.0
    z[1] = w[2]
    return z + w


def other_factor_changed(x):
    a, b = x * 2.0, x[::-1] + 1.0
    y = a * b
    a += 1.0
    b *= a
    z = y / b
    b[:] = x
    y[0] = 0.0
    return y + z * a + b


def input_changed(x):
    y = np.sin(x) * x
    x[0] = 3.0
    x[1:] += y[:-1]
    x *= 2.0
    return x + y


def plain_operand_changed(x):
    a = np.array([1.0, 2.0, 3.0, 4.0])
    y = x * a
    a *= 10.0
    z = a / x
    a[1:] = 0.5
    w = x**a
    a.fill(0.0)
    p = np.outer(a + 2.0, [1.0, 1.0, 2.0, 1.0])
    m = p @ x
    p[...] = 1.0
    return y + z + w + m + x @ p


def plain_view_changed(x):
    a = np.arange(16.0).reshape(4, 4)
    y = a[1] * x + a[:, 2] * x[::-1] + np.diag(a) * x
    a.T[...] = 7.0
    return y * a[0]


def plain_number_changed(x):
    a = np.array(2.0)
    y = x * a
    a += 1.0
    a[()] *= 2.0
    return y * a


def matmul_operands_changed(x):
    A = np.outer(x, x) + 1.0
    b = x * 2.0
    y = A @ b
    A[0] = b
    b[:] = y
    z = A.T @ b
    A *= 0.0
    b *= 0.0
    return y + z + A[1] + b


def bilinear_operands_changed(x):
    a, b = x * 2.0, x + 1.0
    p = np.convolve(a, b)
    a[0] = b[1]
    q = np.einsum("i,j->ij", a, b)
    b *= a
    r = np.kron(a, b)
    s = np.tensordot(q, b, 1)
    for v in (a, b, q):
        v[...] = 1.0
    return np.concatenate([p, r, s])


def reductions_changed(x):
    y = x.reshape(2, 2) + 1.0
    p = np.prod(y, axis=0)
    y[0] *= 2.0
    q = np.cumprod(y, axis=1)
    y[...] = y[::-1].copy()
    r = np.sqrt(np.sum(y**2))
    y[:, 0] = 0.0
    return np.concatenate([p, q.ravel(), y.ravel()]) * r


def views_of_views(x):
    y = np.zeros_like(x, shape=(3, 4))
    v = y[1:]
    w = v[:, ::2].T
    w[0] = x[:2]
    w[1, 0] = x[2] * x[3]
    v[1] *= x
    u = y.reshape(-1)[5:9]
    u += x
    z = np.sin(w)
    y[0] = v[0] * v[1]
    v[...] = 1.0
    return np.concatenate([y.ravel(), z.ravel(), u])


def view_read_before_and_after(x):
    y = x * 1.0
    v = y[::-1]
    p = v * v
    y[0] = x[1] * 2
    q = v * v
    v[0] = 0.5
    return p * q * y


def fancy_writes(x):
    y = np.zeros_like(x, shape=(6,))
    y[[0, 2, 4]] = x[:3]
    y[[1, 1, 3]] = x[:3] * x[1:]
    y[[5, 5, 5]] += x[:3]
    y[np.array([[0, 5], [5, 0]])] *= x.reshape(2, 2)
    return y


def repeated_positions_in_rows(x):
    y = x.reshape(2, 2) * 3.0
    y[..., [0, 0]] = np.sin(x.reshape(2, 2)) * x[0]
    y[[1, 1]] *= np.exp(y)
    z = np.zeros_like(x, shape=(2, 3, 2))
    z[:, [2, 0, 2], [1, 1, 1]] = np.stack([x[:3], x[1:]])
    z[[0, 0], :, [0, 0]] = np.stack([x[:3], x[1:]]) * y[0, 1]
    return np.concatenate([y.ravel(), z.ravel()])


def mask_writes(x):
    y = x * 2.0
    y[x.real > 1] = x[0]
    y[np.array([True, False, True, False])] += x[:2] * y[2:]
    y[~(x.real > 1)] *= y[3]
    return y


def augmented(x):
    y = x + 0.0
    y += x
    y *= x
    y -= x[::-1]
    y /= x + 2
    y **= 2
    y[1:3] **= 2
    y[0] -= y[3]
    return y


def swapped(x):
    y = x * 1.0
    y[0], y[1] = y[1], y[0]
    y[[2, 3]] = y[[3, 2]]
    y[1:] = y[:-1]
    y[:] = y[::-1]
    return y * x


def copyto_put_place(x):
    y = np.zeros_like(x)
    np.copyto(y, x * x)
    np.copyto(y, x[::-1], where=[True, False, True, False])
    z = y * y
    np.put(y, [0, 3, 0], x[1:] * 2)
    np.place(y, [False, True, True, False], x[:1])
    np.putmask(y, [True, False, False, True], z)
    np.put_along_axis(y, np.array([2, 1]), x[2:] * y[:2], 0)
    return y + z


def fill_and_diagonal(x):
    y = np.zeros_like(x, shape=(3, 3))
    z = np.empty_like(x)
    z.fill(x[0] * x[1])
    np.fill_diagonal(y, x[:3] * z[:3])
    y[0] += 1.0
    w = y @ y
    np.fill_diagonal(y, 0.0)
    z.fill(2.0)
    return w + y + z[0]


def out_and_where(x):
    y = np.zeros_like(x)
    np.sin(x, out=y)
    z = y * x
    np.multiply(y, z, out=y)
    np.exp(y, out=y, where=[True, False, True, False])
    np.add(y[1:], x[:-1], out=y[:-1])
    np.cumsum(z, out=z)
    np.matmul(np.outer(x, x), y, out=y)
    np.negative(y, y)
    return y + z


def ufunc_at(x):
    y = x * 1.0
    np.add.at(y, [0, 0, 3], x[1:])
    z = y * y
    np.multiply.at(y, [1, 1], x[:2])
    np.subtract.at(y, slice(2), z[2:])
    np.square.at(y, [0, 2])
    return y * z


def flat_and_views(x):
    y = x.reshape(2, 2) * 1.0
    y.flat[1] = x[0] * x[3]
    y.T.flat[0] = x[2]
    z = np.exp(y)
    y.reshape(-1)[2:] *= 3.0
    np.ravel(y)[0] = z[1, 1]
    y.T[0] += z[0]
    np.swapaxes(y, 0, 1)[1, 1] = 0.25
    return y * z


def work_buffer_reused(x):
    work = np.empty_like(x)
    total = np.zeros_like(x)
    for k in range(4):
        work[:] = x * (k + 1)
        work[k] *= work[k - 1]
        np.sin(work, out=work)
        total += work * x
    work[:] = 0.0
    return total


def state_in_a_loop(x):
    s = np.zeros_like(x)
    s[:] = x
    for _ in range(5):
        old = s.copy()
        s[1:-1] = old[1:-1] + 0.1 * (old[2:] - 2 * old[1:-1] + old[:-2]) * old[1:-1]
        s[0] = s[1]
    return s


def gauss_seidel(x):
    s = x * 1.0
    for _ in range(3):
        for i in range(1, s.size - 1):
            s[i] = 0.5 * (s[i - 1] + s[i + 1]) + 0.1 * s[i] ** 2
    return s


def elimination(x):
    A = np.outer(x, x) + np.diag([3.0, 4.0, 5.0, 6.0])
    b = np.exp(-x)
    for k in range(3):
        for i in range(k + 1, 4):
            m = A[i, k] / A[k, k]
            A[i, k:] -= m * A[k, k:]
            b[i] -= m * b[k]
    for i in range(3, -1, -1):
        b[i] = (b[i] - A[i, i + 1 :] @ b[i + 1 :]) / A[i, i]
    return b


def lists_of_elements(x):
    y = np.zeros_like(x)
    y[:2] = [x[0] * x[1], 3.0]
    y[2:] = (y[0], x[3])
    values = [v * v for v in y]
    y[:] = 0.0
    return values


def constants_written(x):
    y = np.sin(x)
    z = y * x
    y[0] = 1.0
    y[1:3] = [2.0, 3.0]
    w = y * z
    y[...] = 0.5
    return w + y * x


def copies_and_same_array(x):
    y = x * 2.0
    z, w, v = y.copy(), y[...], +y
    s = y * z
    y[0] = x[3]
    z[1] = w[0]
    w[2] = v[3]
    v *= 0.0
    return s + y + z + w + v


def kept_and_views_of_kept(x):
    y = np.exp(x)
    v = y[1:]
    s = v * 2.0 + np.sin(v)
    v[0] = 7.0
    t = np.sin(v) * v
    y[-1] = x[0]
    return np.concatenate([s * t, v, y])


def real_and_imaginary_parts(x):
    z = np.zeros_like(x, dtype=complex)
    z.real = x**2
    z.imag[:2] = x[2:]
    w = z * z
    z.imag *= 3.0
    z.real[1] = x[0]
    z[3] += 1j * x[1]
    v = np.exp(z / 5)
    z.real[...] = 0.0
    z[...] = 0.0
    return np.concatenate([w.real, w.imag, v.real, v.imag, z.real])


def complex_conjugated_in_place(x):
    z = x * (1 + 2j)
    w = z * z
    np.conjugate(z, out=z)
    z *= w
    z[0] = np.abs(w[0])
    return np.concatenate([np.real(z), np.imag(z), np.abs(w)])


ANALYTIC = [
    element_by_element,
    operand_changed,
    result_changed,
    other_factor_changed,
    input_changed,
    plain_operand_changed,
    plain_view_changed,
    plain_number_changed,
    matmul_operands_changed,
    bilinear_operands_changed,
    reductions_changed,
    views_of_views,
    view_read_before_and_after,
    fancy_writes,
    repeated_positions_in_rows,
    mask_writes,
    augmented,
    swapped,
    copyto_put_place,
    fill_and_diagonal,
    out_and_where,
    ufunc_at,
    flat_and_views,
    work_buffer_reused,
    state_in_a_loop,
    gauss_seidel,
    elimination,
    lists_of_elements,
    constants_written,
    copies_and_same_array,
    kept_and_views_of_kept,
]
X4 = np.array([0.7, 1.3, 0.4, 1.9])


@pytest.mark.parametrize("f", ANALYTIC, ids=lambda f: f.__name__)
def test_writes(f):
    judge(f, X4)


@pytest.mark.parametrize(
    "f", [real_and_imaginary_parts, complex_conjugated_in_place], ids=lambda f: f.__name__
)
def test_writes_to_parts_of_complex_arrays(f):
    expected = differences(f, X4)
    for J in (dm.jacobian_rev(f, X4), dm.jacobian_rev(f, X4, chunk_size=1)):
        np.testing.assert_allclose(J, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("f", ANALYTIC, ids=lambda f: f.__name__)
def test_writes_differentiated_again(f):
    """The Duals of an outer call are kept as they were when recorded, too."""

    scale = np.max(np.abs(f(X4.copy())))

    def total(t):
        y = np.stack(f(X4 + t * np.array([1.0, -0.5, 0.3, 0.8])))
        return np.sum(np.sin(y / scale))

    expected = differences(lambda t: complex_step(total, t), np.array(0.0))
    d, g = dm.derivative, dm.gradient
    for outer, inner in [(d, g), (g, d), (g, g), (d, d)]:
        actual = outer(lambda t, inner=inner: inner(total, t), 0.0)
        np.testing.assert_allclose(actual, expected, rtol=1e-7, atol=1e-8)


def test_sorting_in_place():
    def f(x):
        y = x * x[0]
        z = np.sin(y)
        y.sort()
        w = y * z
        y[::-1].sort()
        y.partition(2)
        return np.concatenate([w, y * w])

    assert_close(differences(f, X4), dm.jacobian_rev(f, X4), rtol=1e-8, atol=1e-9)
    assert_close(differences(f, X4), dm.jacobian_rev(f, X4, chunk_size=1), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("n", [10, 50_000])
def test_large_plain_operands_changed_between_uses(n):
    """A large constant is kept once, for as long as it stays the same."""
    a = np.linspace(1.0, 2.0, n)

    def f(x):
        b = a.copy()
        y = x * b + b / x
        b *= 2.0
        z = x * b
        b[-1] = np.nan
        c = np.full(n, 3.0)
        w = x * c
        c[0] = np.inf
        del b, c
        for k in range(3):
            d = np.full(n, float(k))  # may lie where the last one lay
            w = w + x * d
            del d
        return np.sum(y) + np.sum(z) + np.sum(w)

    x = np.linspace(0.5, 1.5, n)
    np.testing.assert_allclose(dm.gradient(f, x), 3 * a - a / x**2 + 6, rtol=1e-13)


@pytest.mark.parametrize("n", [10, 50_000])
def test_large_arrays_written_in_place(n):
    def f(x):
        y = np.zeros_like(x)
        y[:] = np.sin(x)
        y *= x
        z = y * y
        y[::2] = 0.0
        x[:] = 0.0
        return np.sum(z * y) + np.sum(x)

    x = np.linspace(0.0, 1.0, n)
    expected = 3 * (np.sin(x) * x) ** 2 * (np.sin(x) + x * np.cos(x))
    expected[::2] = 0.0
    np.testing.assert_allclose(dm.gradient(f, x), expected, rtol=1e-12, atol=1e-15)


# --- The oracle itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("f", ANALYTIC, ids=lambda f: f.__name__)
def test_the_programs_are_analytic(f):
    np.testing.assert_allclose(complex_step(f, X4), differences(f, X4), rtol=1e-7, atol=1e-8)
