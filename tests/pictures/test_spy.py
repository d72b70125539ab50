"""`spy`: every entry is seen, in its place, by its magnitude; names; Axes; what is refused."""

import collections
import subprocess
import sys
import types

import matplotlib.figure
import numpy as np
import pytest
import scipy.sparse as sparse
from expecting import raises_literally as raises
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from matplotlib.colors import LogNorm

import dualmc as dm
from dualmc.pictures import bins


def drawn(ax):
    """The magnitudes that are shown, and where each bin lies: (grid, rows, columns) by centres."""
    (image,) = ax.images
    grid = image.get_array()
    left, right, bottom, top = image.get_extent()
    height, width = (bottom - top) / grid.shape[0], (right - left) / grid.shape[1]
    rows = top + height * (np.arange(grid.shape[0]) + 0.5)
    columns = left + width * (np.arange(grid.shape[1]) + 0.5)
    return grid, rows, columns


def marks(ax):
    """The places that are marked, by the name in the legend."""
    return {line.get_label().split(":")[0]: line.get_xydata() for line in ax.lines}


def nearest(centres, i):
    """The bin with that entry's middle in it, the later one where it lies between two."""
    return int(np.argmin(np.abs(centres - i - 1e-6)))


matrices = st.tuples(
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.lists(
        st.tuples(
            st.integers(0, 2**31),
            st.integers(0, 2**31),
            st.one_of(
                st.floats(1e-300, 1e300),
                st.sampled_from([0.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 1.7e308]),
            ),
        ),
        max_size=12,
    ),
)


@given(matrices, st.sampled_from(["csr", "csc", "coo", "dense"]))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_every_entry_is_shown_in_its_bin(matrix, kind):
    m, n, found = matrix
    entries = {(i % m, j % n): value for i, j, value in found}
    i, j = np.array(list(entries), int).reshape(-1, 2).T
    J = sparse.coo_array((np.array(list(entries.values()), float), (i, j)), shape=(m, n))
    J = J.toarray() if kind == "dense" else J.asformat(kind)
    ax = dm.spy(J, ax=matplotlib.figure.Figure().add_subplot(), colorbar=False)
    grid, rows, columns = drawn(ax)
    at = {key: (nearest(rows, key[0]), nearest(columns, key[1])) for key in entries}
    strange = {at[key] for key, value in entries.items() if not np.isfinite(value)}
    largest = collections.defaultdict(float)
    for key, value in entries.items():
        if at[key] not in strange:
            largest[at[key]] = max(largest[at[key]], abs(value))
    shown = np.zeros(grid.shape)
    for place, value in largest.items():
        shown[place] = value
    assert np.array_equal(grid.filled(0), shown)
    stored = {at[k] for k, v in entries.items() if v == 0 and kind != "dense"} - {
        place for place, value in largest.items() if value
    }
    expected = {
        "NaN": {at[key] for key, value in entries.items() if np.isnan(value)},
        "infinite": {at[key] for key, value in entries.items() if np.isinf(value)},
        "0, stored": stored - strange | (stored & strange),
    }
    found = {
        name: {(nearest(rows, y), nearest(columns, x)) for x, y in places}
        for name, places in marks(ax).items()
    }
    assert {k: v for k, v in expected.items() if v} == {k: v for k, v in found.items() if v}


def test_one_entry_among_many():
    J = sparse.csr_array(([2.0], ([123_456], [987_654])), shape=(10**6, 10**6))
    ax = dm.spy(J)
    grid, rows, columns = drawn(ax)
    assert grid.count() == 1
    assert grid[nearest(rows, 123_456), nearest(columns, 987_654)] == 2.0
    # A bin is seen: two points of the picture at least.
    ax.figure.canvas.draw()
    box = ax.get_window_extent()
    assert 72 / ax.figure.dpi * box.width / grid.shape[1] > 1.4
    assert ax.get_title() == "1,000,000 × 1,000,000, 1 nonzero"


