"""Operands whose class derives from ndarray: arrays that are no more, and arrays that mean more.

Right is what the class does beside an ordinary array: the oracle is the differences of the whole
function on plain numbers, through the class's own code.  What is not right must be refused, in
words that name dualmc's cure; a wrong number is never allowed.
"""

import operator

import numpy as np
import pytest
from array_classes import ARRAYS, MAKERS, V, X, is_refusal, of_class, said
from entries import parts

import dualmc as dm
from dualmc.duals.subclasses import extra

pytestmark = pytest.mark.filterwarnings(
    "ignore:the matrix subclass:PendingDeprecationWarning", "ignore::UserWarning"
)


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


every_part = pytest.mark.parametrize("names", parts(EXPRESSIONS), ids=lambda names: names[0])


@pytest.mark.table
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", MAKERS)
@every_part
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_right_or_refused(names, kind, mode):
    c = MAKERS[kind]()
    for name in names:
        expression = EXPRESSIONS[name]

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


@pytest.mark.table
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ARRAYS)
@every_part
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_arrays_that_are_no_more_are_arrays(names, kind, mode):
    """Bit for bit what the same numbers give as an ndarray, errors included."""
    c = of_class(kind)
    assert extra(kind) is None
    for name in names:
        expression = EXPRESSIONS[name]
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
