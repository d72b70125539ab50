"""What the tests of `auto_prepare` share: functions are recorded as soon as they are timed."""

import pytest

import dualmc as dm
from dualmc.automatic import repeated, way


@pytest.fixture
def at_once(monkeypatch):
    """Functions are recorded as soon as they are timed, however long that takes."""
    record = way.recorded
    monkeypatch.setattr(repeated.Repeated, "price", 0.0)
    monkeypatch.setattr(repeated, "ASKED_AFTER", 0.0)
    monkeypatch.setattr(way, "recorded", lambda f, args, asked, _: record(f, args, asked, None))
    monkeypatch.setattr("dualmc.replay.paths.SLOWER", 1e9)
    monkeypatch.setattr(repeated.Repeated, "_is_slower", lambda self, one: False)
    with dm.auto_prepare():
        yield
