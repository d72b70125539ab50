"""`Explanation.plot` and `.dot`: the graph is that of `explain`, whole or without its middle."""

import re

import matplotlib.figure
import numpy as np
import pytest
from expecting import raises_literally as raises
from matplotlib import pyplot
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import dualmc as dm

QUOTED = r'"(?:[^"\\]|\\.)*"'
ATTRIBUTE = rf"(\w+)=({QUOTED}|\w+)"
NODE = re.compile(rf"  (n\d+) \[({ATTRIBUTE}(?:, {ATTRIBUTE})*)\];")
EDGE = re.compile(rf"  (n\d+) -> (n\d+)(?: \[({ATTRIBUTE})\])?;")


def parsed(source):
    """The nodes' labels and the edges of a graph in Graphviz's language; all of it must be known.

    https://graphviz.org/doc/info/lang.html, of which these lines are a part.
    """
    head, rank, default, *lines, end = source.splitlines()
    assert (head, rank, end) == ("digraph derivation {", "  rankdir=LR;", "}")
    assert default == '  node [shape=box, style="rounded"];'

    def attributes(text):
        return {key: value.strip('"') for key, value in re.findall(ATTRIBUTE, text or "")}

    nodes, edges = {}, []
    for line in lines:
        if found := NODE.fullmatch(line):
            nodes[found[1]] = attributes(found[2])
        else:
            found = EDGE.fullmatch(line)
            assert found, line
            edges.append((found[1], found[2], attributes(found[3]).get("label")))
    assert {name for a, b, _ in edges for name in (a, b)} <= set(nodes)
    return nodes, edges


def neuron(w, b, x):
    return np.maximum(0, w @ x + b)


def long(x):
    for _ in range(60):
        x = np.sin(x) * x
    return x


NEURON = dm.explain(neuron, np.array([0.5, -2.0]), 1.0, np.array([4.0, 0.25]))
LONG = dm.explain(long, 1.1)


def drawn(ax):
    """The boxes' first lines, the other texts, and the number of arrows."""
    boxes = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    bold = [t.get_text() for t in ax.texts if t.get_weight() == "bold"]
    assert len(bold) == len(boxes)
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    return bold, [t.get_text() for t in ax.texts if t.get_weight() != "bold"], len(arrows)


def test_dot():
    nodes, edges = parsed(NEURON.dot())
    labels = [node["label"] for node in nodes.values()]
    assert labels == [
        r"w\n= [0.5, -2]", r"b\n= 1", r"x\n= [4, 0.25]",
        r"u₁ = w · x\n= 1.5", r"u₂ = u₁ + b\n= 2.5",
        r"y = max(0, u₂)\n= 2.5",
    ]  # fmt: skip
    assert sorted(edges) == [
        ("n0", "n3", "xᵀ"), ("n1", "n4", "1"), ("n2", "n3", "wᵀ"), ("n3", "n4", "1"),
        ("n4", "n5", "1 if u₂ > 0 else 0"),
    ]  # fmt: skip
    assert [node.get("peripheries") for node in nodes.values()] == [None] * 5 + ["2"]


def test_an_operand_used_twice_has_two_edges():
    _, edges = parsed(dm.explain(lambda x: x * x.copy(), 3.0).dot())
    assert [edge[:2] for edge in edges].count(("n0", "n1")) in (1, 2)
    _, edges = parsed(dm.explain(lambda x: np.multiply(x, x), 3.0).dot())
    assert edges == [("n0", "n1", "x"), ("n0", "n1", "x")]


def test_quotes_and_backslashes():
    f = dm.explain(lambda x: np.sin(x), 1.0, names=['a"\\b'])
    nodes, _ = parsed(f.dot())
    assert nodes["n0"]["label"].startswith(r"a\"\\b")


@pytest.mark.parametrize("most", [3, 4, 10, 119, 120])
def test_of_many_operations_the_first_and_the_last(most):
    nodes, edges = parsed(LONG.dot(most=most))
    names = [node["label"].split(" ")[0] for node in nodes.values()]
    assert len(nodes) == 1 + most  # and x
    if most < 120:
        (middle,) = [node for node in nodes.values() if "dashed" in node.get("style", "")]
        assert middle["label"] == f"… {120 - (most - 1)} operations …"
    assert names[-1] == "y"
    assert names[1] == "u₁"
    assert all(int(a[1:]) < int(b[1:]) for a, b, _ in edges)  # no arrow points back
    assert len(set(edges)) == len(edges)
    starts = {a for a, _, _ in edges}
    assert starts == set(nodes) - {f"n{most}"}  # all lead on, and to y


