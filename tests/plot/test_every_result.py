"""Whatever immunode returns, given to any picture: a picture that can be drawn, or BadValue in one line."""

import warnings
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

import immunode as im
from immunode.errors import BadValue, ImmunodeError

P = im.Parameter
DAILY, WEEK = im.days(0, 28), im.days(0, 7, every=0.125)
HOURLY = im.Model("hourly", [im.State("y", "mg", "a drug ($ and _)")], lambda t, x, p: {"y": -p.k * x.y},
                  [P("k", 0.1, "1/hour", low=0.01, high=1)], routes={"iv": "y"}, time="hour")  # fmt: skip
BARE = im.Model("bare", [im.State("u", "1"), im.State("il2", "mm^3")],
                lambda t, x, p: {"u": 0 * x.u + 1, "il2": 0 * x.il2}, [], time="1")  # fmt: skip
GROWS = im.Model("grows", [im.State("y", "copies/mL", initial=1.0)], lambda t, x, p: {"y": p.k * x.y * x.y},
                 [P("k", 0.2, "mL/copies/day")])  # fmt: skip
TABLE = pd.DataFrame({"ID": [1, 1, 2, 2], "TIME": [0, 1.0, 0, 2.0], "AMT": [3, 0, 3, 0], "EVID": [1, 0, 1, 0]})
DOSE = im.dose("1 mg", "iv", times=["0 h", "12 h"])


def population_trial(**more):
    """Return a small trial of one's own: two arms, one without doses."""
    arms = [im.Arm("$a_b^", 3, "3 MIU SC QD days 1-5"), im.Arm("_none", 3)]
    return im.Trial("own", im.Population("il2_sc", omega={"CL": 0.3}), [0, 7, 14], arms, **more)


@lru_cache
def trial_run(name="tincati_2008"):
    return im.run_trial(name, n=6)


def failing():
    return im.simulate(GROWS, times=im.days(0, 10), parameters={"k": [0.01, 0.2]}, throw=False)


def fit():
    rows = [{"arm": "a", "observable": "y", "day": "0.5 d", "value": 0.3, "sigma": 0.1}]
    return im.calibrate(im.Evidence(name="e", arms={"a": "1 mg IV"}, rows=rows), HOURLY, ["k"])


def profiles():
    return im.simulate("il2_sc", "3 MIU SC", times=WEEK, parameters={"CL": [100.0, 200.0]})


RESULTS = {
    "one patient": lambda: im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=DAILY),
    "patients": profiles,
    "regimens": lambda: im.simulate("il2_sc", ["3 MIU SC", None, "6 MIU SC QD days 1-3"], times=WEEK),
    "one of the regimens": lambda: im.simulate("il2_sc", ["3 MIU SC", "1 MIU SC"], times=WEEK).isel(patient=1),
    "many regimens": lambda: im.simulate("il2_sc", [f"{i} MIU SC" for i in range(1, 15)], times=WEEK),
    "times of one's own": lambda: im.simulate("il2_sc", "3 MIU SC", times=[[0, 1], [0, 2, 3]]),
    "an event table": lambda: im.simulate("il2_sc", im.read_events(TABLE.assign(CMT="depot"), "il2_sc")),
    "both sides": lambda: im.simulate("il2_sc", "3 MIU IV", times=DAILY, at_dose="both"),
    "sensitivities": lambda: im.simulate("il2_sc", "3 MIU SC", times=WEEK, sensitivities=["CL", "V"]),
    "sensitivities of patients": lambda: im.simulate(
        "il2_sc", "3 MIU SC", times=WEEK, sensitivities="CL", parameters={"V": [10.0, 20.0]}
    ),
    "a single time": lambda: im.simulate("il2_sc", "3 MIU SC", times=[1]),
    "no times": lambda: im.simulate("il2_sc", "3 MIU SC", times=DAILY).isel(time=[]),
    "failed patients": failing,
    "only failed patients": lambda: failing().isel(patient=[1]),
    "hours": lambda: im.simulate(HOURLY, DOSE, times=im.days(0, 2, every=0.125)),
    "no unit of time": lambda: im.simulate(BARE, times=[0.0, 1.0, 2.0]),
    "covariates": lambda: im.simulate("il2_sc", "3 MIU SC", times=WEEK, covariates={"CL": ([0, 3], [100, 200])}),
    "a trial": trial_run,
    "a trial of one's own": lambda: im.run_trial(population_trial(), n=3),
    "a trial of one visit": lambda: im.run_trial(
        im.Trial("v", im.Population("il2_sc"), [7], [im.Arm("a", 2, "3 MIU SC")]), n=3
    ),
    "an arm": lambda: trial_run().isel(arm=0),
    "no arms": lambda: trial_run().isel(arm=[]),
    "a day": lambda: trial_run().isel(day=[3]),
    "no days": lambda: trial_run().isel(day=[]),
    "medians": lambda: trial_run().sel(statistic="median"),
    "nca": lambda: im.nca(profiles()["il2"]),
    "a fit": fit,
    "the table of a fit": lambda: fit().table,
    "a variable": lambda: profiles()["il2"],
    "a list": lambda: [profiles(), profiles()],
    "a dict": lambda: {"a": profiles()},
    "a mean over patients": lambda: profiles().mean("patient"),
    "another dimension": lambda: profiles().expand_dims(way=[1, 2]),
    "nothing": lambda: None,
}
PICTURES = {
    "course": im.plot.course, "cycle": im.plot.cycle, "outputs": im.plot.outputs, "event_free": im.plot.event_free,
    "trial": im.plot.trial, "fit": im.plot.fit, "panel_names": im.plot.panel_names,
}  # fmt: skip


