"""One arm on virtual patients: drawn, with their baselines, followed through the rules, and their events."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from immunode import simulation
from immunode.engine.draws import draws, exponential
from immunode.errors import BadValue, Status
from immunode.evidence.baseline import Baseline
from immunode.internal.progress import Progress
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.virtual_trials.arm import Arm, one_time
from immunode.virtual_trials.arm_patients import drawn_patients, unmet_words
from immunode.virtual_trials.attendance import Attendance, leaving_days
from immunode.virtual_trials.baseline import is_solved, parameter_of, units_of
from immunode.virtual_trials.deciding import Protocol, Replay, deciding_days
from immunode.virtual_trials.legs import Followed, Hazard, follow
from immunode.virtual_trials.population import Patients, with_shares
from immunode.virtual_trials.protocol import Assay, Decision
from immunode.virtual_trials.recurring import Histories, VisitDecision
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.variables import CYCLE_LENGTH
from immunode.virtual_trials.visits import Visits, draw_visits

CYCLE = simulation.days(0.0, CYCLE_LENGTH, 1 / 48)  # days since the first dose on which the typical patient is shown
_FEW = 32  # patients of an arm of whom one at least must be able to have the baseline


@dataclass(frozen=True, eq=False)
class ArmRun:
    """Hold one simulated arm.

    True values (n, days, observables), the same without what rules did, event days (inf = none is seen; `happened`
    those that nobody sees, too), the days on which patients leave (inf = never), decisions. A patient who failed
    (`status`) has a course up to the failure, or none, and no event day (nan). `at_visits` and `without_at_visits`
    (n, visits, observables) are the values on the trial's visits, nan where a patient did not come, and `came`
    (n, visits) the days of these visits; `histories` say what each was prescribed, `which` (n,) of `plans` what of it
    each took. `unmet` says who does not have the baseline that was
    said, and what is lost with them.
    """

    arm: Arm
    patients: Patients
    days: np.ndarray
    observables: tuple[str, ...]
    values: np.ndarray
    without: np.ndarray
    status: np.ndarray
    event_day: np.ndarray
    happened: np.ndarray
    left_day: np.ndarray
    decisions: tuple[Decision | VisitDecision, ...]
    at_visits: np.ndarray
    without_at_visits: np.ndarray
    came: np.ndarray
    histories: Histories
    plans: Sequence[Regimen]
    which: np.ndarray
    unmet: str = ""


def run_arm(
    trial: Trial,
    arm: Arm,
    n: int,
    seed: int,
    *,
    first: int = 0,
    threads: int = 1,
    progress: Progress | None = None,
    replay: Replay | None = None,
    patients: Patients | None = None,
    shown: np.ndarray | None = None,
    rtol: float = 1e-6,
) -> ArmRun:
    """Simulate virtual patients `first` to `first + n - 1` of an arm through its rules, or again what they chose.

    Courses are those of the days `shown`, among which are the visits; default `plotting_days`. `rtol` is their
    tolerance, and that of baselines; `patients` are those of `drawn_arm`, where they were drawn before.
    """
    plan, assay = trial.plans[arm.name], Assay(trial.noise, seed, trial.drawn_as(arm), first)
    shown = plotting_days(trial) if shown is None else shown
    days = np.unique([*shown, *trial.clinic[arm.name]])
    if patients is None:
        patients = drawn_arm(trial, arm, n, assay, rtol=rtol, threads=threads)
    left = leaving_days(arm.dropout, n, assay)
    protocol = _protocol(trial, arm, left, assay, replay)
    risk = exponential(draws(seed, f"{assay.arm}/event", n, first=first, kind="uniform"))
    simulated = _follower(trial, arm, patients.model, days, rtol, threads)
    deciding = deciding_days(protocol, plan.rules)
    attendance = Attendance(arm.adherence, left, assay, trial.start, np.arange(n), deciding)
    hazard = None if trial.events is None else Hazard(trial.events, trial.counted_from, risk)
    followed = simulated(
        patients.parameters, [plan.regimen], np.zeros(n, dtype=np.int64), attendance=attendance,
        rules=plan.rules, protocol=protocol, hazard=hazard, assay=assay, progress=progress,
    )  # fmt: skip
    status = np.where(followed.final.status != 0, followed.final.status, patients.status)
    courses, visits = _courses(followed, protocol.visits, trial, np.searchsorted(days, shown))
    for one in (courses, visits):
        one[patients.status != 0] = np.nan  # no baseline, no course; the status says so
    without, without_visits = (courses.copy(), visits.copy()) if followed.partings else (courses, visits)
    apart = _without_rules(simulated, patients.parameters, plan.regimen, followed, status, protocol, attendance, hazard)
    for rows, seen, alone in apart:
        without[rows], without_visits[rows] = _courses(alone, seen, trial, np.searchsorted(days, shown))
    happened, event_day = _events(followed, patients, status, left, float(trial.visits[-1]))
    unmet = unmet_words(patients, arm.baselines, assay)
    return ArmRun(
        arm, patients, shown, trial.observables, courses, without, status, event_day, happened, left,
        followed.decisions, visits, without_visits, _of_trial(protocol.visits, trial, protocol.visits.at),
        followed.histories, followed.plans, followed.which, unmet,
    )  # fmt: skip


def _follower(
    trial: Trial, arm: Arm, model: Model, days: np.ndarray, rtol: float, threads: int
) -> Callable[..., Followed]:
    """Return what follows patients of an arm as the trial says."""
    stops = [trial.counted_from, *(rule.day for rule in one_time(arm)), float(trial.visits[-1])]
    return partial(
        follow, model, days=days, observe=trial.observables, start=trial.start, stops=stops, rtol=rtol, threads=threads
    )


def _without_rules(
    simulated: Callable[..., Followed], parameters: np.ndarray, regimen: Regimen, followed: Followed,
    status: np.ndarray, protocol: Protocol, attendance: Attendance, hazard: Hazard | None,
) -> Iterator[tuple[np.ndarray, Visits, Followed]]:  # fmt: skip
    """Give the patients for whom rules did something, when they are seen, and their courses without it, from the
    decision on."""
    for parting in followed.partings:
        well = status[parting.rows] == 0
        rows = parting.rows[well]
        seen = protocol.visits.of(rows)
        alone = simulated(
            parameters[rows], [regimen], np.zeros(len(rows), dtype=np.int64), attendance=attendance.of(rows),
            hazard=None if hazard is None else hazard.of(rows),
            protocol=Protocol(seen, stopping=bool(protocol.rules)), after=parting.stage.of(well),
        )  # fmt: skip
        yield rows, seen, alone


def _events(
    followed: Followed, patients: Patients, status: np.ndarray, left: np.ndarray, last: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the days of events up to the last visit (inf for none, nan of who failed), and of those that are seen."""
    happened = followed.final.crossing / patients.model.per_day
    within = happened <= last  # who may come late to the last visit is followed longer
    happened = np.where(status != 0, np.nan, np.where(within, happened, np.inf))
    return happened, np.where(happened > left, np.inf, happened)  # of who has left nothing is seen


