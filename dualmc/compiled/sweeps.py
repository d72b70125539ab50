"""The sweeps: compiled functions that seed inputs, call f on Duals and collect its derivatives.

A sweep is written for the positions of the arguments that it differentiates, and stamped with f's
copy for Duals.  Under ``cache=True`` of f it is kept on disk like f itself, beside the user's file,
by a name that knows all that it is made of (`stamps.py`).
"""

import inspect
import weakref
from types import FunctionType

import numba
from numba.core import errors, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.sigutils import normalize_signature
from numba.extending import overload

from dualmc.compiled import blocks, messages, stamps
from dualmc.compiled.copying.retargeting import retarget
from dualmc.compiled.language import repeating
from dualmc.compiled.scalars.dual_type import DualType, is_dual
from dualmc.compiled.source import Source

_LANES = 8


def chunk_for(n):
    """Partials per Dual for n columns: all in one pass if they are few, else sixteen.

    Sixteen fill more registers than there are, but halve what is computed beside the partials.
    """
    return min(power_of_two(n), 2 * _LANES)


def power_of_two(n):
    """The least that is no less than n: vectors of other lengths fall apart into their elements
    wherever the code branches, and are slower than longer ones.
    """
    return 1 << max(n - 1, 0).bit_length()


def _shaped(J, x):
    raise NotImplementedError


@overload(_shaped)
def _of_shape(J, x):
    """Rows of columns as ``y.shape + x.shape``."""
    if not isinstance(x, types.Array):
        if J.ndim == 1:
            return lambda J, x: J[0]
        return lambda J, x: J[..., 0]
    if x.ndim == 1:
        return lambda J, x: J
    return lambda J, x: J.reshape(J.shape[:-1] + x.shape)


_RAW = """
def sweep({names}{rest}):
    {offsets}
    {saved}
    {first}
    J = rows_for(E, y, n)
    store_rows(J, y, 0, n){value}
    c = N
    while c < n:
        {later}
        if rows_of(y) * n != J.size:
            raise ValueError("f returned other shapes for another chunk of columns.")
        store_rows(J, y, c, n)
        c += N
    {back}return {result}
"""

_PART = """
def sweep(begin, end, {names}{rest}):
    {offsets}
    {saved}
    c = begin
    {begun}
    J = rows_for(E, y, end - begin)
    store_rows(J, y, 0, end - begin)
    v = values_of(E, y)
    c += N
    while c < end:
        {later}
        if rows_of(y) * (end - begin) != J.size:
            raise ValueError("f returned other shapes for another chunk of columns.")
        store_rows(J, y, c - begin, end - begin)
        c += N
    {back}return v, J
"""

_INTO = """
def sweep(J, {names}{rest}):
    {offsets}
    {saved}
    c = 0
    while True:
        {later}
        if rows_of(y) * n != J.size:
            raise ValueError("J has another size than the Jacobian: it needs y.shape + x.shape.")
        store_rows(J, y, c, n)
        c += N
        if c >= n:
            break
    {back}return J
"""

_ALONG = """
def sweep({names}{tangents}{rest}):
    {first}
    J = rows_for(E, y, 1)
    store_rows(J, y, 0, 1)
    return values_of(E, y), J
"""


