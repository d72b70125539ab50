"""`out`, the user's array for the Jacobian: whether it can take it, and the file it lies in."""

import mmap
import os
from pathlib import Path

import numpy as np


def arrays_of(out, request):
    """The arrays of `out`, one per argument that is differentiated."""
    caller = request.caller
    if request.is_tuple:
        if not issubclass(type(out), (tuple, list)) or len(out) != len(request.numbers):
            raise TypeError(
                f"{caller}: of a tuple of argnums, out= must be a tuple of {len(request.numbers)} "
                f"arrays, one for each."
            )
        arrays = list(out)
    else:
        arrays = [out]
    for a in arrays:
        if not (hasattr(a, "shape") and hasattr(a, "dtype") and hasattr(a, "__setitem__")):
            raise TypeError(
                f"{caller}: out must be an array: of NumPy, a numpy.memmap, or of zarr or h5py; "
                f"got {type(a).__name__}."
            )
    for i, a in enumerate(arrays):
        if any(issubclass(type(b), np.ndarray) and _overlap(a, b) for b in arrays[:i]):
            raise ValueError(f"{caller}: two arrays of out share memory.")
    return arrays


def check(arrays, request, shape, dtype):
    """Raise the error for an `out` that cannot take a Jacobian of outputs (*shape) in `dtype`."""
    caller, is_turned = request.caller, request.layout == "denominator"
    for a, x in zip(arrays, request.xs, strict=True):
        needed = x.shape + shape if is_turned else shape + x.shape
        if tuple(a.shape) != needed:
            what = "x.shape + y.shape" if is_turned else "y.shape + x.shape"
            raise ValueError(
                f"{caller}: out must have the shape of the Jacobian, {what} = {needed}; got "
                f"{tuple(a.shape)}."
            )
        if not np.can_cast(dtype, np.dtype(a.dtype), "safe"):
            raise ValueError(
                f"{caller}: the Jacobian has dtype {dtype}, which out of dtype {a.dtype} cannot "
                f"hold. Make out with dtype={np.dtype(dtype).name!r}."
            )
        if _is_read_only(a):
            raise ValueError(
                f"{caller}: out is read-only. Open it for writing: mode 'r+' of numpy.memmap, and "
                f"of zarr and h5py files."
            )
        if issubclass(type(a), np.ndarray):
            _check_memory(a, request)


def _is_read_only(a):
    if issubclass(type(a), np.ndarray):
        return not a.flags.writeable
    file = getattr(a, "file", None)  # of h5py
    return bool(getattr(a, "read_only", False)) or getattr(file, "mode", "") == "r"


def _check_memory(a, request):
    caller = request.caller
    steps = zip(a.strides, a.shape, strict=True)
    if a.size and any(step == 0 and length > 1 for step, length in steps):
        raise ValueError(f"{caller}: several elements of out share their memory.")
    for b in request.args:
        if issubclass(type(b), np.ndarray) and _overlap(a, b):
            raise ValueError(
                f"{caller}: out shares memory with an argument of f, which the first columns would "
                f"overwrite. Give another array."
            )


def _overlap(a, b):
    return issubclass(type(a), np.ndarray) and np.may_share_memory(a, b)


# --- Files ----------------------------------------------------------------------------------------


def file_of(a):
    """The path that tells the file of `a` from all others, or None: it is in memory."""
    if type(a) is np.memmap:
        is_shared = a.mode in ("r+", "w+") and a.filename is not None
        return Path(a.filename) if is_shared else None
    dataset = getattr(getattr(a, "file", None), "filename", None)
    if isinstance(dataset, str) and os.path.isfile(dataset):  # of h5py
        return Path(f"{dataset}{a.name.replace('/', '.')}")
    root = getattr(getattr(a, "store", None), "root", None)
    if root is not None and hasattr(a, "path") and os.path.isdir(str(root)):  # of zarr
        return Path(str(root), *a.path.split("/")) if a.path else Path(str(root))
    return None


def reserve(a, caller):
    """Take the room on the disk that `a` will need: writing to a map of a full one is fatal."""
    if type(a) is not np.memmap or file_of(a) is None or not hasattr(os, "posix_fallocate"):
        return
    size = os.path.getsize(a.filename)
    with open(a.filename, "r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{caller}: {a.filename}, the file of out, needs {size} bytes on the disk, which "
                f"could not be had ({error.strerror}). Nothing was computed.",
            ) from None


def flush(a):
    """Have what was written to `a` in its file, and out of this process's memory."""
    if type(a) is np.memmap:
        a.flush()
        pages = a._mmap
        if file_of(a) is not None and hasattr(mmap, "MADV_DONTNEED") and pages is not None:
            pages.madvise(mmap.MADV_DONTNEED)  # of a shared map: the file keeps them
        return
    file = getattr(a, "file", None)
    if hasattr(file, "flush"):
        file.flush()
