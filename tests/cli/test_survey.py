"""``python -m dualmc survey``: every verdict, on a module that has a function for each."""

import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from dualmc import __main__ as command_line
from dualmc.cli.expressions.source import ExpressionError
from dualmc.cli.survey import report, summary
from dualmc.cli.surveying.samples import NoNumbers, kinds, samples
from dualmc.cli.surveying.targets import Subject, subjects
from dualmc.cli.surveying.trial import VERDICTS, Finding, leaves, point_of

ROOT = Path(__file__).parents[2]
MODULE = '''
import os, struct, sys, time
import numpy as np
import dualmc as dm
from math import hypot

def area(r, h: float = 2.0):
    return np.pi * r**2 * h

def norm(x):
    """The length of a vector.

    Parameters
    ----------
    x : array_like
    """
    print("spoken")
    return np.sqrt(np.sum(np.asarray(x) ** 2))

def determinant(A):
    """
    A : (N, N) ndarray
    """
    return np.linalg.det(A)

def pair(u, v):
    return u @ v, v[0] * u

def by_example(p, q):
    """
    >>> by_example([1.0, -2.0], 0.25)
    """
    if q >= 0.3 or len(p) != 2:
        raise ValueError("not here")
    return np.asarray(p) * q

def counted(n: int, x: float):
    return sum(x**k for k in range(n))

def everything_has_a_default(a=1.5, b="text"):
    return a**2

def packed(x):
    return len(struct.pack("d", x)) * x

def wrong(x):
    return _wrong(x)

@dm.custom_jvp
def _wrong(x):
    return np.sin(x)

@_wrong.def_jvp
def _wrong_jvp(primals, tangents):
    return _wrong(*primals), 3.0 * tangents[0]

def aborts(x):
    os.abort()

def exits(x):
    sys.exit(0)

def exits_at_once(x):
    os._exit(0)

def deep(x):
    return deep(x + 1.0)

def asks(x):
    return x * float(input())

def leaves_a_file(x):
    with open("left.txt", "w") as file:
        file.write("here")
    return x * 2.0

def text(x):
    return str(x)

def whole(x):
    return 7

def undefined(x):
    return x * np.nan

def random(x):
    return x * np.random.default_rng().random()

def named(x, *, scale):
    return x * scale

def nothing():
    return 1.0

def picky(x, y):
    if np.shape(x) != (5,) or y != 1.25:
        raise ValueError("x must have five entries")
    return x * y

def calls(function: callable):
    return function(1.0)

def _private(x):
    return x

CONSTANT = 3.0

class Shape:
    pass
'''
EXPECTED = {
    "area": "works", "norm": "works", "determinant": "works", "pair": "works",
    "by_example": "works", "counted": "works", "everything_has_a_default": "works",
    "packed": "refused", "wrong": "differs", "aborts": "crashes", "exits": "not called",
    "exits_at_once": "crashes", "deep": "not called", "asks": "not called",
    "leaves_a_file": "works", "text": "not called", "whole": "not called",
    "undefined": "not called", "random": "not called", "named": "not called",
    "nothing": "not called", "picky": "not called", "calls": "not called",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surveyed")
    (folder / "shapes.py").write_text(MODULE)
    (folder / "endless.py").write_text(
        "import time\n\ndef sleeps(x):\n    time.sleep(60)\n\ndef ticks(x):\n    return x * 2.0\n"
    )
    return folder


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "dualmc", "survey", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        input="",
    )


@pytest.fixture(scope="module")
def findings(folder):
    done = run(folder, "shapes", "--json")
    assert "" == done.stderr and 1 == done.returncode
    found = json.loads(done.stdout)
    return {f["name"].removeprefix("shapes."): f for f in found}


def test_all_functions_that_the_module_defines_are_tried(findings):
    assert list(EXPECTED) == list(findings)


@pytest.mark.parametrize("name", EXPECTED)
def test_verdicts(findings, name):
    assert EXPECTED[name] == findings[name]["verdict"], findings[name]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("packed", "struct.pack met a Dual, which it cannot take (error: required argument"),
        ("wrong", "dualmc has 3, complex step 0.7"),
        ("aborts", "it ended the process (signal SIGABRT)"),
        ("exits_at_once", "it ended the process (exit status 0)"),
        ("exits", "no sample arguments suit it (SystemExit"),
        ("deep", "no sample arguments suit it (RecursionError"),
        ("asks", "no sample arguments suit it (EOFError"),
        ("text", "it returns str, which is no number"),
        ("whole", "it returns no floating-point numbers"),
        ("undefined", "it returns NaN or infinity"),
        ("random", "two calls return different values"),
        ("named", "its argument scale is passed by keyword only"),
        ("nothing", "it takes no arguments"),
        ("picky", "no sample arguments suit it (ValueError: x must have five entries)"),
        ("calls", "its argument function is no number"),
    ],
)
def test_reasons(findings, name, said):
    assert findings[name]["reason"].startswith(said)


def test_where_and_what_to_do(findings, folder):
    line = 1 + MODULE.split("\n").index('    return len(struct.pack("d", x)) * x')
    assert f"{folder / 'shapes.py'}:{line}" == findings["packed"]["where"]
    assert "dualmc.register_standin(struct.pack, its derivative)" == findings["packed"]["advice"]


def test_nothing_is_left_behind(findings, folder):
    assert {"shapes.py", "endless.py", "__pycache__"} >= {path.name for path in folder.iterdir()}