@pytest.mark.parametrize("dtype", [float, np.float32, complex, int, bool])
def test_dense_parts_are_added_as_entries_are(rng, dtype, monkeypatch):
    J = (rng.uniform(-9, 9, (700, 900)) * (rng.random((700, 900)) < 0.4)).astype(dtype)
    fast = dm.spy(J, colorbar=False)
    monkeypatch.setattr(bins.Bins, "_add_finite", lambda *_: False)
    monkeypatch.setattr(bins, "ENTRIES", 5000)
    slow = dm.spy(J, colorbar=False)
    assert fast.images[0].get_array().tobytes() == slow.images[0].get_array().tobytes()
    assert fast.get_title() == slow.get_title()
    assert fast.get_title() == f"700 × 900, {np.count_nonzero(J):,} nonzeros"


def test_many_entries(rng):
    at = rng.integers(0, 10**6, (2, 10**6))
    J = sparse.coo_array((rng.uniform(1, 2, 10**6), (at[0], at[1])), shape=(10**6, 10**6)).tocsr()
    grid, _, _ = drawn(dm.spy(J))
    assert grid.size < 10**5
    assert grid.max() == J.max()


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "dia", "lil", "dok", "bsr"])
def test_every_sparse_format(kind):
    dense = np.triu(np.arange(1.0, 17.0).reshape(4, 4))
    J = sparse.csr_array(dense).asformat(kind)
    assert np.array_equal(drawn(dm.spy(J))[0].filled(0), dense)
    assert np.array_equal(J.toarray(), dense)


def test_entries_stored_twice_are_added_up():
    twice = np.array([1.0, -1.0, 2.0, 3.0])
    J = sparse.coo_array((twice, ([0, 0, 1, 1], [0, 0, 1, 1])), shape=(2, 2))
    ax = dm.spy(J)
    assert np.array_equal(drawn(ax)[0].filled(0), [[0, 0], [0, 5]])
    assert marks(ax)["0, stored"].tolist() == [[0, 0]]
    assert J.nnz == 4  # the user's is as it was
    rows = sparse.csr_array((twice[:2], [0, 0], [0, 2]), shape=(1, 1))
    assert dm.spy(rows).get_title() == "1 × 1, all zero"
    assert rows.nnz == 2


class Coordinates:
    """A sparse array of another package: it has `tocoo`, and of that `coords` and `data`."""

    shape, ndim, dtype = (2, 3), 2, np.dtype(float)
    coords, data = np.array([[0, 1], [2, 0]]), np.array([4.0, 5.0])

    def tocoo(self):
        return self


def test_sparse_arrays_of_other_packages():
    assert np.array_equal(drawn(dm.spy(Coordinates()))[0].filled(0), [[0, 0, 4], [5, 0, 0]])


@pytest.mark.parametrize(
    ("J", "shown"),
    [
        (3.0, [[3]]),
        (np.array([0.0, -2.0]), [[0, 2]]),
        (sparse.coo_array(np.array([0.0, 7.0])), [[0, 7]]),
        ([[1, 0], [0, -2]], [[1, 0], [0, 2]]),
        (np.array([[3 + 4j, 0]]), [[5, 0]]),
        (np.array([[np.iinfo(np.int64).min, 1]]), [[2.0**63, 1]]),
        (np.array([[True, False]]), [[1, 0]]),
        (np.array([[2.0, 0.0]], np.float16), [[2, 0]]),
        (np.array([[complex(1.5e308, 1.5e308), 1]]), [[np.finfo(float).max, 1]]),
        (np.asfortranarray([[1.0, 2.0], [0.0, 3.0]]), [[1, 2], [0, 3]]),
    ],
)
def test_what_is_a_matrix(J, shown):
    assert np.array_equal(drawn(dm.spy(J))[0].filled(0), shown)


@pytest.mark.parametrize(
    ("J", "title"),
    [
        (np.zeros((0, 5)), "0 × 5, empty"),
        (np.zeros((5, 0)), "5 × 0, empty"),
        (sparse.csr_array((3, 4)), "3 × 4, all zero"),
        (np.zeros(0), "1 × 0, empty"),
    ],
)
def test_nothing_to_draw(J, title):
    ax = dm.spy(J)
    ax.figure.canvas.draw()
    assert ax.get_title() == title
    assert len(ax.figure.axes) == 1  # without a colour bar


