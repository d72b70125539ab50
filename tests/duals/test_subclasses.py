"""Operands whose class derives from ndarray: arrays that are no more, and arrays that mean more.

Right is what the class does beside an ordinary array: the oracle is the differences of the whole
function on plain numbers, through the class's own code.  What is not right must be refused, in
words that name dualmc's cure; a wrong number is never allowed.
"""

import operator
import tempfile

import numpy as np
import pytest
from numpy.lib.mixins import NDArrayOperatorsMixin

import dualmc as dm
from dualmc.duals.subclasses import extra

pytestmark = pytest.mark.filterwarnings(
    "ignore:the matrix subclass:PendingDeprecationWarning", "ignore::UserWarning"
)
V = np.array([1.5, 2.5, 3.5])
X = np.array([2.2, 0.7, 4.3])


# --- Arrays that are no more ---------------------------------------------------------------------


class Empty(np.ndarray):
    pass


class WithMethods(np.ndarray):
    """New names only."""

    def __new__(cls, values):
        return np.asarray(values, float).view(cls)

    def total(self):
        return self.sum()

    def __repr__(self):
        return "WithMethods(...)"


# --- Arrays that mean more: one class per mechanism ----------------------------------------------


class Labelled(np.ndarray):
    def __array_finalize__(self, obj):
        self.label = getattr(obj, "label", "none")


