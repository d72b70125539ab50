"""Expressions: what they refuse, in which words, and that none escapes."""

import warnings

import numpy as np
import pytest
from expression_judge import UNKNOWN, V, assert_same, refusal

from dualmc.cli.expressions.point import read_point
from dualmc.cli.expressions.reader import parse

ONLY = (
    " is not allowed: only numbers, variables, operators, indexing, lists and calls of NumPy "
    "functions are."
)
NO_NUMBER = " is not allowed here: it is no number."
REFERENCE = " For a function of a module write package.module:function."
DEEP = (
    "it is nested more than 100 levels deep; every sign in a long sum is one. For a function of a "
    "module write package.module:function."
)

REFUSALS = [
    ("", "it is empty. Write one such as sin(x**2)."),
    (" \n", "it is empty. Write one such as sin(x**2)."),
    ("x + " * 3000, "11999 characters are more than 10000." + REFERENCE),
    ("sine(x)", "unknown function 'sine' at column 1. Did you mean 'sin'?"),
    ("1 + np.Sqr(x)", "unknown function 'np.Sqr' at column 5. Did you mean 'sqrt'?"),
    ("x(2)", "unknown function 'x' at column 1" + UNKNOWN),
    ("2(x)", "'2' at column 1 is no function: write * for a product."),
    ("sin(x)(y)", "'sin(x)' at column 1 is no function: write * for a product."),
    ("x ^ 2", "'^' at column 3: write ** for a power."),
    ("ξ + (ξ)^(2)", "'^' at column 8: write ** for a power."),
    ("x << 2", "'x << 2' at column 1 is not allowed: bits are not shifted here."),
    ("y + x >> 2", "'y + x >> 2' at column 1 is not allowed: bits are not shifted here."),
    ("a and b", "'a and b' at column 1: write & between comparisons in parentheses."),
    ("a or b", "'a or b' at column 1: write | between comparisons in parentheses."),
    ("not a", "'not a' at column 1: write ~ before a comparison in parentheses."),
    (
        "a < b < c",
        "'a < b < c' at column 1: comparisons are not chained; write (a < b) & (b < c), with the "
        "parentheses.",
    ),
    ("x is y", "'x is y' at column 1: numbers are compared by <, <=, >, >=, == and != only."),
    ("x in y", "'x in y' at column 1: numbers are compared by <, <=, >, >=, == and != only."),
    ("sin", "'sin' at column 1 is a function: call it, as in sin(x), or give it a value."),
    ("max(ln, 0)", "'ln' at column 5 is a function: call it, as in ln(x), or give it a value."),
    ("np.sin", "'np.sin' at column 1 is a function: call it, as in sin(x)."),
    ("2 * np", "'np' at column 5 stands for NumPy: write np.sin(x), np.pi or the like."),
    ("np.q", "unknown name 'np.q' at column 1. Known are np.pi, np.e, np.inf, np.nan, np.newaxis."),
    ("np.newaxs", "unknown name 'np.newaxs' at column 1. Did you mean 'newaxis'?"),
    ("x.sum", "'x.sum' at column 1 is not allowed: .sum is none of .T, .mT, .shape, .size, .ndim, "
     ".real, .imag. Call it: .sum()."),
    ("x.flat", "'x.flat' at column 1 is not allowed: .flat is none of .T, .mT, .shape, .size, "
     ".ndim, .real, .imag." + REFERENCE),
    ("x.sun()", "'x.sun' at column 1 is not allowed: .sun() is no method here. Did you mean "
     "'sum'?"),
    ("m.f(x)", "'m.f' at column 1 is not allowed: .f() is no method here." + REFERENCE),
    ("sin(x, y)", "'sin(x, y)' at column 1: too many arguments; at most 1 without a name."),
    ("sum(x, 0, y)", "'sum(x, 0, y)' at column 1: too many arguments; at most 2 without a name."),
    ("x.sum(0, y)", "'x.sum(0, y)' at column 1: too many arguments; at most 1 without a name."),
    ("dot(x, y, z)", "'dot(x, y, z)' at column 1: too many arguments; at most 2 without a name."),
    ("sin(x, out=y)", "'out=y' at column 8 is an argument that is not allowed here."),
    ("sin(x, where=y)", "'where=y' at column 8 is an argument that is not allowed here."),
    ("ones(3, dtype=x)", "'dtype=x' at column 9 is an argument that is not allowed here."),
    ("median(x, overwrite_input=True)", "'overwrite_input=True' at column 11 is an argument that "
     "is not allowed here."),
    ("nan_to_num(x, copy=False)", "'copy=False' at column 15 is an argument that is not allowed "
     "here."),
    ("sin(**x)", "'**x' at column 5 is an argument that is not allowed here."),
    ("sin(*x)", "'*x' at column 5" + ONLY),
    ("[*x]", "'*x' at column 2" + ONLY),
    ("lambda: 1", "'lambda: 1' at column 1" + ONLY),
    ("[t for t in x]", "'[t for t in x]' at column 1" + ONLY),
    ("sum(t for t in x)", "'(t for t in x)' at column 4" + ONLY),
    ("{t: 1 for t in x}", "'{t: 1 for t in x}' at column 1" + ONLY),
    ("{1: 2}", "'{1: 2}' at column 1" + ONLY),
    ("{1, 2}", "'{1, 2}' at column 1" + ONLY),
    ("(y := 1)", "'y := 1' at column 2" + ONLY),
    ("f'{x}'", "'f'{x}'' at column 1" + ONLY),
    ("await x", "'await x' at column 1" + ONLY),
    ("'ij'", "''ij'' at column 1" + NO_NUMBER),
    ("b'ij'", "'b'ij'' at column 1" + NO_NUMBER),
    ("['ij']", "''ij'' at column 2" + NO_NUMBER),
    ("...", "'...' at column 1" + NO_NUMBER),
    ("sin(...)", "'...' at column 5" + NO_NUMBER),
    ("copy('O')", "''O'' at column 6 is not allowed: it is no option of a NumPy function known "
     "here."),
    ("x # y", "'#' at column 3 is not allowed."),
    ("x\0", "'\\x00' at column 2 is not allowed."),
    ("x\u200b", "'\\u200b' at column 2 is not allowed."),
    ("x\udc80", "'\\udc80' at column 2 is not allowed."),
    ("0x" + "f" * 300, "'0x" + "f" * 35 + "...' at column 1 is too large a number."),
    ("sin(x", "'(' was never closed at column 4:\n    sin(x\n       ^"),
    ("1 + 2x", "write * for a product, as in 2*x; invalid number at column 5:\n    1 + 2x\n"
     "        ^"),
    ("sin x", "invalid syntax at column 5:\n    sin x\n        ^"),
    ("x = 2", "invalid syntax at column 3:\n    x = 2\n      ^"),
    ("x := 2", "invalid syntax at column 3:\n    x := 2\n      ^"),
    ("(x y)", "invalid syntax at column 2:\n    (x y)\n     ^"),
    ("x; y", "invalid syntax at column 2:\n    x; y\n     ^"),
    ("import os", "invalid syntax at column 1:\n    import os\n    ^"),
    (
        "x + " * 30 + "$ + x",
        "invalid syntax at column 121:\n    " + "x + " * 10 + "$ + x\n    " + " " * 40 + "^",
    ),
    ("(" * 5000, "too many nested parentheses at column 201:\n    " + "(" * 80 + "\n    "
     + " " * 40 + "^"),
    ("-" * 9000 + "x", DEEP),
    ("+".join("x" * 5000), DEEP),
    ("+".join("x" * 150), DEEP),
    ("x" + ".T" * 4000, DEEP),
    ("x**" * 3000 + "x", DEEP),
    ("not " * 2000 + "x", DEEP),
    ("[" * 150 + "]" * 150, DEEP),
    ("x[" * 150 + "0" + "]" * 150, DEEP),
]  # fmt: skip


