"""What a command is given: the values of a point, and functions of modules by their name."""

import sys

import numpy as np
import pytest
from expression_judge import UNKNOWN, V, assert_same, refusal

from dualmc.cli.expressions.point import given_names, read_point
from dualmc.cli.expressions.target import load

# --- The point -----------------------------------------------------------------------------------


def test_given_names():
    assert given_names(["x=1.2", " w = [1, 2]"]) == ("x", "w")


@pytest.mark.parametrize(
    "text, value",
    [
        ("1.2", 1.2),
        ("3", 3.0),
        ("-pi/4", -np.pi / 4),
        ("2**0.5", np.sqrt(2)),
        ("nan", np.nan),
        ("-inf", -np.inf),
        ("log(0)", -np.inf),
        ("[1, 2]", np.array([1.0, 2.0])),
        ("1, 2", np.array([1.0, 2.0])),
        ("[[1, 2], [3, 4]]", np.array([[1.0, 2.0], [3.0, 4.0]])),
        ("np.linspace(0, 1, 5)", np.array([0.0, 0.25, 0.5, 0.75, 1.0])),
        ("eye(2)[0]", np.array([1.0, 0.0])),
        ("[]", np.array([])),
        ("10**30", 1e30),
    ],
)
def test_read_point_value(text, value):
    (actual,) = read_point([f"x={text}"], ["x"])
    assert_same(actual, value)
    assert type(actual) is type(value if isinstance(value, np.ndarray) else 1.0)


def test_read_point_is_in_the_order_of_the_names():
    w, x = read_point(["x = 1.2", "w=[1, 2]"], ["w", "x"])
    np.testing.assert_array_equal(w, [1.0, 2.0])
    assert x == 1.2
    assert read_point([], []) == ()
    assert read_point(["lambda_=2", "e=3"], ["e", "lambda_"]) == (3.0, 2.0)


def test_read_point_leaves_out_defaults():
    assert read_point(["x=2"], ["x", "a", "b"], {"a": "five", "b": None}) == (2.0,)
    assert read_point(["x=2", "b=3"], ["x", "a", "b"], {"a": "five", "b": None}) == (2, "five", 3)


@pytest.mark.parametrize(
    "settings, names, message",
    [
        (["x=1"], ["x", "y", "z"], "--at: no value for y, z. Needed: x, y, z."),
        ([], ["x"], "--at: no value for x. Needed: x."),
        (["z=1"], ["x"], "--at: z is not one of the variables. Needed: x."),
        (["z=1"], [], "--at: z is not one of the variables. Needed: none."),
        (["x=1", "x=2"], ["x"], "--at: x is given twice."),
        (["1.2"], ["x"], "--at: '1.2' is not name=value, such as x=1.2."),
        (["2=x"], ["x"], "--at: '2=x' is not name=value, such as x=1.2."),
        (["if=2"], ["x"], "--at: 'if=2' is not name=value, such as x=1.2."),
        (["=2"], ["x"], "--at: '=2' is not name=value, such as x=1.2."),
        (["x="], ["x"], "--at x: it is empty. Write one such as sin(x**2)."),
        (["x=2*y"], ["x"], "--at x: 'y' is no number: a value holds no variables."),
        (["x=1,y=2"], ["x"], "--at x: invalid syntax at column 4:\n    1,y=2\n       ^"),
        (["x=1j"], ["x"], "--at x: 1j is complex; it must be real numbers."),
        (["x=[1, 2j]"], ["x"], "--at x: [1, 2j] is complex; it must be real numbers."),
        (["x=1<2"], ["x"], "--at x: 1<2 is true or false; it must be real numbers."),
        (["x=None"], ["x"], "--at x: None is not a number; it must be real numbers."),
        (["x=1/0"], ["x"], "--at x: 1/0 cannot be computed: division by zero"),
        (
            ["x=[[1, 2], [3]]"],
            ["x"],
            "--at x: [[1, 2], [3]] cannot be computed: all input arrays must have the same shape",
        ),
        (
            ["x=[None]"],
            ["x"],
            "--at x: [None] cannot be computed: An expression computes with numbers; an array here "
            "holds something else.",
        ),
        (["x=9**9**9"], ["x"], "--at x: '9**9**9' at column 1 is too large a number."),
        (["x=open(1)"], ["x"], "--at x: unknown function 'open' at column 1" + UNKNOWN),
    ],
)
def test_read_point_errors(settings, names, message):
    assert refusal(read_point, settings, names) == message


