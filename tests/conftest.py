"""What several test files share."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that gives every test the same numbers, in whatever order they run."""
    return np.random.default_rng(20260101)
