"""`out=`: columns in the user's arrays and files, resumed after interruptions; `progress=`."""

import errno
import io
import json
import os
import runpy
import signal
import subprocess
import sys
import textwrap
import time

import chunk_functions as functions
import numpy as np
import pytest
from chunk_functions import CHUNK, X
from expecting import raises_literally as raises

import dualmc as dm
from dualmc.calls import room
from dualmc.chunks import bar, sizes, targets

FAR = 10**9


def memmap(path, shape=(60, 60), dtype=np.float64, mode="w+"):
    return np.lib.format.open_memmap(str(path), mode, None if mode == "r" else dtype, shape)


class Interrupted:
    """`functions.dense`, interrupted in its call number `at`."""

    def __init__(self, at=FAR, error=KeyboardInterrupt):
        self.calls, self.at, self.error = 0, at, error

    def __call__(self, x):
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        return functions.dense(x)

    def __reduce__(self):
        return Interrupted, ()  # the same function, however often it was called


# --- Where columns go -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (2, 3, 4), (2, 1, 3), (5, 0)])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_any_shape_by_any_chunks(shape, layout):
    x = np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape)

    def f(x):
        return np.stack([np.sum(x**2), np.sum(np.sin(x))]) * np.ones((3, 1))

    plain = dm.jacobian_fwd(f, x, layout=layout)
    for chunk_size in (1, 2, 5, 100):
        out = np.full(plain.shape, np.nan)
        assert out is dm.jacobian_fwd(f, x, layout=layout, out=out, chunk_size=chunk_size)
        np.testing.assert_array_equal(plain, out)


def test_boxes_cover_every_range_once(rng):
    for shape in ((6,), (3, 4), (2, 3, 4)):
        size = int(np.prod(shape))
        for low in range(size + 1):
            for high in range(low, size + 1):
                seen = np.zeros(shape, int)
                flat = []
                for begin, end, box in targets.boxes(shape, low, high):
                    seen[box] += 1
                    flat += np.arange(size).reshape(shape)[box].ravel().tolist()
                    assert flat[-(end - begin) :] == list(range(begin, end))
                assert flat == list(range(low, high))
                assert seen.sum() == high - low and seen.max(initial=0) <= 1


def test_numbers_views_and_orders():
    out = np.empty(())
    assert out is dm.jacobian_fwd(lambda x: x**3, 2.0, out=out) and 12.0 == out
    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK)
    backing = np.zeros((60, 120))
    views = (np.empty((60, 60), order="F"), backing[:, ::2], backing[::-1, 60:])
    for out in views:
        dm.jacobian_fwd(functions.dense, X, out=out, chunk_size=CHUNK)
        np.testing.assert_array_equal(plain, out)


def test_several_arguments():
    def f(a, b):
        return a[:, :2] * b**2

    a, b = np.arange(6.0).reshape(2, 3), np.array([2.0, 3.0])
    plain = dm.jacobian_fwd(f, a, b, argnums=(1, 0))
    outs = np.empty((2, 2, 2)), np.empty((2, 2, 2, 3))
    for chunk_size in (1, 3, 8):
        found = dm.jacobian_fwd(f, a, b, argnums=(1, 0), out=outs, chunk_size=chunk_size)
        assert found is outs
        for one, other in zip(plain, found, strict=True):
            np.testing.assert_array_equal(one, other)
    with raises(TypeError, "of a tuple of argnums, out= must be a tuple of 2 arrays, one for each"):
        dm.jacobian_fwd(f, a, b, argnums=(1, 0), out=outs[0])


def test_wider_dtypes_hold_it_and_narrower_do_not():
    x = X.astype(np.float32)
    out = np.empty((60, 60))
    dm.jacobian_fwd(functions.dense, x, out=out)
    np.testing.assert_array_equal(dm.jacobian_fwd(functions.dense, x), out)
    for dtype in (np.float32, np.int64, bool):
        with raises(ValueError, "the Jacobian has dtype float64, which out of dtype"):
            dm.jacobian_fwd(functions.dense, X, out=np.empty((60, 60), dtype))
    with raises(ValueError, "the Jacobian has dtype complex128, which out of dtype float64 cannot"):
        dm.jacobian_fwd(lambda x: x * 1j, X, out=np.empty((60, 60)))


