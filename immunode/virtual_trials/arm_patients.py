"""The virtual patients of an arm: drawn from the population, then given the baselines that are said of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from immunode.engine.draws import draws
from immunode.errors import Status
from immunode.evidence.baseline import Baseline
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials import defaults
from immunode.virtual_trials.arm import settings
from immunode.virtual_trials.baseline import is_solved, least_of, most_of, parameter_of, units_of, with_baseline
from immunode.virtual_trials.distribution import distribution
from immunode.virtual_trials.nadir import never_above
from immunode.virtual_trials.patient_words import PatientsSaid, read_patients
from immunode.virtual_trials.population import TOLD, Patients, Population
from immunode.virtual_trials.protocol import Assay, noise_factors

_ROUNDS = 12  # in which several baselines are solved in turn: each changes the others a little
_OTHER = 1e-6  # relative: a number is another than said


def drawn_patients(
    population: Population,
    n: int,
    assay: Assay,
    *,
    baselines: Sequence[Baseline] = (),
    regimen: Regimen | None = None,
    values: Mapping[str, Any] | None = None,
    start: float = 0.0,
    rtol: float = 1e-6,
    threads: int = 1,
) -> Patients:
    """Return n virtual patients whose draws are keyed by the assay: its seed, arm and first patient.

    A printed baseline is a measured one, so each patient is solved for the true one behind the noise of the assay, to
    the tolerance `rtol` of courses. Who cannot meet it has the status `no_baseline`.
    """
    patients = population.sample(n, assay.seed, first=assay.first, arm=assay.arm, values=values)
    if not baselines:
        return patients
    model = patients.model
    numbers = _numbers(patients, baselines, assay)
    parameters = patients.parameters.copy()
    for baseline, seen in zip(baselines, numbers, strict=True):
        if not is_solved(baseline, model):
            parameters[:, list(model.typical).index(parameter_of(baseline, model))] = seen
    patients = Patients(model, parameters, patients.subgroup, patients.status, patients.first)
    solved = [
        (baseline, seen / noise_factors(assay, n, baseline.observable, np.array([baseline.day]))[:, 0])
        for baseline, seen in zip(baselines, numbers, strict=True)
        if is_solved(baseline, model)
    ]
    return _solved(patients, solved, regimen or Regimen(), start, rtol, threads)


def patients_in_words(
    model: Model, text: str, n: int, seed: int, *, regimen: Regimen | None = None, start: float = 0.0, threads: int = 1
) -> tuple[Patients, PatientsSaid]:
    """Return n virtual patients whom a text describes, with the spread that the model declares, and what was said.

    They are those of an arm of a trial without assay noise and with the same patients in every arm. `regimen` is all
    that is given and set before the days of their baselines; without one it is what the text sets.
    """
    said = read_patients(text, model, start=start)
    plan = Regimen(tuple(settings(model, said.set, "patients"))) + (regimen or Regimen())
    patients = drawn_patients(
        defaults.population(model), n, Assay(seed=seed), baselines=said.baseline, regimen=plan, values=said.values,
        start=said.start, threads=threads,
    )  # fmt: skip
    return patients, said


def unmet_words(patients: Patients, baselines: Sequence[Baseline], assay: Assay) -> str:
    """Return in words which baselines more than one patient in a hundred does not have: who is lost as no parameter
    gives his, and whose is other than said; "" for none."""
    return "; ".join(filter(None, [_lost_words(patients, baselines, assay), *_other_words(patients, baselines, assay)]))


def _lost_words(patients: Patients, baselines: Sequence[Baseline], assay: Assay) -> str:
    """Return what is lost with patients whose baseline no parameter gives, in words."""
    lost = patients.status == Status.no_baseline
    if lost.mean() <= TOLD:
        return ""
    model, moved = patients.model, []
    for baseline, seen in zip(baselines, _numbers(patients, baselines, assay), strict=True):
        if is_solved(baseline, model) and not lost.all():
            now, drawn = float(np.median(seen[~lost])), float(np.median(seen))
            moved.append(
                f"{baseline.observable} {now:.3g} instead of {drawn:.3g} {units_of(model, baseline.observable)}"
            )
    names = " and ".join(parameter_of(baseline, model) for baseline in baselines if is_solved(baseline, model))
    medians = f"; the median baseline of the others is {', '.join(moved)}" if moved else ""
    return (
        f"for {100 * lost.mean():.3g} % of the patients ({int(lost.sum())}) no value of {names} gives the baseline "
        f"that was drawn: they are in no statistic{medians}"
    )


def _other_words(patients: Patients, baselines: Sequence[Baseline], assay: Assay) -> list[str]:
    """Return in words which numbers that are never above a count, such as the nadir, are therefore other than said, and
    which are below one that they are never below."""
    model, kept, texts = patients.model, patients.status == 0, []
    for baseline, rank in zip(baselines, baseline_ranks(len(patients), baselines, assay), strict=True):
        over, under = most_of(baseline, model), least_of(baseline, model)
        if under and kept.any():
            texts.append(_below_words(patients, baseline, under, kept))
        if not over or not kept.any():
            continue
        count = patients.parameter(over)
        number = np.minimum(patients.parameter(parameter_of(baseline, model)), count)
        low, high = baseline.range or (baseline.above or 0.0, baseline.below or np.inf)
        other = (number < low * (1 - _OTHER)) | (number > high * (1 + _OTHER))
        if over not in [parameter_of(one, model) for one in baselines]:  # else the two are paired so that both hold
            other |= number < distribution(baseline).quantile(rank) * (1 - _OTHER)
        if (share := float(other[kept].mean())) > TOLD:
            above = next((c.name for c in model.patients.covariates if c.parameter == over), over)
            name, unit = baseline.observable, units_of(model, baseline.observable)
            texts.append(
                f"{100 * share:.3g} % of the patients ({int(other[kept].sum())}) have another {name} than said "
                f"({baseline.numbers}), which is never above their {above}: the median {name} of all is "
                f"{np.median(number[kept]):.3g} {unit}, that of {above} {np.median(count[kept]):.3g}"
            )
    return texts


def _below_words(patients: Patients, baseline: Baseline, under: str, kept: np.ndarray) -> str:
    """Return in words whose number is below the one that it is never below, "" for nearly nobody's."""
    model = patients.model
    bound = next(p for p in model.parameters if p.name == under)
    least = patients.parameter(under)
    low = (patients.parameter(parameter_of(baseline, model)) < least * (1 - _OTHER)) & (least < bound.high)
    if (share := float(low[kept].mean())) <= TOLD:
        return ""
    name = next((c.name for c in model.patients.covariates if c.parameter == under), under)
    return (
        f"{100 * share:.3g} % of the patients ({int(low[kept].sum())}) have a {baseline.observable} "
        f"({baseline.numbers}) below their {name}, which therefore is that number"
    )


