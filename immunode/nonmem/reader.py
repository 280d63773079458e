"""Read event tables as NONMEM has them into regimens, observation times and covariates.

The rules, and what is refused, are in docs/dosing.md.
"""

import warnings
from typing import Any

from immunode import models
from immunode.errors import BadValue
from immunode.model.declaration import Model
from immunode.nonmem.checks import examine
from immunode.nonmem.event_table import EventTable, event_table_of
from immunode.nonmem.finding import Finding
from immunode.nonmem.plausible import implausible_times

_SHOWN = 3  # errors that a refusal names; check() gives all


def read(source: Any, model: Model | str, *, covariates: Any = None, time_unit: str | None = None) -> EventTable:
    """Read an event table, a file (CSV, or tab, semicolon or space separated) or a DataFrame, for a model.

    Columns, in any case: ID TIME AMT EVID CMT II ADDL RATE SS DV MDV, and DUR, the duration of an infusion. "." or
    nothing is missing. Amounts are in the unit of the state. CMT is the number of a state, from 1, or the name of a
    state or route; none is the first state. A number stands for the route to its state if there is one route, else for
    the state. EVID also takes the words "replace" and "multiply". Columns with the name of a parameter set it over
    time. Rows that are commented out (docs/dosing.md) are left out. It warns of what is odd.

    Main arguments
        source: path of the file, or a DataFrame
        model: an im.Model, the name of one of the library, or a file such as "my_model.py"

    Other arguments
        covariates: parameters that columns of other names set, {column: parameter}, or fewer columns, as a list;
            default those with the name of a parameter
        time_unit: unit of the table's times, such as "h": then TIME, II, DUR, RATE (per unit) and covariates that are
            times, such as lags, are brought into the model's; default the model's

    Returns
        an event table, the `regimen` of im.simulate: `ids`, `regimens`, `times` [time unit of the model] and
            `covariates` of each patient

    Raises
        BadValue: for what is wrong, naming row, column, value and cure; `nonmem.check` finds all of it.
        UnknownName: for a model, parameter or column of `covariates` that does not exist.

    Example
        >>> import immunode as im, pandas
        >>> frame = pandas.DataFrame({"ID": [1, 1, 1], "TIME": [0, 2, 4], "AMT": [3, 0, 0], "CMT": ["sc", 0, 0]})
        >>> table = im.read_events(frame, "il2_sc", time_unit="h")
        >>> print(im.simulate("il2_sc", table).il2.values.round(1))
        [14.6 17.5]
    """
    model = models.model(model)
    records, findings = examine(source, model, covariates, time_unit)
    errors = [finding for finding in findings if finding.error]
    if errors:
        count = f"{len(errors)} errors; the first: " if len(errors) > 1 else ""
        raise BadValue(f"{records.cells.source}: {count}" + " | ".join(map(str, errors[:_SHOWN])))
    for finding in implausible_times(records, model):  # hours read as days predict nothing, without an error
        warnings.warn(f"{records.cells.source}: {finding}", stacklevel=2)
    if findings:
        more = f" (and {len(findings) - 1} more: see nonmem.check)" if len(findings) > 1 else ""
        warnings.warn(f"{records.cells.source}: {findings[0]}{more}", stacklevel=2)
    return event_table_of(records, model)


def check(source: Any, model: Model | str, *, covariates: Any = None, time_unit: str | None = None) -> list[Finding]:
    """Return every problem of an event table, a file or a DataFrame, in order of rows; raise BadValue when it is none.

    Arguments as of nonmem.read, which raises BadValue where this finds a problem that is an `error`.
    """
    model = models.model(model)
    records, findings = examine(source, model, covariates, time_unit)
    return implausible_times(records, model) + findings
