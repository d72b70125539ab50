"""Who owns which memory, and the checks of it that ``DUALMC_DEBUG=1`` switches on.

**The user's arrays** are never written to: inputs are copied when they are seeded, and what is
returned shares memory with nothing that is kept.

**Duals.** An array that is no view is a *root* and owns its primal.  A view has none of its own: it
remembers its root and how it was taken, its primal is NumPy's view of the root's, its tangent is
derived from the root's when it is read, and again after the root was written to (`_writes` counts).
A number, a scalar in NumPy, is never written to; what is taken of one is taken of a copy.  A root
may write its tangent in place only while `_owned` says that nothing else has been handed it:
`own_tangent` takes that back.

**The tape** keeps the values that its pullbacks need, by reference.  Whatever is kept is marked
(`_kept` of the root), and every write begins with `release`, which leaves kept memory to the tape
and goes on in a copy; so does a promotion, after which the memory lies one level further down.
Plain arrays, whose writes nothing announces, are copied when they are recorded.  Small parts of
large arrays are copied too, so that writes to the rest are cheap.

**The sweep** adds cotangents up in place where it owns them.  A pullback that hands on the
cotangent it was given, or a view of it, hands on no more ownership than it had; the real part of a
complex cotangent is such a view.  Parts of one cotangent that do not overlap may be owned by
different steps.  What is swept in at the top, and what the tape keeps, is never written to.

**Buffers** of `buffers.py` are handed out again once no array looks into them, which their
reference counts tell; their contents are arbitrary until they are written.

**Replay.** A prepared program owns its work arrays, one set per thread; what it returns is copied.

With ``DUALMC_DEBUG=1`` in the environment when dualmc is imported: every owned cotangent is
compared with all others and with what the tape keeps, kept values are compared with copies before
and after every sweep, memory is handed out full of NaN, and indices are checked before they are
used.  What is wrong raises `OwnershipError`.  Without it nothing here runs.
"""

import os
import sys
import weakref

import numpy as np

IS_ON = os.environ.get("DUALMC_DEBUG", "") not in ("", "0")


class OwnershipError(BaseException):  # which nobody on the way catches
    """Memory was written to, or could be, by somebody who does not own it."""


def shares(a, b):
    """Whether two arrays show the same memory."""
    if type(a) is not np.ndarray or type(b) is not np.ndarray or not a.size or not b.size:
        return False
    return np.may_share_memory(a, b) and np.shares_memory(a, b)


# --- Kept values ---------------------------------------------------------------------------------

_kept: list = []


def note_kept(a):
    """Remember what an array that a tape keeps holds now."""
    if type(a) is np.ndarray and a.size:
        _kept.append((weakref.ref(a), a.copy()))
    return a


def check_kept():
    """What tapes keep is what it was."""
    alive = []
    for reference, copy in _kept:
        a = reference()
        if a is None:
            continue
        alive.append((reference, copy))
        if a.tobytes() != copy.tobytes():
            raise OwnershipError(f"A value kept by a tape was written to: {copy} became {a}.")
    _kept[:] = alive


def arrays_of(data, found):
    """The arrays in what a step of the tape keeps, added to `found`."""
    if type(data) is np.ndarray:
        found.append(data)
    elif issubclass(type(data), (tuple, list)):
        for item in data:
            arrays_of(item, found)
    return found


# --- Sweeps --------------------------------------------------------------------------------------


def check_cotangent(var, bar, others, data):
    """An owned cotangent shares memory with no other one and with nothing that is kept."""
    for other in others:
        if other is not bar and shares(bar, other):
            raise OwnershipError(f"An owned cotangent of {var.pull} is part of another one.")
    for kept in arrays_of(data, []):
        if shares(bar, kept):
            raise OwnershipError(f"An owned cotangent of {var.pull} is what the tape keeps.")


def _checked_add(add):
    def checked(self, var, bar, owned):
        add(self, var, bar, owned)
        if self.owned[var.place]:
            others = [b for b in (*self.bars, self.identity) if b is not None]
            check_cotangent(var, self.bars[var.place], others, var.data)

    return checked


def _checked_put(put):
    def checked(sweep, var, bar, owned):
        put(sweep, var, bar, owned)
        if var.serial in sweep.own:
            bars = sweep.known
            check_cotangent(var, bars[var.serial], list(bars.values()), var.data)

    return checked


def _between_checks(function):
    def checked(*args, **kwargs):
        check_kept()
        try:
            return function(*args, **kwargs)
        finally:
            check_kept()

    return checked


# --- Memory --------------------------------------------------------------------------------------


def poisoned(a):
    """`a`, whose contents are arbitrary, full of what would be noticed."""
    a[...] = (
        np.nan if a.dtype.kind in "fc" else np.iinfo(a.dtype).max if a.dtype.kind in "iu" else 1
    )
    return a


def check_index(index, size):
    """Positions, -1 for none, lie in an array of `size` elements."""
    if index.size and (index.min() < -1 or index.max() >= size):
        raise OwnershipError(f"Positions {index.min()} to {index.max()} of {size} elements.")


def _checked_rows(rows_at):
    def checked(a, i, fill, shape):
        size = int(np.prod(a.shape[1:], dtype=np.int64))
        if size:
            check_index(i, size)
        return rows_at(a, i, fill, shape)

    return checked


def _checked_scatter(scatter):
    def checked(rows, index, bar):
        check_index(np.asarray(index), rows.shape[1])
        return scatter(rows, index, bar)

    return checked


# --- Switching on --------------------------------------------------------------------------------


def _replace(original, checked):
    """Let every module of dualmc that holds `original` hold `checked`."""
    for name, module in list(sys.modules.items()):
        if name.startswith("dualmc") and module is not None and name != __name__:
            for key, value in list(vars(module).items()):
                if value is original:
                    setattr(module, key, checked)


def install():
    """Put the checks in place."""
    from dualmc.cotangents import quick_sweep, single, sweep
    from dualmc.duals import recorded
    from dualmc.kernels import buffers
    from dualmc.tangents import slots, tape

    keep, snapshot, empty = tape.keep, tape.snapshot, buffers.empty
    _replace(keep, lambda a, level: note_kept(keep(a, level)))
    _replace(recorded.recorded, _noting_data(recorded.recorded))
    _replace(snapshot, lambda dual: _noted(snapshot(dual)))
    _replace(empty, lambda shape, dtype: poisoned(empty(shape, dtype)))
    _replace(buffers.empty_like, lambda a: poisoned(empty(a.shape, a.dtype)))
    _replace(np.empty, _poisoned_empty(np.empty))
    _replace(slots._rows_at, _checked_rows(slots._rows_at))
    _replace(sweep.scatter, _checked_scatter(sweep.scatter))
    _replace(sweep.pulled, _between_checks(sweep.pulled))
    _replace(quick_sweep.pulled, _between_checks(quick_sweep.pulled))
    _replace(single.put, _checked_put(single.put))
    sweep.Sweep.add = _checked_add(sweep.Sweep.add)


def _noting_data(recorded):
    def checked(y, level, pull, parents, data, *options, **more):
        for a in arrays_of(data, []):
            note_kept(a)
        return recorded(y, level, pull, parents, data, *options, **more)

    return checked


def _noted(dual):
    note_kept(dual._primal if hasattr(dual, "own_tangent") else dual)
    return dual


def _poisoned_empty(empty):
    def made(*args, **kwargs):
        return poisoned(empty(*args, **kwargs))

    return made
