"""`Flat`: f as a function of the leaves of its arguments that returns one array.

The verbs compute with arrays alone: every leaf is an argument that is differentiated, and what f
returned is that array, or the elements of all its leaves in a row.  What is learned of a function
(that it returns structures) is remembered, so that a second call need not begin anew.
"""

import functools
import math
import types

import numpy as np

from dualmc.calls.inputs import as_input
from dualmc.calls.options import check_argnums
from dualmc.calls.outputs import as_output, numbers_of, result, scalar
from dualmc.calls.request import check_callable
from dualmc.calls.structures import trees
from dualmc.calls.structures.trees import Leaf, Structure
from dualmc.duals.dual import Dual
from dualmc.graph.traced import Traced
from dualmc.unchanged import adapt
from dualmc.unchanged.code.exchange import code_of

# The code of functions that returned a structure where x was an array.
known: set = set()
_MOST = 512


def returns_one(f):
    """Whether `f` is known to return structures."""
    return _code(f) in known


def _code(f):
    while type(f) is functools.partial:
        f = f.func
    f = getattr(f, "__func__", f)
    return code_of(f) if type(f) is types.FunctionType else type(f)


class OtherStructure(ValueError):
    """f returned another structure, or other shapes, than before."""


class Flat:
    """f as a function of its leaves, then of its other arguments, that returns one array.

    Attributes
    ----------
    args, numbers
        What it is called with, and which of these are leaves.
    """

    def __init__(self, met, caller, f, args, argnums, needs_number=False, names=None):
        if issubclass(type(f), Flat):  # f itself let it out
            raise met
        check_callable(f, caller)
        self.caller = caller
        self.f = f
        self.positions, self.is_tuple = check_argnums(argnums, len(args), caller)
        self.trees, self.args, leaves = taken_apart(caller, args, self.positions, names)
        self.names = [(leaf.name, leaf.path) for leaf in leaves]
        self.numbers = tuple(range(len(leaves)))
        self.keeps = any(type(tree) is not int for tree in self.trees)
        self.count = len(args)
        self.has_aux = False
        self.needs_number = needs_number
        self.keeps_constants = True  # False where f is not called for every value
        self.output = None  # the tree of what f returns, and the shape and dtype of each leaf
        self.paths = []  # the way to each of these
        self.constants = None  # where value() takes what does not depend on x, by leaf

    # --- f -----------------------------------------------------------------------------------

    def __call__(self, *flat):
        count = len(self.numbers)
        leaves, rest = flat[:count], iter(flat[count:])
        args = [None] * self.count
        for i, tree in zip(self.positions, self.trees, strict=True):
            args[i] = trees.built(tree, leaves, trees.as_given)
        args = tuple(a if i in self.positions else next(rest) for i, a in enumerate(args))
        if any(issubclass(type(a), (Dual, Traced)) for a in leaves):
            out = adapt.adapted(self.f)(*args)
        else:  # of a judge, who wants f as it is
            out = self.f(*args)
        if not self.has_aux or not issubclass(type(out), tuple) or len(out) != 2:
            return self._array(out) if not self.has_aux else out
        return self._array(out[0]), out[1]

    def _array(self, out):
        """What f returned as one array."""
        if not trees.is_container(out) or not self.keeps and trees.shape_of(out) is not None:
            self._note(0, None)
            return out
        if trees.is_broken_array(out):
            raise ValueError(
                f"{self.caller} needs f to return arrays of one shape; f returned a list of "
                f"numbers that is ragged. Return a tuple of arrays, or a dict, for a Jacobian of "
                f"each."
            )
        if self.needs_number:
            raise TypeError(
                f"{self.caller} needs f to return a number, an array, or a list or tuple of those; "
                f"f returned a {type(out).__name__}. Of a structure use jacobian_rev or "
                f"jacobian_fwd; of a number with other results beside it, has_aux=True."
            )
        leaves = []
        tree = trees.opened(out, "", leaves, is_input=False)
        if not leaves:
            raise TypeError(
                f"{self.caller} needs f to return numbers; f returned a {type(out).__name__} that "
                f"holds none."
            )
        parts = [self._leaf(leaf) for leaf in leaves]
        self._note(tree, tuple((np.shape(part), part.dtype) for part in parts))
        self.paths = [leaf.path for leaf in leaves]
        if self.keeps_constants:
            self.constants = [None if type(part) is Dual else part for part in parts]
        return np.concatenate([np.ravel(part) for part in parts])

    def _leaf(self, leaf):
        a = leaf.value
        if type(a) is not Dual and not issubclass(type(a), Traced):
            if issubclass(type(a), (str, bytes, set)) or callable(a):
                raise TypeError(
                    f"{self.caller} needs f to return numbers; f returned a {type(a).__name__} at "
                    f"y{leaf.name}. Return it beside the numbers: (y, aux) with has_aux=True."
                )
            a = numbers_of(a, self.caller)
        return a if issubclass(type(a), Traced) else as_output(a, self.caller)

    def _note(self, tree, leaves):
        """Keep the tree of what f returned; every call of f has to return the same one."""
        if self.output is None:
            self.output = tree, leaves
            if leaves is not None and not self.keeps:
                if len(known) >= _MOST:
                    known.clear()
                known.add(_code(self.f))
        elif self.output[0] != tree or _shapes(self.output[1]) != _shapes(leaves):
            raise OtherStructure(
                f"{self.caller} calls f more than once, and f returned another structure than "
                f"before. f must be a function of its arguments alone."
            )

    # --- vectors that are multiplied by derivatives ---------------------------------------------

    def like_inputs(self, tangents):
        """The leaves of `tangents`, one structure per argument, each like its own of x."""
        found = []
        for i, (tree, given) in enumerate(zip(self.trees, tangents, strict=True)):
            trees.matched(tree, given, f"tangents[{i}]", f"primals[{i}]", self.caller, found)
        for leaf, (name, _), x in zip(found, self.names, self.args, strict=False):
            x = as_input(x, self.caller, name)
            _check_shape(leaf, as_input(leaf.value, self.caller, leaf.name), name, x.shape)
        return tuple(leaf.value for leaf in found)

    def like_output(self, y_bar):
        """`y_bar`, of the structure of what f returned, as the array that its leaves make."""
        tree, leaves = self.output
        if leaves is None:
            return y_bar
        found, parts = [], []
        trees.matched(tree, y_bar, "y_bar", "f(x)", "pullback", found)
        for leaf, (shape, dtype) in zip(found, leaves, strict=True):
            part = as_input(leaf.value, "pullback", leaf.name, is_complex=dtype.kind == "c")
            _check_shape(leaf, part, leaf.name.replace("y_bar", "f(x)", 1), shape)
            parts.append(np.ravel(part))
        return np.concatenate(parts)

    # --- where an element stands -----------------------------------------------------------------

    def place_of_input(self, leaf, index):
        """The argument and the way to an element of a leaf there."""
        number = next(
            i for i, tree in zip(self.positions, self.trees, strict=True) if leaf in _leaves(tree)
        )
        return number, (*self.names[leaf][1], *index)

    def place_of_output(self, index):
        """The way to an element of what f returned, from its index in the array of that."""
        if self.output[1] is None:
            return index
        (at,) = index
        for (shape, _), path in zip(self.output[1], self.paths, strict=True):
            if at < math.prod(shape):
                return (*path, *map(int, np.unravel_index(at, shape) if shape else ()))
            at -= math.prod(shape)

    # --- results -----------------------------------------------------------------------------

    def inputs(self, values, constants=False):
        """One value per leaf, as x is structured; a tuple for a tuple of argnums."""
        found = tuple(trees.built(tree, values, trees.as_result, constants) for tree in self.trees)
        return found if self.is_tuple else found[0]

    def outputs(self, values):
        """One value per leaf, as what f returned is structured."""
        return trees.built(self.output[0], values, trees.as_result)

    def value(self, flat):
        """What f returned, from the array of it."""
        parts = self.leaves_of(flat)
        if self.constants is not None:
            pairs = zip(parts, self.constants, strict=True)
            parts = [part if known is None else known.copy() for part, known in pairs]
        return self.outputs([scalar(part) for part in parts])

    def leaves_of(self, flat):
        """The array of what f returned, or one of its shape, as its leaves."""
        leaves = self.output[1]
        if leaves is None:
            return [flat]
        parts, start = [], 0
        for shape, dtype in leaves:
            stop = start + math.prod(shape)
            parts.append(_narrowed(flat[start:stop].reshape(shape), dtype))
            start = stop
        return parts

    def jacobian(self, request, blocks):
        """``J[out][in]`` from a Jacobian per leaf of x, in numerator layout."""
        leaves = self.output[1]
        if leaves is None:
            shape = blocks[0].shape[: np.ndim(blocks[0]) - request.xs[0].ndim]
            return self.outputs([self.inputs(result(request, blocks, shape))])
        rows, start = [], 0
        for shape, dtype in leaves:
            stop = start + math.prod(shape)
            part = [_narrowed(J[start:stop], dtype) for J in blocks]
            rows.append(self.inputs(result(request, part, shape)))
            start = stop
        return self.outputs(rows)


