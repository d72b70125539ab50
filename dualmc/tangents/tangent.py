"""The interface of tangents: what every kind can do, whatever it stores.

A tangent stands for the Jacobian J of an array of shape S with respect to the k seeded inputs: a
block, (k, *S), whose entry [c, i] is the derivative of element i by input c.  No kind need store
it so:

- `slots.SparseTangent`: per element the few inputs it depends on, and the derivatives by them;
- `number_tangent.NumberTangent`: the same of one number, in tuples;
- `dense_tangent.DenseTangent`: the block, times a factor per element that is applied late;
- `packed.PackedTangent`: of such a block the rows that are not zero;
- `tape.Var`: nothing but how it was made, to be swept in reverse.

All rules and all handlers of functions are written in the steps of `Tangent`.  Each is linear in J
and acts on its rows alike, so that its transpose is a pullback of the sweep.  (The rules of the
functions that are not linear enter as factors of `times`.)

Ownership: a step never writes into its tangent or its arguments, and its result may share memory
with both.  What `copied` gives may be written into, which `combining.put` alone does.

The arrays inside are ndarrays, or Duals of an outer level when derivatives are nested.

Sums, joins and writes take several tangents, which may be of different kinds: they are functions,
in `combining.py`.
"""

from typing import Protocol


class Tangent(Protocol):
    """The steps of every kind; J is the block that the tangent stands for, J' that of the result.

    Strong zeros: an entry of J that is exactly 0 says that there is no dependence, and stays 0
    whatever multiplies it, an infinity or a NaN as well.  (In a sweep so does an exact 0 of the
    cotangent, which the transposed steps multiply in their turn.)
    """

    is_sparse: bool  # whether it stores slots, `coef` and `col`
    is_recorded: bool  # whether it is on a tape
    shape: tuple  # S
    dtype: object

    def is_zero(self):
        """Where all of ``J[:, i]`` is exactly 0, a mask of shape S; on a tape nowhere."""

    def to_dense(self):
        """The same J, stored as a block; on a tape the tangent itself."""

    # --- Moves: every element of the result is one of the tangent's, or without derivative ------

    def map(self, function, key=None, shape=None):
        """``J' = function(J)``, for a `function` that moves elements and lets a leading axis be.

        It is called with arrays (w, *S) of any w and dtype and gives (w, *S').  `key`, hashable,
        tells all that it does, so that what it makes of columns is remembered; None: it has no
        name.  `shape` is S', where that is known.
        """

    def copied(self, function, key):
        """`map` into memory of its own, which may be written into."""

    def reshaped(self, shape):
        """``J' = J.reshape(k, *shape)``."""

    def broadcast(self, shape):
        """J repeated along new and along short axes, as `numpy.broadcast_to` repeats arrays."""

    def take(self, index):
        """``J'[c, ...] = J.reshape(k, -1)[c, index]``, and 0 where `index`, of any shape, is -1."""

    def take_by(self, key, find):
        """``take(find())``; `key` (or None) tells all of the index, which is not found again."""

    # --- Arithmetic -------------------------------------------------------------------------------

    def times(self, factor, is_constant=False):
        """``J' = J * factor``, for a number, an array of shape () or S, or a Dual of such.

        A number takes the tangent's dtype; arrays widen it.  With `is_constant` the factor does not
        depend on the inputs, and its exact zeros give zeros beside an infinite derivative too.
        """

    def sum(self, axes):
        """The sum of J over `axes`, which count S from its end; None where there is nothing."""

    def astype(self, dtype):
        """J in another real or complex `dtype`."""

    def part(self, function):
        """``J' = function(J)`` for `numpy.real`, `imag` or `conj`."""


class Computed(Tangent, Protocol):
    """Tangents that hold numbers, of a `level` that does not record: all but those on a tape.

    ``J = L(coefficients)``, where L is linear and lets element i depend on ``coefficients[:, i]``
    alone: a factor per element is a factor of the coefficients.
    """

    level: object

    def dense(self):
        """J as an array, (k, *S), which the tangent may go on using."""

    def coefficients(self):
        """What an element-wise function changes, (w, *S)."""

    def like(self, rows):
        """``J' = L(rows)``, for `rows` of the shape of `coefficients`."""

    def with_rows(self, rows):
        """The same for `rows` that may be flat, (w, size)."""


class Recorded(Tangent, Protocol):
    """Tangents on a tape: what they note as one step, where others go through their arrays."""

    def plus(self, other):
        """``J' = J + J_other``."""

    def slice(self, key, shape):
        """`map` by basic indices `key`, a tuple, with the result's `shape`."""

    def running_sum(self, axis):
        """Running sums of J along `axis`, which counts S from its end."""

    def linear(self, transposed, y):
        """The tangent of the array `y`, a linear function A of the whole array.

        `transposed` takes a cotangent of y, (*y.shape), to A^T of it, (*S), rows of them likewise.
        """
