"""Declarations of fits: what is wrong is refused with its line and field, and nothing is written."""

import pytest

from immunode.calibration.declared import run_fit
from immunode.calibration.fit_file import find_fit
from immunode.errors import BadValue, UnknownName

EFFECTS = "trial_effects = { CL = 0.3 }"
AREA = "kirchner_1998: once, median auc of il2 [IU*hour/mL], hour 0 to 24"


def test_bad_declarations_are_refused(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'il2_cd4'"):
        find_fit("il2_cd")
    path = tmp_path / "fit.toml"
    start = 'title = "t"\nmodel = "il2_sc"\nevidence = ["kirchner_1998"]\n'
    path.write_text(start + "[vary]\nCl = { log = true }\n", encoding="utf-8")
    with pytest.raises(UnknownName, match="did you mean 'CL'"):
        run_fit(str(path), progress=False)
    path.write_text(start + "[vary]\nCL = { lok = true }\n", encoding="utf-8")
    with pytest.raises(BadValue, match=r"line 5, field 'vary\.CL\.lok': there is no such field; did you mean 'log'"):
        run_fit(str(path), progress=False)
    path.write_text("title = t", encoding="utf-8")
    with pytest.raises(BadValue, match="line 1"):
        run_fit(str(path), progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["fit.toml"]


def test_what_is_no_fit_is_said_to_be_none(tmp_path):
    (tmp_path / "a.toml").write_text("")
    for path in (tmp_path, tmp_path / "a.toml"):
        with pytest.raises(UnknownName, match=r"is no fit: expected a folder with a fit\.toml, or that file"):
            find_fit(str(path))
    for name in ("x" * 300, "zero\0", ""):
        with pytest.raises(UnknownName, match="there is no fit"):
            find_fit(name)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("[values]\nka = 5", "no use for 'values'"),
        ('[scored]\ngains = ["a"]', "no use for 'scored'"),
        ('[vary.V]\nlog = true\nprior = { median = 5, log_sd = 0.3, source = "x" }', "no use for the prior of 'V'"),
        ("[vary.V]\nprior = { median = 5, log_sd = 0.3 }", "source"),
        ('[vary.V]\nprior = { median = -5, log_sd = 0.3, source = "x" }', "median"),
    ],
)
def test_what_only_a_population_has_is_refused_of_the_typical_patient(tmp_path, lines, says):
    path = tmp_path / "fit.toml"
    start = 'title = "t"\nmodel = "il2_sc"\nevidence = ["kirchner_1998"]\n'
    path.write_text(f"{start}[vary.CL]\nlog = true\n{lines}\n", encoding="utf-8")
    with pytest.raises(BadValue, match=says):
        run_fit(str(path), progress=False)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('same_patients = [["kirchner_1998", "konrad_1990"]]', "has trial_effects alone"),
        (f'{EFFECTS}\nsame_patients = [["kirchner_1998", "konrad_1990"]]', "'konrad_1990' is not in evidence"),
        (f'{EFFECTS}\nsame_patients = [["kirchner_1998", "kirchner_1998"]]', "has a trial twice"),
        (
            'scored = { gains = ["kirchner_1998: x"] }',
            "scored: 'gains': no number 'kirchner_1998: x' is printed; did you mean 'kirch",
        ),
        ("scored = { gains = [] }", "scored"),
        (f'scored = {{ areas = ["{AREA}", "{AREA}"] }}', "scored: 'areas': .* is there 2 times"),
        ("values = { CL = 50 }", "values: 'CL' is fitted, so that its value has no effect"),
        ('values = { V = 50 }\nderived = { V = "CL / 10" }', "values: 'V' is derived"),
    ],
)
def test_numbers_and_trials_that_are_not_there_are_refused(tmp_path, line, says):
    path = tmp_path / "fit.toml"
    start = f'title = "t"\nmodel = "il2_sc"\nevidence = ["kirchner_1998"]\nlikelihood = "summaries"\n{line}\n'
    path.write_text(f"{start}population = {{ CL = 0.3 }}\n[vary.CL]\nlog = true\n", encoding="utf-8")
    with pytest.raises(BadValue, match=says):
        run_fit(str(path), progress=False)
