"""Functions of NumPy at zeros, infinities, NaN and the ends of the range, replayed: the results and
the warnings are those of a fresh call."""

import itertools
import warnings

import numpy as np
import pytest
from automatic_judge import compare, fresh_calls, outcome

import dualmc as dm
from dualmc.automatic import repeated

pytestmark = pytest.mark.usefixtures("at_once")
EDGES = [
    0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -2.0, 1e308, 5e-324, 1e-310, 1.0, 0.5, 1e-200, -1e-160,
    710.0, -745.0,
]  # fmt: skip
CALLS = repeated.FIRST_CALLS + 1 + repeated.COMPARED
UFUNCS = dict.fromkeys(
    u for u in vars(np).values() if isinstance(u, np.ufunc) and u.nout == 1 and not u.signature
)
SOURCES = {
    1: [(dm.value_and_jacobian_fwd, "f(x)"), (dm.gradient, "np.sum(f(x) * x)")],
    2: [(dm.value_and_jacobian_fwd, "f(x[0], x[1])"), (dm.gradient, "f(x[0], x[1]) * x[0]")],
}


def heard(verb, f, x):
    """What comes of a call, and its warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = outcome(verb, f, (x,), {})
    return found, {str(w.message) for w in told}


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_edges(ufunc):
    if ufunc.nin == 1:
        points = [[edge, 0.7] for edge in EDGES]
    else:
        points = list(itertools.product(EDGES[:9], EDGES[:9]))[::2]
    for verb, source in SOURCES[ufunc.nin]:
        f = eval(f"lambda x: {source}", {"f": ufunc, "np": np})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(CALLS):
                outcome(verb, f, (np.array([1.6, 2.3]),), {})
        for x in map(np.array, points):
            with fresh_calls():
                expected, said = heard(verb, f, x)
            found, says = heard(verb, f, x)
            compare(found, expected, "value" in verb.__name__)
            assert says == said, (x, dm.last_call())


def test_edges_are_replayed():
    """Where nothing warns; so that the test above is one of replays."""
    f = lambda x: np.sin(x) * x  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(CALLS):
            dm.derivative(f, 1.0)
        for x in (0.0, -0.0, -2.0, 710.0):
            dm.derivative(f, x)
            assert dm.last_call().is_replay
