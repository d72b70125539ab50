"""Around every test of pictures: no setting of matplotlib's has changed, and figures are closed."""

import pytest


@pytest.fixture(autouse=True)
def unchanged_settings():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    import matplotlib

    before = dict(matplotlib.rcParams)
    pyplot.close("all")  # those of examples on pages
    yield
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.get_backend().lower() == "agg"
    pyplot.close("all")


@pytest.fixture
def missing(monkeypatch):
    """A Python without matplotlib."""
    import sys

    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
