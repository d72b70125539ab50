"""The published coverage table: every public NumPy function is differentiated, flat or refused."""

import pathlib
import re

import numpy as np
import pytest

from dualmc import Dual, MissingRuleError
from dualmc.rules import coverage

ROOT = pathlib.Path(__file__).parents[2]
TESTS = ROOT / "tests"
CASES = (
    "oracles/function_cases/*.py",
    "oracles/axes_and_shapes.py",
    "oracles/cases.py",
    "functions/test_functions.py",
    "functions/matrices/test_norms.py",
)
FUNCTIONS = coverage.functions()
KINDS = {name: coverage.kind_of(function) for name, function in FUNCTIONS.items()}
DIFFERENTIATED = ("element-wise", "selection", "linear", "bilinear", "composite", "in-place")


def names(*kinds):
    return sorted(name for name, kind in KINDS.items() if kind in kinds)


def dual():
    return Dual([0.25, 0.5, 0.75], [1.0, 2.0, 3.0])


def test_every_public_function_has_a_kind():
    assert len(KINDS) > 400
    assert set(KINDS.values()) <= set(coverage.MEANING)


@pytest.mark.parametrize("name", names("missing"))
def test_missing_rule_names_the_function(name):
    function, x = FUNCTIONS[name], dual()
    shown = re.escape(name if not isinstance(function, np.ufunc) else function.__name__)
    with pytest.raises(MissingRuleError, match=shown):
        if isinstance(function, np.ufunc):
            function(*[x] * function.nin)
        else:
            x.__array_function__(function, (Dual,), (x,), {})


def test_a_missing_rule_is_met_through_the_public_function_too():
    with pytest.raises(MissingRuleError, match="numpy.histogram2d"):
        np.histogram2d(dual(), dual())


# What these return for a Dual holds no number that depends on its entries.
INDEPENDENT = {
    "numpy.iterable", "numpy.isscalar", "numpy.isfortran", "numpy.info", "numpy.typename",
    "numpy.isdtype", "numpy.issubdtype", "numpy.frompyfunc",
}  # fmt: skip
# Not functions of an array at all: printing, files, settings, the test runner.
NOT_OF_ARRAYS = re.compile(
    r"\.(test|show_.*|get.*|set.*|printoptions|load.*|from.*|nested_iters|mintypecode|include)$"
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "name", [n for n in names("not dispatched") if not NOT_OF_ARRAYS.search(n)]
)
def test_no_undispatched_function_drops_a_derivative(name):
    """It raises, or hands back Duals, or a result that is no array of floats."""
    try:
        out = FUNCTIONS[name](dual())
    except Exception:  # any refusal is loud
        return
    if name in INDEPENDENT or isinstance(out, Dual):
        return
    parts = out if isinstance(out, tuple) else (out,)
    for part in parts:
        if part is None:
            continue
        kind = np.asarray(part).dtype.kind if not isinstance(part, np.ndarray) else part.dtype.kind
        if isinstance(part, np.ndarray) and kind == "O":
            assert all(isinstance(item, Dual) for item in part.flat)
        else:
            assert kind in "biuUS", f"{name} returned {part!r}"


@pytest.mark.parametrize("name", names(*DIFFERENTIATED))
def test_every_differentiated_function_has_a_case(name):
    """Its derivative is compared with an independent oracle in the function or rule tests."""
    function = FUNCTIONS[name]
    text = "".join(file.read_text() for pattern in CASES for file in TESTS.glob(pattern))
    spellings = {n for n, f in FUNCTIONS.items() if f is function}
    found = [s for s in spellings if re.search(rf"\bnp\.{re.escape(s[6:])}\b", text)]
    assert found, f"no case for {name}"


def test_the_published_table_is_the_current_one():
    published = (ROOT / "docs" / "coverage.md").read_text()
    kind, found = None, {}
    for line in published.splitlines():
        if line.startswith("## "):
            kind = line[3:]
        elif line.startswith("`"):
            found.update({f"numpy.{n}": kind for n in re.findall(r"`([^`]+)`", line)})
    # NumPy versions differ by a few functions; those both have must agree.
    common = found.keys() & KINDS.keys()
    assert len(common) > 400
    assert {n: found[n] for n in common} == {n: KINDS[n] for n in common}
