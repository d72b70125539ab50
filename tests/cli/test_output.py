"""Where commands write, in which format, and what happens where they cannot."""

import json
import os
import subprocess
import sys

import pytest

from dualmc import __main__ as command_line
from dualmc import files

EXPLAIN = ["explain", "sin(x**2)", "--at", "x=1.2"]
COMPARE = ["compare", "sin(x**2)", "--at", "x=1.2", "--seconds", "0.02"]


def status_of(*arguments):
    try:
        return command_line.main(arguments)
    except SystemExit as leave:
        return leave.code


def run(*arguments, **options):
    command = [sys.executable, "-m", "dualmc", *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, **options)


# --- compare -------------------------------------------------------------------------------------


def test_compare_writes_each_format(tmp_path, capsys):
    for name, start in (("c.html", "<!DOCTYPE"), ("c.HTM", "<!DOCTYPE"), ("c.txt", "sin(x**2): ")):
        path = tmp_path / name
        assert status_of(*COMPARE, "--output", str(path)) == 0
        content = path.read_text(encoding="utf-8")
        assert content.startswith(start) and content.endswith("\n") and "reverse" in content
    assert capsys.readouterr().out == ""
    assert status_of(*COMPARE, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == found["m"] == 1
    assert [factor["name"] for factor in found["factors"]] == ["du1/dx", "dy/du1"]
    assert {mode["name"] for mode in found["modes"]} >= {"reverse", "forward, structured"}
    path = tmp_path / "c.dat"
    assert status_of(*COMPARE, "--format", "json", "--output", str(path)) == 0
    assert json.loads(path.read_text())["function"] == "sin(x**2)"


def test_json_has_no_numbers_that_json_lacks(capsys):
    # The derivative is infinite here, and so is a difference: JSON has null for it.
    assert (
        status_of("compare", "sqrt(x)", "--at", "x=0", "--seconds", "0.02", "--format", "json") == 0
    )

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(capsys.readouterr().out, parse_constant=refuse)


def prints(x):
    print("from the function")
    return 2 * x


def leaves(x):
    sys.exit(3)


@pytest.mark.parametrize("command", ["explain", "compare"])
def test_what_f_prints_does_not_get_into_what_is_shown(command, capsys):
    kind = {"explain": "latex", "compare": "json"}[command]
    assert status_of(command, f"{__name__}:prints", "--at", "x=1", "--format", kind) == 0
    captured = capsys.readouterr()
    assert "from the function" not in captured.out and "from the function" in captured.err
    assert captured.out[0] in "\\{"


@pytest.mark.parametrize("command", ["explain", "compare"])
def test_a_function_that_leaves(command, capsys):
    assert status_of(command, f"{__name__}:leaves", "--at", "x=1") == 2
    assert "error: the function ends the program: sys.exit(3)." in capsys.readouterr().err


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", [EXPLAIN, COMPARE], ids=["explain", "compare"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--output", "page.pdf"], "'page.pdf' ends in none of .txt, .html, .htm"),
        (["--output", "page"], "'page' ends in none of"),
        (["--output", "page.html", "--format", "text"], "ends as html does, but --format is text"),
        (["--output", "no/such/folder/page.html"], "there is no folder 'no/such/folder'."),
        (["--output", "folder.html"], "'folder.html' is a folder."),
        (["--format", "pdf"], "invalid choice: 'pdf'"),
    ],
)
def test_outputs_that_are_refused(command, options, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    assert status_of(*command, *options) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["folder.html"]


def test_latex_is_none_of_the_formats_of_compare(capsys):
    assert status_of(*COMPARE, "--output", "page.tex") == 2
    assert "'page.tex' ends in none of .txt, .html, .htm, .json" in capsys.readouterr().err
    assert status_of(*EXPLAIN, "--output", "page.json") == 2
    assert "ends in none of .txt, .html, .htm, .tex" in capsys.readouterr().err


# --- Files that cannot be written ----------------------------------------------------------------

full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


@full
def test_a_full_disk_says_so():
    done = run(*EXPLAIN, "--format", "text", "--output", "/dev/full")
    assert done.returncode == 2
    assert done.stderr == (
        "python -m dualmc explain: error: argument --output: '/dev/full' cannot be written: "
        "No space left on device.\n"
    )
    with open("/dev/full", "w") as terminal:
        done = run(*EXPLAIN, stdout=terminal)
    assert done.returncode == 2
    assert done.stderr == "python -m dualmc: error: printing failed: No space left on device.\n"


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    files.write(path, "before")
    os.chmod(path, 0o640)
    files.write(path, "after\u2202")
    assert path.read_text(encoding="utf-8") == "after\u2202"
    assert path.stat().st_mode & 0o777 == 0o640

    class Full:
        def __init__(self, path, mode):
            self.file = open(path, mode)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, data):
            self.file.write(data[:3])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "open", Full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        files.write(path, "half a page")
    with pytest.raises(OSError, match="No space left"):
        files.write(tmp_path / "other.html", "half a page")
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["page.html"]
    assert path.read_text(encoding="utf-8") == "after\u2202"


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "none" / "page.html"
    with pytest.raises(FileNotFoundError) as raised:
        files.write(path, "text")
    assert raised.value.filename == str(path)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("before")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    files.write(tmp_path / "link.txt", "after")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "after"


@pytest.mark.parametrize("arguments", [["--help"], ["explain", "--help"], EXPLAIN, ["--version"]])
def test_a_reader_that_leaves_is_no_traceback(arguments):
    command = [sys.executable, "-m", "dualmc", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode in (0, 1)


# --- The command ---------------------------------------------------------------------------------


def test_the_version_names_what_it_runs_on(capsys):
    assert status_of("--version") == 0
    out = capsys.readouterr().out
    for package in ("dualmc ", "Python 3.", "NumPy ", "Numba ", "SciPy"):
        assert package in out
    assert out.count("\n") == 1


def test_the_command_names_itself(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/dualmc"])
    assert status_of("explain", "--at") == 2
    assert capsys.readouterr().err.startswith("usage: dualmc explain ")
    assert status_of("explain", "--help") == 0
    assert 'For example: dualmc explain "sin(x**2)" --at x=1.2' in capsys.readouterr().out


def test_the_console_script_is_the_command():
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"dualmc": "dualmc.__main__:command"}
    assert callable(command_line.command)
