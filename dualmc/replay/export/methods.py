"""What a prepared function has for callers without Python: `njit` and `cfunc`."""

from collections.abc import Callable, Sequence
from typing import Any

from dualmc.replay.export.served import Refused, Served, serve


class Exported:
    """The part of `Prepared` that hands machine code out."""

    def njit(
        self, what: str = "derivative", points: Sequence[tuple] = (), *, raises: bool = True
    ) -> Callable:
        """The machine code as a function that nopython code of Numba may call.

        The function takes those arguments of f that are floats or arrays of floats, of the shapes
        of the point where f was prepared, and `out`, one array (None: a new one) or a tuple where
        there are several results.  It allocates nothing but results, holds no lock, and may be
        called by any number of threads.

        Branches that values decide are checked at every call: where f goes another way than those
        recorded so far, the function raises.  Frozen, as they are now, are global names,
        closures, attributes and code that f reads, and its other arguments.

        Parameters
        ----------
        what : {"derivative", "value", "both"}, optional
            What it returns: what the prepared function does (of sparse ones the vector of nonzeros,
            in the order of the rows, as ``J.data``), the value, or the tuple of both; results of
            shape () are numbers.  The value of a Hessian is the gradient.
        points : sequence of tuples, optional
            Arguments of f, at which f may go other ways: these are recorded too.  All ways that
            are known are served.
        raises : bool, optional
            False: where a call fails, all its results are NaN, and nothing is raised but for wrong
            shapes.  Take it in ``prange``, where Numba loses what called functions raise.

        Returns
        -------
        function : numba Dispatcher
            Its arrays are float64 of any layout and, where they are differentiated, whole numbers;
            `out` is C-ordered.  What it has compiled stays until the process ends; functions that
            call it are not cached on disk.  At run time it raises ValueError where f goes another
            way, for other shapes and for an `out` that lies on an argument, FloatingPointError
            where a derivative is infinite or NaN: what was in `out` is NaN then.

        Raises
        ------
        NotImplementedError
            If f cannot be served without Python: it is not replayed, steps of it have no
            compiled form (a linear solve, a sort), its arguments are structures.
        ValueError
            If points have other shapes than the point where f was prepared.

        Examples
        --------
        >>> import numba, numpy as np, dualmc as dm
        >>> def circle_and_line(x):
        ...     return [x @ x - 1.0, x[0] - x[1]]
        >>> both = dm.prepare(circle_and_line, np.array([1.0, 0.5])).njit("both")
        >>> @numba.njit
        ... def newton(x):
        ...     for _ in range(6):
        ...         y, J = both(x)
        ...         x = x - np.linalg.solve(J, y)
        ...     return x
        >>> newton(np.array([1.0, 0.5]))
        array([0.70710678, 0.70710678])
        """
        served = _served(self, "njit", what, points)
        raises = bool(raises)
        if raises not in served.functions:
            from dualmc.replay.export import nopython  # registers types with Numba

            entry = self._entry(what, points)
            served.functions[raises] = nopython.function_of(served, entry, raises)
        return served.functions[raises]

    def cfunc(
        self,
        signature: str | None = None,
        what: str = "derivative",
        points: Sequence[tuple] = (),
        *,
        entry: int | tuple | None = None,
        order: str = "C",
    ) -> Any:
        """The machine code as a C function, for SciPy's LowLevelCallable, numbalsoda and others.

        What is checked and what is frozen is as for `njit`; where that raises, results are NaN, and
        the reason is noted: see `CFunction.check` and `failed`.  Sizes of arrays cannot be checked.

        Parameters
        ----------
        signature : str, optional
            "double (double)", "double (double, void *)"
                Of a function of one number.
            "double (int, double *)", "double (int, double *, void *)"
                Of n numbers: all arguments of f, one after the other.
            "int (double *, npy_intp, double *, void *)"
                Of n numbers, as SciPy's `generic_filter` takes it: 1, or 0 where the call fails.
            "void (double, double *, double *, double *)"
                Of (t, u, result, p), for ``f(u)`` or ``f(t, u, ...)`` where t is a float; arguments
                beyond u are read from p, one after the other.
            None
                ``int64_t (double *, ...)``: a pointer per argument of f that is a float or an array
                of floats, then one per result, of C-ordered arrays.  It returns 0, or 1: f goes
                another way, 2: a derivative is infinite or NaN, 4: the derivative lies on an
                argument or on the value (nothing was written), 16: no memory was left.

            The user data of ``void *`` are ignored.
        what, points
            As for `njit`; "both" under the signature None only.
        entry : int or tuple, optional
            Which number of the result a signature that returns one number returns.
        order : {"C", "F"}, optional
            Of the derivative as a matrix, under the signature of (t, u, result, p).

        Returns
        -------
        function : CFunction
            With `address`, which stays valid until the process ends, and `ctypes`.

        Raises
        ------
        As `njit`, and ValueError for a signature or an entry that there is not.

        Examples
        --------
        The integral of the partial by a of sin(a t) over t from 0 to 1, at a = 2:

        >>> import numpy as np, dualmc as dm
        >>> from scipy import LowLevelCallable, integrate
        >>> def f(t, a):
        ...     return np.sin(a * t)
        >>> partial = dm.prepare(f, 0.5, 2.0, argnums=1).cfunc("double (int, double *, void *)")
        >>> y, _ = integrate.quad(LowLevelCallable(partial.ctypes), 0.0, 1.0, args=(2.0,))
        >>> partial.check()
        >>> bool(np.isclose(y, np.sin(2.0) / 2 - (1 - np.cos(2.0)) / 4))
        True
        """
        served = _served(self, "cfunc", what, points)
        from dualmc.replay.export import cfunction

        options = {"signature": signature, "entry": entry, "order": order}
        remade = _again(self, served, "cfunc", options)
        return cfunction.made(served, signature, entry, order, remade)

    def _entry(self, what: str, points: Sequence[tuple]) -> Any:
        from dualmc.replay.export import nopython

        served = _served(self, "njit", what, points)
        return nopython.Entry(served.alone.address, _again(self, served, "_entry", {}))


def _served(prepared: Any, caller: str, what: str, points: Sequence[tuple]) -> Served:
    f = prepared._f
    name = getattr(f, "__name__", type(f).__name__)
    caller = f"Prepared.{caller}"
    if prepared._structure is not None:
        raise Refused(
            f"{caller}: {name} is prepared for structures, which have no native form. Prepare a "
            f"function of arrays, e.g. of numpy.concatenate of their leaves."
        )
    if prepared._paths.is_compiled:
        raise Refused(
            f"{caller}: {name} is compiled by Numba itself. In nopython code call {name}, and "
            f"dualmc.jit_jacobian({name}) for its Jacobian; numba.cfunc gives either an address."
        )
    layout = prepared._given["layout"]
    return serve(caller, name, f, prepared._paths, prepared._point, layout, what, points)


def _again(prepared: Any, served: Served, method: str, options: dict) -> tuple:
    """What pickle keeps in place of machine code: what makes it anew, f first."""
    f, *rest = prepared._state(prepared._f)
    return made_again, (f, type(prepared), rest, method, served.what, served.points, options)


def made_again(
    f: Callable, kind: type, rest: Sequence, method: str, what: str, points: list, options: dict
) -> Any:
    return getattr(kind(f, *rest), method)(what=what, points=points, **options)
