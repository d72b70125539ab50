"""Every example on a page or in a docstring runs and prints what it says; the paths exist."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import walk

import dualmc

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
NAMES = ("README.md", "CONTRIBUTING.md", "tests/README.md", "bench/README.md")
PAGES = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").rglob("*.md"))]
WITH_EXAMPLES = [page for page in PAGES if ">>> " in page.read_text(encoding="utf-8")]
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(dualmc.__path__, "dualmc.")
    if not name.endswith("__main__")
]


def named(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=named)
def test_examples(page):
    options = {"encoding": "utf-8", "optionflags": doctest.ELLIPSIS}
    done = doctest.testfile(str(page), module_relative=False, **options)
    assert done.attempted > (20 if page == README else 0)
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


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_exist(page):
    """Links, and paths in backticks: from the root, the page's folder, or that of the last path."""
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", prose)
    missing = [link for link in links if not (page.parent / link).exists()]
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
    rooms = {path.parent.name for path in (ROOT / "dualmc").glob("*/__init__.py")}
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
