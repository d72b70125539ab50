"""Random compiled programs: value to the bit, Jacobian as the Python path and the complex step.

`python tests/oracles/random_njit_programs.py` runs as many as one likes.
"""

import pytest
import random_njit_programs
from random_njit_statements import Program

pytestmark = pytest.mark.slow

COUNT = 6


@pytest.mark.parametrize("seed", range(COUNT))
def test_random_program(seed):
    program = Program(seed)
    problem = random_njit_programs.judge(program)
    assert problem is None, f"{problem}\n{program.source}"


def test_every_kind_of_statement_is_drawn():
    source = "\n".join(Program(seed).source for seed in range(300))
    for text in ("while", "for", "elif", "np.empty(", "break", ".append(", "@ ", "[::-1]", "zip("):
        assert text in source
    kinds = {Program(seed).is_analytic for seed in range(20)}
    assert kinds == {True, False}