class Scaled(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        inputs = [np.asarray(a) if isinstance(a, Scaled) else a for a in inputs]
        return 10 * getattr(ufunc, method)(*inputs, **options)


class Logarithm(np.ndarray):
    """Multiplication is addition, and takes no part in ufuncs."""

    __array_ufunc__ = None

    def __mul__(self, other):
        return np.asarray(self) + np.asarray(other)

    __rmul__ = __mul__

    def __add__(self, other):
        return np.asarray(self) * np.asarray(other)

    __radd__ = __add__


class OnTheLeft(np.ndarray):
    def __mul__(self, other):
        return np.asarray(self) * 1000.0 * other


class OnTheRight(np.ndarray):
    def __rmul__(self, other):
        return 7.0 * np.asarray(self) * other

    def __rsub__(self, other):
        return 100.0 * (other - np.asarray(self))


class AsksForArrays(np.ndarray):
    def __rmul__(self, other):
        return np.asarray(self) * other * (2.0 if isinstance(other, np.ndarray) else 4.0)


class Wrapping(np.ndarray):
    def __array_wrap__(self, array, context=None, return_scalar=False):
        return 3 * np.asarray(array)


class Foremost(np.ndarray):
    __array_priority__ = 50.0


class OwnFunctions(np.ndarray):
    def __array_function__(self, function, types, args, options):
        def plain(a):
            if isinstance(a, (list, tuple)):
                return type(a)(plain(b) for b in a)
            return np.asarray(a) if isinstance(a, OwnFunctions) else a

        options = {name: plain(a) for name, a in options.items()}
        return 2 * function(*plain(args), **options)


class OwnSum(np.ndarray):
    def sum(self, *args, **options):
        return 2 * np.asarray(self).sum(*args, **options)


class OwnItems(np.ndarray):
    def __getitem__(self, key):
        return 5 * np.asarray(self)[key]


class OwnOrder(np.ndarray):
    def __lt__(self, other):
        return np.asarray(self) >= np.asarray(other)

    __gt__ = __lt__


class OwnMasked(np.ma.MaskedArray):
    pass


class Duck(NDArrayOperatorsMixin):
    """No subclass, but an array by NumPy's protocol."""

    def __init__(self, v):
        self.v = np.asarray(v)

    def __array__(self, dtype=None, copy=None):
        return self.v

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        inputs = [a.v if isinstance(a, Duck) else a for a in inputs]
        return 3 * getattr(ufunc, method)(*inputs, **options)


ARRAYS = [Empty, WithMethods, np.recarray, np.memmap]
OWN = [
    Labelled, Scaled, Logarithm, OnTheLeft, OnTheRight, AsksForArrays, Wrapping, Foremost,
    OwnFunctions, OwnSum, OwnItems, OwnOrder,
]  # fmt: skip
OTHERS = {
    "masked": lambda: np.ma.array(V, mask=[0, 1, 0]),
    "unmasked": lambda: np.ma.array(V),
    "own masked": lambda: OwnMasked(V, mask=[0, 0, 1]),
    "matrix": lambda: np.matrix(V),
    "duck": lambda: Duck(V),
}
MAKERS = {kind.__name__: lambda kind=kind: V.copy().view(kind) for kind in OWN} | OTHERS


def of_class(kind):
    if kind is not np.memmap:
        return V.copy().view(kind)
    with tempfile.TemporaryFile() as file:
        c = np.memmap(file, float, "w+", shape=3)
        c[:] = V
    return c


# --- What is done with them ----------------------------------------------------------------------


def operators():
    found = {}
    for name in "add sub mul truediv floordiv mod pow matmul".split():
        op = getattr(operator, name)
        found[f"x {name} c"] = lambda x, c, op=op: op(x, c)
        found[f"c {name} x"] = lambda x, c, op=op: op(c, x)
        found[f"number {name} c"] = lambda x, c, op=op: op(x[0], c)
        found[f"c {name} number"] = lambda x, c, op=op: op(c, x[0])
    for name in "lt le gt ge eq ne".split():
        op = getattr(operator, name)
        found[f"x {name} c"] = lambda x, c, op=op: np.asarray(op(x, c)) * x
        found[f"c {name} x"] = lambda x, c, op=op: np.asarray(op(c, x)) * x
    found["divmod(x, c)"] = lambda x, c: divmod(x, c)[1]
    found["divmod(c, x)"] = lambda x, c: divmod(c, x)[1]
    found["-c * x"] = lambda x, c: -c * x
    found["c**2 * x"] = lambda x, c: c**2 * x
    found["a chain"] = lambda x, c: ((x - c) ** 2 + x * c) / (1.0 + x * x)
    found["sum of results"] = lambda x, c: x * c + (x - c)
    found["number * result"] = lambda x, c: 2.0 * (x * c)
    found["array * result"] = lambda x, c: V * (x * c)
    found["result * x"] = lambda x, c: (x * c) * x
    found["float32 * result"] = lambda x, c: np.float32(2.0) * (x * c)
    return found


def ufuncs():
    found = {}
    for ufunc in (np.multiply, np.hypot, np.arctan2, np.maximum, np.divide, np.remainder):
        found[f"{ufunc.__name__}(x, c)"] = lambda x, c, ufunc=ufunc: ufunc(x, c)
        found[f"{ufunc.__name__}(c, x)"] = lambda x, c, ufunc=ufunc: ufunc(c, x)
    for ufunc in (np.exp, np.sqrt, np.negative, np.absolute, np.log):
        found[f"{ufunc.__name__}(x * c)"] = lambda x, c, ufunc=ufunc: ufunc(x * c)
    return found


def functions():
    def written(x, c, write):
        b = x * 1.0
        write(b, c)
        return b

    found = {}
    for name in "sum mean max prod std cumsum".split():
        found[f"(x * c).{name}()"] = lambda x, c, name=name: getattr(x * c, name)()
        found[f"np.{name}(x - c)"] = lambda x, c, name=name: getattr(np, name)(x - c)
    for name in "add sub mul truediv floordiv pow".split():
        op = getattr(operator, f"i{name}")
        found[f"x {name}= c"] = lambda x, c, op=op: op(x + 0.0, c)
    return found | {
        "multiply.outer(x, c)": lambda x, c: np.multiply.outer(x, c),
        "multiply.outer(c, x)": lambda x, c: np.multiply.outer(c, x),
        "add.reduce": lambda x, c: np.add.reduce(x * c),
        "add.accumulate": lambda x, c: np.add.accumulate(x * c),
        "add.at": lambda x, c: written(x, c, lambda b, c: np.add.at(b, [0, 1, 2], c)),
        "out=": lambda x, c: written(x, c, lambda b, c: np.multiply(b, c, out=b)),
        "where=": lambda x, c: np.multiply(x, c, where=np.array([True, False, True]), out=x * 1.0),
        "x.dot(c)": lambda x, c: x.dot(c),
        "c.dot(x)": lambda x, c: c.dot(x),
        "x.clip(c)": lambda x, c: x.clip(c, None),
        "stack": lambda x, c: np.stack([x, c]),
        "concatenate": lambda x, c: np.concatenate([c, x]),
        "where": lambda x, c: np.where([1, 0, 1], x, c),
        "dot": lambda x, c: np.dot(c, x),
        "einsum": lambda x, c: np.einsum("i,i", x, c),
        "interp": lambda x, c: np.interp(x, [0.0, 1.0, 9.0], c),
        "solve": lambda x, c: np.linalg.solve(np.diag(x), c),
        "norm": lambda x, c: np.linalg.norm(x * c),
        "outer": lambda x, c: np.outer(c, x),
        "convolve": lambda x, c: np.convolve(c, x),
        "average": lambda x, c: np.average(x, weights=c),
        "mean of a list": lambda x, c: np.mean([x, c]),
        "full_like": lambda x, c: np.full_like(x, c),
        "polyval": lambda x, c: np.polyval(c, x),
        "copyto": lambda x, c: written(x, c, lambda b, c: np.copyto(b, c)),
        "b[...] = c": lambda x, c: written(x, c, lambda b, c: operator.setitem(b, ..., c)),
        "b[1:] += c": lambda x, c: written(x, c, lambda b, c: operator.iadd(b[1:], c[1:])),
        "x[mask of c]": lambda x, c: x[np.asarray(c > 2.0)],
        "x[c > 2]": lambda x, c: x[c > 2.0],
        "list of products": lambda x, c: [x[0] * c[0], x[1] * c[1]],
        "array of entries": lambda x, c: np.array([x[0], c[0]]),
        "array of both": lambda x, c: np.array([x, c]),
        "result[0]": lambda x, c: (x * c)[0] * x,
        "result.reshape": lambda x, c: (x * c).reshape(3, 1) * x,
        "result.T": lambda x, c: (x * c).T,
        "vectorize": lambda x, c: np.vectorize(lambda a, b: a * b)(x, c).astype(float),
        "sort": lambda x, c: np.sort(x * c),
        "median": lambda x, c: np.median(x * c),
        "ptp": lambda x, c: np.ptp(x * c),
        "det": lambda x, c: np.linalg.det(np.diag(x * c)),
    }


EXPRESSIONS = operators() | ufuncs() | functions()


def differences(f, x, h=2e-3):
    """The Jacobian of plain f by central differences of order 8; None where f itself raises."""
    columns = []
    try:
        for i in range(x.size):
            column = 0
            for k, weight in enumerate((4 / 5, -1 / 5, 4 / 105, -1 / 280), 1):
                up, down = x.copy(), x.copy()
                up[i] += k * h
                down[i] -= k * h
                column = column + weight / h * (np.asarray(f(up), float) - np.asarray(f(down)))
            columns.append(column)
    except (TypeError, ValueError, AttributeError, IndexError, np.ma.MaskError):
        return None
    return np.stack(columns, -1)


def said(error):
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def is_refusal(error):
    return isinstance(error, (dm.TangentLostError, dm.MissingRuleError)) or "dualmc" in said(error)


MODES = {
    "forward": lambda f: dm.jacobian_fwd(f, X),
    "one column": lambda f: dm.jacobian_fwd(f, X, chunk_size=1),
    "reverse": lambda f: dm.jacobian_rev(f, X),
}


def outcome(run, f, want):
    """ "right" or "refused"; whatever else fails."""
    try:
        got = run(f)
    except Exception as error:
        assert want is None or is_refusal(error), said(error)
        return "refused"
    assert want is not None, f"plain NumPy raises here; got {got}"
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-7)
    return "right"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_right_or_refused(kind, mode):
    c = MAKERS[kind]()
    for name, expression in EXPRESSIONS.items():

        def f(x, expression=expression):
            return np.asarray(expression(x, c))

        want = differences(f, X)
        try:
            outcome(MODES[mode], f, want)
        except Exception as error:
            error.add_note(f"in {name}")
            raise


