"""Name every situation of dosing once, in NONMEM's words, for test_dosing to give through each entrance."""

from dataclasses import dataclass, field, replace

from tests.support.closed_form import Record

STATES = ("depot", "central", "peripheral")
DEPOT, CENTRAL, PERIPHERAL = range(3)
MODELLED_RATE, MODELLED_DURATION = -1.0, -2.0  # as RATE: the parameters R_* and D_* of the compartment hold
RESTS = {"source": 1.0, "start_central": 3.0, "start_depot": 1.0}  # initial values are not where the model stays


@dataclass(frozen=True)
class Scenario:
    """Hold what happens to one patient, with which parameters; times are days, all of them binary fractions.

    `records` without observations can be given from Python too; `sentence` is the same as a clinician writes it.
    """

    records: tuple[Record, ...]
    parameters: dict[str, float] = field(default_factory=dict)
    sentence: str = ""

    def resolved(self, values: dict[str, float]) -> list[Record]:
        """Return the records with the lag, F and modelled duration or rate of their compartment filled in."""
        return [_resolved(record, values) for record in self.records]

    @property
    def is_table(self) -> bool:
        """Tell whether the order of observations is a part of it, or the clock starts again: tables only."""
        times = [record.time for record in self.records]
        return times != sorted(times) or any(record.action == "observe" for record in self.records)


def _resolved(record: Record, values: dict[str, float]) -> Record:
    if "dose" not in record.action:
        return record
    name = STATES[record.state]
    known = replace(record, lag=values[f"lag_{name}"], F=values[f"F_{name}"])
    if record.rate == MODELLED_RATE:
        return replace(known, rate=values[f"R_{name}"])
    return replace(known, rate=0.0, duration=values[f"D_{name}"]) if record.rate == MODELLED_DURATION else known


def of(*records: Record, sentence: str = "", **parameters: float) -> Scenario:
    return Scenario(records, parameters, sentence)


def dose(time: float, state: int, amount: float, action: str = "dose", **how: float) -> Record:
    return Record(time, action, state, amount, **how)  # type: ignore[arg-type]


def reset(time: float) -> Record:
    return Record(time, "reset")


def observe(time: float) -> Record:
    return Record(time, "observe")


def again(time: float, state: int, amount: float, **how: float) -> Record:
    return dose(time, state, amount, "reset and dose", **how)


