"""Series and DataFrames of pandas in f: constants beside x, and what f returns.

Expected values are those of the same function of plain arrays, in closed form; where pandas would
make floats of Duals, the call says so and names ``to_numpy``.
"""

import numpy as np
import pytest

import dualmc as dm

pd = pytest.importorskip("pandas")

X = np.array([2.0, 3.0])
S = pd.Series([1.0, 2.0], index=["a", "b"])
D = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
M = D.to_numpy()
EYE = np.eye(2)

RIGHT = {
    # Numbers taken out of pandas are NumPy's.
    "label": (lambda x: S["a"] * x, EYE),
    "iloc": (lambda x: x ** S.iloc[1], np.diag(2 * X)),
    "loc": (lambda x: D.loc[1, "b"] * x, 4 * EYE),
    "mean": (lambda x: S.mean() * x, 1.5 * EYE),
    "rows": (lambda x: sum(r["a"] * x[0] ** r["b"] for _, r in D.iterrows()), [12 + 64.0, 0]),
    "tuples": (lambda x: sum(r.a * x[0] ** r.b for r in D.itertuples()), [12 + 64.0, 0]),
    "apply": (lambda x: S.apply(lambda v: v * x[0]).sum(), [3, 0]),
    "apply_rows": (lambda x: D.apply(lambda r: r["a"] * x[0] + r["b"], axis=1).sum(), [3, 0]),
    # Arrays of pandas.
    "to_numpy": (lambda x: D.to_numpy() @ x, M),
    "values": (lambda x: D["a"].values * x, np.diag([1, 2])),
    "asarray": (lambda x: np.asarray(S) * x, np.diag([1, 2])),
    "mask": (lambda x: x[S > 1], [[0, 1]]),
    "where": (lambda x: np.where(S > 1, x, 0), np.diag([0, 1])),
    # x first, and what pandas does with the elements as objects.
    "product": (lambda x: x * S, np.diag([1, 2])),
    "number": (lambda x: x[0] * S, [[1, 0], [2, 0]]),
    "power": (lambda x: (x * S) ** 2, np.diag([4, 24])),
    "difference": (lambda x: np.sum(x - S), [1, 1]),
    "division": (lambda x: x / D["b"], np.diag([1 / 3, 1 / 4])),
    "frame": (lambda x: (x[1] * D).sum().sum(), [0, 10]),
    "method": (lambda x: (x * S).sum(), [1, 2]),
    "label_of_a_result": (lambda x: (x * S)["b"], [0, 2]),
    "ufunc_of_a_result": (lambda x: np.exp(x * S), np.diag([1, 2] * np.exp(X * [1, 2]))),
    "branch": (lambda x: (x * S)[(x * S) > 3], [[0, 2]]),
    "cumsum": (lambda x: (x * S).cumsum(), [[1, 0], [1, 2]]),
    "groups": (lambda x: (x * S).groupby([0, 0]).sum(), [[1, 2]]),
    "concat": (lambda x: pd.concat([x * S, S]), [[1, 0], [0, 2], [0, 0], [0, 0]]),
    "ufunc": (lambda x: np.multiply(x, S), np.diag([1, 2])),
    "ufunc_of_a_number": (lambda x: np.hypot(x[0], S), [[2 / 5**0.5, 0], [2 / 8**0.5, 0]]),
    "maximum": (lambda x: np.maximum(S, x), EYE),
    "matmul": (lambda x: D @ x, M),
    "reflected_matmul": (lambda x: x @ D, M.T),
    "dot": (lambda x: S @ x + S.dot(x), [2, 4]),
    "made": (lambda x: pd.Series([x[0], x[1] ** 2]), [[1, 0], [0, 6]]),
    "made_of_an_array": (lambda x: pd.Series(x).to_numpy() * 2.0, 2 * EYE),
    # NumPy's functions see the numbers.
    "np_dot": (lambda x: np.dot(S, x), [1, 2]),
    "solve": (lambda x: np.linalg.solve(D, x), np.linalg.inv(M)),
    "interp": (lambda x: np.interp(x[0] / 1.6, S, D["b"]), [1 / 1.6, 0]),
    "polyval": (lambda x: np.polyval(S, x), EYE),
    "concatenate": (lambda x: np.concatenate([S, x]), [[0, 0], [0, 0], [1, 0], [0, 1]]),
    "structure": (lambda x: {"s": x * S, "t": 2 * x}["s"], np.diag([1, 2])),
}


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
@pytest.mark.parametrize("name", RIGHT)
def test_right(name, mode):
    f, want = RIGHT[name]
    J = mode(f, X)
    assert type(J) is np.ndarray
    np.testing.assert_allclose(J, want, rtol=1e-14, atol=1e-15)


