"""The verbs where x, or what f returns, is a structure: on its leaves, and put together again.

A verb that meets a structure where an array was expected calls its namesake of this file, which
calls the verb anew with a `Flat`.  Calls on plain arrays come nowhere near.
"""

from dataclasses import replace

from dualmc.calls.outputs import scalar
from dualmc.calls.request import Request
from dualmc.calls.structures.flat import Flat, known, returns_one
from dualmc.calls.structures.trees import Structure

__all__ = ["known", "returns_one"]  # for those who ask before they call f


def with_request(use, caller, f, args, argnums):
    """``use(request)`` of a dense Jacobian, by `Flat` where `args` or results are structures."""
    try:
        return use(Request(caller, f, args, argnums, None, False, "numerator", False))
    except Structure as met:
        flat = Flat(met, caller, f, args, argnums)
        return use(Request(caller, flat, flat.args, flat.numbers, None, False, "numerator", False))


def jacobian(
    met, differentiate, caller, f, args, argnums, chunk_size, sparse, layout, has_aux
):  # fmt: skip
    """(y, J, aux) of structures; ``differentiate(caller, f, args, ...)`` is that of arrays."""
    flat = Flat(met, caller, f, args, argnums)
    request = Request(caller, flat, flat.args, flat.numbers, chunk_size, sparse, layout, has_aux)
    flat.has_aux = request.has_aux
    y, blocks, aux = differentiate(
        caller, flat, flat.args, flat.numbers, chunk_size, request.sparse, "numerator", has_aux
    )
    return flat.value(y), flat.jacobian(request, blocks), aux


def gradient(met, differentiate, caller, f, args, argnums, has_aux):
    """(y, g, aux) of structures."""
    flat = Flat(met, caller, f, args, argnums, needs_number=True)
    flat.has_aux = has_aux is True
    y, found, aux = differentiate(caller, flat, flat.args, flat.numbers, has_aux)
    return y, flat.inputs(found), aux


def hessian(met, differentiate, f, args, argnums, **options):
    """H of structures: ``H[a][b]``, a and b of the structure of x."""
    flat = Flat(met, "hessian", f, args, argnums, needs_number=True)
    rows = differentiate(flat, *flat.args, argnums=flat.numbers, **options)
    return flat.inputs([flat.inputs(row) for row in rows])


def along(met, differentiate, caller, f, primals, tangents):
    """(y, y_dot) of structures; ``differentiate(caller, f, primals, tangents)`` is of arrays."""
    names = [f"primals[{i}]" for i in range(len(primals))]
    flat = Flat(met, caller, f, primals, tuple(range(len(primals))), names=names)
    x_dots = flat.like_inputs(tangents)
    y, y_dot = differentiate(caller, flat, flat.args, x_dots)
    return flat.value(y), flat.outputs([scalar(part) for part in flat.leaves_of(y_dot)])


def pullback(met, differentiate, f, args, numbers, is_tuple, has_aux):
    """(y, pullback) of structures, and aux; ``differentiate(f, args, has_aux=)`` is of arrays."""
    flat = Flat(met, "vjp", f, args, numbers)
    flat.is_tuple, flat.has_aux = is_tuple, bool(has_aux)
    y, pull, *aux = differentiate(flat, flat.args, has_aux=has_aux)

    def pullback(y_bar):
        return flat.inputs(pull(flat.like_output(y_bar)))

    return (flat.value(y), pullback, *aux)


def placed(check, f):
    """A `JacobianCheck`, with the worst entry where it is in the structures."""
    if not isinstance(f, Flat):
        return check
    number, place = f.place_of_input(check.argnum, check.input)
    return replace(check, output=f.place_of_output(check.output), argnum=number, input=place)