# What a class's own code does by itself is not refused.
MUST_WORK = {
    "Labelled": [*operators(), *ufuncs()],
    "Scaled": ["x mul c", "c mul x", "x sub c", "c truediv x", "multiply(x, c)", "a chain"],
    "Logarithm": ["x mul c", "c mul x", "x add c", "c add x", "number mul c"],
    "OnTheLeft": ["c mul x", "x mul c", "c mul number"],
    "OnTheRight": ["x mul c", "x sub c", "c mul x", "number mul c"],
    "AsksForArrays": ["x mul c"],
    "Wrapping": ["x mul c", "c mul x", "multiply(x, c)", "hypot(c, x)", "divmod(x, c)"],
    "OwnFunctions": ["x mul c", "dot", "stack", "where", "np.sum(x - c)"],
    "OwnSum": ["(x * c).sum()", "np.sum(x - c)", "x mul c"],
    "OwnOrder": ["x lt c", "c lt x", "x gt c", "x mul c"],
    "masked": ["x mul c", "c sub x", "x truediv c", "(x * c).sum()", "np.std(x - c)", "a chain"],
    "own masked": ["x mul c", "c sub x", "np.mean(x - c)"],
    "matrix": ["number mul c", "c mul number", "x add c", "multiply(x, c)", "c matmul x"],
    "duck": ["x mul c", "c mul x", "multiply(x, c)", "a chain"],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", MUST_WORK)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_own_code_runs(kind, mode):
    c = MAKERS[kind]()
    for name in MUST_WORK[kind]:
        want = differences(lambda x, name=name: np.asarray(EXPRESSIONS[name](x, c)), X)
        f = lambda x, name=name: np.asarray(EXPRESSIONS[name](x, c))  # noqa: E731
        if want is not None:
            assert outcome(MODES[mode], f, want) == "right", name


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_arrays_that_are_no_more_are_arrays(kind, mode):
    """Bit for bit what the same numbers give as an ndarray, errors included."""
    c = of_class(kind)
    assert extra(kind) is None
    for name, expression in EXPRESSIONS.items():
        found = []
        for operand in (V, c):
            f = lambda x, e=expression, c=operand: np.asarray(e(x, c))  # noqa: E731
            try:
                found.append(MODES[mode](f))
            except Exception as error:
                found.append(type(error))
        if isinstance(found[0], type):
            assert found[0] is found[1], name
        else:
            assert np.array_equal(*found, equal_nan=True), name


@pytest.mark.parametrize("kind", ["Labelled", "Scaled", "OnTheRight", "masked", "matrix", "duck"])
@pytest.mark.parametrize("name", ["x mul c", "c sub x", "a chain", "x truediv c", "x lt c"])
def test_prepared_and_explained(kind, name):
    c = MAKERS[kind]()

    def f(x):
        return np.asarray(EXPRESSIONS[name](x, c))

    want = differences(f, X)
    if want is None:
        pytest.skip("plain NumPy raises")
    replayed = dm.prepare(f, X * 1.01)
    for _ in range(2):
        np.testing.assert_allclose(replayed(X), want, rtol=1e-7, atol=1e-7)
    if "lt" not in name:
        (total,) = dm.explain(lambda x: np.sum(np.asarray(f(x))), X).jacobian.values()
        np.testing.assert_allclose(total, want.sum(axis=tuple(range(want.ndim - 1))), rtol=1e-7)


# --- Closed forms --------------------------------------------------------------------------------

M = np.array([[1.0, 2.0], [3.0, 4.0]]).view(np.matrix)
XY = np.array([1.0, 2.0])
BOTH = [dm.jacobian_fwd, dm.jacobian_rev]


@pytest.mark.parametrize("jacobian", BOTH)
@pytest.mark.parametrize(
    ("f", "want"),
    [
        (lambda x: np.asarray(x.reshape(1, 2) * M).ravel(), np.array(M).T),
        (lambda x: np.asarray(M * x.reshape(2, 1)).ravel(), np.array(M)),
        (lambda x: np.asarray(M @ x).ravel(), np.array(M)),
        (lambda x: np.asarray(x @ M).ravel(), np.array(M).T),
        (lambda x: np.asarray((x[0] * M) ** 2).ravel(), [[14, 0], [20, 0], [30, 0], [44, 0]]),
        (lambda x: np.asarray(M.T * x.reshape(2, 1)).ravel(), np.array(M).T),
        (lambda x: (x.reshape(1, 2) * M * x.reshape(2, 1))[0, 0], [2 + 10.0, 5 + 16.0]),
        (lambda x: x.reshape(1, 2) * M, np.array(M).T.reshape(1, 2, 2)),
        (lambda x: (x.reshape(1, 2) * M).sum(), [3.0, 7.0]),
        (lambda x: math_of((x.reshape(1, 2) * M)[0, 0]), np.cos(7.0) * np.array([1.0, 3.0])),
    ],
)
def test_matrices_multiply_as_matrices(f, want, jacobian):
    np.testing.assert_allclose(jacobian(f, XY), want, rtol=1e-14)


def math_of(a):
    import math

    return math.sin(a)


def test_results_keep_their_class():
    c = V.copy().view(Labelled)
    c.label = "km"
    seen = []

    def f(x):
        y = x * c
        seen.append((type(y), y.label))
        return np.asarray(y)

    assert np.array_equal(dm.jacobian_fwd(f, X), np.diag(V))
    assert seen == [(Labelled, "km")]


def test_second_derivatives_through_own_code():
    c = V.copy().view(OnTheRight)
    H = dm.hessian(lambda x: np.sum(np.asarray(x * c) ** 3), X)
    np.testing.assert_allclose(H, np.diag(6 * (7 * V) ** 3 * X), rtol=1e-13)
    obs = np.ma.array(V, mask=[0, 1, 0])
    H = dm.hessian(lambda x: np.sum((x - obs) ** 4), X)
    np.testing.assert_allclose(H, np.diag(12 * (X - V) ** 2 * [1, 0, 1]), rtol=1e-13)
    G = dm.jacobian_fwd(lambda x: dm.gradient(lambda y: ((obs - y) ** 4).sum(), x), X)
    np.testing.assert_allclose(G, np.diag(12 * (X - V) ** 2 * [1, 0, 1]), rtol=1e-13)


def test_result_types_of_single_precision():
    c = V.copy().view(Labelled)
    x = X.astype(np.float32)
    assert dm.jacobian_fwd(lambda x: np.asarray(x * c), x).dtype == np.float64
    assert dm.jacobian_fwd(lambda x: np.asarray(x * c.astype(np.float32)), x).dtype == np.float32


def test_complex_elements_are_refused():
    c = V.copy().view(Scaled)
    with pytest.raises(dm.TangentLostError, match="complex"):
        dm.jacobian_fwd(lambda x: np.real(np.asarray((x + 1j) * c)), X)


# --- As inputs, outputs, directions and further arguments ----------------------------------------

NOT_PLAIN = {
    "masked": lambda: np.ma.array(X, mask=[0, 1, 0]),
    "matrix": lambda: np.matrix(X),
    "Labelled": lambda: X.view(Labelled),
    "Scaled": lambda: X.view(Scaled),
    "duck": lambda: Duck(X),
    "list of them": lambda: [X.view(Labelled), X.view(Labelled)],
}
TAKE = {
    "jacobian_fwd": lambda x: dm.jacobian_fwd(lambda x: x * 2.0, x),
    "jacobian_rev": lambda x: dm.jacobian_rev(lambda x: x * 2.0, x),
    "gradient": lambda x: dm.gradient(lambda x: np.sum(x), x),
    "hessian": lambda x: dm.hessian(lambda x: np.sum(x**2), x),
    "hvp": lambda x: dm.hvp(lambda x: np.sum(x**2), x, np.ones(3)),
    "hvp's direction": lambda x: dm.hvp(lambda x: np.sum(x**2), X, x),
    "jvp": lambda x: dm.jvp(lambda x: x * 2.0, x, X),
    "jvp's direction": lambda x: dm.jvp(lambda x: x * 2.0, X, x),
    "vjp": lambda x: dm.vjp(lambda x: x * 2.0, x),
    "pullback": lambda x: dm.vjp(lambda x: x * 2.0, X)[1](x),
    "prepare": lambda x: dm.prepare(lambda x: x * 2.0, x)(x),
    "prepared": lambda x: prepared_before(x),
    "explain": lambda x: dm.explain(lambda x: np.sum(x), x),
    "check_jacobian": lambda x: dm.check_jacobian(lambda x: x * 2.0, x),
}


def prepared_before(x):
    J = dm.prepare(lambda x: x * 2.0, X)
    J(X)
    return J(x)


@pytest.mark.parametrize("make", NOT_PLAIN)
@pytest.mark.parametrize("take", TAKE)
def test_inputs_that_mean_more_are_refused(take, make):
    with pytest.raises(TypeError, match="needs .* to be .*got "):
        TAKE[take](NOT_PLAIN[make]())


def test_inputs_that_are_arrays():
    for kind in ARRAYS:
        x = of_class(kind)
        assert np.array_equal(dm.jacobian_fwd(lambda x: x**2, x), np.diag(2 * V))
        assert np.array_equal(dm.jacobian_rev(lambda x: x**2, x), np.diag(2 * V))
        assert type(dm.jvp(lambda x: x**2, x, x)[1]) is np.ndarray


@pytest.mark.parametrize("jacobian", [*BOTH, lambda f, x: dm.prepare(f, x)(x)])
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda x: x * np.ma.array(V, mask=[0, 1, 0]), "masked array"),
        (lambda x: np.ma.array(V, mask=[0, 1, 0]), "masked array"),
        (lambda x: np.ma.masked, "masked array"),
        (lambda x: x * V.view(Labelled), "Labelled"),
        (lambda x: V.view(Labelled), "Labelled"),
        (lambda x: Duck(V), "Duck"),
        (lambda x: [x[0], np.ma.masked], "Masked"),
    ],
)
def test_outputs_that_mean_more_are_refused(returned, message, jacobian):
    with pytest.raises(TypeError, match=message):
        jacobian(returned, X)


