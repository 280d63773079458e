"""How simulated patients ended, in words: what a status means to who reads an answer."""

from typing import Any

import numpy as np

from immunode.errors import Status

_WORDS = {  # one row, one status
    Status.ok: "simulated to the end",
    Status.too_many_steps: "too many steps of the solver",
    Status.step_too_small: "steps of the solver too small",
    Status.not_finite: "numbers without end",
    Status.no_baseline: "cannot have the baseline",
    Status.not_run: "not run",
    Status.no_steady_state: "no steady state",
    Status.chattering: "a switch goes on and off without end",
    Status.no_derivative: "no slope at a switch",
    Status.endless_triggers: "triggers set each other off without end",
    Status.too_many_pending: "too many triggers pending",
    Status.negative_delay: "a trigger of negative delay",
}


def ended_words(statuses: Any, *, failed: bool = False) -> str:
    """Return how many of so many patients ended how, "6 of 1000 cannot have the baseline"; of those who `failed` alone,
    "" where none did."""
    codes, counts = np.unique(statuses, return_counts=True)
    ends = [(Status(int(code)), count) for code, count in zip(codes, counts, strict=True)]
    parts = [f"{n} of {np.size(statuses)} {_WORDS[end]}" for end, n in ends if end != Status.ok or not failed]
    return ", ".join(parts)
