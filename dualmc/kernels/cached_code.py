"""Machine code that Numba keeps on disk, in files that are checked when they are read.

A file that is damaged, of another version or of other code is a miss: the kernel is compiled and
the file written anew.  One file holds the machine code of one kernel for one signature, is named by
it, and comes into being in one step; so processes may write at once, and a reader sees a whole file
or none.  (Numba's own files hang on an index, in which two writers may give one number to two
signatures.)
"""

import hashlib
import os
import pickle

from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.runtime import rtsys


class CheckedFiles(IndexDataCacheFile):
    """The files of one function's machine code, one for each signature, without an index."""

    def flush(self):
        pass

    def save(self, key, data):
        content = self._dump((self._owner(), key, data))
        with self._open_for_write(self._path(key)) as file:
            file.write(_digest(content) + content)

    def load(self, key):
        try:
            with open(self._path(key), "rb") as file:
                digest, content = file.read(_SIZE), file.read()
            if _digest(content) != digest:
                return None
            owner, found, data = pickle.loads(content)
        except Exception:  # whatever an unreadable file leads to
            return None
        return data if (owner, found) == (self._owner(), key) else None

    def _owner(self):
        """The function: kernels stamped from one template have the same key."""
        return self._version, self._source_stamp, self._index_name

    def _path(self, key):
        name = hashlib.sha1(repr((self._version, key)).encode()).hexdigest()[:16]
        return os.path.join(self._cache_path, f"{self._index_name[:-4]}.{name}.nbc")


def _digest(content):
    return hashlib.sha256(content).digest()


_SIZE = hashlib.sha256().digest_size


class CheckedCache(FunctionCache):
    """Numba's cache of a function, with checked files; what goes wrong on disk costs time only."""

    def __init__(self, function):
        super().__init__(function)
        self._cache_file = CheckedFiles(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=self._impl.locator.get_source_stamp(),
        )

    def load_overload(self, sig, target_context):
        """The machine code for `sig`, or None.

        Numba refreshes its whole typing context before it looks into the cache, which imports every
        extension (0.35 s in a new process).  Machine code needs the runtime only.
        """
        try:
            rtsys.initialize(target_context)
            found = self._load_overload(sig, target_context)
            return found if found is not None else super().load_overload(sig, target_context)
        except Exception:  # of files that cannot be read, or that went away: compile
            return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except Exception:  # a full or read-only disk
            pass
