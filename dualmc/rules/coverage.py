"""Which of NumPy's functions are differentiated, and how: the table in `docs/coverage.md`.

python -m dualmc.rules.coverage > docs/coverage.md
"""

import numpy as np

from dualmc.rules import registry
from dualmc.rules.table import RULES

NAMESPACES = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft}
EXTRA = {"numpy.lib.stride_tricks.sliding_window_view": np.lib.stride_tricks.sliding_window_view}

MEANING = {
    "element-wise": "differentiated by its row in the rule table",
    "selection": "moves elements; their derivatives move along",
    "linear": "differentiated by linearity",
    "bilinear": "differentiated by the product rule",
    "composite": "differentiated through its definition",
    "in-place": "writes values and derivatives into a Dual",
    "flat": "derivative zero wherever it exists; looks at the value only",
    "missing": "raises `MissingRuleError` when given a Dual",
    "not dispatched": "does not reach dualmc: makes arrays, or handles no array of floats",
}


def functions():
    """Every public function of the namespaces: ``{dotted name: function}``."""
    found = {}
    for prefix, namespace in NAMESPACES.items():
        for name in sorted(dir(namespace)):
            function = getattr(namespace, name)
            if name.startswith("_") or isinstance(function, type) or not callable(function):
                continue
            found[f"{prefix}.{name}"] = function
    return found | EXTRA


def kind_of(function):
    """The key of `MEANING` that says what happens to a Dual given to `function`."""
    if isinstance(function, np.ufunc):
        if function in RULES:
            return "element-wise"
        entry = registry.UFUNCS.get(function)
        return "missing" if entry is None else entry.kind
    entry = registry.FUNCTIONS.get(function)
    if entry is not None:
        return entry.kind
    if function in registry.CREATION or not hasattr(function, "_implementation"):
        return "not dispatched"
    return "missing"


def table():
    """The page, in Markdown."""
    rows = {name: kind_of(function) for name, function in functions().items()}
    lines = [
        "# NumPy functions and their derivatives",
        "",
        "Made by `python -m dualmc.rules.coverage`; a test compares it with the library.",
        "",
        "| kind | functions | what happens to a Dual |",
        "|---|---|---|",
    ]
    for kind, meaning in MEANING.items():
        lines.append(f"| {kind} | {sum(k == kind for k in rows.values())} | {meaning} |")
    for kind in MEANING:
        names = [name.removeprefix("numpy.") for name, k in rows.items() if k == kind]
        lines += ["", f"## {kind}", "", ", ".join(f"`{name}`" for name in names)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