def test_values_that_meet():
    out = np.empty((3, 3, 3, 3))
    dm.jacobian_fwd(of_matrix, np.eye(3), out=out, chunk_size=2)
    S = np.eye(9).reshape(3, 3, 3, 3)
    expected = np.e * (S + S.transpose(0, 1, 3, 2)) / 2  # exp(I + e S) = e (I + e S)
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-9)


def of_matrix(A):
    w, v = np.linalg.eigh((A + A.T) / 2)
    return (v * np.exp(w)) @ v.T


# --- What cannot take it --------------------------------------------------------------------------


def test_arrays_that_cannot_take_it():
    f, kept = functions.dense, np.full((60, 60), 7.0)
    frozen = kept.copy()
    frozen.flags.writeable = False
    strided = np.lib.stride_tricks.as_strided(np.zeros(60), (60, 60), (0, 8))
    cases = [
        (ValueError, "y.shape + x.shape = (60, 60); got (60,).", np.empty(60)),
        (ValueError, "out is read-only. Open it for writing", frozen),
        (ValueError, "several elements of out share their memory", strided),
        (TypeError, "out must be an array: of NumPy, a numpy.memmap, or of zarr or h5py; got list.",
         kept.tolist()),
        (TypeError, "got str.", "J.npy"),
    ]  # fmt: skip
    for kind, said, out in cases:
        with raises(kind, said):
            dm.jacobian_fwd(f, X, out=out)
    with raises(ValueError, "out= takes a dense Jacobian; sparse=True returns a matrix."):
        dm.jacobian_fwd(f, X, out=kept, sparse=True)
    with raises(TypeError, "out= takes the Jacobian of one array by arrays, and x or what f"):
        dm.jacobian_fwd(lambda x: {"a": x}, X, out=kept)
    with raises(ValueError, "resume=True goes on with a file, which out= gives."):
        dm.jacobian_fwd(f, X, resume=True)
    with raises(ValueError, "resume=True goes on with a file, and out is in memory."):
        dm.jacobian_fwd(f, X, out=kept, resume=True)
    with raises(TypeError, "out= holds numbers, and inside of another derivative call"):
        dm.jacobian_fwd(lambda x: dm.jacobian_fwd(np.sin, x, out=kept), X)
    for name in ("resume", "progress"):
        with raises(ValueError, f"jacobian_fwd: {name} must be True or False, got {name}=1"):
            dm.jacobian_fwd(f, X, out=kept, **{name: 1})
    assert (kept == 7.0).all()


def test_out_that_overlaps_an_argument():
    memory = np.linspace(0.0, 1.0, 12)
    x, out = memory[:3], memory[:9].reshape(3, 3)
    before = memory.copy()
    with raises(ValueError, "out shares memory with an argument of f"):
        dm.jacobian_fwd(np.sin, x, out=out)
    with raises(ValueError, "out shares memory with an argument of f"):
        dm.jacobian_fwd(lambda x, k: x * k, np.ones(3), memory[4:7], out=out)
    np.testing.assert_array_equal(before, memory)


class Full:
    """An array on a disk that is full after some writes."""

    def __init__(self, room):
        self.array, self.room = np.zeros((60, 60)), room
        self.shape, self.dtype = self.array.shape, self.array.dtype

    def __setitem__(self, key, part):
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= 1
        self.array[key] = part


def test_a_full_disk():
    out = Full(3)
    with pytest.raises(OSError, match="columns 21 to 27 could not be written to out") as caught:
        dm.jacobian_fwd(functions.dense, X, out=out, chunk_size=CHUNK)
    assert errno.ENOSPC == caught.value.errno and "No space left" in str(caught.value)
    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK)
    np.testing.assert_array_equal(plain[:, :21], out.array[:, :21])
    assert "21 of 60 columns are in out" in caught.value.__notes__[0]


