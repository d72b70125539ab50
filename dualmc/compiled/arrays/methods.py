"""Methods of arrays of Duals: ``x.sum()`` beside ``np.sum(x)``.

Numba takes the first template that knows a method's name for an array, whatever the array holds; so
an ``overload_method`` would take the methods of plain arrays away.  The templates made here know
none but arrays of Duals.
"""

import inspect

from numba.core import types
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr
from numba.extending import lower_builtin, overload

from dualmc.compiled.scalars.dual_type import is_dual


def is_dual_array(kind):
    return isinstance(kind, types.Array) and is_dual(kind.dtype)


def method(name):
    """Decorator of what overloads a function: the same of arrays of Duals as the method `name`."""

    def register(chosen):
        def stand_in(*args):
            raise NotImplementedError

        overload(stand_in)(chosen)
        _install(name, stand_in, inspect.signature(chosen))
        return chosen

    return register


def _install(name, stand_in, signature):
    key = f"dualmc.array.{name}"

    class Method(AbstractTemplate):
        def generic(self, args, kws):
            function = self.context.resolve_value_type(stand_in)
            found = function.get_call_type(self.context, (self.this, *args), kws)
            return None if found is None else found.replace(pysig=signature).as_method()

    Method.key = key

    def resolve(self, array, attribute):
        if attribute == name and is_dual_array(array):
            return types.BoundFunction(Method, array)
        return None

    scope = {"key": types.Array, "generic_resolve": resolve, "metadata": {"target": "cpu"}}
    infer_getattr(type(f"DualArray_{name}", (AttributeTemplate,), scope))

    @lower_builtin(key, types.Array, types.VarArg(types.Any))
    def lowered(context, builder, sig, args):
        function = context.typing_context.resolve_value_type(stand_in)
        plain = function.get_call_type(context.typing_context, sig.args, {})
        call = context.get_function(function, plain)
        context.add_linking_libs(getattr(call, "libs", ()))
        return call(builder, args)
