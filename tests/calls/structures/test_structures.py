"""Structures as x and as what f returns: J has the structure J[out][in].

Expected values are closed forms, or the blocks of the Jacobian of the same function of one vector.
"""

import collections
import dataclasses
import functools
import types
from typing import NamedTuple

import numpy as np
import pytest

import dualmc as dm

X = np.array([2.0, 3.0])
W = np.array([[1.0, 2.0], [-3.0, 4.0], [0.5, -0.25]])
LAYER = {"w": W, "b": 0.5}
JACOBIANS = [
    dm.jacobian_fwd,
    dm.jacobian_rev,
    functools.partial(dm.jacobian_fwd, chunk_size=1),
    functools.partial(dm.jacobian_rev, chunk_size=1),
]
both = pytest.mark.parametrize("jacobian", JACOBIANS)


class Point(NamedTuple):
    a: float
    b: np.ndarray


@dataclasses.dataclass
class Body:
    mass: float
    size: np.ndarray
    name: str = "body"


def same(got, want):
    """The same containers, and equal numbers of the same shapes."""
    assert type(want) is type(got)
    if dataclasses.is_dataclass(want):
        got, want = vars(got), vars(want)
    if isinstance(want, dict):
        assert list(want) == list(got)  # in the user's order
        got, want = list(got.values()), list(want.values())
    if isinstance(want, (list, tuple)):
        assert len(want) == len(got)
        for g, w in zip(got, want, strict=True):
            same(g, w)
    elif want is None:
        assert got is None
    else:
        assert np.shape(want) == np.shape(got)
        np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-15)


def A(*a):
    return np.array(a if len(a) != 1 else a[0], float)


# --- x ------------------------------------------------------------------------------------------


def energy(p):
    return p["b"] * np.sum(p["w"] ** 2)


def test_a_dict_keeps_the_order_of_its_keys():
    same(dm.gradient(energy, LAYER), {"w": 2 * 0.5 * W, "b": A(np.sum(W**2))})
    same(dm.gradient(energy, {"b": 0.5, "w": W}), {"b": A(np.sum(W**2)), "w": W})


def test_nested_containers():
    def f(p):
        (w, b), more = p["layers"]
        return np.sum(w * b) * more["scale"] * p["t"].a

    p = {"layers": [(X, 2.0), {"scale": 3.0, "unit": "m", "flag": True, "no": None}],
         "t": Point(5.0, X)}  # fmt: skip
    want = {
        "layers": [
            (A(30.0, 30.0), A(75.0)),
            {"scale": A(50.0), "unit": None, "flag": None, "no": None},
        ],
        "t": Point(A(30.0), np.zeros(2)),
    }
    same(dm.gradient(f, p), want)


@both
def test_ragged_lists_and_tuples(jacobian):
    def f(p):
        return p[0] @ p[1]

    want = np.zeros((3, 3, 2))
    want[np.arange(3), np.arange(3)] = X
    same(jacobian(f, [W, X]), [want, W])
    same(jacobian(f, (W, X)), (want, W))
    # Lists of numbers within are lists for f too, which may join and repeat them.
    same(jacobian(lambda p: np.sum(np.stack(p[0] + [p[1]]) ** 2), [[1.0, 2.0], 3.0]),
         [[A(2.0), A(4.0)], A(6.0)])  # fmt: skip


@both
def test_named_tuples(jacobian):
    same(jacobian(lambda p: p.a * p.b, Point(4.0, X)), Point(X, 4 * np.eye(2)))


@both
def test_dataclasses(jacobian):
    f = lambda p: p.mass * p.size if p.name == "body" else 0.0 * p.size  # noqa: E731
    same(jacobian(f, Body(4.0, X)), Body(X, 4 * np.eye(2), None))


@both
def test_namespaces_and_dicts_of_other_classes(jacobian):
    def f(p):
        return p["a"] ** 2

    for kind in (collections.OrderedDict, lambda **p: collections.defaultdict(float, p)):
        made = kind(a=3.0)
        found = jacobian(f, made)
        assert type(made) is type(found) and float(found["a"]) == 6.0
    space = jacobian(lambda p: p.a**2 * p.b, types.SimpleNamespace(a=3.0, b=X))
    np.testing.assert_array_equal(space.a, 6 * X)
    np.testing.assert_array_equal(space.b, 9 * np.eye(2))


