"""Saved programs that may not be used: of an f that was edited, of other versions, damaged ones."""

import errno
import os
import pickle
import zipfile

import numpy as np
import pytest

import dualmc as dm
from dualmc.chunks import sending
from dualmc.replay.saved import files

X = np.array([0.5, 1.5, -0.25])


def f(x):
    return np.sin(x) * x[0]


def g(x):
    return np.sin(x) * x[1]


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "J"
    dm.prepare(f, X).save(found)
    return found


def function(text, **names):
    scope = {"np": np, "__name__": "somewhere", **names}
    exec(text, scope)
    return scope["f"], scope


def refused(path, f, match):
    with pytest.raises(ValueError, match=match) as caught:
        dm.load(path, f)
    assert str(caught.value).startswith(f"load: {path} cannot be used: ")


# --- f ------------------------------------------------------------------------------------------


def test_an_edited_function(path):
    refused(path, g, r"g is not what it was when it was saved: what it is made of differs. Prepare")


BEFORE = "def f(x):\n    return h(x) * K"
EDITS = {
    "global": ("the global name K", {"K": 3.0}),
    "type": ("the global name K", {"K": 2}),
    "function": ("the global name h", {"h": lambda x: x + 1}),
    "module": ("the global name h", {"h": np.tanh}),
    "default": ("what it is made of", {"text": BEFORE.replace("(x):", "(x, n=1):")}),
    "name": ("what it is made of", {"text": BEFORE.replace("K", "k"), "k": 2.0}),
    "hidden": ("the global name abs", {"abs": np.abs}),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_f_reads(name, tmp_path):
    says, names = EDITS[name]
    text = BEFORE + (" + abs(-1.0)" if name == "hidden" else "")
    given = {"h": lambda x: x**2, "K": 2.0}
    before, _ = function(text, **given)
    J = dm.prepare(before, X)
    J.save(tmp_path / "J")
    again, _ = function(text, **{**given, "h": lambda x: x**2})
    np.testing.assert_array_equal(dm.load(tmp_path / "J", again)(X), J(X))
    names = dict(names)
    edited, _ = function(names.pop("text", text), **{**given, **names})
    refused(tmp_path / "J", edited, f"{says} differs")


def closing(value):
    return lambda x: x * value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0 + 1e-15])),
        (np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0], np.float32)),
        (np.array([0.0, 1.0, 1.0]), np.array([-0.0, 1.0, 1.0])),
        (2.0, 2),
        (0.0, -0.0),
        (np.ones(30_000)[:3], np.ones(3) * 2),
    ],
)  # fmt: skip
def test_closures(before, after, tmp_path):
    dm.prepare(closing(before), X).save(tmp_path / "J")
    copied = before.copy() if isinstance(before, np.ndarray) else before
    np.testing.assert_array_equal(
        dm.load(tmp_path / "J", closing(copied))(X), np.diag(before * 1.0 * np.ones(3))
    )
    refused(tmp_path / "J", closing(after), "what it is made of differs")


def test_other_ways_are_left_out(tmp_path):
    """Ways recorded while a global name held something else."""
    f, scope = function("def f(x):\n    return x * K", K=2.0)
    J = dm.prepare(f, X)
    scope["K"] = 3.0
    J(X)
    assert J.paths == 2
    J.save(tmp_path / "J")
    K = dm.load(tmp_path / "J", f)
    assert K.paths == 1
    np.testing.assert_array_equal(K(X), np.diag(3.0 * np.ones(3)))
    assert K.replays == 1
    scope["K"] = 4.0
    with pytest.raises(
        NotImplementedError, match="what it reads has changed since it was recorded"
    ):
        J.save(tmp_path / "other")
    assert not os.path.exists(tmp_path / "other")


def test_other_arguments_that_are_part_of_the_way(tmp_path):
    def f(x, how, index):
        return x[index] ** 2 if how == "square" else x[index]

    J = dm.prepare(f, X, "square", np.array([2, 0]))
    J.save(tmp_path / "J")
    K = dm.load(tmp_path / "J", f)
    for how, index in (("square", [2, 0]), ("no", [2, 0]), ("square", [1, 0])):
        index = np.array(index)
        np.testing.assert_array_equal(K(X, how, index), dm.jacobian_fwd(f, X, how, index))
    assert (K.replays, K.fresh_calls) == (1, 2)


def test_rules_of_the_users(tmp_path, monkeypatch):
    from dualmc import custom

    J = dm.prepare(f, X)
    J.save(tmp_path / "J")
    monkeypatch.setitem(custom.REGISTERED_RULES, np.nextafter, (1.0, 0.0))
    refused(tmp_path / "J", f, "the rules and stand-ins registered with dualmc are not those")
    J.save(tmp_path / "J")
    dm.load(tmp_path / "J", f)
    monkeypatch.setitem(custom.REGISTERED_RULES, np.nextafter, (2.0, 0.0))
    refused(tmp_path / "J", f, "the rules and stand-ins")


# --- Where f is ---------------------------------------------------------------------------------


def test_functions_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(sending, "BY_VALUE", ())
    J = dm.prepare(lambda x: x**2, X)
    J.save(tmp_path / "J")
    refused(tmp_path / "J", None, r"<lambda> has no name under which .* Give it: load\(path, f\).")
    np.testing.assert_array_equal(dm.load(tmp_path / "J", lambda x: x**2)(X), J(X))
    refused(tmp_path / "J", lambda x: x**3, "what it is made of differs")


