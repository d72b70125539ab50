"""Runs one program of `examples/` and draws what it found: `python drawing.py NAME FOLDER`."""

import contextlib
import importlib
import io
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pictures

STYLE = {
    "figure.figsize": (8, 4),
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"]),
    "font.size": 10,
    "legend.frameon": False,
}


def main(name, folder):
    draw = getattr(pictures, name)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        program = importlib.import_module(name)
        figures = program.main(**draw.options)
    with plt.rc_context(STYLE):
        figure = plt.figure()
        draw(program, figures, figure)
        figure.savefig(Path(folder, f"{name}.png"), dpi=144)
    options = ", ".join(f"{key}={value!r}" for key, value in draw.options.items())
    caption = " ".join(draw.__doc__.split())
    Path(folder, f"{name}.txt").write_text(f"{options}\n{caption}\n{printed.getvalue()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
