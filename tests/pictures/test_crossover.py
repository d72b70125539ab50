"""`crossover`: what it measures, and its map."""

import matplotlib.figure
import numpy as np
import pytest
from expecting import raises_literally as raises
from matplotlib import pyplot
from matplotlib.colors import to_rgb

import dualmc as dm
from dualmc.counting.crossover import Cell, Crossover


def layer(n, m):
    W = np.ones((m, n)) / n
    return lambda x: np.tanh(W @ x), np.ones(n)


def cell(ratio, predicted, is_extrapolated=False):
    return Cell(1, 1, 1.0, ratio, is_extrapolated, 1.0, predicted)


FOUND = Crossover(
    "model",
    (1, 1000),
    (10, 20, 30),
    (
        (cell(0.5, 0.5), cell(0.01, 0.1, True)),
        (cell(1.1, 0.9), cell(2.0, 0.9)),
        (cell(5000.0, 2.0), cell(25.0, 1.1)),
    ),
)


def test_what_is_measured():
    found = dm.crossover(layer, [2, 30], (1, 3, np.int64(5)), seconds=0.05)
    assert (found.function, found.ns, found.ms) == ("layer", (2, 30), (1, 3, 5))
    assert [[(c.n, c.m) for c in row] for row in found.cells] == [
        [(n, m) for n in (2, 30)] for m in (1, 3, 5)
    ]
    times = [t for row in found.cells for c in row
             for t in (c.forward, c.reverse, c.predicted_forward, c.predicted_reverse)]  # fmt: skip
    assert all(0 < t < np.inf for t in times)
    assert "n = 30" in str(found)
    assert "<th" in found._repr_html_()
    found.plot()


def test_further_arguments_and_structures():
    def problem(n, m):
        return (lambda p, k: p["w"][:, None] * np.ones(m) * k), {"w": np.ones(n)}, 2.0

    (row,) = dm.crossover(problem, [4], [3], seconds=0.02).cells
    assert (row[0].n, row[0].m) == (4, 12)  # what the model has, not what was asked for


def test_winners():
    assert [[c.measured for c in row] for row in FOUND.cells] == [
        ["reverse", "reverse"], ["either", "forward"], ["forward", "forward"]
    ]  # fmt: skip
    assert [[c.predicted for c in row] for row in FOUND.cells] == [
        ["reverse", "reverse"], ["reverse", "reverse"], ["forward", "forward"]
    ]  # fmt: skip
    lines = [line.split("  ") for line in str(FOUND).splitlines()[4:]]
    cells = [[part.strip() for part in line if part.strip()] for line in lines]
    assert cells == [
        ["30", "forward 5e+03", "forward 25"],
        ["20", "either", "forward 2 *"],
        ["10", "reverse 2", "reverse ~100"],
    ]


def test_the_map():
    ax = FOUND.plot()
    (image,) = ax.images
    assert np.array_equal(image.get_array(), [[0.5, 0.01], [1.1, 2.0], [5000.0, 25.0]])
    shown = {text.get_position(): text.get_text() for text in ax.texts}
    assert shown == {
        (0, 0): "←2.0", (1, 0): "←~100", (0, 1): "→1.1", (1, 1): "→2.0", (0, 2): "→5000",
        (1, 2): "→25",
    }  # fmt: skip
    rings = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "o"]
    assert rings == [[[1, 1]]]
    boundary = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() != "o"]
    assert boundary == [[[-0.5, 1.5], [0.5, 1.5]], [[0.5, 1.5], [1.5, 1.5]]]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "1,000"]


def test_numbers_are_legible_on_their_cells():
    ax = FOUND.plot()
    (image,) = ax.images

    def light(colour):
        c = np.array(to_rgb(colour))
        c = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(c @ [0.2126, 0.7152, 0.0722]) + 0.05

    for text in ax.texts:
        x, y = text.get_position()
        ground = light(image.cmap(image.norm(image.get_array()[y, x]))[:3])
        ink = light(text.get_color())
        assert max(ground, ink) / min(ground, ink) > 4.5  # WCAG 2.2, 1.4.3


@pytest.mark.parametrize("size", [(3, 3), (10, 8)])
def test_nothing_leaves_the_figure(size):
    figure = pyplot.figure(figsize=size, layout="constrained")
    assert FOUND.plot(ax=figure.add_subplot()).figure is figure
    figure.canvas.draw()
    box = figure.get_tightbbox()
    assert box.x0 >= -0.01 and box.y0 >= -0.01
    assert box.x1 <= size[0] + 0.01 and box.y1 <= size[1] + 0.01


def test_given_axes_leave_pyplot_alone():
    FOUND.plot(ax=matplotlib.figure.Figure().add_subplot())
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(
    ("arguments", "options", "error", "sentence"),
    [
        ((3, [1], [1]), {}, TypeError, "crossover needs a function of sizes, problem(n, m) -> (f"),
        ((layer, [], [1]), {}, ValueError, "crossover: ns must be positive whole numbers, such as"),
        ((layer, [1], [0]), {}, ValueError, "crossover: ms must be positive whole numbers"),
        ((layer, 5, [1]), {}, ValueError, "such as [1, 10, 100]; got 5."),
        ((layer, [1.5], [1]), {}, ValueError, "such as [1, 10, 100]; got [1.5]."),
        ((layer, [1], [1]), {"seconds": 0}, ValueError, "crossover: seconds must be a positive"),
        ((lambda n, m: np.sin, [1], [1]), {}, TypeError, "must return (f, x) or (f, x, *args), a"),
        ((lambda n, m: (lambda x: 1.0, np.ones(n)), [1], [1]), {}, ValueError,
         "crossover needs an output that depends on the input"),
        ((lambda n, m: (lambda x: 1j * x, np.ones(n)), [1], [1]), {}, TypeError,
         "crossover needs f to return real numbers; f returned complex ones."),
    ],
)  # fmt: skip
def test_refusals(arguments, options, error, sentence):
    with raises(error, sentence):
        dm.crossover(*arguments, **options)


def test_errors_of_the_model_name_its_size():
    def problem(n, m):
        return lambda x: x[m] * x, np.ones(n)

    with pytest.raises(IndexError) as met:
        dm.crossover(problem, [5], [3, 7], seconds=0.02)
    assert met.value.__notes__ == ["crossover: at n=5, m=7"]


def test_matplotlib_is_missing(missing):
    with raises(ImportError, "Crossover.plot needs matplotlib, which is not installed"):
        FOUND.plot()
