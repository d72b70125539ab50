"""Arguments of a function that is called once per chunk of columns, and may write into them.

Each call must find them as the first one did.  A function that compiles for arrays that cannot be
written to needs nothing; else the later calls have copies.  Lists and dictionaries are copied.
"""

from numba.core import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

_CONTAINERS = (types.List, types.ListType, types.DictType, types.Set)


def _parts(kind):
    return kind.types if isinstance(kind, types.BaseTuple) else ()


def is_array(kind):
    return isinstance(kind, types.Array) and kind.mutable


def _frozen_type(kind):
    if isinstance(kind, types.Array):
        return kind.copy(readonly=True)
    if not any(isinstance(part, (types.Array, types.BaseTuple)) for part in _parts(kind)):
        return kind
    parts = [_frozen_type(part) for part in kind.types]
    if isinstance(kind, types.BaseNamedTuple):
        return types.BaseTuple.from_types(parts, kind.instance_class)
    return types.BaseTuple.from_types(parts)


@intrinsic
def frozen(context, a):
    """The argument itself, its arrays as such that cannot be written to."""
    kind = _frozen_type(a)

    def code(context, builder, sig, args):
        return impl_ret_borrowed(context, builder, kind, args[0])

    return kind(a), code


@intrinsic
def itself(context, a):
    def code(context, builder, sig, args):
        return impl_ret_borrowed(context, builder, sig.return_type, args[0])

    return a(a), code


def _copier(name, takes):
    """A function that copies the parts of a value whose types `takes` holds of."""

    def copied(a):
        raise NotImplementedError

    copied.__name__ = name

    @overload(copied)
    def chosen(a):
        if not _holds(a, takes):
            return lambda a: a
        if isinstance(a, types.Array):
            return lambda a: a.copy()
        if isinstance(a, _CONTAINERS):
            return _copy_of_container(a, copied, takes)
        items = ", ".join(f"copied(a[{i}])" for i in range(len(a.types)))
        scope = {"copied": copied}
        if isinstance(a, types.BaseNamedTuple):
            scope["cls"] = a.instance_class
            return eval(f"lambda a: cls({items})", scope)
        return eval(f"lambda a: ({items},)", scope)

    return copied


def _copy_of_container(kind, copied, takes):
    parts = getattr(kind, "item_type", None) or getattr(kind, "value_type", None)
    if parts is None or not _holds(parts, takes):
        return lambda a: a.copy()
    if isinstance(kind, types.ListType):

        def of_list(a):
            out = a.copy()
            for i in range(len(a)):
                out[i] = copied(a[i])
            return out

        return of_list

    def of_dict(a):
        out = a.copy()
        for key in a:
            out[key] = copied(a[key])
        return out

    return of_dict


def _holds(kind, takes):
    parts = (*_parts(kind), getattr(kind, "item_type", None), getattr(kind, "value_type", None))
    return takes(kind) or any(_holds(part, takes) for part in parts if part is not None)


def holds_arrays(kind):
    """Whether there is an array in a value of this type that code can write to."""
    return _holds(kind, is_array)


copied = _copier("copied", lambda kind: is_array(kind) or isinstance(kind, _CONTAINERS))
copied_containers = _copier("copied_containers", lambda kind: isinstance(kind, _CONTAINERS))


def copied_and_frozen(a):
    raise NotImplementedError


@overload(copied_and_frozen)
def _copied_and_frozen(a):
    return lambda a: frozen(copied_containers(a))


# How a sweep hands an argument on: to its first call, what it saves for later ones, and to those.
UNWRITTEN = {
    "once": frozen, "saved": copied_containers, "again": copied_and_frozen, "copied": copied,
}  # fmt: skip
WRITTEN = {"once": itself, "saved": copied, "again": copied, "copied": copied}
