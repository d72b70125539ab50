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
    is_hidden = not is_seen(tqdm, sys.stderr)
    bar = tqdm(total=total, initial=done, desc=caller, unit=unit, disable=is_hidden, delay=0.3)
    return bar


def is_seen(kind, stream):
    """Whether somebody sees a bar of `kind` on `stream`: in a terminal, or in a notebook."""
    if any(base.__module__ == "tqdm.notebook" for base in kind.__mro__):
        return True
    return stream.isatty() or type(stream).__module__.startswith("ipykernel")


class _Silent:
    def update(self, count):
        pass

    def close(self):
        pass
