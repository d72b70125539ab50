"""The 27 nonlinear regression sets of NIST's Statistical Reference Datasets: models and data.

The models are plain NumPy, the data and the certified parameters NIST's own (bench/data/nist).

References: NIST/ITL StRD, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml;
McCullough (1998), The American Statistician 52(4), 358-366 (the digits).
"""

import pathlib
import re

import numpy as np

DATA = pathlib.Path(__file__).parents[1] / "data" / "nist"
CERTIFIED_DIGITS = 11


# --- The models ----------------------------------------------------------------------------------


def misra1a(b, x):
    return b[0] * (1 - np.exp(-b[1] * x))


def misra1b(b, x):
    return b[0] * (1 - (1 + b[1] * x / 2) ** (-2))


def misra1c(b, x):
    return b[0] * (1 - (1 + 2 * b[1] * x) ** (-0.5))


def misra1d(b, x):
    return b[0] * b[1] * x * ((1 + b[1] * x) ** (-1))


def chwirut(b, x):
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def lanczos(b, x):
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)


def gauss(b, x):
    decay = b[0] * np.exp(-b[1] * x)
    first = b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2)
    second = b[5] * np.exp(-((x - b[6]) ** 2) / b[7] ** 2)
    return decay + first + second


def danwood(b, x):
    return b[0] * x ** b[1]


def kirby2(b, x):
    return (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2)


def cubic_ratio(b, x):
    top = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return top / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def nelson(b, x):
    x1, x2 = x
    return b[0] - b[1] * x1 * np.exp(-b[2] * x2)


def mgh09(b, x):
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


def mgh10(b, x):
    return b[0] * np.exp(b[1] / (x + b[2]))


def mgh17(b, x):
    return b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4])


def roszman1(b, x):
    return b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi


def enso(b, x):
    y = b[0] + b[1] * np.cos(2 * np.pi * x / 12) + b[2] * np.sin(2 * np.pi * x / 12)
    y = y + b[4] * np.cos(2 * np.pi * x / b[3]) + b[5] * np.sin(2 * np.pi * x / b[3])
    return y + b[7] * np.cos(2 * np.pi * x / b[6]) + b[8] * np.sin(2 * np.pi * x / b[6])


def rat42(b, x):
    return b[0] / (1 + np.exp(b[1] - b[2] * x))


def rat43(b, x):
    return b[0] / ((1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]))


def eckerle4(b, x):
    return (b[0] / b[1]) * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def bennett5(b, x):
    return b[0] * (b[1] + x) ** (-1 / b[2])


# In NIST's order: lower, average and higher level of difficulty.
MODELS = {
    "Misra1a": misra1a, "Chwirut2": chwirut, "Chwirut1": chwirut, "Lanczos3": lanczos,
    "Gauss1": gauss, "Gauss2": gauss, "DanWood": danwood, "Misra1b": misra1b,
    "Kirby2": kirby2, "Hahn1": cubic_ratio, "Nelson": nelson, "MGH17": mgh17, "Lanczos1": lanczos,
    "Lanczos2": lanczos, "Gauss3": gauss, "Misra1c": misra1c, "Misra1d": misra1d,
    "Roszman1": roszman1, "ENSO": enso,
    "MGH09": mgh09, "Thurber": cubic_ratio, "BoxBOD": misra1a, "Rat42": rat42, "MGH10": mgh10,
    "Eckerle4": eckerle4, "Rat43": rat43, "Bennett5": bennett5,
}  # fmt: skip


# --- The data ------------------------------------------------------------------------------------


class DataSet:
    """One file of NIST's: observations, two starting points, certified results."""

    def __init__(self, name, folder=DATA):
        self.name = name
        self.model = MODELS[name]
        text = (folder / f"{name}.dat").read_text(encoding="ascii")
        rows = re.findall(r"^\s*b\d+\s*=((?:\s+[-+.\dEe]+){4})\s*$", text, re.MULTILINE)
        table = np.array([row.split() for row in rows], dtype=float)
        self.starts = table[:, 0], table[:, 1]
        self.certified = table[:, 2]
        self.deviations = table[:, 3]
        self.rss = float(_after("Residual Sum of Squares:", text))
        self.count = int(_after("Number of Observations:", text))
        # The word stands at the head of the description too; the observations come last.
        observations = re.split(r"^Data:.*$", text, flags=re.MULTILINE)[-1]
        columns = np.array([line.split() for line in observations.splitlines() if line.strip()])
        y, *x = columns.astype(float).T
        if name == "Nelson":  # NIST's model is of log(y)
            y = np.log(y)
        self.y = y
        self.x = x[0] if len(x) == 1 else np.stack(x)

    def residual(self, b):
        return self.model(b, self.x) - self.y

    def digits(self, b):
        """The correct digits of the worst parameter."""
        error = np.max(np.abs(b - self.certified) / np.abs(self.certified))
        if not error > 0:
            return 0.0 if np.isnan(error) else float(CERTIFIED_DIGITS)
        return float(np.clip(-np.log10(error), 0.0, CERTIFIED_DIGITS))


def _after(label, text):
    return re.search(re.escape(label) + r"\s*(\S+)", text).group(1)
