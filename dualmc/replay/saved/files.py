"""The file: a zip archive of what can be read without pickle, and of what cannot.

``header.json`` tells format, versions and f, ``ways.pickle`` the rest.  Written whole or not at
all: what was there before stays until the new one is complete.
"""

import io
import json
import os
import uuid
import zipfile

from dualmc.replay.saved.sentences import Unusable

HEADER, WAYS = "header.json", "ways.pickle"


def packed(header, ways):
    """The bytes of a file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(HEADER, json.dumps(header, indent=1))
        archive.writestr(WAYS, ways)
    return file.getvalue()


def unpacked(content):
    """(header, ways) of the bytes of a file.

    Raises
    ------
    Unusable
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            header, ways = json.loads(archive.read(HEADER)), archive.read(WAYS)
            return {"recorded with": {}, "compiled for": {}, **header}, ways
    except Exception as problem:  # whatever damaged bytes lead to
        raise Unusable(
            f"it is no file of Prepared.save's, or it is damaged or cut short "
            f"({type(problem).__name__}: {problem})."
        ) from None


def write(path, content):
    """Put `content` at `path` in one step."""
    path = os.path.realpath(os.fsdecode(path))
    beside = f"{path}.{uuid.uuid4().hex}.part"
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as problem:
        text = f"Prepared.save has written nothing, and left what was there: {problem.strerror}"
        raise OSError(problem.errno, text, path) from None
    finally:
        if os.path.exists(beside):
            os.remove(beside)


def read(path):
    with open(path, "rb") as file:
        return file.read()
