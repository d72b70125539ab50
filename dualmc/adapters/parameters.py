"""lmfit: f of a `Parameters`, as a function of the vector of those that vary."""

import numpy as np

from dualmc.unchanged import adapt


def names_of(params):
    """The parameters that vary, in the order in which lmfit fits them."""
    return tuple(name for name, par in params.items() if par.vary)


def vector_of(params):
    return np.array([params[name].value for name in names_of(params)], float)


def key_of(params):
    """What tells `params` from other ones: the values, and how each is bounded or tied."""
    return tuple(
        (name, float(par.value), bool(par.vary), par.min, par.max, par.expr)
        for name, par in params.items()
    )


def of_vector(f, names, params, args, kwargs, values):
    """f with the parameters `names` at `values`, which are Duals in a derivative call.

    They are put into `params` itself, since what ties parameters to each other is in there, and
    taken out again.
    """
    before = [params[name].value for name in names]
    try:
        for i, name in enumerate(names):
            params[name].value = values[i]
        tied = [par for par in params.values() if par.expr is not None]
        for (
            _
        ) in tied:  # each reads those that it is tied to: as often as they may follow each other
            for par in tied:
                par.value  # noqa: B018  (computes it)
        return adapt.adapted(f)(params, *args, **kwargs)
    finally:
        for name, value in zip(names, before, strict=True):
            params[name].value = value
        params.update_constraints()
