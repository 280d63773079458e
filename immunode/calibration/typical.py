"""What least squares on the typical patient can be told of a paper: medians and means of one arm, with their error."""

import warnings
from collections.abc import Sequence

from immunode.errors import BadValue
from immunode.evidence.printed import Evidence
from immunode.evidence.printed_number import PrintedNumber
from immunode.measures import measure


def check_typical(evidence: Sequence[Evidence]) -> None:
    """Raise BadValue for the first row to fit that the typical patient does not have, or that has no error; warn of
    checks that no table of the fit will have."""
    for source in evidence:
        places = sorted({str(row.place) for row in source.rows if row.use == "check" and _not_typical(row)}, key=int)
        if places:
            warnings.warn(
                f"{source.name}, row {', '.join(places)}: checks of what the typical patient has not, or without "
                "sigma, are left out of the table of the fit",
                stacklevel=3,
            )
        for row in source.rows:
            if row.use == "fit" and (wrong := _not_typical(row)):
                raise BadValue(f"{source.name}, row {row.place}: {wrong}")


def typical(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the evidence with the rows alone that the typical patient has; checks of other kinds are left out."""
    kept = [(one, tuple(row for row in one.rows if not _not_typical(row))) for one in evidence]
    return [one.model_copy(update={"rows": rows}) for one, rows in kept if rows]


def _not_typical(row: PrintedNumber) -> str:
    """Return why a row is none of least squares on the typical patient, with the cure; nothing where it is."""
    cure = "fit a population, or say use = 'check'"
    if row.statistic not in ("median", "mean"):
        return f"statistic = '{row.statistic}' is of patients who differ, and the typical patient is one; {cure}"
    if not measure(row.measure).of_course:
        return f"'{row.measure}' is nothing that a fit predicts of a course; {cure}"
    if len(row.groups) > 1 or len(row.versus_groups) > 1:
        pooled = row.arm if len(row.groups) > 1 else row.versus
        return f"'{pooled}' are several arms pooled, and the typical patient is of one; {cure}"
    if row.censored:
        return (
            f"value = '{row.value}' is beyond a limit, and least squares takes numbers alone; {cure}, or state a "
            "number and a sigma to cover it"
        )
    if row.sigma is None:
        return (
            "'sigma' is left out, which least squares on the typical patient needs; give the number's error, such as "
            "sigma = 1, or fit a population"
        )
    return ""
