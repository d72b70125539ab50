"""Every example in the README and in a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import dualmc

README = Path(__file__).parent.parent / "README.md"
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(dualmc.__path__, "dualmc.")
    if not name.endswith("__main__")
]


def test_readme_examples():
    done = doctest.testfile(str(README), module_relative=False, encoding="utf-8")
    assert done.attempted > 20
    assert done.failed == 0


@pytest.mark.parametrize("name", ["dualmc", *MODULES])
def test_docstring_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", dualmc.__all__)
def test_public_function_has_an_example(name):
    """Exceptions apart, every public name shows itself in use."""
    public = getattr(dualmc, name)
    if not (isinstance(public, type) and issubclass(public, Exception)):
        assert re.search(r"^ *>>> ", public.__doc__, re.MULTILINE), name


def test_readme_has_exactly_two_commands():
    """One to run and one to test, each a line that makes its own environment; CI calls them."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) == 2
    assert all(line.startswith("python3 -m venv ") for line in commands)
    assert commands[0].endswith("-m dualmc")
    assert commands[1].endswith("-m pytest -n auto")
