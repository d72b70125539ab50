"""Which files of dualmc a call enters, in order: the way through the house.

python tests/oracles/walk.py            # jacobian_fwd(lambda x: np.sin(A @ x), x)
python tests/oracles/walk.py reverse    # the same by jacobian_rev
"""

import os
import sys

import numpy as np

import dualmc as dm

ROOT = os.path.dirname(dm.__file__) + os.sep


def entered(call):
    """Files, with the functions called in each visit, when everything is at hand already."""
    found = []

    def note(frame, event, arg):
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(ROOT):
            path = path[len(ROOT) :].replace(os.sep, "/")
            if not found or found[-1][0] != path:
                found.append((path, []))
            found[-1][1].append(frame.f_code.co_name)

    for _ in range(3):
        call()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


def example(verb=dm.jacobian_fwd):
    A, x = np.arange(1.0, 7.0).reshape(2, 3), np.ones(3)
    f = lambda x: np.sin(A @ x)  # noqa: E731
    return entered(lambda: verb(f, x))


if __name__ == "__main__":
    for path, functions in example(dm.jacobian_rev if "reverse" in sys.argv else dm.jacobian_fwd):
        print(f"{path:36}{' '.join(functions)}")
