"""The pictures of a trial as files: all panels in one, each alone, and changes from the baseline."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunode.virtual_trials.variables import ABOUT

if TYPE_CHECKING:
    import xarray

_MOST = 2  # changes from the baseline


def save_pictures(result: "xarray.Dataset", folder: Path, formats: Sequence[str] = ()) -> list[tuple[str, Path]]:
    """Write the pictures of a trial into a folder, PNG and the further formats; return words and path of each PNG."""
    from immunode import plot

    figures: dict[str, tuple[str, Any]] = {"trial": ("all panels", plot.trial(result))}
    for name in plot.panel_names(result):
        figures[f"panel_{_file(name)}"] = (name, plot.trial(result, [name]))
    for name in _changing(result):
        figures[f"change_{_file(name)}"] = (
            f"change of {name} from the baseline",
            plot.course(result, name, change=True),
        )
    written = []
    for stem, (words, figure) in figures.items():
        for ending in dict.fromkeys(["png", *formats]):
            path = plot.save(figure, folder / f"{stem}.{ending}")
            if ending == "png":
                written.append((words, path))
    return written


def _changing(result: "xarray.Dataset") -> list[str]:
    """Return whose change from day 0 is drawn: what the trial is about, where day 0 is a visit."""
    if 0.0 not in result.visit.values or result.sizes["visit"] < 2:
        return []
    return [name for name in str(result.attrs.get(ABOUT, "")).split() if name in result][:_MOST]


def _file(name: str) -> str:
    return re.sub(r"\W+", "_", name)
