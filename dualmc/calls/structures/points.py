"""The points of a batch: arguments of which each point has its own, and what all points gave.

Arguments that have an axis of points have it first; the others are the same at every point.
"""

import copy
import importlib
from contextlib import contextmanager

import numpy as np

from dualmc.calls import options
from dualmc.calls.inputs import as_input
from dualmc.calls.structures import trees
from dualmc.calls.structures.trees import Structure
from dualmc.duals.dual import Dual

BROADCAST = "broadcast"
# What serves verbs that are asked for many points: a room above theirs, imported when one is.
ANSWER = "dualmc.batches.verbs"


def answered(caller, f, args, batch, *given, **options):
    """What the verb `caller` returns for ``batch=``; the rest are its other options."""
    verbs = importlib.import_module(ANSWER)
    return verbs.answered(caller, f, args, batch, *given, **options)


class Points:
    """The arguments of a batch, taken apart.

    Attributes
    ----------
    count : int
        How many points there are.
    positions : tuple of int
        Of the arguments that have an axis of points.
    args : list
        The arguments; those at `positions` as arrays, or structures of arrays.
    """

    def __init__(self, caller, args, numbers, batch):
        """`numbers` are the positions of the arguments that are differentiated."""
        self.caller = caller
        self.args = list(args)
        self.positions = _positions(batch, numbers, len(args), caller)
        self._trees, self._lengths = {}, {}
        for i in self.positions:
            name = "x" if len(args) == 1 else f"argument {i}"
            self.args[i] = self._taken(i, args[i], name, i in numbers)
        self.count = self.whole = self._count()
        self.first = 0  # of the whole batch, where these are a part of it
        if type(batch) is str:  # what f broadcasts besides
            self.positions += tuple(i for i, a in enumerate(args) if self._has_axis(i, a))

    def _taken(self, i, a, name, is_differentiated):
        if not is_differentiated and not trees.is_named(a):
            if type(a) is list and (trees.holds_named(a) or trees.shape_of(a) is None):
                self._lengths[name] = len(a)  # whatever f takes, one for each point
                return a
            return self._array(a if type(a) in (np.ndarray, Dual) else np.asarray(a), name)
        try:
            return self._array(as_input(a, self.caller, name), name)
        except Structure:
            leaves = []
            tree = trees.opened(a, name, leaves)
            self._trees[i] = (
                tree,
                [
                    self._array(as_input(leaf.value, self.caller, leaf.name), leaf.name)
                    for leaf in leaves
                ],
            )
            return a

    def _has_axis(self, i, a):
        """Whether argument `i`, which nobody named, is an array that is as long."""
        return i not in self.positions and type(a) is np.ndarray and a.shape[:1] == (self.count,)

    def _array(self, a, name):
        """`a`, whose first axis is that of the points."""
        if not a.shape:
            raise ValueError(
                f"{self.caller}: {name} has an axis of points under batch=, so its shape is "
                f"(points, ...); got a single number. batch=(...) names the arguments that have "
                f"such an axis."
            )
        self._lengths[name] = a.shape[0]
        return a

    def _count(self):
        first, count = next(iter(self._lengths.items()))
        for name, length in self._lengths.items():
            if length != count:
                raise ValueError(
                    f"{self.caller}: {first} has {count} points, but {name} has {length}. The "
                    f"first axis of each is that of the points; batch=(...) names the arguments "
                    f"that have one."
                )
        return count

    def at(self, index):
        """The arguments at a point, or of a slice of them."""
        found = list(self.args)
        for i in self.positions:
            if i in self._trees:
                tree, leaves = self._trees[i]
                found[i] = trees.built(tree, [a[index] for a in leaves], trees.as_given)
            else:
                found[i] = found[i][index]
        return tuple(found)

    def part(self, begin, end):
        """The points from `begin` to `end`."""
        cut = slice(begin, end)
        part = copy.copy(self)
        part.args = [a[cut] if i in self._plain else a for i, a in enumerate(self.args)]
        part._trees = {i: (tree, [a[cut] for a in kept]) for i, (tree, kept) in self._trees.items()}
        part.count, part.first = end - begin, self.first + begin
        return part

    @property
    def _plain(self):
        """Positions of the arguments with an axis that are no structures."""
        return [i for i in self.positions if i not in self._trees]

    def leaves(self, i):
        """The leaves of argument `i`, and of each whether it has an axis of points."""
        if i in self._trees:
            return [(a, True) for a in self._trees[i][1]]
        if i in self.positions:
            return [(self.args[i], True)]
        leaves = []
        trees.opened(self.args[i], "", leaves)
        return [(leaf.value, False) for leaf in leaves]

    @property
    def is_plain(self):
        """Whether no argument that has an axis of points is the Dual of an outer call."""
        arrays = [self.args[i] for i in self._plain]
        arrays += [a for _, leaves in self._trees.values() for a in leaves]
        return all(type(a) is np.ndarray for a in arrays)

    @contextmanager
    def noted(self, p):
        """Whatever is raised inside says at which point."""
        try:
            yield
        except Exception as error:
            error.add_note(f"{self.caller}: this is at point {self.first + p} of {self.whole}.")
            raise

    def check_any(self):
        if not self.count:
            raise ValueError(
                f"{self.caller}: there are no points, and what shape f returns is not known "
                f"without one. A function that was prepared knows it: "
                f"prepare(f, x)(points, batch=True) is empty then."
            )


