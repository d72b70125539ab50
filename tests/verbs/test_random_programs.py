"""Random programs of plain NumPy in every mode; `random_programs.py` says how they are judged."""

import numpy as np
import pytest
import random_programs

SEEDS = range(240)


@pytest.mark.table(3)
@pytest.mark.parametrize("seeds", [SEEDS[i::12] for i in range(12)], ids=lambda s: f"from {s[0]}")
def test_every_mode_is_right(seeds):
    judges = [judge for judge in map(random_programs.judged, seeds) if judge is not None]
    assert len(judges) > len(seeds) // 2
    for judge in judges:
        try:
            with np.errstate(all="ignore"):
                random_programs.check(judge, count=4)
        except random_programs.Failure as failure:
            pytest.fail(f"{judge.source}\n{failure}")


def test_a_wrong_derivative_is_found(monkeypatch):
    """The judge is no rubber stamp."""
    judge = random_programs.judged(1)
    right = judge.jacobian
    monkeypatch.setattr(judge, "jacobian", lambda x: right(x) * (1 + 1e-6))
    with pytest.raises(random_programs.Failure):
        random_programs.check(judge)


def test_programs_are_those_of_their_seeds():
    assert random_programs.Program(7).source() == random_programs.Program(7).source()
    assert random_programs.Program(7).source() != random_programs.Program(8).source()
