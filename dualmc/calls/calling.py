"""f called, adapted; an error that hides a lost derivative or a missing rule says where it was."""

from dualmc.calls import advice, refusals
from dualmc.calls.outputs import as_output, strip
from dualmc.calls.seeds import as_given
from dualmc.errors import MissingRuleError, TangentLostError
from dualmc.unchanged import adapt


def call_f(f, args, level):
    """``f(*args)``, f adapted; an error that names a lost derivative or rule says where it was."""
    given = args
    try:
        y = adapt.call(f, args, level, judge=advice.judge_caught)
    except (MissingRuleError, TangentLostError) as error:
        advice.locate(error)
        raise
    except Exception as error:
        lost = advice.explained(error, level, f, given)
        if lost is None:
            raise
        try:
            raise lost.with_traceback(error.__traceback__) from error
        finally:
            del lost  # which holds this frame
    if level is not None and level.refusals is not None:
        refusals.tell(level)
    return y


def called(request, inputs, level):
    """f at `inputs` in the places of the differentiated arguments: its output, and aux."""
    args = list(request.args)
    for i, x, given in zip(request.numbers, inputs, request.xs, strict=True):
        args[i] = x if given.shape else as_given(x, request.args[i])
    out, aux = call_f(request.f, args, level), None
    if request.has_aux:
        out, aux = _with_aux(out, request.caller)
        aux = strip(aux, level)
    return as_output(out, request.caller), aux


def _with_aux(out, caller):
    if not issubclass(type(out), tuple) or len(out) != 2:
        raise TypeError(
            f"{caller}: with has_aux=True f must return a pair (y, aux); "
            f"f returned {type(out).__name__}."
        )
    return out
