"""The public names: what `dir` and `help` show, and what is said of a name that does not exist."""

import inspect
import pydoc
import subprocess
import sys

import numpy as np
import pytest

import dualmc as dm


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("jacfwd", "jacobian_fwd"), ("jacrev", "jacobian_rev"), ("grad", "gradient"),
        ("jacobian", "jacobian_fwd, or jacobian_rev where outputs are few"), ("hess", "hessian"),
        ("value_and_grad", "value_and_gradient"), ("gradcheck", "check_jacobian"),
        ("jacobian_fdw", "jacobian_fwd"), ("vjpp", "vjp"), ("Dul", "Dual"), ("qqq", None),
    ],
)  # fmt: skip
def test_names_of_other_libraries(name, said):
    said = rf"Did you mean {said}\?$" if said else r"See dir\(dualmc\)\.$"
    with pytest.raises(AttributeError, match=rf"no attribute '{name}'\. {said}"):
        getattr(dm, name)
    assert not hasattr(dm, name)


def test_dir_lists_what_is_public():
    assert set(dm.__all__) <= set(dir(dm))
    assert {n for n in dir(dm) if not n.startswith("_")} == {*dm.__all__, "numpy", "testing"}
    assert dm.numpy is sys.modules["dualmc.numpy"]
    assert dm.__doc__ and dm.__version__


@pytest.mark.parametrize("name", ["dualmc.numpy", "dualmc.testing"])
def test_modules_are_imported_when_they_are_asked_for(name):
    code = f"import sys, dualmc; print('{name}' in sys.modules, {name}.__name__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"False {name}\n" == run.stdout


# Python says nothing of the arguments of these.
ERRORS = ("KinkWarning", "KinkError", "RefusalSwallowedWarning", "CompiledFallbackWarning")


@pytest.mark.parametrize("name", [n for n in dm.__all__ if n not in ERRORS])
def test_signatures_are_readable(name):
    shown = str(inspect.signature(getattr(dm, name)))
    assert len(shown) < 400
    assert "_SupportsArray" not in pydoc.render_doc(getattr(dm, name), renderer=pydoc.plaintext)


def shown_in_a_line():
    """One of every public class that is an object of its own; a Dual is shown as its array."""
    prepared = dm.prepare(lambda x: x**2, [1.0, 2.0])
    rule = dm.custom_jvp(np.sin)
    rule.def_jvp(lambda primals, tangents: None)
    return {
        "<Prepared <lambda>: 1 path, 0 replays, 0 fresh calls>": prepared,
        "<custom_jvp numpy.sin: jvp>": rule,
        "<custom_jvp numpy.cos: no rule yet>": dm.custom_jvp(np.cos),
        "<custom_root of numpy.sin, by numpy.cos>": dm.custom_root(np.sin, np.cos),
        "<Explanation of y by x: 2 operations>": dm.explain(lambda x: np.sin(x**2), 1.0),
        "<JacobianCheck: right, difference ": dm.check_jacobian(np.sin, [1.0, 2.0]),
        "<JacobianCheck: wrong, difference ": dm.check_jacobian(np.abs, [1.0, 0.0]),
        "<Comparison of sin: 1 input, 1 output; predicted ": dm.compare(np.sin, 1.0, seconds=0.02),
        "<Crossover of row: n in 1, m in 1>": dm.crossover(row, [1], [1], seconds=0.02),
        "<ScipyJac sin for minimize>": dm.scipy_jac(np.sin, "minimize"),
        "kinks('warn')": dm.kinks("warn"),
        "refusals('warn')": dm.refusals("warn"),
        "auto_prepare(False)": dm.auto_prepare(False),
    }


def row(n, m):
    return np.sin, np.ones(n)


def test_every_class_shows_itself_in_a_line():
    shown = shown_in_a_line()
    for start, thing in shown.items():
        assert repr(thing).startswith(start) and "\n" not in repr(thing)
    classes = {name for name in dm.__all__ if isinstance(getattr(dm, name), type)}
    classes -= {name for name in classes if issubclass(getattr(dm, name), Exception)}
    assert classes <= {"Dual", "Banded", *(type(thing).__name__ for thing in shown.values())}


def test_a_check_is_a_table_in_a_notebook():
    html = dm.check_jacobian(lambda x: np.abs(x), [1.0, 0.0])._repr_html_()
    assert html.count("<tr>") == 6 and "d y[1] / d x[1]" in html
    assert "a kink: the derivative is -1 from the left and 1 from the right" in html
    assert "lambda x: np.abs(x)" in html  # the line, as it is written
    assert "&lt;lambda&gt;" not in html and "\n                " not in html
