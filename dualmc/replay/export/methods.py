"""What a prepared function has for callers without Python: `njit` and `cfunc`."""

from collections.abc import Callable, Sequence
from typing import Any

from dualmc.replay.export.served import Refused, Served, chosen, inputs_named, serve
from dualmc.replay.recording.program import NotReplayable


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
            ``"double (double)"``, ``"double (double, void *)"``
                Of a function of one number.
            ``"double (int, double *)"``, ``"double (int, double *, void *)"``
                Of n numbers: all arguments of f, one after the other.
            ``"int (double *, npy_intp, double *, void *)"``
                Of n numbers, as SciPy's `generic_filter` takes it: 1, or 0 where the call fails.
            ``"void (double, double *, double *, double *)"``
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

    def to_c(
        self, name: str | None = None, what: str = "both", points: Sequence[tuple] = ()
    ) -> str:
        """The source in C99 of a function that computes what the machine code does.

        It needs nothing but the C library, and can be compiled for any machine.  What is checked
        and what is frozen is as for `njit`: ``int name(const double *x, ..., double *value, double
        *derivative)`` takes a pointer per argument of f that is a float or an array of floats,
        then one per result, all in C order, and returns 0, or 1: f goes another way there, 2: a
        derivative is infinite or NaN, 16: no memory is left; results are NaN then.  Of a sparse
        Jacobian the derivative is its nonzeros, and the arrays ``name_indptr`` and ``name_indices``
        are the pattern, as in `scipy.sparse.csr_array`.

        Parameters
        ----------
        name : str, optional
            Of the C function; by default that of f.
        what, points
            As for `njit`.

        Returns
        -------
        source : str

        Raises
        ------
        As `njit`, and ValueError for what is no name in C.

        Examples
        --------
        >>> import numpy as np, dualmc as dm
        >>> source = dm.prepare(lambda x: x * np.sin(x), np.ones(3)).to_c("wave")
        >>> print(source.partition("Returns")[0])
        /* The value and the derivative of <lambda>.
        <BLANKLINE>
           int wave(const double *x, double *value, double *derivative);
        <BLANKLINE>
           x: shape (3,), in C order
           value: shape (3,), in C order
           derivative: shape (3, 3), in C order
        <BLANKLINE>
        <BLANKLINE>
        """
        from dualmc.replay.export import c_source

        label = _check_plain(self, "to_c")
        name = label if name is None else name
        c_source.check_name(name)
        prepared: Any = self
        paths, layout = prepared._paths, prepared._given["layout"]
        fitting, refuse = chosen(
            "Prepared.to_c", label, paths, prepared._point, layout, what, points
        )
        inputs = inputs_named(prepared._f, fitting[0][0], paths)
        has = what != "derivative", what != "value"
        try:
            return c_source.source(name, label, inputs, fitting, *has)
        except NotReplayable as problem:
            return refuse(str(problem))

    def _entry(self, what: str, points: Sequence[tuple]) -> Any:
        from dualmc.replay.export import nopython

        served = _served(self, "njit", what, points)
        return nopython.Entry(served.alone.address, _again(self, served, "_entry", {}))


def _served(prepared: Any, caller: str, what: str, points: Sequence[tuple]) -> Served:
    name = _check_plain(prepared, caller)
    layout = prepared._given["layout"]
    return serve(
        f"Prepared.{caller}", name, prepared._f, prepared._paths, prepared._point, layout, what,
        points,
    )  # fmt: skip


def _check_plain(prepared: Any, caller: str) -> str:
    """The name of f, which has arrays for arguments and is not compiled by Numba."""
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
    return name


def _again(prepared: Any, served: Served, method: str, options: dict) -> tuple:
    """What pickle keeps in place of machine code: what makes it anew, f first."""
    f, *rest = prepared._state(prepared._f)
    return made_again, (f, type(prepared), rest, method, served.what, served.points, options)


def made_again(
    f: Callable, kind: type, rest: Sequence, method: str, what: str, points: list, options: dict
) -> Any:
    return getattr(kind(f, *rest), method)(what=what, points=points, **options)
