"""Derivatives while cProfile is at work: the same, and the profiler goes on."""

import cProfile
import pstats
import sys

import numpy as np
import pytest

import dualmc as dm


def twice(u):
    return 2 * u


def f(x):
    return np.sin(twice(x))


def names(profile):
    return {name for _, _, name in pstats.Stats(profile).stats}


VERBS = {
    "jacobian_fwd": lambda x: dm.jacobian_fwd(f, x),
    "jacobian_rev": lambda x: dm.jacobian_rev(f, x),
    "nested": lambda x: dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x).sum(axis=1) / 1.0, x),
    "prepare": lambda x: dm.prepare(f, x)(x + 1),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_profiler_changes_nothing(verb):
    call, x = VERBS[verb], np.array([0.3, 0.5])
    profile, before = cProfile.Profile(), sys.getprofile()
    profile.enable()
    try:
        J = call(x)
        twice(x)
    finally:
        profile.disable()
    np.testing.assert_array_equal(J, call(x))
    assert "twice" in names(profile)
    assert sys.getprofile() is before


def test_a_prepared_function_is_replayed_under_a_profiler():
    profile = cProfile.Profile()
    prepared = profile.runcall(dm.prepare, f, np.array([0.3, 0.5]))
    assert prepared.reason is None


def test_a_profiler_that_f_turns_on_stays_on():
    profile = cProfile.Profile()

    def f(x):
        profile.enable()
        return np.sin(x)

    try:
        dm.jacobian_fwd(f, np.array([0.3, 0.5]))
        twice(1)
    finally:
        profile.disable()
    assert "twice" in names(profile)
