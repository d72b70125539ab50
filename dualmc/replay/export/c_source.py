"""The C source of a prepared function: one function for all ways that are served."""

import math
import re

import numpy as np

from dualmc.replay.machine.c_text import Text, table
from dualmc.replay.machine.operations import FUNCTIONS
from dualmc.replay.recording.program import NotReplayable

# Numbers of a result, or of working memory, beyond which it is filled by a loop, or allocated.
MANY = 4096
_TAKEN = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while bool true false main value derivative w state k differs memcpy
    memset malloc free NAN INFINITY NULL i
    """.split()
)
_HEAD = """\
/* {title}

   {signature};

{shapes}

   Returns 0; or, with NaN in all results, 1: f goes another way there than where it was recorded,
   2: a derivative is infinite or NaN, 16: no memory is left.  Results must not lie on arguments.
   Written by dualmc.  Compile without -ffast-math, and with -ffp-contract=off for the bits of the
   prepared function. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif"""
_DIFFERS = """\
static int differs(double a, double b)
{
    uint64_t x, y;
    memcpy(&x, &a, 8);
    memcpy(&y, &b, 8);
    return x != y;
}"""


def check_name(name):
    """Refuse what is no name of a C function."""
    if type(name) is not str or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise ValueError(f"Prepared.to_c: name must be a name in C, got {name!r}.")
    if name in _TAKEN or f"llvm.{name}.f64" in FUNCTIONS.values() or name in FUNCTIONS.values():
        raise ValueError(f"Prepared.to_c: the name {name} is taken in C; give another name=.")


def _arguments(inputs):
    """Names of the arguments in C."""
    names = [given.name for given in inputs]
    fit = all(re.fullmatch(r"[A-Za-z]\w*", n, re.ASCII) and n not in _TAKEN for n in names)
    return names if fit else [f"x{k}" for k in range(len(names))]


def source(name, label, inputs, fitting, has_value, has_derivative):
    """The text of the function `name` of the ways `fitting`, pairs of a key and a path."""
    path = fitting[0][1]
    ways = [path.way(has_value, has_derivative) for _, path in fitting]
    names = {launch.name for way in ways for launch in way.written.launches}
    if names:
        raise NotReplayable(f"steps of it have no compiled form ({', '.join(sorted(names))}) in C")
    texts = [Text(way.written, f"{name}_way{k}") for k, way in enumerate(ways)]
    names = _arguments(inputs)
    results = ["value"] * has_value + ["derivative"] * has_derivative
    title = f"The {' and the '.join(results)} of {label.replace('*/', '')}."
    given = [f"const double *{n}" for n in names] + [f"double *{n}" for n in results]
    signature = f"int {name}({', '.join(given)})"
    sizes = {"value": math.prod(path.value_shape), "derivative": path.begin().size}
    parts = [
        _HEAD.format(title=title, signature=signature, shapes=_shapes(names, inputs, path, results))
    ]
    if has_derivative and path.is_sparse:
        parts += _pattern(name, path)
    if any("differs(" in function for text in texts for function in text.functions):
        parts.append(_DIFFERS)
    for k, (way, text) in enumerate(zip(ways, texts, strict=True)):
        parts += [*text.tables(), *text.functions, _way(f"{name}_way{k}", way, text)]
    parts.append(_entry(name, signature, names, results, sizes, ways))
    return "\n\n".join(parts) + "\n"


def _shapes(names, inputs, path, results):
    lines = [f"   {n}: {_shape(given.shape)}" for n, given in zip(names, inputs, strict=True)]
    if "value" in results:
        lines.append(f"   value: {_shape(path.value_shape)}")
    if "derivative" in results:
        count = path.begin().size
        what = f"its {count} nonzeros, row by row" if path.is_sparse else _shape(path.result_shape)
        lines.append(f"   derivative: {what}")
    return "\n".join(lines)


def _shape(shape):
    return f"shape {shape}, in C order" if shape else "one number"


def _pattern(name, path):
    """The sparsity pattern, as `scipy.sparse.csr_array` has it."""
    matrix = path.matrix(path.begin())
    sizes = f"rows = {path.rows}, {name}_columns = {path.columns}, {name}_nonzeros = {matrix.nnz}"
    return [
        f"enum {{ {name}_{sizes} }};",
        table("int", f"{name}_indptr", matrix.indptr),
        table("int", f"{name}_indices", matrix.indices),
    ]


def _filled(target, values, name):
    """(tables, lines) that put `values` at `target`."""
    fixed = np.flatnonzero((values != 0) | np.signbit(values))
    lines = [f"    memset({target}, 0, {8 * values.size});"] if values.size else []
    if not fixed.size:
        return [], lines
    if values.size <= MANY or fixed.size > values.size // 2:
        return [f"static {table('double', name, values)}"], [
            f"    memcpy({target}, {name}, {8 * values.size});"
        ]
    tables = [table("double", name, values[fixed]), table("int", f"{name}_at", fixed)]
    tables = [f"static {text}" for text in tables]
    body = f"({target})[{name}_at[k]] = {name}[k];"
    return tables, [*lines, f"    for (long k = 0; k < {fixed.size}; k++) {body}"]


def _way(name, way, text):
    """The function of one way: memories as they begin, then what is computed."""
    written = way.written
    parts, lines = [], []
    memories = [m for m in written.plan.memories if m.name == "work" and m.once is not None]
    for k, memory in enumerate(memories):
        tables, filled = _filled(f"w + {memory.offset}", np.asarray(memory.once), f"{name}_work{k}")
        parts += tables
        lines += filled
    if way.start is not None:
        tables, filled = _filled("out", way.start, f"{name}_start")
        parts += tables
        lines += filled
    inputs = ", ".join([*(f"x{k}" for k in range(written.count)), "w", "out"])
    lines += ["    int state = 0;"]
    lines += [f"    state |= {function}({inputs});" for function in text.names]
    return "\n\n".join([*parts, text.function(name, [*lines, "    return state;"])])


def _entry(name, signature, names, results, sizes, ways):
    """The function that is called: the ways one after the other."""
    size = max(way.written.work.size for way in ways)
    given = ", ".join([*names, "w", "derivative" if "derivative" in results else "NULL"])
    lines = ["int state = 1;"]
    if size > MANY:
        lines += [f"double *w = malloc({8 * size});", "if (w == NULL) state = 16;"]
    else:
        lines.append(f"double w[{size}];")
    for k, way in enumerate(ways):
        lines += ["if (state & 1) {", f"    state = {name}_way{k}({given});"]
        if way.value is not None and way.value.size:
            source = f"w + {way.value.offset}, {8 * way.value.size}"
            lines.append(f"    if (!state) memcpy(value, {source});")
        lines.append("}")
    if size > MANY:
        lines.append("free(w);")
    lines.append("if (state) {")
    lines += [f"    for (long k = 0; k < {sizes[r]}; k++) {r}[k] = NAN;" for r in results]
    lines += ["}", "return state;"]
    body = "\n".join("    " + line for line in lines)
    return f"{signature}\n{{\n{body}\n}}"
