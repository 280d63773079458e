"""A fit, or a committed fit that was evaluated again."""

from dataclasses import dataclass
from typing import Any

from immunode.calibration.fit_check import FitCheck
from immunode.calibration.fit_result import FitResult, PopulationResult
from immunode.calibration.report import markdown
from immunode.report.cells import Markdown


@dataclass(frozen=True)
class FitReport:
    """Hold the result of a declared fit."""

    result: FitResult | PopulationResult

    def json(self) -> dict[str, Any]:
        """Return the result as plain data (docs/json.md)."""
        return self.result.json()

    def table(self) -> list[Any]:
        """Return the report."""
        return [Markdown(markdown(self.result))]


@dataclass(frozen=True)
class FitCheckReport:
    """Hold the check of a committed fit."""

    check: FitCheck

    def json(self) -> dict[str, Any]:
        """Return the committed result as plain data, with what the check found (docs/json.md)."""
        return self.check.json()

    def table(self) -> list[Any]:
        """Return the verdict."""
        verdict = "agrees with" if self.check.ok else "DIFFERS from"
        change = f"largest change {self.check.largest_change:.1e} ({self.check.at})"
        return [f"{self.check.result.name} {verdict} its committed result: {change}"]
