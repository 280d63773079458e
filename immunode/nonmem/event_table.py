"""What each patient of an event table gets: additional doses spelt out, cancelled ones left out, all in order."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.model.declaration import Model
from immunode.nonmem.cells import (
    DOSE,
    MULTIPLY,
    OBSERVATION,
    OTHER,
    REPLACE,
    RESET,
    RESET_DOSE,
    STANDARD,
    WORDS,
    numbers,
    text,
)
from immunode.nonmem.compartments import numbered_places
from immunode.nonmem.records import Records
from immunode.regimen import STEADY, Dose, Regimen, at_times

if TYPE_CHECKING:
    import pandas

_SAME_TIME = 4 * np.finfo(float).eps  # TIME + k II and a TIME written as a decimal: 3 x 0.1 is the record at 0.3
_ACTIONS = {REPLACE: "replace", MULTIPLY: "multiply"}


@dataclass(frozen=True, eq=False)
class EventTable:
    """Hold what each patient of an event table gets and when each is observed: one entry an episode in every tuple.

    An episode is a patient; where TIME starts again at a reset the same patient begins another. `times` are those of
    the records with EVID 0 and 2, in the model's time unit: TIME of the `frame` up to its last digit, so that one at a
    dose has the very time of the dose, which a regimen holds in days. `after` is how many doses of the regimen stand
    before each, `rows` the row of each in the file (1 is the header) or DataFrame (from 0). `begin` is the time of the
    first record; `covariates` gives, for each parameter that the table sets, its (times, values) in every episode, and
    `at_records`, where records of one time differ in it, its values at the doses (nan at additional ones) and at the
    observations of every episode. `names` are those of the columns as the file has them.
    """

    model: Model
    frame: "pandas.DataFrame"
    ids: tuple[Any, ...]
    regimens: tuple[Regimen, ...]
    times: tuple[np.ndarray, ...]
    after: tuple[np.ndarray, ...]
    rows: tuple[np.ndarray, ...]
    begin: tuple[float, ...]
    covariates: dict[str, tuple[tuple[np.ndarray, np.ndarray], ...]]
    at_records: dict[str, tuple[tuple[np.ndarray, np.ndarray], ...]] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        counts = f"{len(self)} courses, {sum(map(len, self.regimens))} doses, {sum(map(len, self.times))} observations"
        return f"<EventTable of {self.model.name}: {counts}>"


def carried(table: EventTable, rows: np.ndarray) -> dict[str, list[Any]]:
    """Return all columns of a table but ID and TIME at `rows`, numbers where all are, None where missing."""
    records = table.frame.set_index("ROW").loc[rows]
    out, spelt = dict[str, list[Any]](), {name.upper(): name for name in table.names}
    for name in records:
        if name in ("ID", "TIME", "ROW"):
            continue
        value, word = numbers(records[name])
        cells = [text(cell) for cell in records[name].tolist()] if word.any() else value.tolist()
        out[name if name in STANDARD else spelt.get(name, name)] = [
            None if cell == "" or cell != cell else cell for cell in cells
        ]
    return out


@np.errstate(over="ignore")  # Dose refuses what is not finite
def event_table_of(r: Records, model: Model) -> EventTable:
    """Return what each patient of records without an error gets; raise BadValue where a number is beyond all bounds."""
    clock = model.per_day
    starts = np.flatnonzero(np.diff(r.episode, prepend=-1))
    spans = [slice(first, last) for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(r.ids)])]
    continued = [*(r.ids[starts[1:]] == r.ids[starts[:-1]]).tolist(), False]
    doses = _doses(r, model, clock)
    episodes = [_episode(r, doses, span, cut, clock) for span, cut in zip(spans, continued)]
    time = r.value["TIME"] / clock * clock  # as that of a dose is when it comes back from days
    seen = [np.isin(r.evid[span], (OBSERVATION, OTHER)) for span in spans]
    covariates = {parameter: r.value[column] for parameter, column in r.covariates.items()}
    each = {parameter: _beside(r, time, values) for parameter, values in covariates.items()}
    known = {parameter: ~np.isnan(values) for parameter, values in covariates.items()}
    return EventTable(
        model=model,
        frame=_frame(r),
        names=r.cells.names,
        ids=tuple(r.ids[starts].tolist()),
        regimens=tuple(episode[0] for episode in episodes),
        times=tuple(time[span][rows] for span, rows in zip(spans, seen)),
        after=tuple(episode[1][rows] for episode, rows in zip(episodes, seen)),
        rows=tuple(r.cells.line[span][rows] for span, rows in zip(spans, seen)),
        begin=tuple(time[starts].tolist()),
        covariates={
            name: tuple((time[span][known[name][span]], values[span][known[name][span]]) for span in spans)
            for name, values in covariates.items()
        },
        at_records={
            name: tuple(
                (np.append(values[span], np.nan)[episode[2]], values[span][rows])
                for span, episode, rows in zip(spans, episodes, seen)
            )
            for name, values in each.items()
            if values is not None
        },
    )


def _beside(r: Records, time: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Return the value of a covariate at each record, a missing one as beside it; None where all of a time are one."""
    import pandas

    if not np.any((np.diff(time) == 0) & (np.diff(r.episode) == 0)):
        return None
    when = [r.episode, time]
    filled = pandas.Series(values).groupby(when).ffill().groupby(when).bfill()
    if not (filled.groupby(when).transform("nunique") > 1).any():
        return None
    return np.asarray(filled, float)