# --- Colours -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([1e-3, 1e2], (1e-3, 1e2)),
        ([1e-30, 1.0], (1e-16, 1.0)),
        ([5.0, 5.0], (5 / 10**0.5, 5 * 10**0.5)),
        ([5e-324, 5e-324], None),
        ([1.7e308, 1.7e308], None),
        ([5e-324, 1.7e308], (1.7e292, 1e300)),
        ([1e-300, 1e-290], None),
    ],
)
def test_the_scale_is_logarithmic(values, ends):
    ax = dm.spy(np.diag(values))
    norm = ax.images[0].norm
    assert isinstance(norm, LogNorm)
    ax.figure.canvas.draw()
    assert 0 < norm.vmin < norm.vmax < np.inf
    if ends:
        assert (norm.vmin, norm.vmax) == pytest.approx(ends)


@pytest.mark.parametrize("style", ["default", "dark_background", "ggplot"])
def test_larger_is_further_from_the_ground(style):
    """In lightness, which is what print and any colour vision keep."""
    weights = np.array([0.2126, 0.7152, 0.0722])

    def light(rgba):
        c = np.array(rgba)[..., :3]
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ weights

    with pyplot.style.context(style):
        ax = dm.spy(np.diag([1e-3, 1.0]))
        colours = light(ax.images[0].cmap(np.linspace(0, 1, 50)))
        ground = light(ax.get_facecolor())
    contrast = np.maximum(colours, ground) + 0.05
    contrast /= np.minimum(colours, ground) + 0.05
    assert np.all(np.diff(contrast) > 0)
    assert contrast[0] > 2


def test_a_colour_map_and_a_norm_of_the_users():
    norm = matplotlib.colors.Normalize(0, 7)
    ax = dm.spy(np.eye(3), cmap="Greys", norm=norm, colorbar=False)
    assert ax.images[0].cmap.name == "Greys"
    assert ax.images[0].norm is norm
    assert len(ax.figure.axes) == 1


# --- Names ---------------------------------------------------------------------------------------


def texts(axis):
    axis.figure.canvas.draw()
    low, high = sorted(axis.get_view_interval())
    ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    return {at: text.get_text() for at, text in ticks if low <= at <= high and text.get_text()}


def test_names_of_rows_and_columns():
    ax = dm.spy(np.eye(2, 3), rows=["a", "b"], columns=["u", "v", "w"])
    assert texts(ax.yaxis) == {0: "a", 1: "b"}
    assert texts(ax.xaxis) == {0: "u", 1: "v", 2: "w"}


def test_long_names_keep_both_ends():
    names = [f"the temperature of the reactor at station {i}" for i in range(3)]
    shown = list(texts(dm.spy(np.eye(3), rows=names).yaxis).values())
    assert [(text[:3], text[-1]) for text in shown] == [("the", "0"), ("the", "1"), ("the", "2")]
    assert all("…" in text and len(text) < 30 for text in shown)


def test_of_many_names_some_are_shown():
    ax = dm.spy(sparse.eye_array(5000).tocsr(), rows=[f"r{i}" for i in range(5000)])
    shown = texts(ax.yaxis)
    assert 5 < len(shown) < 50
    assert all(name == f"r{int(at)}" for at, name in shown.items())


def test_names_of_blocks():
    ax = dm.spy(sparse.eye_array(100).tocsr(), columns={"u": 60, "v": 39, "tiny": 1})
    assert texts(ax.xaxis)[29.5] == "u"
    assert texts(ax.xaxis)[79.0] == "v"
    (lines,) = ax.collections
    assert [segment[0][0] for segment in lines.get_segments()] == [59.5, 98.5]


Point = collections.namedtuple("Point", "w b")


