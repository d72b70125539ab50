"""What units cost on a machine: fitted to times, measured once, kept.  No clock is judged."""

import json
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import dualmc as dm
from dualmc.counting import calibration, predict
from dualmc.counting.probes import probes

NAMES = list(predict.SECONDS)


def work(rng, names=NAMES, count=60):
    """Units of calls whose parts take comparable times, each without some of the units."""
    return [
        {n: rng.integers(1, 50) * 1e-4 / predict.SECONDS[n] for n in names if rng.random() < 0.5}
        for _ in range(count)
    ]


class TestFitted:
    def test_finds_the_costs_that_made_the_times(self, rng, monkeypatch):
        monkeypatch.setattr(calibration, "HOLD", 1e-4)
        true = {name: s * rng.uniform(0.3, 3.0) for name, s in predict.SECONDS.items()}
        units = work(rng)
        found = calibration.fitted(units, [predict.cost(one, true) for one in units])
        for name in NAMES:
            assert found[name] == pytest.approx(true[name], rel=1e-6)

    def test_a_machine_twice_as_slow_is_so_in_every_unit(self, rng):
        units = work(rng)
        found = calibration.fitted(units, [2 * predict.cost(one) for one in units])
        for name in NAMES:
            assert found[name] == pytest.approx(2 * predict.SECONDS[name], rel=1e-6)

    def test_what_the_times_do_not_tell_keeps_its_share(self, rng):
        units = work(rng, NAMES[:-1])
        found = calibration.fitted(units, [3 * predict.cost(one) for one in units])
        assert found[NAMES[-1]] == pytest.approx(3 * predict.SECONDS[NAMES[-1]], rel=1e-6)

    def test_a_disturbed_time_counts_little(self, rng):
        units = work(rng)
        seconds = [predict.cost(one) for one in units]
        seconds[7] *= 100
        found = calibration.fitted(units, seconds)
        for name in NAMES:
            assert found[name] == pytest.approx(predict.SECONDS[name], rel=0.5)


class TestProbes:
    def test_both_modes_are_timed_on_each_and_tell_all_units(self):
        some = probes()
        units, seconds = calibration.times(some, 0.0)
        assert len(units) == len(seconds) == 2 * len(some)
        assert all(0 < s < np.inf for s in seconds)
        told = {name for one in units for name, count in one.items() if count}
        assert told == set(NAMES)


