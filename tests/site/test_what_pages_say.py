"""What the pages say is so: code runs, links lead somewhere, every public name has its place."""

import re
from urllib.parse import urlsplit

import pages
import pytest

import dualmc
import dualmc.testing

# Languages of blocks that no test runs: a shell, what a program printed, other languages.
OTHERS = {"", "c", "console", "julia", "matlab", "sh", "text", "toml"}


def test_blocks_are_found():
    text = (
        "a\n```python\n>>> 1\n```\n\n::::{grid} 1\n:::{card}\n[x](y)\n:::\n::::\n```sh\nls\n```\n"
    )
    nested = "````{note}\n- a list\n\n  ```python\n  x = 1\n  ```\n````\n"
    found = list(pages.blocks(text + nested))
    kinds = ["python", "{grid}", "{card}", "sh", "{note}", "python"]
    assert [kind for kind, *_ in found] == kinds
    assert found[-1] == ("python", 17, "x = 1\n")
    assert found[0] == ("python", 2, ">>> 1\n")
    assert pages.links(text + "```text\n[no](no)\n``` \n`[no](no)` [z](<u>) <https://v>") == [
        "y", "u", "https://v"
    ]  # fmt: skip


def test_a_page_that_is_wrong_fails(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page.write_text("```python\nx = 1\n```\n\n```python\n>>> x\n2\n```\n")
    assert pages.run(page) == (2, 1)
    assert "Expected:" in capsys.readouterr().out
    page.write_text("\n```python\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        pages.run(page)
    assert caught.traceback[-1].lineno == 2  # from 0: the line of the page


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.named)
def test_code_is_marked_as_what_it_is(page):
    """So that Python is run: none of it hides in blocks of other names."""
    for kind, line, code in pages.blocks(page.read_text(encoding="utf-8")):
        if kind in ("python", "pycon") or kind.startswith("{"):
            continue
        assert kind in OTHERS, f"{pages.named(page)}:{line}: a block of {kind!r}"
        python = re.search(r"^ *(>>> |import numpy|from \w+ import|import dualmc)", code, re.M)
        assert not python, f"{pages.named(page)}:{line}: Python that is not run"


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.named)
def test_links(page):
    """Those within the repository lead to a file, and to a heading in it; others are well formed:
    whether they are answered is not for a test without a network."""
    wrong = []
    for link in pages.links(page.read_text(encoding="utf-8")):
        parts = urlsplit(link)
        if parts.scheme:
            is_right = parts.scheme in ("https", "mailto") and (
                parts.scheme == "mailto" or re.fullmatch(r"[\w-]+(\.[\w-]+)+", parts.netloc)
            )
        else:
            target = page.parent / parts.path if parts.path else page
            is_right = target.exists() and (
                not parts.fragment or parts.fragment in pages.anchors(target)
            )
        if not is_right:
            wrong.append(link)
    assert wrong == []


def test_every_public_name_has_one_place_in_the_reference():
    listed = []
    for page in sorted((pages.ROOT / "docs/reference").glob("*.md")):
        for kind, _, code in pages.blocks(page.read_text(encoding="utf-8")):
            if kind == "{eval-rst}" and "autosummary::" in code:
                listed += re.findall(r"^   ([\w.]+)$", code, re.MULTILINE)
    public = [*dualmc.__all__, *(f"testing.{name}" for name in dualmc.testing.__all__)]
    assert sorted(listed) == sorted(public)


def test_every_example_has_a_page_and_a_card():
    programs = {path.stem for path in (pages.ROOT / "examples").glob("*.py")} - {"measured"}
    gallery = pages.ROOT / "docs/gallery"
    assert {path.stem for path in gallery.glob("*.md")} - {"index"} == programs
    text = (gallery / "index.md").read_text()
    assert set(re.findall(r"^:link: (\w+)$", text, re.MULTILINE)) == programs