def test_a_disk_without_room_for_the_file(tmp_path, monkeypatch):
    """A map into a file of holes would end the process: the room is taken before."""
    out = memmap(tmp_path / "J.npy")

    def refuse(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    f = Interrupted()
    with pytest.raises(OSError, match="J.npy, the file of out, needs 28928 bytes") as caught:
        dm.jacobian_fwd(f, X, out=out)
    assert errno.ENOSPC == caught.value.errno and f.calls <= 3
    assert ["J.npy"] == os.listdir(tmp_path)


def test_a_dense_jacobian_that_does_not_fit(monkeypatch):
    """It says so with its size and the ways out, before it is made."""
    monkeypatch.setattr(room, "LARGE", 1000)
    monkeypatch.setattr(room, "available", lambda: 20_000)
    said = "a Jacobian of 60 x 60 numbers in float64 takes 28.8 KB, and 20 KB are available"
    ways = "Use sparse=True if few entries are not 0, out= to have the columns in a file, linearize"
    for options in ({}, {"chunk_size": 7}, {"progress": True}):
        with pytest.raises(MemoryError) as caught:
            dm.jacobian_fwd(functions.dense, X, **options)
        assert said in str(caught.value) and ways in str(caught.value)
    with pytest.raises(MemoryError, match="59 x 60"):
        dm.jacobian_fwd(functions.banded, X)
    assert 118 == dm.jacobian_fwd(functions.banded, X, sparse=True).nnz
    out = np.empty((60, 60))
    dm.jacobian_fwd(functions.dense, X, out=out, chunk_size=CHUNK)
    np.testing.assert_allclose(out, functions.dense_jacobian(X), rtol=1e-12, atol=1e-12)


def test_memory_that_is_available():
    there = room.available()
    assert 2**20 < there < 2**50
    assert ["1.5 KB", "20 MB", "3.2 GB", "1.25 TB"] == [
        room.told(n) for n in (1500, 20_000_000, 3_200_000_000, 1_250_000_000_000)
    ]


# --- Interrupted and resumed ----------------------------------------------------------------------


@pytest.fixture
def interrupted(tmp_path):
    """A file of which 4 chunks of 7 columns are done."""
    out = memmap(tmp_path / "J.npy")
    dm.jacobian_fwd(Interrupted(), X)  # which looks at what runs
    with pytest.raises(KeyboardInterrupt) as caught:
        dm.jacobian_fwd(Interrupted(6), X, out=out, chunk_size=CHUNK)
    assert ["jacobian_fwd: 28 of 60 columns are in out: resume=True goes on with them."] == (
        caught.value.__notes__
    )
    return tmp_path / "J.npy"


def test_what_was_done_is_not_done_again(interrupted):
    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK)
    journal = interrupted.with_name("J.npy.unfinished")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [[0, 7], [7, 14], [14, 21], [21, 28]] == lines[1:]
    out = memmap(interrupted, mode="r+")
    np.testing.assert_array_equal(plain[:, :28], out[:, :28])
    f = Interrupted()
    dm.jacobian_fwd(f, X, out=out, chunk_size=CHUNK, resume=True)
    assert 2 + 5 == f.calls  # one column for its shape, one that was done, five chunks
    np.testing.assert_array_equal(plain, memmap(interrupted, mode="r"))
    assert not journal.exists()
    # With nothing to resume it begins anew, so that a script may always ask for it.
    np.testing.assert_array_equal(
        plain, dm.jacobian_fwd(f, X, out=out, chunk_size=CHUNK, resume=True)
    )


def test_interrupted_twice_by_other_chunks(interrupted):
    out = memmap(interrupted, mode="r+")
    for at in (4, 3, 5):
        with pytest.raises(KeyboardInterrupt):
            dm.jacobian_fwd(Interrupted(at), X, out=out, chunk_size=5, resume=True)
    dm.jacobian_fwd(Interrupted(), X, out=out, chunk_size=11, resume=True)
    np.testing.assert_allclose(out, functions.dense_jacobian(X), rtol=1e-12, atol=1e-12)


def test_a_line_cut_short_does_not_count(interrupted):
    journal = interrupted.with_name("J.npy.unfinished")
    text = journal.read_text()
    for cut in (1, 3, 8):
        journal.write_text(text[:-cut])
        out = memmap(interrupted, mode="r+")
        out[:, 21:] = np.nan
        f = Interrupted()
        dm.jacobian_fwd(f, X, out=out, chunk_size=CHUNK, resume=True)
        assert 2 + 6 == f.calls
        assert np.isfinite(out).all()


