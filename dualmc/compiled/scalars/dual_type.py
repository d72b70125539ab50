"""The Numba type of a dual number: a primal and n partials, side by side in registers.

``Dual(float64, n)`` is ``{double, <n x double>}``, the partials one LLVM vector; the inner type may
be a Dual again, for derivatives of derivatives.  In arrays the two are packed, without padding
between them, and loaded and stored unaligned.  Numbers and shallower Duals turn into Duals with
partials 0 where Numba unifies the two; a Dual never turns into a number.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typeconv import Conversion
from numba.extending import models, register_model

NUMBERS = (types.Float, types.Integer, types.Boolean)


class PartialsType(types.Type):
    """The n partials of a Dual whose primal is of type `inner`."""

    def __init__(self, inner, n):
        self.inner, self.n = inner, n
        super().__init__(f"Partials({inner},{n})")


class MarkedPartialsType(PartialsType):
    """The same, and `marks` words of bits."""

    def __init__(self, inner, n, marks):
        self.inner, self.n, self.marks = inner, n, marks
        self.lanes, self.words = PartialsType(inner, n), MarksType(marks)
        types.Type.__init__(self, f"Partials({inner},{n},marks {marks})")


class MarksType(types.Type):
    """`count` words of 64 bits, one LLVM vector."""

    def __init__(self, count):
        self.count = count
        super().__init__(f"Marks({count})")


class DualType(types.Type):
    """A primal of type `inner` (a float or a Dual) and `n` partials of that type.

    Not a subclass of ``types.Number``, which asks for NumPy's dtype of what it unifies with.
    """

    def __init__(self, inner, n, marks=0):
        self.inner, self.n, self.marks = inner, n, marks
        self.depth = 1 + depth_of(inner)
        self.base = base_of(inner)
        # Whether steps that depend on values are told: see `partials.decided`.
        self.is_watched = marks > 0 or (is_dual(inner) and inner.is_watched)
        if marks:
            self.partials = MarkedPartialsType(inner, n, marks)
            super().__init__(f"Dual({inner},{n},marks {marks})")
        else:
            self.partials = PartialsType(inner, n)
            super().__init__(f"Dual({inner},{n})")

    @property
    def has_live(self):
        """Whether the last word of marks, an odd one, tells partials that are not 0 for certain.

        Those of derivatives that are derived again: a factor's marks count only beside such.
        """
        return self.marks % 2 == 1

    @property
    def unmarked(self):
        return DualType(self.inner, self.n)

    @property
    def bitwidth(self):
        return self.base.bitwidth

    def with_base(self, base):
        """The same Dual of floats of another precision."""
        if base == self.base:
            return self
        inner = self.inner.with_base(base) if is_dual(self.inner) else base
        return DualType(inner, self.n, self.marks)

    def can_convert_from(self, context, other):
        if isinstance(other, NUMBERS):
            return Conversion.safe
        if is_dual(other) and other != self:
            if other.depth < self.depth and context.can_convert(other, self.inner) is not None:
                return Conversion.safe
            if other.with_base(self.base) == self:  # a float32 takes a float64 when it is assigned
                is_wider = self.base.bitwidth > other.base.bitwidth
                return Conversion.promote if is_wider else Conversion.unsafe
        return None

    def unify(self, context, other):
        return promoted(self, other)


def is_dual(kind):
    return isinstance(kind, DualType)


def is_scalar(kind):
    return is_dual(kind) or isinstance(kind, NUMBERS)


def depth_of(kind):
    return kind.depth if is_dual(kind) else 0


def base_of(kind):
    """The float type at the bottom of a Dual, or the one that stands for a number."""
    if is_dual(kind):
        return kind.base
    if isinstance(kind, types.Float):
        return kind
    return types.float64


def _base_beside(kind):
    """The precision that a combination with `kind` has at least: small integers do not widen."""
    if isinstance(kind, types.Boolean) or isinstance(kind, types.Integer) and kind.bitwidth <= 16:
        return types.float32
    return base_of(kind)


def promoted(a, b):
    """The Dual type that holds a combination of `a` and `b`; None: not ours, or there is none."""
    if not (is_dual(a) or is_dual(b)) or not (is_scalar(a) and is_scalar(b)):
        return None
    base = max(_base_beside(a), _base_beside(b), key=lambda t: t.bitwidth)
    high, low = (a, b) if depth_of(a) >= depth_of(b) else (b, a)
    high = high.with_base(base)
    if not is_dual(low):
        return high
    part = high
    while depth_of(part) > depth_of(low):
        part = part.inner
    return high if part == low.with_base(base) else None


@register_model(PartialsType)
class PartialsModel(models.DataModel):
    """One LLVM vector of floats; an LLVM array where the partials are Duals themselves."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind)
        self._inner = manager.lookup(kind.inner)
        self._is_vector = not is_dual(kind.inner)

    def get_value_type(self):
        if self._is_vector:
            return ir.VectorType(self._inner.get_value_type(), self.fe_type.n)
        return ir.ArrayType(self._inner.get_value_type(), self.fe_type.n)

    def get_data_type(self):
        if self._is_vector:
            return self.get_value_type()
        return ir.ArrayType(self._inner.get_data_type(), self.fe_type.n)

    def _each(self, builder, value, convert, kind):
        if self._is_vector:
            return value
        out = ir.Constant(kind, ir.Undefined)
        for i in range(self.fe_type.n):
            part = convert(builder, builder.extract_value(value, [i]))
            out = builder.insert_value(out, part, [i])
        return out

    def as_data(self, builder, value):
        return self._each(builder, value, self._inner.as_data, self.get_data_type())

    def from_data(self, builder, value):
        return self._each(builder, value, self._inner.from_data, self.get_value_type())

    def load_from_data_pointer(self, builder, ptr, align=None):
        if self._is_vector:
            return builder.load(ptr, align=align or self.fe_type.inner.bitwidth // 8)
        out = ir.Constant(self.get_value_type(), ir.Undefined)
        for i in range(self.fe_type.n):
            at = cgutils.gep_inbounds(builder, ptr, 0, i)
            part = self._inner.load_from_data_pointer(builder, at, align)
            out = builder.insert_value(out, part, [i])
        return out

    def get_argument_type(self):
        return self.get_value_type()

    def as_argument(self, builder, value):
        return value

    def from_argument(self, builder, value):
        return value

    def get_return_type(self):
        return self.get_data_type()

    def as_return(self, builder, value):
        return self.as_data(builder, value)

    def from_return(self, builder, value):
        return self.from_data(builder, value)


class PackedModel(models.StructModel):
    """Parts side by side, in memory without padding."""

    def get_data_type(self):
        if self._data_type is None:
            parts = [model.get_data_type() for model in self._models]
            self._data_type = ir.LiteralStructType(parts, packed=True)
        return self._data_type


@register_model(DualType)
class DualModel(PackedModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, [("primal", kind.inner), ("partials", kind.partials)])


@register_model(MarkedPartialsType)
class MarkedPartialsModel(PackedModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, [("lanes", kind.lanes), ("marks", kind.words)])


@register_model(MarksType)
class MarksModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(ir.IntType(64), kind.count))

    def load_from_data_pointer(self, builder, ptr, align=None):
        return builder.load(ptr, align=align or 8)
