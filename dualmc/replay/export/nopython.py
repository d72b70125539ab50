"""Native code as a function that nopython code of Numba calls: a Dispatcher like any other.

Its Python code is one call of `run`, whose implementation is written anew for the types of the
arguments.  The address of the machine code is known by an `Entry`, which Numba takes for a constant
that must not be kept on disk.
"""

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.core.imputils import lower_constant
from numba.extending import intrinsic, models, overload, register_model, typeof_impl

from dualmc.replay.export.served import FAILURES, PINNED
from dualmc.replay.machine.alone import OVERLAP

DOUBLE_POINTER = ir.DoubleType().as_pointer()


class Entry:
    """The address of native code, as Numba's functions know it; pickled as what makes it again."""

    def __init__(self, address, remade):
        self.address = address
        self._remade = remade  # (function, arguments)

    def __reduce__(self):
        return self._remade


class EntryType(types.Type):
    """The type of one `Entry`: each has a type of its own, so that its address is a constant."""

    def __init__(self, address):
        self.address = address
        super().__init__(f"dualmc.native({address:#x})")


@typeof_impl.register(Entry)
def _typeof(entry, context):
    return EntryType(entry.address)


@register_model(EntryType)
class _Model(models.OpaqueModel):
    pass


@lower_constant(EntryType)
def _constant(context, builder, kind, value):
    return context.get_dummy_value()


def function_of(served, entry, raises):
    """The Dispatcher: ``function(*inputs, out=None)``."""
    names = [given.name for given in served.inputs]
    name = "_".join(part for part in served.label.split() if part.isidentifier())
    scope = {"run": run if raises else run_or_nan, "code": entry, "__name__": __name__}
    listed = "".join(f"{n}, " for n in names)
    exec(f"def {name}({listed}out=None):\n    return run(code, ({listed}), out)\n", scope)
    function = scope[name]
    function.__doc__ = _doc(served)
    return numba.njit(nogil=True)(function)


def _doc(served):
    wanted = ", ".join(f"{given.name}: float64 {given.shape}" for given in served.inputs)
    return f"The {served.label}, of {wanted}; callable from nopython code."


def run(code, inputs, out):
    raise TypeError(
        "dualmc: what njit() of a prepared function returns is machine code for plain numbers, "
        "which nothing differentiates. Where a derivative is taken, call the function itself that "
        "was prepared."
    )


def run_or_nan(code, inputs, out):
    run(code, inputs, out)


def _implementation(code, inputs, out, raises):
    writer = _Writer(PINNED[code.address], [*inputs], out, raises)
    scope = {"np": np, "call": call}
    exec(writer.source(), scope)
    return scope["implementation"]


@overload(run)
def _run(code, inputs, out):
    return _implementation(code, inputs, out, True)


@overload(run_or_nan)
def _run_or_nan(code, inputs, out):
    return _implementation(code, inputs, out, False)


