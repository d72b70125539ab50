"""What a plain run takes of the tables: each case in some way, and each way with some cases."""

from itertools import product

import pytest
from entries import TAKEN, axes, chosen, in_turn, parts
from function_cases import CASES


def columns_of(*sizes):
    return list(zip(*product(*map(range, sizes)), strict=True))


@pytest.mark.parametrize("step", [1, 2, 7, 16, 50])
@pytest.mark.parametrize("sizes", [(1,), (7,), (100,), (100, 3), (5, 40), (2, 33, 3), (16, 16)])
def test_every_way_has_cases_and_every_case_ways(sizes, step):
    columns, longest = columns_of(*sizes), max(sizes)
    first, counted = 0, [0] * longest
    where = sizes.index(longest)
    while first < 4 * step * longest:
        taken, count = chosen(columns, step, first), len(columns[0]) // longest
        rest = [tuple(c[k] for i, c in enumerate(columns) if i != where) for k in taken]
        assert len(set(rest)) == count  # every way
        assert len(taken) <= count * -(-longest // min(step, longest))
        for k in taken:
            counted[columns[where][k]] += 1
        first += count
    # In so many ways as the step has, each case is taken once.
    full, begun = divmod(first, min(step, longest))
    assert all(full <= n <= full + bool(begun) for n in counted)


def test_step_one_takes_all():
    columns = columns_of(6, 4)
    assert chosen(columns, 1, 3) == list(range(24))


def test_rows_that_are_not_a_product():
    """Some ways go through fewer cases; such a one may have none whose turn it is."""
    cases, ways = (0, 1, 2, 3, 0, 1, 2, 3), (0, 0, 0, 0, 1, 1, 1, 2)
    assert chosen([cases, ways], 1, 0) == list(range(8))
    assert chosen([cases, ways], 2, 0) == [0, 2, 5]


def test_names_of_one_axis_are_one():
    class Call:
        def __init__(self, a, b):
            self.indices = {"f": a, "expected": a, "mode": b}

    calls = [Call(a, b) for a in range(3) for b in range(2)]
    assert axes(calls) == [("f", (0, 0, 1, 1, 2, 2)), ("mode", (0, 1, 0, 1, 0, 1))]


@pytest.mark.parametrize("n", [1, 5, 16, 100])
def test_parts(n):
    found = parts(range(n))
    assert sorted(sum(found, [])) == list(range(n))
    assert max(map(len, found)) - min(map(len, found)) <= 1


class Item:
    def __init__(self, path, is_slow):
        self.path, self.is_slow = path, is_slow

    def get_closest_marker(self, name):
        return {"slow": self.is_slow}[name]


def test_every_file_has_its_turn():
    items = [Item(path, i % 2 == 1) for path, count in [("a", 18), ("b", 2), ("c", 9)]
             for i in range(count)]  # fmt: skip
    assert in_turn(items, 1) == items
    taken = in_turn(items, 4)
    assert [item for item in taken if not item.is_slow] == items[::2][:9] + [items[18]] + items[
        20::2
    ]
    # Of nine, one and four.
    assert [item for item in taken if item.is_slow] == [*items[1:18:8], items[19], items[21]]


def test_of_this_run(request):
    """Of every product that is collected each value of each axis is there; of a table, of each but
    the longest.
    """
    cases = set()
    for test, (calls, taken, is_table) in request.config.stash.get(TAKEN, {}).items():
        for name, _ in axes(calls):
            there = {call.indices[name] for call in taken}
            values = {call.indices[name] for call in calls}
            is_longest = len(values) == longest_of(calls)
            assert there == values or is_table and is_longest, (test, name)
        if "test_modes_agree" in test:
            cases |= {call.params["case"].name for call in taken if "case" in call.params}
    if cases:
        assert cases == {case.name for case in CASES}


def longest_of(calls):
    return max(len(set(column)) for _, column in axes(calls))
