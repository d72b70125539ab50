"""An error that a Dual is the reason of says what was met, where, why, and what to write."""

import decimal
import statistics
import struct
import textwrap

import numpy as np
import pytest

import dualmc as dm
from dualmc.duals import levels

X = np.array([3.0, 0.5])
MODES = {
    "forward": dm.jacobian_fwd,
    "chunks": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True),
    "jvp": lambda f, x: dm.jvp(f, x, x),
    "reverse": dm.jacobian_rev,
    "gradient": dm.gradient,
    "vjp": dm.vjp,
    "hessian": dm.hessian,
    "inner": lambda f, x: dm.jacobian_fwd(lambda z: dm.gradient(f, z), x),
    "explain": dm.explain,
}
modes = pytest.mark.parametrize("mode", MODES)


def packed(x):
    return struct.unpack("d", struct.pack("d", x[0]))[0] * x[1]


def over_several_lines(x):
    return len(
        struct.pack(
            "dd",
            x[0],
            x[1] * 2.0,
        )
    )


CONTEXT = decimal.Context()


def by_a_method(x):
    return float(CONTEXT.create_decimal_from_float(x[0]))


def by_keyword(x):
    return struct.calcsize("d") * plainly(1.0, shift=x[0])


@dm.as_is
def plainly(value, shift):
    return float(decimal.Decimal(value) + decimal.Decimal(shift))


def refused(f, mode="forward"):
    assert np.isfinite(float(f(X)))  # on plain numbers it is right
    with pytest.raises(dm.TangentLostError) as caught:
        MODES[mode](f, X)
    assert levels.current() is None
    return caught.value


def recipe_of(error):
    """The code that the message proposes."""
    lines = [line for line in str(error).split("\n") if line.startswith("      ")]
    return textwrap.dedent("\n".join(lines))


@modes
@pytest.mark.parametrize("f", [packed, over_several_lines, by_a_method], ids=lambda f: f.__name__)
def test_every_mode_says_it_by_an_error_of_dualmcs(f, mode):
    text = str(refused(f, mode))
    assert f"at {__file__}, line " in text and "dualmc.custom_jvp" in text
    assert 1 == text.count("\n  at ")


def test_what_was_met_where_and_why():
    error = refused(packed)
    assert type(error.__cause__) is struct.error
    first, place, why, *_ = str(error).split("\n")
    assert first.startswith(
        "struct.pack met a Dual, which it cannot take (error: required argument"
    )
    assert place.startswith(f"  at {__file__}, line ") and place.endswith("* x[1]")
    assert why.startswith("  struct.pack is compiled code, which dualmc cannot look into. ")
    assert "dualmc.custom_root" in why


def test_the_call_is_written_as_it_should_be():
    assert recipe_of(refused(packed)).split("\n") == [
        "@dualmc.custom_jvp",
        "def my_pack(x1, x2):",
        "    return struct.pack(x1, x2)",
        "@my_pack.def_jvp",
        "def my_pack_jvp(primals, tangents):",
        "    ...  # return the value, and its change along the tangents",
        "dualmc.register_standin(struct.pack, my_pack)  # for whatever calls it",
        "my_pack('d', x[0])  # in place of the call above",
    ]


def test_what_is_proposed_works():
    code = recipe_of(refused(lambda x: struct.unpack("d", struct.pack("d", x[0]))[0]))
    code = code.replace("...", "return (np.float64(primals[1]), tangents[1])")
    code = code.rpartition("\n")[0].replace("return struct.pack(x1, x2)", "return x2")
    before, names = struct.unpack, {"dualmc": dm, "struct": struct, "np": np}
    exec(code, names)
    try:
        dm.register_standin(struct.unpack, lambda form, y: (y,))
        assert [2 * 3.0 * 0.5, 9.0] == dm.gradient(lambda x: packed(x) * x[0], X).tolist()
    finally:
        dm.unregister_standin(struct.unpack)
        dm.unregister_standin(struct.pack)
    assert struct.unpack is before and names["my_pack"] is not struct.pack


def test_calls_over_several_lines():
    assert "my_pack('dd', x[0], x[1] * 2.0)  # in place" in recipe_of(refused(over_several_lines))


def test_methods_have_no_standins():
    code = recipe_of(refused(by_a_method))
    assert "def my_create_decimal_from_float(x1):\n    return CONTEXT.create_" in code
    assert "my_create_decimal_from_float(x[0])  # in" in code and "register_standin" not in code


