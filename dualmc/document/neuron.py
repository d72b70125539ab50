"""One neuron, max(0, w.x + b), trained by gradient descent (the document, sections 5 and 6).

The loss is the document's mean squared error; its gradient is `value_and_jacobian_fwd`'s, with
respect to w and b in one pass.  The data are Brownlee's stack loss measurements, shipped with the
package, or any table of the same form.
"""

import csv
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dualmc.forward import value_and_jacobian_fwd

# A column whose standard deviation is less than this part of its entries is constant.
CONSTANT = 1e-13

Floats = np.ndarray[Any, np.dtype[np.float64]]


def activation(w: Any, b: Any, x: Any) -> Any:
    """``max(0, w.x + b)``: the neuron for one sample x, (n,), or for the rows of X, (N, n)."""
    return np.maximum(0, x @ w + b)


def loss(w: Any, b: Any, X: Any, y: Any) -> Any:
    """Mean over the samples of ``(y_i - max(0, w.x_i + b))**2``."""
    return np.mean((y - activation(w, b, X)) ** 2)


def folded_loss(w_hat: Any, X_hat: Any, y: Any) -> Any:
    """The same loss with the bias folded in: ``w_hat = [w, b]`` and ``x_hat = [x, 1]``."""
    return np.mean((y - np.maximum(0, X_hat @ w_hat)) ** 2)


