"""Which functions of NumPy and of scipy.special are differentiated, and how: two pages of `docs/`.

python -m dualmc.rules.coverage > docs/coverage.md
python -m dualmc.rules.coverage scipy.special > docs/coverage_special.md
"""

import sys

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

SPECIAL = """\
# Special functions of SciPy and their derivatives

Made by `python -m dualmc.rules.coverage scipy.special`; a test compares it with the library. These
are the ufuncs of `scipy.special`, which `f` calls as they are:

```python
>>> import dualmc as dm
>>> from scipy.special import gammaln
>>> dm.derivative(gammaln, 1.0).round(6).item()  # less Euler's constant
-0.577216
```

An argument that has no derivative may be a constant; a Dual there is refused by name, as a Dual is
by a function that is not differentiated. The rest of SciPy: [arrays, splines, filters,
images](scipy.md), [sparse matrices and integrals](scipy_algebra.md), [differential
equations](odes.md), [solvers](with_scipy.md)."""


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


def special_functions():
    """The ufuncs of scipy.special: ``{name: what is said of it}``, of those without a rule None.

    What is said is empty, or by which arguments there is no derivative.
    """
    from scipy import special

    found = {}
    for name in sorted(special.__all__):
        function = getattr(special, name)
        if isinstance(function, np.ufunc):
            found[name] = _refused_of(function) if registry.learn(function) else None
    return found


def _refused_of(ufunc):
    """By which arguments a ufunc that has a rule is not differentiated, in words."""
    partials = RULES[ufunc].partials if ufunc in RULES else ()
    refused = [by.error[1] for by in partials if hasattr(by, "error")]
    return ", ".join(dict.fromkeys(words.removeprefix("with respect to ") for words in refused))


def special_table():
    """The page of scipy.special, in Markdown."""
    found = special_functions()
    kinds = {
        "By every argument": [f"`{name}`" for name, but in found.items() if but == ""],
        "By some arguments": [f"`{name}` (not by {but})" for name, but in found.items() if but],
        "Not differentiated": [f"`{name}`" for name, but in found.items() if but is None],
    }
    lines = [SPECIAL]
    for kind, names in kinds.items():
        lines += ["", f"## {kind}", "", f"{len(names)} functions: " + ", ".join(names) + "."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(special_table() if sys.argv[1:] == ["scipy.special"] else table(), end="")
