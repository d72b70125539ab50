"""The published table of scipy.special: what it says of every argument is so where it is tried."""

import pathlib
import re

import numpy as np
import pytest

import dualmc as dm
from dualmc.rules import coverage

special = pytest.importorskip("scipy.special")
PAGE = pathlib.Path(__file__).parents[2] / "docs/coverage_special.md"
FOUND = coverage.special_functions()


def refused(name):
    """How many arguments of a function refuse a Dual, each tried by itself."""
    function, count = getattr(special, name), 0
    takes = [{types[i] for types in function.types} for i in range(function.nin)]
    point = [0.25 if "d" in kinds else 2 for kinds in takes]
    for i, kinds in enumerate(takes):
        try:
            dm.jacobian_fwd(lambda *x: function(*x), *point, argnums=i)
        except dm.MissingRuleError:
            count += 1
        except TypeError:  # SciPy's own: it takes whole numbers alone here
            assert "d" not in kinds
            count += 1
    return count


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", FOUND)
def test_what_is_said_of_a_function_is_so(name):
    number, but = getattr(special, name).nin, FOUND[name]
    with np.errstate(all="ignore"):
        count = refused(name)
    if but is None:
        assert count == number
    else:
        assert (0 < count < number) if but else count == 0


def test_the_published_table_of_scipy_is_the_current_one():
    kind, found = None, {}
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            kind = line[3:]
        elif " functions: " in line:
            for name, but in re.findall(r"`(\w+)`(?: \(not by ([^)]*)\))?", line):
                found[name] = None if kind == "Not differentiated" else but
    # SciPy's versions differ by a few functions; those both have must agree.
    common = found.keys() & FOUND.keys()
    assert len(common) > 200
    assert {name: found[name] for name in common} == {name: FOUND[name] for name in common}
