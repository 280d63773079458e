"""The pictures of a trial or comparison as files: all panels in one, each alone, and changes from the baseline."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunode.internal.arguments import choice
from immunode.virtual_trials.variables import ABOUT

if TYPE_CHECKING:
    import xarray

_MOST = 2  # changes from the baseline


def save_pictures(result: "xarray.Dataset", folder: Path, formats: Sequence[str] = ()) -> list[tuple[str, Path]]:
    """Write the pictures of a trial or comparison into a folder, PNG and the further formats; return words and path of
    each PNG."""
    from immunode import plot
    from immunode.plot.comparisons import is_comparison

    stem, draw = ("comparison", plot.comparison) if is_comparison(result) else ("trial", plot.trial)
    names = plot.panel_names(result)
    figures: dict[str, tuple[str, Any]] = {}
    if names or stem == "trial":
        figures[stem] = ("all panels", draw(result))
    for name in names:
        figures[f"panel_{_file(name)}"] = (name, draw(result, [name]))
    for name in _changing(result):
        words = f"change of {name} from the baseline"
        figures[f"change_{_file(name)}"] = (words, plot.course(result, name, change=True))
    written = []
    for called, (words, figure) in figures.items():
        for ending in all_formats(formats):
            path = plot.save(figure, folder / f"{called}.{ending}")
            if ending == "png":
                written.append((words, path))
    return written


def all_formats(formats: Sequence[str]) -> list[str]:
    """Return the formats of pictures, PNG first; raise BadValue for one that there is not."""
    from immunode.plot.saving import FORMATS

    return list(dict.fromkeys(["png", *(choice(one, "format of a picture", FORMATS) for one in formats)]))


def _changing(result: "xarray.Dataset") -> list[str]:
    """Return whose change from day 0 is drawn: what the trial is about, where day 0 is a visit."""
    if 0.0 not in result.visit.values or result.sizes["visit"] < 2:
        return []
    return [name for name in str(result.attrs.get(ABOUT, "")).split() if name in result][:_MOST]


def _file(name: str) -> str:
    return re.sub(r"\W+", "_", name)