@pytest.mark.parametrize("is_sparse", [False, True])
def test_structures_are_blocks(is_sparse, rng):
    x = {"p": Point(rng.standard_normal((2, 3)), 1.5), "name": "a constant", "q": [1.0, 2.0]}

    def f(x):
        w, b = x["p"]
        return {"y": w @ np.arange(3.0) * b, "s": x["q"][0] * b, "t": np.sum(w) * x["q"][1]}

    J = dm.jacobian_fwd(f, x, sparse=is_sparse)
    ax = dm.spy(J, x=x)
    expected = np.block(
        [
            [
                np.reshape(part.toarray() if is_sparse else part, (-1, size))
                for part, size in zip(
                    (J[key]["p"].w, J[key]["p"].b, *J[key]["q"]), (6, 1, 1, 1), strict=True
                )
            ]
            for key in ("y", "s", "t")
        ]
    )
    assert expected.shape == (4, 9)
    assert np.array_equal(drawn(ax)[0].filled(0), np.abs(expected))
    assert texts(ax.yaxis) == {0.5: "y", 2: "s", 3: "t"}
    assert texts(ax.xaxis) == {2.5: "p.w", 6: "p.b", 7: "q.0", 8: "q.1"}


def test_structures_of_gradients_hessians_and_arguments():
    x = {"a": np.array([1.0, 2.0]), "b": 3.0}

    def f(x):
        return np.sum(x["a"] ** 2) * x["b"]

    assert texts(dm.spy(dm.gradient(f, x), x=x).xaxis) == {0.5: "a", 2: "b"}
    H = dm.spy(dm.hessian(f, x), x=x)
    assert np.array_equal(drawn(H)[0].filled(0), [[6, 0, 2], [0, 6, 4], [2, 4, 0]])
    assert texts(H.yaxis) == {0.5: "a", 2: "b"}
    u, v = np.ones(2), np.ones(3)
    J = dm.jacobian_fwd(lambda u, v: u[0] * v, u, v, argnums=(0, 1))
    assert np.array_equal(
        drawn(dm.spy(J, x=(u, v)))[0].filled(0),
        [[1, 0, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 1]],
    )
    only_out = dm.jacobian_fwd(lambda x: {"s": x[0] * x[1], "y": x}, [2.0, 3.0])
    assert np.array_equal(
        drawn(dm.spy(only_out, x=[2.0, 3.0]))[0].filled(0), [[3, 2], [1, 0], [0, 1]]
    )


def test_arrays_of_several_axes():
    W = np.arange(1.0, 7.0).reshape(2, 3)
    J = dm.jacobian_fwd(lambda W: W @ W.T, W)
    assert J.shape == (2, 2, 2, 3)
    assert np.array_equal(drawn(dm.spy(J, x=W))[0].filled(0), np.abs(J.reshape(4, 6)))
    column = dm.jacobian_fwd(lambda t: t * np.arange(1.0, 4.0), 2.0)
    assert np.array_equal(drawn(dm.spy(column, x=2.0))[0].filled(0), [[1], [2], [3]])


# --- Axes ----------------------------------------------------------------------------------------


def test_given_axes_leave_pyplot_alone():
    pyplot.figure()
    other = pyplot.gca()
    figure = matplotlib.figure.Figure()
    left, right = figure.subplots(1, 2)
    left.set_title("mine")
    assert dm.spy(np.eye(3), ax=left) is left
    assert left.get_title() == "mine"
    part = figure.subfigures(1, 2)[0].add_subplot()
    assert dm.spy(np.eye(3), ax=part) is part
    assert pyplot.gcf().axes == [other]
    assert pyplot.get_fignums() == [other.figure.number]


def test_without_axes_a_new_figure():
    pyplot.plot([1, 2])
    before = pyplot.gcf()
    ax = dm.spy(np.eye(3))
    assert ax.figure is pyplot.gcf() is not before
    assert len(before.axes) == 1


@pytest.mark.parametrize("size", [(3, 3), (12, 8)])
def test_nothing_leaves_the_figure(size):
    J = np.diag([1.0, 0.0, np.nan, np.inf, 1e-5])
    names = ["a name that is too long for the picture"] * 5
    figure = pyplot.figure(figsize=size, layout="constrained")
    dm.spy(J, ax=figure.add_subplot(), rows=names, columns=names)
    figure.canvas.draw()
    box = figure.get_tightbbox()
    assert box.x0 >= 0 and box.y0 >= 0
    assert box.x1 <= size[0] and box.y1 <= size[1]


