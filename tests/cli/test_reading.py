"""What the texts of options say: times with units, states that are set, parameters."""

import json
import re

import numpy as np
import pytest

import immunode as im
from immunode import models
from immunode.cli.reading import part_of, rows_of, states_of
from immunode.errors import BadValue, ImmunodeError
from immunode.regimen import Regimen

HOURS = """import immunode as im

MODEL = im.Model(
    "hourly",
    states=[im.State("central", "mg", "drug in the body")],
    routes={"iv": "central"},
    parameters=[im.Parameter("CL", 2.0, "L/h"), im.Parameter("V", 14.0, "L")],
    outputs=[im.Output("conc", "mg/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"central": -p.CL * x.central / p.V},
    time="h",
)
"""


@pytest.mark.parametrize(
    ("text", "state", "amount", "day"),
    [
        ("art=1 day 0", "art", "1", 0.0),
        ("virus = 1000 day 3", "virus", "1000 copies/mL", 3.0),
        ("virus=1000 copies/mL at 36 h", "virus", "1000 copies/mL", 1.5),
        ("virus=1e3 1/uL hour 36", "virus", "1e3 1/uL", 1.5),
        ("art=1 on day -14", "art", "1", -14.0),
        ("art=0 at 2 wk", "art", "0", 14.0),
        ("art=0 month 1", "art", "0", 30.0),
    ],
)
def test_a_state_that_is_set_is_im_replace(text, state, amount, day):
    if "1/uL" in text:
        with pytest.raises(ImmunodeError):  # copies are no numbers: as of im.replace, when it is given to the model
            im.simulate("il2_cd4_hiv", states_of([text], models.model("il2_cd4_hiv")), times=[1])
        return
    assert states_of([text], models.model("il2_cd4_hiv")) == im.replace(state, amount, time=day)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("art=1", 'expected a state, its value and when, such as "art=1 day 0"'),
        ("art day 0", "expected a state, its value and when"),
        ("art=x day 0", "'x' is not a number"),
        ("art=1 day x", "'x day' is not a number"),
        ("arrt=1 day 0", "il2_cd4_hiv has no state 'arrt'; did you mean 'art'?"),
        ("sc=1 day 0", "il2_cd4_hiv has no state 'sc'"),
        ("suppressed=1 day 0", "suppressed is a parameter, not a state; change it with --set suppressed=1"),
        ("art=-1 day 0", "negative"),
        ("art=2 day 0", "expected 0 to 1 (share of full therapy: 1 on, 0 off)"),
        ("virus=1 mg day 0", "different kind"),
    ],
)
def test_a_state_that_cannot_be_set_is_refused_in_one_line(run, text, said):
    code, out, err = run("simulate", "il2_cd4_hiv", "--at", text)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_state_among_parameters_is_refused_with_how_it_is_set(run):
    code, out, err = run("simulate", "il2_cd4_hiv", "--set", "art=0")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "'art' is a state of il2_cd4_hiv; set it on a day: --at \"art=0 day 0\"" in err


def test_a_state_is_set_before_the_doses_of_its_time_and_once_at_a_time(run):
    asked = ("simulate", "il2_sc", "--regimen", "3 MIU IV", "--every", "1h", "--until", "4h", "--json")
    code, out, _ = run(*asked, "--at", "central=1 MIU day 0")
    data = json.loads(out)
    regimen = im.replace("central", "1 MIU", time=0) + im.prescribe("3 MIU IV")
    course = im.simulate("il2_sc", regimen, times=im.days(0, "4 h", every="1 h"))
    assert code == 0
    assert data["values"]["central"] == course["central"].values.tolist()
    assert (data["regimen"], data["changed"]) == ("3 MIU IV bolus", "--at central=1 MIU day 0")
    code, _, err = run(*asked, "--at", "central=1 day 0", "--at", "central=2 at 0 h")
    assert (code, err.count("\n")) == (2, 1)
    assert "central is set at that time already" in err


def test_therapy_from_a_day_is_that_of_a_trial_file(run):
    out = run("simulate", "il2_cd4_hiv", "--at", "art=1 day 0", "--until", "1mo", "--every", "1wk", "--json")[1]
    course = im.simulate("il2_cd4_hiv", im.replace("art", 1, time=0), times=[0, 7, 14, 21, 28, 30])
    np.testing.assert_array_equal(json.loads(out)["values"]["rna"], course["rna"].values)


def test_times_have_units_in_models_of_hours_too_and_a_number_alone_is_refused_there(run, tmp_path):
    file = tmp_path / "hourly.py"
    file.write_text(HOURS)
    asked = ("simulate", file, "--regimen", "10 mg IV")
    code, out, _ = run(*asked, "--until", "1d", "--every", "6h", "--json", "--out", tmp_path / "out")
    data = json.loads(out)
    assert (code, data["time"], data["time_unit"]) == (0, [0, 6, 12, 18, 24], "h")
    assert (tmp_path / "out" / "units.csv").read_text().splitlines()[:2] == ["column,unit", "time,h"]
    assert re.search(r"┃ h\s", run(*asked)[1])
    for option in ("--until", "--every", "--max-step"):
        code, _, err = run(*asked, option, "24")
        assert (code, err.count("\n")) == (2, 1)
        assert "a number alone is days, and hourly counts hours; write '24 h' or '24 d'" in err
    code, out, _ = run(*asked, "--at", "central=5 at 12 h", "--until", "24 h", "--every", "12h", "--json")
    times = ["0 h", "12 h", "24 h"]
    regimen = im.replace("central", "5 mg", time="12 h") + im.prescribe("10 mg IV")
    course = im.simulate(str(file), regimen, times=times)
    assert json.loads(out)["values"]["conc"] == course["conc"].values.tolist()


def test_rows_are_refused_where_they_are_too_many():
    with pytest.raises(BadValue, match=r"--until 1e\+09 --every 1: 1,000,000,000 rows are more than 1,000,000"):
        rows_of([Regimen()], 1e9, "1")


def test_a_part_of_a_file_is_said_by_its_fields():
    text = """signal=cd4, statistic = percent_below,limit=350 cells/uL , label="a, b = c", day=12 mo"""
    part = part_of("--endpoint", text, im.Endpoint)
    assert (part.signal, part.limit, part.label, part.day) == ("cd4", "350 cells/uL", "a, b = c", 365)
    assert part_of("--endpoint", "signal='cd4',limit=350,statistic=percent_above", im.Endpoint).limit == 350.0
    taking = part_of("--adherence", "missed=0.1", im.Adherence, source="assumed")
    assert taking == im.Adherence(missed=0.1, source="assumed")
    assert part_of("--adherence", "missed=.1, source=Smith 2004", im.Adherence, source="assumed").source == "Smith 2004"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("signal", "--endpoint signal: expected FIELD=VALUE with commas between them; fields: signal, measure"),
        ("signal=", "expected FIELD=VALUE"),
        ("signal=cd4 measure=cmax", "measure=cmax"),
        ("signal=cd4,,measure=cmax", "expected FIELD=VALUE"),
        ('label="open', "expected FIELD=VALUE"),
        ("signal=cd4, signal=il2", "signal is said twice"),
        ("sigal=cd4", "did you mean 'signal'"),
        ("signal=cd4, better=up", "expected 'more' or 'less'"),
    ],
)
def test_a_part_that_cannot_be_read_is_refused_with_its_option_and_fields(text, said):
    with pytest.raises(ImmunodeError, match=re.escape(said)):
        part_of("--endpoint", text, im.Endpoint)