class Attributes(dict):
    """A dict whose items are its attributes, as many code bases have one."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.__dict__ = self


def test_a_dict_of_attributes():
    assert float(dm.gradient(lambda p: p.a**2 * p["a"], Attributes(a=2.0))["a"]) == 12.0


def test_what_a_dataclass_derives_is_derived_from_the_leaves():
    @dataclasses.dataclass(frozen=True)
    class Disc:
        radius: float
        area: float = dataclasses.field(init=False)

        def __post_init__(self):
            object.__setattr__(self, "area", np.pi * self.radius**2)

    g = dm.gradient(lambda d: d.area, Disc(3.0))
    assert float(g.radius) == pytest.approx(6 * np.pi, rel=1e-15)
    assert g.area is None


def test_slots_and_frozen():
    @dataclasses.dataclass(frozen=True, slots=True)
    class Pair:
        a: float
        b: float

    same(dataclasses.astuple(dm.gradient(lambda p: p.a * p.b, Pair(2.0, 5.0))), (A(5.0), A(2.0)))


@dataclasses.dataclass
class Scaled:
    a: float

    def __post_init__(self):
        self.a = self.a * 1000


@dataclasses.dataclass
class Forgetful:
    a: float
    extra: dataclasses.InitVar[float]


class Cached(dict):
    def __init__(self, *args):
        super().__init__(*args)
        self.total = sum(self.values())


def test_objects_that_their_parts_do_not_make_are_refused():
    changed = Cached({"a": 1.0})
    changed.total = 7.0
    for x in (Scaled(1.0), Forgetful(1.0, 2.0), changed, {"deep": [Scaled(1.0)]}):
        with pytest.raises(TypeError, match="gradient cannot hand x.* class"):
            dm.gradient(lambda p: p["a"] if isinstance(p, dict) else p.a, x)
    same(dict(dm.gradient(lambda p: p.total, Cached({"a": 1.0, "b": 2.0}))), {"a": A(1), "b": A(1)})


def test_f_gets_containers_of_its_own():
    p = {"a": X.copy(), "b": [1.0, X]}

    def f(q):
        q["a"] *= 2.0
        q["new"] = q.pop("b")
        return np.sum(q["a"] * q["new"][1])

    same(dm.gradient(f, p), {"a": 2 * X, "b": [A(0.0), 2 * X]})
    same(p, {"a": X, "b": [1.0, X]})


def test_one_of_several_arguments():
    def f(c, p, g):
        return g(c * p["a"])

    same(dm.jacobian_fwd(f, 2.0, {"a": X}, np.sin, argnums=1), {"a": np.diag(2 * np.cos(2 * X))})
    got = dm.jacobian_rev(f, 2.0, {"a": X}, np.sin, argnums=(1, 0))
    same(got, ({"a": np.diag(2 * np.cos(2 * X))}, X * np.cos(2 * X)))
    same(dm.jacobian_fwd(f, 2.0, {"a": X}, np.sin), X * np.cos(2 * X))


@both
def test_numbers_in_structures_are_what_they_are(jacobian):
    """float32 stays float32, integers become floats, as outside of structures."""
    J = jacobian(lambda p: {"y": p["a"] * 2.0, "x": p["b"]}, {"a": np.float32([1, 2]), "b": 2.0})
    assert [np.dtype("f4"), np.dtype("f8")] == [J["y"]["a"].dtype, J["x"]["b"].dtype]
    np.testing.assert_array_equal(J["y"]["a"], 2 * np.eye(2))
    same(jacobian(lambda p: p["n"] ** 2, {"n": 3}), {"n": A(6.0)})
    kinds = []
    jacobian(lambda p: kinds.extend(map(type, p)) or p[1], [X, 2.0])
    assert all(kind in (np.ndarray, float, dm.Dual) for kind in kinds)


@both
def test_odd_arrays_as_leaves(jacobian):
    a = np.asfortranarray(W)
    a.flags.writeable = False
    p = {"empty": np.zeros((0, 2)), "f": a, "zero_d": np.array(2.0)}
    J = jacobian(lambda p: {"y": p["f"].T @ p["f"][:, 0] * p["zero_d"], "e": p["empty"]}, p)
    assert J["y"]["empty"].shape == (2, 0, 2) and J["e"]["f"].shape == (0, 2, 3, 2)
    np.testing.assert_allclose(J["y"]["zero_d"], W.T @ W[:, 0])
    assert J["e"]["empty"].shape == (0, 2, 0, 2)


# --- what f returns -----------------------------------------------------------------------------


def test_results_of_every_kind():
    def f(x):
        return {
            "y": x**2,
            "z": [x[0] * x[1], np.stack([x, x])],
            "p": Point(np.sum(x), x),
            "body": Body(x[0], 3.0),
            "none": None,
            "constant": 3,
        }

    want = {
        "y": np.diag(2 * X),
        "z": [A(3, 2), np.stack([np.eye(2)] * 2)],
        "p": Point(A(1, 1), np.eye(2)),
        "body": Body(A(1, 0), A(0, 0), None),
        "none": None,
        "constant": A(0, 0),
    }
    for jacobian in JACOBIANS:
        got = jacobian(lambda x: {k: v for k, v in f(x).items() if k != "body"}, X)
        same(got, {k: v for k, v in want.items() if k != "body"})
    got = dm.jacobian_fwd(lambda x: {"body": Plain(x[0], 3.0)}, X)["body"]
    same((got.a, got.b), (A(1, 0), A(0, 0)))


@dataclasses.dataclass
class Plain:
    a: float
    b: float


@both
def test_ragged_results(jacobian):
    same(jacobian(lambda x: (x**2, x[0] * x[1]), X), (np.diag(2 * X), A(3, 2)))
    same(jacobian(lambda x: [x, x[:1]], X), [np.eye(2), A([[1, 0]])])
    same(jacobian(lambda x: [(x[0], x[1]), (x[0],)], X), [(A(1, 0), A(0, 1)), (A(1, 0),)])
    with pytest.raises(ValueError, match="ragged"):  # as NumPy refuses it
        jacobian(lambda x: [[x[0], x[1]], [x[0]]], X)


@both
def test_what_numpy_stacks_is_stacked_as_ever(jacobian):
    same(jacobian(lambda x: (x, 2 * x), X), np.stack([np.eye(2), 2 * np.eye(2)]))
    same(jacobian(lambda x: [x[0], x[1] ** 2], X), A([[1, 0], [0, 6]]))
    same(jacobian(lambda x: Point(x[0], x[1]), X), np.eye(2))
    same(jacobian(lambda x: np.sum(x[0]) * x[1], [[1.0, 2.0], [3.0, 4.0]]),
         A([[[3, 3], [3, 0]], [[4, 4], [0, 3]]]))  # fmt: skip
    # Also if f is known to return structures of other x.
    f = lambda x: (x[:2], x[2:])  # noqa: E731
    same(jacobian(f, np.ones(3)), (np.eye(3)[:2], np.eye(3)[2:]))
    same(jacobian(f, np.ones(4)), np.stack([np.eye(4)[:2], np.eye(4)[2:]]))


@both
def test_structures_keep_the_containers_of_results(jacobian):
    got = jacobian(lambda p: (p["a"] * p["b"], p["a"] + p["b"]), {"a": 2.0, "b": 3.0})
    same(got, ({"a": A(3.0), "b": A(2.0)}, {"a": A(1.0), "b": A(1.0)}))


def test_values_are_those_of_f():
    def f(x):
        return {"n": 2**62 + 1, "x": x * (1 / 3), "i": np.arange(2), "s": x[0]}

    for verb in (dm.value_and_jacobian_fwd, dm.value_and_jacobian_rev):
        y, J = verb(f, X)
        plain = f(X)
        for key in ("x", "i", "s", "n"):
            np.testing.assert_array_equal(y[key], plain[key])
        assert J["s"].shape == (2,) and J["i"].shape == (2, 2)


def test_types_of_values():
    def f(x):
        return {"f4": x.astype(np.float32), "f8": 2.0 * x, "c": x * 1j}

    y, J = dm.value_and_jacobian_fwd(f, X)
    assert [np.dtype(t) for t in ("f4", "f8", "c16")] == [y[k].dtype for k in ("f4", "f8", "c")]
    assert [np.dtype(t) for t in ("f4", "f8", "c16")] == [J[k].dtype for k in ("f4", "f8", "c")]
    np.testing.assert_array_equal(J["c"], 1j * np.eye(2))


def test_f_runs_once_more_the_first_time_only():
    calls = []

    def f(x):
        calls.append(1)
        return {"y": x**2}

    for count in (2, 3, 4):
        dm.jacobian_fwd(f, X)
        assert count == len(calls)
    dm.jvp(f, X, X)
    dm.vjp(f, X)
    dm.jacobian_rev(f, X)
    assert len(calls) == 7

    def g(p):  # a structure that comes in is seen before f is called
        calls.append(1)
        return {"y": p["a"]}

    dm.jacobian_fwd(g, {"a": X})
    assert len(calls) == 8


def test_has_aux():
    def f(p):
        return {"y": p["a"] ** 2}, {"seen": p["a"], "body": Body(p["b"], X)}

    for verb in (dm.jacobian_fwd, dm.jacobian_rev):
        J, aux = verb(f, {"a": X, "b": 1.0}, has_aux=True)
        same(J, {"y": {"a": np.diag(2 * X), "b": np.zeros(2)}})
        assert type(aux["seen"]) is np.ndarray and float(aux["body"].mass) == 1.0
        assert type(aux["body"].mass) is not dm.Dual
    (y, aux), J = dm.value_and_jacobian_fwd(f, {"a": X, "b": 1.0}, has_aux=True)
    same(y, {"y": X**2})
    g, aux = dm.gradient(lambda p: (np.sum(p["a"] ** 2), p), {"a": X}, has_aux=True)
    same((g, aux), ({"a": 2 * X}, {"a": X}))
    y, pullback, aux = dm.vjp(f, {"a": X, "b": 1.0}, has_aux=True)
    same(pullback({"y": A(1, 1)}), {"a": 2 * X, "b": np.float64(0.0)})


# --- options ------------------------------------------------------------------------------------


def blocks_of(p):
    return {"y": p["w"] @ p["x"], "s": p["x"][0] * p["b"]}


P = {"w": W, "x": X, "b": 7.0}


def whole(flat):
    """The same function of one vector, which returns one."""
    out = blocks_of({"w": flat[:6].reshape(3, 2), "x": flat[6:8], "b": flat[8]})
    return np.concatenate([out["y"], np.ravel(out["s"])])


FLAT = dm.jacobian_fwd(whole, np.concatenate([W.ravel(), X, [7.0]]))
ROWS, COLUMNS = {"y": (0, 3), "s": (3, 4)}, {"w": (0, 6), "x": (6, 8), "b": (8, 9)}


def block(out, inside):
    return FLAT[slice(*ROWS[out]), slice(*COLUMNS[inside])]


@pytest.mark.parametrize("verb", [dm.jacobian_fwd, dm.jacobian_rev])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("sparse", [False, "csr", "csc", "coo", True])
def test_layouts_and_sparse_blocks(verb, layout, sparse):
    if sparse:
        pytest.importorskip("scipy.sparse")
    J = verb(blocks_of, P, layout=layout, sparse=sparse)
    y = blocks_of(P)
    for out in ("y", "s"):
        for key in P:
            got, want = J[out][key], block(out, key)
            shapes = np.shape(y[out]), np.shape(P[key])
            if sparse:
                assert got.format == ("csr" if sparse is True else sparse)
                want = want.T if layout == "denominator" else want
                got = got.toarray()
            elif layout == "denominator":
                want = want.T.reshape(shapes[1] + shapes[0])
            else:
                want = want.reshape(shapes[0] + shapes[1])
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=1e-15)


def test_options_are_checked():
    with pytest.raises(ValueError, match="layout must be"):
        dm.jacobian_fwd(blocks_of, P, layout="rows")
    with pytest.raises(ValueError, match="argnums=1 is out of range"):
        dm.jacobian_fwd(lambda x: {"y": x}, P, argnums=1)
    with pytest.raises(TypeError, match="needs a function as its first argument"):
        dm.gradient(P, blocks_of)


# --- products, second derivatives ---------------------------------------------------------------


def test_products():
    rng = np.random.default_rng(1)
    v = {"w": rng.standard_normal((3, 2)), "x": rng.standard_normal(2), "b": 0.3}
    u = {"y": rng.standard_normal(3), "s": -1.5}
    flat_v = np.concatenate([v["w"].ravel(), v["x"], [v["b"]]])
    flat_u = np.concatenate([u["y"], [u["s"]]])
    y, y_dot = dm.jvp(blocks_of, P, v)
    same(y, {"y": W @ X, "s": np.float64(14.0)})
    np.testing.assert_allclose(np.append(y_dot["y"], y_dot["s"]), FLAT @ flat_v, rtol=1e-14)
    y, pullback = dm.vjp(blocks_of, P)
    x_bar = pullback(u)
    got = np.concatenate([x_bar["w"].ravel(), x_bar["x"], [x_bar["b"]]])
    np.testing.assert_allclose(got, flat_u @ FLAT, rtol=1e-14)
    # Several arguments, some of them structures; the keys of a vector in any order.
    _, y_dot = dm.jvp(lambda p, c: c * p["a"], ({"a": X, "b": X}, 2.0), ({"b": X, "a": X}, 1.0))
    np.testing.assert_array_equal(y_dot, 3 * X)
    _, pullback = dm.vjp(lambda p, c: (c * p["a"], p["a"][0]), ({"a": X}, 2.0))
    same(pullback((A(1, 1), 10.0)), ({"a": A(12, 2)}, np.float64(5.0)))


def test_derivative_of_a_number():
    same(dm.derivative(lambda t: {"c": np.cos(t), "v": np.array([t, t * t])}, 0.5),
         {"c": np.float64(-np.sin(0.5)), "v": A(1, 1)})  # fmt: skip


def quartic(p):
    return p["a"] ** 2 * np.sum(p["b"] ** 2)


def test_hessians():
    p = {"a": 2.0, "b": X}
    want = {
        "a": {"a": A(2 * X @ X), "b": 8 * X},
        "b": {"a": 8 * X, "b": 8 * np.eye(2)},
    }
    same(dm.hessian(quartic, p), want)
    same(dm.hessian(quartic, p, chunk_size=1), want)
    same(dm.jacobian_fwd(lambda p: dm.gradient(quartic, p), p), want)
    same(dm.jacobian_rev(lambda p: dm.jacobian_fwd(quartic, p), p), want)
    same(dm.hvp(quartic, p, {"a": 1.0, "b": A(0, 1)}),
         {"a": np.float64(2 * X @ X + 8 * X[1]), "b": 8 * X + 8 * A(0, 1)})  # fmt: skip
    by_two = dm.hessian(lambda p, c: c * p["a"] ** 2, {"a": 3.0}, 2.0, argnums=(0, 1))
    same(by_two, ({"a": ({"a": A(4.0)}, A(6.0))}, ({"a": A(6.0)}, A(0.0))))
    got = dm.hvp(lambda p, c: c * p["a"] ** 2, ({"a": 3.0}, 2.0), ({"a": 1.0}, 1.0))
    same(got, ({"a": np.float64(10.0)}, np.float64(6.0)))


def test_sparse_hessians():
    pytest.importorskip("scipy.sparse")
    H = dm.hessian(lambda p: np.sum(p["a"] ** 3) + p["b"] ** 2, {"a": X, "b": 1.0}, sparse="csc")
    assert {"csc"} == {H[i][j].format for i in "ab" for j in "ab"}
    np.testing.assert_array_equal(H["a"]["a"].toarray(), np.diag(6 * X))
    assert H["a"]["b"].shape == (2, 1) and H["b"]["b"].toarray().item() == 2.0


def test_where_singular_values_meet():
    """The ways around an ordinary call stay: here a second look at repeated eigenvalues."""

    def f(p):
        w = np.linalg.eigvalsh(p["m"])
        return {"sum": np.sum(w**2), "n": p["m"][0]}

    for verb in (dm.jacobian_fwd, dm.jacobian_rev):
        J = verb(f, {"m": 3 * np.eye(2)})
        np.testing.assert_allclose(J["sum"]["m"], 6 * np.eye(2), atol=1e-12)


def test_kinks_are_reported_once_and_by_name():
    with dm.kinks("raise"), pytest.raises(dm.KinkError, match="jacobian_fwd: numpy.absolute"):
        dm.jacobian_fwd(lambda x: {"y": np.abs(x)}, [0.0, 1.0])
    with dm.kinks("raise"), pytest.raises(dm.KinkError, match="gradient: numpy.absolute"):
        dm.gradient(lambda p: np.sum(np.abs(p["a"])), {"a": [0.0, 1.0]})
    with dm.kinks("raise"):
        same(dm.jacobian_rev(lambda x: {"y": np.abs(x)}, [1.0]), {"y": A([[1.0]])})


# --- the judges ---------------------------------------------------------------------------------


def test_check_jacobian_says_where():
    assert dm.check_jacobian(blocks_of, P)
    found = dm.check_jacobian(lambda p: {"y": p["a"], "z": np.abs(p["b"])}, {"a": X, "b": A(1, 0)})
    assert not found
    assert ("z", 1) == found.output and ("b", 1) == found.input and found.argnum == 0
    assert "d y['z'][1] / d x['b'][1]" in str(found)


def test_check_jacobian_calls_f_as_it_is():
    def f(p):
        return {"y": p["a"] * (2.0 if hasattr(p["a"], "tangent") else 1.0)}

    found = dm.check_jacobian(f, {"a": X})
    assert not found and "another way on Duals" in found.cause


def test_compare():
    found = dm.compare(blocks_of, P, seconds=0.01)
    assert (9, 4) == (found.n, found.m)
    assert all(mode.difference < 1e-6 for mode in found.modes)


def test_explain_names_the_leaves():
    def loss(p):
        return np.sum((p["w"] @ p["x"] + p["b"]) ** 2)

    found = dm.explain(loss, P)
    assert ["w", "x", "b"] == [node.name for node in found.graph.inputs]
    same(found.jacobian, dm.gradient(loss, P))
    assert "df/dx" in str(found) or "dy/dx" in str(found)
    assert list(dm.explain(lambda p: p[0] @ p[1], [W, X]).jacobian) == ["p_0", "p_1"]
    with pytest.raises(TypeError, match="explain needs f to return .* a dict. Explain one part"):
        dm.explain(lambda x: {"y": x}, X)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        ({}, "gradient needs x to hold numbers; got none."),
        ({"a": {1.0}}, r"gradient needs x\['a'\] to be .*; got set. What is not to be"),
        ({"a": [{"b": 1j}]}, r"gradient needs a real x\['a'\]\[0\]\['b'\]"),
        (Point(1.0, np.array(["a"])), r"gradient needs x.b to be .* got dtype <U1"),
        ({"a": object()}, r"gradient needs x\['a'\] to be .*; got object"),
    ],
)
def test_leaves_that_are_no_numbers(x, sentence):
    with pytest.raises(TypeError, match=sentence):
        dm.gradient(lambda p: 1.0, x)


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        ({}, "jacobian_fwd needs f to return numbers; f returned a dict that holds none."),
        ({"a": "text"}, r"f returned a str at y\['a'\]. Return it beside the numbers"),
        ({"a": [np.sin, 1.0]}, r"f returned a ufunc at y\['a'\]\[0\]"),
        (Body(1.0, 2.0), "f returned a str at y.name"),
        ({"a": object()}, "jacobian_fwd needs f to return numbers"),
    ],
)
def test_results_that_are_no_numbers(y, sentence):
    with pytest.raises(TypeError, match=sentence):
        dm.jacobian_fwd(lambda x: y, X)


@pytest.mark.parametrize("verb", [dm.gradient, dm.value_and_gradient, dm.hessian])
def test_one_number_is_asked_for(verb):
    name = verb.__name__
    for y in (lambda x: {"a": x[0]}, lambda x: (x[0], x)):
        sentence = f"{name} needs f to return a number, .* Of a structure use jacobian_rev"
        with pytest.raises(TypeError, match=sentence):
            verb(y, X)


def test_vectors_of_another_structure():
    p = {"a": X}
    with pytest.raises(ValueError, match=r"tangents\[0\] must be structured as primals\[0\] is"):
        dm.jvp(lambda p: p["a"], p, {"b": X})
    with pytest.raises(ValueError, match=r"tangents\[0\]\['a'\] has shape \(1,\), but primals"):
        dm.jvp(lambda p: p["a"], p, {"a": X[:1]})
    _, pullback = dm.vjp(lambda p: {"q": p["a"]}, p)
    for y_bar, sentence in [
        (X, "y_bar must be structured as f(x) is, a dict of 'q'; got a ndarray."),
        ({"q": X, "r": X}, "got a dict of 'q', 'r'."),
        ({"q": 1.0}, "y_bar['q'] has shape (), but f(x)['q'] has shape (2,)."),
    ]:
        with pytest.raises(ValueError) as caught:
            pullback(y_bar)
        assert sentence in str(caught.value)


def test_another_structure_at_every_call():
    state = []

    def f(x):
        state.append(1)
        return {"a": x} if len(state) % 2 else {"b": x}

    with pytest.raises(ValueError, match="returned another structure than before"):
        dm.jacobian_fwd(f, X, chunk_size=1)


def test_a_number_is_asked_for():
    with pytest.raises(TypeError, match="derivative needs x to be .* Use jacobian_fwd"):
        dm.derivative(lambda p: p["a"], {"a": 1.0})


def test_errors_of_f_pass_and_leave_nothing():
    with pytest.raises(KeyError):
        dm.gradient(lambda p: p["missing"], {"a": 1.0})
    with pytest.raises(dm.MissingRuleError):
        dm.jacobian_fwd(lambda p: np.nextafter(p["a"], 2.0), {"a": 1.0})
    same(dm.gradient(energy, LAYER), {"w": W, "b": A(np.sum(W**2))})


def test_values_that_do_not_depend_on_x_are_f_s_own():
    for verb in (dm.value_and_jacobian_fwd, dm.value_and_jacobian_rev):
        y, J = verb(lambda p: {"n": 2**62 + 1, "above": p["a"] > 2, "y": p["a"]}, {"a": X})
        assert y["n"] == 2**62 + 1 and y["above"].dtype == bool
        assert not J["n"]["a"].any() and not J["above"]["a"].any()


def test_what_f_returns_of_x_itself():
    p = {"a": X, "b": [1.0]}
    J = dm.jacobian_fwd(lambda p: p, p)
    same(J["a"], {"a": np.eye(2), "b": [np.zeros(2)]})
    same(J["b"], [{"a": np.zeros(2), "b": [A(1.0)]}])
    J = dm.jacobian_rev(lambda p: {"u": p["a"], "v": p["a"]}, {"a": X})
    same(J, {"u": {"a": np.eye(2)}, "v": {"a": np.eye(2)}})


def test_functions_with_rules_of_their_own_refuse_structures():
    @dm.custom_jvp
    def square(p, **options):
        return p["a"] ** 2

    square.def_jvp(lambda primals, tangents: (0.0, 0.0))
    root = dm.custom_root(lambda y, p: y - p["a"], lambda p: float(p["a"]))
    for f in (square, root):
        with pytest.raises(TypeError, match="got a structure"):
            dm.gradient(lambda p, f=f: f(p), {"a": 2.0})
    with pytest.raises(TypeError, match="got a Dual as its keyword argument 'q'"):
        dm.gradient(lambda p: square({"a": 1.0}, q=p), {"a": 2.0})
    assert square({"a": 3.0}) == 9.0
    same(dm.gradient(lambda x: root({"a": 1.0}) * x, X[:1]), A([1.0]))


def test_dataclasses_replaced_and_taken_apart_by_f():
    f = lambda p: dataclasses.replace(p, mass=p.mass**2)  # noqa: E731
    g = dm.gradient(lambda p: np.sum(f(p).mass * dataclasses.asdict(p)["size"]), Body(3.0, X))
    same((g.mass, g.size), (A(6 * 5.0), A(9, 9)))
    g = dm.gradient(lambda p: p._replace(a=p.a * 3).a * np.sum({**p._asdict()}["b"]), Point(2.0, X))
    same(g, Point(A(15.0), A(6, 6)))


def test_nested_calls_with_structures_on_both_sides():
    outer = dm.jacobian_fwd(
        lambda x: dm.gradient(lambda p: np.sum(p["a"] ** 3) * x[0], {"a": x})["a"], X
    )  # 3 x_i^2 x_0
    same(outer, A([[9 * 4.0, 0], [3 * 9.0, 36.0]]))
    inner = dm.jacobian_rev(
        lambda p: dm.hvp(lambda q: np.sum(q["a"] ** 3), p, {"a": X}), {"a": X}
    )  # 6 a_i v_i
    same(inner, {"a": {"a": np.diag(6 * X)}})
