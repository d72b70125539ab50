"""The public names: what `dir` and `help` show, and what is said of a name that does not exist."""

import inspect
import pydoc
import subprocess
import sys

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
