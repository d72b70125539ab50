"""The notebooks of `examples/notebooks/` run from top to bottom, and are kept clean and small."""

import pathlib

import pytest

nbformat = pytest.importorskip("nbformat", reason="needs the extra notebooks")
pytest.importorskip("ipykernel", reason="needs the extra notebooks")
nbclient = pytest.importorskip("nbclient", reason="needs the extra notebooks")

FOLDER = pathlib.Path(__file__).parents[2] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
named = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_five():
    told = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 5
    assert all(f"]({path.name})" in told for path in NOTEBOOKS)


@named
@pytest.mark.filterwarnings("default")  # of the client's own
def test_it_runs(path, monkeypatch):
    """Every cell, with its own assertions, in a kernel of its own; the kinds of output are kept."""
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    kept = nbformat.read(path, as_version=4)
    run = nbformat.read(path, as_version=4)
    for cell in run.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    nbclient.NotebookClient(run, timeout=120, resources={"metadata": {"path": FOLDER}}).execute()
    assert [kinds(cell) for cell in run.cells] == [kinds(cell) for cell in kept.cells]


def kinds(cell):
    """The kinds of output; how text is cut into pieces is a matter of time."""
    found = {"+".join(sorted(out.get("data", {}))) or out.name for out in cell.get("outputs", [])}
    return found - {"stderr"}


@named
def test_it_is_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 100_000
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [out for cell in code for out in cell.outputs]
    assert any(outputs)
    assert not [out for out in outputs if out.output_type == "error" or out.get("name") == "stderr"]
    assert not [line for cell in code for line in cell.source.splitlines() if len(line) > 100]
    text = path.read_text(encoding="utf-8")
    assert "<script src=" not in text and "/home/" not in text and "/work/" not in text
