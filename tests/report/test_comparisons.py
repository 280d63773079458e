"""A comparison's report: an answer of 25 lines at 80 columns, stable JSON, tables for a report."""

import io
import json
import re
from pathlib import Path

import pandas
import pytest
from rich.console import Console

import immunode as im
from immunode.report.comparison_frames import comparison_frame
from immunode.report.comparisons import ComparisonReport
from immunode.report.files import save_comparison

DOSES = [f"{dose} MIU SC BID x 5 days every 8 weeks x2" for dose in (1.5, 3, 4.5, 7.5)]
PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def result():
    return im.compare("il2_cd4_hiv", DOSES, patients="cd4 200-500, suppressed", until="4 mo", n=30)


def printed(report, width=80):
    console = Console(width=width, file=io.StringIO(), highlight=False, markup=False)
    for thing in report.table():
        console.print(thing)
    return console.file.getvalue().rstrip("\n").splitlines()


def test_four_arms_are_answered_in_25_lines_of_80_columns(result):
    lines = printed(ComparisonReport(result))
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "suppressed" in text
    assert all(dose in text for dose in DOSES)
    numbers = re.findall(r"(?<![\w.])\d+\.?\d*", text[text.index("benefit") :])
    assert max(len(number.replace(".", "").lstrip("0")) for number in numbers) <= 4  # 1010 of an area


def test_short_names_stand_in_the_tables_and_efficient_ones_are_marked():
    doses, who = {"low": "1.5 MIU SC", "high": "4.5 MIU SC"}, "cd4 300, suppressed"
    named = im.compare("il2_cd4_hiv", doses, patients=who, until=7, n=10, versus="low")
    text = "\n".join(printed(ComparisonReport(named, everything=True)))
    assert "* low" in text
    assert "low  1.5 MIU SC" in text
    assert "minus low (95 %)" in text
    assert "spread between patients" in text


def test_json_has_the_keys_of_the_page_and_no_nan(result):
    data = ComparisonReport(result).json()
    text = json.dumps(data, allow_nan=False)
    paragraph = PAGE.split("`immunode compare")[1].split("\n\n")[0]
    documented = set(re.findall(r"`(\w+)`", paragraph))
    keys = set(data) | set(data["schedules"][0]) | set(data["schedules"][0]["endpoints"][0])
    assert keys <= documented
    assert json.loads(text)["schedules"][2]["regimen"] == DOSES[1]


def test_files_hold_every_endpoint_of_every_schedule_and_patient(result, tmp_path):
    save_comparison(ComparisonReport(result), tmp_path)
    table = pandas.read_csv(tmp_path / "comparison.csv")
    assert len(table) == 5 * result.sizes["endpoint"]
    assert table.estimate.tolist() == pytest.approx(comparison_frame(result).estimate.tolist(), nan_ok=True)
    patients = pandas.read_csv(tmp_path / "patients.csv")
    assert len(patients) == 5 * 30
    median = patients[patients.schedule == DOSES[1]]["change of cd4"].median()
    assert median == pytest.approx(float(result.estimate.sel(arm=DOSES[1], endpoint="cd4 gain")), rel=1e-9)
    courses = pandas.read_csv(tmp_path / "courses.csv")
    last = courses[(courses.schedule == DOSES[1]) & (courses.output == "cd4")].iloc[-1]
    assert last["median"] == pytest.approx(float(result.cd4.sel(arm=DOSES[1], statistic="median")[-1]), rel=1e-9)
    assert (tmp_path / "comparison.png").stat().st_size > 10_000
    import xarray

    assert xarray.open_dataset(tmp_path / "comparison.nc").estimate.shape == result.estimate.shape


def test_cycles_are_counted_where_rules_decide_and_wide_tables_are_turned():
    line = "3 MIU SC every 7 days while il2 < 1000, at most 3"
    doses = {"by rule": line, "once in all": "9 MIU SC", "twice in all": "3 MIU SC every 7 days x2"}
    result = im.compare("il2_sc", doses, until=21, n=5, levels={"il2": "12.25 IU/mL"})
    text = "\n".join(printed(ComparisonReport(result)))
    assert max(map(len, text.splitlines())) <= 80
    assert "cycles" in text
    table = comparison_frame(result)
    assert table[table.endpoint == "cycles"].estimate.tolist() == [0, 3, 1, 2]
    data = ComparisonReport(result).json()
    assert [one["cycles"] for one in data["schedules"]] == [0, 3, 1, 2]
    assert "efficient" not in text  # nothing is a benefit


