"""Native code at an address, for callers that are written in C."""

import math

import numpy as np

from dualmc.replay import copying
from dualmc.replay.export import prototypes
from dualmc.replay.export.served import FAILURES, PINNED, Refused


class CFunction:
    """What `Prepared.cfunc` returns: a C function.

    It may be called by any number of threads at once, with or without the interpreter's lock.

    Attributes
    ----------
    address : int
        Of the function; it stays valid until the process ends, whatever becomes of this object.
    ctypes : ctypes function
        The same for `ctypes`, ``scipy.LowLevelCallable(c.ctypes)`` and nopython code.
    signature : str
        In C.
    failed : int
        0 while no call has failed; see `check`.
    """

    def __init__(self, served, text, entry, order, remade):
        self.signature = text
        self._label = served.label
        self._remade = remade
        self._word = np.zeros(1, np.int64)
        self._machine, kind = prototypes.write(served, text, entry, order, self._word)
        self.address = self._machine.address
        self.ctypes = kind(self.address)
        PINNED[self.address] = self

    @property
    def failed(self) -> int:
        return int(self._word[0])

    def check(self) -> None:
        """Raise if a call has failed since the last check, of which the results were NaN.

        Raises
        ------
        ValueError
            If f went another way than where it was recorded, a result lay on an argument, or n was
            not the count of f's numbers.
        FloatingPointError
            If a derivative was infinite or NaN.
        MemoryError
            If no working memory was left.
        """
        state = self.failed
        self._word[0] = 0
        for bit, (error, text) in FAILURES.items():
            if state & bit:
                raise error(text.format(label=self._label))

    def __repr__(self) -> str:
        return f"<CFunction {self._label}: {self.signature} at {self.address:#x}>"

    def __reduce__(self) -> tuple:
        return copying.reduced(*self._remade)


def entry_of(entry, served):
    """The position of `entry` in the flat result.

    Raises
    ------
    ValueError
    """
    shape = served.value
    if shape is None:
        is_one = len(served.parts) == 1
        shape = served.parts[0][0] if is_one else (served.rows, served.columns)
    if entry is None:
        if math.prod(shape) != 1:
            raise ValueError(
                f"Prepared.cfunc: this signature returns one number, the {served.label} has the "
                f"shape {shape}. Say which with entry=, e.g. entry={(0,) * len(shape)}."
            )
        return 0
    index = entry if type(entry) is tuple else (entry,)
    are_whole = all(issubclass(type(i), (int, np.integer)) for i in index)
    if (
        are_whole
        and len(index) == len(shape)
        and all(-n <= i < n for i, n in zip(index, shape, strict=True))
    ):
        index = [i % n for i, n in zip(index, shape, strict=True)]
        return int(np.ravel_multi_index(index, shape)) if index else 0
    raise ValueError(f"Prepared.cfunc: entry={entry!r} is no position in the shape {shape}.")


def _squeezed(text):
    return "".join(text.split())


def made(served, signature, entry, order, remade):
    """The `CFunction` of this signature."""
    known = {_squeezed(text): text for text in prototypes.PROTOTYPES}
    if signature is None:
        signature = prototypes.plain_of(served)
    elif type(signature) is not str or _squeezed(signature) not in known:
        listed = "".join(f"\n  {text}" for text in prototypes.PROTOTYPES)
        raise ValueError(
            f"Prepared.cfunc: signature must be None or one of{listed}\ngot {signature!r}."
        )
    else:
        signature = known[_squeezed(signature)]
    has_number = signature.startswith("double") or signature == prototypes.FILTER
    if has_number:
        entry = entry_of(entry, served)
    elif entry is not None:
        raise ValueError(f"Prepared.cfunc: entry has no meaning for {signature}, which gives all.")
    if order not in ("C", "F"):
        raise ValueError(f'Prepared.cfunc: order must be "C" or "F", got {order!r}.')
    if order == "F" and (signature != prototypes.RATES or served.parts is None or served.is_sparse):
        raise ValueError(
            f'Prepared.cfunc: order="F" is of the dense derivative under {prototypes.RATES}.'
        )
    try:
        return CFunction(served, signature, entry, order, remade)
    except Refused as problem:
        raise Refused(f"Prepared.cfunc: {served.label} has no {signature}: {problem}.") from None
