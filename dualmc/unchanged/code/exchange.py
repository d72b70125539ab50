"""Functions whose code is exchanged for the time of a call, and given back whatever happens.

A function object keeps its identity, its class and its module; `function.__code__` is the adapted
code while a derivative call that needs it runs, in any thread, and the user's again when the last
one has ended.  Stand-ins are the originals outside of derivative calls, so that other threads may
run the same functions meanwhile.
"""

import threading

from dualmc.unchanged.code.rewriting import is_rewritten

_lock = threading.Lock()
_under_way: dict = {}  # what calls that run have exchanged: functions and their code, by token
_originals: dict = {}  # the user's code of functions whose code is exchanged now


def enter(token, exchanges):
    """Give functions the code of `exchanges`: (function, the user's code, code) each."""
    with _lock:
        _under_way[token] = exchanges
        for f, code, new in exchanges:
            now = f.__code__
            if now is code:
                _originals[f] = code
                f.__code__ = new
            elif now is not new and _originals.get(f) is code:
                f.__code__ = new


def leave(token):
    """What `enter` began ends; one interrupt during it does not keep it from doing so."""
    try:
        _leave(token)
    except BaseException:
        _leave(token)
        raise


def _leave(token):
    with _lock:
        _under_way.pop(token, None)
        if not _originals:
            return
        needed = {}
        for exchanges in _under_way.values():
            for f, _, new in exchanges:
                needed[f] = new
        for f in [f for f in _originals if f not in needed]:
            if is_rewritten(f.__code__):  # or the user has exchanged it meanwhile
                f.__code__ = _originals[f]
            _originals.pop(f, None)


def code_of(f):
    """The user's own code of `f`."""
    return _originals.get(f) or f.__code__
