"""Figures that pages quote are those of the scripts' files; translations keep the code."""

import csv
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def rows(page, columns):
    """Rows of numbers and names of the page's table with so many columns."""
    lines = re.findall(r"^\| (.*) \|$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    cells = [line.split(" | ") for line in lines]
    return [row for row in cells if len(row) == columns and re.match(r"[\d.]", row[-2])]


def read(name):
    with (DOCS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_map_of_modes():
    measured = {(r["function"], r["n"], r["m"]): r for r in read("forward_vs_reverse.csv")}
    quoted = rows("forward_or_reverse.md", 6)
    assert len(quoted) > 5
    for function, n, m, *times in quoted:
        row = measured[function, n, m]
        expected = [1e3 * float(row[mode]) for mode in ("structured", "dense", "reverse")]
        assert [float(time) for time in times] == pytest.approx(expected, rel=1e-9)


def test_times_beside_peers():
    columns = (
        *("dense", "sparse", "prepared dense", "prepared sparse"),
        *("jax.jit jacfwd", "autograd"),
    )
    measured = {(r["problem"], r["m"], r["n"], r["way"]): r["over_f"] for r in read("peers.csv")}
    quoted = rows("performance.md", 9)
    assert len(quoted) > 5
    for problem, shape, f, *ratios in quoted:
        m, n = shape.split(" x ")
        assert f.endswith(" us")
        for way, ratio in zip(columns, ratios, strict=True):
            row = measured[problem, m, n, way] or "-"
            assert ratio == row or float(ratio) == pytest.approx(float(row), rel=6e-3)


TRANSLATED = {
    "start": "start/index",
    "matrix_calculus": "tutorials/matrix_calculus",
    "rules": "how_it_works/rules",
}


@pytest.mark.parametrize("name", TRANSLATED)
def test_translations_have_the_same_code(name):
    """All but the comments, whose words are translated."""

    def code(page):
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
        return [re.sub(r"  # (?!doctest:).*$", "", block, flags=re.MULTILINE) for block in blocks]

    original = code(TRANSLATED[name])
    assert len(original) > 4
    assert original == code(f"zh/{name}")
