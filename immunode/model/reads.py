"""Know which names each function of a model reads: what doses apply by themselves must not be applied again, and what
nothing reads does nothing."""

import warnings
from collections.abc import Mapping
from typing import Any

from immunode.errors import ModelError

OF_DOSES = {  # what a state declares of its doses, and what is done with it
    "bioavailability": "doses are multiplied by it",
    "lag": "doses come later by it",
    "duration": "doses are infused over it",
    "rate": "doses are infused at it",
}


class Reading(dict[str, Any]):
    """Hold values by name, and note which are asked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.noted: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        self.noted.add(name)
        return value

    def taken(self) -> set[str]:
        """Return the names that were asked for since the last call."""
        noted, self.noted = self.noted, set()
        return noted


def check_reads(
    model: Any, equations: Mapping[str, set[str]], of_doses: Mapping[tuple[str, str], set[str]], others: set[str]
) -> None:
    """Raise ModelError for a parameter that counts twice, and warn of one that nothing reads.

    `equations` is what each reads of a model's states and outputs (of these, those that read a state); `of_doses` what
    is read by what a state declares of its doses (state, what); `others` all else that is read.
    """
    for (state, what), names in of_doses.items():
        if len(names) != 1:
            continue  # a covariate, such as a weight, may be read by both
        (name,) = names
        twice = next((equation for equation, read in equations.items() if name in read), None)
        if twice:
            raise ModelError(
                f"{model.name}: {twice} reads {name}, the {what} of {state}: {OF_DOSES[what]} already, it would "
                f"count twice; leave {name} out of {twice}, or the {what} out of {state}"
            )
    read = others.union(*equations.values(), *of_doses.values())
    unread = [parameter.name for parameter in model.parameters if parameter.name not in read]
    if unread:
        warnings.warn(f"{model.name}: nothing reads {', '.join(unread)}, to change it does nothing", stacklevel=4)
