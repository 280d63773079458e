"""A trial's answer: some 25 lines of 80 columns, three digits, and what its reader asks first."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import immunode as im
from immunode.evidence.library import load
from immunode.report.answers import LINES, listed
from immunode.report.trials import TrialReport
from immunode.studies.readings_run import ReadingRun
from immunode.studies.trial_endpoints import trial_endpoints
from immunode.virtual_trials.measured import measured_arms
from immunode.virtual_trials.trial_run import arm_runs, from_file, labelled

PAGE = (Path(__file__).parents[2] / "docs" / "trial-files.md").read_text(encoding="utf-8")
OWN = PAGE.split("```toml\n")[1].split("```")[0]


def reported(trial, n=60, readings=()):
    runs = arm_runs(trial, n, 1, progress=lambda *_: None)
    arms = measured_arms(trial, runs, 1)
    return TrialReport(trial, labelled(trial, runs, arms, 1), readings, trial_endpoints(trial, runs, arms, 1))


def printed(report):
    console = Console(width=80, file=io.StringIO(), highlight=False, markup=False)
    for thing in report.table():
        console.print(thing)
    return [line.rstrip() for line in console.file.getvalue().rstrip("\n").splitlines()]


def own(tmp_path, text=OWN):
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    return from_file(load(str(tmp_path / "own.toml")))


@pytest.fixture(scope="module")
def tincati():
    report = reported(from_file(load("tincati_2008")))
    figures = [row for row in report.json()["figures"] if row["short"]]
    moved = [dict(row) for row in figures]
    moved[1] |= {"simulated": 45.0}
    gains = [row for row in report.endpoints if row.kind == "benefit" and not row.label]
    names = ("share of HAART-discordant patients", "how weak HAART-discordant patients are in all that they have")
    others = [ReadingRun(name, "45 %", 60, moved, gains) for name in names]
    runs = [ReadingRun("as assumed", "", 60, figures, gains), *others]
    return TrialReport(report.trial, report.result, runs, report.endpoints)


def digits_that_count(text):
    numbers = re.findall(r"(?<![\w./-])\d+\.?\d*(?![\w-])", text)
    return [len(number.replace(".", "").strip("0")) for number in numbers]


def test_the_librarys_trial_is_answered_in_25_lines_of_80_columns(tincati):
    lines = printed(tincati)
    assert len(lines) <= LINES == 25
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for said in ("IL-2+HAART (33)", "cd4 median 61", "on HAART", "gain vs HAART", "< 50 copies", "IL-2NR", "MIU"):
        assert said in text, said
    for said in ("the paper:", "agrees:", "silent about: AIDS-defining condition", "moved most", "--all", "--out"):
        assert said in text, said
    assert max(digits_that_count(text[text.index("gain vs") :])) <= 3


def test_what_moves_a_number_says_from_where_to_where_though_its_assumption_is_long(tincati):
    moved = [line for line in printed(tincati) if "->" in line]
    assert len(moved) == 2
    assert all(line.endswith("-> 45") for line in moved)


def test_a_trial_of_ones_own_has_gain_responders_cycles_miu_and_exposure_and_nothing_published(tmp_path):
    lines = printed(reported(own(tmp_path)))
    text = "\n".join(lines)
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80
    for said in ("gain", "responder", "non-responder", "cycles", "MIU", "il2 peak", "il2 AUC", "gain vs low"):
        assert said in text, said
    assert "publish" not in text
    assert "paper" not in text
    assert "as stated" not in text
    assert max(digits_that_count(text[text.index("gain vs") :])) <= 3


def test_a_figure_without_a_published_number_is_not_judged(tmp_path):
    figure = '\n[[figures]]\nlabel = "CD4 at the end (p)"\nkind = "test"\ntest = "mann_whitney"\nobservable = "cd4"\n'
    figure += 'groups = ["low", "high"]\nday = 365\n'
    report = reported(own(tmp_path, OWN + figure))
    assert "paper" not in "\n".join(printed(report))
    everything = TrialReport(report.trial, report.result, (), report.endpoints, everything=True)
    text = "\n".join(printed(everything))
    assert "as stated" not in text
    assert "publ" not in text


def test_six_arms_take_a_line_more_each_and_long_names_are_numbered(tmp_path):
    head, arm = OWN.split("[[arms]]")[0], "[[arms]]" + OWN.split("[[arms]]")[2].split("[population]")[0]
    names = [f"a name that no column holds, dose level {i}" for i in range(6)]
    arms = "".join(arm.replace('"high"', f'"{name}"') for name in names)
    lines = printed(reported(own(tmp_path, head + arms + "[population]" + OWN.split("[population]")[1]), n=20))
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 25 + 4 * 4
    assert all(any(line.startswith(f"  {i} {name} (20)") for line in lines) for i, name in enumerate(names, 1))


def test_a_model_that_counts_nothing_is_told_by_what_its_drug_reaches():
    trial = im.Trial("t", im.Population("il2_sc"), [0, 7], [im.Arm("a", n=3, regimen="3 MIU SC")])
    text = "\n".join(printed(reported(trial, n=5)))
    assert "il2 peak" in text
    assert "cycles" in text


def test_long_labels_many_outputs_and_one_visit_keep_to_80_columns(tmp_path):
    long = OWN.replace('"responder"', '"a responder as the protocol of this trial has them"')
    assert max(map(len, printed(reported(own(tmp_path, long), n=20)))) <= 80
    population = im.Population("il2_cd4_hiv")
    one = im.Trial("one visit", population, [0], [im.Arm("a", n=3, regimen="3 MIU SC")])
    text = "\n".join(printed(reported(one, n=5)))
    assert "gain" not in text
    assert "> 500" in text


def test_the_same_patients_in_each_arm_are_compared_with_themselves():
    arms = [im.Arm("a", 20, "3 MIU SC QD days 1-5"), im.Arm("b", 20)]
    population = im.Population("il2_cd4_hiv", omega={"recruitment": 0.9, "supply": 0.6})
    widths = []
    for same in (False, True):
        rows = reported(im.Trial("t", population, [0, 100], arms, noise={"cd4": 0.18}, same_patients=same)).endpoints
        gain = next(row for row in rows if row.endpoint == "cd4 gain" and row.arm == "a")
        widths.append(gain.difference_high - gain.difference_low)
    assert widths[1] < widths[0]


def test_items_that_do_not_fit_are_counted():
    assert listed("agrees", ["one", "two"], 1) == ["agrees: one; two"]
    lines = listed("agrees", [f"figure {i} of a trial" for i in range(20)], 2)
    assert len(lines) == 2
    assert lines[-1].endswith("more")


def test_who_leaves_and_whose_counts_are_seen_is_said_first():
    arms = [im.Arm("a", 20, "3 MIU SC QD days 1-5", dropout=im.Dropout(share=0.5, by=50, source="assumed"))]
    trial = im.Trial("t", im.Population("il2_cd4_hiv", omega={"supply": 0.6}), [0, 50, 100], arms)
    lines = printed(reported(trial, n=200))
    (seen,) = (line for line in lines if "are seen on day 100" in line)
    count = int(seen.split("a: ")[1].split(" of 200")[0])
    assert count == pytest.approx(50, abs=25)  # half of half
    assert "counts are of who is seen, doses of all" in seen
    assert any("50 % of patients have left by day 50" in line for line in lines)


def test_of_rules_without_labels_cycles_miu_and_on_whom_each_acted_stand_in_the_answer():
    visits = list(range(0, 196, 28))
    line = "4.5 MIU SC BID x 5 days every 56 days while cd4 < 9 x baseline, at most 3; stop when cd4 > 60000"
    arms = [im.Arm("by rule", n=20, regimen=line, patients="cd4 200-500, suppressed"), im.Arm("none", n=20)]
    report = reported(im.Trial("t", im.Population("il2_cd4_hiv"), visits, arms), n=40)
    lines = printed(report)
    text = "\n".join(lines)
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80
    assert re.search(r"cycles +MIU.*\n.*mean +mean", text)  # and that these are means
    log = report.result.decision_reason.values.astype(str) == "met"
    who = report.result.decision_patient.values[log]
    said = " ".join(text.split())
    assert (
        f"acted on {len(set(who.tolist()))} of 40 patients, {len(who) / len(set(who.tolist())):.3g} times each" in said
    )
    assert "acted on 0 of 40 patients" in said  # the rule that stops
