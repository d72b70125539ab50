"""What the tests of expressions share: points, and how a value or a refusal is compared."""

import numpy as np
import pytest

from dualmc.cli.expressions.source import ExpressionError

V = np.array([0.5, -1.25, 2.0])
W = np.array([3.0, 0.25, -0.5])
M = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])

UNKNOWN = ". Allowed are those of NumPy that dualmc differentiates; a product is written *."


def refusal(function, *args):
    """The message of the error."""
    with pytest.raises(ExpressionError) as caught:
        function(*args)
    return str(caught.value)


def assert_same(actual, expected):
    """Equal values, types of containers and shapes."""
    assert isinstance(actual, (list, tuple)) == isinstance(expected, (list, tuple))
    if isinstance(expected, (list, tuple)):
        assert type(actual) is type(expected)
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            assert_same(a, e)
    else:
        np.testing.assert_array_equal(actual, expected, strict=isinstance(expected, np.ndarray))