def _frame(r: Records) -> "pandas.DataFrame":
    frame = r.cells.frame.copy()
    for name in (*STANDARD[1:], *r.covariates.values()):
        if name in frame and name not in ("EVID", "CMT"):
            frame[name] = r.value[name]
    words = {code: word for word, code in WORDS.items()}
    evid = [words.get(code, code) for code in r.evid.tolist()]
    return frame.assign(ID=r.ids, EVID=evid, ROW=r.cells.line).infer_objects()


def _doses(r: Records, model: Model, clock: float) -> dict[int, Dose]:
    """Return the dose of every record that gives one; the reset of EVID 3 and 4 comes on top of it."""
    into, states = numbered_places(model), model.states
    time, rate = (r.value["TIME"] / clock).tolist(), r.number["RATE"]
    duration, every = (r.number["DUR"] / clock).tolist(), (r.number["II"] / clock).tolist()
    amount, speed, steady = r.number["AMT"].tolist(), (rate * clock).tolist(), r.number["SS"].astype(int).tolist()
    doses = {}
    rows = np.flatnonzero(np.isin(r.evid, (DOSE, RESET_DOSE, REPLACE, MULTIPLY)))
    words = np.where(np.isnan(r.value["CMT"][rows]), r.cells.shown("CMT", rows), "").tolist()
    places = {word: model.place(word) for word in set(words) if word}
    for row, word in zip(rows.tolist(), words):
        state = states[r.state[row]]
        name = places.get(word) or into[r.state[row]]
        how: dict[str, Any] = {}
        if r.evid[row] in _ACTIONS:
            how["action"] = _ACTIONS[r.evid[row]]
            if not word:
                name = state.name
        else:
            how["duration"] = duration[row]
            how["rate"] = max(speed[row], 0.0)
            how["modelled"] = {-1: "rate", -2: "duration"}.get(rate[row], "")
            how["steady_state"] = STEADY[steady[row]]
            how["every"] = every[row] if steady[row] else 0.0
        unit = "1" if r.evid[row] == MULTIPLY else state.unit
        doses[row] = _dose(r, row, amount[row], unit, name, time[row], **how)
    return doses


def _dose(r: Records, row: int, *what: Any, **how: Any) -> Dose:
    try:
        return Dose(*what, **how | {"bare": False})
    except BadValue as error:
        raise BadValue(f"row {r.cells.line[row]}: {error}") from error


def _episode(
    r: Records, doses: dict[int, Dose], span: slice, cut: bool, clock: float
) -> tuple[Regimen, np.ndarray, np.ndarray]:
    """Return what is given in an episode, how many doses stand before each of its records, and the record of each dose,
    -1 of an additional one.

    A dose stands at a place: that of its record, or, if it is additional, of the first record that is not before it,
    and there it comes first. With `cut` the episode ends at its last record.
    """
    time, evid = r.value["TIME"][span], r.evid[span]
    day = (time / clock).tolist()
    acts = np.flatnonzero(~np.isin(evid, (OBSERVATION, OTHER)))
    resets = acts[r.resets[span][acts]]
    interval, more = r.number["II"][span], r.number["ADDL"][span]
    placed: list[tuple[tuple[int, int, float, int], Dose]] = []
    for i in acts.tolist():
        row, place = span.start + i, (i, 1, 0.0, i)
        if evid[i] in (RESET, RESET_DOSE):
            placed.append((place, _dose(r, row, 0.0, "1", "", day[i], action="reset")))
        if row not in doses:
            continue
        placed.append((place, doses[row]))
        if more[i]:
            plain = replace(doses[row], steady_state="", every=0.0)
            when, places = _additional(time, i, interval[i], int(more[i]), resets, cut)
            doses_more = at_times(plain, (when / clock).tolist())
            placed += [((at, 0, t, i), dose) for at, t, dose in zip(places.tolist(), when.tolist(), doses_more)]
    placed.sort(key=lambda item: item[0])
    places = np.array([place[0] for place, _ in placed], dtype=int)
    after = np.searchsorted(places, np.arange(len(time)), side="right")
    record = np.array([i if kind else -1 for (_, kind, _, i), _ in placed], dtype=int)
    return Regimen(tuple(dose for _, dose in placed)), after, record


def _additional(
    time: np.ndarray, i: int, interval: float, more: int, resets: np.ndarray, cut: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of the additional doses of record i, and the place of each; not those that a reset cancels.

    One at the very time of a reset is given only if a record that stands before the reset can see it.
    """
    elapsed = interval * np.arange(1, more + 1)
    when = time[i] + elapsed
    close = _SAME_TIME * (abs(time[i]) + elapsed)
    place = np.searchsorted(time, when - close)
    met = time[np.minimum(place, len(time) - 1)]
    when = np.where(np.abs(met - when) <= close, met, when)
    place = np.maximum(place, i + 1)
    keep = when <= time[-1] if cut else np.ones(more, dtype=bool)
    later = resets[resets > i]
    if later.size:
        keep &= (when < time[later[0]]) | (place < later[0])
    return when[keep], place[keep]
