"""A trial is checked when it is made: nothing is simulated before bad input is named."""

from dataclasses import replace

import numpy as np
import pytest

from immunode.errors import BadValue, ImmunodeError, UnitError, UnknownName
from immunode.evidence.design import Action, Baseline, Rule, SetState, Subgroup, When
from immunode.evidence.library import load, trial_names
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file
from tests.virtual_trials.made_up import figure

POPULATION = Population("il2_cd4_hiv", omega={"CL": 0.3})


def rule(**changes):
    when = When(**({"signal": "cd4", "baseline_day": 0, "days": (30,), "above": 1.3} | changes.pop("when", {})))
    actions = {"then": Action(label="R"), "otherwise": Action(label="N", regimen="3 MIU SC QD days 1-5")}
    return Rule(**({"name": "rise", "day": 91, "when": when} | actions | changes))


def trial(*arms, **changes):
    arms = arms or (Arm("a", 5, rules=[rule()]), Arm("b", 5, label="control"))
    basic = {"population": POPULATION, "visits": [0, 30, 91], "start": -14, "events": "cumulative_hazard"}
    return Trial("t", arms=arms, **(basic | changes))


def test_the_librarys_trials_pass():
    files = [load(name) for name in trial_names()]
    assert [from_file(file).name for file in files if file.population is not None]


def test_a_rule_may_look_at_the_start_and_at_visits():
    assert trial(Arm("a", 5, rules=[rule(when={"baseline_day": -14, "days": (0, 30, 91)})])).plans["a"].rules


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"day": 90}, BadValue, "rule 'rise' of arm 'a': day 90 is no visit after the start; visits are on days 0, 30"),
        (
            {"when": {"days": (35,)}},
            BadValue,
            "looks at day 35, which is no visit",
        ),  # on the plotting days, a week apart
        ({"when": {"baseline_day": 1}}, BadValue, "looks at day 1, which is no visit"),
        ({"day": 30, "when": {"days": (91,)}}, BadValue, "decides on day 30 and looks at day 91, which comes later"),
        ({"when": {"signal": "cd5"}}, UnknownName, "rule 'rise' of arm 'a' has no output 'cd5'; did you mean 'cd4'"),
        ({"then": Action(label="R", regimen="1.5 BANANA SC")}, BadValue, "rule 'rise'.*BANANA"),
        (
            {"then": Action(label="R", regimen="3 MIU PO")},
            UnknownName,
            "arm 'a', rule 'rise': .* no route or state 'po'",
        ),
        ({"otherwise": Action(label="N", regimen="3 mg SC")}, UnitError, "arm 'a', rule 'rise': a dose in mg"),
    ],
)
def test_a_rule_that_cannot_decide_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        trial(Arm("a", 5, rules=[rule(**changes)]))


def test_a_rule_on_the_first_day_is_refused():
    early = rule(day=-14, when={"baseline_day": -21, "days": (-14,)})
    with pytest.raises(BadValue, match="day -14 is no visit after the start"):
        trial(Arm("a", 5, rules=[early]), visits=[-14, 0, 30, 91])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"visits": [5, 1]}, BadValue, "days that rise"),
        ({"visits": []}, BadValue, "days that rise"),
        ({"visits": [np.nan]}, BadValue, "days that rise"),
        ({"start": np.nan}, BadValue, "start = nan: expected the first simulated day, a number"),
        ({"visits": [-20, 91]}, BadValue, "none may lie before the first simulated day, start = -14"),
        ({"events": "hazard"}, UnknownName, "events of trial 't'"),
        ({"noise": {"cd5": 0.1}}, UnknownName, "did you mean 'cd4'"),
        ({"arms": []}, BadValue, "at least one arm"),
        ({"arms": [Arm("a", 5), Arm("a", 6)]}, BadValue, "two arms are called 'a'"),
        ({"arms": [Arm("a", 5, values={"Cl": 3})]}, UnknownName, "did you mean 'CL'"),
        ({"arms": [Arm("a", 5, "3 MIU SC")], "start": 1, "visits": [2]}, BadValue, "day 0 of its plan lies before"),
    ],
)
def test_bad_trials_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        replace(trial(), **changes)