def test_functions_without_a_name_by_value(tmp_path):
    pytest.importorskip("cloudpickle")
    factor = np.array([1.0, 2.0, 3.0])
    J = dm.prepare(lambda x: factor * x**2, X)
    J.save(tmp_path / "J")
    np.testing.assert_array_equal(dm.load(tmp_path / "J")(X), J(X))


def test_functions_that_are_gone(tmp_path, monkeypatch):
    module = type(os)("gone_module")
    exec("import numpy as np\ndef f(x):\n    return np.sin(x)", module.__dict__)
    monkeypatch.setitem(__import__("sys").modules, "gone_module", module)
    dm.prepare(module.f, X).save(tmp_path / "J")
    dm.load(tmp_path / "J")
    f = module.__dict__.pop("f")
    refused(tmp_path / "J", None, "was f in the module gone_module, which has no such name here")
    monkeypatch.delitem(__import__("sys").modules, "gone_module")
    refused(tmp_path / "J", None, "is in the module gone_module, which cannot be imported here")
    dm.load(tmp_path / "J", f)


# --- What cannot be saved -----------------------------------------------------------------------


def test_what_is_not_replayed(tmp_path):
    with pytest.warns(UserWarning, match="not replayed"):
        J = dm.prepare(lambda x: np.real(x * 1j), X)
    with pytest.raises(NotImplementedError, match="cannot be saved: it is not replayed, since"):
        J.save(tmp_path / "J")


def test_what_numba_compiles(tmp_path):
    numba = pytest.importorskip("numba")

    @numba.njit
    def f(x):
        return x**2

    with pytest.raises(NotImplementedError, match=r"compiled by Numba.*@njit\(cache=True\)"):
        dm.prepare(f, X).save(tmp_path / "J")


def test_what_another_process_cannot_compare(tmp_path):
    made = np.frompyfunc(lambda a: a, 1, 1)
    f, _ = function("def f(x):\n    return x * (2.0 if made else 1.0)", made=made)
    with pytest.raises(NotImplementedError, match="the global name made is or holds the ufunc"):
        dm.prepare(f, X).save(tmp_path / "J")


# --- Versions and damage ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Python", "NumPy", "dualmc"])
def test_other_versions(name, path, monkeypatch):
    found = {"Python": "3.1", "NumPy": "9.9", "dualmc": "7"}[name]
    before = dict(files.unpacked(path.read_bytes())[0]["recorded with"])
    monkeypatch.setattr("dualmc.versions.of_recording", lambda: {**before, name: found})
    refused(path, f, f"f was prepared with {name} .*, and this is {name} {found}. Prepare it again")


def test_another_format(path, monkeypatch):
    monkeypatch.setattr("dualmc.replay.saved.contents.FORMAT", 99)
    refused(path, f, "it has format 1, and this dualmc reads format 99. Prepare it again")


def test_damaged_files(path):
    whole = path.read_bytes()
    generator = np.random.default_rng(3)
    cuts = [0, 1, 30, len(whole) // 2, len(whole) - 1]
    damaged = [whole[:cut] for cut in cuts] + [b"", b"abc" * 100]
    for at in generator.integers(0, len(whole), 60):
        damaged.append(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
    expected = dm.jacobian_fwd(f, X)
    for content in damaged:
        path.write_bytes(content)
        try:
            found = dm.load(path)
        except ValueError as problem:
            assert "cannot be used: " in str(problem)
        else:  # a byte that says nothing, such as a date
            np.testing.assert_array_equal(found(X), expected)
            assert len(content) == len(whole)


def test_an_archive_of_others(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "[]")
        archive.writestr("ways.pickle", b"")
    refused(path, f, "it is no file of Prepared.save's")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        dm.load(tmp_path / "J")
    for given in (3, None, [1]):
        with pytest.raises(TypeError, match="load needs the path of a file, got"):
            dm.load(given)
        with pytest.raises(TypeError, match="Prepared.save needs the path of a file, got"):
            dm.prepare(f, X).save(given)
    with pytest.raises(TypeError, match="load: f must be the function that was prepared, got int"):
        dm.load("J", 3)


# --- Writing ------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("dualmc.replay.saved.files.os.fsync", full)
    with pytest.raises(OSError, match="has written nothing, and left what was there: No space"):
        dm.prepare(f, X).save(path)
    assert path.read_bytes() == before
    assert [path.name] == os.listdir(path.parent)


def test_a_folder_that_is_not_there_or_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError, match="has written nothing") as caught:
        dm.prepare(f, X).save(tmp_path / "no" / "J")
    assert caught.value.filename == str(tmp_path / "no" / "J")
    tmp_path.chmod(0o500)
    try:
        if not os.access(tmp_path, os.W_OK):  # root may write anywhere
            with pytest.raises(PermissionError, match="has written nothing"):
                dm.prepare(f, X).save(tmp_path / "J")
    finally:
        tmp_path.chmod(0o700)


# --- Pickles ------------------------------------------------------------------------------------


def test_a_pickle_of_another_function_is_prepared_anew(monkeypatch):
    """On the other side f is what it is there."""
    J = dm.prepare(f, X)
    packed = pickle.dumps(J)
    again = pickle.loads(packed)
    np.testing.assert_array_equal(again(X), J(X))
    monkeypatch.setitem(globals(), "f", g)
    other = pickle.loads(packed)
    np.testing.assert_array_equal(other(X), dm.jacobian_fwd(g, X))
    assert other.replays == 1


def test_a_pickle_records_nothing(monkeypatch):
    J = dm.prepare(f, X)
    packed = pickle.dumps(J)
    monkeypatch.setattr("dualmc.replay.path.trace_program", None)
    assert pickle.loads(packed).paths == 1