def test_without_resume_nothing_is_overwritten(interrupted):
    before = interrupted.read_bytes()
    out = memmap(interrupted, mode="r+")
    with raises(ValueError, "out holds 28 columns of a call that did not end, says "):
        dm.jacobian_fwd(Interrupted(), X, out=out)
    assert before == interrupted.read_bytes()


def doubled(x):
    return 2 * functions.dense(x)


@pytest.mark.parametrize(
    ("f", "x", "options", "said"),
    [
        (doubled, X, {}, "the code of f and the value of f differ."),
        (Interrupted(), X + 1e-15, {}, "the arguments of f and the value of f differ."),
        (Interrupted(), X, {"layout": "denominator"}, "layout of out differs."),
    ],
)
def test_journals_of_other_calls(interrupted, f, x, options, said):
    before = interrupted.read_bytes()
    out = memmap(interrupted, mode="r+")
    with raises(ValueError, said):
        dm.jacobian_fwd(f, x, out=out, resume=True, **options)
    assert before == interrupted.read_bytes()


def test_what_f_reads_has_changed(tmp_path):
    """The value is 0 before and after, and the derivative is not the same."""
    state = {"slope": 2.0}

    def f(x):
        if state.get("left", FAR) == 0:
            raise KeyboardInterrupt
        state["left"] = state.get("left", FAR) - 1
        return state["slope"] * x

    out = memmap(tmp_path / "J.npy", (6, 6))
    dm.jacobian_fwd(f, np.zeros(6))
    state["left"] = 3
    with pytest.raises(KeyboardInterrupt):
        dm.jacobian_fwd(f, np.zeros(6), out=out, chunk_size=1)
    state.update(left=FAR, slope=3.0)
    with raises(ValueError, "column 0 in out is not that of f as it is now"):
        dm.jacobian_fwd(f, np.zeros(6), out=out, chunk_size=1, resume=True)
    state["slope"] = 2.0
    np.testing.assert_array_equal(
        2 * np.eye(6), dm.jacobian_fwd(f, np.zeros(6), out=out, chunk_size=1, resume=True)
    )


def test_zarr(tmp_path):
    zarr = pytest.importorskip("zarr")
    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK)
    path = tmp_path / "J.zarr"
    out = zarr.create_array(str(path), shape=(60, 60), chunks=(60, 10), dtype="f8")
    with pytest.raises(ZeroDivisionError):
        dm.jacobian_fwd(Interrupted(6, ZeroDivisionError), X, out=out, chunk_size=CHUNK)
    assert (tmp_path / "J.zarr.unfinished").exists()
    out = zarr.open_array(str(path), mode="r+")
    dm.jacobian_fwd(Interrupted(), X, out=out, chunk_size=CHUNK, resume=True)
    np.testing.assert_array_equal(plain, out[:])
    assert ["J.zarr"] == os.listdir(tmp_path)
    with raises(ValueError, "out is read-only."):
        dm.jacobian_fwd(functions.dense, X, out=zarr.open_array(str(path), mode="r"))
    in_memory = zarr.create_array(zarr.storage.MemoryStore(), shape=(60, 60), dtype="f8")
    dm.jacobian_fwd(functions.dense, X, out=in_memory, chunk_size=CHUNK)
    np.testing.assert_array_equal(plain, in_memory[:])


def test_h5py(tmp_path):
    h5py = pytest.importorskip("h5py")
    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK)
    path = tmp_path / "J.h5"
    with h5py.File(path, "w") as file:
        out = file.create_dataset("runs/J", (60, 60), "f8")
        with pytest.raises(KeyboardInterrupt):
            dm.jacobian_fwd(Interrupted(6), X, out=out, chunk_size=CHUNK)
    assert ["J.h5", "J.h5.runs.J.unfinished"] == sorted(os.listdir(tmp_path))
    with h5py.File(path, "r+") as file:
        dm.jacobian_fwd(Interrupted(), X, out=file["runs/J"], chunk_size=CHUNK, resume=True)
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(plain, file["runs/J"][:])
        with raises(ValueError, "out is read-only."):
            dm.jacobian_fwd(functions.dense, X, out=file["runs/J"])


