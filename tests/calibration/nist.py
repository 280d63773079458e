"""The nonlinear regression problems of NIST's Statistical Reference Datasets, as models and evidence."""

import math
import re
from pathlib import Path

import numpy as np

from immunode.evidence.printed import Evidence
from immunode.functions import atan, exp
from immunode.model.declaration import Model, Output, Parameter, State

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "suites" / "nist_strd"

EQUATIONS = {
    "Bennett5": lambda x, b: b[1] * (b[2] + x) ** (-1 / b[3]),
    "BoxBOD": lambda x, b: b[1] * (1 - exp(-b[2] * x)),
    "Chwirut1": lambda x, b: exp(-b[1] * x) / (b[2] + b[3] * x),
    "Chwirut2": lambda x, b: exp(-b[1] * x) / (b[2] + b[3] * x),
    "DanWood": lambda x, b: b[1] * x ** b[2],
    "Eckerle4": lambda x, b: b[1] / b[2] * exp(-0.5 * ((x - b[3]) / b[2]) ** 2),
    "Gauss2": lambda x, b: (
        b[1] * exp(-b[2] * x) + b[3] * exp(-((x - b[4]) ** 2) / b[5] ** 2) + b[6] * exp(-((x - b[7]) ** 2) / b[8] ** 2)
    ),
    "Kirby2": lambda x, b: (b[1] + b[2] * x + b[3] * x**2) / (1 + b[4] * x + b[5] * x**2),
    "Lanczos1": lambda x, b: b[1] * exp(-b[2] * x) + b[3] * exp(-b[4] * x) + b[5] * exp(-b[6] * x),
    "MGH09": lambda x, b: b[1] * (x**2 + x * b[2]) / (x**2 + x * b[3] + b[4]),
    "MGH10": lambda x, b: b[1] * exp(b[2] / (x + b[3])),
    "MGH17": lambda x, b: b[1] + b[2] * exp(-x * b[4]) + b[3] * exp(-x * b[5]),
    "Misra1d": lambda x, b: b[1] * b[2] * x / (1 + b[2] * x),
    "Rat43": lambda x, b: b[1] / (1 + exp(b[2] - b[3] * x)) ** (1 / b[4]),
    "Roszman1": lambda x, b: b[1] - b[2] * x - atan(b[3] / (x - b[4])) / math.pi,
}
BEGIN = {"Roszman1": -5000.0}  # x of day 0, where x begins below zero


def read(name):
    """Return starts 1 and 2, certified values and their SDs, (parameters, 4), and the data (y, x)."""
    lines = (FOLDER / f"{name}.dat").read_text(encoding="ascii").splitlines()
    numbers = [[float(word) for word in line.split("=")[1].split()] for line in lines if re.match(r"\s*b\d+ =", line)]
    first = max(i for i, line in enumerate(lines) if line.startswith("Data:"))
    data = [[float(word) for word in line.split()[:2]] for line in lines[first + 1 :] if line.strip()]
    return np.array(numbers), np.array(data)


class _Numbered:
    def __init__(self, p):
        self.p = p

    def __getitem__(self, i):
        return getattr(self.p, f"b{i}")


def regression(name, count):
    """Return a model whose output `y` is the problem's function of time, one unit of x a day."""
    begin, equation = BEGIN.get(name, 0.0), EQUATIONS[name]
    return Model(
        name=name.lower(),
        states=[State("idle", "1", scale=1)],
        parameters=[*(Parameter(f"b{i}", 1.0, "1") for i in range(1, count + 1)), Parameter("per", 1.0, "1/day")],
        outputs=[Output("y", "1", lambda t, x, p: equation(p.per * t + begin, _Numbered(p)))],
        derivative=lambda t, x, p: {"idle": 0 * p.per},
    )


def observations(name, data):
    """Return evidence of one row a number; several at one x are of several arms."""
    many: dict[float, int] = {}
    rows = []
    for y, x in data.tolist():
        many[x] = many.get(x, 0) + 1
        at = {"arm": f"repeat_{many[x]}", "observable": "y", "day": x - BEGIN.get(name, 0.0)}
        rows.append(at | {"value": y, "sigma": 1.0})
    return Evidence(name=name, arms=[{"name": f"repeat_{i + 1}"} for i in range(max(many.values()))], rows=rows)


def digits(estimates, certified):
    """Return the least number of digits that agree."""
    return -np.log10(np.max(np.abs(np.asarray(estimates) / np.asarray(certified) - 1)) + 1e-16)