# --- Data ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """Samples in their own units: the last column of the file is the target.

    Attributes
    ----------
    names : tuple of str, length n + 1
    X : ndarray, shape (N, n)
    y : ndarray, shape (N,)
    """

    names: tuple[str, ...]
    X: Floats
    y: Floats


def load_table(path: str | Path | None = None) -> Table:
    """Read a comma-separated table: ``#`` comments, a line of names, then numbers.

    Parameters
    ----------
    path : path, optional
        By default the stack loss data: 21 days of a plant that oxidises ammonia, with air flow,
        water temperature, acid concentration and, the target, stack loss.

    Returns
    -------
    table : Table

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not such a table; the message names the line.

    References
    ----------
    K. A. Brownlee (1965), Statistical Theory and Methodology in Science and Engineering, 2nd
    edition, Wiley, pp. 491-500.

    Examples
    --------
    >>> from dualmc.document.neuron import load_table
    >>> table = load_table()
    >>> table.names[-1], table.X.shape
    ('stack_loss', (21, 3))
    """
    source = (
        resources.files("dualmc.document") / "data" / "stackloss.csv"
        if path is None
        else Path(path)
    )
    try:
        text = source.read_text(encoding="utf-8-sig")  # with or without the mark of Excel
    except UnicodeDecodeError:
        raise ValueError(f"{source} is not a text file in UTF-8.") from None
    rows = [
        (number, [cell.strip() for cell in _cells(source, number, line)])
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not rows:
        raise ValueError(f"{source} is empty: it needs a line of names and lines of numbers.")
    names = tuple(rows[0][1])
    where = f"{source}, line {rows[0][0]}"
    if len(names) < 2:
        other = next((sign for sign in (";", "\t") if sign in rows[0][1][0]), None)
        hint = "" if other is None else f" Columns are separated by commas, not by {other!r}."
        raise ValueError(
            f"{where}: at least two columns are needed, one feature and the target; got "
            f"{len(names)}.{hint}"
        )
    if all(map(_is_number, names)):
        raise ValueError(f"{where}: the names of the columns are needed here, not numbers.")
    if len(rows) < 3:
        raise ValueError(f"{source} needs a line of names and at least 2 samples.")
    data = np.array([_numbers(source, number, cells, names) for number, cells in rows[1:]])
    return Table(names, data[:, :-1], data[:, -1])


def _cells(source: Any, line: int, text: str) -> list[str]:
    try:
        return next(csv.reader([text]))
    except csv.Error as error:
        raise ValueError(f"{source}, line {line}: {error}.") from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(source: Any, line: int, cells: list[str], names: tuple[str, ...]) -> list[float]:
    if len(cells) != len(names):
        raise ValueError(
            f"{source}, line {line}: {len(names)} columns are named but {len(cells)} given."
        )
    for name, cell in zip(names, cells, strict=True):
        if not _is_number(cell):
            raise ValueError(
                f"{source}, line {line}: every cell must be a number; column {name} holds {cell!r}."
            )
        if not np.isfinite(float(cell)):
            raise ValueError(
                f"{source}, line {line}: every number must be finite; column {name} holds {cell!r}."
            )
    return [float(cell) for cell in cells]


def check_fit(table: Table) -> None:
    """Refuse a table whose weights the samples do not determine.

    Raises
    ------
    ValueError
        If a column or the target is constant, no target is positive, there are fewer samples than
        weights, features depend on each other linearly, or numbers are too large to be squared.

    Examples
    --------
    >>> from dualmc.document.neuron import check_fit, load_table
    >>> check_fit(load_table())
    """
    count, features = table.X.shape
    *names, target = table.names
    with np.errstate(over="ignore"):
        sizes = np.sum(np.square(np.column_stack([table.X, table.y])), axis=0)
    if not np.all(np.isfinite(sizes)):
        name = table.names[int(np.argmin(np.isfinite(sizes)))]
        raise ValueError(f"column {name} holds numbers whose squares are too large to add up.")
    for k, column in enumerate([table.y, *table.X.T]):
        if np.std(column) <= CONSTANT * np.max(np.abs(column)):
            raise ValueError(
                f"the target {target} is the same in every sample: there is nothing to fit."
                if k == 0
                else f"column {names[k - 1]} is constant, so it tells nothing about the target. "
                f"Leave it out."
            )
    if not np.any(table.y > 0):
        raise ValueError(
            f"no target {target} is positive, and max(0, w.x + b) is never negative: it cannot fit "
            f"them."
        )
    if count < features + 1:
        raise ValueError(
            f"{count} samples do not determine {features} weights and a bias: at least "
            f"{features + 1} are needed."
        )
    for k in range(1, features + 1):  # a bias beside them: columns of standard units have mean 0
        Z = Scaling.of(table.X[:, :k]).standard(table.X[:, :k])
        if np.linalg.matrix_rank(Z) < k:
            raise ValueError(
                f"column {names[k - 1]} is a linear function of those before it, so their weights "
                f"are not determined. Leave one out."
            )


@dataclass(frozen=True)
class Scaling:
    """Standard units of the features: ``z = (x - mean) / scale``, each column.

    In their own units the stack loss features (about 60, 21 and 86 beside the bias's 1) give the
    loss a Hessian of condition number 3e6, and gradient descent would need about as many steps.
    In standard units it is 10.
    """

    mean: Floats
    scale: Floats

    @classmethod
    def of(cls, X: ArrayLike) -> "Scaling":
        """The scaling that gives the columns of `X`, (N, n), mean 0 and standard deviation 1."""
        X = np.asarray(X, dtype=np.float64)
        scale = np.std(X, axis=0)
        if not np.all(scale > 0):
            raise ValueError(
                f"Column {int(np.argmin(scale))} is constant, so it has no standard units and "
                f"tells nothing about the target. Leave it out."
            )
        return cls(np.mean(X, axis=0), scale)

    def standard(self, X: ArrayLike) -> Floats:
        """`X`, (N, n), in standard units."""
        return (np.asarray(X, dtype=np.float64) - self.mean) / self.scale

    def original(self, w: Floats, b: float) -> tuple[Floats, float]:
        """Weights and bias for features in their own units: ``w.z + b = w'.x + b'``."""
        w_original = w / self.scale
        return w_original, float(b - w_original @ self.mean)


# --- Gradient descent ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Training:
    """What gradient descent passed through.

    Attributes
    ----------
    path : ndarray, shape (steps + 1, n + 1)
        w and, last, b: before the first step and after each.
    losses : ndarray, shape (steps + 1,)
        The loss there.
    """

    path: Floats
    losses: Floats

    @property
    def w(self) -> Floats:
        """The final weights, (n,)."""
        return self.path[-1, :-1]

    @property
    def b(self) -> float:
        """The final bias."""
        return float(self.path[-1, -1])

    @property
    def first_rise(self) -> int | None:
        """The first step after which the loss is higher or no longer finite, or None."""
        # At the minimum the loss moves by its own rounding error, and where that is 0 by the
        # square of that of the targets, which is no rise.
        allowed = self.losses[:-1] * (1 + 1e-13) + self.losses[0] * 1e-28
        risen = np.flatnonzero(~(self.losses[1:] <= allowed))
        return int(risen[0]) + 1 if risen.size else None


def train_neuron(
    X: ArrayLike,
    y: ArrayLike,
    *,
    rate: float = 0.1,
    steps: int = 250,
    folded: bool = False,
) -> Training:
    """Train max(0, w.x + b) on the samples: w <- w - rate dC/dw, b <- b - rate dC/db.

    Training starts at w = 0, b = 1, where every sample is active.  At w = 0, b = 0 it would never
    start, for there z = 0 and the derivative of max(0, z) is 0.

    Parameters
    ----------
    X : array_like, shape (N, n)
        Features, in units in which they are all of about one size (`Scaling`).
    y : array_like, shape (N,)
        Targets.  The neuron's output is never negative, so it cannot reach negative ones.
    rate : float, optional
        The learning rate; the loss diverges above 2 / (largest eigenvalue of its Hessian).
    steps : int, optional
    folded : bool, optional
        Differentiate with respect to the single vector [w, b] instead of w and b apart; the
        document's last remark, and the same steps.

    Returns
    -------
    training : Training

    Raises
    ------
    ValueError
        If the shapes do not fit, or `rate` or `steps` is not positive.

    References
    ----------
    Parr and Howard (2018), arXiv:1802.01528, section 6.

    Examples
    --------
    >>> from dualmc.document.neuron import train_neuron
    >>> training = train_neuron([[-1.0], [0.0], [1.0]], [1.0, 3.0, 5.0])
    >>> print(training.w.round(6), round(training.b, 6))
    [2.] 3.0
    """
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ValueError(
            f"train_neuron needs X of shape (N, n) and y of shape (N,); got {X.shape} and "
            f"{y.shape}."
        )
    if not rate > 0:
        raise ValueError(f"train_neuron: rate must be positive, got rate={rate}.")
    if steps < 1:
        raise ValueError(f"train_neuron: steps must be a positive int, got steps={steps}.")
    n = X.shape[1]
    path, losses = np.empty((steps + 1, n + 1)), np.empty(steps + 1)
    path[0] = [0.0] * n + [1.0]
    X_hat = np.column_stack([X, np.ones(len(X))])
    for step in range(steps):
        here = path[step]
        if folded:
            losses[step], gradient = value_and_jacobian_fwd(folded_loss, here, X_hat, y)
        else:
            losses[step], (d_w, d_b) = value_and_jacobian_fwd(
                loss, here[:-1], here[-1], X, y, argnums=(0, 1)
            )
            gradient = np.append(d_w, d_b)
        path[step + 1] = here - rate * gradient
    losses[steps] = loss(path[steps, :-1], path[steps, -1], X, y)
    return Training(path, losses)


def least_squares(X: ArrayLike, y: ArrayLike) -> tuple[Floats, float]:
    """The affine function w.x + b of least squared error, by QR: what an active neuron tends to."""
    A = np.column_stack([np.asarray(X, dtype=np.float64), np.ones(len(np.asarray(y)))])
    solution = np.linalg.lstsq(A, np.asarray(y, dtype=np.float64), rcond=None)[0]
    return solution[:-1], float(solution[-1])
