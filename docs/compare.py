"""Write what the commands of docs/compare.md and the pages on Tincati print into them, and their pictures.

Run in the root of a clone: python docs/compare.py
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PAGES = ("compare.md", "tincati_schedules.md", "tincati_prediction.md")
# a command, and what it prints
BLOCK = re.compile(r"```\n\$ (immunode (?:compare|predict) .*?)\n```\n\n```text\n(.*?)```", re.DOTALL)


def printed(command: str, folder: Path | None = None, n: int | None = None) -> str:
    """Return what a command of a page prints at 80 columns; its files go into `folder`; with `n` other patients."""
    words = shlex.split(command.replace("\\\n", " "))[1:]
    words += [*(["--n", str(n)] if n else []), *(["--out", str(folder)] if folder else [])]
    run = subprocess.run(
        [sys.executable, "-m", "immunode", *words],
        cwd=HERE.parent, env=os.environ | {"COLUMNS": "80"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        raise RuntimeError(run.stderr)
    return "\n".join(line.rstrip() for line in run.stdout.splitlines()) + "\n"


def small(picture: Path, target: Path) -> None:
    """Write a picture with the few colours that it has, in a third of its size."""
    from PIL import Image

    with Image.open(picture) as image:
        image.convert("RGB").quantize(64).save(target, optimize=True)


def commands(text: str) -> list[str]:
    """Return the commands of a page, in order."""
    return [match[1] for match in BLOCK.finditer(text)]


def written(text: str, folder: Path) -> str:
    """Return a page with what its commands print; their pictures come into `folder`, called by the files they read."""

    def block(match: re.Match[str]) -> str:
        with tempfile.TemporaryDirectory() as scratch:
            output = printed(match[1], Path(scratch))
            file = re.search(r"compare/(\w+)\.toml", match[1])
            if file:
                small(Path(scratch) / "comparison.png", folder / f"{file[1]}.png")
        return f"```\n$ {match[1]}\n```\n\n```text\n{output}```"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    for page in PAGES:
        path = HERE / page
        path.write_text(written(path.read_text(encoding="utf-8"), HERE / "compare"), encoding="utf-8")
