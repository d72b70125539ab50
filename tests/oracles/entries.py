"""Which entries of a table a plain run takes: every case in some way, every way with some cases.

A table is a test with parameters.  Its longest axis is that of the cases; what the other axes say
is the way in which a case is tested.  A way takes every `step`th case, and the next way begins one
case further: in `step` ways, be they of one test or of several tests of the same cases, each case
is taken once.  A way takes at least one case, as `step` is at most the number of cases.
"""

from collections import Counter

import pytest

TAKEN = pytest.StashKey()  # of each table, all its calls and those that are taken
WAYS = pytest.StashKey()  # of the cases of each file, in how many ways its tests go through them


def entries(metafunc, step):
    """The calls that are taken of a test's, which is collected."""
    calls, stash = list(metafunc._calls), metafunc.config.stash
    columns = axes(calls)
    name, column = max(columns, key=lambda axis: len(set(axis[1])))
    cases = metafunc.module.__name__, name, len(set(column))
    ways = stash.setdefault(WAYS, {})
    first = ways.get(cases, 0)
    numbers, count = chosen([c for _, c in columns], step, first)
    ways[cases] = first + count
    taken = [calls[k] for k in numbers]
    stash.setdefault(TAKEN, {})[metafunc.definition.nodeid] = calls, taken
    return taken


def axes(calls):
    """The positions of the calls along each axis, as columns; names of one axis share theirs."""
    columns = {}
    for name in calls[0].indices:
        columns.setdefault(tuple(call.indices[name] for call in calls), name)
    return [(name, column) for column, name in columns.items()]


def chosen(columns, step, first):
    """The numbers of the entries that are taken, and how many ways there are.

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
    taken = [
        k
        for k, (case, way) in enumerate(zip(cases, rest, strict=True))
        if (places[case] + ways[way]) % step == 0
    ]
    return taken, len(ways)


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
