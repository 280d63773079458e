"""Patients in words: each way of saying a baseline, groups, days and values; what contradicts itself is refused."""

import re

import pytest

import immunode as im
from immunode.errors import BadValue, UnitError, UnknownName
from immunode.models import model
from immunode.virtual_trials.patient_words import arm_words, read_patients

IL2 = model("il2_cd4_hiv")


def said(text):
    return read_patients(text, IL2)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("cd4 200-500", {"range": (200, 500)}),
        ("CD4 200 to 500 cells/uL", {"range": (200, 500)}),
        ("cd4 count between 200 and 500", {"range": (200, 500)}),
        ("cd4 0.2–0.5 cells/nL", {"range": (200, 500)}),
        ("cd4 200-500 cells/mm³", {"range": (200, 500)}),
        ("cd4 200–500/µL", {"range": (200, 500)}),
        ("cd4 below 200", {"range": (0.1, 200)}),
        ("cd4 0-200", {"range": (0.1, 200)}),
        ("CD4+ > 350 and < 500", {"range": (350, 500)}),
        ("cd4: median 350 (220, 480) cells / uL", {"median": 350, "quartiles": (220, 480)}),
        ("cd4 < 200", {"range": (0.1, 200)}),
        ("cd4 above 200, below 500", {"range": (200, 500)}),
        ("cd4 median 350 (220-480)", {"median": 350, "quartiles": (220, 480)}),
        ("cd4 350 [IQR 220 to 480]", {"median": 350, "quartiles": (220, 480)}),
        ("cd4 median 350, quartiles 220-480, above 200", {"median": 350, "quartiles": (220, 480), "above": 200}),
        ("cd4 median 350 (range 200-500)", {"median": 350, "range": (200, 500)}),
        ("cd4 200-500, median 350", {"median": 350, "range": (200, 500)}),
        ("cd4 median 150, below 350", {"median": 150, "below": 350, "log_sd": 0.8}),
        ("cd4 median 150, log SD 0.5, below 350", {"median": 150, "below": 350, "log_sd": 0.5}),
        ("cd4 300 ± 100", {"mean": 300, "sd": 100}),
        ("cd4 mean 300 (SD 100), above 200", {"mean": 300, "sd": 100, "above": 200}),
        ("cd4 350", {"values": (350,)}),
        ("cd4 = 350", {"values": (350,)}),
        ("cd4 from patients.csv", {"table": "patients.csv"}),
        ("cd4 from patients.csv column baseline", {"table": "patients.csv", "column": "baseline"}),
    ],
)
def test_each_way_of_saying_a_baseline_is_read(text, fields):
    (baseline,) = said(text).baseline
    kept = baseline.model_dump(exclude_none=True, exclude={"source", "observable", "day"})
    assert {name: value if isinstance(value, str) else pytest.approx(value) for name, value in fields.items()} == kept
    assert baseline.observable == "cd4"


def test_what_is_assumed_says_so():
    assert "assumed" in said("cd4 200-500").baseline[0].source
    assert "assumed" in said("cd4 median 150, below 350").baseline[0].source
    assert "assumed" not in said("cd4 median 350 (220-480)").baseline[0].source


def test_groups_give_values_and_states_on_the_day_that_is_said():
    assert said("suppressed").values == {"suppressed": 1}
    assert said("untreated").set == ()
    ways = {"on HAART": 0, "on ART from day -14": -14, "on haart for 2 weeks": -14, "ART from -2 weeks": -14}
    ways |= {"on ART from month 1": 30, "on ART since week 4": 28, "on HAART at 36 h": 1.5}
    for text, day in ways.items():
        patients = said(f"cd4 below 200, {text}")
        assert patients.set == (im.SetState(state="art", value=1, day=day),)
        assert patients.start == min(day, 0)


def test_parameters_have_values_and_distributions():
    patients = said("CL = 100 L/day, setpoint_rna 1e4-1e6")
    assert patients.values == {"CL": 100}
    assert patients.baseline[0].observable == "setpoint_rna"


def test_clauses_are_joined_by_commas_and_by_words():
    for text in ("suppressed with cd4 between 200 and 500 and nadir 100-150", "suppressed; cd4 200-500, nadir 100-150"):
        patients = said(text)
        assert patients.values == {"suppressed": 1}
        assert [baseline.numbers for baseline in patients.baseline] == ["cd4 200-500", "nadir 100-150"]


def test_a_day_of_the_baseline_moves_the_start():
    patients = said("cd4 200-500 on day -14, suppressed")
    assert (patients.baseline[0].day, patients.start) == (-14, -14)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", BadValue, "expected who they are"),
        (
            "hello",
            UnknownName,
            "say a group (untreated, suppressed, on HAART); a covariate (rna, cd4, nadir, pretherapy cd4)",
        ),
        ("supressed", UnknownName, "did you mean 'suppressed'?"),
        ("cd4 200 on day 1.2.3", BadValue, "cannot be read"),
        ("rna 10,000-50,000", BadValue, "'0,000': write thousands without a comma"),
        (
            "art = 1",
            BadValue,
            "'art' is a state of il2_cd4_hiv, which is set on a day: say a group that sets it (on HAART)",
        ),
        ("cd4 many", BadValue, "what is said of 'cd4' cannot be read"),
        ("cd4 -200", BadValue, "cannot be read"),
        ("cd4 500-200", BadValue, "the lowest value = 500 is not below the highest value = 200"),
        ("cd4 above 500", BadValue, "up to what? write a range, such as cd4 500-1000"),
        ("cd4 200-500 mg", UnitError, "'mg' cannot be converted to 'cells/uL'"),
        ("cd4 200-500, cd4 median 300 (250-400)", BadValue, "does not go with"),
        ("cd4 200, cd4 300", BadValue, "'values' is said twice"),
        ("suppressed, untreated", BadValue, "both say the therapy of a patient"),
        ("suppressed from day 3", BadValue, "nothing is set for 'suppressed'"),
        ("suppressed, suppressed = 0", BadValue, "suppressed is 1 before 'suppressed = 0'"),
        ("cd4_start = 200, cd4 200-300", BadValue, "'cd4' decides cd4_start, which is also said"),
        ("CL = 100 mg", UnitError, "parameter 'CL'"),
        ("CL median 100", BadValue, "has a median and no spread"),
    ],
)
def test_what_cannot_be_is_refused_by_name(text, error, message):
    with pytest.raises(error, match=re.escape(message)):
        said(text)


