"""Write what methods are made of as text; without SymPy, which a solve that is remembered does not need."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from immunode.engine.codegen.elimination import Entry
from immunode.engine.layout import Layout

TINY = 1e-300  # beside a sum of squares that may be 0, to divide by


@dataclass(frozen=True)
class Scalar:
    """Hold one function of the generated module that its others are made of.

    One that calls nothing but what Python itself has, and is of the method alone, is `common` to models.
    """

    name: str
    arguments: tuple[str, ...]
    lines: tuple[str, ...]
    common: bool = False


def weighted(weights: Sequence[float], terms: Sequence[str]) -> str:
    """Return the text of a weighted sum, without the terms of weight zero."""
    return " + ".join(f"{w!r}*{x}" for w, x in zip(weights, terms, strict=False) if w != 0).replace("+ -", "- ")


def mean_square(letter: str, names: Sequence[str]) -> str:
    """Return the text of the mean square of `letter`_name."""
    return f"({' + '.join(f'{letter}_{name}*{letter}_{name}' for name in names)})*{1 / len(names)!r}"


def mean_error(names: Sequence[str]) -> str:
    """Return the text of the error of a step from the squared errors e_name of its states: sum e^2 / sum e, or nan.

    It is the mean that each weighs by itself, the contraharmonic one: that of equal errors, and near the largest else.
    States at rest, whose errors are nothing, count for nothing; in a plain mean they would hide the others' errors.
    """
    squares, sizes = (" + ".join(form.format(f"e_{name}") for name in names) for form in ("{0}*{0}", "{0}"))
    return f"({squares})/({sizes} + {TINY!r})"


def nothing(letter: str, names: Sequence[str]) -> str:
    """Return the text of zero, or of nan where a `letter`_name is not finite: beside it any error would be none."""
    return f"0.0*({' + '.join(f'{letter}_{name}' for name in names)})"


def nested(name: str, terms: Sequence[str]) -> str:
    """Return the text of a function of two arguments applied to many, in a tree: Python reads 200 brackets at most."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"{name}({nested(name, terms[:half])}, {nested(name, terms[half:])})"


def products(entries: Iterable[Entry], row: int, rows: Layout, first: int, vector: Sequence[str]) -> list[str]:
    """Return the texts of the products of a vector and one row of a sparse matrix whose entries lie from `first` on."""
    return [f"{rows.at(first + k)}*{vector[j]}" for k, (i, j) in enumerate(entries) if i == row]


def worst(rows: Layout, error: str) -> list[str]:
    """Return the lines that make a direction's error the lane's if it is larger, or nan."""
    lane = rows.at(rows.error)
    return [f"e, w = {error}, {lane}", f"{lane} = (e if e > w else w) + 0.0*e"]