def taken_apart(caller, args, positions, names=None):
    """A tree per argument at `positions`; their leaves, then the other arguments; the leaves."""
    found, leaves = [], []
    for number, i in enumerate(positions):
        name = "x" if len(args) == 1 else f"argument {i}"
        name = name if names is None else names[number]
        try:
            as_input(args[i], caller, name)
        except Structure:
            start = len(leaves)
            found.append(trees.opened(args[i], name, leaves))
            problem = trees.remade(found[-1], args[i], name)
            if problem is not None:
                raise TypeError(
                    f"{caller} cannot hand {problem}, to f. Give it as a dict of its numbers, and "
                    f"make the object in f."
                ) from None
            for leaf in leaves[start:]:
                _check(leaf, caller)
        else:
            leaves.append(Leaf(args[i], name, ()))
            found.append(len(leaves) - 1)
    if not leaves:
        raise TypeError(f"{caller} needs x to hold numbers; got none.")
    rest = [a for i, a in enumerate(args) if i not in positions]
    return found, (*(leaf.value for leaf in leaves), *rest), leaves


def _check(leaf, caller):
    try:
        as_input(leaf.value, caller, leaf.name)
    except TypeError as error:
        raise TypeError(
            f"{error} What is not to be differentiated can be an argument of its own."
        ) from None


def _check_shape(leaf, a, like, shape):
    if a.shape != shape:
        raise ValueError(f"{leaf.name} has shape {a.shape}, but {like} has shape {shape}.")


def _leaves(tree):
    """The numbers of the leaves of a tree."""
    found = []
    trees.built(tree, range(10**9), lambda _, parts: found.extend(parts), constants=False)
    return found or [tree]


def _shapes(leaves):
    return leaves and [shape for shape, _ in leaves]


def _narrowed(a, dtype):
    """`a`, a part of a joined array, in the dtype of its own if that is a floating one."""
    if dtype.kind not in "fc" or a.dtype == dtype or not hasattr(a, "reshape"):
        return a
    return (a.real if dtype.kind == "f" and a.dtype.kind == "c" else a).astype(dtype)