@pytest.mark.parametrize("text, message", REFUSALS)
def test_refusal(text, message):
    assert refusal(parse, text) == f"expression: {message}"


def test_long_numbers_are_refused():
    assert refusal(parse, "9" * 4000).endswith("...' at column 1 is too large a number.")
    assert "Exceeds the limit (4300 digits)" in refusal(parse, "9" * 9000)


def test_deepest_expression_is_computed():
    """With Python's stack half used up already, as it is inside a test or a framework."""
    text = "+".join(["x[0]"] * 90)

    def at_depth(n):
        return parse(text)(V) if n == 0 else at_depth(n - 1)

    assert at_depth(400) == 45.0
    assert_same(parse("abs(" * 90 + "x" + ")" * 90)(V), np.abs(V))


def test_python_warnings_are_not_shown():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "is no number" in refusal(parse, r"'\d'")
        assert parse("1if x else 2")(1.0) == 1


# --- Escapes -------------------------------------------------------------------------------------

ESCAPES = r"""
().__class__
().__class__.__bases__[0].__subclasses__()
x.__class__
x.__class__.__mro__
x.__array_interface__
x.__getattribute__('T')
(1).__class__
sin.__self__
sum.__globals__['os']
np.__builtins__
np.__dict__['load']
np.__loader__
np.linalg.__builtins__
np.linalg.__dict__
np.sin.__class__
np.load('x')
np.load(x)
np.loadtxt('/etc/passwd')
np.genfromtxt('/etc/passwd')
np.fromfile('x')
np.memmap('x')
np.save('x', x)
np.savetxt('x', x)
np.DataSource
np.f2py.compile('x')
np.f2py
np.ctypeslib.load_library('x', '.')
np.ctypeslib
np.lib.npyio.DataSource('x')
np.lib.introspect
np.testing.rundocs('x')
np.distutils
np.core
np._core
np.char.add('a', 'b')
np.random.rand(3)
np.rec.fromfile('x')
np.frompyfunc(x, 1, 1)
np.vectorize(x)
np.fromfunction(x, 3)
np.apply_along_axis(sin, 0, x)
np.piecewise(x, [x > 0], [sin])
np.setbufsize(1)
np.seterrcall(x)
np.set_printoptions(1)
np.show_config()
np.info(x)
np.source(x)
np.dtype('O')
np.object_
np.void(3)
np.array(x, dtype='O')
np.array(x, 'O')
zeros(2, 'O')
full(2, 1, 'O')
x.astype('O')
x.view('O')
x.tofile('a')
x.dump('a')
x.dumps()
x.tobytes()
x.data
x.base
x.ctypes
x.setflags(1)
x.fill(0)
x.sort()
x.put(0, 1)
x.resize(3)
x.itemset(0, 1)
x.__setitem__(0, 1)
x.T.dump('a')
(x + 1).dump('a')
x[0].dump('a')
sin(x).dump('a')
pad(x, 1, sin)
einsum('i->i', x, out=x)
einsum('__import__', x)
sort(x, kind='os.system')
sum(x, axis='O')
eval('1')
exec('1')
compile('1', '', 'eval')
open('x')
__import__('os')
__builtins__
__name__
_
_x
globals()
locals()
vars()
dir()
getattr(x, 'T')
setattr(x, 'T', 1)
type(x)
object()
str(x)
print(x)
input()
breakpoint()
help(x)
exit()
memoryview(x)
os.system('ls')
sys.modules
dualmc.expressions
importlib.import_module('os')
f'{x}'
f'{().__class__}'
'{0.__class__}'.format(x)
'%s' % x
'a'.join(x)
(lambda: x)()
[y for y in ().__class__]
(y := __import__)('os')
sin(x, __class__=1)
sin(x, _x=1)
ｎp.load('x')
＿＿import＿＿('os')
__ｉｍｐｏｒｔ__('os')
x.＿＿class＿＿
x.__ｃlass__
x.ｄump('a')
ｅｖａｌ('1')
ᵉval('1')
""".strip().splitlines()


