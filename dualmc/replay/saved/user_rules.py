"""Rules and stand-ins that the user has registered: with others, f has other derivatives."""

from dualmc.custom import REGISTERED_RULES
from dualmc.replay.guards.outside import Outside
from dualmc.unchanged.registered import REGISTERED_STANDINS


def prints():
    """The name of each function, and what its derivative is made of.

    Raises
    ------
    Unknown
    """
    found = [
        (ufunc.__name__, [_print(partial) for partial in partials])
        for ufunc, partials in REGISTERED_RULES.items()
    ]
    found += [
        (f"{function.__module__}.{function.__qualname__}", [_print(standin)])
        for function, standin in REGISTERED_STANDINS.items()
    ]
    return sorted(found)


def _print(function):
    return Outside(function, {}, True).prints if callable(function) else repr(function)
