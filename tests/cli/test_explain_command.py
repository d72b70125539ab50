"""``python -m dualmc explain``."""

import pytest

from dualmc import __main__ as command_line


def status_of(*arguments):
    try:
        return command_line.main(arguments)
    except SystemExit as leave:
        return leave.code


def test_command_prints_the_derivation(capsys):
    assert status_of("explain", "log(sin(x**3)**2)", "--at", "x=1.3") == 0
    out = capsys.readouterr().out
    assert out.startswith("Derivation of y = ln(sin(x^3)^2)\n")
    assert out.endswith("dy/dx = 6*x^2*cos(x^3)/sin(x^3) = -7.33443\n")


def test_command_with_several_variables(capsys):
    arguments = ["explain", "max(0, w @ x + b)", "--at", "w=[1, 2]", "x=[3, 4]", "--at", "b=0.5"]
    assert status_of(*arguments, "--by", "b", "w") == 0
    out = capsys.readouterr().out
    assert "at b = 0.5, w = [1, 2]" in out
    assert "dy/dw = (1 if w . x + b > 0 else 0) * x^T = [3  4]" in out
    assert "dy/dx" not in out


def test_command_in_the_other_layout(capsys):
    arguments = ["explain", "A @ x", "--at", "A=[[1,2],[3,4]]", "x=[5,6]", "--by", "x"]
    assert status_of(*arguments, "--layout", "denominator") == 0
    assert "dy/dx = A^T = [1  3]" in capsys.readouterr().out
    assert status_of(*arguments) == 0
    assert "dy/dx = A = [1  2]" in capsys.readouterr().out


def test_command_writes_files(tmp_path, capsys):
    for name, start in (("e.html", "<!DOCTYPE"), ("e.tex", r"\documentclass"), ("e.txt", "Deriv")):
        path = tmp_path / name
        assert status_of("explain", "sin(x**2)", "--at", "x=1.2", "--output", str(path)) == 0
        assert path.read_text(encoding="utf-8").startswith(start)
    assert capsys.readouterr().out == ""
    assert status_of("explain", "sin(x**2)", "--at", "x=1.2", "--format", "latex") == 0
    assert capsys.readouterr().out.startswith(r"\documentclass")
    arguments = [
        "explain",
        "dualmc.document.neuron:activation",
        "--at",
        "w=[1,2]",
        "b=1",
        "x=[3,4]",
    ]
    assert status_of(*arguments, "--format", "html") == 0
    assert "</html>" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sin(x**2)"], "no value for x"),
        (["sin(x^2)", "--at", "x=1"], "write ** for a power"),
        (["x", "--at", "x=1", "--by", "q"], "'q' is no variable of it; there are: x."),
        (["3"], "has no variables"),
        (["x[5]", "--at", "x=[1, 2]"], "index 5 is out of bounds"),
        (["x * 1j", "--at", "x=1"], ""),
        (["x", "--at", "x=1", "--output", "/no/such/folder/e.html"], "argument --output"),
    ],
)
def test_command_refuses(arguments, message, capsys):
    assert status_of("explain", *arguments) == 2
    assert message in capsys.readouterr().err