def test_what_hangs_is_ended_and_the_rest_goes_on(folder):
    done = run(folder, "endless", "--seconds", "4")
    assert 1 == done.returncode and "" == done.stderr
    assert "endless.sleeps: plain calls did not end within the limit of 4 s" in done.stdout
    assert "1 of 2 work; 1 over the limit." in done.stdout


def test_named_functions_and_values(folder):
    done = run(folder, "shapes:picky", "shapes.area", "--at", "x=[1,2,3,4,5]", "y=1.25", "h=3")
    assert 0 == done.returncode, done.stdout
    assert "5 array, 1.25  works, not compared" in done.stdout and "0.7, 3 " in done.stdout
    assert done.stdout.endswith("2 of 2 work.\n")


def test_where_none_can_be_called(folder):
    done = run(folder, "shapes:text")
    assert 2 == done.returncode
    assert "0 of 0 work; 1 more not called." in done.stdout


def test_the_report_is_one_table(findings):
    found = [Finding(**finding) for finding in findings.values()]
    text = report(found)
    assert text.startswith("function") and "shapes.area" in text.split("\n\n")[0]
    assert "Refused by dualmc:\n  shapes.packed: struct.pack met a Dual" in text
    assert text.endswith(summary(found))
    assert summary(found) == (
        "8 of 12 work; 1 refused; 1 with another derivative; 2 ended the process; "
        "11 more not called."
    )
    assert {f.verdict for f in found} <= set(VERDICTS)


# --- What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no_such_module_at_all", "there is no module 'no_such_module_at_all'"),
        ("math.sine", "there is no 'sine' in math. Did you mean 'sin'?"),
        ("numpy.linalg.norme", "there is no 'norme' in numpy.linalg. Did you mean 'norm'?"),
        ("math:pi", "it is of type float, not a function"),
        ("sin(x)", "write package.module:function, or package.module for all"),
        ("this", "it defines no public functions"),
    ],
)
def test_names_that_lead_nowhere(text, said, capsys):
    with pytest.raises(ExpressionError, match=r"^survey '") as caught:
        subjects(text)
    assert said in str(caught.value)
    with pytest.raises(SystemExit) as leave:
        command_line.main(["survey", text])
    assert 2 == leave.value.code and said in capsys.readouterr().err


def test_subjects():
    assert [Subject("math", "sin")] == subjects("math:sin") == subjects("math.sin")
    assert Subject("numpy.linalg", "norm") in subjects("numpy.linalg")
    assert "numpy.linalg.norm" == Subject("numpy.linalg", "norm").name
    assert np.linalg.norm is Subject("numpy.linalg", "norm").load()


# --- Sample arguments -----------------------------------------------------------------------------


def described(a, b, c, n, name=None):
    """Of several kinds.

    Parameters
    ----------
    a, b : array_like
        Points.
    c : float
    n : int
    name : str
    """


def annotated(x: np.ndarray, t: float, k: int, label: str): ...


def in_another_style(q, s):
    """Args:
    q (float): a number
    s (list of float): numbers

    :type s: list
    """


def test_kinds_by_docstrings_and_annotations():
    names = list(inspect.signature(described).parameters)
    assert {"a": "array", "b": "array", "c": "number", "n": "count", "name": "other"} == kinds(
        described, names
    )
    names = list(inspect.signature(annotated).parameters)
    assert ["array", "number", "count", "other"] == list(kinds(annotated, names).values())
    assert {"q": "number", "s": "array"} == kinds(in_another_style, ["q", "s"])


def test_samples_are_of_the_kinds_that_are_known():
    found = list(samples(described, {}))
    assert len(found) > 3
    for a, b, c, n in found:
        assert isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        assert 0.5 <= c <= 2 and n == 2
    assert {(3,), (3, 3), (24,)} <= {np.shape(a) for a, *_ in found}


def test_numbers_are_tried_before_arrays():
    first, *_, last = samples(lambda x, y: 0, {})
    assert all(type(a) is float for a in first) and first[0] != first[1]
    assert all(isinstance(a, np.ndarray) for a in last) or 2 in last


def test_ufuncs_and_compiled_functions_have_arguments():
    assert [2, 2] == [len(next(iter(samples(f, {})))) for f in (np.hypot, np.arctan2)]
    assert 1 == len(point_of(np.sin, {}))


def test_functions_without_numbers():
    with pytest.raises(NoNumbers, match="label is no number"):
        list(samples(annotated, {}))
    assert isinstance(next(iter(samples(annotated, {"label": 1.0})))[0], np.ndarray)


def test_leaves():
    nest = {"a": [1.0, (np.ones(2),)], "b": np.float64(3.0)}
    assert [(), (2,), ()] == [leaf.shape for leaf in leaves(nest)]
    with pytest.raises(TypeError, match="returns NoneType"):
        leaves(None)


def test_the_page_shows_what_the_command_prints(tmp_path):
    """The example of docs/survey.md, run."""
    text = (ROOT / "docs" / "survey.md").read_text(encoding="utf-8")
    module, shown = text.split("```")[1:4:2]
    (tmp_path / "orbit.py").write_text(textwrap.dedent(module.removeprefix("python\n")))
    command, _, expected = shown.removeprefix("console\n").partition("\n")
    done = run(tmp_path, *command.removeprefix("$ python -m dualmc survey ").split())
    printed = done.stdout.replace(str(tmp_path) + os.sep, "")
    rounding = re.compile(r"\d+e[+-]\d+")
    assert rounding.sub("0", expected).strip() == rounding.sub("0", printed).strip()