class Sweep:
    """What one sweep is made for.

    Attributes
    ----------
    asked, positions : tuple of int
        Of the arguments that are differentiated, and the same ascending.
    chunk : int
        Partials per Dual.
    mode : {"raw", "value and raw", "shaped", "value and shaped", "into", "along", "part"}
    out : int or None
        Position of the argument that f writes its result to, which then is what y is.
    is_tuple : bool
        Whether shaped Jacobians are given as a tuple.
    """

    def __init__(
        self, f, positions=(0,), chunk=_LANES, mode="shaped", base=types.float64, out=None,
        is_tuple=False,
    ):  # fmt: skip
        self.source = Source(f)
        self.asked, self.positions = positions, tuple(sorted(positions))
        self.chunk, self.mode, self.base = chunk, mode, base
        self.out, self.is_tuple = out, is_tuple

    @property
    def f(self):
        return self.source.get()

    @property
    def _named(self):
        """How many arguments of f have names of their own, from the first on."""
        return 1 + max(self.positions[-1], -1 if self.out is None else self.out)

    def _arguments(self, seed, handing="once"):
        """The arguments of a call of f: those differentiated are written by `seed`, the others
        handed on by a function of `language/repeating.py`, `again` those that were saved.
        """
        initial = "k" if handing == "again" else "a"
        given = [
            seed(i) if i in self.positions else f"{handing}({initial}{i})"
            for i in range(self._named)
        ]
        if self.out is not None:
            given[self.out] = "d"
        rest = self.rest()
        if rest == "*rest":
            return ", ".join([*given, f"*{handing}({'k' * (initial == 'k')}rest)"])
        behind = rest.split(", ") if rest else []
        return ", ".join([*given, *(f"{handing}({initial}{name[1:]})" for name in behind)])

    def _call(self, seed, handing="once"):
        """The statements that call f."""
        arguments = self._arguments(seed, handing)
        if self.out is None:
            return f"y = f({arguments})"
        return f"d = {self._result()}; f({arguments}); y = d"

    def _result(self):
        """The array of Duals that f is given to write its result to."""
        return f"seeded(T, a{self.out}, {blocks.NOWHERE})"

    def _saved(self):
        """The statements that keep arguments for later calls."""
        rest = self.rest()
        names = [f"{i}" for i in range(self._named) if i not in (*self.positions, self.out)]
        names += [name[1:] for name in rest.split(", ") if name and rest != "*rest"]
        kept = [f"k{name} = saved(a{name})" for name in names]
        return "; ".join([*kept, *(["krest = saved(rest)"] if rest == "*rest" else [])]) or "pass"

    def rest(self):
        """The arguments of f behind those; by their names, since Numba packs stars slowly."""
        function = self.source.py_func
        code, given = function.__code__, self._named
        is_varied = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
        if is_varied or code.co_kwonlyargcount or function.__defaults__:
            return "*rest"
        return ", ".join(f"a{i}" for i in range(given, code.co_argcount))

    def text(self):
        names = "".join(f"a{i}, " for i in range(self._named))
        sizes = [f"size_of(a{i})" for i in self.positions]
        offsets = [
            f"o{i} = " + (" + ".join(sizes[:k]) or "0") for k, i in enumerate(self.positions)
        ]
        has_value = self.mode.startswith("value")
        result = "J"
        if self.mode.endswith("shaped"):
            parts = [f"_shaped(J, a{i})" for i in self.asked]
            if len(parts) > 1:
                parts = [f"_shaped(columns(J, o{i}, size_of(a{i})), a{i})" for i in self.asked]
            result = f"({', '.join(parts)},)" if self.is_tuple else parts[0]
        fields = {
            "names": names,
            "offsets": "; ".join([*offsets, "n = " + " + ".join(sizes)]),
            "first": self._call(lambda i: f"seeded(T, a{i}, o{i})"),
            "begun": self._call(lambda i: f"seeded(T, a{i}, o{i} - c)"),
            "later": self._call(lambda i: f"seeded(T, a{i}, o{i} - c)", "again"),
            "saved": self._saved(),
            "value": "\n    v = values_of(E, y)" if has_value else "",
            "result": f"v, {result}" if has_value else result,
            "rest": self.rest(),
            "back": "" if self.out is None else f"write_values(a{self.out}, d); ",
            "tangents": "".join(f"t{i}, " for i in self.positions),
        }
        if self.mode == "along":
            fields["first"] = self._call(lambda i: f"directed(T, a{i}, t{i})")
            return _ALONG.format(**fields)
        return {"into": _INTO, "part": _PART}.get(self.mode, _RAW).format(**fields)

    def identity(self, kind, level):
        """What tells this sweep from all others of the process."""
        function = self.source.py_func
        place = f"{function.__module__}_{function.__qualname__}"
        numbers = [*map(str, self.asked), str(self.out), str(self.is_tuple)]
        return "_".join([self.mode, *numbers, str(kind), str(level), place])

    def kind(self, inner):
        """The type of the Duals."""
        return DualType(inner, self.chunk)

    def scope(self):
        """What the text calls besides f."""
        return {name: getattr(blocks, name) for name in _NAMES} | {"_shaped": _shaped}

    def compiled(self, inner=None, level=0, has_wrapper=True):
        """The sweep as a dispatcher; for Duals of `inner` type within the derivative of another."""
        inner = self.base if inner is None else inner
        kind = self.kind(inner)
        copy = retarget(kind, level > 0).entered(self.f)
        scope = self.scope() | {"f": copy, "T": kind, "E": inner, "N": self.chunk}
        scope |= repeating.UNWRITTEN
        file = self.source.file if has_wrapper else None
        identity = self.identity(kind, level)
        name = stamps.name_of(self.source.py_func, identity, file is not None)
        code = compile(self.text(), file or __file__, "exec")
        exec(code, scope)
        function = scope["sweep"]
        code = function.__code__.replace(co_name=name, co_qualname=name)
        function = FunctionType(code, scope, name)
        function.__qualname__, function.__module__ = name, self.source.py_func.__module__
        options = {"nogil": True, "cache": file is not None}
        if not has_wrapper:
            options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        found = numba.njit(**options)(function)
        found.compile = _Compiling(self, found, kind)
        found._dualmc_nested = lambda outer: self.compiled(_over(inner, outer), level, False)
        return found


