"""The machine's form of the arithmetic that loops are made of: see `arithmetic/scalars.py`."""

from llvmlite import ir

from dualmc.replay.machine.engine import INT64

DOUBLE = ir.DoubleType()

# Functions of the compiler's own, and of the C library.
_INTRINSICS = {
    "sqrt": "sqrt", "absolute": "fabs", "exp": "exp", "exp2": "exp2", "log": "log",
    "log2": "log2", "log10": "log10", "sin": "sin", "cos": "cos", "floor": "floor",
    "ceil": "ceil", "trunc": "trunc", "rint": "rint", "copysign": "copysign", "power": "pow",
}  # fmt: skip
_LIBRARY = {
    "expm1": "expm1", "log1p": "log1p", "tan": "tan", "arcsin": "asin", "arccos": "acos",
    "arctan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "cbrt": "cbrt", "arctan2": "atan2", "hypot": "hypot",
    "fmod": "fmod",
}  # fmt: skip
FUNCTIONS = {op: f"llvm.{name}.f64" for op, name in _INTRINSICS.items()} | _LIBRARY
_COMPARISONS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
                "equal": "==", "not_equal": "!="}  # fmt: skip
_ARITHMETIC = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}


def _called(builder, name, operands):
    """A function of the compiler's or the C library's."""
    function = builder.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(DOUBLE, [DOUBLE] * len(operands))
        function = ir.Function(builder.module, kind, name)
    return builder.call(function, operands)


def operation(builder, op, v):
    """One operation of `scalars.SCALARS` on the values `v`."""
    zero, one = ir.Constant(DOUBLE, 0.0), ir.Constant(DOUBLE, 1.0)
    if op in _ARITHMETIC:
        return getattr(builder, _ARITHMETIC[op])(*v)
    if op in FUNCTIONS:
        return _called(builder, FUNCTIONS[op], v)
    if op in _COMPARISONS:
        compare = builder.fcmp_unordered if op == "not_equal" else builder.fcmp_ordered
        return compare(_COMPARISONS[op], *v)
    if op == "copy":
        return v[0]
    if op == "negative":
        return builder.fneg(v[0])
    if op == "square":
        return builder.fmul(v[0], v[0])
    if op == "reciprocal":
        return builder.fdiv(one, v[0])
    if op == "select":
        return builder.select(*v)
    if op == "number":
        return builder.uitofp(v[0], DOUBLE)
    if op == "truth":
        return builder.fcmp_unordered("!=", v[0], zero)
    if op in ("and", "or", "xor"):
        return getattr(builder, op if op == "xor" else op + "_")(*v)
    if op == "not":
        return builder.not_(v[0])
    if op == "isnan":
        return builder.fcmp_unordered("uno", v[0], v[0])
    if op in ("isinf", "isfinite"):
        size = _called(builder, "llvm.fabs.f64", v)
        compare = "==" if op == "isinf" else "<"
        return builder.fcmp_ordered(compare, size, ir.Constant(DOUBLE, float("inf")))
    if op == "signbit":
        return builder.icmp_signed("<", builder.bitcast(v[0], INT64), ir.Constant(INT64, 0))
    if op == "sign":
        signed = _called(builder, "llvm.copysign.f64", [one, v[0]])
        is_zero = builder.fcmp_unordered("==", v[0], zero)  # NaN stays NaN
        return builder.select(is_zero, v[0], signed)
    if op in ("maximum", "minimum", "fmax", "fmin"):
        a, b = v
        compare = ">" if op in ("maximum", "fmax") else "<"
        better = builder.fcmp_ordered(compare, a, b)
        other = a if op in ("maximum", "minimum") else b  # where NaN is looked for
        is_nan = builder.fcmp_unordered("uno", other, other)
        return builder.select(builder.or_(better, is_nan), a, b)
    raise AssertionError(op)
