"""What the starts of a fit reached, in a file, so that a fit that was stopped goes on where it was."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from immunode.calibration.saving import plain, read, result_data, result_of
from immunode.errors import BadValue
from immunode.internal.arguments import short

FORMAT = "immunode starts 4"  # 1: other weights of virtual patients; 2: no cubes; 3: reach by one crowd


@dataclass(eq=False)
class Reached:
    """Hold the file of a fit's starts, and what each that is finished reached, by its number."""

    path: Path
    key: str
    starts: dict[str, Any]

    def get(self, number: int) -> Any:
        """Return lmfit's result of a start, None where it is not finished."""
        data = self.data(number)
        return None if data is None else result_of(data)

    def put(self, number: int, result: Any) -> None:
        """Keep lmfit's result of a start."""
        self.keep(number, result_data(result))

    def data(self, number: int) -> Any:
        """Return what is kept of a start, None where it is not finished."""
        return self.starts.get(str(number))

    def keep(self, number: int, data: Mapping[str, Any]) -> None:
        """Keep data of a start; the file is whole at any time."""
        self.starts[str(number)] = read(plain(data))
        text = json.dumps(plain({"format": FORMAT, "of": self.key, "starts": self.starts}), allow_nan=False)
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")  # another run may write there
        try:
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, self.path)
        except OSError as error:
            raise BadValue(f"resume: cannot write {self.path}: {error.strerror or error}") from error


def reached_before(path: Any, said: Mapping[str, Any]) -> Reached:
    """Return what a file holds of the fit of which `said` is everything that its results depend on; nothing where there
    is no file. Raise BadValue for the file of another fit."""
    if not isinstance(path, str | Path) or Path(path).suffix != ".json":
        raise BadValue(f"resume = {short(path)}: expected the path of a JSON file, such as 'starts.json'")
    key = hashlib.sha256(json.dumps(plain(said), sort_keys=True).encode()).hexdigest()[:16]
    try:
        data = read(json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Reached(Path(path), key, {})
    except (OSError, ValueError) as error:
        raise BadValue(f"resume: cannot read {path}: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("starts"), dict):
        raise BadValue(f"resume: {path} is no file of a fit's starts; take another")
    if data.get("of") != key:
        raise BadValue(f"resume: {path} is of another fit (evidence, model or options differ); take another file")
    return Reached(Path(path), key, data["starts"])