def test_control_c_in_a_terminal(tmp_path, monkeypatch):
    """The whole group of processes is interrupted, as a terminal does it: one traceback is shown,
    and the next run goes on."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent("""
        import multiprocessing, os, pathlib, sys, time
        from concurrent.futures import ProcessPoolExecutor
        import numpy as np, dualmc as dm

        def f(x):
            if sys.argv[1:]:
                pathlib.Path(__file__).with_name(f"of {os.getpid()}").touch()
                time.sleep(0.4)
            return np.sin(x) * x[0]

        if __name__ == "__main__":
            folder, x = pathlib.Path(__file__).parent, np.linspace(1.0, 2.0, 40)
            mode = "r+" if (folder / "J.npy").exists() else "w+"
            out = np.lib.format.open_memmap(folder / "J.npy", mode, np.float64, (40, 40))
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(2, mp_context=context) as executor:
                dm.jacobian_fwd(f, x, out=out, executor=executor, chunk_size=1, resume=True)
    """))  # fmt: skip
    journal = tmp_path / "J.npy.unfinished"
    run = subprocess.Popen(
        [sys.executable, str(script), "slowly"], stderr=subprocess.PIPE, text=True,
        start_new_session=True,
        # Where the tests run in the background, a shell has them ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    until = time.monotonic() + 120
    while time.monotonic() < until and run.poll() is None:
        at_work = {path.name for path in tmp_path.glob("of *")} - {f"of {run.pid}"}
        if len(at_work) == 2 and journal.exists() and journal.read_text().count("\n") > 4:
            break
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    _, shown = run.communicate(timeout=120)
    assert run.returncode != 0 and "columns are in out: resume=True goes on" in shown
    # A worker that is interrupted between two chunks has its own shown by multiprocessing.
    of_workers = shown.count("Process SpawnProcess-")
    assert 1 == shown.count("\nKeyboardInterrupt\n") - of_workers, shown
    done = journal.read_text().count("\n") - 1
    assert 4 <= done < 40
    monkeypatch.setattr(sys, "argv", [str(script)])
    f = runpy.run_path(str(script), run_name="script")["f"]
    x = np.linspace(1.0, 2.0, 40)
    dm.jacobian_fwd(f, x, out=memmap(tmp_path / "J.npy", mode="r+"), chunk_size=1, resume=True)
    expected = np.diag(np.cos(x) * x[0])
    expected[:, 0] += np.sin(x)
    np.testing.assert_allclose(memmap(tmp_path / "J.npy", mode="r"), expected, rtol=1e-14)
    assert not journal.exists()


# --- Progress, and sizes --------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress(monkeypatch):
    pytest.importorskip("tqdm")
    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK)
    for stream, is_shown in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        shown = bar.shown(True, 60, 10, "jacobian_fwd")
        shown.delay = 0
        shown.update(20)
        shown.refresh()
        shown.close()
        assert is_shown == ("30/60" in stream.getvalue())
        found = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK, progress=True)
        np.testing.assert_array_equal(plain, found)


def test_bars_in_notebooks():
    """There is no terminal there, and the bar is drawn all the same."""
    notebook = pytest.importorskip("tqdm.notebook")
    std = pytest.importorskip("tqdm.std")
    kernel = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    assert bar.is_seen(notebook.tqdm_notebook, io.StringIO()) and bar.is_seen(std.tqdm, kernel)
    assert bar.is_seen(std.tqdm, Terminal()) and not bar.is_seen(std.tqdm, io.StringIO())


def test_progress_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with raises(ImportError, "not installed. Install it with: pip install dualmc[progress]"):
        dm.jacobian_fwd(functions.dense, X, progress=True)


def test_widths_by_memory_by_workers_and_by_time():
    mega = 2**20
    assert 64 == sizes.Widths(10_000, mega, None, 0).next(10_000)  # 64 MB of columns
    assert 7 == sizes.Widths(10_000, mega, 7, 2).next(10_000)
    widths = sizes.Widths(800, 8, None, 2)
    assert 100 == widths.next(800) and 30 == widths.next(30)
    widths.learn(100, 10.0, 700)  # long enough
    assert 100 == widths.next(700)
    widths = sizes.Widths(8000, 8, None, 2)
    widths.learn(1000, 0.001, 7000)  # too short: as wide as all workers stay busy
    assert 3500 == widths.next(7000)