BOLUS = {
    "a bolus into the depot": of(dose(0, DEPOT, 3), sentence="3 MIU SC"),
    "a bolus into the central compartment": of(dose(0, CENTRAL, 3), sentence="3 MIU IV bolus"),
    "a bolus into the peripheral compartment": of(dose(0.5, PERIPHERAL, 3)),
    "boluses into three compartments": of(dose(0, DEPOT, 3), dose(0.75, CENTRAL, 2), dose(2, PERIPHERAL, 1)),
    "repeated boluses": of(dose(1, DEPOT, 3, ii=0.5, addl=5), sentence="3 MIU SC BID days 2-4"),
    "repeated boluses with another between them": of(dose(0, DEPOT, 3, ii=1, addl=3), dose(1.5, CENTRAL, 5)),
    "two courses that interleave": of(dose(0, DEPOT, 3, ii=1, addl=3), dose(0.25, CENTRAL, 1, ii=0.75, addl=4)),
    "bioavailability scales a bolus": of(dose(0, DEPOT, 3, ii=1, addl=2), F_depot=0.5, sentence="3 MIU SC days 1-3"),
    "bioavailability is of the compartment": of(dose(0, DEPOT, 3), dose(0, CENTRAL, 3), F_depot=0.5, F_central=2),
    "bioavailability 0 gives nothing": of(dose(0, DEPOT, 3), dose(1, CENTRAL, 1), F_depot=0),
    "a lag delays a bolus": of(dose(0, DEPOT, 3), lag_depot=0.75, sentence="3 MIU SC"),
    "a lag is of the compartment": of(dose(0, DEPOT, 3), dose(0, CENTRAL, 2), lag_depot=0.5, lag_central=1.25),
    "doses overtake one another": of(dose(0, DEPOT, 3), dose(1, CENTRAL, 2), lag_depot=2),
    "a lag longer than the interval of the doses": of(dose(0, DEPOT, 3, ii=0.5, addl=4), lag_depot=1.25),
    "lag and bioavailability": of(dose(0, DEPOT, 3, ii=1, addl=2), lag_depot=0.25, F_depot=0.75),
    "a loading dose and maintenance": of(dose(0, CENTRAL, 8), dose(1, CENTRAL, 2, ii=1, addl=4)),
    "two doses at the same time": of(dose(1, CENTRAL, 3), dose(1, CENTRAL, 2)),
}
INFUSIONS = {
    "an infusion by its rate": of(dose(0, CENTRAL, 3, rate=2)),
    "an infusion by its duration": of(dose(0, CENTRAL, 3, duration=1.5), sentence="3 MIU IV over 36 h"),
    "a continuous infusion": of(dose(0, CENTRAL, 9, duration=3), sentence="3 MIU/day CIV days 1-3"),
    "an infusion of the modelled duration": of(dose(0, CENTRAL, 3, rate=MODELLED_DURATION), D_central=2.25),
    "an infusion at the modelled rate": of(dose(0, CENTRAL, 3, rate=MODELLED_RATE), R_central=2),
    "bioavailability changes the duration at a rate": of(dose(0, CENTRAL, 3, rate=2), F_central=0.5),
    "bioavailability changes the rate over a duration": of(dose(0, CENTRAL, 3, duration=1.5), F_central=0.5),
    "bioavailability with the modelled duration": of(
        dose(0, CENTRAL, 3, rate=MODELLED_DURATION), D_central=2.25, F_central=0.5
    ),
    "bioavailability with the modelled rate": of(dose(0, CENTRAL, 3, rate=MODELLED_RATE), R_central=2, F_central=0.5),
    "an infusion into the depot": of(dose(0.25, DEPOT, 3, rate=2), F_depot=2),
    "overlapping infusions": of(dose(0, CENTRAL, 4, rate=2), dose(1, CENTRAL, 3, duration=3)),
    "infusions into two compartments": of(dose(0, CENTRAL, 4, rate=2), dose(0.5, DEPOT, 3, duration=1)),
    "an infusion into a state that no route leads to": of(dose(0.5, PERIPHERAL, 3, duration=1)),
    "a bolus during an infusion": of(dose(0, CENTRAL, 4, rate=1), dose(2, CENTRAL, 3)),
    "a bolus and an infusion together": of(dose(0, CENTRAL, 3), dose(0, CENTRAL, 4, duration=2)),
    "repeated infusions": of(dose(0, CENTRAL, 3, duration=0.5, ii=1, addl=3), sentence="3 MIU IV over 12 h days 1-4"),
    "repeated infusions longer than their interval": of(dose(0, CENTRAL, 3, rate=1, ii=1, addl=3)),
    "repeated infusions without a gap": of(dose(0, CENTRAL, 3, duration=1, ii=1, addl=3)),
    "an infusion with a lag": of(dose(0, CENTRAL, 3, rate=2), lag_central=0.75),
    "modelled infusions with lag and bioavailability": of(
        dose(0, CENTRAL, 3, rate=MODELLED_DURATION, ii=1, addl=3), D_central=1.5, F_central=0.5, lag_central=0.25
    ),
    "an infusion with a lag longer than the interval": of(dose(0, CENTRAL, 3, rate=2, ii=0.5, addl=4), lag_central=1),
    "a loading infusion and maintenance": of(dose(0, CENTRAL, 8, rate=8), dose(1, CENTRAL, 5, duration=5)),
}
STEADY = {
    "boluses at steady state": of(dose(0, CENTRAL, 3, ii=1, ss=1)),
    "absorbed doses at steady state": of(dose(1, DEPOT, 3, ii=0.5, ss=1), F_depot=0.5),
    "infusions at steady state by rate": of(dose(0, CENTRAL, 3, rate=4, ii=1, ss=1)),
    "infusions at steady state by duration": of(dose(0, CENTRAL, 3, duration=0.5, ii=1, ss=1)),
    "infusions at steady state into two compartments": of(
        dose(0, DEPOT, 3, duration=1.5, ii=1, ss=1), dose(0.5, CENTRAL, 2, rate=4, ii=1, ss=2)
    ),
    "infusions at steady state longer than their interval": of(dose(0, CENTRAL, 3, rate=2, ii=1, ss=1)),
    "many infusions at steady state run at once": of(dose(0, CENTRAL, 3, duration=3.25, ii=1, ss=1)),
    "infusions at steady state without a gap": of(dose(0, CENTRAL, 3, duration=2, ii=1, ss=1)),
    "bioavailability at steady state by rate": of(dose(0, CENTRAL, 3, rate=4, ii=1, ss=1), F_central=2),
    "modelled durations at steady state": of(
        dose(0, CENTRAL, 3, rate=MODELLED_DURATION, ii=1, ss=1), D_central=1.25, F_central=0.5
    ),
    "modelled rates at steady state": of(
        dose(0, CENTRAL, 3, rate=MODELLED_RATE, ii=1, ss=1), R_central=2, F_central=0.5
    ),
    "boluses at steady state with a lag": of(dose(0, CENTRAL, 3, ii=1, ss=1), lag_central=0.25),
    "infusions at steady state with a lag": of(dose(0, CENTRAL, 3, rate=4, ii=1, ss=1), lag_central=0.5),
    "a lag leaves infusions running at the record": of(dose(0, CENTRAL, 3, duration=0.75, ii=1, ss=1), lag_central=0.5),
    "boluses at steady state, lag longer than the interval": of(dose(0, DEPOT, 3, ii=1, ss=1), lag_depot=2.25),
    "infusions at steady state, lag longer than the interval": of(
        dose(0, CENTRAL, 3, rate=2, ii=1, addl=2, ss=1), lag_central=2.75, F_central=0.5
    ),
    "steady state, then more doses": of(dose(0, DEPOT, 3, ii=1, addl=3, ss=1)),
    "steady state with a lag, then more doses": of(
        dose(0, CENTRAL, 3, rate=4, ii=1, addl=3, ss=1), lag_central=0.25, F_central=0.5
    ),
    "a steady state on top of another": of(
        dose(0, CENTRAL, 3, rate=4, ii=1, addl=3, ss=1), dose(0.5, CENTRAL, 2, rate=4, ii=1, addl=3, ss=2)
    ),
    "a steady state on top of another, with a lag": of(
        dose(0, CENTRAL, 3, rate=4, ii=1, ss=1), dose(0.5, CENTRAL, 2, rate=2, ii=1, ss=2), lag_central=0.75
    ),
    "a steady state on top of an infusion": of(dose(0, CENTRAL, 6, rate=2), dose(1, DEPOT, 2, ii=1, ss=2)),
    "a steady state on top of doses on their way": of(
        dose(0, DEPOT, 6, ii=0.5, addl=3), dose(1, DEPOT, 2, ii=1, ss=2), lag_depot=0.75
    ),
    "a steady state on top of a model that rests elsewhere": of(dose(1, DEPOT, 2, ii=1, addl=2, ss=2), **RESTS),
    "a steady state of a model with a source": of(dose(1, DEPOT, 2, ii=1, addl=2, ss=1), **RESTS),
    "a constant infusion until now": of(dose(1, CENTRAL, 0, rate=4, ss=1)),
    "a constant infusion until now, modelled rate": of(
        dose(1, CENTRAL, 0, rate=MODELLED_RATE, ss=1), R_central=3, F_central=0.5
    ),
    "a constant infusion, then doses": of(dose(1, CENTRAL, 0, rate=4, ss=1), dose(1, CENTRAL, 2, ii=1, addl=2)),
    "a constant infusion with a source": of(dose(1, CENTRAL, 0, rate=4, ss=1), **RESTS),
    "a steady state follows a steady state": of(dose(0, CENTRAL, 3, ii=1, ss=1), dose(2, DEPOT, 9, ii=0.5, ss=1)),
    "a steady state ends what is pending": of(
        dose(0, DEPOT, 3, ii=1, addl=5), dose(2.25, CENTRAL, 2, ii=1, ss=1), lag_depot=0.5
    ),
    "a steady state ends an infusion": of(dose(0, CENTRAL, 30, rate=6), dose(2.25, CENTRAL, 2, ii=1, ss=1)),
}
RESETS = {
    "a reset during an infusion": of(dose(0, CENTRAL, 6, rate=2), reset(1.25)),
    "a reset before a dose arrives": of(dose(0, CENTRAL, 3), dose(1, DEPOT, 3), reset(1.25), lag_depot=0.5),
    "a reset ends pending doses": of(dose(0, CENTRAL, 3, ii=0.5, addl=6), reset(1.25)),
    "a reset goes back to the initial values": of(dose(0, CENTRAL, 3), reset(1.25), **RESTS),
    "a reset between doses": of(dose(0, CENTRAL, 3), reset(1.25), dose(2, DEPOT, 3, ii=1, addl=2), lag_depot=0.25),
    "a reset with nothing given": of(reset(1), dose(2, CENTRAL, 3), **RESTS),
    "a reset and a dose in one record": of(dose(0, DEPOT, 3, ii=1, addl=3), again(1.25, CENTRAL, 2), **RESTS),
    "a reset and repeated doses reset once": of(dose(0, DEPOT, 3), again(1, CENTRAL, 2, ii=1, addl=3), **RESTS),
    "a reset and a dose with a lag": of(
        dose(0, CENTRAL, 3), again(1, CENTRAL, 2, ii=1, addl=1), lag_central=0.5, **RESTS
    ),
    "a reset and a steady state": of(dose(0, CENTRAL, 3, ii=1, addl=4), again(1.5, DEPOT, 2, ii=1, addl=2, ss=1)),
    "a reset and a steady state on top": of(dose(0, CENTRAL, 3), again(1.5, DEPOT, 2, ii=1, addl=2, ss=2), **RESTS),
    "a reset and an infusion during an infusion": of(dose(0, CENTRAL, 6, rate=2), again(1, CENTRAL, 4, duration=2)),
    "the clock starts again at a reset": of(
        *(dose(0, CENTRAL, 6, rate=1), observe(0.5), observe(4)),
        *(Record(0, "reset"), observe(0), observe(0.5), dose(1, DEPOT, 2), observe(3)),
        *(again(0, CENTRAL, 1), observe(0), observe(2)),
        **RESTS,
    ),
}
TIMES = {
    "doses before time 0": of(
        dose(-2.5, DEPOT, 3, ii=1, addl=4), dose(-1, CENTRAL, 2, rate=2), lag_depot=0.25, **RESTS
    ),
    "a first dose after the first observations": of(dose(2.5, DEPOT, 3), **RESTS),
    "a patient starts at the first record of a table": of(
        observe(2), dose(2.5, DEPOT, 3), observe(2.5), observe(4), **RESTS
    ),
}
TIES = {
    "an observation between two doses": of(
        dose(1, CENTRAL, 3), observe(1), dose(1, CENTRAL, 2), observe(1), observe(2)
    ),
    "observations around everything": of(
        *(dose(0, CENTRAL, 6, rate=2), observe(1), reset(1), observe(1), dose(1, CENTRAL, 2), observe(1)),
        *(dose(1, DEPOT, 3, ii=1, ss=1), observe(1), dose(1, CENTRAL, 1, ii=1, ss=2), observe(1), observe(1.5)),
        **RESTS,
    ),
    "more of the same doses come before an observation": of(
        dose(0, CENTRAL, 3, ii=1, addl=2), observe(0), observe(1), observe(2), observe(3)
    ),
    "an arrival comes before an observation": of(dose(0, CENTRAL, 3), observe(0.5), observe(1), lag_central=0.5),
    "an arrival comes before the dose at its time": of(
        dose(0, CENTRAL, 3), observe(0.5), dose(0.5, PERIPHERAL, 2), observe(0.5), lag_central=0.5
    ),
    "arrivals at steady state come before an observation": of(
        dose(0, CENTRAL, 3, ii=1, ss=1, addl=1), observe(0), observe(0.5), observe(1.5), lag_central=0.5
    ),
    "a lag of one interval at steady state": of(
        dose(0, CENTRAL, 3, ii=1, ss=1, addl=1), observe(0), observe(1), observe(1.5), lag_central=1
    ),
    "an infusion has ended at the observation": of(dose(0, CENTRAL, 3, rate=3), observe(1), dose(1, CENTRAL, 1)),
    "an infusion ends as the next begins": of(dose(0, CENTRAL, 3, rate=2), dose(1.5, CENTRAL, 3, rate=2)),
    "a reset as a dose arrives": of(dose(0, CENTRAL, 3), reset(0.5), lag_central=0.5, **RESTS),
    "a reset as an infusion ends": of(dose(0, CENTRAL, 3, rate=2), reset(1.5), **RESTS),
    "a steady state as an infusion ends": of(dose(0, CENTRAL, 3, rate=2), dose(1.5, DEPOT, 2, ii=1, ss=1)),
    "a reset as the next dose is due": of(dose(0, CENTRAL, 3, ii=1, addl=3), reset(2), **RESTS),
    "a reset, then a dose, at one time": of(dose(0, CENTRAL, 3), reset(1), dose(1, DEPOT, 2), **RESTS),
    "a dose, then a reset, at one time": of(dose(0, CENTRAL, 3), dose(1, DEPOT, 2), reset(1), **RESTS),
    "a reset cancels a lagged dose of its own time": of(
        dose(0, CENTRAL, 3), dose(1, DEPOT, 2, ii=1, addl=2), reset(1), lag_depot=0.5, **RESTS
    ),
    "a steady state as the next dose is due": of(dose(0, DEPOT, 3, ii=1, addl=3), dose(2, CENTRAL, 2, ii=1, ss=1)),
    "a dose, then a steady state, at one time": of(dose(1, DEPOT, 3), dose(1, CENTRAL, 2, ii=1, ss=1)),
    "a steady state, then a dose, at one time": of(dose(1, CENTRAL, 2, ii=1, ss=1), dose(1, DEPOT, 3)),
    "a dose, then a replacement, at one time": of(dose(1, CENTRAL, 3), dose(1, CENTRAL, 2, "replace")),
    "a replacement, then a dose, at one time": of(dose(1, CENTRAL, 2, "replace"), dose(1, CENTRAL, 3)),
    "a dose, then a product, at one time": of(dose(1, CENTRAL, 3), dose(1, CENTRAL, 0.5, "multiply"), **RESTS),
    "a product, then a dose, at one time": of(dose(1, CENTRAL, 0.5, "multiply"), dose(1, CENTRAL, 3), **RESTS),
    "a replacement, then a product": of(dose(1, CENTRAL, 2, "replace"), dose(1, CENTRAL, 4, "multiply")),
    "a product, then a replacement": of(dose(1, CENTRAL, 4, "multiply"), dose(1, CENTRAL, 2, "replace")),
    "a replacement during an infusion": of(dose(0, CENTRAL, 6, rate=2), dose(1.25, CENTRAL, 0, "replace")),
    "a replacement as a dose arrives": of(dose(0, CENTRAL, 3), dose(0.5, CENTRAL, 2, "replace"), lag_central=0.5),
    "a replacement as the next dose is due": of(dose(0, CENTRAL, 3, ii=1, addl=2), dose(1, CENTRAL, 2, "replace")),
    "a replacement leaves what is on its way": of(dose(0, DEPOT, 3), dose(0.25, DEPOT, 2, "replace"), lag_depot=0.5),
    "a replacement knows no lag and no bioavailability": of(
        dose(1, CENTRAL, 2, "replace"), dose(2, CENTRAL, 3, "multiply"), lag_central=0.5, F_central=0.5
    ),
    "a reset, then a replacement": of(dose(0, CENTRAL, 3), reset(1), dose(1, DEPOT, 2, "replace"), **RESTS),
    "a replacement, then a reset": of(dose(0, CENTRAL, 3), dose(1, DEPOT, 2, "replace"), reset(1), **RESTS),
}
SCENARIOS = BOLUS | INFUSIONS | STEADY | RESETS | TIMES | TIES