def test_a_baseline_is_checked_before_any_patient_is_drawn():
    odd = Baseline(observable="cd4", solve="cd4_stat", median=61, log_sd=0.8, source="test")
    with pytest.raises(UnknownName, match="did you mean 'cd4_start'"):
        trial(Arm("a", 5, baseline=odd))


GOOD = [
    figure("given", what="n", groups=()),
    figure("median"),
    figure("below", groups=("N",), below=200),
    figure("rebound", observable="rna", below=50),
    figure("events"),
    figure("responders", groups=("R",)),
    figure("gain", groups=("N",)),
    figure("test", test="mann_whitney", groups=("a", "control")),
    figure("test", test="wilcoxon", groups=("N",), from_day=0.0),
    figure("test", test="fisher", groups=("a", "b")),
    figure("not_modelled", groups=(), observable="weight"),
]


def test_figures_of_every_kind_pass():
    assert len(trial(figures=GOOD).figures) == len(GOOD)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (figure("median", groups=("c",)), UnknownName, "figure 'median' has no arm or label 'c'"),
        (figure("median", groups=("a", "b")), BadValue, "'median' is of 1 group"),
        (figure("median", observable="cd5"), UnknownName, "figure 'median' has no output 'cd5'; did you mean 'cd4'"),
        (figure("median", day=35.0), BadValue, "needs a visit on day 35; visits are on days 0, 30, 91"),
        (figure("median", from_day=0.0), BadValue, "compares no two days; leave out from_day"),
        (figure("test", test="wilcoxon"), BadValue, "needs a visit on its 'from_day', None"),
        (figure("test", test="wilcoxon", from_day=3.0), BadValue, "needs a visit on its 'from_day', 3"),
        (figure("given", what="n", groups=("R",)), UnknownName, "has no arm 'R'"),
        (figure("events", day=0.0), BadValue, "counts events by day 0; expected a day after 0"),
        (figure("events", day=3650.0), BadValue, "up to the last visit, 91"),
        (figure("responders"), BadValue, "'a' is an arm; name a label"),
        (figure("gain", groups=("b",)), BadValue, "no rule of arm 'b' adds a regimen"),
    ],
)
def test_a_figure_that_cannot_be_predicted_is_refused(bad, error, message):
    with pytest.raises(error, match=message):
        trial(figures=[bad])


def test_events_without_a_state_of_their_hazard_are_refused():
    for one in (figure("events"), figure("test", test="fisher", groups=("a", "b"))):
        with pytest.raises(BadValue, match="the trial has none; name the state of their hazard with 'events'"):
            trial(figures=[one], events=None)


def test_a_label_of_two_arms_is_refused_only_where_a_figure_names_it():
    arms = (Arm("a", 5, rules=[rule()]), Arm("b", 5, rules=[rule()]))
    assert trial(*arms, figures=[figure("median")])
    with pytest.raises(BadValue, match="'N' is a label in 'a', 'b'; give each arm labels of its own"):
        trial(*arms, figures=[figure("responders", groups=("N",))])
    with pytest.raises(BadValue, match="'b' is the name of an arm and a label in 'a'"):
        trial(Arm("a", 5, label="b"), Arm("b", 5), figures=[figure("median", groups=("b",))])