def test_a_model_without_terms_takes_its_own_parameters():
    with pytest.raises(UnknownName, match="no group, covariate or parameter of il2_receptors"):
        read_patients("suppressed", model("il2_receptors"))
    alone = read_patients("CL = 100", model("il2_sc"))
    assert alone.words(model("il2_sc")) == []


def arm_of(**fields):
    trial = im.Trial("t", im.Population(IL2), [0, 28], [im.Arm("a", 5, "3 MIU SC QD days 1-5", **fields)], start=-14)
    return trial.arms[0], trial.plans["a"]


def test_the_patients_of_an_arm_are_read_when_the_trial_is_made():
    arm, plan = arm_of(patients="cd4 below 200, on HAART", values={"CL": 100})
    assert arm.baselines[0].range == (0.1, 200)
    assert arm.values == {"suppressed": 0, "CL": 100}
    assert next((dose.into, dose.time) for dose in plan.regimen.doses) == ("art", -14)
    words = arm_words(arm, IL2, plan.regimen)
    assert any("on HAART" in text and "art = 1 from day -14" in text for text in words)
    # a trial that is made again of its parts is the same
    assert arm.patients == ""


def test_what_the_patients_of_an_arm_say_twice_is_refused():
    with pytest.raises(BadValue, match="arm 'a': its patients say suppressed = 1 and its values 0"):
        arm_of(patients="suppressed", values={"suppressed": 0})
    with pytest.raises(BadValue, match="arm 'a': the baselines 'cd4' and 'cd4' both decide cd4_start"):
        arm_of(patients="cd4 200-500", baseline=im.Baseline(observable="cd4", values=[300], source="s"))
    with pytest.raises(UnknownName, match="arm 'a': patients: 'supressed'"):
        arm_of(patients="supressed")


def test_an_arm_of_which_nobody_said_says_its_default():
    arm, plan = arm_of()
    assert any(text.startswith("untreated") and "default" in text for text in arm_words(arm, IL2, plan.regimen))


@pytest.mark.parametrize(
    ("said", "better"),
    [
        ("CD4 200-500 suppressed", "CD4 200-500, suppressed"),
        ("suppressed CD4 count 200-500", "suppressed, CD4 count 200-500"),
        ("untreated cd4 below 200", "untreated, cd4 below 200"),
        ("cd4 median 350 (220-480) on HAART from day -14", "cd4 median 350 (220-480), on HAART from day -14"),
        ("cd4 200-500 rna 1000-2000", "cd4 200-500, rna 1000-2000"),
        ("suppressed CL = 100 L/day", "suppressed, CL = 100 L/day"),
    ],
)
def test_a_comma_that_is_missing_is_said(said, better):
    hiv = model("il2_cd4_hiv")
    with pytest.raises(BadValue, match=re.escape(f"a comma is missing; write '{better}'")):
        read_patients(said, hiv)
    read_patients(better, hiv)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cd4 0-0", "'cd4': the highest value = 0.0: expected greater than 0"),
        ("nadir below 0", "'nadir': the highest value = 0.0: expected greater than 0"),
        ("cd4 0", "'cd4': the value = 0.0: expected greater than 0"),
        ("cd4 500-200", "the lowest value = 500 is not below the highest value = 200"),
        ("cd4 median 100 (220-480)", "the lower quartile = 220 is not below median = 100"),
        ("cd4 median 300 (200-250)", "median = 300 is not below the upper quartile = 250"),
        ("cd4 300 +- 0", "the SD = 0.0: expected"),
        ("cd4 median 300, log SD 0", "the SD of the log = 0.0: expected"),
        ("cd4 below 0.05", "'cd4' is below 0.05, and il2_cd4_hiv has nobody below 0.1"),
        ("cd4 0-0.1", "'cd4' is below 0.1, and il2_cd4_hiv has nobody below 0.1"),
    ],
)
def test_a_refusal_names_what_was_said_and_no_field_of_a_file(text, message):
    with pytest.raises(BadValue) as error:
        said(text)
    assert message in str(error.value)
    assert not re.search(r"(range|quartiles|values)\.|log_sd", str(error.value))


def test_a_spread_that_nobody_gave_a_source_for_says_so():
    own_model = im.Model(
        "m", [im.State("c", "mg", initial=lambda p: p.c0)], lambda t, x, p: {"c": -p.k * x.c},
        [im.Parameter("c0", 5.0, "mg", low=0.1), im.Parameter("k", 0.1, "1/day")],
        patients=im.PatientTerms(covariates=[im.Covariate("burden", "c0", "mass", log_sd=0.8)], source="assumed"),
    )  # fmt: skip
    words = read_patients("burden median 5", own_model).words(own_model)
    assert words[0] == "burden median 5 mg (SD of the log 0.8: no source declared)"
