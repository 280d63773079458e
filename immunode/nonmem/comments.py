"""Records that are commented out, as data sets for NONMEM have them (IGNORE=#, IGNORE=@, IGNORE=C): left out."""

import re
from collections.abc import Iterator

import numpy as np

from immunode.nonmem.cells import Cells, numbers, texts
from immunode.nonmem.finding import Finding

_FLAGS = ("IGNORE", "IGN", "EXCL", "EXCLUDE")  # columns whose every mark leaves a row out; C may hold numbers
COMMENTS = (*_FLAGS, "C")
_NO = ("", "0", "0.0", "no", "n", "false", "f")
_CURE = "remove the row, or begin it with '#', where it is one; else give every patient a number"


def commented(cells: Cells, parameters: frozenset[str]) -> tuple[np.ndarray, list[Finding]]:
    """Return where records are comments for certain, and errors where they may be.

    `parameters` are the names, in upper case, that a column may set: one of them is no column of marks.
    """
    frame = cells.frame
    out, findings = np.zeros(len(cells.line), dtype=bool), list[Finding]()
    for name in frame:
        if name in parameters or name not in COMMENTS:
            continue
        shown = np.array([cell.lower() for cell in texts(frame[name]).tolist()], dtype=object)
        marked = ~np.isin(shown, _NO)
        if name == "C":
            _, word = numbers(frame[name])
            sure = word & np.array([cell[:1] in ("c", "#", "@") for cell in shown.tolist()], dtype=bool)
            if not word.any() and not np.isin(shown[marked], ("1", "1.0", "true")).all():
                continue  # numbers of some kind, such as concentrations
            findings += _doubtful(cells, name, marked & ~sure, "write C where it is, and . where it is not")
            marked = sure
        out |= marked
    if len(frame.columns):
        for name in dict.fromkeys([frame.columns[0], "ID"]):
            if name in frame and name not in COMMENTS:
                out |= _in_numbers(cells, name, out, findings)
    return out, findings


def _in_numbers(cells: Cells, name: str, out: np.ndarray, findings: list[Finding]) -> np.ndarray:
    """Return where a cell begins as a comment does; "C2" among numbers may be one, which is added to findings."""
    _, word = numbers(cells.frame[name])
    shown, place = np.unique(texts(cells.frame[name]), return_inverse=True)
    first = np.array([cell[:1] for cell in shown], dtype=object)[place]
    hashed, at = first == "#", first == "@"
    if not (~out & ~word & (first != "")).any():  # all are text: "@b" and "C2" are names
        return hashed
    like = np.array([re.fullmatch(r"[A-Za-z]\s*[\d.]+", cell) is not None for cell in shown], dtype=bool)[place]
    findings += _doubtful(cells, name, like & ~out, _CURE)
    return hashed | at


def _doubtful(cells: Cells, name: str, where: np.ndarray, cure: str) -> Iterator[Finding]:
    rows = np.flatnonzero(where)
    for line, shown in zip(cells.line[rows].tolist(), cells.shown(name, rows)):
        yield Finding(line, name, shown, "may be a comment: a row that is commented out, or not", cure)
