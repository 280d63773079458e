"""Run a trial again as its log of decisions says, without deciding."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.evidence.trial_file import TrialFile
from immunode.internal.arguments import refuse
from immunode.virtual_trials.arm import Arm, one_time, recurring
from immunode.virtual_trials.deciding import Replay
from immunode.virtual_trials.recurring import NOBODY, REASONS, VisitRows
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import simulated, the_trial
from immunode.virtual_trials.variables import DECISION, columns

if TYPE_CHECKING:
    import xarray


def replay_trial(
    trial: str | TrialFile | Trial, result: "xarray.Dataset | str | Path", *, threads: int | None = None
) -> "xarray.Dataset":
    """Run a trial again as the log of a result says: nothing is decided, and the same doses come on the same days.

    It is bit for bit the result that it repeats. With a changed log, what other decisions would have done.

    Main arguments
        trial: the trial of the result: a library name, path of a trial file, or im.Trial
        result: what im.run_trial returned, with its log in the variables `decision_...`, or the path of the NetCDF that
            holds it, such as "results/result.nc"

    Other arguments
        threads: number of threads, default all cores

    Returns
        one labelled xarray.Dataset, as im.run_trial

    Raises
        BadValue: for what is no result, a file that cannot be read, a result of another trial, a log with arms,
            rules or patients that the trial does not have.

    Example
        >>> import immunode as im
        >>> result = im.run_trial("tincati_2008", n=20, seed=1)
        >>> im.replay_trial("tincati_2008", result).identical(result)
        True
    """
    trial, result = the_trial(trial), _result(result)
    if result.attrs.get("trial") != trial.name:
        raise BadValue(f"result is of trial '{result.attrs.get('trial')}', not of '{trial.name}'")
    n, seed = int(result.attrs["n"]), int(result.attrs["seed"])
    log = columns(result, DECISION)
    arms = log.get("arm", np.array([], dtype=str)).astype(str)
    replays = {
        arm.name: _replay(arm, n, {name: of[arms == arm.name] for name, of in log.items()}) for arm in trial.arms
    }
    return simulated(trial, n, seed, threads=threads, replays=replays)


def _result(result: Any) -> "xarray.Dataset":
    """Return a result of a trial, read from its file where it is a path."""
    import xarray

    expected = "what im.run_trial returned, or the path of its result.nc"
    if isinstance(result, str | Path):
        try:
            result = xarray.load_dataset(result, engine="scipy")
        except (OSError, ValueError, TypeError) as error:
            why = getattr(error, "strerror", None) or "it is no NetCDF of a result"
            raise BadValue(f"cannot read result '{result}': {why}; expected {expected}") from error
    if not isinstance(result, xarray.Dataset):
        refuse("result", result, expected)
    if missing := [name for name in ("trial", "n", "seed") if name not in result.attrs]:
        raise BadValue(f"result has no '{missing[0]}', so it is no result of a trial: expected {expected}")
    return result


def _replay(arm: Arm, n: int, log: dict[str, np.ndarray]) -> Replay:
    """Return what the log of an arm says."""
    names, met = [rule.name for rule in recurring(arm)], {}
    rules = log.get("rule", np.array([], dtype=str)).astype(str)
    once = {rule.name for rule in one_time(arm)}
    if strange := sorted(set(rules) - set(names) - once - {""}):
        raise BadValue(f"the log names rule '{strange[0]}', which arm '{arm.name}' does not have")
    patients = log.get("patient", np.array([])).astype(np.int64)
    if patients.size and not 0 <= patients.min() <= patients.max() < n:
        raise BadValue(f"the log of arm '{arm.name}' names patient {patients.max()}; there are {n}, from 0 on")
    for name in once:
        met[name] = np.zeros(n, dtype=bool)
        met[name][patients[rules == name]] = log["met"][rules == name].astype(str) == "True"
    rows: dict[float, VisitRows] = {}
    if names:
        again = np.isin(rules, [*names, ""])
        days, who = log["day"][again], patients[again]
        index = {name: i for i, name in enumerate(names)} | {"": NOBODY}
        rule = np.array([index[name] for name in rules[again]], dtype=np.int64)
        reason = np.array([REASONS.index(text) for text in log["reason"][again].astype(str)], dtype=np.int64)
        for day in np.unique(days):
            rows[float(day)] = VisitRows(who[days == day], rule[days == day], reason[days == day])
    return Replay(rows, met)
