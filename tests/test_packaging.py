"""What is said of the package in one place is so in the others, and what it needs is checked."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dualmc as dm
from dualmc import lowest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OLD = """
import {imported}
import {name}
{name}.__version__ = "{version}"
try:
    import dualmc
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "version"),
    [("numpy", "1.26.4"), ("numpy", "2.1.9"), ("numba", "0.61.1"), ("numba", "0.9.0")],
)
def test_what_is_too_old_is_named_in_one_line(name, version):
    code = OLD.format(imported="numba", name=name, version=version)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert line.startswith(
        f"dualmc needs {name} {lowest.LOWEST[name]} or later, and found {version} "
    )
    assert line.endswith(f"pip install '{name}>={lowest.LOWEST[name]}'")


@pytest.mark.parametrize("version", ["2.2.0", "2.2", "2.10.0", "3.0.0.dev0+git1", "2.2.0rc1"])
def test_what_is_new_enough(version, monkeypatch):
    import numpy

    monkeypatch.setattr(numpy, "__version__", version)
    lowest.check()


def test_the_lowest_versions_are_those_that_are_installed_at_least():
    needed = dict(item.split(">=") for item in PROJECT["dependencies"])
    assert needed == lowest.LOWEST


def test_every_extra_has_one_home():
    """A package stands in one extra; those that need it name that extra."""
    found = {}
    for extra, needs in PROJECT["optional-dependencies"].items():
        for need in needs:
            name = re.match(r"[\w.-]+", need)[0]
            if name != "dualmc":
                found.setdefault(name, []).append(extra)
            else:
                inner = re.fullmatch(r"dualmc\[([\w,]+)\]", need)[1].split(",")
                assert set(inner) <= set(PROJECT["optional-dependencies"])
    assert {name: homes for name, homes in found.items() if len(homes) > 1} == {}


def test_the_version_is_written_once():
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == dm.__version__
    assert dm.__version__ not in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_what_is_read_at_run_time_is_in_the_wheel():
    package = Path(dm.__file__).parent
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]
    kept = {path for pattern in data["dualmc"] for path in package.glob(pattern)}
    others = {p for p in package.rglob("*") if p.is_file() and p.suffix != ".py"}
    others = {p for p in others if p.parent.name != "__pycache__"}
    assert kept == others
    assert package / "py.typed" in kept
    folders = {p.parent for p in package.rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)