def test_a_label_of_an_earlier_rule_is_named_as_such():
    early = rule(day=30, when={"days": (30,)}, then=Action(label="early"))
    with pytest.raises(BadValue, match="'early' is no patient's last label; use one of N, R"):
        trial(Arm("a", 5, rules=[early, rule()]), figures=[figure("median", groups=("early",))])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"visits": ["0"]}, "a day of visits = '0': expected days that rise"),
        ({"visits": "0"}, "visits = '0': cannot read '0'; expected a text"),
        ({"visits": None}, "visits = None: expected a list of days"),
        ({"visits": [None]}, "a day of visits = None"),
        ({"visits": [True]}, "a day of visits = True"),
        ({"start": "soon"}, "start = 'soon': expected the first simulated day"),
        ({"start": None}, "start = None"),
        ({"noise": {"cd4": "0.1"}}, "noise of 'cd4' = '0.1': expected a CV of 0 or more"),
        ({"noise": {"cd4": -0.1}}, "noise of 'cd4' = -0.1"),
        ({"noise": {"cd4": float("nan")}}, "noise of 'cd4' = nan"),
        ({"noise": {"cd4": True}}, "noise of 'cd4' = True"),
        ({"noise": {"cd4": 18}}, "noise of 'cd4' = 18: expected a CV"),
        ({"noise": 0.2}, "noise = 0.2: expected a table by name"),
        ({"events": 3}, "events = 3: expected the name of the state"),
        ({"population": "il2_cd4_hiv"}, "population = 'il2_cd4_hiv': expected a Population"),
        ({"arms": Arm("a", 5)}, "arms = .*: expected a list of Arm"),
        ({"arms": ["a"]}, "arms: 'a' is no Arm"),
        ({"figures": [1]}, "figures: 1 is no Figure"),
        ({"figures": None}, "figures = None"),
        ({"figures": figure("median")}, "figures = .*: expected a list of Figure"),
        (
            {"arms": [Arm("a", 5, set=[SetState(state="art", value=1, day=92)])]},
            "arm 'a', set 'art': day 92 comes after the last visit, 91",
        ),
    ],
)
def test_the_parts_of_a_trial_are_what_they_are_said_to_be(changes, message):
    with pytest.raises(ImmunodeError, match=message):
        Trial("t", **({"population": POPULATION, "visits": [0, 30, 91], "arms": [Arm("a", 5)], "start": -14} | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "test", "test": "wilcoxon", "from_day": 91}, "compares day 91 with itself"),
        ({"kind": "test", "test": "mann_whitney", "groups": ("a", "a")}, "compares 'a' with itself"),
    ],
)
def test_nothing_is_compared_with_itself(changes, message):
    with pytest.raises(BadValue, match=message):
        trial(figures=[figure(**({"kind": "median"} | changes))])


def test_a_state_is_not_set_above_what_it_can_be():
    with pytest.raises(BadValue, match=r"arm 'a', set 'art' to 2: state 'art' .* above 1"):
        trial(Arm("a", 5, set=[SetState(state="art", value=2, day=0)]))


@pytest.mark.parametrize("what", ["cut", "rise", "dose", "doses", "last_dose"])
def test_what_an_arm_does_not_have_is_not_read_back(what):
    with pytest.raises(BadValue, match=f"arm 'b' has no '{what}' to read back"):
        trial(figures=[figure("given", what=what, groups=("b",))])


def test_doses_after_the_last_visit_are_said_and_refused_where_there_are_no_others():
    def made(regimen):
        return Trial("t", Population("il2_cd4_hiv"), [0, 28, 112], [Arm("a", n=3, regimen=regimen)])

    with pytest.raises(BadValue, match="arm 'a': its first dose, on day 299, comes after the last visit, 112"):
        made("3 MIU SC QD x 5 days from day 300")
    with pytest.warns(UserWarning, match="arm 'a': 9 of its 30 planned doses come after the last visit, day 112"):
        made("3 MIU SC QD days 1-5 every 28 days x6")
    made("3 MIU SC QD days 1-5 every 28 days x4")


@pytest.mark.parametrize(
    ("groups", "shares", "error", "message"),
    [
        ((0.2, 0.3), {"slwo": 0.9}, UnknownName, "arm 'a', shares: the population has no subgroup 'slwo'.* 'slow'"),
        ((), {"slow": 0.9}, UnknownName, r"arm 'a', shares: .* no 'slow'; give it im.Subgroup\(name='slow', "),
        ((0.2, 0.3), {"slow": 0.8}, BadValue, r"arm 'a': .* add up to 1.1, .* \(80 % slow and 30 % fast\); lower one"),
        ((0.2, 0.3), {"slow": 0.8, "fast": 0.3}, BadValue, "arm 'a': its shares of subgroups add up to 1.1"),
    ],
)
def test_shares_of_an_arm_are_of_subgroups_and_at_most_all_patients(groups, shares, error, message):
    named = zip(("slow", "fast"), groups, strict=False)
    subgroups = [Subgroup(name=name, share=share, scale={"CL": 0.9}, source="test") for name, share in named]
    with pytest.raises(error, match=message):
        trial(Arm("a", 5, shares=shares), population=Population("il2_cd4_hiv", subgroups=subgroups))