def test_who_is_called_what_is_told_with_gain_and_cycles_everywhere(tmp_path):
    more = im.RecurringRule(
        name="more", when="cd4 < 1.3 x baseline", days=[28], then={"add": "4.5 MIU SC", "label": "needed more"}
    )
    said = {"low": "1.5 MIU SC", "by cd4": {"regimen": "7.5 MIU SC", "rules": [more], "label": "enough"}}
    pooled = im.Figure(
        label="pooled", kind="endpoint", groups=["needed more", "low"], versus=["no doses"], compare="ratio",
        endpoint={"signal": "cd4"},
    )  # fmt: skip
    who = "cd4 200-500, suppressed"
    labelled = im.compare("il2_cd4_hiv", said, patients=who, until=56, n=40, versus="low", figures=[pooled])
    report = ComparisonReport(labelled, everything=True)
    lines = printed(report)
    assert max(map(len, lines)) <= 80
    (called,) = [line for line in lines if line.startswith(" needed more")]
    share = float(called.split()[2])
    data = report.json()["schedules"][2]
    assert [one["label"] for one in data["labels"]] == ["enough", "needed more"]
    assert data["labels"][1]["percent"] == pytest.approx(share)
    assert data["labels"][1]["cycles"] == 2
    (number,) = report.json()["figures"]
    assert any(line.startswith("pooled, needed more + low over no doses: ") for line in lines)
    keys = {key for one in data["labels"] for key in one} | set(number)
    paragraph = PAGE.split("`immunode compare")[1].split("\n\n")[0]
    assert keys <= set(re.findall(r"`(\w+)`", paragraph))
    save_comparison(report, tmp_path)
    table = pandas.read_csv(tmp_path / "comparison.csv", keep_default_na=False)
    called = table[(table.label == "needed more") & (table.endpoint == "cd4 gain")]
    assert float(called.estimate.iloc[0]) == data["labels"][1]["endpoints"][0]["estimate"]
    assert "over low (95 %)" in "\n".join(lines)
    assert pandas.read_csv(tmp_path / "patients.csv").label.notna().sum() == 40
    assert pandas.read_csv(tmp_path / "figures.csv").estimate.tolist() == [number["estimate"]]


def test_patients_who_are_other_than_said_are_told_once_below_the_tables():
    who = "cd4 below 200, nadir 150-300, suppressed"
    odd = im.compare("il2_cd4_hiv", DOSES[:2], patients=who, until=28, n=20)
    notes = [line for line in ComparisonReport(odd).table() if isinstance(line, str) and "not as said" in line]
    assert notes == [f"not as said: {odd.unmet.values[0]}"]
    assert [one["unmet"] for one in ComparisonReport(odd).json()["schedules"]] == odd.unmet.values.tolist()
    assert "have another nadir than said (nadir 150-300)" in notes[0]


def test_tables_have_three_digits_at_most_and_counts_below_the_limit_of_their_assay_as_such():
    rna = [im.Endpoint(signal="rna", measure=m, **more) for m, more in (
        ("value", {"better": "less"}), ("cmax", {}), ("change", {}), ("value", {"statistic": "q3"})
    )]  # fmt: skip
    of = im.Figure(label="pooled", kind="endpoint", groups=["low"], endpoint={"signal": "rna"})
    asked = {"until": 56, "n": 20, "endpoints": rna, "figures": [of]}
    said = {"low": "1.5 MIU SC BID x 5 days"}
    low = im.compare("il2_cd4_hiv", said, patients="cd4 300, suppressed", **asked)
    text = "\n".join(printed(ComparisonReport(low, everything=True)))
    assert text.count("< 50 copies") == 2 + 2 + 2 + 1  # value, cmax and third quartile of both schedules; the figure
    assert text.count("below limit") == 1 + 3 + 3  # vs no doses, differences, ratios; a change is no count
    high = im.compare("il2_cd4_hiv", said, patients="cd4 300, untreated", **asked)
    text = "\n".join(printed(ComparisonReport(high, everything=True)))
    assert "limit" not in text
    assert "copies (" not in text.replace("copies/mL", "")
    assert high.estimate.sel(endpoint="median value of rna").max() > 10_000
    numbers = re.findall(r"(?<![\w.-])\d+\.?\d*", text.split("spread between")[0].split("benefit", 1)[1])
    assert all(len(number.replace(".", "").strip("0")) <= 3 for number in numbers)