def _protocol(trial: Trial, arm: Arm, left: np.ndarray, assay: Assay, replay: Replay | None) -> Protocol:
    """Return when the patients of an arm are seen, and what its recurring rules then decide."""
    plan, days = trial.plans[arm.name], np.asarray(trial.clinic[arm.name], dtype=float)
    visits = draw_visits(
        days, len(left), window=trial.visit_window, missed=trial.missed_visits, exact=trial.counted_from,
        seed=assay.seed, arm=assay.arm, first=assay.first, left=left,
    )  # fmt: skip
    return Protocol(visits, plan.recurring, plan.starts, trial.counted_from, replay, bool(plan.recurring))


def _courses(followed: Followed, visits: Visits, trial: Trial, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the courses on the days that are shown, and the values at the trial's visits, nan where missed."""
    at_visits = _of_trial(visits, trial, np.where(visits.attended[:, :, None], followed.at_visits, np.nan))
    # in the order of memory of a course that is simulated: the last bit of a mean depends on it
    return np.ascontiguousarray(followed.values[:, shown]), at_visits


def _of_trial(visits: Visits, trial: Trial, values: np.ndarray) -> np.ndarray:
    """Return what is of every visit (n, visits, ...), at those that the trial lists."""
    return np.asarray(values[:, np.searchsorted(visits.days, np.asarray(trial.visits, dtype=float))])


def drawn_arm(
    trial: Trial, arm: Arm, n: int, assay: Assay, *, rtol: float = 1e-6, threads: int = 1
) -> Patients:  # fmt: skip
    """Return the patients of an arm with their baselines; see `run_arm`."""
    return drawn_patients(
        with_shares(trial.population, arm.shares, f"arm '{arm.name}'"), n, assay,
        baselines=arm.baselines, regimen=trial.plans[arm.name].regimen, values=arm.values, start=trial.start,
        rtol=rtol, threads=threads,
    )  # fmt: skip


def check_met(trial: Trial, n: int, seed: int, threads: int = 1) -> None:
    """Check that somebody can meet the baselines of each arm, before anything is simulated.

    Raise BadValue, naming the arm and what its typical patient can have, where none of its first patients does.
    """
    for arm in trial.arms:
        solved = [baseline for baseline in arm.baselines if is_solved(baseline, trial.population.of)]
        if not solved:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bounds are told when all patients are drawn
            few = drawn_arm(trial, arm, min(n, _FEW), Assay(trial.noise, seed, trial.drawn_as(arm)), threads=threads)
        if (few.status == Status.no_baseline).all():
            raise BadValue(
                f"arm '{arm.name}': nobody of {len(few)} virtual patients can have "
                f"{' and '.join(baseline.numbers for baseline in solved)}; {_reach(trial, arm, solved[0])}"
            )


def _reach(trial: Trial, arm: Arm, baseline: Baseline) -> str:
    """Return in words which baselines the typical patient of an arm can have."""
    model = trial.population.of
    name = parameter_of(baseline, model)
    bounds = next(p for p in model.parameters if p.name == name)
    ends = np.array([list(model.values({**trial.population.typical, **arm.values}).values())] * 2)
    ends[:, list(model.typical).index(name)] = bounds.low, bounds.high
    clock = model.per_day
    values = simulation.run(
        model, ends, [trial.plans[arm.name].regimen], np.zeros(2, dtype=np.int64),
        times=np.array([baseline.day]) * clock, observe=[baseline.observable], start=trial.start * clock,
    ).values[:, 0, 0]  # fmt: skip
    low, high = (f"{value:.3g}" if np.isfinite(value) else "none" for value in values)
    return (
        f"with {name} of {bounds.low:g} to {bounds.high:g} {bounds.unit} the typical one has {low} to {high} "
        f"{units_of(model, baseline.observable)} on day {baseline.day:g}: choose a baseline within, or other values"
    )


def plotting_days(trial: Trial) -> np.ndarray:
    """Return every visit, and days a week apart between the start and the last visit."""
    last = float(trial.visits[-1])
    return np.unique(np.concatenate([simulation.days(trial.start, last, 7.0), np.asarray(trial.visits, dtype=float)]))


def first_cycle(trial: Trial, arm: Arm) -> np.ndarray | None:
    """Return the course of an arm's typical patient on CYCLE since the first dose, shape (days, observables), or None
    where nothing is given."""
    regimen = trial.plans[arm.name].regimen
    first = next((dose.time for dose in regimen.doses if dose.action == "add"), None)
    if first is None:
        return None
    model = trial.population.of
    typical = model.values({**trial.population.typical, **arm.values})
    one = np.array([list(typical.values())])
    days, alone = first + CYCLE, np.zeros(1, dtype=np.int64)
    return follow(model, one, [regimen], alone, days=days, observe=trial.observables, start=trial.start).values[0]


def nobody(arm: str, status: np.ndarray) -> str:
    """Return in words that no patient of an arm could be simulated, how they ended, and what helps."""
    codes, counts = np.unique(status, return_counts=True)
    ends = ", ".join(f"{count} {Status(int(code)).name}" for code, count in zip(codes, counts, strict=True))
    return f"no patient of arm '{arm}' could be simulated ({ends}); " + (
        "no value of the parameter that its baseline solves gives it: choose another median, or wider bounds"
        if Status.no_baseline in status
        else "see its regimen and values"
    )
