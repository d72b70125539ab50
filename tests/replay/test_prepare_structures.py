"""`prepare` where x, or what f returns, is a structure.

Expected values are those of fresh derivatives, which know no recordings.
"""

import copy
import dataclasses
import pickle
import warnings

import numpy as np
import pytest

import dualmc as dm

X = np.array([2.0, 3.0])
scale = 2.0


def model(p, t):
    return {"y": scale * p["a"] * p["b"] * t, "z": np.sin(p["a"])}


def same(got, want):
    assert type(want) is type(got)
    if isinstance(want, dict):
        assert list(want) == list(got)
        for key in want:
            same(got[key], want[key])
    elif isinstance(want, (list, tuple)):
        for g, w in zip(got, want, strict=True):
            same(g, w)
    elif hasattr(want, "toarray"):
        assert want.format == got.format
        np.testing.assert_allclose(got.toarray(), want.toarray(), rtol=1e-14)
    else:
        assert np.shape(want) == np.shape(got)
        np.testing.assert_allclose(got, want, rtol=1e-14)


@pytest.mark.parametrize(
    "options", [{}, {"layout": "denominator"}, {"sparse": True}, {"sparse": "coo"}]
)
def test_replayed(options):
    if "sparse" in options:
        pytest.importorskip("scipy.sparse")
    p = {"a": 2.0, "b": X}
    J = dm.prepare(model, p, 1.5, **options)
    for q, t in [(p, 1.5), ({"a": -1.0, "b": X + 1}, 0.5), ({"a": 3, "b": X[::-1]}, 2.0)]:
        same(J(q, t), dm.jacobian_fwd(model, q, t, **options))
        y, found = J.value_and_jacobian(q, t)
        same(y, model(q, t) | {"z": np.float64(np.sin(q["a"]))})
        same(found, dm.jacobian_fwd(model, q, t, **options))
    assert (6, 0) == (J.replays, J.fresh_calls)


def test_argnums():
    J = dm.prepare(model, {"a": 2.0, "b": X}, 1.5, argnums=(1, 0))
    same(
        J({"a": 1.0, "b": X}, 3.0), dm.jacobian_fwd(model, {"a": 1.0, "b": X}, 3.0, argnums=(1, 0))
    )
    assert J.replays == 1


def test_what_f_reads_elsewhere_is_watched():
    global scale
    p = {"a": 2.0, "b": X}
    J = dm.prepare(model, p, 1.5)
    try:
        for now in (2.0, 5.0, 7.0):
            scale = now
            same(J(p, 1.5), dm.jacobian_fwd(model, p, 1.5))
    finally:
        scale = 2.0


def test_results_alone():
    J = dm.prepare(lambda x: (x**2, x[0] * x[1]), X)
    for x in (X, X + 1):
        same(J(x), (np.diag(2 * x), x[::-1].copy()))
    assert J.replays == 2


def test_gradients_and_hessians():
    f = lambda p: p["a"] ** 2 * np.sum(p["b"] ** 2)  # noqa: E731
    p = {"a": 2.0, "b": X}
    g = dm.prepare(f, p, of="gradient")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        H = dm.prepare(f, p, of="hessian")
    for q in (p, {"a": -1.0, "b": X[::-1]}):
        same(g(q), dm.gradient(f, q))
        same(H(q), dm.hessian(f, q))
        same(H.value_and_jacobian(q)[0], dm.gradient(f, q))
    assert g.replays == 2
    for of in ("jvp", "vjp", "hvp"):
        with pytest.raises(TypeError, match=f'prepare: of="{of}" is of arrays'):
            dm.prepare(f, p, X, of=of)


def test_another_structure_or_shape_runs_afresh():
    J = dm.prepare(model, {"a": 2.0, "b": X}, 1.5)
    for q in ({"b": X, "a": 2.0}, {"a": X, "b": X}, {"a": 1.0, "b": np.ones(3)},
              {"a": 1.0, "b": X, "c": 1.0}, {"a": 1.0, "b": [2.0, 3.0]}):  # fmt: skip
        same(J(q, 1.0), dm.jacobian_fwd(model, q, 1.0))
    assert J.replays == 0
    same(J({"a": 1.0, "b": X}, 1.0), dm.jacobian_fwd(model, {"a": 1.0, "b": X}, 1.0))
    assert J.replays == 1


def test_another_result_on_another_way():
    def f(x):
        if x[0] > 0:
            return {"a": x**2}
        if x[0] < -5:
            return {"a": x, "b": x}
        return {"b": x**3}  # as many numbers as the first

    J = dm.prepare(f, X)
    for _ in range(5):
        for x in (X, -X, -3 * X, X[:1]):
            same(J(x), dm.jacobian_fwd(f, x))
    assert J.replays == 5


@dataclasses.dataclass
class Law:
    rate: float
    kind: str


def law(p, t):
    return np.exp(p.rate * t) if p.kind == "exp" else p.rate * t**2


def test_constants_of_a_structure_are_compared():
    J = dm.prepare(law, Law(2.0, "exp"), 1.5)
    for kind in ("exp", "square", "exp"):
        want = 0.5 * np.exp(0.5) if kind == "exp" else 0.25
        np.testing.assert_allclose(J(Law(1.0, kind), 0.5).rate, want, rtol=1e-14)
    assert J.replays == 2


def test_copies():
    p = {"a": 2.0, "b": X.copy()}
    J = dm.prepare(model, p, 1.5)
    p["b"][:] = 0.0
    for other in (copy.copy(J), copy.deepcopy(J), pickle.loads(pickle.dumps(J))):
        same(other({"a": 1.0, "b": X}, 1.0), dm.jacobian_fwd(model, {"a": 1.0, "b": X}, 1.0))
        assert other.replays == 1


def test_structures_of_derivatives_inside_are_right():
    def f(x):
        g = dm.gradient(lambda p: np.sum(p["a"] ** 3) * p["b"], {"a": x, "b": x[0]})
        J = dm.jacobian_fwd(lambda x: {"y": x**2}, x)
        return g["a"] * g["b"] + J["y"].diagonal()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        J = dm.prepare(f, X)
    for x in (X, X + 1):
        np.testing.assert_allclose(J(x), dm.jacobian_fwd(f, x), rtol=1e-13)
    # d/dx of 3 x_i^2 x_0 (x_0^3 + x_1^3) + 2 x_i, at (1, 1): by hand
    np.testing.assert_allclose(J(np.ones(2)), [[29.0, 9.0], [15.0, 23.0]], rtol=1e-13)


def test_kinks():
    with dm.kinks("raise"), pytest.raises(dm.KinkError, match="prepare: numpy.absolute"):
        dm.prepare(lambda p: {"y": np.abs(p["a"])}, {"a": 0.0})


def test_keywords_of_f():
    J = dm.prepare(lambda x, scale=1.0: scale * x, X)
    for call in (J, J.value_and_jacobian):
        with pytest.raises(TypeError, match="functools.partial"):
            call(X, scale=2.0)
