"""Plans are an optimisation: with them and without, every bit of the results is the same."""

import contextlib
import warnings

import numpy as np
import pytest
from function_cases import CASES
from random_programs import MANY, SIZE, functions_of
from random_statements import Program

import dualmc as dm
from dualmc.duals.signatures import PLANS, State


@contextlib.contextmanager
def switched(is_on):
    before, State.enabled = State.enabled, is_on
    PLANS.clear()
    try:
        yield
    finally:
        State.enabled = before


def bits(a):
    """The numbers of an array as integers, every NaN the same one."""
    a = np.ascontiguousarray(a)
    if a.dtype.kind in "fc":
        a = np.where(np.isnan(a), np.nan, a).astype(a.dtype)
        return a.shape, a.dtype, a.tobytes()
    return a.shape, a.dtype, a.tolist()


def outcome(derive):
    """What `derive` returns, in bits, or the error that it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            y, J = derive()
        except Exception as error:
            return type(error), str(error)
    return bits(y), bits(J.toarray() if hasattr(J, "toarray") else J)


def ways(f, x):
    """Value and Jacobian with dense tangents, with slots, and of f among many inputs."""
    n = x.size
    padded = np.concatenate([x.ravel(), np.linspace(-1, 1, max(0, MANY - n))])

    def among(z):
        return f(z[:n].reshape(x.shape) * 1.0)

    return {
        "dense": lambda: dm.value_and_jacobian_fwd(f, x),
        "sparse": lambda: dm.value_and_jacobian_fwd(f, x, sparse=True),
        "among others": lambda: dm.value_and_jacobian_fwd(among, padded),
        "few columns": lambda: dm.value_and_jacobian_fwd(f, x, chunk_size=2),
    }


def assert_same(f, x):
    for name, derive in ways(f, x).items():
        with switched(False):
            expected = outcome(derive)
        with switched(True):
            for _ in range(2):  # making the plans, and by them
                assert expected == outcome(derive), name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_idiom(case):
    assert_same(case.f, np.array(case.x))


@pytest.mark.parametrize("seed", range(100))
def test_random_programs(seed):
    f, _ = functions_of(Program(seed).source())
    assert_same(f, np.random.default_rng([seed, 1]).uniform(-1.4, 1.4, SIZE))
