"""A call of a verb beside the same call answered afresh."""

import contextlib

import numpy as np

import dualmc as dm
from dualmc.calls import repeats


@contextlib.contextmanager
def fresh_calls():
    """A block whose calls are fresh, and which forgets nothing."""
    answer, repeats.answer = repeats.answer, None
    try:
        yield
    finally:
        repeats.answer = answer


def same(verb, f, *args, **options):
    """A call is what a fresh call is: value to the bit, derivative to rounding; was it a replay?"""
    with fresh_calls():
        expected = outcome(verb, f, args, options)
    found = outcome(verb, f, args, options)
    is_replay = dm.last_call().is_replay
    compare(found, expected, "value" in verb.__name__)
    return is_replay


def outcome(verb, f, args, options):
    try:
        return verb(f, *args, **options)
    except Exception as error:
        return type(error), str(error)


def compare(found, expected, has_value=False):
    assert type(found) is type(expected), (found, expected)
    if isinstance(expected, tuple):
        assert len(found) == len(expected)
        for number, (a, b) in enumerate(zip(found, expected, strict=True)):
            if has_value and number == 0 and isinstance(b, (np.ndarray, np.generic)):
                assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
            compare(a, b)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert found.shape == expected.shape and found.dtype == expected.dtype
        size = np.abs(expected).max(initial=0.0, where=np.isfinite(expected))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * size)
    elif hasattr(expected, "indptr"):
        assert np.array_equal(found.indptr, expected.indptr)
        assert np.array_equal(found.indices, expected.indices)
        compare(found.toarray(), expected.toarray())
    else:
        assert found == expected
