"""How many numbers a step of an expression would make, known before it makes them.

The command line computes whatever is typed: ``zeros(10**12)`` is a slip, not a program.  Most
functions return no more numbers than they are given; those that do are listed here.
"""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dualmc.cli.expressions.source import Source

# Numbers in one array: 800 megabytes.
LARGEST = 10**8


def limit(source: Source, node: ast.AST, count: int) -> None:
    """Refuse a step that would make too many numbers."""
    if count > LARGEST:
        source.refuse(
            node,
            f" is too large: an array of {count} elements; {LARGEST} are computed here at most.",
        )


def predicted(function: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> int:
    """A bound of the numbers that ``function(*args, **options)`` makes; 0 where none is known."""
    count = _COUNTS.get(function)
    if count is None and isinstance(function, np.ufunc):
        count = _together
    if count is None:
        return 0
    try:
        return int(count(*args, **options))
    except Exception:  # what is wrong with them, the function itself says
        return 0


def predicted_of_operator(a: Any, b: Any, is_product: bool) -> int:
    """The same for an operator; `is_product`: of matrices."""
    return predicted(np.matmul if is_product else np.add, (a, b), {})


def numbers_in(value: Any) -> int:
    """How many numbers `value` is made of."""
    if isinstance(value, (list, tuple)):
        return sum(map(numbers_in, value))
    return math.prod(_shape(value))


def _shape(value: Any) -> tuple:
    if isinstance(value, (list, tuple, int, float, complex)):
        return np.shape(value)
    shape = getattr(value, "shape", ())
    return shape if isinstance(shape, tuple) else ()


def _volume(shape: Any) -> int:
    return math.prod(map(int, shape)) if isinstance(shape, (list, tuple)) else int(np.prod(shape))


def _together(*args: Any, **options: Any) -> int:
    return math.prod(np.broadcast_shapes(*map(_shape, args)))


def _product(a: Any, b: Any, **options: Any) -> int:
    a, b = _shape(a), _shape(b)
    lead = math.prod(np.broadcast_shapes(a[:-2], b[:-2]))
    return lead * math.prod(a[-2:-1]) * (b[-1] if len(b) > 1 else 1)


def _range(start: Any, stop: Any = None, step: Any = 1) -> int:
    start, stop = (0, start) if stop is None else (start, stop)
    return math.ceil((stop - start) / step)


def _padded(a: Any, pad_width: Any = 0, *args: Any, **options: Any) -> int:
    widths = np.broadcast_to(np.asarray(pad_width), (len(_shape(a)), 2)).sum(axis=1).tolist()
    return math.prod(n + w for n, w in zip(_shape(a), widths, strict=True))


def _repeated(a: Any, repeats: Any, axis: Any = None) -> int:
    return numbers_in(a) * int(np.max(repeats))


def _spaced(start: Any, stop: Any, num: int = 50, **options: Any) -> int:
    return num * _together(start, stop)


def _square(n: int, m: int | None = None, *args: Any, **options: Any) -> int:
    return n * (n if m is None else m)


def _transformed(a: Any, n: int | None = None, *args: Any, **options: Any) -> int:
    return numbers_in(a) if n is None else numbers_in(a) // max(1, _shape(a)[-1]) * n


_COUNTS: dict[Callable[..., Any], Callable[..., int]] = {
    np.zeros: lambda shape, **options: _volume(shape),
    np.ones: lambda shape, **options: _volume(shape),
    np.full: lambda shape, fill_value, **options: _volume(shape),
    np.broadcast_to: lambda array, shape, **options: _volume(shape),
    np.resize: lambda a, new_shape: _volume(new_shape),
    np.indices: lambda dimensions, **options: len(dimensions) * _volume(dimensions),
    np.tile: lambda A, reps: numbers_in(A) * _volume(reps),
    np.repeat: _repeated,
    np.eye: _square,
    np.tri: _square,
    np.identity: _square,
    np.arange: _range,
    np.linspace: _spaced,
    np.logspace: _spaced,
    np.geomspace: _spaced,
    np.pad: _padded,
    np.outer: lambda a, b: numbers_in(a) * numbers_in(b),
    np.kron: lambda a, b: numbers_in(a) * numbers_in(b),
    np.vander: lambda x, N=None, **options: _square(numbers_in(x), N),
    np.diag: lambda v, k=0: (numbers_in(v) + abs(k)) ** 2 if len(_shape(v)) == 1 else numbers_in(v),
    np.diagflat: lambda v, k=0: (numbers_in(v) + abs(k)) ** 2,
    np.meshgrid: lambda *xs, **options: len(xs) * math.prod(map(numbers_in, xs)),
    np.matmul: _product,
    np.dot: _product,
    np.fft.fft: _transformed,
    np.fft.ifft: _transformed,
    np.fft.rfft: _transformed,
    np.fft.irfft: _transformed,
}