@pytest.fixture
def fits(monkeypatch, tmp_path):
    """A folder for the file, and the calls of the fit, which gives some costs at once."""
    calls = []

    def times(functions, seconds):
        calls.append(len(functions))
        return [{}], [1.0]

    costs = {name: 7.0 + i for i, name in enumerate(NAMES)}
    monkeypatch.setenv(calibration.VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(calibration, "times", times)
    monkeypatch.setattr(calibration, "fitted", lambda units, seconds: dict(costs))
    calibration._of.cache_clear()
    yield calls
    calibration._of.cache_clear()


def another_process():
    calibration._of.cache_clear()
    return predict.measured_costs()


class TestKept:
    def test_measured_once(self, fits, tmp_path):
        first = predict.measured_costs()
        assert list(first) == NAMES and first["forward call"] == 7.0
        assert predict.measured_costs() == another_process() == first
        assert len(fits) == 1
        assert os.listdir(tmp_path / "kept") == ["costs.json"]  # nothing half written beside it

    @pytest.mark.parametrize("what", ["of_recording", "of_machine"])
    def test_other_versions_and_machines_measure_anew(self, fits, monkeypatch, what):
        predict.measured_costs()
        monkeypatch.setattr(f"dualmc.versions.{what}", lambda: {"another": "one"})
        predict.measured_costs()
        another_process()
        assert len(fits) == 2

    @pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "DUALMC_SOMETHING"])
    def test_other_settings_measure_anew(self, fits, monkeypatch, name):
        predict.measured_costs()
        monkeypatch.setenv(name, "77")
        predict.measured_costs()
        assert len(fits) == 2

    def test_the_key_holds_the_text_of_dualmc(self, monkeypatch):
        before = calibration.key()
        monkeypatch.setattr("dualmc.versions.of_dualmc", lambda: "edited")
        assert calibration.key() != before

    @pytest.mark.parametrize(
        "content",
        ["", "{", "[]", "null", "[" * 100_000, '{"KEY": 1}', '{"KEY": {"forward call": 1.0}}',
         b"\xff\xfe", {"forward call": -1.0}, {"slot": "1"}, {"slot": float("nan")},
         {"slot": 0}],
        ids=lambda content: str(content)[:20],
    )  # fmt: skip
    def test_a_damaged_file_is_written_anew(self, fits, tmp_path, content):
        before = predict.measured_costs()
        path = tmp_path / "kept" / "costs.json"
        if isinstance(content, dict):
            content = json.dumps({calibration.key(): {**predict.SECONDS, **content}})
        if isinstance(content, str):
            content = content.replace("KEY", calibration.key()).encode()
        path.write_bytes(content)
        assert another_process() == before
        assert len(fits) == 2
        assert json.loads(path.read_bytes()) == {calibration.key(): before}

    def test_the_latest_keys_are_kept(self, fits, monkeypatch, tmp_path):
        for number in range(calibration.KEPT + 3):
            monkeypatch.setattr("dualmc.versions.of_machine", lambda number=number: number)
            predict.measured_costs()
        found = json.loads((tmp_path / "kept" / "costs.json").read_bytes())
        assert len(found) == calibration.KEPT
        assert list(found)[-1] == calibration.key()

    def test_a_folder_that_cannot_be_written_is_harmless(self, fits, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv(calibration.VARIABLE, str(tmp_path / "file" / "below"))
        first = predict.measured_costs()
        assert predict.measured_costs() == first
        assert len(fits) == 1  # in this process once, at least

    def test_off_measures_and_writes_nothing(self, fits, monkeypatch, tmp_path):
        monkeypatch.setenv(calibration.VARIABLE, "off")
        assert predict.measured_costs() == predict.SECONDS
        assert not fits and not (tmp_path / "kept").exists()

    def test_nor_is_slow_python_measured(self, fits, tmp_path):
        tracemalloc.start()
        try:
            assert predict.measured_costs() == predict.SECONDS
        finally:
            tracemalloc.stop()
        assert not fits and not (tmp_path / "kept").exists()

    def test_the_folder_is_the_users_own(self, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert calibration.default_folder() == str(tmp_path / "dualmc")
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert calibration.default_folder() == str(tmp_path / ".cache" / "dualmc")

    def test_without_a_home_nothing_is_kept(self, fits, monkeypatch, tmp_path):
        """A user without a home, as containers have: not a folder named ~ where f happens to be."""
        monkeypatch.delenv(calibration.VARIABLE)
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which its specification says to ignore
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
        monkeypatch.chdir(tmp_path)
        first = predict.measured_costs()
        assert predict.measured_costs() == first
        assert len(fits) == 1
        assert os.listdir(tmp_path) == []

    def test_what_another_process_has_written_meanwhile_is_kept(self, fits, monkeypatch, tmp_path):
        path = tmp_path / "kept" / "costs.json"
        plain = calibration.times

        def times(functions, seconds):
            calibration.write(path, {"another": dict.fromkeys(NAMES, 3.0)})
            return plain(functions, seconds)

        monkeypatch.setattr(calibration, "times", times)
        predict.measured_costs()
        assert list(json.loads(path.read_bytes())) == ["another", calibration.key()]

    def test_compare_and_crossover_predict_by_them(self, fits):
        f = np.sin
        dm.compare(f, np.ones(3), seconds=0.01)
        found = dm.crossover(lambda n, m: (f, np.ones(n)), [3], [3], seconds=0.01)
        assert found.cells[0][0].predicted_forward > 7.0  # one call of forward mode, and more
        assert len(fits) == 1


def test_importing_dualmc_does_not_measure_nor_import_it():
    code = "import sys, dualmc; print('dualmc.counting.calibration' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
