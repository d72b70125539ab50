"""What the tests of `auto_prepare` share: functions are recorded as soon as they are weighed."""

import pytest

import dualmc as dm
from dualmc.automatic import cost, repeated


@pytest.fixture
def at_once(monkeypatch):
    """Functions are recorded as soon as they are weighed, whatever that costs."""
    for name in ("LOADING", "MAKING", "RECORDED", "OPERATION"):
        monkeypatch.setattr(cost, name, 0.0)
    monkeypatch.setattr(cost.Counted, "pace", 0.0)
    monkeypatch.setattr(cost, "SLOWER", 1e9)
    monkeypatch.setattr(repeated, "ASKED_AFTER", 1)
    with dm.auto_prepare():
        yield