@pytest.mark.parametrize("text", ESCAPES)
def test_no_escape(text):
    refusal(parse, text)
    refusal(parse, f"sin({text})")
    refusal(parse, f"[1, x[{text}]]")
    refusal(parse, f"x if {text} else sum(x, axis={text})")
    refusal(read_point, [f"y={text}"], ["y"])


@pytest.mark.parametrize(
    "text, name, column",
    [
        ("__import__('os')", "__import__", 1),
        ("_＿ｉｍｐｏｒｔ＿＿('os')", "__import__", 1),
        ("1 + x._＿class＿＿", "__class__", 5),
        ("sin(x, _y=1)", "_y", 8),
        ("_", "_", 1),
    ],
)
def test_underscores_are_refused_in_any_script(text, name, column):
    assert refusal(parse, text) == (
        f"expression: '{name}' at column {column} is not allowed: names may not start with an "
        "underscore."
    )
    assert "underscore" in refusal(parse, text, [name])


def test_compatible_letters_are_the_same_name():
    """Python's rule: 𝑥 and x are one variable, to --at too."""
    assert parse("𝑥 + x").names == ("x",)
    assert read_point(["𝑥=1"], ["x"]) == (1.0,)


def test_look_alikes_are_other_names():
    """The first letter is Cyrillic."""
    message = refusal(parse, "ѕin(x)")
    assert message == "expression: unknown function 'ѕin' at column 1. Did you mean 'sin'?"


def test_an_expression_reaches_nothing_but_its_values():
    """A value's attributes are not looked up, whatever it is."""

    class Trap:
        def __getattr__(self, name):
            raise AssertionError(name)

        def __add__(self, other):
            return 42

    assert parse("x + 1")(Trap()) == 42


@pytest.mark.parametrize(
    "text",
    ["sort(x)", "median(x)", "nan_to_num(x)", "partition(x, 1)", "abs(x.real)", "clip(x, 0, 1)"],
)
def test_points_are_not_changed(text):
    x = V.copy()
    parse(text)(x)
    np.testing.assert_array_equal(x, V)
