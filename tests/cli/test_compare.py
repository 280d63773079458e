"""`immunode compare`: sentences or a file, options over the file, and what is refused in one line."""

import json

import pytest

DOSES = ["1.5 MIU SC BID x 5 days", "4.5 MIU SC BID x 5 days"]
WHO = ["--patients", "cd4 200-500, suppressed", "--until", "56", "--n", "10"]


def test_a_comparison_is_printed_and_its_files_are_written(run, tmp_path):
    code, out, _ = run("compare", "il2_cd4_hiv", *DOSES, *WHO, "--out", tmp_path / "out")
    assert code == 0
    assert "2 schedules in the same 10 patients, day 0 to 56" in out
    files = {path.name for path in (tmp_path / "out").iterdir()}
    tables = {"comparison.csv", "patients.csv", "courses.csv"}
    pictures = {"comparison.png", "panel_cd4.png", "panel_il2_cycle.png", "panel_frontier.png", "change_cd4.png"}
    assert files == tables | pictures | {"comparison.json", "comparison.nc"}


def test_threads_change_nothing(run):
    one, two = (run("compare", "il2_cd4_hiv", *DOSES, *WHO, "--json", "--threads", k) for k in (1, 2))
    assert one == two
    assert json.loads(one[1])["n"] == 10


def test_schedules_have_names_and_options_change_a_file(run, tmp_path):
    path = tmp_path / "variants.toml"
    lines = ['model = "il2_sc"', "n = 7", "[schedules]", 'low = "1 MIU SC"', 'high = "9 MIU SC"']
    path.write_text("\n".join(lines), encoding="utf-8")
    data = json.loads(run("compare", path, "--until", "3 d", "--level", "il2=4", "--json")[1])
    assert (data["n"], data["until"]) == (7, 3)
    assert [one["name"] for one in data["schedules"]] == ["no doses", "low", "high"]
    named = json.loads(run("compare", "il2_sc", "low=1 MIU SC", "high=9 MIU SC", "--n", 7, "--until", 3, "--json")[1])
    assert named["schedules"][2]["regimen"] == data["schedules"][2]["regimen"]


def test_a_year_in_months_ends_on_the_day_on_which_simulate_ends(run):
    compared = json.loads(run("compare", "il2_sc", "3 MIU SC", "--until", "12mo", "--n", 2, "--json")[1])
    simulated = json.loads(run("simulate", "il2_sc", "--until", "12mo", "--every", "1mo", "--json")[1])
    assert compared["until"] == simulated["time"][-1] == 365
    assert simulated["time"][:4] == [0, 30, 61, 91]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["il2_cd4_hiv"], "schedules are missing"),
        (["il2_cd4_hiv", "3 MIU SC", "a=3 MIU SC"], "'3 MIU SC' has no name, and others have"),
        (["il2_cd4_hiv", "a=3 MIU SC", "a=4 MIU SC"], "two schedules are called 'a'"),
        (["il2_cd4_hiv", "3 MIU QX"], "3 MIU QX"),
        (["il2_cd4_hiv", "3 MIU SC", "--patients", "cd4 900-100"], "900"),
        (["il2_cd4_hiv", "3 MIU SC", "--until", "soon"], "until = 'soon'"),
        (["il2_cd4_hiv", "3 MIU SC", "--level", "il2"], "--level il2: expected NAME=VALUE"),
        (["il2_cd4_hiv", "3 MIU SC", "--set", "Cl=3"], "did you mean 'CL'"),
        (["nothing.toml"], "nothing.toml"),
        (["il2_cd4_hiv", "3 MIU SC", "--set", "supressed"], "or a group of il2_cd4_hiv: untreated, suppressed"),
        (["il2_sc", "3 MIU SC", "--set", "CL"], "--set CL: expected NAME=VALUE, such as CL='7 L/h'"),
        (
            ["il2_cd4_hiv", "3 MIU SC", "--set", "suppressed", "--patients", "as in tincati_2008"],
            "of their trial; leave",
        ),
        (["il2_cd4_hiv", "3 MIU SC", "--set", "suppressed", "--patients", "untreated"], "both say the therapy"),
        (["il2_cd4_hiv", "3 MIU SC", "--visits", "often"], "visits = 'often'"),
        (["il2_cd4_hiv", "3 MIU SC", "--endpoint", "signal=cd4, measure=cmini"], "did you mean 'cmin'"),
        (["il2_cd4_hiv", "3 MIU SC", "--endpoint", "signal=foo"], "no output or state 'foo'"),
        (["il2_cd4_hiv", "3 MIU SC", "--adherence", "missed=2"], "--adherence missed=2: missed = 2.0: expected less"),
        (["il2_cd4_hiv", "3 MIU SC", "--adherence", ""], "nothing is missed or late"),
        (["il2_cd4_hiv", "3 MIU SC", "--dropout", "share=0.2"], "'share' and 'by' go together"),
    ],
)
def test_what_cannot_be_compared_is_one_line(run, arguments, said):
    code, out, err = run("compare", *arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_options_say_what_a_file_says_in_the_same_words(run, tmp_path):
    path = tmp_path / "variants.toml"
    path.write_text(
        """
model = "il2_cd4_hiv"
patients = "cd4 200-500, suppressed"
until = 56
n = 10
visits = "every 2 weeks to 8 wk"
adherence = { missed = 0.3, delay_sd = "2 h", source = "assumed" }
dropout = { share = 0.5, by = 28, source = "assumed" }
schedules = { low = "1.5 MIU SC BID x 5 days every 14 days while cd4 < 2000, at most 3" }

[[endpoints]]
label = "trough, or so"
signal = "cd4"
measure = "cmin"
better = "more"
[[endpoints]]
signal = "cd4"
measure = "time_above"
level = 300
from_day = "2 wk"
""",
        encoding="utf-8",
    )
    said = [
        *("low=1.5 MIU SC BID x 5 days every 14 days while cd4 < 2000, at most 3", "--visits", "every 2 weeks to 8 wk"),
        *("--adherence", "missed=0.3, delay_sd=2 h", "--dropout", "share=0.5,by=28"),
        *("--endpoint", 'label="trough, or so", signal=cd4, measure = cmin, better=more'),
        *("--endpoint", "signal=cd4, measure=time_above, level=300, from_day=2 wk"),
    ]
    file, line = (run("compare", *words, "--json") for words in ([path], ["il2_cd4_hiv", *said, *WHO]))
    assert file == line
    data = json.loads(line[1])
    assert "30 % of doses missed" in data["patients"]
    assert "50 % of patients have left by day 28" in data["patients"]
    first = data["schedules"][1]["endpoints"][0]
    assert (first["endpoint"], first["kind"], first["better"]) == ("trough, or so", "benefit", "more")


def test_a_group_that_set_names_is_one_of_the_patients(run, tmp_path):
    asked = ("3 MIU SC", "--n", 5, "--until", "7d", "--json")
    one = run("compare", "il2_cd4_hiv", *asked, "--patients", "cd4 300", "--set", "suppressed", "--set", "CL=200")
    other = run("compare", "il2_cd4_hiv", *asked, "--patients", "cd4 300, suppressed", "--set", "CL=200")
    assert one == other
    assert one[0] == 0
    file = tmp_path / "variants.toml"
    file.write_text('model = "il2_cd4_hiv"\npatients = "cd4 300"\nschedules = { low = "3 MIU SC" }\n')
    code, out, _ = run("compare", file, *asked[1:], "--set", "suppressed", "--set", "CL=200")
    assert code == 0
    assert json.loads(out)["patients"] == json.loads(one[1])["patients"]
