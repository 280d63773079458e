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
    assert files == tables | {"comparison.json", "comparison.nc", "comparison.png"}


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
    ],
)
def test_what_cannot_be_compared_is_one_line(run, arguments, said):
    code, out, err = run("compare", *arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) == 1
