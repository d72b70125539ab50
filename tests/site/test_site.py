"""The pages as a reader has them: built without a warning, on a phone, with no network."""

import re

import numpy as np
import pytest

import dualmc as dm

# One with code, one with wide tables, one of the reference, one with a picture.
PAGES = (
    "index.html",
    "conventions.html",
    "reference/generated/dualmc.jacobian_fwd.html",
    "gallery/uncertainty_gum.html",
)


# Nothing lies outside of the window but in tables, formulas and code, which scroll by themselves.
# The width of the page does not tell: the theme has the whole article scroll, or cuts it off.
OUTSIDE = """[...document.querySelectorAll("body *")].filter(element => {
    const box = element.getBoundingClientRect();
    if (box.right <= innerWidth + 1 || box.width == 0 || box.left >= innerWidth) return false;
    for (let at = element; !["ARTICLE", "BODY"].includes(at.tagName); at = at.parentElement) {
        const { overflowX, position } = getComputedStyle(at);
        if (["auto", "scroll"].includes(overflowX) && at.getBoundingClientRect().right <= innerWidth
            || position == "fixed") return false;
    }
    return true;
}).map(element => `${element.tagName}.${element.className}: ${element.textContent.slice(0, 60)}`)"""


def outside(page):
    """What sticks out on the right and cannot be scrolled to."""
    return page.evaluate(OUTSIDE)


def sizes(page, what):
    """Widths and heights of the elements that a selector finds."""
    boxes = f"[...document.querySelectorAll({what!r})].map(e => e.getBoundingClientRect())"
    return np.array(page.evaluate(f"{boxes}.map(b => [b.width, b.height])")).reshape(-1, 2)


def test_no_page_loads_from_elsewhere(site):
    """Addresses in links are for readers to follow; scripts, styles, pictures, fonts lie here."""
    loading = re.compile(
        r"<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=\"(?:https?:)?//[^\"]*\""
    )
    styles = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\s]*")
    pages, sheets = list(site.rglob("*.html")), list(site.rglob("*.css"))
    assert len(pages) > 80 and sheets
    found = [hit for path in pages for hit in loading.findall(path.read_text("utf-8"))]
    found += [hit for path in sheets for hit in styles.findall(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_a_phone(site, served, phone, name, scheme):
    page, wrong = phone(f"{served(site)}/{name}", scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert sizes(page, "h1")[0].min() > 20
    assert outside(page) == []
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert page.evaluate(broken) == 0
    assert wrong == []


def with_formulas(site):
    """The pages that have any, by the mark that Sphinx leaves for MathJax."""
    return [path for path in site.rglob("*.html") if 'class="math' in path.read_text("utf-8")]


def test_what_sticks_out_is_seen(site, served, phone):
    page, _ = phone(f"{served(site)}/index.html")
    wide = "beforeend', '<div style=\"width: 900px\">wide</div>"
    page.evaluate(f"document.querySelector('article').insertAdjacentHTML('{wide}')")
    assert outside(page) == ["DIV.: wide"]


def test_mathematics_is_drawn(site, served, phone):
    """By MathJax, with its own fonts, on the page that has most of it."""
    path = max(with_formulas(site), key=lambda path: path.read_text("utf-8").count('class="math'))
    page, wrong = phone(f"{served(site)}/{path.relative_to(site)}")
    page.wait_for_function("window.MathJax?.startup?.promise")
    page.evaluate("MathJax.startup.promise")
    drawn = sizes(page, "mjx-container")
    assert len(drawn) == page.locator(".math").count() and drawn.min() > 3
    assert page.evaluate("document.querySelectorAll('mjx-merror').length") == 0
    page.evaluate("document.fonts.ready")
    used = "[...document.fonts].filter(f => f.family.startsWith('MJX') && f.status == 'loaded')"
    assert page.evaluate(f"{used}.length") > 0
    assert outside(page) == []
    assert wrong == []


def test_search_finds(site, served, phone):
    page, wrong = phone(f"{served(site)}/search.html?q=jacobian_fwd")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    found = page.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
    assert any("dualmc.jacobian_fwd.html" in address for address in found)
    assert wrong == []


def neuron(w, x, b):
    return np.maximum(0, w @ x + b)


def derivation():
    return dm.explain(neuron, np.array([0.5, -2.0]), np.array([4.0, 0.25]), 1.0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shown", ["page", "notebook"])
def test_explain_on_a_phone(served, phone, tmp_path, shown, scheme):
    """Its own page, and what a notebook shows of it: mathematics and graph are drawn."""
    found = derivation()
    text = found.html()
    if shown == "notebook":
        text = f"<!doctype html><meta charset=utf-8><body>{found._repr_html_()}"
    (tmp_path / "shown.html").write_text(text, encoding="utf-8")
    page, wrong = phone(f"{served(tmp_path)}/shown.html", scheme)
    formulas, graphs = sizes(page, "math"), sizes(page, "svg")
    assert len(formulas) > 10 and formulas.min() > 3
    assert len(graphs) > 0 and graphs.min() > 20
    assert outside(page) == []
    assert wrong == []
