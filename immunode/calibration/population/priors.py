"""What is known of typical values before anything is fitted: log-normal laws, which count as one datum more.

A prior is drawn anew with each simulated trial, as what another study would have printed of the parameter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from immunode.calibration.free_parameters import LOG
from immunode.calibration.population.likelihood import LOG_2_PI, Seen
from immunode.calibration.population.surface import Coordinates, Surface
from immunode.errors import BadValue, unknown
from immunode.internal.arguments import by_name, finite

PRIOR = "prior"  # the option of a free parameter
PARTS = ("median", "log_sd", "source")
WIDEST = 10.0  # SD of a logarithm: by 22 000-fold either way nothing is known
EXAMPLE = "{'median': 0.001, 'log_sd': 0.7}"


@dataclass(frozen=True, eq=False)
class Priors:
    """Hold the places (k,) of parameters among those that vary, and the centre and SD of the logarithm of each."""

    places: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    centre: np.ndarray = field(default_factory=lambda: np.zeros(0))
    sd: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __bool__(self) -> bool:
        return bool(len(self.places))

    def residuals(self, x: np.ndarray) -> np.ndarray:
        """Return how many SDs parameters x (p,) are off (k,)."""
        return np.asarray((x[self.places] - self.centre) / self.sd)

    def deviance(self, x: np.ndarray) -> float:
        """Return -2 log of their density at parameters x (p,)."""
        return float((self.residuals(x) ** 2).sum() + self.constant)

    @property
    def constant(self) -> float:
        """Return what that is where no parameter is off."""
        return float(len(self.sd) * LOG_2_PI + 2 * np.log(self.sd).sum())

    def information(self, p: int) -> np.ndarray:
        """Return what they tell of p parameters (p, p)."""
        out = np.zeros((p, p))
        out[self.places, self.places] = self.sd**-2.0
        return out

    def seen(self) -> Seen:
        """Return their centres as what a trial prints."""
        return Seen(self.centre[None], np.zeros((1, 0)), np.zeros(0))

    def drawn(self, x: np.ndarray, count: int, seed: int) -> Seen:
        """Return what `count` other studies would say of parameters x (p,)."""
        generator = np.random.default_rng([seed, 29])
        noise = generator.standard_normal((count, len(self.sd)))
        return Seen(x[self.places] + noise * self.sd, np.zeros((count, 0)), np.zeros(0))

    def surface(self, at: Coordinates, effects: int) -> Surface:
        """Return their moments as polynomials of the coordinates, as a trial's are, beside `effects` of trials."""
        p, k = len(at.centre), len(self.places)
        exponents = np.vstack([np.zeros((1, p + effects), dtype=int), np.eye(p + effects, dtype=int)[:p]])
        mean = np.vstack([at.centre[self.places], at.axes[self.places].T])
        rows, columns = np.tril_indices(k)
        whitening = np.zeros((len(exponents), len(rows)))
        whitening[0, rows == columns] = -np.log(self.sd)
        return Surface(exponents, mean, whitening, np.zeros((len(exponents), 0)), k)


def without_priors(vary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the other options of free parameters."""
    return {name: {key: each for key, each in options.items() if key != PRIOR} for name, options in vary.items()}


def priors_of(vary: Mapping[str, Any], free: Sequence[str]) -> Priors:
    """Return the priors that the options of free parameters say, of which `free` are the names that vary.

    Raise BadValue for one of a parameter that is not fitted on the log scale, or of what cannot be.
    """
    places, centres, sds = [], [], []
    for name, options in vary.items():
        if PRIOR not in options:
            continue
        what = f"free parameter '{name}': prior"
        said = by_name(options[PRIOR], what, EXAMPLE)
        if extra := set(said) - set(PARTS):
            raise unknown("option", min(extra), PARTS, what)
        if LOG + name not in free:
            raise BadValue(f"{what}: only what is fitted on the log scale has one; add log = true, or leave it out")
        for key in PARTS[:2]:
            if key not in said or not finite(said[key], f"{what}: {key}") > 0:
                raise BadValue(f"{what}: expected a {key} above 0, as in {EXAMPLE}")
        if not said["log_sd"] <= WIDEST:
            raise BadValue(f"{what}: log_sd = {said['log_sd']:g}, an SD of a logarithm; expected at most {WIDEST:g}")
        places.append(free.index(LOG + name))
        centres.append(float(np.log(said["median"])))
        sds.append(float(said["log_sd"]))
    return Priors(np.array(places, dtype=int), np.array(centres), np.array(sds))
