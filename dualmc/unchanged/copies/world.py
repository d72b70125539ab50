"""What adapted code finds in place of a value, whatever it is."""

import builtins
import functools
import types

import numpy as np

from dualmc.unchanged.copies.as_is import DATA, DISPATCHER, MARK, is_foreign
from dualmc.unchanged.copies.classes import Classes, Super, instance, method
from dualmc.unchanged.copies.functions import Functions
from dualmc.unchanged.copies.modules import Modules
from dualmc.unchanged.copies.namespace import Namespace
from dualmc.unchanged.scipy import sparse_products
from dualmc.unchanged.standins import listed
from dualmc.unchanged.standins.by_element import vectorize
from dualmc.unchanged.standins.kinds import BUILTINS, TypeOf, unbound
from dualmc.unchanged.standins.table import STANDINS


class World:
    """The adapted copies of one root package ("": the user's own code)."""

    def __init__(self, root):
        self.root = root
        self.namespaces = {}  # by id of the module's dictionary, which the namespace keeps alive
        self.spaces = ()  # the same, to run through while other threads add some
        self.functions = Functions(self)
        self.classes = Classes(self)
        self.modules = Modules(self)
        self.builtins = {
            **vars(builtins), **BUILTINS, "__import__": self.modules.import_module,
            "super": functools.partial(Super, self), "issubclass": self.classes.is_subclass,
            "type": TypeOf(self.classes.view_of),
        }  # fmt: skip

    def namespace(self, real):
        found = self.namespaces.get(id(real))
        if found is None:
            found = self.namespaces[id(real)] = Namespace(real, self)
            self.spaces = tuple(self.namespaces.values())
        return found

    def adapt(self, value, is_root=False):
        """What `value` is replaced by in adapted code."""
        kind = type(value)
        if kind in DATA:
            return value
        if kind is types.FunctionType:
            standin = STANDINS.get(value)
            if standin is not None:
                return standin
            if MARK in value.__dict__:
                return value
            if "registry" in value.__dict__ and hasattr(value, "dispatch"):
                return self._dispatcher(value)
            if not is_root and is_foreign(value.__globals__.get("__name__"), self.root):
                return value
            return self.functions.copy_of(value)
        if value is np.ndarray:  # see `Replica`
            return value
        if kind is types.BuiltinFunctionType or kind is DISPATCHER:
            return STANDINS.get(value, value)
        if kind is types.ModuleType:
            return self.modules.view_of(value)
        if kind is types.MethodType:
            return method(self, value)
        if kind is functools.partial:
            return self._partial(value)
        if kind is np.ufunc:
            return value
        if kind is types.MethodDescriptorType and value.__objclass__ is np.ndarray:
            return unbound(value)
        if kind is type or isinstance(value, type):
            return STANDINS.get(value) or self.classes.view_of(value)
        if kind is np.vectorize:
            return self._vectorized(value)
        inner = getattr(kind, "__module__", "")
        if inner == "functools" and hasattr(value, "__wrapped__"):  # lru_cache: Duals have no hash
            return self.adapt(value.__wrapped__)
        if inner.startswith("scipy.sparse.") and hasattr(value, "tocsr"):
            return sparse_products.view_of(value)
        if inner.startswith("numpy.ma") and callable(value):  # its ufuncs are objects
            return STANDINS.get(value, value)
        if inner.startswith("numba.") and hasattr(value, "py_func"):
            return self.adapt(value.py_func)
        return instance(self, value)

    def _partial(self, value):
        func = self.adapt(value.func)
        args = tuple(self.adapt(a) for a in value.args)
        keywords = {k: self.adapt(v) for k, v in value.keywords.items()}
        return functools.partial(func, *args, **keywords)

    def _dispatcher(self, value):
        """``functools.singledispatch``, by the type that a Dual stands for."""
        type_of = self.builtins["type"]

        @functools.wraps(value)
        def dispatching(*args, **kwargs):
            return self.adapt(value.dispatch(type_of(args[0])))(*args, **kwargs)

        return dispatching

    def _vectorized(self, value):
        options = value.otypes, None, value.excluded, value.cache, value.signature
        return vectorize(self.adapt(value.pyfunc), *options)

    def called(self, value, held=frozenset()):
        """What `value` is replaced by where code only calls it, or what it finds in it.

        `held` names attributes of a module that are found as they are all the same.
        """
        if isinstance(value, types.ModuleType):
            return self.modules.called(value, held)
        found = self.adapt(value)
        return (
            listed.substitute(value) if found is value and listed.has_substitute(value) else found
        )

    def renewed(self, value, found):
        """`found`, made of `value` before, brought up to date; None where it cannot be."""
        if type(value) is types.FunctionType:
            return self.functions.copy_of(value)
        if isinstance(value, type):
            return self.classes.view_of(value)
        is_instance = type(found).__dict__.get("__dualmc_original__") is type(value)
        if is_instance and self.classes.view_of(type(value)) is type(found):
            return found
        return None

    def original(self, value):
        """What an adapted function or module was made of."""
        if type(value) is types.FunctionType:
            return self.functions.original(value)
        return getattr(value, "__dualmc_original__", value)

    def drop_under_way(self):
        """After an error: what it interrupted is begun anew."""
        self.functions.under_way.__init__()
        self.classes.under_way.__init__()
