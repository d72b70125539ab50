"""What to say of a name that the package does not have, and of an option that a call has not."""

import inspect
import sys
from typing import NoReturn

# What the same thing is called elsewhere (JAX, autograd, PyTorch, numdifftools, ForwardDiff).
ELSEWHERE = {
    "jacfwd": "jacobian_fwd",
    "jacobian": "jacobian_fwd, or jacobian_rev where outputs are few",
    "Jacobian": "jacobian_fwd, or jacobian_rev where outputs are few",
    "jac": "jacobian_fwd, or jacobian_rev where outputs are few",
    "jacrev": "jacobian_rev",
    "grad": "gradient",
    "Gradient": "gradient",
    "egrad": "derivative of a number; jacobian_fwd(f, x).diagonal() of an element-wise function",
    "elementwise_grad": "derivative of a number; jacobian_fwd(f, x).diagonal() of an element-wise "
    "function",
    "value_and_grad": "value_and_gradient",
    "deriv": "derivative",
    "Derivative": "derivative",
    "diff": "derivative",
    "hess": "hessian",
    "Hessian": "hessian",
    "hessian_vector_product": "hvp",
    "hessian_tensor_product": "hvp",
    "pushforward": "jvp",
    "pullback": "vjp",
    "jit": "prepare",
    "compile": "prepare",
    "check_grad": "check_jacobian",
    "check_grads": "check_jacobian",
    "gradcheck": "check_jacobian",
    "primitive": "custom_jvp",
    "custom_vjp": "custom_jvp",
    "custom_gradient": "custom_jvp",
    "defjvp": "custom_jvp, or rule for a ufunc",
    "defvjp": "custom_jvp, or rule for a ufunc",
    "implicit_diff": "custom_root",
    "register": "register_standin for a function of a package, or rule for a ufunc",
    "register_jvp": "register_standin for a function of a package, or rule for a ufunc",
    "monkey_patch": "register_standin",
    "vmap": "batch=True, of jacobian_fwd and the other verbs: f at many points",
    "batched": "batch=True, of jacobian_fwd and the other verbs: f at many points",
    "vectorize": "batch=True, of jacobian_fwd and the other verbs: f at many points",
    "stop_gradient": "constants: plain numbers carry no derivative",
}


def missing(name: str, known: list[str]) -> NoReturn:
    """Raise the `AttributeError` for ``dualmc.name``."""
    hint = ELSEWHERE.get(name)
    if hint is None:
        hint = _close(name, known)
    said = f" Did you mean {hint}?" if hint else " See dir(dualmc)."
    raise AttributeError(f"module 'dualmc' has no attribute {name!r}.{said}", name=name)


def _close(name, known):
    """The one of the names `known` that `name` may be meant to be; or None."""
    import difflib  # for errors alone

    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.7)), None)


def refuse_keywords(caller: str, unknown: dict) -> None:
    """Raise the `TypeError` for keyword arguments that `caller` does not have."""
    name, value = next(iter(unknown.items()))
    verb = getattr(sys.modules["dualmc"], caller)
    parameters = inspect.signature(verb).parameters.values()
    options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    close = "argnums" if name == "wrt" and "argnums" in options else _close(name, options)
    typed = f" Did you mean {close}?" if close else _offered(name)
    if name == "args":
        raise TypeError(
            f"{caller}() got an unexpected keyword argument 'args'. Further arguments of f follow: "
            f"{caller}(f, x, *args)."
        )
    bound = f"{name}={_shown(name, value)}" if name not in _MAPPINGS else f"**{name}"
    raise TypeError(
        f"{caller}() got an unexpected keyword argument {name!r}.{typed} Keyword arguments of f "
        f"are bound to it first: functools.partial(f, {bound}), or lambda x: f(x, {bound})."
    )


def _offered(name):
    """Which verbs have the option `name`, where some have."""
    verbs = ("jacobian_fwd", "jacobian_rev", "gradient", "hessian")
    having = [
        verb
        for verb in verbs
        if name in inspect.signature(getattr(sys.modules["dualmc"], verb)).parameters
    ]
    listed = " and ".join([", ".join(having[:-1]), having[-1]]) if having[1:] else "".join(having)
    return f" {listed} have it." if having else ""


_MAPPINGS = ("kwargs", "kwds", "kw", "options")


def _shown(name, value):
    return repr(value) if issubclass(type(value), (int, float, str, bool)) else name
