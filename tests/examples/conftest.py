"""How an example is run by the tests."""

import importlib
import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch, capsys):
    """Runs `main` of the example of that name, with options; its figures."""
    monkeypatch.syspath_prepend(str(FOLDER))
    # A clean copy of what examples share: other modules may have these names.
    monkeypatch.delitem(sys.modules, "measured", raising=False)

    def run(name, **options):
        monkeypatch.delitem(sys.modules, name, raising=False)
        figures = importlib.import_module(name).main(**options)
        assert capsys.readouterr().out, "an example prints what it gained"
        return figures

    return run
