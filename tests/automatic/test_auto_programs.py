"""Random programs, and the functions that tests of `prepare` have for every kind of event, called
again and again: every call is what a fresh one is.
"""

import importlib.util
import pathlib
import warnings

import numpy as np
import pytest
import random_programs
from automatic_judge import same

import dualmc as dm

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.usefixtures("at_once"),
]
CALLS = 8


def tables(name):
    """The module of tests of `prepare` that has this name."""
    path = pathlib.Path(__file__).parents[1] / "replay" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_tables", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GUARDS = tables("test_prepare_guards")
EVENTS = {**GUARDS.SHAPES, **GUARDS.VALUES, **GUARDS.TEXTS}
PROGRAMS = tables("test_prepare_programs")


@pytest.mark.parametrize(("first", "end"), [(5, 17), (17, 30), (48, 58)])  # some are closed
def test_random_programs(first, end):
    replays = 0
    for seed in range(first, end):
        judge = random_programs.judged(seed)
        if judge is None:
            continue
        rng = np.random.default_rng(seed)
        f, g = random_programs.functions_of(judge.source)
        for verb, function in ((dm.value_and_jacobian_fwd, f), (dm.gradient, g)):
            for k in range(14):
                x = judge.points[0] + (k > 7) * 0.1 * rng.normal(size=judge.points[0].size)
                with np.errstate(all="ignore"):
                    replays += same(verb, function, x)
    assert replays > 10


@pytest.mark.parametrize("name", EVENTS)
def test_events(name):
    f, *cases = EVENTS[name]
    points = [np.array(x, float) for x, _ in cases]
    for x in [*(points[:1] * CALLS), *points[::-1], *(points * 3)]:
        with np.errstate(all="ignore"):
            same(dm.value_and_jacobian_fwd, f, x)


@pytest.mark.parametrize("name", GUARDS.RAISED)
def test_exceptions(name):
    f, *cases = GUARDS.RAISED[name]
    points = [case[0] for case in cases]
    for x in [*(points[:1] * CALLS), *points[::-1], *(points * 3)]:
        with np.errstate(all="ignore"):
            same(dm.jacobian_fwd, f, np.array(x, float))


@pytest.mark.parametrize("seed", range(8))
def test_programs_that_learn_from_values(seed):
    source = PROGRAMS.program(seed)
    f = PROGRAMS.made(source, PROGRAMS.same)
    c = {"scale": 1.5, "items": [1, 2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for x in PROGRAMS.points(seed) * 4:
            same(dm.jacobian_fwd, f, x, c)
            same(dm.jacobian_fwd, lambda x: f(x, c), x)
