"""Draw the pictures of docs/pictures.md from its own blocks of code: python docs/pictures.py."""

import re
from pathlib import Path
from typing import Any

from immunode import plot

PAGE = Path(__file__).with_name("pictures.md")
FOLDER = Path(__file__).with_name("pictures")
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:!\[[^\]]*\]\(pictures/(\w+\.png)\))?", re.DOTALL | re.MULTILINE)
DPI = 72


def drawn(folder: Path) -> list[Path]:
    """Run the blocks one after the other, and write the picture that each names: what its last line is called."""
    space: dict[str, Any] = {}
    written = []
    for code, name in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        exec(code, space)
        if name:
            last = re.findall(r"^(ax|figure) = ", code, re.MULTILINE)[-1]
            written.append(plot.save(space[last], folder / name, dpi=DPI))
    return written


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    drawn(FOLDER)