def test_aspect():
    assert dm.spy(np.eye(3)).get_aspect() == 1
    assert dm.spy(np.ones((5, 100))).get_aspect() == "auto"
    assert dm.spy(np.ones((5, 100)), aspect="equal").get_aspect() == 1


# --- Refusals ------------------------------------------------------------------------------------

X = {"a": np.ones(2), "b": 1.0}


@pytest.mark.parametrize(
    ("J", "options", "error", "sentence"),
    [
        (np.ones((2, 2, 2)), {}, ValueError, "spy draws matrices; J has shape (2, 2, 2). Give the"),
        ({"a": np.ones(2)}, {}, TypeError, "spy: J is a dict, whose outputs and inputs only the"),
        ((np.ones(2), np.ones(2)), {}, TypeError, "spy: J is a tuple, whose outputs and inputs"),
        (None, {}, TypeError, "spy needs J to be an array of numbers, a sparse one (of any class"),
        ("abc", {}, TypeError, "spy needs J to be an array of numbers"),
        (np.array([["a"]]), {}, TypeError, "got a ndarray of dtype <U1."),
        (np.ma.ones((2, 2)), {}, TypeError, "spy: J is a masked array. Fill it first, e.g. J.fill"),
        ({"a": np.ones(2)}, {"x": X}, ValueError, "spy: J is no Jacobian by x: the blocks of J"),
        ({"a": np.ones(3), "b": 1.0}, {"x": X}, ValueError, "J has J['a'] of shape (3,), J['b']"),
        (np.ones((2, 3)), {"x": np.ones(2)}, ValueError, "spy: J is no Jacobian by x"),
        ({}, {"x": X}, ValueError, "J has no numbers; x has x['a'] of shape (2,), x['b'] of shape"),
        (np.eye(2), {"rows": ["a"]}, ValueError, "spy: J has 2 rows; got 1 names for them."),
        (np.eye(2), {"columns": "ab"}, TypeError, "spy: columns must be a sequence of names, one"),
        (np.eye(2), {"rows": {"a": 3}}, ValueError, "rows of J; they add up to 3."),
        (np.eye(2), {"rows": {"a": 1.5}}, TypeError, "sizes of rows must be whole numbers; got"),
        (np.eye(2), {"ax": 3}, TypeError, "spy: ax must be Axes of matplotlib, such as plt.subpl"),
        (np.eye(2), {"aspect": 2}, ValueError, "spy: aspect must be 'equal' or 'auto', got aspect"),
    ],
)  # fmt: skip
def test_refusals(J, options, error, sentence):
    with raises(error, sentence):
        dm.spy(J, **options)
    assert pyplot.get_fignums() == []  # nothing half drawn


def test_duals_are_refused():
    def f(x):
        dm.spy(x)
        return x

    with raises(TypeError, "spy draws plain numbers; it was called inside another derivative call"):
        dm.jacobian_fwd(f, np.ones(2))


def test_axes_of_a_removed_figure():
    ax = pyplot.figure().add_subplot()
    ax.remove()
    with raises(ValueError, "spy: ax has been removed from its figure. Give it other Axes."):
        dm.spy(np.eye(2), ax=ax)


def test_matplotlib_is_missing(missing):
    with raises(ImportError, "Install it with: pip install dualmc[plot]"):
        dm.spy(np.eye(2))


def test_matplotlib_is_imported_when_a_picture_is_asked_for():
    code = (
        "import sys, numpy, dualmc as dm; print('matplotlib' in sys.modules);"
        "from matplotlib.figure import Figure;"
        "dm.spy(numpy.eye(2), ax=Figure().add_subplot());"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_namespaces_are_structures():
    x = types.SimpleNamespace(k=np.ones(2), c=1.0)
    J = dm.jacobian_fwd(lambda x: x.k * x.c, x)
    assert texts(dm.spy(J, x=x).xaxis) == {0.5: "k", 2: "c"}


def test_diagonals():
    J = dm.jacobian_fwd(lambda x: x * np.append(x[1:], 1.0), [1.0, 2.0, 3.0], sparse="banded")
    assert np.array_equal(drawn(dm.spy(J))[0].filled(0), [[2, 1, 0], [0, 3, 2], [0, 0, 1]])
