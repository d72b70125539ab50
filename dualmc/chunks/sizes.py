"""How many columns a chunk has: by memory, by the workers there are, and by the time it takes."""

import math

# Bytes of the columns of one chunk.
CHUNK_BYTES = 2**26
# Chunks per worker, so that all end at about the same time.
TASKS = 4
# Seconds below which a chunk is mostly its way to the worker and back.
SHORT = 0.1


class Widths:
    """The number of columns of each next chunk, of `n` in all, of `column` bytes each."""

    def __init__(self, n, column, chunk_size, workers):
        self.given = chunk_size
        self.workers = workers
        self.most = max(1, CHUNK_BYTES // max(1, column))
        share = n if workers == 0 else math.ceil(n / (TASKS * workers))
        self.width = max(1, min(self.most, share))
        self.is_measured = workers == 0

    def next(self, left):
        """The columns of the next chunk, where `left` are to be computed."""
        return min(left, self.given or self.width)

    def learn(self, width, seconds, left):
        """Make chunks wider, once, where the first one was short: all workers keep their share."""
        if self.is_measured:
            return
        self.is_measured = True
        wider = int(width * SHORT / max(seconds, 1e-6))
        share = math.ceil(left / self.workers)
        self.width = max(self.width, min(self.most, share, wider))
