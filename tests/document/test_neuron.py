"""The neuron of sections 5 and 6: its data, its units, and gradient descent to least squares."""

import numpy as np
import pytest

from dualmc import jacobian_fwd
from dualmc.document import neuron


@pytest.fixture(scope="module")
def table():
    return neuron.load_table()


@pytest.fixture(scope="module")
def scaling(table):
    return neuron.Scaling.of(table.X)


@pytest.fixture(scope="module")
def training(table, scaling):
    return neuron.train_neuron(scaling.standard(table.X), table.y)


# --- Data ----------------------------------------------------------------------------------------


def test_stack_loss_data_is_the_published_table(table):
    """First and last day, and the column sums, of Brownlee's table."""
    assert table.names == ("air_flow", "water_temperature", "acid_concentration", "stack_loss")
    assert table.X.shape == (21, 3)
    assert [*table.X[0], table.y[0]] == [80, 27, 89, 42]
    assert [*table.X[-1], table.y[-1]] == [70, 20, 91, 15]
    assert [*table.X.sum(axis=0), table.y.sum()] == [1269, 443, 1812, 368]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: it needs a line of names"),
        ("# only a comment\n", "is empty"),
        ("y\n1\n2\n", "line 1: at least two columns are needed"),
        ("x,y\n1,2\n", "at least 2 samples"),
        ("x,y\n1,2\n# note\n3\n", "line 4: 2 columns are named but 1 given"),
        ("x,y\n1,2\n3,four\n", "line 3: every cell must be a number"),
        ("x,y\n1,2\n3,nan\n", "line 3: every number must be finite"),
    ],
)
def test_load_table_says_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        neuron.load_table(path)


def test_load_table_of_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        neuron.load_table(tmp_path / "none.csv")


def test_load_table_of_a_binary_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match="not a text file"):
        neuron.load_table(path)


def test_load_table_ignores_comments_and_spaces(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("# units: m, s\n x , y \n\n1, 2\n 3,4\n")
    table = neuron.load_table(path)
    assert table.names == ("x", "y")
    assert table.X.tolist() == [[1], [3]]
    assert table.y.tolist() == [2, 4]


# --- Units ---------------------------------------------------------------------------------------


def test_standard_units_have_mean_0_and_deviation_1(table, scaling):
    Z = scaling.standard(table.X)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(Z.std(axis=0), 1, rtol=1e-14)


def test_original_units_give_the_same_output(table, scaling, rng):
    w, b = rng.standard_normal(3), 0.5
    w_original, b_original = scaling.original(w, b)
    np.testing.assert_allclose(
        table.X @ w_original + b_original, scaling.standard(table.X) @ w + b, rtol=1e-12
    )


def test_constant_column_has_no_standard_units():
    with pytest.raises(ValueError, match="Column 1 is constant"):
        neuron.Scaling.of([[1.0, 2.0], [3.0, 2.0]])


# --- Gradient descent ----------------------------------------------------------------------------


def test_loss_falls_at_every_step(training):
    assert training.losses.shape == (251,)
    assert np.all(np.diff(training.losses) < 0)
    assert training.first_rise is None


def test_training_reaches_the_published_least_squares_fit(training, scaling):
    """Every stack loss is positive, so at the end the neuron is an affine function."""
    w, b = scaling.original(training.w, training.b)
    # Brownlee (1965); also the standard error of 3.243 on 17 degrees of freedom.
    np.testing.assert_allclose([b, *w], [-39.92, 0.7156, 1.2953, -0.1521], rtol=3e-4)
    assert np.sqrt(training.losses[-1] * 21 / 17) == pytest.approx(3.243, abs=5e-4)


def test_some_samples_are_inactive_on_the_way(table, scaling, training):
    """Otherwise the case z <= 0 of section 6 would never be met."""
    z = scaling.standard(table.X) @ training.path[:, :-1].T + training.path[:, -1]
    inactive = (z <= 0).sum(axis=0)
    assert inactive[0] == 0
    assert inactive.max() > 0
    assert inactive[-1] == 0


@pytest.mark.parametrize("folded", [False, True])
def test_each_step_is_the_documents(table, scaling, folded):
    """Section 6: w <- w - eta dC/dw and b <- b - eta dC/db, with 6.1's and 6.2's sums."""
    Z, y = scaling.standard(table.X), table.y
    path = neuron.train_neuron(Z, y, rate=0.2, steps=20, folded=folded).path
    w, b = np.zeros(3), 1.0
    for step in range(21):
        np.testing.assert_allclose(path[step], [*w, b], rtol=1e-12, atol=1e-13)
        z = Z @ w + b
        e = np.where(z > 0, z - y, 0.0)
        w, b = w - 0.2 * 2 / 21 * (e @ Z), b - 0.2 * 2 / 21 * e.sum()


def test_folded_form_gives_the_same_steps(table, scaling, training):
    folded = neuron.train_neuron(scaling.standard(table.X), table.y, folded=True)
    np.testing.assert_allclose(folded.path, training.path, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(folded.losses, training.losses, rtol=1e-12)


def test_a_rate_too_large_is_seen(table, scaling):
    # The Hessian's largest eigenvalue is 4.266, so rates above 0.469 diverge.
    Z = scaling.standard(table.X)
    assert neuron.train_neuron(Z, table.y, rate=0.46, steps=100).first_rise is None
    assert neuron.train_neuron(Z, table.y, rate=0.60, steps=100).first_rise is not None


def test_neuron_started_at_zero_would_never_learn(table, scaling):
    """Why training starts at b = 1: at z = 0 the derivative of max(0, z) is 0."""
    Z = scaling.standard(table.X)
    gradient = jacobian_fwd(neuron.loss, np.zeros(3), 0.0, Z, table.y, argnums=(0, 1))
    assert np.array_equal(gradient[0], np.zeros(3))
    assert (gradient[1].shape, gradient[1].item()) == ((), 0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": [1.0, 2.0], "y": [1.0, 2.0]}, r"X of shape \(N, n\)"),
        ({"X": [[1.0], [2.0]], "y": [1.0]}, r"y of shape \(N,\)"),
        (
            {"X": [[1.0], [2.0]], "y": [1.0, 2.0], "rate": 0.0},
            "rate must be positive, got rate=0.0",
        ),
        ({"X": [[1.0], [2.0]], "y": [1.0, 2.0], "rate": np.nan}, "rate must be positive"),
        ({"X": [[1.0], [2.0]], "y": [1.0, 2.0], "steps": 0}, "steps must be a positive int"),
    ],
)
def test_train_neuron_rejects(arguments, message):
    with pytest.raises(ValueError, match=message):
        neuron.train_neuron(**arguments)


def test_least_squares_is_the_published_fit(table):
    w, b = neuron.least_squares(table.X, table.y)
    np.testing.assert_allclose([b, *w], [-39.92, 0.7156, 1.2953, -0.1521], rtol=3e-4)
