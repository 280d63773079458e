"""List and show models and published trials: rich tables for people, plain data for machines."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from immunode.evidence.trial_file import TrialFile
from immunode.model.declaration import Model
from immunode.model.trace import latex, plain
from immunode.nonmem import Finding

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

_MOST_ROWS = 40  # of the records of an event table in the terminal


def _table(title: str, *columns: str) -> "Table":
    from rich.table import Table

    table = Table(title=title)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def models_table(models: Sequence[Model]) -> "Table":
    """Return one row a model."""
    table = _table("models", "name", "meaning", "states", "parameters")
    for model in models:
        table.add_row(model.name, model.meaning, str(len(model.states)), str(len(model.parameters)))
    return table


def model_json(model: Model) -> dict[str, Any]:
    """Return a model as plain data: equations, states, parameters, inputs, outputs, routes, reference."""
    traced = model.trace()
    return {
        "name": model.name,
        "meaning": model.meaning,
        "reference": model.reference,
        "time": model.time,
        "routes": dict(model.routes),
        "states": [{"name": s.name, "unit": s.unit, "meaning": s.meaning} for s in model.states],
        "equations": plain(traced),
        "latex": latex(traced),
        "parameters": [
            {
                "name": p.name,
                "value": p.value,
                "unit": p.unit,
                "low": p.low,
                "high": p.high,
                "meaning": p.meaning,
                "source": p.source,
            }
            for p in model.parameters
        ],
        "inputs": [{"name": i.name, "unit": i.unit, "default": i.default, "meaning": i.meaning} for i in model.inputs],
        "outputs": [{"name": o.name, "unit": o.unit, "meaning": o.meaning} for o in model.outputs],
    }


def model_tables(model: Model) -> list[Any]:
    """Return a model for the terminal: equations, states, parameters with units and sources, inputs, outputs."""
    states = _table("states", "name", "unit", "meaning")
    for s in model.states:
        states.add_row(s.name, s.unit, s.meaning)
    parameters = _table("parameters", "name", "value", "unit", "bounds", "meaning", "source")
    for p in model.parameters:
        parameters.add_row(p.name, f"{p.value:g}", p.unit, f"{p.low:g} to {p.high:g}", p.meaning, p.source)
    other = _table("inputs and outputs", "kind", "name", "unit", "default", "meaning")
    for i in model.inputs:
        other.add_row("input", i.name, i.unit, "" if i.default is None else f"{i.default:g}", i.meaning)
    for o in model.outputs:
        other.add_row("output", o.name, o.unit, "", o.meaning)
    routes = ", ".join(f"{route} into {state}" for route, state in model.routes.items())
    head = [
        f"{model.name}: {model.meaning}",
        *plain(model.trace()),
        f"routes: {routes}" if routes else "no dosing routes",
    ]
    return [*head, states, parameters, other, f"reference: {model.reference}"]


def course_table(course: "xarray.Dataset", names: Sequence[str]) -> "Table":
    """Return the named outputs of a simulated course over time."""
    units = [course[name].attrs["units"] for name in names]
    title = f"{course.attrs['model']}: {course.attrs['regimen'] or 'no doses'} (at a dose: the value before it)"
    table = _table(title, course.time.attrs["units"], *(
        f"{name} ({unit})" for name, unit in zip(names, units, strict=True)
    ))  # fmt: skip
    for i, time in enumerate(course.time.values):
        table.add_row(f"{time:g}", *(f"{float(course[name][i]):.4g}" for name in names))
    return table


def problems_table(problems: Sequence[Finding]) -> "Table":
    """Return one row for each kind of problem of an event table, with the rows where it is."""
    table = _table("problems", "", "column", "value", "rows", "what is wrong", "cure")
    alike: dict[Finding, list[int]] = {}
    for problem in problems:
        alike.setdefault(replace(problem, row=None), []).append(problem.row or 0)
    for kind, rows in sorted(alike.items(), key=lambda item: not item[0].error):
        shown = ", ".join(map(str, rows[:6])) + (f" and {len(rows) - 6} more" if len(rows) > 6 else "")
        where = shown if any(rows) else "all"
        table.add_row("error" if kind.error else "warning", kind.column, kind.value, where, kind.message, kind.cure)
    return table


def course_json(course: "xarray.Dataset") -> dict[str, Any]:
    """Return a simulated course as plain data: units and values of every output; of an event table also id and row."""
    outputs = [
        name
        for name in course.data_vars
        if "units" in course[name].attrs and course[name].dims == course.time.dims and name != "status_time"
    ]
    return {
        **course.attrs,
        "units": {str(name): course[name].attrs["units"] for name in outputs},
        **{str(name): course[name].values.tolist() for name in ("id", "row", "time") if name in course.coords},
        "values": {str(name): course[name].values.tolist() for name in outputs},
    }


def records_table(course: "xarray.Dataset", names: Sequence[str]) -> "Table":
    """Return the named outputs at the records of an event table: one row a record, of many the first and last."""
    units = [course[name].attrs["units"] for name in names]
    heads = (f"{name} ({unit})" for name, unit in zip(names, units, strict=True))
    table = _table(f"{course.attrs['model']}: at each record", "row", "id", course.time.attrs["units"], *heads)
    values = [course[name].values for name in names]
    count, half = course.time.size, _MOST_ROWS // 2
    for i, time in enumerate(course.time.values):
        if count > _MOST_ROWS and half <= i < count - half:
            continue
        cells = (f"{float(column[i]):.4g}" for column in values)
        last_of_head = count > _MOST_ROWS and i == half - 1
        table.add_row(
            str(course.row.values[i]), str(course.id.values[i]), f"{time:g}", *cells, end_section=last_of_head
        )
    if count > _MOST_ROWS:
        table.caption = f"the first {half} and last {half} of {count} records; all with --json or --out"
    return table


def trials_table(files: Sequence[TrialFile]) -> "Table":
    """Return one row a published trial: what it is, and whether it can be run or is evidence for fits."""
    table = _table("published trials", "name", "title", "arms", "use", "reference")
    for file in files:
        use = "evidence for fits" if file.population is None else "immunode trial " + file.name
        table.add_row(file.name, file.title, str(len(file.arms)), use, f"{file.reference} {file.doi or ''}")
    return table


def trial_file_tables(file: TrialFile) -> list[Any]:
    """Return a trial file for the terminal: arms and their regimens, printed figures, assumptions."""
    arms = _table("arms", "arm", "n", "regimen", "values")
    for arm in file.arms:
        values = [f"{name} = {value}" for name, value in arm.values.items()]
        values += [f"{change.state} = {change.value:g} from day {change.day:g}" for change in arm.set]
        if arm.baseline is not None:
            values.append(f"{arm.baseline.observable} median {arm.baseline.median:g}")
        arms.add_row(arm.name, str(arm.n or "not printed"), arm.regimen or "none", ", ".join(values))
    shown: list[Any] = [f"{file.name}: {file.title}", f"{file.reference} {file.doi or ''}", arms]
    if file.figures:
        figures = _table("printed figures", "figure", "published")
        for figure in file.figures:
            figures.add_row(
                figure.label, f"{figure.published:g}" if isinstance(figure.published, float) else figure.published
            )
        shown.append(figures)
    for arm in file.arms:
        for rule in arm.rules:
            when, other = rule.when, rule.otherwise
            days = ", ".join(f"{day:g}" for day in when.days)
            condition = f"{when.signal} above {when.above:g} times day {when.baseline_day:g} on days {days}"
            then, otherwise = (f"{a.label} ({a.regimen or 'nothing added'})" for a in (rule.then, other))
            shown.append(f"rule of {arm.name}, day {rule.day:g}: {condition}: {then}; else {otherwise}")
    if file.population is not None:
        people = file.population
        spread = ", ".join(f"{name} {sd:g}" for name, sd in people.omega.items())
        noise = ", ".join(f"{name} {cv:g}" for name, cv in people.noise.items())
        shown.append(f"population: SD of the log {spread or 'none'}; noise (CV) {noise or 'none'}; {people.source}")
        for group in people.subgroups:
            factors = ", ".join(f"{name} x {scale:g}" for name, scale in group.scale.items())
            shown.append(f"subgroup {group.name}: {100 * group.share:g} % with {factors}; {group.source}")
    if file.assumptions:
        assumptions = _table("what the paper leaves open", "about", "assumed", "other readings")
        for a in file.assumptions:
            assumptions.add_row(a.name, a.assumed, "; ".join(other.label for other in a.alternatives))
        shown.append(assumptions)
    return shown
