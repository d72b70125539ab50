"""Which tests a plain run takes of many alike: every case in some way, every way with some cases.

A test of several axes of parameters is a product: its longest axis is that of the cases; what the
other axes say is the way in which a case is tested.  A way takes every `step`th case, and the next
way begins one case further.  A way takes at least one case, as `step` is at most their number, and
where there are at least `step` ways each case is taken.

In a table, a test marked so, the ways go on from one test of a file to the next of the same cases,
and `step` is larger: it is together that they take each case.
"""

from collections import Counter

import pytest

TAKEN = pytest.StashKey()  # of each test: all calls, those that are taken, whether it is a table
WAYS = pytest.StashKey()  # of the cases of each file, in how many ways its tables go through them
PRODUCT = 4  # the largest step of products that are no tables
SMALL = 16  # products of fewer entries are taken whole
SLOW = 4  # every so many of the slow tests of a file


def entries(metafunc, step):
    """The calls that are taken of a test's, which is collected."""
    calls, stash = list(metafunc._calls), metafunc.config.stash
    table = metafunc.definition.get_closest_marker("table")
    columns = axes(calls) if calls else []
    if not columns or not table and (len(columns) == 1 or len(calls) < SMALL):
        return calls
    name, column = max(columns, key=lambda axis: len(set(axis[1])))
    count, first = len(set(column)), 0
    if table:
        cases, ways = (metafunc.module.__name__, name, count), stash.setdefault(WAYS, {})
        first = ways.get(cases, 0)
        ways[cases] = first + len(calls) // count
        step = min(step, *table.args) if table.args else step
    else:
        step = min(step, PRODUCT, len(calls) // count)
    taken = [calls[k] for k in chosen([c for _, c in columns], step, first)]
    stash.setdefault(TAKEN, {})[metafunc.definition.nodeid] = calls, taken, bool(table)
    return taken


def axes(calls):
    """The positions of the calls along each axis, as columns; names of one axis share theirs."""
    columns = {}
    for name in calls[0].indices:
        columns.setdefault(tuple(call.indices[name] for call in calls), name)
    return [(name, column) for column, name in columns.items()]


def chosen(columns, step, first):
    """The numbers of the entries that are taken.

    Args:
        columns: for each axis, the position along it of each entry.
        step: every so many cases of each way.
        first: the number of ways that other tests of the same cases have gone through.
    """
    cases = max(columns, key=lambda column: len(set(column)))
    rest = list(zip(*(column for column in columns if column is not cases), strict=True))
    rest = rest or [()] * len(cases)
    ways = {way: first + i for i, way in enumerate(dict.fromkeys(rest))}
    places = {case: i for i, case in enumerate(dict.fromkeys(cases))}
    step = min(step, len(places))
    return [
        k
        for k, (case, way) in enumerate(zip(cases, rest, strict=True))
        if (places[case] + ways[way]) % step == 0
    ]


def parts(names, count=16):
    """The names in so many parts of about the same length, for a test that goes through a part."""
    names = list(names)
    return [names[k::count] for k in range(min(count, len(names)))]


def in_turn(items, step):
    """The tests without those marked `slow` whose turn it is not: every `step`th of a file runs."""
    numbers, taken = Counter(), []
    for item in items:
        if item.get_closest_marker("slow"):
            numbers[item.path] += 1
            if (numbers[item.path] - 1) % step:
                continue
        taken.append(item)
    return taken
