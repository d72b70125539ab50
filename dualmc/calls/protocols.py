"""What the public functions give for which options, as type checkers read it.

A protocol says what comes back: one array for an int `argnums`, a tuple of them for a tuple;
matrices of SciPy's for ``sparse=``; aux beside the rest for ``has_aux=True``.  Of a structure as x,
what the result holds is known at run time.  Inside another derivative call Duals stand where it
says arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeAlias,
    TypedDict,
    Unpack,
    overload,
)

import numpy as np
from numpy.typing import NDArray

from dualmc.calls.options import Argnums, Batch, Layout, Sparse

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from scipy.sparse import csr_array

F: TypeAlias = Callable[..., Any]
Array: TypeAlias = NDArray[Any]
Number: TypeAlias = "np.floating[Any]"
Several: TypeAlias = tuple[int, ...] | list[int]
No: TypeAlias = Literal[False]
Yes: TypeAlias = Literal[True]
At: TypeAlias = Literal[True, "broadcast"] | tuple[int, ...]
"""Of the option `batch`: many points."""
Asked: TypeAlias = Literal[True, "csr"]
"""Of the option `sparse`: a `scipy.sparse.csr_array`."""


class Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Structure: TypeAlias = dict[Any, Any] | tuple[Any, ...] | SimpleNamespace | Dataclass


class Pass(TypedDict, total=False):
    """Options that do not change what kind of result comes back."""

    chunk_size: int | None
    layout: Layout
    batch: Batch
    executor: Executor | None
    out: Any
    resume: bool
    progress: bool
    prepare: bool


class Chunks(TypedDict, total=False):
    chunk_size: int | None
    batch: Batch
    prepare: bool


class Points(TypedDict, total=False):
    batch: Batch
    prepare: bool


# fmt: off


class Jacobian(Protocol):
    """J, or (J, aux)."""

    @overload
    def __call__(self, f: F, x: Structure, *args: Any, argnums: Argnums = 0, sparse: Sparse = False,
                 has_aux: bool = False, **options: Unpack[Pass]) -> Any: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: No = False, has_aux: No = False,
                 **options: Unpack[Pass]) -> Array: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: No = False, has_aux: Yes,
                 **options: Unpack[Pass]) -> tuple[Array, Any]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: No = False, has_aux: No = False,
                 **options: Unpack[Pass]) -> tuple[Array, ...]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: No = False, has_aux: Yes,
                 **options: Unpack[Pass]) -> tuple[tuple[Array, ...], Any]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: Asked, has_aux: No = False,
                 **options: Unpack[Pass]) -> csr_array: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: Asked, has_aux: Yes,
                 **options: Unpack[Pass]) -> tuple[csr_array, Any]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: Asked, has_aux: No = False,
                 **options: Unpack[Pass]) -> tuple[csr_array, ...]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: Asked, has_aux: Yes,
                 **options: Unpack[Pass]) -> tuple[tuple[csr_array, ...], Any]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Argnums = 0, sparse: Sparse = False,
                 has_aux: bool = False, **options: Unpack[Pass]) -> Any: ...


class ValueAndJacobian(Protocol):
    """(y, J), or ((y, aux), J)."""

    @overload
    def __call__(self, f: F, x: Structure, *args: Any, argnums: Argnums = 0, sparse: Sparse = False,
                 has_aux: bool = False, **options: Unpack[Pass]) -> Any: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: No = False, has_aux: No = False,
                 **options: Unpack[Pass]) -> tuple[Any, Array]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: No = False, has_aux: Yes,
                 **options: Unpack[Pass]) -> tuple[tuple[Any, Any], Array]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: No = False, has_aux: No = False,
                 **options: Unpack[Pass]) -> tuple[Any, tuple[Array, ...]]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: No = False, has_aux: Yes,
                 **options: Unpack[Pass]) -> tuple[tuple[Any, Any], tuple[Array, ...]]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: Asked, has_aux: No = False,
                 **options: Unpack[Pass]) -> tuple[Any, csr_array]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: Asked, has_aux: Yes,
                 **options: Unpack[Pass]) -> tuple[tuple[Any, Any], csr_array]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: Asked, has_aux: No = False,
                 **options: Unpack[Pass]) -> tuple[Any, tuple[csr_array, ...]]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: Asked, has_aux: Yes,
                 **options: Unpack[Pass]) -> tuple[tuple[Any, Any], tuple[csr_array, ...]]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Argnums = 0, sparse: Sparse = False,
                 has_aux: bool = False, **options: Unpack[Pass]) -> Any: ...


class Gradient(Protocol):
    """g, or (g, aux)."""

    @overload
    def __call__(self, f: F, x: Structure, *args: Any, argnums: Argnums = 0, has_aux: bool = False,
                 **options: Unpack[Points]) -> Any: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, has_aux: No = False,
                 **options: Unpack[Points]) -> Array: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, has_aux: Yes,
                 prepare: bool = True) -> tuple[Array, Any]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, has_aux: No = False,
                 **options: Unpack[Points]) -> tuple[Array, ...]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several,
                 has_aux: Yes, prepare: bool = True) -> tuple[tuple[Array, ...], Any]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Argnums = 0, has_aux: bool = False,
                 **options: Unpack[Points]) -> Any: ...


class ValueAndGradient(Protocol):
    """(y, g), or ((y, aux), g)."""

    @overload
    def __call__(self, f: F, x: Structure, *args: Any, argnums: Argnums = 0, has_aux: bool = False,
                 **options: Unpack[Points]) -> Any: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, batch: At,
                 has_aux: No = False, prepare: bool = True) -> tuple[Array, Array]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, batch: At,
                 has_aux: No = False, prepare: bool = True) -> tuple[Array, tuple[Array, ...]]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0,
                 has_aux: No = False, prepare: bool = True) -> tuple[Number, Array]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0,
                 has_aux: Yes, prepare: bool = True) -> tuple[tuple[Number, Any], Array]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several,
                 has_aux: No = False, prepare: bool = True) -> tuple[Number, tuple[Array, ...]]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several,
                 has_aux: Yes,
                 prepare: bool = True) -> tuple[tuple[Number, Any], tuple[Array, ...]]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Argnums = 0, has_aux: bool = False,
                 **options: Unpack[Points]) -> Any: ...


class Hessian(Protocol):
    """H, a tuple of tuples for a tuple of `argnums`."""

    @overload
    def __call__(self, f: F, x: Structure, *args: Any, argnums: Argnums = 0, sparse: Sparse = False,
                 **options: Unpack[Chunks]) -> Any: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: No = False,
                 **options: Unpack[Chunks]) -> Array: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: No = False,
                 **options: Unpack[Chunks]) -> tuple[tuple[Array, ...], ...]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: int = 0, sparse: Asked,
                 **options: Unpack[Chunks]) -> csr_array: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Several, sparse: Asked,
                 **options: Unpack[Chunks]) -> tuple[tuple[csr_array, ...], ...]: ...
    @overload
    def __call__(self, f: F, *args: Any, argnums: Argnums = 0, sparse: Sparse = False,
                 **options: Unpack[Chunks]) -> Any: ...


class Vjp(Protocol):
    """(y, pullback), or (y, pullback, aux)."""

    @overload
    def __call__(self, f: F, primals: Any, *more: Any, has_aux: No = False) -> tuple[Any, F]: ...
    @overload
    def __call__(self, f: F, primals: Any, *more: Any, has_aux: Yes) -> tuple[Any, F, Any]: ...


# fmt: on
