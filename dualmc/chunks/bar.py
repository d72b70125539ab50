"""The progress of a call: columns that are done, shown by tqdm."""

import sys


def shown(is_asked, total, done, caller, unit="col"):
    """A bar of `total` columns, of which `done` are; it is silent where nobody would see it."""
    if not is_asked:
        return _Silent()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError(
            f"{caller}: progress=True shows a bar of tqdm, which is not installed. Install it "
            f"with: pip install dualmc[progress]"
        ) from None
    # In a notebook there is no terminal, and the bar is drawn all the same.
    is_seen = sys.stderr.isatty() or "notebook" in tqdm.__module__
    bar = tqdm(total=total, initial=done, desc=caller, unit=unit, disable=not is_seen, delay=0.3)
    return bar


class _Silent:
    def update(self, count):
        pass

    def close(self):
        pass
