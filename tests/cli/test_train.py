"""``python -m dualmc train``: tables that it refuses, each in a sentence."""

import numpy as np
import pytest

from dualmc import __main__ as command_line
from dualmc.document.neuron import Table, check_fit


def trained(capsys, tmp_path, content, *options):
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        status = command_line.main(["train", "--data", str(path), *options])
    except SystemExit as leave:
        status = leave.code
    return status, capsys.readouterr()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x,y\n1,nan\n2,3\n", "table.csv, line 2: every number must be finite; column y holds"),
        ("x,y\n1,2\ninf,3\n", "table.csv, line 3: every number must be finite; column x holds"),
        ("x,y\n1,red\n2,3\n", "line 2: every cell must be a number; column y holds 'red'."),
        ("x,y\n1,\n2,3\n", "line 2: every cell must be a number; column y holds ''."),
        ("x,y\n1,2\n2,2\n4,2\n", "the target y is the same in every sample"),
        ("x,y\n1,0.1\n2,0.1000000000000000055\n4,0.1\n", "the target y is the same"),
        ("a,x,y\n3,1,2\n3,2,4\n3,4,5\n", "column a is constant"),
        ("a,y\n1e9,2\n1000000000.0000001,4\n1e9,5\n", "column a is constant"),
        ("a,b,y\n1,2,3\n2,7,5\n", "2 samples do not determine 2 weights and a bias: at least 3"),
        ("a,b,y\n1,2,3\n2,4,5\n3,6,7\n4,8,1\n", "column b is a linear function of those before"),
        ("a,b,y\n1,3,3\n2,2,5\n3,1,7\n4,0,1\n", "column b is a linear function of those before"),
        ("x,y\n1,-1\n2,-3\n4,0\n", "no target y is positive"),
        ("x,y\n1e200,1\n2,3\n4,5\n", "column x holds numbers whose squares are too large"),
        ("x,y\n1,1e200\n2,3\n4,5\n", "column y holds numbers whose squares are too large"),
        ("1,2\n3,4\n5,6\n", "line 1: the names of the columns are needed here, not numbers."),
        ("x;y\n1;2\n2;3\n", "got 1. Columns are separated by commas, not by ';'."),
        ("x\ty\n1\t2\n", "not by '\\t'."),
        ("x,y\n1,2,3\n2,3,4\n", "line 2: 2 columns are named but 3 given."),
        ("", "is empty"),
        ("x,y\n1,2\n", "at least 2 samples"),
        (b"x,y\n1,\xff\n", "is not a text file in UTF-8."),
    ],
)
def test_tables_that_are_refused(capsys, tmp_path, content, said):
    status, captured = trained(capsys, tmp_path, content)
    assert status == 2
    assert captured.out == ""
    assert said in captured.err and "argument --data: " in captured.err


def test_files_that_cannot_be_read(capsys, tmp_path):
    for path, said in ((tmp_path, "Is a directory"), (tmp_path / "no.csv", "No such file")):
        with pytest.raises(SystemExit) as leave:
            command_line.main(["train", "--data", str(path)])
        assert leave.value.code == 2
        assert f"cannot be read: {said}" in capsys.readouterr().err


def test_a_table_that_excel_wrote(capsys, tmp_path):
    status, captured = trained(capsys, tmp_path, b"\xef\xbb\xbfx,y\r\n0,1\r\n1,3\r\n2,5\r\n3,7\r\n")
    assert status == 0
    assert "\nx " in captured.out


def test_a_fit_without_error_does_not_rise(capsys, tmp_path):
    status, captured = trained(capsys, tmp_path, "x,y\n0,1\n1,3\n2,5\n", "--steps", "1000")
    assert status == 0 and captured.err == ""


def test_more_steps_than_memory(capsys, tmp_path):
    table = "x,y\n0,1\n1,3\n2,5\n"
    status, captured = trained(capsys, tmp_path, table, "--steps", str(10**14))
    assert status == 2
    assert "needs more memory than there is" in captured.err


def test_a_neuron_that_dies_says_so(capsys, tmp_path):
    table = "x,y\n" + "".join(f"{x},{y}\n" for x, y in enumerate([0, 0, 0, 0, 1e-3]))
    status, captured = trained(capsys, tmp_path, table, "--rate", "0.9", "--steps", "5")
    assert status == 1
    assert "No sample is active after 5 steps" in captured.err


def test_samples_that_determine_the_weights_pass():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(6, 5)) * [1e-6, 1.0, 1e6, 1e3, 1e-3] + [0, 5, 1e6, 0, 1]
    check_fit(Table((*"abcde", "y"), X, rng.uniform(0, 1, 6)))
