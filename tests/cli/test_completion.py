"""What Tab completes, as the shell asks for it."""

import shlex
import shutil
import subprocess

import pytest

from immunode import models
from immunode.calibration.fit_file import fit_names
from immunode.evidence.library import load, trial_names


@pytest.fixture
def completed(run, monkeypatch):
    """Return a function that gives the answers of bash's completion for a line whose last word is unfinished."""

    def call(line):
        words = shlex.split(line) + [""] * line.endswith(" ")
        monkeypatch.setenv("_IMMUNODE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        code, out, err = run()
        assert (code, err) == (0, "")
        return out.split()

    return call


def test_names_of_models_trials_and_fits_are_completed(completed):
    assert completed("immunode simulate il2") == [name for name in models.NAMES if name.startswith("il2")]
    assert completed("immunode models ") == list(models.NAMES)
    assert completed("immunode check data.csv --model hi") == ["hiv_art"]
    trials = [name for name in trial_names() if name.startswith("tin")]
    assert completed("immunode trials tin") == trials
    runs = [name for name in trial_names() if load(name).population is not None]
    assert completed("immunode trial ") == runs
    assert 0 < len(runs) < len(trial_names())
    assert completed("immunode fit ") == fit_names()
    assert completed("immunode predict tincati_2008 --fit ") == fit_names()
    assert completed("immunode predict tincati_2008 --fit il2_cd4 --fit pis") == ["piscitelli_1996"]
    assert completed("immunode si") == ["simulate"]


def test_parameters_and_states_of_the_model_on_the_line_are_completed(completed, tmp_path):
    parameters = [f"{p.name}=" for p in models.model("il2_sc").parameters]
    assert completed("immunode simulate il2_sc --set ") == parameters
    assert completed("immunode simulate il2_sc --until 7 --set C") == ["CL="]
    assert completed("immunode simulate il2_cd4_hiv --at ar") == ["art="]
    assert "suppressed" in completed("immunode simulate il2_cd4_hiv --set su")
    assert "untreated" in completed("immunode compare il2_cd4_hiv --set un")
    assert completed("immunode simulate nothing --set ") == []
    assert completed("immunode simulate --set ") == []
    file = tmp_path / "mine.py"
    file.write_text('import immunode as im\nMODEL = im.compose("mine", im.models.model("il2_sc"))\n')
    assert completed(f"immunode simulate {file} --set C") == ["CL="]


def test_the_help_says_how_to_install_it(run):
    out = run("--help")[1]
    assert "--install-completion" in out
    assert "<bool>" not in out


def test_outputs_and_names_of_schedules_of_a_comparison_are_completed(completed, tmp_path):
    outputs = [f"{name}=" for name in models.model("il2_cd4_hiv").shown]
    assert completed("immunode compare il2_cd4_hiv --level ") == outputs
    assert completed("immunode compare il2_cd4_hiv --until 7 --level cd") == ["cd4="]
    line = "immunode compare il2_sc 'low=1.5 MIU SC' high='3 MIU SC' --set CL=5 --level il2=3 --versus "
    assert completed(line) == ["low", "high"]
    assert completed(f"{line}l") == ["low"]
    assert completed(line.replace("=", "\n=\n")) == ["low", "high"]  # as bash splits words
    file = tmp_path / "variants.toml"
    file.write_text('model = "il2_sc"\n[schedules]\nlow = "3 MIU SC"\nhigh = "6 MIU SC"\n')
    assert completed(f"immunode compare {file} --versus h") == ["high"]
    assert completed(f"immunode compare {file} --level ") == ["il2="]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_writes_no_blank_behind_an_equals_sign_and_one_behind_a_name(run, tmp_path):
    script = run("--show-completion", "bash")[1]
    for answer, blank in (("cd4_start=", "no"), ("il2_sc", "")):
        (tmp_path / "immunode").write_text(f"#!/bin/sh\necho {answer}\n")
        (tmp_path / "immunode").chmod(0o755)
        asked = 'compopt() { echo no; }; COMP_WORDS=(immunode x); COMP_CWORD=1; _immunode_completion "$PWD/immunode"'
        made = subprocess.run(["bash", "-c", f"{script}\n{asked}"], cwd=tmp_path, capture_output=True, text=True)
        assert (made.stdout.strip(), made.stderr) == (blank, "")


def test_fields_of_endpoints_adherence_and_dropout_are_completed_behind_the_last_comma(completed):
    line = "immunode compare il2_cd4_hiv '3 MIU SC' --endpoint "
    assert completed(line)[:2] == ["signal=", "measure="]
    assert completed(f"{line}signal=il") == ["signal=il2"]
    assert completed(f"{line}signal=cd4,measure=cm") == ["signal=cd4,measure=cmax", "signal=cd4,measure=cmin"]
    assert completed(f"{line}signal=cd4,s") == ["signal=cd4,statistic="]
    assert completed(f"{line}better=l") == ["better=less"]
    assert completed("immunode compare il2_sc --adherence mi") == ["missed="]
    assert completed("immunode compare il2_sc --dropout share=0.2,b") == ["share=0.2,by="]
    assert completed("immunode compare il2_sc --dropout nothing=") == []
    named = (
        "immunode compare il2_sc 'low=3 MIU SC' --endpoint signal=il2,measure=cmax --dropout share=0.2,by=9 --versus "
    )
    assert completed(named) == completed(named.replace("=", "\n=\n")) == ["low"]


def test_groups_and_covariates_of_patients_and_formats_of_pictures_are_completed(completed):
    line = "immunode compare il2_cd4_hiv --patients "
    assert {"untreated", "suppressed", "cd4", "nadir"} <= set(completed(line))
    assert completed(f"{line}su") == ["suppressed"]
    assert completed(f"{line}cd4=300,su") == ["cd4=300,suppressed"]
    assert completed(f"{line}suppressed,su") == []
    assert "tincati_2008" in completed(f"{line}as")
    for command in ("compare il2_sc", "simulate il2_sc", "trial tincati_2008"):
        assert completed(f"immunode {command} --format ") == ["png", "pdf", "svg"]
        assert completed(f"immunode {command} --format s") == ["svg"]
