"""Random programs that learn from values: prepared at one point, right at others.

A program is a few statements on x: branches, masks, counts, lists, exceptions that it catches,
arguments and global names that change between calls.  The oracle is the complex step of the same
statements in plain NumPy along the way that the real point takes; where a program writes and masks
too much for that, differences.  As a script:
``python tests/replay/test_prepare_programs.py FIRST LAST``.
"""

import math
import sys
import warnings

import numpy as np
import pytest

import dualmc as dm
from dualmc.batches import verbs

N = 4
STATE = {"k": 2.0, "table": [1.0, 2.0, 3.0], "w": np.array([1.0, 2.0, 0.5, -1.0])}


def _real(v):
    return np.real(v)


# Statements: text with x, y (the array so far) and r(), which is the real part in the oracle.
STATEMENTS = """
y = y * x
y = y + np.sin(x)
y = y - y[::-1] * 0.5
y = np.where(r(y) > {t}, y**2, 2.0 * y)
y = y * np.exp(-x * x)
y = y * STATE["k"]
y = y + STATE["w"] * x
y = y * STATE["table"][int(abs(r(x[{i}]))) % 3]
y = y * c["scale"] + len(c["items"])
y = y * len(x[r(x) > {t}])
y = y + x[r(x) > {t}].sum()
y = y * np.unique(np.round(r(x))).size
y = y + np.nonzero(r(y) > {t})[0].size * x
y = y * (3 if r(x[{i}]) > {t} else 2)
y = y * (1 + int(np.floor(r(x[{i}]))) ** 2)
y = y * len(f"{{float(np.round(r(x[{i}]))):+.0f}}")
y = y * (1 + np.count_nonzero(r(y) > {t}))
y = np.concatenate([y[r(y) <= {t}], y[r(y) > {t}]])
y = y[np.argsort(r(x))]
y = y + max(r(v) for v in x[:0].tolist() + [1.0])
y = np.where(np.any(r(x) > 1.5), y, y * x[{i}])
y = y * sum([2.0 for v in x if r(v) > {t}], 1.0)
""".strip().splitlines()
BLOCKS = r"""
if r(y).sum() > {t}:\n    {a}\nelse:\n    {b}
for _ in range(int(abs(r(x[{i}]))) % 3):\n    {a}
while abs(r(y[{i}])) > 3.0:\n    y = y / 2.0
try:\n    math.sqrt(r(x[{i}]) - {t})\n    {a}\nexcept ValueError:\n    {b}
try:\n    np.linalg.cholesky(np.diag(r(x) - {t}))\n    {a}\nexcept np.linalg.LinAlgError:\n    {b}
try:\n    STATE["table"][int(np.floor(abs(r(x[{i}]) * 2)))]\n    {a}\nexcept IndexError:\n    {b}
try:\n    1 // int(r(x[{i}]))\n    {a}\nexcept ZeroDivisionError:\n    {b}
""".strip().splitlines()
BLOCKS = [block.encode().decode("unicode_escape") for block in BLOCKS]


def program(seed):
    """Source of a function of x and of an argument c."""
    rng = np.random.default_rng(seed)

    def statement():
        text = STATEMENTS[rng.integers(len(STATEMENTS))]
        return text.format(t=round(rng.normal(), 2), i=rng.integers(N))

    lines = ["y = x * 1.0"]
    for _ in range(rng.integers(2, 6)):
        if rng.random() < 0.5:
            lines.append(statement())
            continue
        text = BLOCKS[rng.integers(len(BLOCKS))]
        text = text.format(
            t=round(rng.normal(), 2), i=rng.integers(N), a=statement(), b=statement()
        )
        lines.extend(text.splitlines())
    return "def f(x, c):\n    " + "\n    ".join([*lines, "return y"]) + "\n"


def made(source, real):
    scope = {"np": np, "math": math, "STATE": STATE, "r": real}
    exec(source, scope)
    return scope["f"]


def same(a):
    return a


def oracle(source, x, c):
    """The Jacobian by complex steps, which go the way of the real point."""
    f = made(source, _real)
    J = np.empty((N, N))
    for i in range(N):
        z = x.astype(complex)
        z[i] += 1e-30j
        J[:, i] = np.imag(f(z, c)) / 1e-30
    return J


def points(seed):
    rng = np.random.default_rng([seed, 1])
    near = rng.normal(size=N) * 1.5
    return [near, near + 0.01 * rng.normal(size=N), *(rng.normal(size=(3, N)) * 1.5), near]


def run(seed):
    """Compare at every point, with a global name and an argument changed on the way."""
    source = program(seed)
    f = made(source, same)
    c = {"scale": 1.5, "items": [1, 2]}
    before = {k: v.copy() if hasattr(v, "copy") else v for k, v in STATE.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            J = dm.prepare(f, points(seed)[0], c)
            for number, x in enumerate(points(seed) * 2):
                if number == 3:
                    STATE["k"] = 3.0
                    STATE["table"][1] = -2.0
                if number == 5:
                    c["items"].append(3)
                    STATE["w"][0] = 4.0
                right = oracle(source, x, c)
                fresh = dm.jacobian_fwd(f, x, c)
                found = J(x, c)
                scale = np.abs(right).max(initial=1.0)
                np.testing.assert_allclose(fresh, right, atol=1e-9 * scale, err_msg=source)
                np.testing.assert_allclose(found, right, atol=1e-9 * scale, err_msg=source)
        finally:
            STATE.update(before)
    return J


@pytest.mark.parametrize("seed", range(12))
def test_random_program(seed):
    run(seed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_many_points(seed, monkeypatch):
    """The same programs at 25 points at once, which go ways of their own."""
    monkeypatch.setattr(verbs, "MANY", 4)
    source, c = program(seed), {"scale": 1.5, "items": [1, 2]}
    X = 1.5 * np.random.default_rng([seed, 2]).normal(size=(25, N))
    found = dm.jacobian_fwd(made(source, same), X, c, batch=True)
    for x, J in zip(X, found, strict=True):
        right = oracle(source, x, c)
        scale = np.abs(right).max(initial=1.0)
        np.testing.assert_allclose(J, right, atol=1e-9 * scale, err_msg=source)


if __name__ == "__main__":
    replays = calls = 0
    reasons: dict = {}
    for number in range(*map(int, sys.argv[1:3])):
        try:
            done = run(number)
        except Exception as error:
            print(f"program {number}: {type(error).__name__}: {error}")
            continue
        replays += done.replays
        calls += done.replays + done.fresh_calls
        if done.reason is not None:
            reasons[done.reason[:60]] = reasons.get(done.reason[:60], 0) + 1
    print(f"{replays} of {calls} calls replayed; not replayed: {reasons}")