def test_too_much_memory_is_an_error():
    message = refusal(read_point, ["x=zeros(10**15)"], ["x"])
    assert message.startswith("--at x: 'zeros(10**15)' at column 1 is too large: an array of ")


# --- Functions of modules ------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current directory, where modules may be written; both are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("sample_"):
            del sys.modules[name]


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_load_expression():
    target = load("x[1:] + e")
    assert (target.text, target.names, target.defaults) == ("x[1:] + e", ("x",), {})
    assert_same(target.function(V), V[1:] + np.e)
    assert load("e * x", ["e"]).names == ("e", "x")
    assert refusal(load, "sine(x)").startswith("expression: unknown function 'sine'")


def test_load_function(folder):
    write(
        folder,
        "sample_model/curves.py",
        "class C:\n    def f(self, x, a=1, *, b=2): return x + a\n\nc = C()\n",
    )
    target = load(" sample_model.curves:c.f ")
    assert target.text == "sample_model.curves:c.f"
    assert target.names == ("x", "a")
    assert target.defaults == {"a": 1}
    assert target.function(*read_point(["x=2"], target.names, target.defaults)) == 3.0
    assert sys.path[0] == str(folder)


@pytest.mark.parametrize(
    "text, names",
    [
        ("numpy:sin", ("x",)),
        ("numpy:arctan2", ("x1", "x2")),
        ("numpy:linalg.norm", ("x", "ord", "axis", "keepdims")),
        ("dualmc.document.neuron:activation", ("w", "b", "x")),
        ("math:hypot", ("p", "q")),
        ("builtins:max", ("p", "q")),
    ],
)
def test_load_names_the_arguments(text, names):
    """Those of a function that names none are the user's."""
    assert load(text, ["p", "q"]).names == names


def test_load_adds_names_to_those_before_star(folder):
    write(folder, "sample_star.py", "def f(x, *rest): return x\n")
    assert load("sample_star:f", ["q", "x", "p"]).names == ("x", "q", "p")


@pytest.mark.parametrize(
    "text, message",
    [
        ("nope:f", "there is no module 'nope' in {folder} or among those installed."),
        ("numpy.nope:f", "there is no module 'numpy.nope' in {folder} or among those installed."),
        (
            "sample_fine.py:f",
            "there is no module 'sample_fine.py' in {folder} or among those installed. Leave out "
            ".py.",
        ),
        ("sample_fine:g", "there is no 'g' in sample_fine."),
        ("sample_fine:functoin", "there is no 'functoin' in sample_fine. Did you mean 'function'?"),
        ("sample_fine:N.f", "there is no 'f' in int."),
        ("sample_fine:N", "it is of type int, not a function."),
        (
            "sample_fine:keyword",
            "its argument k is passed by keyword only and has no default. Write a function without "
            "it, and name that one.",
        ),
        (
            "sample_needs:f",
            "importing sample_needs failed: ModuleNotFoundError: No module named 'nowhere'",
        ),
        (
            "sample_broken:f",
            "importing sample_broken failed: ZeroDivisionError: division by zero",
        ),
        ("sample_script:f", "importing sample_script failed: SystemExit: 3"),
        ("numpy:", "write package.module:function, such as numpy:sin."),
        (":f", "write package.module:function, such as numpy:sin."),
        ("a..b:f", "write package.module:function, such as numpy:sin."),
        ("path/to/model.py:f", "write package.module:function, such as numpy:sin."),
        ("numpy:sin:cos", "write package.module:function, such as numpy:sin."),
    ],
)
def test_load_errors(folder, text, message):
    write(folder, "sample_fine.py", "N = 1\ndef function(): ...\ndef keyword(x, *, k): ...\n")
    write(folder, "sample_needs.py", "import nowhere\n")
    write(folder, "sample_broken.py", "1 / 0\n")
    write(folder, "sample_script.py", "raise SystemExit(3)\n")
    assert refusal(load, text) == f"function '{text}': " + message.format(folder=folder)