def test_keywords_that_hold_a_derivative_become_arguments():
    code = recipe_of(refused(by_keyword))
    assert "plainly" not in code or "def my_plainly(value, shift):" in code


def test_functions_that_are_left_as_they_are_are_named():
    text = str(refused(by_keyword))
    assert "plainly runs as it is, since it is marked with dualmc.as_is." in text


def test_python_code_that_is_left_alone_is_named():
    def f(x):
        return statistics.NormalDist(x[0], 1.0).cdf(0.5)

    try:
        dm.gradient(f, X)
    except dm.TangentLostError as error:
        assert "statistics.NormalDist" in str(error) and "Python's own code" in str(error)


# --- Errors of f's own stay what they are ---------------------------------------------------------


class Infeasible(Exception):
    def __init__(self, where, why):
        super().__init__(where, why)


def validated(x):
    if x[0] > 0:
        raise ValueError("x[0] must be negative")
    return x[0]


def infeasible(x):
    raise Infeasible(3, "no such point")


def asserted(x):
    assert np.all(x < 0), "below zero only"
    return x[0]


def absent(x):
    return {"a": 1}["b"] * x[0]


def beyond(x):
    return x[7]


def of_a_library(x):
    return x[0] * statistics.mean([])


def mismatched(x):
    return np.sum(x @ np.ones((5, 3)))


def misspelt(x):
    return x[0].no_such_name


def of_text(x):
    return x[0] + "text"


def divided(x):
    return x[0] * (1 // 0)


def in_a_callback(x):
    return sum(map(lambda v: {}[v > 0], x))  # noqa: C417


def of_its_own_by_way_of_another(x):
    try:
        return {}["b"]
    except KeyError as error:
        raise RuntimeError("no b") from error


OWN = [
    validated, infeasible, asserted, absent, beyond, of_a_library, mismatched, misspelt, of_text,
    divided, in_a_callback, of_its_own_by_way_of_another,
]  # fmt: skip


@modes
@pytest.mark.parametrize("f", OWN, ids=lambda f: f.__name__)
def test_errors_of_fs_own_stay_what_they_are(f, mode):
    with pytest.raises(Exception) as plain:
        f(X)
    with pytest.raises(type(plain.value).__mro__[-3 if f is of_text else 0]) as caught:
        MODES[mode](f, X)
    if f is not of_text:  # for which NumPy has a class of its own
        assert type(caught.value) is type(plain.value)
    assert not hasattr(caught.value, "__notes__") and "dualmc" not in str(caught.value)
    if f not in (misspelt, of_text):  # which say Dual for ndarray
        assert caught.value.args == plain.value.args
    assert levels.current() is None


def test_f_is_called_once_more_where_it_raises():
    calls = []

    def f(x):
        calls.append(type(x[0]).__name__)
        raise Infeasible(0, "never")

    with pytest.raises(Infeasible):
        dm.gradient(f, X)
    assert 2 == len(calls)


def test_a_raise_that_a_dual_is_the_reason_of_keeps_its_type():
    def f(x):
        if type(x).__module__ != "numpy" or "dualmc" in repr(type(x).__mro__):
            raise ValueError("arrays only")
        if hasattr(x, "own_tangent"):
            raise ValueError("nothing but arrays")
        return x[0]

    assert 3.0 == f(X)
    with pytest.raises(ValueError, match="On plain numbers f does not raise this") as caught:
        dm.gradient(f, X)
    assert str(caught.value).startswith(("arrays only\n", "nothing but arrays\n"))
    assert f"at {__file__}, line " in str(caught.value)


def test_an_error_made_of_a_refusal_that_f_caught():
    def f(x):
        try:
            return struct.unpack("d", x[0].tobytes())[0]
        except TypeError:
            raise ValueError("no number") from None

    with pytest.raises(dm.TangentLostError) as caught:
        dm.gradient(f, X)
    assert "ValueError: no number" in str(caught.value) and "refusal" in str(caught.value)


def test_calls_are_whole_after_all_this():
    for f in (packed, validated, absent):
        with pytest.raises(Exception):  # noqa: B017
            dm.hessian(f, X)
        assert levels.current() is None
    np.testing.assert_array_equal(dm.gradient(lambda x: x[0] * x[1], X), X[::-1])