def test_of_many_inputs_the_first_and_the_last():
    x = {f"p{i}": float(i) for i in range(100)}
    nodes, _ = parsed(dm.explain(lambda x: sum(x.values()), x).dot(most=5))
    labels = [node["label"] for node in nodes.values()]
    assert "… 96 inputs …" in labels
    assert len(nodes) == 10


@pytest.mark.parametrize("f", [lambda x: 3.0, lambda x: x, lambda x: np.zeros((0, 2)) * x])
def test_small_graphs(f):
    found = dm.explain(f, 1.0)
    parsed(found.dot())
    found.plot().figure.canvas.draw()


def test_partials_too_large_to_show():
    found = dm.explain(lambda x: np.sum(np.outer(x, x) @ x), np.ones(300))
    assert found.derivation.partials == {}
    _, edges = parsed(found.dot())
    assert {label for _, _, label in edges} == {None}
    found.plot().figure.canvas.draw()


def test_plot():
    bold, others, arrows = drawn(NEURON.plot())
    assert sorted(bold[:3]) == ["b", "w", "x"]  # in the order of the layout
    assert bold[3:] == ["u₁ = w · x", "u₂ = u₁ + b", "y = max(0, u₂)"]
    assert arrows == 5
    assert {"xᵀ", "wᵀ", "1", "1 if u₂ > 0 else 0"} <= set(others)
    # Forward order knows du/dx, reverse order dy/du.
    assert {"→ du₁/dw = [4, 0.25]", "→ du₂/db = 1", "→ dy/dx = [0.5, -2]"} <= set(others)
    assert {"← dy/dw = [4, 0.25]", "← dy/du₁ = 1", "← dy/db = 1"} <= set(others)


def test_denominator_layout():
    W, x = np.arange(6.0).reshape(2, 3), np.ones(3)
    found = dm.explain(lambda x: np.sin(W @ x), x, layout="denominator")
    _, others, _ = drawn(found.plot())
    assert "→ dy/dx 3×2 numbers" in others
    (label,) = {edge[2] for edge in parsed(found.dot())[1] if edge[0] == "n0"}
    assert label == "Wᵀ"


def test_both_orders_end_at_the_derivative():
    found = dm.explain(lambda x: np.log(np.sin(x**3) ** 2), 1.2)
    exact = f"{float(found.jacobian['x']):.6g}"
    _, others, _ = drawn(found.plot())
    assert f"→ dy/dx = {exact}" in others
    assert f"← dy/dx = {exact}" in others


def test_arrows_end_at_boxes_and_do_not_cross_others():
    ax = LONG.plot(most=9)
    boxes = [p.get_bbox() for p in ax.patches if isinstance(p, FancyBboxPatch)]
    for patch in ax.patches:
        if isinstance(patch, FancyBboxPatch):
            continue
        path = patch._path_original if isinstance(patch, FancyArrowPatch) else patch.get_path()
        (points,) = path.to_polygons(closed_only=False)
        for box in boxes:
            inside = (points > [box.x0 + 1, box.y0 + 1]) & (points < [box.x1 - 1, box.y1 - 1])
            assert not inside.all(axis=1).any()


def test_texts_lie_within_their_boxes():
    ax = NEURON.plot()
    ax.figure.canvas.draw()
    boxes = [p.get_window_extent() for p in ax.patches if isinstance(p, FancyBboxPatch)]
    for text in ax.texts:
        if text.get_style() != "italic":
            at = text.get_window_extent()
            assert any(
                b.x0 <= at.x0 and at.x1 <= b.x1 and b.y0 <= at.y0 and at.y1 <= b.y1 for b in boxes
            ), text.get_text()


def test_dollars_are_dollars():
    ax = dm.explain(lambda x: np.sin(x), 1.0, names=["a$b$"]).plot()
    ax.figure.canvas.draw()
    assert "a\\$b\\$" in drawn(ax)[0]


def test_axes():
    figure = matplotlib.figure.Figure(figsize=(3, 3))
    ax = figure.add_subplot()
    assert NEURON.plot(ax=ax) is ax
    assert pyplot.get_fignums() == []
    own = NEURON.plot()
    assert own.figure is pyplot.gcf()


@pytest.mark.parametrize("most", [2, 2.5, True, "a"])
def test_refusals(most):
    with raises(ValueError, "Explanation.dot: most must be a whole number of at least 3, got"):
        LONG.dot(most=most)
    with raises(ValueError, "Explanation.plot: most must be a whole number of at least 3, got"):
        LONG.plot(most=most)


def test_matplotlib_is_missing(missing):
    with raises(ImportError, "Explanation.plot needs matplotlib, which is not installed"):
        NEURON.plot()
    assert NEURON.dot()


def test_pages_draw_large_graphs_too():
    assert LONG.html().count("<svg") == 1
    assert "Of its 120 operations the first and the last." in LONG.html()
