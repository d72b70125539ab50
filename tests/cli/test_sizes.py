"""The command line refuses what is too large in one sentence, before it is made."""

import subprocess
import sys

import numpy as np
import pytest

import dualmc as dm
from dualmc.__main__ import main
from dualmc.cli.expressions import sizes
from dualmc.cli.expressions.point import read_point
from dualmc.cli.expressions.reader import parse
from dualmc.cli.expressions.source import ExpressionError

BIG = 10**11


def value(text):
    expression = parse(text, ["x"])
    return expression(*[np.ones(2)] * len(expression.names))


@pytest.mark.parametrize(
    "text",
    [
        f"zeros({BIG})*x", f"np.ones((10**6, {BIG}))", f"full({BIG}, x)", "eye(10**6)*x",
        f"identity({BIG})", f"tri(10**5, {BIG})", f"arange({BIG})*x", f"arange(0, {BIG}, 0.5)",
        f"linspace(0, x, {BIG})", "indices((10**5, 10**5))", f"tile(x, {BIG})",
        f"repeat(x, {BIG})", f"sum(broadcast_to(x, ({BIG},)))", f"pad(x, {BIG})",
        f"resize(x, {BIG})", "outer(ones(10**6), ones(10**6))", "kron(ones(10**6), ones(10**6))",
        "ones((10**6, 1)) + ones(10**6)", "maximum(ones((10**6, 1)), ones(10**6))",
        "diag(ones(10**6))", "ones((10**6, 1)) @ ones((1, 10**6))", "vander(ones(10**5))",
        f"fft.fft(x, {BIG})", f"x.repeat({BIG})", f"zeros(shape={BIG})",
    ],
)  # fmt: skip
def test_too_large(text):
    with pytest.raises(ExpressionError, match=r"at column \d+ is too large: an array of \d+ el"):
        value(text)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("sum(zeros((5, 2)) + x)", 10.0),
        ("sum(tile(x, (2, 3)))", 12.0),
        ("sum(broadcast_to(x, (4, 2)))", 8.0),
        ("sum(pad(x, ((1, 2),)) + repeat(x, 3)[:5])", 7.0),
        ("sum(x[:, None] * x @ x)", 4.0),
        ("sum(arange(4) + eye(4))*x[0]", 28.0),
    ],
)
def test_what_is_small_is_computed(text, right):
    assert value(text) == right


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (np.zeros, ((3, 4),)), (np.full, (5, 1.0)), (np.tile, (np.ones(3), (2, 2))),
        (np.repeat, (np.ones((2, 3)), 4)), (np.eye, (3, 5)), (np.identity, (4,)),
        (np.arange, (2, 9, 2)), (np.linspace, (0.0, np.ones(3), 7)), (np.outer, ([1, 2], [3, 4])),
        (np.kron, (np.ones((2, 2)), np.ones((3, 3)))), (np.vander, (np.ones(3), 5)),
        (np.diag, (np.ones(3), 2)), (np.pad, (np.ones((2, 3)), ((1, 2), (0, 4)))),
        (np.indices, ((2, 3),)), (np.add, (np.ones((3, 1)), np.ones(4))),
        (np.matmul, (np.ones((5, 2, 3)), np.ones((3, 4)))), (np.dot, (np.ones(3), np.ones(3))),
        (np.resize, (np.ones(2), (3, 3))), (np.fft.fft, (np.ones((2, 4)), 9)),
        (np.broadcast_to, (1.0, (2, 5))), (np.meshgrid, (np.ones(2), np.ones(3))),
    ],
)  # fmt: skip
def test_the_prediction_is_what_is_made(function, args):
    assert sizes.predicted(function, args, {}) == sizes.numbers_in(function(*args))


def test_points_are_limited_too():
    with pytest.raises(ExpressionError, match="--at x: .* is too large"):
        read_point([f"x=zeros({BIG})"], ["x"])


@pytest.mark.parametrize("command", ["explain", "compare"])
@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        (f"zeros({BIG})*x", "x=1", "is too large"),
        (f"sum(broadcast_to(x, ({BIG},)))", "x=1", "is too large"),
        ("sum(einsum('i,j,k,l->ijkl', x, x, x, x))", "x=ones(3000)", "more memory than there is"),
        ("x[5]", "x=[1, 2]", "out of bounds"),
    ],
)
def test_one_sentence_and_exit_status_2(command, text, at, said, capsys):
    assert main([command, text, "--at", at]) == 2
    found = capsys.readouterr()
    assert found.err.startswith(f"python -m dualmc {command}: error: ") and said in found.err
    assert found.err.count("\n") == 1 and not found.out


def endless(x):
    return endless(x) + 1.0


def odd(x):
    raise RuntimeError("a pump broke")


@pytest.mark.parametrize("command", ["explain", "compare"])
@pytest.mark.parametrize(
    ("name", "said"), [("endless", "calls itself without end"), ("odd", "RuntimeError: a pump")]
)
def test_functions_that_fail(command, name, said, capsys):
    assert main([command, f"{__name__}:{name}", "--at", "x=1"]) == 2
    assert said in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and dm.__version__ in capsys.readouterr().out


def test_the_program_limits_its_memory():
    text = "sum(einsum('i,j,k->ijk', x, x, x))"
    done = subprocess.run(
        [sys.executable, "-m", "dualmc", "explain", text, "--at", "x=ones(9000)"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "more memory than there is" in done.stderr
