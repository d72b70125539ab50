"""What the process was started with: files of a cache in any state, and no compiler."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np, dualmc as dm
x = np.linspace(0.1, 1, 30)
J = dm.jacobian_fwd(lambda u: np.roll(u, 1) * np.sin(u), x)
y = np.roll(x, 1)
right = np.diag(y * np.cos(x)) + np.roll(np.diag(np.sin(y)), -1, axis=1) * 0
right[np.arange(30), np.arange(30) - 1] += np.sin(x)
assert np.allclose(J, right, rtol=1e-14), abs(J - right).max()
print("right")
"""
PREPARED = """
import warnings
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    P = dm.prepare(lambda u: u**2, x)
assert P.reason is None or "NUMBA_DISABLE_JIT" in P.reason, P.reason
assert np.allclose(P(x), np.diag(2 * x))
print("prepared")
"""


def start(program, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process):
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out.split()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder of cache files that one process has written."""
    folder = tmp_path_factory.mktemp("cache")
    assert finish(start(PROGRAM, NUMBA_CACHE_DIR=str(folder))) == ["right"]
    assert files_of(folder)
    return folder


def files_of(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in (".nbc", ".nbi"))


def truncate(content):
    return content[:50]


def halve(content):
    return content[: len(content) // 2]


def flip_bits(content):
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(b ^ 0xFF for b in content[middle : middle + 64])
        + content[middle + 64 :]
    )


def empty(content):
    return b""


def noise(content):
    return bytes(range(256)) * 20


def test_damaged_files_are_written_anew(written):
    files = files_of(written)
    good = [p.read_bytes() for p in files]
    damages = [truncate, halve, flip_bits, empty, noise]
    bad = [damages[i % 5](content) for i, content in enumerate(good)]
    for p, content in zip(files, bad, strict=True):
        p.write_bytes(content)
    assert finish(start(PROGRAM, NUMBA_CACHE_DIR=str(written))) == ["right"]
    assert files_of(written) == files and not list(written.rglob("*.tmp*"))
    for p, content, damaged in zip(files, good, bad, strict=True):
        assert len(p.read_bytes()) == len(content) and p.read_bytes() != damaged


def test_files_that_changed_places(written):
    files = files_of(written)
    contents = [p.read_bytes() for p in files]
    for p, other in zip(files, contents[1:] + contents[:1], strict=True):
        p.write_bytes(other)
    assert finish(start(PROGRAM, NUMBA_CACHE_DIR=str(written))) == ["right"]


def test_what_was_written_is_read(written):
    stamps = {p: p.stat().st_mtime_ns for p in files_of(written)}
    assert finish(start(PROGRAM, NUMBA_CACHE_DIR=str(written))) == ["right"]
    assert stamps == {p: p.stat().st_mtime_ns for p in files_of(written)}


def test_processes_that_write_at_once(tmp_path):
    processes = [start(PROGRAM, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert [finish(p) for p in processes] == [["right"]] * 2
    assert finish(start(PROGRAM, NUMBA_CACHE_DIR=str(tmp_path))) == ["right"]


def test_directories_in_place_of_the_files(written, tmp_path):
    for p in files_of(written):
        target = tmp_path / p.relative_to(written)
        target.mkdir(parents=True)
    assert finish(start(PROGRAM, NUMBA_CACHE_DIR=str(tmp_path))) == ["right"]


def test_without_a_compiler():
    process = start(PROGRAM + PREPARED, NUMBA_DISABLE_JIT="1")
    assert finish(process) == ["right", "prepared"]