@pytest.mark.parametrize("jacobian", BOTH)
def test_outputs_that_are_numbers(jacobian):
    assert np.array_equal(jacobian(lambda x: x * np.ma.array(V), X), np.diag(V))
    assert np.array_equal(jacobian(lambda x: np.matrix(V), X), np.zeros((1, 3, 3)))
    assert np.array_equal(jacobian(lambda x: of_class(np.memmap), X), np.zeros((3, 3)))


def test_auxiliary_output():
    obs = np.ma.array(V, mask=[0, 1, 0])
    label = V.view(Labelled)
    _, (masked, labelled) = dm.jacobian_fwd(
        lambda x: (np.sum(x), (x - obs, x * label)), X, has_aux=True
    )
    assert type(masked) is np.ma.MaskedArray
    assert masked.mask.tolist() == [False, True, False]
    assert np.array_equal(masked.compressed(), (X - V)[[0, 2]])
    assert type(labelled) is Labelled
    assert labelled.dtype == np.float64
    assert np.array_equal(labelled, X * V)


def test_further_arguments_reach_f_as_they_are():
    obs = np.ma.array(V, mask=[0, 1, 0])
    for jacobian in (*BOTH, lambda f, *args: dm.prepare(f, *args)(*args)):
        g = jacobian(lambda x, obs: np.sum((x - obs) ** 2), X, obs)
        np.testing.assert_allclose(g, 2 * (X - V) * [1, 0, 1], rtol=1e-14)


