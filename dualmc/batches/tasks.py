"""Points handed to an executor: a stretch of them is a task."""

import contextlib

import numpy as np

from dualmc.calls.structures import trees
from dualmc.chunks import bar, workers
from dualmc.chunks.sizes import Widths
from dualmc.chunks.task import Call


class Stretches(Call):
    """What the stretches of one batch have in common."""

    unit = "points"

    def __init__(self, request, points):
        """`request` is the `Asked` of the verb; `points` all of them."""
        super().__init__(request, points)
        self._points = points

    def computed(self, begin, end):
        return None, self.request.at(self._points.part(begin, end))


def answered(asked, points, spread):
    """What the verb returns, its tasks computed as `spread` says."""
    spread.refuse_out_of_batch()
    executor = spread.executor
    count = 0 if executor is None else workers.count_of(executor)
    answers = workers.asked(executor, count, asked.caller) if executor is not None else []
    workers.check_answers(answers, asked.caller)
    call = Stretches(asked, points)
    widths = Widths(points.count, 0, asked.chunk_size, count)
    shown = bar.shown(spread.progress, points.count, 0, asked.caller, "point")
    found = {}
    try:
        with contextlib.closing(
            workers.computed(call, [(0, points.count)], widths, executor)
        ) as chunks:
            for chunk in chunks:
                found[chunk.begin] = chunk.columns
                shown.update(chunk.end - chunk.begin)
    finally:
        call.is_stopped = True
        shown.close()
    return _joined(points, [found[begin] for begin in sorted(found)])


def _joined(points, parts):
    """The results of all stretches, one after the other, leaf by leaf."""
    taken, shapes = [], set()
    for part in parts:
        leaves = []
        tree = trees.opened(part, "", leaves, is_input=False)
        taken.append([np.asarray(leaf.value) for leaf in leaves])
        shapes.add((repr(tree), *(a.shape[1:] for a in taken[-1])))
    if len(shapes) > 1:
        raise ValueError(
            f"{points.caller}: f returns other shapes at other points. Under batch= all points "
            f"need one shape: call it once for each group of points that agree."
        )
    joined = [np.concatenate(arrays) for arrays in zip(*taken, strict=True)]
    return trees.built(tree, joined, trees.as_result)
