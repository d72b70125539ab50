"""``python -m dualmc train``: the neuron trained by gradient descent."""

import argparse
import sys
from typing import Any

import numpy as np

from dualmc.cli.options import positive_number, refused
from dualmc.derivation.notation.blocks import Table, table_text
from dualmc.document import neuron


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train the neuron max(0, w.x + b) by gradient descent",
        description="Train the neuron max(0, w.x + b) by gradient descent on its mean squared "
        "error (sections 5 and 6). The features are brought to mean 0 and standard deviation 1 "
        "first; the weights are printed in the original units.",
    )
    parser.add_argument(
        "--steps", type=_steps, default=250, help="gradient steps (default: %(default)s)"
    )
    parser.add_argument(
        "--rate", type=positive_number, default=0.1, help="learning rate (default: %(default)s)"
    )
    parser.add_argument(
        "--data",
        metavar="CSV",
        help="a comma-separated table: a line of names, then numbers; the last column is the "
        "target, which should not be negative (default: Brownlee's stack loss data)",
    )
    parser.set_defaults(show=show, parser=parser)


def _steps(text: str) -> int:
    try:
        steps = int(text)
    except ValueError:
        steps = 0
    if steps < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, got {text!r}.")
    return steps


def show(args: argparse.Namespace) -> int:
    """Train the neuron and print the loss as it falls, and the weights in original units."""
    steps, rate, data = args.steps, args.rate, args.data
    try:
        table = neuron.load_table(data)
        neuron.check_fit(table)
    except OSError as error:
        args.parser.error(f"argument --data: {data!r} cannot be read: {error.strerror or error}.")
    except ValueError as error:
        args.parser.error(f"argument --data: {error}")
    scaling = neuron.Scaling.of(table.X)
    negative = int(np.count_nonzero(table.y < 0))
    if negative:
        print(
            f"{negative} of the {table.y.size} targets are negative; max(0, w.x + b) never is, and "
            f"cannot reach them.",
            file=sys.stderr,
        )
    Z = scaling.standard(table.X)
    try:
        with np.errstate(all="ignore"):
            training = neuron.train_neuron(Z, table.y, rate=rate, steps=steps)
    except MemoryError as error:  # every step is kept
        return refused(args, error)
    source = "Brownlee's stack loss data" if data is None else data
    print(f"The neuron max(0, w.x + b) trained on {source}: {table.y.size} samples")
    print()
    marks = sorted({0, *np.geomspace(1, steps, 9).round().astype(int).tolist()})
    active = (Z @ training.path[:, :-1].T + training.path[:, -1] > 0).sum(axis=0)
    rows = [(str(t), f"{training.losses[t]:.10g}", str(active[t])) for t in marks]
    print(table_text(Table(("step", "loss", "active samples"), rows)))
    rise = training.first_rise
    if rise is not None:
        print(
            f"The loss rises at step {rise}: the rate {rate:g} is too large. Choose a smaller "
            f"--rate.",
            file=sys.stderr,
        )
        return 1
    if not active[-1]:
        print(
            f"No sample is active after {steps} steps: the derivative is 0 everywhere, and the "
            f"neuron stays as it is. Choose a smaller --rate.",
            file=sys.stderr,
        )
        return 1
    w, b = scaling.original(training.w, training.b)
    w_line, b_line = neuron.least_squares(table.X, table.y)
    print()
    print("Weights in original units, beside those of the least-squares line (all samples active):")
    print()
    features = zip(table.names, w, w_line, strict=False)
    weights = [(name, f"{trained:.6g}", f"{line:.6g}") for name, trained, line in features]
    weights.append(("bias", f"{b:.6g}", f"{b_line:.6g}"))
    header = (f"weight for {table.names[-1]}", "neuron", "least squares")
    print(table_text(Table(header, weights)))
    return 0