def baseline_ranks(n: int, baselines: Sequence[Baseline], assay: Assay) -> list[np.ndarray]:
    """Return the rank of each patient in each of the baselines, (n,)."""
    keys = ["baseline" if i == 0 else f"baseline/{one.observable}" for i, one in enumerate(baselines)]
    return [draws(assay.seed, f"{assay.arm}/{key}", n, first=assay.first, kind="uniform") for key in keys]


def _numbers(patients: Patients, baselines: Sequence[Baseline], assay: Assay) -> list[np.ndarray]:
    """Return what is drawn of each baseline, (n,); what is never above a count is never above the one drawn."""
    model, ranks = patients.model, baseline_ranks(len(patients), baselines, assay)
    numbers: list[np.ndarray] = []
    for baseline, rank in zip(baselines, ranks, strict=True):
        over = most_of(baseline, model)
        counts = [(other, ranks[j]) for j, other in enumerate(baselines) if over and parameter_of(other, model) == over]
        drawn = (
            never_above(baseline, counts[0][0])(rank, counts[0][1]) if counts else distribution(baseline).quantile(rank)
        )
        numbers.append(np.minimum(drawn, patients.parameter(over)) if over and not counts else drawn)
    return numbers


def _solved(
    patients: Patients,
    wanted: Sequence[tuple[Baseline, np.ndarray]],
    regimen: Regimen,
    start: float,
    rtol: float,
    threads: int,
) -> Patients:
    """Return the patients with every baseline met: solved one after the other, again while one undoes another."""
    parameters, status = patients.parameters.copy(), patients.status.copy()
    rows = np.arange(len(patients))
    for _ in range(_ROUNDS):
        some = Patients(patients.model, parameters[rows], patients.subgroup[rows], status[rows], patients.first)
        for baseline, true in wanted:
            some = with_baseline(some, true[rows], baseline, regimen, start=start, rtol=rtol, threads=threads)
        parameters[rows], status[rows] = some.parameters, some.status
        if len(wanted) < 2:
            break
        met = _met(some, [(b, true[rows]) for b, true in wanted], regimen, start, rtol, threads)
        missed = (status[rows] == 0) & ~met
        rows = rows[missed]
        if not rows.size:
            break
    else:
        status[rows] = int(Status.no_baseline)
    return Patients(patients.model, parameters, patients.subgroup, status, patients.first)


def _met(
    patients: Patients, wanted: Sequence[tuple[Baseline, np.ndarray]], regimen: Regimen, start: float, rtol: float,
    threads: int,
) -> np.ndarray:  # fmt: skip
    """Return whose every baseline is met, (n,)."""
    clock, met = patients.model.per_day, np.ones(len(patients), dtype=bool)
    for baseline, true in wanted:
        which = np.zeros(len(patients), dtype=np.int64)
        value = run(
            patients.model, patients.parameters, [regimen], which, times=np.array([baseline.day]) * clock,
            observe=[baseline.observable], start=start * clock, rtol=rtol, threads=threads,
        ).values[:, 0, 0]  # fmt: skip
        met &= np.abs(value - true) <= rtol * true
    return met