def test_values_and_structures_of_series():
    y, J = dm.value_and_jacobian_fwd(lambda x: {"s": x * S, "n": (x * S)["a"]}, X)
    np.testing.assert_array_equal(y["s"], [2, 6])
    np.testing.assert_array_equal(J["s"], np.diag([1, 2]))
    np.testing.assert_array_equal(J["n"], [1, 0])


def test_aux_has_plain_numbers():
    def f(x):
        return (x * S).sum(), {"s": x * S, "d": x[0] * D, "plain": S, "text": pd.Series(["a"])}

    for verb in (dm.gradient, dm.jacobian_fwd):
        _, aux = verb(f, X, has_aux=True)
        assert {"float64"} == {
            str(t) for t in [aux["s"].dtype, aux["plain"].dtype, *aux["d"].dtypes]
        }
        pd.testing.assert_series_equal(aux["s"], pd.Series([2.0, 6.0], index=["a", "b"]))
        pd.testing.assert_frame_equal(aux["d"], 2.0 * D)
        pd.testing.assert_series_equal(aux["text"], pd.Series(["a"]))


def test_lists_of_series_are_stacked():
    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        J = mode(lambda x: [x * S, x, S], X)
        np.testing.assert_array_equal(J, [np.diag([1, 2]), EYE, 0 * EYE])


def test_second_derivatives_and_judges():
    f = lambda x: ((x * S) ** 3).sum()  # noqa: E731
    np.testing.assert_allclose(dm.hessian(f, X), np.diag([12, 8 * 18.0]))
    assert dm.check_jacobian(lambda x: (x * S) ** 3, X)


def test_prepared():
    J = dm.prepare(lambda x: np.asarray(S) * x**2 + S["b"] * x, X)
    np.testing.assert_allclose(J(X + 1), np.diag(2 * (X + 1) * [1, 2] + 2))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: S * x,
        lambda x: S * x[0],
        lambda x: (x * S).std(),
        lambda x: (x * S).astype(float),
        lambda x: np.asarray(x * S, float),
        lambda x: pd.DataFrame({"a": x}),
        lambda x: pd.Series(x) * 2.0,
        lambda x: pd.concat([S, D["a"]]).add(np.concatenate([x, x])),
        lambda x: x * pd.Series([1.0, np.nan]),
        lambda x: (x / np.array([np.nan, 1.0]) * S).sum(),
    ],
)
def test_refused(f):
    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        with pytest.raises(dm.TangentLostError, match="to_numpy"):
            mode(f, X)


def test_assignment_into_a_series():
    def f(x):
        s = S.copy()
        s["a"] = x[0]
        return s.sum()

    with pytest.raises(dm.TangentLostError, match="to_numpy"):
        dm.gradient(f, X)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (S, r"got Series. Convert it first, e.g. with x.to_numpy\(\)."),
        (D, r"got DataFrame. Convert it first, e.g. with x.to_numpy\(\)."),
        ({"a": S}, r"got Series. Convert it first, e.g. with x\['a'\].to_numpy\(\)."),
    ],
)
def test_points_of_pandas(x, sentence):
    for verb in (dm.jacobian_fwd, dm.gradient, dm.hessian, dm.vjp, dm.check_jacobian, dm.compare):
        with pytest.raises(TypeError, match=sentence):
            verb(lambda x: 0.0, x)
    with pytest.raises(TypeError, match="to_numpy"):
        dm.prepare(lambda x: 0.0, x)
