"""A fit, or a committed fit that was evaluated again."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from immunode.calibration.report import report as in_markdown


@dataclass(frozen=True)
class FitReport:
    """Hold the result of `run_fit`; one with the key "check" was evaluated again, not fitted."""

    result: Mapping[str, Any]

    @property
    def agrees(self) -> bool:
        """Return whether the result is a new one, or is still what was committed."""
        return "check" not in self.result or bool(self.result["check"]["ok"])

    def json(self) -> dict[str, Any]:
        """Return the result as plain data (docs/json.md)."""
        return dict(self.result)

    def table(self) -> list[Any]:
        """Return the report, laid out for a terminal or as Markdown for a file; of a check the verdict."""
        if "check" in self.result:
            check = self.result["check"]
            verdict = "agrees with" if check["ok"] else "DIFFERS from"
            change = f"largest change {check['largest_change']:.1e} ({check['at']})"
            return [f"{self.result['name']} {verdict} its committed result: {change}"]
        from rich.markdown import Markdown

        markdown = in_markdown(self.result)
        return [Markdown(markdown) if sys.stdout.isatty() else markdown]
