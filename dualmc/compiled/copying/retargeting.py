"""A user's compiled function once more, for Duals: a copy of its Python function whose names lead
to what serves Duals.

Names that lead to compiled functions lead to their copies, those of NumPy's that make arrays to
`creators.py`.  The user's own functions are never touched.  Copies are compiled without wrappers
for Python, since an array of Duals has no NumPy dtype.
"""

import importlib
import types as python_types
import weakref

import numba
import numpy as np
from numba.core import errors
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target
from numba.np.ufunc.dufunc import DUFunc

from dualmc.compiled.arrays.workspaces import all_in_duals
from dualmc.compiled.copying.creators import OPTIONS, creators, in_duals
from dualmc.compiled.language import declared
from dualmc.compiled.source import options_of

try:
    from dualmc.compiled.copying.list_pass import MAKES_ARRAYS, TAKES_NEAR, DualCompiler
    from dualmc.compiled.copying.promoting import PROMOTES
    from dualmc.compiled.language.rewriting import KIND

    PIPELINE = {"pipeline_class": DualCompiler}
except ImportError as error:  # another Numba: see there
    if (error.name or "").startswith("dualmc"):
        raise
    MAKES_ARRAYS, TAKES_NEAR, PIPELINE = "_dualmc_makes_arrays", "_dualmc_takes_near", {}
    KIND = "__dualmc_kind"
    PROMOTES = "__dualmc_promotes"


class Shim(python_types.ModuleType):
    """Stands for a module among a copy's names: Numba reads its attributes as they are here."""

    def __init__(self, module, retarget):
        super().__init__(module.__name__)
        self.__dict__["_module"], self.__dict__["_retarget"] = module, retarget

    def __reduce__(self):
        retarget = self._retarget
        return _shim, (self._module.__name__, retarget.kind, retarget.promotes_all)

    def __getattr__(self, name):
        found = self._retarget.swapped(getattr(self._module, name))
        self.__dict__[name] = found
        return found


def _shim(name, kind, promotes_all):
    """The `Shim` of a module, in a process that may not know Duals yet."""
    importlib.import_module("dualmc.compiled.everything")
    return retarget(kind, promotes_all).swapped(importlib.import_module(name))


def retarget(kind, promotes_all=False):
    """The `Retarget` of these options: sweeps of one type share its copies."""
    key = kind, promotes_all
    found = _retargets.get(key)
    if found is None:
        found = _retargets[key] = Retarget(kind, promotes_all)
    return found


_retargets: dict = {}


class Retarget:
    """Copies for Duals of one type, of functions that are alive.

    Attributes
    ----------
    promotes_all : bool
        Whether constants are arrays of Duals too: see `creators`.
    """

    def __init__(self, kind, promotes_all=False):
        self.kind = kind
        self.promotes_all = promotes_all
        self._copies = weakref.WeakKeyDictionary()
        self._shims = {}
        self._creators = {}
        self.files = []  # of the functions that were copied
        for function, code in creators(kind, promotes_all).items():
            self._creators[function] = numba.njit(**OPTIONS)(code)
        setattr(self._creators[np.array], MAKES_ARRAYS, True)
        self._promote = numba.njit(lambda a: in_duals(kind, a), **OPTIONS)
        for function in (np.array, np.empty, np.zeros):
            setattr(self._creators[function], TAKES_NEAR, True)

    def swapped(self, value):
        """What stands for `value`, mostly itself."""
        if isinstance(value, Dispatcher):
            return self.copy_of(value)
        if isinstance(value, DUFunc):
            return self.copy_of_ufunc(value)
        if isinstance(value, python_types.ModuleType) and not isinstance(value, Shim):
            if value.__name__.split(".")[0] in ("math", "numba", "operator", "cmath"):
                return value
            if value not in self._shims:
                self._shims[value] = Shim(value, self)
            return self._shims[value]
        if isinstance(value, python_types.FunctionType):
            found = self._creators.get(value)
            if found is None and is_jitable(value):
                found = self._copy(value, numba.njit(value))
            return value if found is None else found
        try:
            return self._creators.get(value, value)
        except TypeError:  # no hash
            return value

    def entered(self, f):
        """The copy of `f`, called with the arrays of floats among its arguments in Duals.

        They are copies: what f writes into them it reads there again, its caller does not.
        """
        if not self.promotes_all:
            return self.copy_of(f)
        copy, kind = self.copy_of(f), self.kind

        def enter(*args):
            return copy(*all_in_duals(kind, args))

        return numba.njit(enter, **OPTIONS)

    def copy_of_ufunc(self, ufunc):
        from dualmc.compiled.arrays.applying import applied

        found = self._copies.get(ufunc)
        if found is None:
            scalar = self.copy_of(numba.njit(ufunc.__wrapped__))
            found = self._copies[ufunc] = applied(scalar, ufunc.nin)
        return found

    def copy_of(self, dispatcher):
        found = self._copies.get(dispatcher)
        if found is None:
            nested = getattr(dispatcher, "_dualmc_nested", None)
            if nested is not None:  # a derivative of dualmc's own, a level down
                found = self._copies[dispatcher] = nested(self.kind)
            else:
                found = self._copy(dispatcher, dispatcher)
        return found

    def _copy(self, key, dispatcher):
        found = self._copies.get(key)
        if found is not None:
            return found
        function = dispatcher.py_func
        code = function.__code__
        used = _names_of(code)
        names = {k: v for k, v in function.__globals__.items() if k in used or k[:2] == "__"}
        names[KIND] = self.kind
        if self.promotes_all:
            names[PROMOTES] = self._promote
        name = f"{function.__name__}__dual"
        cells = tuple(python_types.CellType() for _ in function.__closure__ or ())
        copy = python_types.FunctionType(
            code.replace(co_name=name), names, name, function.__defaults__, cells or None
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__module__, copy.__qualname__ = function.__module__, f"{function.__qualname__}__dual"
        options = options_of(dispatcher) | OPTIONS
        if "fastmath" in options:
            options["fastmath"] = declared.fastmath(options["fastmath"])
        local = declared.local_types(dispatcher.locals, self.kind)
        found = own = numba.njit(locals=local, **options, **PIPELINE)(copy)
        if declared.is_declared(dispatcher):
            found = declared.by_signature(dispatcher, own, OPTIONS)
        self.files.append(code.co_filename)
        self._copies[key] = found  # before its names: it may lead to itself

        def exchanged(value):
            return own if value is dispatcher else self.swapped(value)

        for name in used & names.keys():
            names[name] = exchanged(names[name])
        for old, new in zip(function.__closure__ or (), cells, strict=True):
            new.cell_contents = exchanged(old.cell_contents)
        return found


def is_jitable(function):
    """Whether compiled code that calls the Python `function` runs its text (`register_jitable`)."""
    home = (getattr(function, "__module__", None) or "").split(".")[0]
    if home in ("numpy", "numba", "dualmc"):
        return False
    context = cpu_target.typing_context
    context.refresh()  # it may have been registered since
    try:
        kind = context.resolve_value_type(function)
    except (ValueError, errors.NumbaError):
        return False
    overloads = (getattr(t, "_overload_func", None) for t in getattr(kind, "templates", ()))
    return any(getattr(o, "__qualname__", "").startswith("register_jitable") for o in overloads)


def _names_of(code):
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, python_types.CodeType):
            found |= _names_of(constant)
    return found
