"""The command line, as a user meets it."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from dualmc import __main__ as command_line
from dualmc.cli import examples
from dualmc.document.examples import EXAMPLES

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "dualmc", *arguments], capture_output=True, text=True, cwd=ROOT
    )


def status_of(*arguments):
    """The exit status of main in this process, where argparse leaves by SystemExit."""
    try:
        return command_line.main(arguments)
    except SystemExit as leave:
        return leave.code


def test_bare_command_shows_examples_then_training():
    done = run()
    assert done.stderr == ""
    assert done.returncode == 0
    for section in ("2", "4.2", "4.5.3", "6.1"):
        assert f"\n{section} " in done.stdout
    assert f"{len(EXAMPLES)} of {len(EXAMPLES)} agree to 1e-12" in done.stdout
    assert "trained on Brownlee's stack loss data: 21 samples" in done.stdout
    assert "\nair_flow" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 130


def test_a_closed_pipe_is_no_traceback():
    """As in ``python -m dualmc | head``, here with a reader that leaves at once."""
    command = [sys.executable, "-m", "dualmc", "examples"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_examples_shows_the_jacobian_and_its_closed_form(capsys):
    assert status_of("examples", "--section", "4") == 0
    out = capsys.readouterr().out
    first = next(line for line in out.splitlines() if "(f, g)  " in line)
    assert first.split("  ", 1)[0] == "4"
    assert "(x, y)  [4.5    6.75]" in first
    assert "[6yx, 3x^2], [2, 8y^7]" in first
    assert "\n5 " not in out


def test_examples_of_one_section(capsys):
    assert status_of("examples", "--section", "4.5.2") == 0
    out = capsys.readouterr().out
    count = sum(e.section == "4.5.2" for e in EXAMPLES)
    assert f"{count} of {count} agree" in out
    assert "4.5.1" not in out


def test_disagreement_is_reported_and_gives_status_1(capsys, monkeypatch):
    wrong = dataclasses.replace(EXAMPLES[2], closed_form=lambda x: 3 * x * x + 1e-9)
    monkeypatch.setattr(examples, "EXAMPLES", (*EXAMPLES[:2], wrong))
    assert status_of("examples") == 1
    captured = capsys.readouterr()
    assert "2 of 3 agree" in captured.out
    assert "DISAGREES: section 2, x^3 by x" in captured.err


def test_disagreement_also_fails_the_bare_command(capsys, monkeypatch):
    wrong = dataclasses.replace(EXAMPLES[2], closed_form=lambda x: -1.0)
    monkeypatch.setattr(examples, "EXAMPLES", (wrong,))
    assert status_of() == 1
    assert "least squares" in capsys.readouterr().out


def test_train_prints_the_falling_loss_and_the_weights(capsys):
    assert status_of("train", "--steps", "250", "--rate", "0.1") == 0
    out = capsys.readouterr().out
    steps = [line.split() for line in out.split("---\n")[1].split("\n\n")[0].splitlines()]
    losses = [float(loss) for _, loss, _ in steps]
    assert [steps[0][0], steps[-1][0]] == ["0", "250"]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 100 * losses[-1] / 3
    weights = {w[0]: float(w[1]) for w in (line.split() for line in out.splitlines()[-4:])}
    assert weights["air_flow"] == pytest.approx(0.7156, abs=5e-5)
    assert weights["bias"] == pytest.approx(-39.92, abs=5e-3)


def test_train_takes_a_table_of_the_users(capsys, tmp_path):
    path = tmp_path / "line.csv"
    path.write_text("x,y\n0,1\n1,3\n2,5\n3,7\n")
    assert status_of("train", "--data", str(path), "--steps", "500") == 0
    out = capsys.readouterr().out
    assert "4 samples" in out
    weights = {w[0]: float(w[1]) for w in (line.split() for line in out.splitlines()[-2:])}
    assert weights == pytest.approx({"x": 2.0, "bias": 1.0}, rel=1e-4)


def test_train_reports_a_rate_too_large(capsys):
    assert status_of("train", "--rate", "0.9") == 1
    assert "the rate 0.9 is too large. Choose a smaller --rate." in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["examples", "--help"], ["train", "--help"]])
def test_help(capsys, arguments):
    assert status_of(*arguments) == 0
    out = capsys.readouterr().out
    named = ["examples", "train", "Exit status"]
    named = {"examples": ["--section", "4.5"], "train": ["--steps", "--rate", "--data"]}.get(
        arguments[0], named
    )
    assert all(word in out for word in named)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--steps", "0"], "argument --steps: must be a positive integer, got '0'."),
        (["train", "--steps", "many"], "argument --steps: must be a positive integer, got 'many'."),
        (["train", "--rate", "-1"], "argument --rate: must be a positive number, got '-1'."),
        (["train", "--rate", "fast"], "argument --rate: must be a positive number, got 'fast'."),
        (["train", "--rate", "nan"], "argument --rate: must be a positive number, got 'nan'."),
        (["train", "--data", "no-such-file.csv"], "argument --data: "),
        (["examples", "--section", "7"], "no example is in section '7'; there are 2, 3, 4, 4.1"),
        (["expalin"], "invalid choice: 'expalin'"),
    ],
)
def test_bad_option_gives_a_sentence_and_status_2(capsys, arguments, message):
    assert status_of(*arguments) == 2
    assert message in capsys.readouterr().err


def test_bad_table_gives_the_line(capsys, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("x,y\n1,2\n3,oops\n")
    assert status_of("train", "--data", str(path)) == 2
    assert (
        "bad.csv, line 3: every cell must be a number; column y holds 'oops'."
        in capsys.readouterr().err
    )


# --- compare -------------------------------------------------------------------------------------


def test_compare_an_expression(capsys):
    assert 0 == command_line.main(
        ["compare", "log(sin(x**3)**2)", "--at", "x=1.2", "--seconds", "0.05"]
    )
    out = capsys.readouterr().out
    assert "forward, from x to y:  dy/dx = du1/dx du2/du1 du3/du2 dy/du3" in out
    assert "reverse, from y to x:  dy/dx = dy/du3 du3/du2 du2/du1 du1/dx" in out
    for mode in ("one column at a time", "structured", "reverse", "finite differences"):
        assert mode in out
    assert "1 input, 1 output" in out and "\nUse " in out


def test_compare_a_function_by_its_name(capsys):
    at = ["--at", "a=[1, 2]", "b=3", "--seconds", "0.05"]
    assert 0 == command_line.main(
        ["compare", "numpy:hypot", "--at", "x1=[1,2]", "x2=3", "--seconds", "0.05"]
    )
    assert "3 inputs, 2 outputs" in capsys.readouterr().out
    assert 0 == command_line.main(["compare", "a * b", *at, "--by", "b"])
    assert "1 input, 2 outputs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["__import__('os')", "--at", "x=1"], "'__import__' at column 1 is not allowed"),
        (["sin(x)"], "x"),
        (["sin(x)", "--at", "x=1", "--by", "z"], "'z' is no variable of it; there are: x."),
        (["sin(x)", "--at", "x=1", "--seconds", "0"], "must be a positive number, got '0'."),
        (["3 + 4"], "has no variables to differentiate by"),
    ],
)
def test_compare_refuses(capsys, args, message):
    with pytest.raises(SystemExit) as error:
        command_line.main(["compare", *args])
    assert 2 == error.value.code
    assert message in capsys.readouterr().err


def test_compare_says_what_f_raised(capsys):
    assert 2 == command_line.main(["compare", "floor(x)", "--at", "x=1.5"])
    assert "does not depend on its 1 inputs" in capsys.readouterr().err
