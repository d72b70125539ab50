"""Every operator and function of scalars that Numba compiles, against the Python path."""

import njit_scalars
import numpy as np
import pytest

pytestmark = pytest.mark.slow

TABLES = ("LOGIC", "CHOICES", "WHOLE", "ELEMENTARY", "POWERS")


@pytest.mark.parametrize("name", TABLES)
def test_expressions(name):
    njit_scalars.check(getattr(njit_scalars, name))


@pytest.mark.parametrize("part", range(3))
def test_operators(part):
    njit_scalars.check(njit_scalars.OPERATORS[part::3])


def test_powers_of_negative_numbers():
    texts = [f"a ** {n}" for n in (-2, 2, 3, 2.0, -3.0)] + ["a ** k", "a ** i", "np.power(a, k)"]
    njit_scalars.check(texts, [np.array([-0.7, 0.0]), np.array([-1e-9, 0.0])])
