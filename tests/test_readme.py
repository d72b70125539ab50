"""Every example on a page or in a docstring runs and prints what it says; the paths exist."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pages
import pytest
import walk

import dualmc

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
WITH_EXAMPLES = [page for page in pages.PAGES if pages.python_blocks(page)]
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(dualmc.__path__, "dualmc.")
    if not name.endswith("__main__")
]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=pages.named)
def test_examples(page):
    count, failed = pages.run(page)
    assert count > (20 if page == README else 0)
    assert failed == 0


@pytest.mark.parametrize("name", ["dualmc", *MODULES])
def test_docstring_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", dualmc.__all__)
def test_public_function_has_an_example(name):
    """Exceptions apart, every public name shows itself in use."""
    public = getattr(dualmc, name)
    if not (isinstance(public, type) and issubclass(public, Exception)):
        assert re.search(r"^ *>>> ", public.__doc__, re.MULTILINE), name


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.named)
def test_paths_exist(page):
    """Paths in backticks: from the root, the page's folder, or that of the last path."""
    text, missing = page.read_text(encoding="utf-8"), []
    folders = [ROOT, page.parent, ROOT]
    for path in re.findall(r"`(?:python )?([\w./-]+(?:\.(?:py|md|csv|cfg|toml)|/))[ `]", text):
        found = [folder / path for folder in folders if (folder / path).exists()]
        if found:
            folders[2] = found[-1].parent
        elif path != "__init__.py":
            missing.append(path)
    assert missing == []


def test_every_room_is_in_the_picture():
    picture = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("```")[1]
    rooms = {path.parent.name for path in Path(dualmc.__file__).parent.glob("*/__init__.py")}
    assert rooms == set(re.findall(r"(\w+)/", picture))


def test_walk_is_that_of_the_call():
    """The files that CONTRIBUTING.md names on the way of a call are first entered in its order."""
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## ")[2]
    entered = [path for path, _ in walk.example()]
    told = [path for path in re.findall(r"`dualmc/([\w/]+\.py)`", section) if path in entered]
    firsts = [entered.index(path) for path in dict.fromkeys(told)]
    assert len(firsts) > 8
    assert firsts == sorted(firsts)


def test_readme_has_exactly_two_commands():
    """One to run and one to test, each a line that makes its own environment; CI calls them."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) == 2
    assert all(line.startswith("python3 -m venv ") for line in commands)
    assert commands[0].endswith("-m dualmc")
    assert commands[1].endswith("-m pytest -n auto")


def test_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 230
