"""f called once, on all points: for functions of which the caller says that they broadcast.

Every point has the same seeds, so that n columns serve all of them: J is the derivative by a shift
e that all points share, of f(X + e) at e = 0.  That is the derivative at each point only where no
point depends on another; this is checked, by the change of f in a direction that is another one at
every point.  At a few points the results are compared with those of f called there alone.
"""

import numpy as np

from dualmc.calls.structures import trees
from dualmc.calls.structures.points import denominator
from dualmc.forward import value_and_jacobian_fwd
from dualmc.products import jvp
from dualmc.reverse import gradient, value_and_gradient
from dualmc.second import hessian
from dualmc.unchanged import adapt

# Numbers of a chunk of points, with its columns, that stay in the cache.
NUMBERS = 2**17
# How many times the square root of eps two results may differ, relative to their size: sums in two
# orders, and what cancels in them.
SLACK = 64
ADVICE = "With batch=True f is called on one point at a time."


def answered(points, f, of, has_value, numbers, chunk_size, given):
    """What a verb returns, from one call of f for each chunk of points."""
    is_tuple = issubclass(type(given["argnums"]), (tuple, list))
    if any(map(trees.holds_named, points.args)):
        raise TypeError(
            f'{points.caller}: batch="broadcast" takes arrays, and an argument is a structure. '
            f"{ADVICE}"
        )
    if of == "hessian" and is_tuple:
        raise ValueError(
            f'{points.caller}: batch="broadcast" is by one argument here, got '
            f"argnums={given['argnums']!r}. {ADVICE}"
        )
    one = _Pass(points, f, of, numbers)
    columns = sum(points.args[i][:1].size for i in numbers)
    step = max(1, NUMBERS // max(1, columns)) if chunk_size is None else chunk_size
    chunks = [one.over(slice(k, k + step)) for k in range(0, max(1, points.count), step)]
    shapes = {tuple(np.shape(a)[1:] for a in found) for found in chunks}
    if len(shapes) > 1:
        one.refuse(f"f returned arrays of other shapes for other points ({shapes})")
    y, *parts = (np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
                 for arrays in zip(*chunks, strict=True))  # fmt: skip
    one.check_alone(y, parts)
    if given.get("layout") == "denominator":
        parts = [denominator(J, y.ndim - 1) for J in parts]
    J = tuple(parts) if is_tuple else parts[0]
    return (y, J) if has_value else J


class _Pass:
    """f, and what of its arguments is shifted."""

    def __init__(self, points, f, of, numbers):
        self.points, self.f, self.of, self.numbers = points, f, of, numbers
        self._generator = np.random.default_rng(3)

    def refuse(self, why):
        raise ValueError(
            f'{self.points.caller}: batch="broadcast" calls f on all points at once, and {why}. '
            f"{ADVICE}"
        )

    def _bound(self, args):
        """f of the arguments that are differentiated."""

        def f(*xs):
            inner = list(args)
            for i, x in zip(self.numbers, xs, strict=True):
                inner[i] = x
            try:
                y = adapt.adapted(self.f)(*inner)
            except Exception as error:
                error.add_note(
                    f'{self.points.caller}: batch="broadcast" called f on {len(xs[0])} points at '
                    f"once. {ADVICE}"
                )
                raise
            if self.of == "jacobian":
                return y
            if np.shape(y) != (len(xs[0]),):
                self.refuse(
                    f"f has to return one number for each point, of shape {(len(xs[0]),)} in all; "
                    f"it returned shape {np.shape(y)}"
                )
            return y

        return f

    def over(self, chunk):
        """The value and the derivatives by each argument, at a slice of the points."""
        args = self.points.at(chunk)
        xs = [args[i] for i in self.numbers]
        f = self._bound(args)
        by = tuple(range(len(xs)))
        if self.of == "gradient":
            _, parts = value_and_gradient(lambda *xs: np.sum(f(*xs)), *xs, argnums=by)
            parts = list(parts)
        else:
            if self.of == "hessian":
                each = f

                def f(x):  # the gradient at every point
                    return gradient(lambda x: np.sum(each(x)), x)

            y, parts = value_and_jacobian_fwd(
                lambda *shifts: f(*(x + e for x, e in zip(xs, shifts, strict=True))),
                *(np.full(x.shape[1:], -0.0, x.dtype) for x in xs), argnums=by,
            )  # fmt: skip
            self._check_shape(y, len(xs[0]))
        y = self._check_apart(f, xs, parts)
        return y, *parts

    def _check_shape(self, y, count):
        if trees.is_container(y):
            self.refuse("f returned a structure, of which not every array need have their axis")
        if np.shape(y)[:1] != (count,):
            self.refuse(
                f"f has to return an array with the axis of the {count} points in front; it "
                f"returned shape {np.shape(y)}. numpy.stack([...], axis=-1) puts results behind it"
            )

    def _check_apart(self, f, xs, parts):
        """The value; refused if the change of one point's results is not its own."""
        directions = [self._generator.uniform(-1.0, 1.0, x.shape).astype(x.dtype) for x in xs]
        y, change = jvp(f, tuple(xs), tuple(directions))
        own, size = np.zeros_like(change), np.zeros_like(change)
        with np.errstate(all="ignore"):
            for J, w in zip(parts, directions, strict=True):
                J = J.reshape(*change.shape, *w.shape[1:])
                w = w.reshape(len(w), *(1,) * (change.ndim - 1), *w.shape[1:])
                axes = tuple(range(change.ndim, J.ndim))
                own = own + np.sum(J * w, axis=axes)
                size = size + np.sum(np.abs(J), axis=axes)
            finite = np.abs(change[np.isfinite(change)])
            eps = np.finfo(change.dtype).eps
            floor = 64 * eps * finite.max(initial=0.0)
            is_own = np.abs(change - own) <= SLACK * np.sqrt(eps) * size + floor
        is_wrong = ~is_own & np.isfinite(own) & np.isfinite(size)
        if is_wrong.any():
            self.refuse("its results at one point depend on the values at others")
        return y

    def check_alone(self, y, parts):
        """Refuse results that are not f's own at the first point, one in the middle, the last."""
        count = self.points.count
        for p in sorted({0, count // 2, count - 1} - {-1} if count else ()):
            with self.points.noted(p):
                y_p, *found = self._alone(p)
            for what, a, b in zip(
                ["value", *["derivative"] * len(parts)], [y, *parts], [y_p, *found], strict=True
            ):
                if b is not None and not _is_close(a[p], b):
                    self.refuse(
                        f"at point {p} the {what} is not that of f called there alone: "
                        f"{_shown(a[p])}, not {_shown(b)}"
                    )

    def _alone(self, p):
        """What f gives at one point; if it takes no single point, at a batch of this one."""
        args, numbers = self.points.at(p), tuple(self.numbers)
        try:
            if self.of == "hessian":
                return None, hessian(self.f, *args, argnums=numbers[0])
            verb = value_and_gradient if self.of == "gradient" else value_and_jacobian_fwd
            y, J = verb(self.f, *args, argnums=numbers)
            return y, *J
        except Exception:
            return tuple(a[0] for a in self.over(slice(p, p + 1)))


def _is_close(a, b):
    """Whether `a` is `b` to rounding, relative to the largest number in it."""
    if np.shape(a) != np.shape(b):
        return False
    with np.errstate(all="ignore"):
        size = np.abs(b[np.isfinite(b)]).max(initial=0.0) if np.shape(b) else np.abs(b)
        is_close = np.abs(a - b) <= SLACK * np.sqrt(np.finfo(np.result_type(b, 0.0)).eps) * size
    return bool(np.all(is_close | (a == b) | ((a != a) & (b != b))))


def _shown(a):
    return np.array2string(np.asarray(a), precision=6, threshold=6).replace("\n", "")
