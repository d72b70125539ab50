"""Every row of the tables of equivalents in docs/coming_from/ gives the same on both sides.

The left column runs in the library it names, where that is installed; f, g, h, x, v, w and points
are those of the page's first block, written for that library here.
"""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries, about themselves
FOLDER = Path(__file__).parents[1] / "docs/coming_from"
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)

# What the left columns read: the page, its title in the table, the import, the functions.
NUMPY = """
f = lambda x: np.stack([3 * x[0] ** 2 * x[1], 2 * x[0] + x[1] ** 8])
g = lambda x: x[0] ** 3 * x[1] ** 2
h = lambda a, b: a @ b + b[0] ** 2
"""
POINTS = """
x, v, w = array([1.0, 2.0]), array([1.0, -1.0]), array([0.5, 3.0])
points = array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])
"""
LIBRARIES = {
    "jax": (
        "JAX",
        "import jax, jax.numpy as np\njax.config.update('jax_enable_x64', True)\narray = np.array",
        NUMPY,
    ),
    "autograd": (
        "autograd",
        "import autograd, autograd.numpy as np\narray = np.array",
        NUMPY.replace("np.stack", "np.array").replace("a @ b", "np.dot(a, b)"),
    ),
    "pytorch": (
        "PyTorch",
        "import torch\narray = lambda a: torch.tensor(a, dtype=torch.float64)",
        NUMPY.replace("np.stack", "torch.stack"),
    ),
    "casadi": (
        "CasADi",
        "import casadi as ca\nfrom numpy import array\ns = ca.SX.sym('s', 2)",
        NUMPY.replace("np.stack", "").replace("([3", "ca.vertcat(*[3"),
    ),
    "numdifftools": (
        "numdifftools",
        "import numdifftools as nd, numpy as np, scipy.optimize, scipy.differentiate\n"
        "from numpy import array",
        NUMPY,
    ),
}
MODULES = {"pytorch": "torch"}


def table(page, title):
    text = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(
        rf"^\| {title} \| dualmc \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE
    )
    return [ROW.match(line).groups() for block in blocks for line in block.splitlines()]


ROWS = [
    pytest.param(page, left, right, id=f"{page}: {left}")
    for page, (title, _, _) in LIBRARIES.items()
    for left, right in table(page, title)
]


def leaves(result):
    """The arrays of a result, in order."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, list | tuple):
        return [leaf for part in result for leaf in leaves(part)]
    if hasattr(result, "full"):  # CasADi's matrices
        result = result.full()
    return [np.squeeze(np.asarray(result))]


@pytest.mark.parametrize(("page", "left", "right"), ROWS)
def test_both_sides_agree(page, left, right):
    _, start, functions = LIBRARIES[page]
    pytest.importorskip(MODULES.get(page, page))
    theirs, ours = {}, {}
    exec(start + functions + POINTS, theirs)
    source = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
    first = doctest.DocTestParser().get_doctest(source.split("## ")[0], ours, page, None, 0)
    assert doctest.DocTestRunner(verbose=False).run(first).failed == 0
    exec("".join(example.source for example in first.examples), ours)

    expected, actual = leaves(eval(left, theirs)), leaves(eval(right, ours))

    assert len(expected) == len(actual) > 0
    tolerance = 1e-7 if page == "numdifftools" else 1e-12
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance)


def test_rows_are_read():
    counts = {page: len(table(page, title)) for page, (title, _, _) in LIBRARIES.items()}
    assert min(counts.values()) >= 5
    assert set(counts) <= {path.stem for path in FOLDER.glob("*.md")}
