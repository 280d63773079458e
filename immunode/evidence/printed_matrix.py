"""A printed mean course with its covariance matrix, or its variances alone: what the normal law of summaries reads."""

import warnings
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from immunode.errors import BadValue
from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import FilePart, Finite, NotNegative, Text
from immunode.internal.arguments import is_list, whole

# A matrix printed to two digits of each correlation may miss being one by its rounding, 0.005 an entry, which for few
# visits is about 0.01 of an eigenvalue of the correlation matrix; more is no rounding.
ROUNDING = 0.01
SYMMETRY = 1e-6  # of the SDs: the same number is printed twice
PER_VISIT = 3  # patients a visit, up to which a covariance matrix is of few patients

Row = tuple[Finite, ...]


def _patients(value: Any) -> Any:
    """Return a number of patients, or one a day; raise ValueError for what is none."""
    try:
        return tuple(whole(one, "n of a day") for one in value) if is_list(value) else whole(value, "n")
    except BadValue as error:
        raise ValueError(str(error).partition(": ")[2]) from error


Sizes = Annotated[int | tuple[int, ...], BeforeValidator(_patients)]


class PrintedCovariance(FilePart):
    """Hold what was printed of one arm over several days: the mean of each, and how patients vary about it.

    With a `matrix` the visits are known to belong together; with `variances` alone (squares of printed SDs) nothing is
    known of that, and each visit is read by itself.

    Main arguments
        arm: name of an arm of the evidence
        observable: name of an output or state of the model, such as "conc"
        days: when it was measured, rising, before what is given then; numbers, or texts ("0.5 h") [day]
        mean: the printed means, one a day [`unit`]
        n: patients; with `variances` it may be a list, one a day
        matrix: the covariance matrix of patients, one row a day; or `variances` instead, default none [`unit`^2]
        variances: the variances of patients, SD^2 and not SE^2, one a day, default none [`unit`^2]

    Other arguments
        divisor: what sums of squares were divided by, "n-1", as SDs are printed, or "n" (maximum likelihood), default
            "n-1"
        unit: unit of the means, default that of the observable in the model
        source: where the numbers are from: table or figure, and whether read directly or from a picture, default none

    Raises
        BadValue: for a field that is left out, unknown or of another kind; both or neither of `matrix` and
            `variances`; another number of means or variances than of days; days that do not rise; a matrix that is not
            symmetric or no covariance matrix (a negative variance, correlations that contradict each other); n = 0.

    Example
        >>> import immunode as im
        >>> printed = im.PrintedCovariance(
        ...     arm="oral", observable="conc", days=["1 h", "4 h"], mean=[3, 2], matrix=[[0.8, 0.2], [0.2, 0.3]], n=40
        ... )
        >>> len(printed.days)
        2
    """

    arm: Text
    observable: Annotated[Text, Field(examples=["conc"])]
    days: Annotated[tuple[Days, ...], Field(min_length=1)]
    mean: Row
    n: Annotated[Sizes, Field(examples=[12])]
    matrix: tuple[Row, ...] | None = None
    variances: tuple[NotNegative, ...] | None = None
    divisor: Literal["n", "n-1"] = "n-1"
    unit: str = ""
    source: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "PrintedCovariance":
        visits = len(self.days)
        if list(self.days) != sorted(set(self.days)):
            raise ValueError(f"days = {[float(day) for day in self.days]}: days must rise, each named once")
        if (self.matrix is None) == (self.variances is None):
            raise ValueError(
                "give the covariance 'matrix', or the 'variances' where no more is printed: one of the two"
            )
        for name, values in (("mean", self.mean), ("variances", self.variances)):
            if values is not None and len(values) != visits:
                raise ValueError(f"{name} has {len(values)} numbers for {visits} days; give one a day")
        self._check_n(visits)
        if self.matrix is not None:
            _check_matrix(self.matrix, visits)
        return self

    def _check_n(self, visits: int) -> None:
        if isinstance(self.n, tuple) and self.matrix is not None:
            raise ValueError("n: a covariance matrix is of the same patients on all days; give one number")
        if isinstance(self.n, tuple) and len(self.n) != visits:
            raise ValueError(f"n has {len(self.n)} numbers for {visits} days; give one a day, or one for all")
        if self.divisor == "n-1" and min(self.sizes) < 2:
            raise ValueError("n = 1: one patient has no variance by the divisor n-1; expected 2 or more")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return how many patients each day has."""
        return self.n if isinstance(self.n, tuple) else (self.n,) * len(self.days)

    @property
    def few(self) -> str:
        """Return why a fit should doubt the matrix, as one of few patients; "" where it need not."""
        visits = len(self.days)
        if self.matrix is None or visits < 2 or self.sizes[0] > PER_VISIT * visits:
            return ""
        singular = " (of so few some are 0)" if self.sizes[0] <= visits else ""
        return (
            f"arm '{self.arm}', {self.observable}: a covariance matrix of {visits} days from n = {self.sizes[0]} "
            f"patients: its {visits * (visits + 1) // 2} entries are known so badly that its smallest eigenvalues come "
            f"out far too small{singular}, and the fit follows them; give 'variances' alone unless n is more than "
            f"{PER_VISIT} times the days"
        )


def warn_of_few(name: str, covariances: Sequence[PrintedCovariance]) -> None:
    """Warn of each covariance matrix of the trial `name` that is of few patients."""
    for number, one in enumerate(covariances, start=1):
        if one.few:
            warnings.warn(f"{name}, covariance {number}: {one.few}", stacklevel=2)


def _check_matrix(rows: tuple[Row, ...], visits: int) -> None:
    """Raise ValueError for what is no covariance matrix of so many visits."""
    if len(rows) != visits or any(len(row) != visits for row in rows):
        shape = f"{len(rows)} rows of {', '.join(sorted({str(len(row)) for row in rows}))}"
        raise ValueError(f"matrix has {shape} for {visits} days; expected {visits} rows of {visits}")
    matrix = np.array(rows)
    variances = np.diag(matrix)
    if (variances < 0).any():
        i = int(np.argmin(variances))
        raise ValueError(f"matrix: {variances[i]:g} in row {i + 1}, column {i + 1} is no variance; expected 0 or more")
    sizes = np.sqrt(np.outer(variances, variances))
    odd = np.abs(matrix - matrix.T) > SYMMETRY * sizes
    if odd.any():
        i, j = (int(one) for one in np.argwhere(odd)[0])
        raise ValueError(
            f"matrix: {matrix[i, j]:g} in row {i + 1}, column {j + 1}, and {matrix[j, i]:g} in row {j + 1}, "
            f"column {i + 1}: a covariance matrix is symmetric"
        )
    beyond = np.abs(matrix) > (1 + ROUNDING) * sizes
    if beyond.any():
        i, j = (int(one) for one in np.argwhere(beyond)[0])
        raise ValueError(
            f"matrix: {matrix[i, j]:g} in row {i + 1}, column {j + 1} is beyond {sizes[i, j]:.4g}, the product of the "
            "SDs of its days; no two quantities have such a covariance"
        )
    least = float(np.linalg.eigvalsh(matrix / np.where(sizes > 0, sizes, 1.0))[0])
    if least < -ROUNDING:
        raise ValueError(
            f"matrix: its correlations contradict each other (smallest eigenvalue {least:.3g}, which must not be "
            "negative); look for a wrong sign or a swapped entry"
        )
