"""Derivations as text, LaTeX and HTML: well formed, self-contained, escaped."""

import html.parser
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from dualmc.derivation.notation.page import svg_of
from dualmc.document.examples import SAMPLES, TARGETS, X0, W, X
from dualmc.document.neuron import activation, loss
from dualmc.explain import explain

EXAMPLES = {
    "sin(x^2)": (lambda x: np.sin(x**2), (X0,)),
    "ln(sin(x^3)^2)": (lambda x: np.log(np.sin(x**3) ** 2), (X0,)),
    "x + x^2": (lambda x: x + x**2, (X0,)),
    "sin(x + x^2)": (lambda x: np.sin(x + x**2), (X0,)),
    "[ln(x^2), sin(3x)]": (lambda x: [np.log(x**2), np.sin(3 * x)], (X0,)),
    "neuron": (activation, (W, 6.0, X)),
    "loss": (loss, (W, 6.0, SAMPLES, TARGETS)),
    "tanh": (lambda A, x: np.tanh(A @ x), (SAMPLES, W)),
    "roots": (lambda x, n: np.sqrt(abs(x)) / x**n + np.where(x > 0, x, 1e-9), (X0, 3)),
    "gram": (lambda A: np.linalg.inv(A.T @ A) * 2, (SAMPLES,)),
    "quadratic": (lambda A: np.trace(A.T @ A) + np.sum(A[0] * np.ones((2, 3))), (SAMPLES,)),
    "parts": (lambda x: np.concatenate([x[1:], x[:1] * 2]).reshape(2, -1), ([1.0, 2.0],)),
}

every_example = pytest.mark.parametrize("name", list(EXAMPLES))


def of(name):
    f, args = EXAMPLES[name]
    return explain(f, *args)


@pytest.fixture(scope="module")
def nested():
    return of("ln(sin(x^3)^2)")


class Checker(html.parser.HTMLParser):
    """Every element is closed in its turn."""

    VOID = frozenset({"meta", "br", "hr", "link"})

    def __init__(self):
        super().__init__()
        self.stack, self.errors, self.seen = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.errors.append(tag)


@every_example
def test_pages_are_well_formed_and_self_contained(name):
    page = of(name).html()
    checker = Checker()
    checker.feed(page)
    assert checker.errors == []
    assert checker.stack == []
    assert "DOCTYPE html" in page
    for tag, attributes in checker.seen:
        assert tag not in ("script", "link", "img", "iframe")
        assert not {"src", "href"} & set(attributes)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


@every_example
def test_mathml_and_svg_are_xml(name):
    page = of(name).html()
    formulas = re.findall(r"<math.*?</math>", page, re.DOTALL)
    assert len(formulas) > 5
    arity = {"mfrac": 2, "msup": 2, "msub": 2, "msubsup": 3}
    known = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mtable", "mtr", "mtd", "msqrt"}
    for formula in formulas:
        tree = ET.fromstring(formula)
        for element in tree.iter():
            assert element.tag in known | set(arity)
            if element.tag in arity:
                assert len(element) == arity[element.tag]
            if element.tag in ("mi", "mn", "mtext"):
                assert len(element) == 0 and element.text
    (svg,) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    ET.fromstring(svg)


@every_example
def test_boxes_and_labels_do_not_overlap(name):
    (picture,) = (b for b in of(name)._blocks if type(b).__name__ == "Picture")
    layout = picture.layout
    items = {id(item): item for edge in layout.edges for item in edge if item.kind != "gap"}
    items = list(items.values())
    for i, a in enumerate(items):
        assert 0 <= a.x - a.width / 2 and a.x + a.width / 2 <= layout.width
        assert 0 <= a.y - a.height / 2 and a.y + a.height / 2 <= layout.height
        for b in items[:i]:
            apart_x = abs(a.x - b.x) >= (a.width + b.width) / 2
            apart_y = abs(a.y - b.y) >= (a.height + b.height) / 2
            assert apart_x or apart_y, (a.lines, b.lines)
    assert svg_of(layout).count("<rect") == len(layout.boxes)


def test_wide_graphs_run_from_top_to_bottom():
    def layout(n):
        def f(x):
            for _ in range(n):
                x = np.sin(x)
            return x

        (picture,) = (b for b in explain(f, 1.0)._blocks if type(b).__name__ == "Picture")
        return picture.layout

    assert layout(2).is_wide
    assert layout(2).width > layout(2).height
    assert not layout(20).is_wide
    assert layout(20).width < layout(20).height


