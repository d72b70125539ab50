"""What the examples share: calls are counted, seconds are the least of several, tables aligned."""

import time


class Counted:
    """A function that counts its calls: as `f.calls`."""

    def __init__(self, f):
        self.f = f
        self.calls = 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.f(*args, **kwargs)


def seconds(call, repeat=3):
    """Least seconds that a call takes, and what the last one returned."""
    least = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        result = call()
        least = min(least, time.perf_counter() - start)
    return least, result


def table(*rows):
    """Print rows as a table: the first is the head, numbers go to the right."""
    cells = [[c if isinstance(c, str) else f"{c:.4g}" for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        first, *others = (
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]).rstrip())
