"""Run the benchmarks: all, or those named; see `python -m benchmarks --help`."""

import argparse
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path

from benchmarks.accuracy import FACTOR, regressions
from benchmarks.environment import environment, load
from benchmarks.measure import say
from benchmarks.pages import write_pages
from benchmarks.result import FOLDER, NAMES, SMOKED, read, slower, write


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument(
        "--smoke", action="store_true",
        help=f"small sizes, nothing is kept; fail if an error is {FACTOR:g} times the committed one (never on time)",
    )  # fmt: skip
    parser.add_argument(
        "--compare", type=Path, metavar="OLD.json",
        help="run the benchmark of that name again and print what became slower by more than the noise",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="write results there, not into benchmarks/results and the pages")
    parser.add_argument("--table", action="store_true", help="only write the tables of README and docs/performance.md")
    asked = parser.parse_args()
    if asked.compare and not asked.names:
        asked.names = [asked.compare.stem]
    for name in asked.names:
        if name not in NAMES:
            parser.error(f"there is no benchmark '{name}'; there are {', '.join(NAMES)}")
    return asked


def run(name: str, smoke: bool, folder: Path) -> None:
    """Run one benchmark and write its result into `folder`."""
    say(f"{name}: begins")
    started, before = time.perf_counter(), load()
    result = import_module(f"benchmarks.{name}").measure(smoke)
    write(folder, name, result, environment() | {"load_before": before})
    say(f"{name}: done in {time.perf_counter() - started:.0f} s")
    for what, value, beside in result.headline:
        print(f"{name}: {what}: {value} | {beside}", flush=True)


def failures(name: str, smoke: bool, folder: Path) -> list[str]:
    """Run one benchmark; return that it broke, or where a smoke run is less exact than the committed result."""
    try:
        run(name, smoke, folder)
    except Exception:  # what breaks one benchmark must not cost the others' quarter of an hour
        traceback.print_exc()
        return [f"{name} broke"]
    committed = FOLDER / f"{name}.json"
    if not smoke or not committed.exists():
        return []
    lines = regressions(read(folder / f"{name}.json")["accuracy"], read(committed)["accuracy"])
    return [f"{name} is less exact: {line}" for line in lines]


def main() -> int:
    """Run what was asked for; return 1 if anything failed."""
    asked, failed = arguments(), []
    if asked.table:
        write_pages()
        return 0
    old = read(asked.compare) if asked.compare else None  # before a run may overwrite it
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.out or (Path(scratch) if asked.smoke else FOLDER)
        for name in asked.names or (SMOKED if asked.smoke else NAMES):
            failed += failures(name, asked.smoke, folder)
            if old and not failed and name == asked.compare.stem:
                lines = slower(old, read(folder / f"{name}.json"))
                print("\n".join(lines) or f"{name}: nothing became slower by more than the noise")
    if folder == FOLDER:
        write_pages()
    for line in failed:
        print(f"FAILED: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
