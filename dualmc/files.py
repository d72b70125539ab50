"""Files that are written whole or not at all."""

import os
import shutil
from pathlib import Path


def write(path: str | Path, content: str | bytes) -> None:
    """Write a file; if that fails, what was there before stays as it was.

    The content goes to a file beside it first, which then takes its place.  What is no regular
    file (a pipe, a device) is written to directly.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as file:
            file.write(data)
        return
    folder, name = os.path.split(target)
    beside = os.path.join(folder, f".{name[:40]}.{os.getpid()}.part")
    try:
        with open(beside, "xb") as file:
            file.write(data)
        if os.path.exists(target):
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException as error:
        if os.path.exists(beside) and not isinstance(error, FileExistsError):
            os.unlink(beside)
        if isinstance(error, OSError) and error.filename == beside:
            raise type(error)(error.errno, error.strerror, str(path)) from None
        raise
