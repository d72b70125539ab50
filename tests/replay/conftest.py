"""What several tests of `prepare` share."""

import pytest


@pytest.fixture
def always_replayed(monkeypatch):
    """Also where a fresh call is faster."""
    monkeypatch.setattr("dualmc.replay.paths.SLOWER", 1e9)
