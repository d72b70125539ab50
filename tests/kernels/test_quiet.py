"""Floating-point warnings off: as `numpy.errstate`, nested, in threads and after errors."""

import threading
import warnings

import numpy as np
import pytest

from dualmc.kernels import quiet as module
from dualmc.kernels.quiet import quiet


def test_nothing_warns_inside_and_all_is_as_before_outside():
    with np.errstate(all="raise"):
        before = np.geterr()
        with quiet():
            assert set(np.geterr().values()) == {"ignore"}
            with quiet():
                assert np.isinf(np.float64(1.0) / np.zeros(3)).all()
            assert np.isnan(np.zeros(2) / np.zeros(2)).all()
        assert np.geterr() == before
        with pytest.raises(FloatingPointError):
            np.ones(1) / np.zeros(1)


def test_it_ends_with_an_error():
    before = np.geterr()
    with pytest.raises(KeyError), quiet():
        raise KeyError
    assert np.geterr() == before


def test_other_threads_warn_as_they_did():
    found = []

    def work():
        with warnings.catch_warnings(record=True) as met:
            warnings.simplefilter("always")
            np.ones(1) / np.zeros(1)
        found.append(len(met))

    with quiet():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [1]


def test_the_state_of_this_numpy_is_found():
    assert module._errors is not None