@every_example
def test_latex_is_balanced(name):
    source = of(name).latex()
    depth = 0
    for mark in re.findall(r"\\.|[{}]", source, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(mark, 0)
        assert depth >= 0
    assert depth == 0
    assert re.findall(r"\\.|\$", source).count("$") % 2 == 0
    assert source.count(r"\left") == source.count(r"\right")
    opened = re.findall(r"\\begin\{(\w+)\}", source)
    assert sorted(opened) == sorted(re.findall(r"\\end\{(\w+)\}", source))
    assert source.isascii()


def test_latex_shows_the_document_s_formulas(nested):
    source = nested.latex()
    assert r"\frac{d u_{1}}{d x}" in source
    assert r"\frac{6 \, x^{2} \, \cos\left(x^{3}\right)}{\sin\left(x^{3}\right)}" in source


def test_hostile_names_are_escaped():
    class Hostile:
        """A function with a name and arguments that are markup."""

        __name__ = "<script>alert(1)</script>&"
        names = ("<b>x</b>", "a_{%$#}")

        def __call__(self, x, a):
            return np.sin(x) * a

    e = explain(Hostile(), 1.0, 2.0)
    page = e.html()
    assert "<b>" not in page
    assert "<script" not in page
    assert "&lt;b&gt;" in page
    checker = Checker()
    checker.feed(page)
    assert checker.errors == [] and checker.stack == []
    source = e.latex()
    assert r"\%" in source and r"\$" in source and r"\#" in source


def test_the_graph_s_names_are_escaped():
    e = explain(lambda x: np.sin(x), 1.0, names=["<i>&"])
    (svg,) = re.findall(r"<svg.*?</svg>", e.html(), re.DOTALL)
    assert "<i>" not in svg
    ET.fromstring(svg)


def test_saved_by_suffix(tmp_path, nested):
    for suffix, start in ((".html", "<!DOCTYPE"), (".tex", r"\documentclass"), (".txt", "Deriv")):
        path = tmp_path / f"derivation{suffix}"
        nested.save(path)
        assert path.read_text(encoding="utf-8").startswith(start)
    nested.save(str(tmp_path / "again.html"))
    with pytest.raises(ValueError, match=r"writes .html, .tex or .txt files; got '.*x.pdf'"):
        nested.save(tmp_path / "x.pdf")


def test_shown_in_notebooks_and_printed(nested):
    fragment = nested._repr_html_()
    assert "<html" not in fragment and "<body" not in fragment
    assert fragment.startswith('<div class="dualmc">')
    assert str(nested) == nested.text()
    assert repr(nested) == "<Explanation of y by x: 4 operations>"


def test_names_for_the_arguments():
    e = explain(lambda a, b: a * b, 2.0, 3.0, names=["alpha", "w_hat"])
    assert [step.equation for step in e.steps] == ["y = alpha*w_hat"]
    assert r"\alpha" in e.latex()
    assert "<mi>α</mi>" in e.html()


# --- Notebooks -----------------------------------------------------------------------------------


@every_example
def test_markdown_has_tables_of_one_width_and_balanced_mathematics(name):
    text = of(name)._repr_markdown_()
    assert text.startswith("## Derivation of ")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [re.sub(r"\\\|", "", row) for row in table.splitlines()]
        assert len({row.count("|") for row in rows}) == 1
    assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0
    assert "tikz" not in text and "<" not in re.sub(r"\$[^$]*\$", "", text)


@every_example
def test_the_latex_of_a_notebook_is_part_of_a_document(name):
    text = of(name)._repr_latex_()
    assert "documentclass" not in text and "tikzpicture" not in text
    for environment in ("longtable", "bmatrix", "cases"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}")
    assert text.count("$") % 2 == 0


def test_notebooks_prefer_html(nested):
    """IPython offers all; a notebook takes the first of its list, in which HTML comes before."""
    formatters = pytest.importorskip("IPython.core.formatters")
    formats, _ = formatters.DisplayFormatter().format(nested)
    assert set(formats) == {"text/plain", "text/html", "text/latex", "text/markdown"}
    assert formats["text/plain"] == repr(nested)
