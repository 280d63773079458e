"""A trial simulated once for many populations: what was drawn of each patient, and what was measured of him."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from immunode.calibration.population.printed_row import Values
from immunode.calibration.population.values import PopulationValues, linked
from immunode.calibration.population.weights import Law, law, mixture_density, weights
from immunode.errors import SolveError, Status
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_patients import baseline_ranks, drawn_patients
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.baseline import parameter_of
from immunode.virtual_trials.measured import Measured, measured_arm
from immunode.virtual_trials.population import Patients, Population, is_fraction, with_shares
from immunode.virtual_trials.protocol import Assay
from immunode.virtual_trials.trial import Trial

EACH, ENOUGH = 40, 12_000  # virtual patients for each that the trial had, and of how many there are enough of any arm
LEAST_RANK = 1e-9  # of a baseline: none is no number
MOST_FAILED = 0.05  # share of virtual patients without a course, above which a population is refused


@dataclass(frozen=True, eq=False)
class SimulatedArm:
    """Hold the patients of an arm: `coordinates` (n, k) of what varies under `names`, the logarithm of the density by
    which they were drawn (n,), the standard normal numbers `settled` (n, b) by which their baselines were, who has a
    course, and how each ended."""

    arm: Arm
    names: tuple[str, ...]
    coordinates: np.ndarray
    proposed: np.ndarray
    settled: np.ndarray
    ok: np.ndarray
    status: np.ndarray

    def law(self, population: Population, values: PopulationValues) -> Law:
        """Return the law of what varies in this arm for a population of these values."""
        model, fixed = population.of, self.arm.values
        centres = {**values.typical, **{name: model.values(fixed)[name] for name in fixed}}
        return law(
            self.names, [float(linked(model, name, centres[name])) for name in self.names], values.omega,
            values.correlation,
        )  # fmt: skip

    def weights(self, population: Population, values: PopulationValues) -> np.ndarray:
        """Return the weight of each patient in a population of these values; they add to 1."""
        if not self.names:
            return self.ok / self.ok.sum()
        return weights(self.law(population, values), self.coordinates, self.proposed, self.ok, self.settled)


@dataclass(frozen=True, eq=False)
class SimulatedTrial:
    """Hold the simulated arms of a trial, and what each variable is in each of their patients."""

    trial: Trial
    arms: Sequence[SimulatedArm]
    values: Mapping[tuple[int, int], Values]


def varying(population: Population, arm: Arm) -> tuple[str, ...]:
    """Return the parameters that are drawn in an arm: those of omega that no baseline decides."""
    decided = {parameter_of(baseline, population.of) for baseline in arm.baselines}
    return tuple(name for name, sd in population.omega.items() if name not in decided and sd > 0)


def simulate_trial(
    trial: Trial, drawn_from: Sequence[PopulationValues], least: int, seed: int, threads: int
) -> SimulatedTrial:
    """Return a trial simulated with `least` patients an arm, more where it has many of its own; they are drawn in equal
    parts from several populations."""
    arms, values = [], {}
    for a, arm in enumerate(trial.arms):
        n = max(least, min(EACH * arm.n, ENOUGH))
        simulated, measured = _simulated_arm(trial, arm, drawn_from, n, seed, threads)
        arms.append(simulated)
        for v, each in measured.items():
            values[a, v] = each
    return SimulatedTrial(trial, arms, values)


def _simulated_arm(
    trial: Trial, arm: Arm, drawn_from: Sequence[PopulationValues], n: int, seed: int, threads: int
) -> tuple[SimulatedArm, dict[int, Values]]:
    simulated, measured = measured_patients(trial, arm, drawn_from, n, seed, threads)
    _check_failed(trial, arm, simulated.status)
    each = {v: Values(*(part[0] for part in (m.values, m.start, m.end))) for v, (_, m) in measured.endpoints.items()}
    return simulated, each


def measured_patients(
    trial: Trial, arm: Arm, drawn_from: Sequence[PopulationValues], n: int, seed: int, threads: int
) -> tuple[SimulatedArm, Measured]:
    """Return n patients of an arm, drawn in equal parts from several populations, and what is measured of them."""
    names, sizes = varying(trial.population, arm), _split(n, len(drawn_from))
    parts, coordinates, ranks, first = [], [], [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # patients outside of bounds: the widened laws are drawn for their tails
        for values, size in zip(drawn_from, sizes, strict=True):
            population = with_shares(values.of(trial.population), arm.shares, f"arm '{arm.name}'")
            assay = Assay(trial.noise, seed, trial.drawn_as(arm), first)
            parts.append(_drawn(trial, arm, population, size, assay, threads))
            coordinates.append(_coordinates(population, arm, size, assay, names))
            ranks.append(np.array(baseline_ranks(size, arm.baselines, assay)).reshape(-1, size).T)
            first += size
        patients = Patients(
            parts[0].model, np.concatenate([p.parameters for p in parts]),
            np.concatenate([p.subgroup for p in parts]), np.concatenate([p.status for p in parts]),
        )  # fmt: skip
        done = run_arm(
            trial, arm, n, seed, threads=threads, patients=patients, shown=np.asarray(trial.visits, dtype=float)
        )  # fmt: skip
        measured = measured_arm(trial, done, seed)
    ok = done.status == 0
    settled = ndtri(np.clip(np.concatenate(ranks), LEAST_RANK, 1 - LEAST_RANK))
    simulated = SimulatedArm(arm, names, np.concatenate(coordinates), np.zeros(n), settled, ok, done.status)
    laws = [simulated.law(trial.population, values) for values in drawn_from]
    shares = [(size / n, one) for size, one in zip(sizes, laws, strict=True)]
    proposed = mixture_density(shares, simulated.coordinates) if names else np.zeros(n)
    return replace(simulated, proposed=proposed), measured


def _split(n: int, parts: int) -> list[int]:
    return [n // parts + (i < n % parts) for i in range(parts)]


def _drawn(trial: Trial, arm: Arm, population: Population, n: int, assay: Assay, threads: int) -> Patients:
    return drawn_patients(
        population, n, assay, baselines=arm.baselines, regimen=trial.plans[arm.name].regimen, values=arm.values,
        start=trial.start, threads=threads,
    )  # fmt: skip


def _coordinates(population: Population, arm: Arm, n: int, assay: Assay, names: Sequence[str]) -> np.ndarray:
    """Return what was drawn of patients (n, names), before baselines decide anything, without what their subgroups
    move."""
    patients = population.sample(n, assay.seed, first=assay.first, arm=assay.arm, values=arm.values)
    model, out = population.of, np.empty((n, len(names)))
    typical = model.values({**population.typical, **arm.values})
    for j, name in enumerate(names):
        out[:, j] = linked(model, name, patients.parameter(name))
        for g, group in enumerate(population.subgroups):
            if name in group.scale:
                scaled = min(typical[name] * group.scale[name], 1 - 1e-12) if is_fraction(model, name) else None
                moved = (
                    np.log(group.scale[name])
                    if scaled is None
                    else float(linked(model, name, scaled) - linked(model, name, typical[name]))
                )
                out[patients.subgroup == g, j] -= moved
    return out


def _check_failed(trial: Trial, arm: Arm, status: np.ndarray) -> None:
    """Raise SolveError where too many patients of an arm have no course."""
    if (failed := float((status != 0).mean())) > MOST_FAILED:
        codes, counts = np.unique(status[status != 0], return_counts=True)
        ends = ", ".join(f"{count} {Status(int(code)).name}" for code, count in zip(codes, counts, strict=True))
        raise SolveError(
            f"{trial.name}, arm '{arm.name}': {100 * failed:.0f} % of the virtual patients have no course ({ends}); "
            "narrow the bounds of the parameters, or choose other baselines"
        )