def test_what_decides_may_be_another_endpoint_of_which_less_is_better():
    late = im.Endpoint(signal="cd4", measure="time_to_above", level=500, better="less", label="time to 500")
    said = {"low": "1.5 MIU SC BID x 5 days", "high": "4.5 MIU SC BID x 5 days"}
    who = "cd4 200-500, suppressed"
    result = im.compare("il2_cd4_hiv", said, patients=who, until=56, n=40, endpoints=[late])
    lines = printed(ComparisonReport(result))
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:2] == ["time", "to"] for line in lines)
    assert any(line.startswith(" also") for line in lines)  # five columns are too wide
    assert "less is better of: time to 500" in lines
    assert any(line.split()[:3] == ["no", "doses", "never"] for line in lines)
    event = im.Endpoint(measure="event", statistic="percent", better="less", label="AIDS")
    of_events = im.compare("il2_cd4_hiv", said, patients=who, until=56, n=10, endpoints=[event])
    assert of_events.endpoint.values.tolist()[:3] == ["AIDS", "cd4 gain", "cd4 > 500"]
    assert len(im.plot.comparison(of_events).axes) == 2  # no course of it


def test_an_answer_says_groups_by_name_and_all_of_it_what_they_mean(result):
    short, long = ("\n".join(printed(ComparisonReport(result, everything=all_))) for all_ in (False, True))
    assert "suppressed;" in short
    assert "suppressed: therapy has suppressed the virus" in long
    untreated = im.compare("il2_cd4_hiv", DOSES[:1], until=28, n=5)
    assert "untreated (the default: nobody said otherwise)" in " ".join(
        "\n".join(printed(ComparisonReport(untreated))).split()
    )


def test_what_would_be_more_than_25_lines_has_tables_without_rules_and_one_that_is_not_has_them(result):
    said = im.Endpoint(signal="cd4", measure="cmin", label="trough")
    longer = im.compare("il2_cd4_hiv", DOSES, patients="cd4 200-500, suppressed", until=56, n=5, endpoints=[said])
    for one, rules in ((result, True), (longer, False)):
        lines = printed(ComparisonReport(one))
        assert len(lines) <= 25
        assert any("───" in line for line in lines) == rules


def test_means_are_said_in_the_heads_of_doses_amounts_and_cycles():
    line = "3 MIU SC every 7 days while il2 < 1000, at most 3"
    few = im.compare("il2_sc", {"by rule": line, "once": "9 MIU SC"}, until=21, n=5)
    many = im.compare(
        "il2_sc", {f"by rule, dose {i}": f"{i} MIU SC every 7 days while il2 < 9" for i in (1, 2)}, until=21, n=5
    )
    for one in (few, many):
        tables = [table for table in ComparisonReport(one).table() if not isinstance(table, str)]
        heads = [str(column.header).replace("\n", " ") for table in tables for column in table.columns]
        cells = [str(cell) for table in tables for cell in table.columns[0].cells]
        for name in ("doses", "MIU", "cycles"):
            assert f"{name} (mean)" in heads + cells
            assert name not in heads + cells


def test_who_is_in_no_number_is_said_in_words_with_of_how_many():
    odd = im.compare("il2_cd4_hiv", DOSES[:1], patients="cd4 1-60000, suppressed", until=28, n=40)
    assert (odd.status != 0).any()
    notes = [line for line in ComparisonReport(odd).table() if isinstance(line, str) and "in no number" in line]
    count = int((odd.status.values[0] != 0).sum())
    assert notes == [f"in no number, under each schedule: {count} of 40 cannot have the baseline"]


def test_patients_of_a_log_are_whole_numbers(tmp_path):
    line = "3 MIU SC QD days 1-5 every 28 days while cd4 < 500, at most 2"
    save_comparison(ComparisonReport(im.compare("il2_cd4_hiv", line, n=3, until="60 d")), tmp_path)
    log = (tmp_path / "decisions.csv").read_text(encoding="utf-8").splitlines()
    assert log[0].startswith("patient,")
    assert {row.split(",")[0] for row in log[1:]} == {"0", "1", "2"}