def _positions(batch, numbers, count, caller):
    if batch is True or type(batch) is str and batch == BROADCAST:
        return tuple(numbers)
    if issubclass(type(batch), (tuple, list)):
        positions, _ = options.check_argnums(tuple(batch), count, caller, "batch")
        return positions
    raise options.wrong(
        "batch", batch, 'True, False, "broadcast" or a tuple of positions of arguments', caller
    )


# --- What all points gave -------------------------------------------------------------------------


def one_by_one(points, call):
    """``call(*args)`` at every point, leaf by leaf with an axis of points in front."""
    points.check_any()
    found = []
    for p in range(points.count):
        with points.noted(p):
            found.append(call(*points.at(p)))
    return stacked(points, found)


def stacked(points, found):
    """What the calls returned, of one structure, leaf by leaf with an axis of points in front."""
    if found[0] is None:
        return None
    if type(found[0]) in _SINGLE:
        return _as_array(points, found)
    kinds = []
    for p, a in enumerate(found):
        leaves = []
        kinds.append(trees.opened(a, "", leaves, is_input=False))
        if kinds[-1] != kinds[0]:
            raise ValueError(
                f"{points.caller}: at point {points.first + p} f returned another structure than "
                f"at point {points.first}. {ONE_SHAPE}"
            )
        found[p] = [leaf.value for leaf in leaves]
    columns = [_as_array(points, list(column)) for column in zip(*found, strict=True)]
    return trees.built(kinds[0], columns, trees.as_result)


_SINGLE = (np.ndarray, np.float64, np.float32, Dual)
ONE_SHAPE = (
    "Under batch= all points need one shape: call it once for each group of points that agree."
)


def _as_array(points, values):
    shapes = [np.shape(a) for a in values]
    for p, shape in enumerate(shapes):
        check_shape(points, p, shape, shapes[0])
    return np.stack(values)


def check_shape(points, p, shape, first, what="the result"):
    """Refuse a point whose result has another shape than that of the first."""
    if shape != first:
        raise ValueError(
            f"{points.caller}: at point {points.first + p} {what} has shape {shape}, at point "
            f"{points.first} {first}. {ONE_SHAPE}"
        )


def denominator(part, ndim):
    """A `part`, of ``(points, *y.shape, *x.shape)``, in denominator layout; y has `ndim` axes."""
    axes = range(part.ndim)
    return np.transpose(part, (0, *axes[1 + ndim :], *axes[1 : 1 + ndim]))
