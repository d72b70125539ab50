"""What type checkers make of the public calls.  mypy reads this file in `.ci/run`; nothing runs it.

SciPy has no types of its own: its matrices are `Any` here, and no arrays of NumPy's.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, assert_type

import numpy as np
from numpy.typing import NDArray

import dualmc as dm

Array = NDArray[Any]
X = np.ones(3)


def f(x: Any, *rest: Any) -> Any:
    return x


# argnums: an int gives one, a tuple gives a tuple.
assert_type(dm.jacobian_fwd(f, X), Array)
assert_type(dm.jacobian_rev(f, X, X, argnums=1, layout="denominator", chunk_size=2), Array)
assert_type(dm.jacobian_fwd(f, X, X, argnums=(0, 1)), tuple[Array, ...])
assert_type(dm.value_and_jacobian_fwd(f, X, argnums=(0,)), tuple[Any, tuple[Array, ...]])
assert_type(dm.gradient(f, X), Array)
assert_type(dm.gradient(f, X, X, argnums=(0, 1)), tuple[Array, ...])
assert_type(dm.hessian(f, X, chunk_size=2), Array)
assert_type(dm.hessian(f, X, X, argnums=(0, 1)), tuple[tuple[Array, ...], ...])

# batch: an axis in front.
assert_type(dm.jacobian_fwd(f, X, batch=True), Array)
assert_type(dm.jacobian_fwd(f, X, X, argnums=(0, 1), batch=(0,)), tuple[Array, ...])
assert_type(dm.value_and_jacobian_fwd(f, X, batch="broadcast"), tuple[Any, Array])
assert_type(dm.gradient(f, X, batch=True), Array)
assert_type(dm.value_and_gradient(f, X, batch=True), tuple[Array, Array])
assert_type(dm.hessian(f, X, batch=True), Array)

# has_aux: one more.
assert_type(dm.jacobian_rev(f, X, has_aux=True), tuple[Array, Any])
assert_type(dm.jacobian_fwd(f, X, argnums=(0,), has_aux=True), tuple[tuple[Array, ...], Any])
assert_type(dm.value_and_jacobian_rev(f, X), tuple[Any, Array])
assert_type(dm.value_and_jacobian_rev(f, X, has_aux=True), tuple[tuple[Any, Any], Array])
assert_type(dm.gradient(f, X, has_aux=True), tuple[Array, Any])
assert_type(dm.value_and_gradient(f, X)[1], Array)
assert_type(dm.value_and_gradient(f, X)[0], "np.floating[Any]")
assert_type(dm.value_and_gradient(f, X, has_aux=True)[0][1], Any)
assert len(dm.vjp(f, X)) == 2
assert len(dm.vjp(f, X, has_aux=True)) == 3

# sparse: no array of NumPy's.
assert_type(dm.jacobian_fwd(f, X, sparse=True), Any)
assert_type(dm.jacobian_rev(f, X, sparse="csc"), Any)
assert_type(dm.jacobian_fwd(f, X, argnums=(0,), sparse=True), tuple[Any, ...])
assert_type(dm.value_and_jacobian_fwd(f, X, sparse="coo"), Any)
assert_type(dm.hessian(f, X, sparse=True), Any)


# Structures: what they hold is known at run time.
@dataclass
class Body:
    mass: float


class Point(NamedTuple):
    a: float


assert_type(dm.gradient(f, {"a": X}), Any)
assert_type(dm.gradient(f, Body(1.0)).mass, Any)
assert_type(dm.jacobian_fwd(f, Point(1.0), sparse=True, layout="denominator")["y"].a, Any)
assert_type(dm.value_and_jacobian_rev(f, {"a": X}, X, argnums=(0, 1), chunk_size=1), Any)
assert_type(dm.value_and_gradient(f, (X, 1.0)), Any)
assert_type(dm.hessian(f, {"a": X})["a"]["a"], Any)
assert_type(dm.jacobian_fwd(f, [1.0, 2.0]), Array)
dm.jacobian_fwd(f, {"a": X}, layout="rows")  # type: ignore[call-overload]

# Options that are known at run time only.
flag = bool(X[0])
assert_type(dm.jacobian_fwd(f, X, sparse=flag, has_aux=flag), Any)

# What is no option's value is an error.
dm.jacobian_fwd(f, X, layout="rows")  # type: ignore[call-overload]
dm.jacobian_rev(f, X, sparse="dia")  # type: ignore[call-overload]
dm.gradient(f, X, argnums="x")  # type: ignore[call-overload]
dm.prepare(f, X, layout="rows")  # type: ignore[arg-type]
dm.prepare(f, X, of="jacobean")  # type: ignore[arg-type]

# The others.
assert_type(dm.jvp(f, X, X), tuple[Any, Any])
assert_type(dm.prepare(f, X, of="hessian"), dm.Prepared)
assert_type(dm.compare(f, X), dm.Comparison)
assert_type(dm.check_jacobian(f, X), dm.JacobianCheck)
