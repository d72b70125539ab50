"""`Comparison.plot`: a bar for every number that `compare` prints, as long as it says."""

import matplotlib.figure
import numpy as np
import pytest
from expecting import raises_literally as raises
from matplotlib import pyplot

import dualmc as dm
from dualmc.counting.comparison import Comparison, Factor, Mode


def mode(name, seconds, multiplications, is_extrapolated=False):
    return Mode(name, "", 1, 1, multiplications, 1, 1000, seconds, is_extrapolated, 0.0)


def comparison(factors=3, modes=None):
    modes = modes or (
        mode("forward, one column at a time", 1.0, 400, True),
        mode("forward, structured", 1e-3, 40),
        mode("reverse", 1e-4, 4),
        mode("finite differences", 2.0, None),
    )
    chain = tuple(
        Factor(f"du{i + 1}/du{i}", "sin", 2, 3, 6, 10 * i, 100 * (factors - 1 - i))
        for i in range(factors)
    )
    return Comparison("f", 3, 2, 6, 5, modes, chain, "reverse", "reverse", "Use reverse mode.")


def ends(ax):
    """Where the bars end, the invisible ones too, from the first mode down."""
    return [bar.get_x() + bar.get_width() for bar in ax.patches]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_bars_are_the_numbers():
    axes = comparison().plot()
    assert axes.shape == (4,)
    time, multiplications, memory, chain = axes
    assert ends(time) == pytest.approx([1.0, 1e-3, 1e-4, 2.0])
    assert ends(multiplications)[:3] == pytest.approx([400, 40, 4])
    assert multiplications.patches[3].get_width() == 0  # not counted, and it says so
    assert ends(memory) == pytest.approx([1000] * 4)
    assert texts(time) == ["~1 s", "1 ms", "100 us", "2 s"]
    assert texts(multiplications) == ["400", "40", "4", "-"]
    assert texts(chain) == ["0", "10", "20", "200", "100", "0"]
    legend = [text.get_text() for text in chain.get_legend().get_texts()]
    assert legend == ["forward, from x to y: 30 in all", "reverse, from y to x: 300 in all"]
    assert [label.get_text() for label in time.get_yticklabels()][2] == "reverse"
    assert [bool(bar.get_hatch()) for bar in time.patches] == [True, False, False, False]


def test_bars_lie_on_their_axis():
    for ax in comparison().plot():
        low, high = ax.get_xlim()
        assert all(low <= end < high for end in ends(ax))


def test_a_single_factor_is_no_chain():
    assert comparison(factors=1).plot().shape == (3,)


def test_a_long_chain_is_shortened():
    chain = comparison(factors=40).plot()[3]
    names = [label.get_text() for label in chain.get_yticklabels()]
    assert len(names) == 11
    assert names[5] == "..."
    assert (names[0], names[-1]) == ("du1/du0, sin", "du40/du39, sin")


def test_nothing_counted():
    modes = (mode("forward, structured", 1.0, None), mode("reverse", 1.0, None))
    comparison(modes=modes).plot()[0].figure.canvas.draw()


def test_what_compare_returns():
    found = dm.compare(lambda x: np.sum(np.sin(x) ** 2), np.ones(20), seconds=0.05)
    axes = found.plot()
    assert ends(axes[0]) == pytest.approx([m.seconds for m in found.modes])
    assert axes[0].figure.get_suptitle() == "<lambda>: 20 inputs, 1 output, 20 of 20 entries not " \
        "zero"  # fmt: skip


@pytest.mark.parametrize("size", [(3, 3), (4, 7), (10, 5)])
def test_nothing_leaves_the_figure(size):
    figure = pyplot.figure(figsize=size, layout="constrained")
    comparison(factors=12).plot(figure=figure)
    figure.canvas.draw()
    box = figure.get_tightbbox()
    assert box.x0 >= -0.01 and box.y0 >= -0.01
    assert box.x1 <= size[0] + 0.01 and box.y1 <= size[1] + 0.01


def test_a_given_figure_leaves_pyplot_alone():
    figure = matplotlib.figure.Figure()
    part = figure.subfigures(1, 2)[1]
    for given in (figure, part):
        assert all(ax.figure is given for ax in comparison().plot(figure=given))
    assert pyplot.get_fignums() == []


def test_refusals():
    with raises(TypeError, "Comparison.plot: figure must be a Figure or a SubFigure of matplotlib"):
        comparison().plot(figure=3)


def test_matplotlib_is_missing(missing):
    with raises(ImportError, "Comparison.plot needs matplotlib, which is not installed"):
        comparison().plot()