def test_a_prepared_argument_becomes_masked():
    J = dm.prepare(lambda x, c: np.sum(x * c), X, V)
    assert np.array_equal(J(X, V), V)
    assert np.array_equal(J(X, np.ma.array(V, mask=[0, 1, 0])), V * [1, 0, 1])
    assert np.array_equal(J(X, V), V)


def test_custom_rules_take_what_they_are_given():
    obs = np.ma.array(V, mask=[0, 1, 0])

    @dm.custom_jvp
    def misfit(x, obs):
        return float(np.sum((x - obs) ** 2))

    @misfit.def_jvp
    def misfit_jvp(primals, tangents):
        x, obs = primals
        return misfit(x, obs), np.sum(2 * (x - obs) * tangents[0])

    assert np.allclose(dm.gradient(lambda x: misfit(x, obs), X), 2 * (X - V) * [1, 0, 1])


# --- Classes derived from ndarray that are made of x ---------------------------------------------


class Checking(np.ndarray):
    def __new__(cls, values):
        if not isinstance(values, (list, tuple, np.ndarray)):
            raise TypeError(f"Checking must be made of a list or an array, not {type(values)}")
        return np.asarray(values, dtype=float).view(cls)


def test_a_class_that_stops_at_a_dual_is_named():
    with pytest.raises(TypeError) as caught:
        dm.jacobian_fwd(lambda x: np.sum(Checking(x)), X)
    assert is_refusal(caught.value)


