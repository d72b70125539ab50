"""Judge of rules for SciPy's compiled kernels: every mode against differences of plain calls."""

import warnings

import numpy as np

import dualmc as dm


def differences(f, x, step=1e-3):
    """The Jacobian by central differences, extrapolated thrice (Richardson); of plain calls."""
    x = np.asarray(x, float)
    columns = []
    for i in range(x.size):
        unit = np.zeros(x.shape)
        unit.flat[i] = 1.0
        table = [
            (np.asarray(f(x + h * unit)) - np.asarray(f(x - h * unit))) / (2 * h)
            for h in step / 2.0 ** np.arange(4)
        ]
        for power in (4, 16, 64):
            table = [(power * b - a) / (power - 1) for a, b in zip(table, table[1:], strict=False)]
        columns.append(table[0])
    return np.stack(columns, axis=-1)


def close(found, expected, rtol):
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    found = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    np.testing.assert_allclose(
        np.reshape(found, np.shape(expected)), expected, rtol=rtol, atol=rtol * scale
    )


def judge(f, x, rtol=1e-7, expected=None, second=True):
    """Assert that every mode gives the value and the derivatives of `f` at x."""
    x = np.asarray(x, float)
    expected = differences(f, x) if expected is None else expected
    value, J = dm.value_and_jacobian_fwd(f, x)
    np.testing.assert_allclose(value, f(x), rtol=1e-12, atol=1e-13)
    close(J, expected, rtol)
    close(dm.jacobian_rev(f, x), expected, rtol)
    close(dm.jacobian_fwd(f, x, chunk_size=1), expected, rtol)
    close(dm.jacobian_fwd(f, x, sparse=True), expected, rtol)
    _judge_replay(f, x, expected, rtol)
    if second:
        weight = np.cos(np.arange(np.size(f(x)), dtype=float)).reshape(np.shape(f(x)))

        def total(x):
            y = f(x)
            return np.sum(weight * y * y)

        close(dm.hessian(total, x), differences(lambda x: dm.gradient(total, x), x), 10 * rtol)


def _judge_replay(f, x, expected, rtol):
    """`prepare`, at another point than the one recorded as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = x * (1.0 + 1e-3 * np.cos(np.arange(x.size)).reshape(x.shape))
        prepared = dm.prepare(f, x)
        close(prepared(x), expected, rtol)
        close(prepared(other), dm.jacobian_fwd(f, other), rtol)
