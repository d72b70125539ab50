"""What code does with a name: where it only calls a function of NumPy's, it may find another."""

import dis
import functools
import inspect
import math
import types

import numpy as np
import pytest

import dualmc as dm
from dualmc.unchanged.code import bytecode, following, modules, values

X = np.array([3.0, 2.0])


def test_functions_that_code_holds_are_numpys_own():
    held = []

    def act(x, function):
        held.append(function)
        return np.tanh(x) if function is np.tanh else -x

    def called(x):
        return np.exp([x[0], 1.0]) + act(x, np.tanh)

    for f, x in ((called, X), (lambda x: act(x, np.exp), X)):
        dm.jacobian_fwd(f, x)
    assert [np.tanh, np.exp] == held
    assert type(held[0]) is np.ufunc
    slopes = 1 / np.cosh(X) ** 2
    np.testing.assert_allclose(dm.jacobian_fwd(lambda x: act(x, np.tanh), X), np.diag(slopes))
    table = {np.sin: np.cos}
    J = dm.jacobian_fwd(lambda x: table[np.sin](x), X)
    np.testing.assert_allclose(J, -np.diag(np.sin(X)))
    J = dm.jacobian_fwd(lambda x: x * (np is held and 1 or isinstance(np.exp, np.ufunc)), X)
    np.testing.assert_array_equal(J, np.eye(2))


def _replaced(f):
    """With what each name of a module is replaced that f loads."""
    steps = dis.get_instructions(following.new_code(f))
    tables = [
        s.argval for s in steps if s.opname == "LOAD_CONST" and type(s.argval) is values.Names
    ]
    found = [v for table in tables for v in table.values()]
    return [v for v in found if isinstance(v, types.ModuleType)]


def test_what_each_step_loads():
    called, held = modules.called(np), modules.view_of(np)
    for f, expected in (
        (lambda x: np.exp(x), [called]),
        (lambda x: np.add.reduce(x) + np.linalg.norm(x) * np.pi, [called, called]),
        (lambda x: np.sum(x, axis=0) + np.zeros(3), [called, called]),
        (lambda x: x + np.exp(x), [called]),
        (lambda x: math.exp(x), [modules.called(math)]),
        (lambda x: map(np.zeros, x), [held]),
    ):
        assert _replaced(f) == expected
    for f in (lambda x: x is np.exp, lambda x: [np.exp, np.pi], lambda x: np.zeros is x):
        assert _replaced(f) == []


def test_adapted_code_has_a_hash():
    """Tables of profilers, debuggers and of the library itself are kept by code."""
    code = following.new_code(lambda x: np.zeros(2) + np.exp(x) + np.array([1.0, 2.0]))
    assert any(type(c) is values.Names for c in code.co_consts)
    assert {code: 1}[code] == 1 and code != code.replace(co_name="other")


def test_instructions_survive():
    """What is taken apart and put together again is the same code, to the byte."""
    for module in (dis, inspect, functools, np.lib._npyio_impl):
        text = inspect.getsource(module)
        codes = [compile(text, module.__file__, "exec")]
        for code in codes:
            codes.extend(c for c in code.co_consts if type(c) is types.CodeType)
            steps, handlers = bytecode.steps_of(code)
            same = bytecode.code_of(code, steps, handlers, code.co_consts, 0)
            assert same.co_code == code.co_code
            assert list(same.co_positions()) == list(code.co_positions())
            assert list(same.co_lines()) == list(code.co_lines())
            assert same.co_exceptiontable == code.co_exceptiontable


class Kinds:
    array, number = np.float64, float

    def of_array(self, x):
        return self.array(x) * 2

    def of_number(self, x):
        return self.number(x[0]) * x


def converted(x, kind=None):
    kind = KIND if kind is None else kind
    return kind(x) * 2


KIND = np.float64


@pytest.mark.parametrize("derivative", [dm.jacobian_fwd, dm.jacobian_rev])
def test_classes_that_variables_and_attributes_hold_and_code_calls(derivative):
    x = np.array([1.0, 3.0])
    for f in (converted, Kinds().of_array, lambda x: converted(x, np.float64)):
        assert np.array_equal(2 * np.eye(2), derivative(f, x))
    assert np.array_equal([[2.0, 0.0], [3.0, 1.0]], derivative(Kinds().of_number, x))


def test_modules_are_not_asked_for_names_that_they_would_import():
    asked = []
    module = types.ModuleType("lazy_module")
    module.__getattr__ = lambda name: asked.append(name) or {"later": None}[name]
    module.now = np.sin
    names = {"lazy": module, "__name__": "lazy_user"}
    exec("def f(x):\n    return lazy.now(x) if x[0] < 9 else lazy.later.sin(x)", names)
    assert np.array_equal(np.diag(np.cos([1.0, 2.0])), dm.jacobian_fwd(names["f"], [1.0, 2.0]))
    assert asked == []


def test_text_that_exec_runs_is_refused_at_once():
    """Its code is another in every call, so that no call begun again would know it."""

    def f(x):
        names = {"x": x}
        exec("import math\ny = math.sin(x[0]) * x[1]", names)
        return names["y"]

    with pytest.raises(dm.TangentLostError):
        dm.jacobian_fwd(f, [0.5, 0.9])
