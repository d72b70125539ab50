"""What several test files share; `--sample N`, every Nth test, and `--tables N`, of tables alone.

A table, marked so, is every case of many in every one of several ways.  A plain run takes a part of
its entries, always the same ones: each case in some way, each way with some cases, as
`tests/oracles/entries.py` chooses them; with `table(most)`, at least every `most`th, which is for
tests of few ways.  So it does with other products of parameters, and of tests marked `slow` it
takes every fourth in each file.  `--tables 1` takes all; so does an argument `test[entry]`.
"""

import os
import zlib

import numpy as np
import pytest
from entries import SLOW, entries, in_turn

# Pictures are drawn to memory, wherever the tests run; matplotlib reads it when it is imported.
os.environ["MPLBACKEND"] = "Agg"
# `compare` predicts by costs that are the same on every machine, and measures none.
os.environ["DUALMC_COSTS"] = "off"


@pytest.fixture
def rng():
    """A generator that gives every test the same numbers, in whatever order they run."""
    return np.random.default_rng(20260101)


def pytest_addoption(parser):
    parser.addoption(
        "--sample", type=int, default=1, metavar="N", help="run every Nth test, by its name's hash"
    )
    parser.addoption(
        "--tables", type=int, default=16, metavar="N", help="run every Nth entry of tables alone"
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "table(most): every case in every way; see --tables")
    config.addinivalue_line("markers", "slow: Numba compiles for seconds; see --tables")


def is_sampled(name, config):
    return zlib.crc32(name.encode()) % config.getoption("--sample") == 0


def step_of_tables(config):
    return 1 if any("[" in arg for arg in config.args) else config.getoption("--tables")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_generate_tests(metafunc):
    """Drops cases before they are made into items, which is most of what collecting takes."""
    yield
    calls = metafunc._calls
    kept = entries(metafunc, step_of_tables(metafunc.config))
    name = f"{metafunc.definition.nodeid}[%s]"
    kept = [call for call in kept if is_sampled(name % call.id, metafunc.config)]
    calls[:] = kept or calls[:1]  # without any, pytest would take f for a test of no parameters


def pytest_collection_modifyitems(config, items):
    sampled = in_turn(items, min(SLOW, step_of_tables(config)))
    sampled = [item for item in sampled if is_sampled(item.nodeid, config)]
    if len(sampled) < len(items):
        chosen = set(sampled)
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = sampled