class _Compiling:
    """Compiles a sweep; where that fails, with arguments that f may write into, and with all
    constants in Duals.
    """

    def __init__(self, sweep, dispatcher, kind):
        self.sweep, self.kind = sweep, kind
        self.dispatcher = weakref.ref(dispatcher)
        self.by_class = type(dispatcher).compile

    def __call__(self, signature):
        with global_compiler_lock:  # what is changed here no other thread may compile
            return self._compiled(signature)

    def _compiled(self, signature):
        dispatcher = self.dispatcher()
        scope = dispatcher.py_func.__globals__
        before = {name: scope[name] for name in ("f", *repeating.UNWRITTEN)}
        promoting, f = retarget(self.kind, True), self.sweep.f
        args, _ = normalize_signature(signature)
        handings = [repeating.UNWRITTEN]
        others = [kind for i, kind in enumerate(args) if i not in self.sweep.positions]
        if any(map(repeating.holds_arrays, others)):
            handings.append(repeating.WRITTEN)
        try:
            for is_last in (False, True):
                if is_last:
                    scope["f"] = promoting.entered(f)
                for handing in handings:
                    scope.update(handing)
                    try:
                        return self._tried(dispatcher, signature)
                    except errors.ForceLiteralArg:
                        raise
                    except errors.NumbaError as error:
                        if not is_last:
                            failed = error
        finally:
            scope.update(before)
        text = messages.sentence(failed, f, promoting.files)
        text += messages.WAYS_OUT.format(name=f.py_func.__name__)
        raise errors.TypingError(text) from failed

    def _tried(self, dispatcher, signature):
        failures = getattr(dispatcher._compiler, "_failed_cache", None)
        if failures:
            failures.clear()
        try:
            return self.by_class(dispatcher, signature)
        except errors.NumbaError:
            raise
        except Exception as error:  # Numba's own passes meet types that they do not know
            raise errors.TypingError(f"{type(error).__name__}: {error}") from error


_NAMES = (
    "rows_for", "seeded", "directed", "size_of", "store_rows", "values_of", "rows_of",
    "columns", "write_values",
)  # fmt: skip


def _over(inner, outer):
    """The type of a primal of `inner` where the function's own arguments are Duals of `outer`."""
    return DualType(_over(inner.inner, outer), inner.n) if is_dual(inner) else outer
