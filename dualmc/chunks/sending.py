"""What travels to another process: bytes, by pickle or, where that cannot, by value."""

import importlib
import pickle

BY_VALUE = ("cloudpickle", "dill")


def by_value(state):
    """`state` as bytes that hold its functions too; None: nothing that can is installed."""
    for name in BY_VALUE:
        try:
            data = importlib.import_module(name).dumps(state)
            pickle.loads(data)  # some of them write what they cannot read
            return data
        except ImportError:
            continue
        except Exception:  # neither can it
            continue
    return None


def packed(state, f, caller):
    """`state`, which holds `f`, as bytes for ``pickle.loads`` in a worker.

    A function of ``__main__`` is another one, or none, in a process that runs another program: it
    goes by value, if that can be done.
    """
    problem = None
    try:
        data = pickle.dumps(state, protocol=5)
    except Exception as error:
        problem, data = error, None
    if data is None or b"__main__" in data:
        data = by_value(state) or data
    if data is None:
        raise pickle.PicklingError(
            f"{caller}: the workers of executor= are other processes, and pickle does not take "
            f"{name_of(f)} with its arguments there ({type(problem).__name__}: {problem}). Define "
            f"it at the top level of a module, install cloudpickle, or use threads."
        ) from problem
    return data


def name_of(f):
    inner = getattr(f, "f", f)  # of a structure's `Flat`
    return getattr(inner, "__qualname__", None) or type(inner).__qualname__
