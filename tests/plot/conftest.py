"""A made-up trial and a made-up simulation, with numbers that are known."""

import numpy as np
import pytest
import xarray

from tests.plot.made_up import DAYS, EXTRA, PLANNED, VISITS


@pytest.fixture
def result():
    """Return a trial of two arms as run_trial would give it, with numbers that are known."""
    median = np.stack([100 + 0.5 * DAYS, 100 + 0.2 * DAYS])
    cd4 = np.stack([median, median - 20, median + 30, median + 1], axis=-1)
    rna = np.stack([1e5 * np.exp(-0.05 * DAYS)[:, None] * [1, 0.5, 2, 1]] * 2)
    at_visits = np.searchsorted(DAYS, VISITS)
    dose_day = np.full((2, 8), np.nan)
    dose_day[0] = [*PLANNED, *EXTRA]
    dose_label = np.full((2, 8), "", dtype="U8")
    dose_label[0, 6:] = "IL-2NR"
    event_day = np.array([[np.inf, 200.0, np.inf, np.inf], [10.0, 300.0, 400.0, np.inf]])
    return xarray.Dataset(
        {
            "cd4": (("arm", "day", "statistic"), cd4, {"units": "cells/uL", "long_name": "CD4 cells"}),
            "cd4_visit": (("arm", "visit", "statistic"), cd4[:, at_visits] - 3),
            "rna": (("arm", "day", "statistic"), rna, {"units": "copies/mL", "long_name": "HIV-RNA"}),
            "il2_typical": (
                ("arm", "cycle_day"),
                [[0.0, 9.0, 1.0], [np.nan] * 3],
                {"units": "IU/mL", "long_name": "IL-2 in serum"},
            ),
            "event_day": (("arm", "patient"), event_day, {"units": "day"}),
            "dose_day": (("arm", "dose"), dose_day),
            "dose_label": (("arm", "dose"), dose_label),
            "published_arm": ("published", ["HAART", "HAART"]),
            "published_observable": ("published", ["cd4", "event_free"]),
            "published_day": ("published", [28.0, 350.0]),
            "published_value": ("published", [111.0, 0.4]),
        },
        coords={
            "arm": ["IL-2+HAART", "HAART"],
            "day": DAYS,
            "visit": VISITS,
            "statistic": ["median", "q1", "q3", "mean"],
            "cycle_day": [0.0, 0.2, 14.0],
        },
        attrs={"trial": "made up", "n": 4},
    )


@pytest.fixture
def simulated():
    """Return what simulate would give for one patient: a bolus on day 1."""
    time = np.linspace(0, 30, 301)
    il2 = np.where(time > 1, 5 * np.exp(-(time - 1)), 0.0)
    return xarray.Dataset(
        {
            "il2": ("time", il2, {"units": "IU/mL", "long_name": "IL-2 in serum"}),
            "cd4": ("time", 50 + time, {"units": "cells/uL", "long_name": "CD4 cells"}),
        },
        coords={"time": ("time", time, {"units": "day"})},
    )
