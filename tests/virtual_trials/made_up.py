"""Arms with made-up counts, for statistics and figures."""

import numpy as np

from immunode.evidence.printed import Figure
from immunode.virtual_trials.measured import Measured


def arm(name, size, cd4, event_day=None, label=""):
    """Return an arm with the given CD4 (patients, 2 visits)."""
    n = len(cd4)
    events = np.full(n, np.inf) if event_day is None else np.asarray(event_day)
    labels = np.full(n, label, dtype=object)
    return Measured(
        name=name,
        size=size,
        days=np.array([0.0, 91.0]),
        column={0.0: 0, 91.0: 1},
        values={"cd4": cd4},
        without={"cd4": cd4 - 5},
        event_day=events,
        left_day=np.full(n, np.inf),
        label=labels,
        labels=frozenset({label} - {""}),
        treated=np.ones(n, bool),
        ok=~np.isnan(events),
        entered={"n": size},
    )


def figure(kind, **changes):
    """Return a figure of arm "a" on day 91."""
    basic = {"label": kind, "kind": kind, "published": 0.5, "groups": ("a",), "observable": "cd4", "day": 91.0}
    return Figure(**(basic | changes))


NORMAL = np.random.default_rng(1).normal(100, 20, size=(4000, 2))
SHIFTED = np.random.default_rng(2).normal(115, 20, size=(4000, 2))
ARMS = {"a": arm("a", 30, NORMAL), "b": arm("b", 40, SHIFTED)}