@lru_cache(maxsize=1)
def result(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RESULTS[name]()


def names_in(drawn):
    """Return names of variables to ask for: the first and the last that there are, one usual, and one that is not."""
    names = [str(name) for name in getattr(drawn, "data_vars", {})]
    return [*dict.fromkeys([*names[:3], *names[-2:], "il2", "nothing"])]


def draw(function, *arguments, rendered=True, **more):
    """Draw, and render; return whether there is a picture. What is refused is told in one line."""
    told, picture = "", None
    try:
        picture = function(*arguments, **more)
    except ImmunodeError as refusal:
        told = str(refusal)
    assert "\n" not in told
    assert not told or 10 < len(told) < 900
    figure = getattr(picture, "figure", None)
    if figure is not None and rendered:
        figure.draw_without_rendering()
    return not told


@pytest.mark.filterwarnings("ignore:.*between the times:UserWarning", "ignore:.*is drawn from times:UserWarning")
@pytest.mark.filterwarnings("ignore:.*use plot.cycle:UserWarning")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", RESULTS)
def test_every_result_is_drawn_or_refused_in_a_line(name):
    drawn = result(name)
    for function in PICTURES.values():
        draw(function, drawn)
    for variable in names_in(drawn):
        draw(im.plot.course, drawn, variable)
        draw(im.plot.course, drawn, variable, rendered=False, change=True)
        draw(im.plot.cycle, drawn, variable, rendered=False)
        draw(im.plot.trial, drawn, [variable], rendered=False)
    draw(im.plot.save, drawn, "never.png")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "picture", "variable"),
    [
        ("one patient", "course", "il2"),
        ("both sides", "course", "il2"),
        ("sensitivities", "course", "il2_sensitivity"),
        ("sensitivities of patients", "outputs", None),
        ("a single time", "course", "il2"),
        ("failed patients", "course", "y"),
        ("hours", "cycle", "y"),
        ("no unit of time", "outputs", None),
        ("an arm", "trial", None),
        ("a day", "trial", None),
        ("a trial of one's own", "trial", None),
        ("a fit", "fit", None),
        ("a mean over patients", "course", "il2"),
    ],
)
def test_what_can_be_drawn_is_drawn(name, picture, variable):
    assert draw(PICTURES[picture], result(name), *([] if variable is None else [variable]))


@pytest.mark.parametrize(
    ("name", "picture", "said"),
    [
        ("an event table", "course", "one time for all"),
        ("a list", "course", "ax="),
        ("a variable", "course", r"plot\.course\(course, 'il2'\)"),
        ("no arms", "trial", "nothing to draw"),
        ("nca", "course", "nothing to draw"),
        ("one patient", "trial", "run_trial"),
    ],
)
def test_what_cannot_be_drawn_says_why(name, picture, said):
    with pytest.raises(BadValue, match=said):
        PICTURES[picture](result(name))


def test_numbers_of_failed_patients_are_left_out_and_no_nan_is_drawn_as_zero():
    ax = im.plot.course(result("failed patients"), "y")
    y = np.concatenate([line.get_ydata() for line in ax.lines if line.get_gid().startswith("median:")])
    assert np.nanmin(y) >= 1.0
