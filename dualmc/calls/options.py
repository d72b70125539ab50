"""The options of the public functions: what each may be, and a sentence for what it may not."""

from typing import Literal, TypeAlias, get_args

import numpy as np

from dualmc.calls import banded

Argnums: TypeAlias = int | tuple[int, ...] | list[int]
Layout: TypeAlias = Literal["numerator", "denominator"]
Format: TypeAlias = Literal["csr", "csc", "coo"]
Sparse: TypeAlias = bool | Format | Literal["banded"] | tuple[Literal["banded"], int, int]
Batch: TypeAlias = bool | Literal["broadcast"] | tuple[int, ...]
Of: TypeAlias = Literal["jacobian", "gradient", "hessian", "jvp", "vjp", "hvp"]
# The sparse formats in which a Jacobian is handed back.
FORMATS = get_args(Format)


def format_of(sparse, caller):
    """The format that the option `sparse` asks for, or None for a dense result.

    Of diagonals it is what was given: "banded", or a tuple with their numbers.
    """
    if issubclass(type(sparse), (bool, np.bool_)):
        return FORMATS[0] if sparse else None
    if isinstance(sparse, str) and sparse in FORMATS:
        return sparse
    if banded.is_asked(sparse):
        return sparse
    one = f'{_listed((*FORMATS, banded.NAME))} or ("banded", lower, upper)'
    raise wrong("sparse", sparse, f"True, False or one of {one}", caller)


def check_layout(layout, caller):
    if not isinstance(layout, str) or layout not in ("numerator", "denominator"):
        raise ValueError(
            f'{caller}: layout must be "numerator" or "denominator", got layout={layout!r}.'
        )


def check_flag(name, value, caller):
    """`value` as a bool."""
    if not issubclass(type(value), (bool, np.bool_)):
        raise wrong(name, value, "True or False", caller)
    return bool(value)


def wrong(name, value, needs, caller):
    """The error for an option: a TypeError where not even its type would do."""
    kind = ValueError if issubclass(type(value), (str, int, float)) else TypeError
    return kind(f"{caller}: {name} must be {needs}, got {name}={value!r}.")


def _listed(words):
    return ", ".join(f'"{word}"' for word in words)


def check_argnums(argnums, count, caller, name="argnums"):
    """`argnums` as a tuple of positions, and whether it was given as one."""
    if type(argnums) is int and 0 <= argnums < count:
        return (argnums,), False
    given = argnums if issubclass(type(argnums), (tuple, list)) else (argnums,)
    if not given:
        raise ValueError(f"{caller}: {name} must name at least one argument, got ().")
    numbers = []
    for a in given:
        if issubclass(type(a), bool) or not issubclass(type(a), (int, np.integer)):
            raise TypeError(
                f"{caller}: {name} must be an int or a tuple of ints, got {name}={argnums!r}."
            )
        if not -count <= a < count:
            raise ValueError(
                f"{caller}: {name}={argnums!r} is out of range: f is called with {count} "
                f"positional argument{'s' * (count != 1)}, numbered from 0."
            )
        numbers.append(int(a) % count)
    if len(numbers) != len(frozenset(numbers)):
        raise ValueError(f"{caller}: {name}={argnums!r} names an argument twice.")
    return tuple(numbers), issubclass(type(argnums), (tuple, list))


def check_chunk_size(chunk_size, caller):
    if chunk_size is None:
        return None
    if issubclass(type(chunk_size), bool) or not issubclass(type(chunk_size), (int, np.integer)):
        raise TypeError(
            f"{caller}: chunk_size must be a positive int, got chunk_size={chunk_size!r}."
        )
    if chunk_size < 1:
        raise ValueError(
            f"{caller}: chunk_size must be a positive int, got chunk_size={chunk_size}."
        )
    return int(chunk_size)


def import_sparse(caller):
    try:
        import scipy.sparse
    except ImportError:
        raise ImportError(
            f"{caller}: sparse=True returns a scipy.sparse.csr_array and needs SciPy. "
            f"Install it with: pip install dualmc[sparse]"
        ) from None
    return scipy.sparse
