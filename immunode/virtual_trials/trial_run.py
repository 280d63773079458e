"""Run a trial: a library name, a trial file or a Trial in; one labelled dataset out."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from immunode import models
from immunode.errors import BadValue
from immunode.evidence.library import load
from immunode.evidence.trial_file import TrialFile
from immunode.internal.arguments import one, progress_told, seed_number, thread_count, whole
from immunode.internal.beside import side_by_side
from immunode.internal.defaults import PATIENTS, SEED, THREADS
from immunode.internal.memory import need
from immunode.internal.progress import Progress, bar
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_run import ArmRun, check_met, first_cycle, nobody, plotting_days, run_arm
from immunode.virtual_trials.dataset import dataset
from immunode.virtual_trials.deciding import Replay
from immunode.virtual_trials.measured import Measured, measured_arms
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial

if TYPE_CHECKING:
    import xarray


def from_file(file: TrialFile) -> Trial:
    """Return the Trial that a trial file describes; raise BadValue for evidence without a population."""
    if file.population is None:
        name = next(iter(models.model(file.model).typical), "NAME")
        raise BadValue(
            f"'{file.name}' is evidence for fits, not a trial to run: its file has no [population]. Add one, such as "
            f'[population] with omega = {{ {name} = 0.3 }} and source = "assumed"; `immunode compare {file.model}` '
            "knows the model's own spread"
        )
    population = population_of(file)
    sizes = [arm.name for arm in file.arms if arm.n is None]
    if sizes:
        raise BadValue(f"arm '{sizes[0]}' of '{file.name}' has no n")
    arms = [
        Arm(
            a.name, int(a.n or 0), a.regimen, a.set, a.values, a.baseline, a.rules, a.label or "", a.patients or "",
            a.adherence, a.dropout, a.shares,
        )
        for a in file.arms
    ]  # fmt: skip
    return Trial(
        file.name, population, file.visits, arms, file.start, file.population.noise, file.events, file.figures,
        file.assumptions, same_patients=file.same_patients,
        visit_window=file.visit_window, missed_visits=file.missed_visits,
    )  # fmt: skip


def population_of(file: TrialFile) -> Population:
    """Return the population of a trial file; of patients who do not differ where it has none."""
    spread = file.population
    if spread is None:
        return Population(file.model)
    return Population(
        file.model,
        omega=spread.omega,
        correlation={c.between: c.value for c in spread.correlations},
        subgroups=spread.subgroups,
    )


def run_trial(
    trial: str | TrialFile | Trial,
    n: int = PATIENTS,
    seed: int = SEED,
    *,
    threads: int | None = THREADS,
    progress: Progress | None = None,
) -> "xarray.Dataset":
    """Run a trial with n virtual patients per arm.

    It is bit for bit the same on any number of threads. It warns of an arm of which no patient could be simulated, and
    of one of which more than one in a hundred do not have the baseline that is said.

    Main arguments
        trial: name of a library trial, path of a trial file, or an im.Trial
        n: virtual patients per arm, default 10000
        seed: of every random draw, a whole number from 0 to 2^64 - 1, default 1

    Other arguments
        threads: number of threads, default all cores
        progress: function of how many patients are done, of how many; default none, and a bar on a terminal and in a
            notebook

    Returns
        one labelled xarray.Dataset; units are in the attribute `units`
        dimensions: arm, patient, day (plotting days), visit, statistic (median, q1, q3, mean), figure
        of each observable x: `x` (arm, day, statistic) as simulated, `x_visit` (arm, visit, statistic) as measured with
            the noise of the assay, `x_patient` (arm, patient, visit)
        of each patient: `event_day` (inf = none seen), `left_day` (inf = stays), `label`, `status` (errors.Status),
            `given_doses`, `given_cycles`, and `given_y` of each dosed state `y` [its unit], all before the last visit
        the log, one row a decision: `decision_patient`, `decision_day`, `decision_rule`, `decision_action`, ...
        of each arm: `event_free` (arm, day), Kaplan-Meier's [1]; `patients_seen` (arm, visit), how many came,
            failures left out; in words `outside_bounds`, how many have which parameters outside their bounds, and
            `unmet`, which baselines more than one in a hundred does not have: how many cannot, what is lost with them,
            whose is other than said
        the printed figures: `figure_label`, `figure_published`, `figure_simulated`, ...

    Raises
        BadValue: for bad input and a baseline that nobody can have, before anything is simulated.
        UnknownName: for a trial that does not exist, or what a file names and the model does not have.
        UnitError: for a unit of a file that does not fit.

    Example
        >>> import immunode as im
        >>> result = im.run_trial("tincati_2008", n=100, seed=1)
        >>> cd4 = result.cd4_visit.sel(arm="IL-2+HAART", statistic="median")
        >>> print(dict(cd4.sizes), cd4.attrs["units"])
        {'visit': 9} cells/uL
        >>> bool(cd4[-1] > cd4[0])
        True
    """
    n, seed = whole(n, "n"), seed_number(seed)
    return simulated(the_trial(trial), n, seed, threads=threads, progress=progress)


def the_trial(trial: str | TrialFile | Trial) -> Trial:
    """Return the trial that is meant; raise BadValue for what is none."""
    if isinstance(trial, str):
        trial = load(trial)
    if isinstance(trial, TrialFile):
        trial = from_file(trial)
    return one(trial, Trial, "trial", "the name of a library trial, the path of a trial file, or a Trial")


def simulated(
    trial: Trial,
    n: int,
    seed: int,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    replays: Mapping[str, Replay] | None = None,
) -> "xarray.Dataset":
    """Return the Dataset of a trial that is run, or done again as the `replays` of its arms say, by name."""
    runs = arm_runs(trial, n, seed, threads=threads, progress=progress, replays=replays)
    return labelled(trial, runs, measured_arms(trial, runs, seed), seed)


def arm_runs(
    trial: Trial,
    n: int,
    seed: int,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    replays: Mapping[str, Replay] | None = None,
) -> list[ArmRun]:
    """Return the simulated arms of a trial; warn of one that lost its patients."""
    cores = thread_count(threads)
    progress_told(progress)
    _check_size(trial, n)
    check_met(trial, n, seed, cores)
    with bar("virtual patients") if progress is None else nullcontext(progress) as step:
        jobs = [partial(_one_arm, trial, arm, n, seed, cores, replays) for arm in trial.arms]
        runs = side_by_side(jobs, n, step, threads=cores)
    for done in runs:
        if (done.status != 0).all():
            warnings.warn(nobody(done.arm.name, done.status), stacklevel=3)
        elif done.unmet:
            warnings.warn(f"arm '{done.arm.name}': {done.unmet}", stacklevel=3)
    return runs


def _one_arm(
    trial: Trial, arm: Arm, n: int, seed: int, cores: int, replays: Mapping[str, Replay] | None, progress: Progress
) -> ArmRun:
    replay = None if replays is None else replays[arm.name]
    return run_arm(trial, arm, n, seed, threads=cores, progress=progress, replay=replay)


def labelled(trial: Trial, runs: Sequence[ArmRun], arms: Sequence[Measured], seed: int) -> "xarray.Dataset":
    """Return the Dataset of simulated arms as they were measured."""
    return dataset(trial, runs, arms, [first_cycle(trial, arm) for arm in trial.arms], seed)


def _check_size(trial: Trial, n: int) -> None:
    """Raise BadValue when the patients would not fit into memory: three copies of their courses, two of parameters."""
    times, arms = len(plotting_days(trial)) + len(trial.visits), len(trial.arms)
    each = 3 * len(trial.observables) * times + 2 * len(trial.population.of.typical)
    need(8.0 * min(n, 1 << 62) * arms * each, f"{n} virtual patients in each of {arms} arms", "take a smaller n (--n)")
