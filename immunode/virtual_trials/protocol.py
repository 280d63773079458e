"""Decide as a protocol does: on a visit day, from what was measured, with a log of every decision, holds too."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunode.engine.draws import draws, lognormal
from immunode.errors import BadValue
from immunode.evidence.design import Rule

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Decision:
    """Hold one rule's decisions.

    Measured `baseline` (n,), `signal` (n, days of the condition), whether it was `met` (n,).
    """

    rule: Rule
    baseline: np.ndarray
    signal: np.ndarray
    met: np.ndarray

    @property
    def label(self) -> np.ndarray:
        """Return each patient's label, shape (n,)."""
        return np.where(self.met, self.rule.then.label, self.rule.otherwise.label)

    def treated(self) -> np.ndarray:
        """Return who gets a regimen by this decision, shape (n,)."""
        return np.where(self.met, self.rule.then.regimen is not None, self.rule.otherwise.regimen is not None)

    def log(self) -> "pandas.DataFrame":
        """Return one row a patient: visit day, condition, the lowest signal, whether it was met, and the action."""
        import pandas

        when = self.rule.when
        days = ", ".join(f"{day:g}" for day in when.days)
        condition = f"{when.signal} above {when.above:g} times day {when.baseline_day:g} on days {days}"
        action = np.where(self.met, self.rule.then.regimen or "hold", self.rule.otherwise.regimen or "hold")
        return pandas.DataFrame(
            {
                "patient": np.arange(len(self.met)),
                "day": self.rule.day,
                "rule": self.rule.name,
                "condition": condition,
                "baseline": self.baseline,
                "lowest": self.signal.min(axis=1),
                "met": self.met,
                "label": self.label,
                "action": action,
            }
        )


def measured(
    true: np.ndarray, observable: str, days: np.ndarray, noise: float, *, seed: int, arm: str, first: int = 0
) -> np.ndarray:
    """Return what the assay shows of `true` (n, days), with log-normal noise of mean 1 and the given CV."""
    if noise == 0:
        return true
    return true * noise_factors(len(true), observable, days, noise, seed=seed, arm=arm, first=first)


def noise_factors(
    n: int, observable: str, days: np.ndarray, noise: float, *, seed: int, arm: str, first: int = 0
) -> np.ndarray:
    """Return the factors by which n counts are read wrong on the days, keyed by seed, arm, patient and day."""
    sd = float(np.sqrt(np.log1p(noise**2)))
    columns = [draws(seed, f"{arm}/noise/{observable}/{day:g}", n, first=first) for day in days]
    return np.column_stack([lognormal(float(np.exp(-0.5 * sd**2)), sd, z) for z in columns])


def decide(rule: Rule, values: np.ndarray, days: np.ndarray) -> Decision:
    """Apply a rule to measured values (n, days).

    Met when the signal is above the threshold times baseline on every day of the condition.

    Raise BadValue when a day of the condition is no visit, or lies after the decision.
    """
    known = {float(day): i for i, day in enumerate(days)}
    for day in (rule.when.baseline_day, *rule.when.days):
        if float(day) not in known or day > rule.day:
            raise BadValue(
                f"rule '{rule.name}' on day {rule.day:g} needs a visit on day {day:g}, which is none before it"
            )
    baseline = values[:, known[float(rule.when.baseline_day)]]
    signal = values[:, [known[float(day)] for day in rule.when.days]]
    met = np.asarray((signal > rule.when.above * baseline[:, None]).all(axis=1))
    return Decision(rule, baseline, signal, met)