class _Writer:
    """The source of one implementation, for arguments of these types."""

    def __init__(self, served, kinds, out, raises):
        self.served = served
        self.raises = raises
        self.kinds = kinds
        self.out = None if _is_none(out) else out
        self.lines = ["def implementation(code, inputs, out):"]

    def source(self):
        served = self.served
        for i, (given, kind) in enumerate(zip(served.inputs, self.kinds, strict=True)):
            self._take(i, given, kind)
        shapes = _shapes(served)
        outs = self._outs(shapes)
        is_split = served.parts is not None and len(served.parts) > 1
        y = J = "None"
        if served.value is not None:
            y = self._result("y", served.value, outs[0])
        if is_split:
            J = self._result("J", (served.rows, served.columns), None)
        elif served.parts is not None:
            J = self._result("J", served.parts[0][0], outs[-1])
        listed = "".join(f"x{i}, " for i in range(len(self.kinds)))
        self._add(f"state, y0, J0 = call(code, ({listed}), {y}, {J})")
        self._fail("None" if is_split else J)
        found = []
        if served.value is not None:
            found.append("y0" if y == "None" else "y")
        if served.parts is not None:
            derivative = self._split(outs) if is_split else "J0" if J == "None" else "J"
            found.append(f"({derivative},)" if served.is_tuple and not is_split else derivative)
        self._add(f"return {', '.join(found)}")
        return "\n".join(self.lines)

    def _fail(self, J):
        """What a state other than 0 leads to; results are NaN already, but where they overlap."""
        if not self.raises:
            if J != "None":
                self._add(f"if state == {OVERLAP}: {J}.fill(np.nan)")
            return
        self._add("if state != 0:")
        for state, (error, text) in FAILURES.items():
            text = text.format(label=self.served.label)
            self._add(f"    if state == {state}: raise {error.__name__}({text!r})")

    def _add(self, line):
        self.lines.append(f"    {line}")

    def _refuse(self, what, needs, kind):
        raise TypingError(
            f"{self.served.label}: {what} must be {needs}, which it was prepared for; got {kind}."
        )

    # --- What comes in ---------------------------------------------------------------------------

    def _take(self, i, given, kind):
        """x_i is argument i, of the right type, shape and layout."""
        self._add(f"x{i} = inputs[{i}]")
        if given.shape == ():
            if kind != types.float64 and not isinstance(kind, types.Integer):
                self._refuse(given.name, "a float64 number", kind)
            self._add(f"x{i} = float(x{i})")
            return
        needs = f"an array of float64 of {len(given.shape)} dimensions"
        if not isinstance(kind, types.Array) or kind.ndim != len(given.shape):
            self._refuse(given.name, needs, kind)
        is_whole = isinstance(kind.dtype, types.Integer)
        if kind.dtype != types.float64 and not (is_whole and given.is_active):
            advice = f"{kind}; convert it with {given.name}.astype(np.float64)"
            self._refuse(given.name, needs, advice)
        self._check_shape(f"x{i}", given.name, given.shape)
        if is_whole:
            self._add(f"x{i} = x{i}.astype(np.float64)")
        if kind.layout != "C":
            self._add(f"x{i} = np.ascontiguousarray(x{i})")
        elif not kind.aligned:
            self._add(f"x{i} = x{i}.copy()")

    def _check_shape(self, variable, name, shape):
        wrong = " or ".join(f"{variable}.shape[{k}] != {n}" for k, n in enumerate(shape))
        text = (
            f"{self.served.label}: {name} must have the shape {shape}, which it was prepared for."
        )
        self._add(f"if {wrong}: raise ValueError({text!r})")

    # --- What goes out ---------------------------------------------------------------------------

    def _outs(self, shapes):
        """The types of `out`, one per result, each None if not given."""
        if self.out is None:
            return [None] * len(shapes)
        if len(shapes) == 1 and not isinstance(self.out, types.BaseTuple):
            self._add("out0 = out")
            kinds = [self.out]
        else:
            if not isinstance(self.out, types.BaseTuple) or len(self.out) != len(shapes):
                self._refuse("out", f"a tuple of {len(shapes)}", self.out)
            for k in range(len(shapes)):
                self._add(f"out{k} = out[{k}]")
            kinds = [*self.out]
        found = []
        for k, (kind, shape) in enumerate(zip(kinds, shapes, strict=True)):
            found.append(None if _is_none(kind) else k)
            if not _is_none(kind):
                self._check_out(k, kind, shape)
        return found

    def _check_out(self, k, kind, shape):
        if shape == ():
            self._refuse("out", "None where the result is a number", kind)
        is_fitting = isinstance(kind, types.Array) and kind.ndim == len(shape)
        if not is_fitting or kind.dtype != types.float64 or kind.layout != "C" or not kind.aligned:
            self._refuse("out", f"a C-ordered array of float64 of {len(shape)} dimensions", kind)
        if not kind.mutable:
            self._refuse("out", "an array that may be written", kind)
        self._check_shape(f"out{k}", "out", shape)

    def _result(self, name, shape, out):
        """Where a result goes: an array, or None for a number."""
        if shape == ():
            return "None"
        self._add(f"{name} = np.empty({shape})" if out is None else f"{name} = out{out}")
        return name

    def _split(self, outs):
        """The derivative by each argument, out of the matrix by all."""
        served = self.served
        first_out = len(outs) - len(served.parts)
        names = []
        for k, (shape, first, end) in enumerate(served.parts):
            out = outs[first_out + k]
            name = f"J{k + 1}"
            names.append(name)
            self._add(f"{name} = np.empty({shape})" if out is None else f"{name} = out{out}")
            self._add(f"flat{k} = {name}.reshape(({served.rows}, {end - first}))")
            self._add(f"for i in range({served.rows}):")
            self._add(f"    for j in range({end - first}): flat{k}[i, j] = J[i, {first} + j]")
        return f"({', '.join(names)})"


def _shapes(served):
    value = [] if served.value is None else [served.value]
    return value + [shape for shape, *_ in served.parts or ()]


def _is_none(kind):
    return kind is None or isinstance(kind, (types.NoneType, types.Omitted))


@intrinsic
def call(typingctx, code, inputs, y, J):
    """(state, value, derivative): numbers where `y`, `J` are None, else in these arrays."""
    address = code.address

    def generate(context, builder, sig, args):
        _, inputs, y, J = args
        pointers = []
        for value, kind in zip(cgutils.unpack_tuple(builder, inputs), sig.args[1], strict=True):
            pointers.append(_pointer(context, builder, kind, value))
        places = [
            _pointer(context, builder, *pair) for pair in ((sig.args[2], y), (sig.args[3], J))
        ]
        where = context.add_dynamic_addr(builder, address, info="dualmc")
        signature = ir.FunctionType(ir.IntType(64), [DOUBLE_POINTER] * (len(pointers) + 2))
        function = builder.bitcast(where, signature.as_pointer())
        state = builder.call(function, [*pointers, *places])
        numbers = [
            ir.Constant(ir.DoubleType(), 0.0) if isinstance(kind, types.Array) else builder.load(p)
            for kind, p in zip(sig.args[2:], places, strict=True)
        ]
        return context.make_tuple(builder, sig.return_type, [state, *numbers])

    kinds = types.Tuple((types.int64, types.float64, types.float64))
    return kinds(code, inputs, y, J), generate


def _pointer(context, builder, kind, value):
    """Where an array's numbers are; of a number, or None, a place of its own."""
    if isinstance(kind, types.Array):
        return context.make_array(kind)(context, builder, value).data
    place = cgutils.alloca_once(builder, ir.DoubleType())
    number = ir.Constant(ir.DoubleType(), 0.0) if _is_none(kind) else value
    builder.store(number, place)
    return place