def test_what_defines_more():
    assert extra(np.ndarray) is None
    assert extra(np.matrix) is not None
    assert extra(np.ma.MaskedArray) is not None
    assert extra(float) is None
    assert extra(Duck) == "__array_ufunc__"
    assert extra(OwnSum) == "sum"
    assert extra(OwnOrder) in ("__lt__", "__gt__")
    assert extra(type("Heir", (Empty, OwnSum), {})) == "sum"


# --- Packages of units, where they are installed -------------------------------------------------


@pytest.mark.parametrize("jacobian", BOTH)
def test_units_of_astropy(jacobian):
    u = pytest.importorskip("astropy.units")
    km, m = V * u.km, 3.0 * u.m
    f = lambda x: np.asarray(x * km + m * x)  # noqa: E731
    np.testing.assert_allclose(jacobian(f, X), np.diag(V + 0.003), rtol=1e-14)
    f = lambda x: (x[0] * km[0] + m * x[1]).to_value(u.m)  # noqa: E731
    np.testing.assert_allclose(jacobian(f, X), [1500.0, 3.0, 0.0], rtol=1e-14)
    assert np.isclose(dm.derivative(lambda t: np.asarray(2 * u.km * t + m * t), 1.0), 2.003)
    with pytest.raises(TypeError) as caught:
        jacobian(lambda x: np.asarray(x * u.m), X)
    assert is_refusal(caught.value)
    with pytest.raises(TypeError, match="Quantity"):
        jacobian(lambda x: x * km, X)
    with pytest.raises(TypeError, match="Quantity"):
        jacobian(lambda x: x**2, X * u.km)


@pytest.mark.parametrize("jacobian", BOTH)
def test_units_of_pint_and_unyt(jacobian):
    pint = pytest.importorskip("pint")
    unit = pint.UnitRegistry()
    f = lambda x: (x * (2.0 * unit.km) + 3.0 * unit.m * x).to("m").magnitude  # noqa: E731
    np.testing.assert_allclose(jacobian(f, X), 2003.0 * np.eye(3), rtol=1e-14)
    unyt = pytest.importorskip("unyt")
    f = lambda x: np.asarray(x * unyt.unyt_array(V, "km") / unyt.unyt_array(V, "m"))  # noqa: E731
    try:
        J = jacobian(f, X)
    except TypeError as error:
        assert is_refusal(error)
    else:
        np.testing.assert_allclose(J, 1000.0 * np.eye(3), rtol=1e-14)
    for x in (X * unit.m, 3.0 * unit.m, unyt.unyt_array(X, "km"), [1.0 * unit.m, 2.0 * unit.m]):
        with pytest.raises(TypeError, match="needs x to be"):
            jacobian(lambda x: x**2, x)
