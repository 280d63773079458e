"""What Tab completes, as the shell asks for it."""

import pytest

from immunode import models
from immunode.calibration.fit_file import fit_names
from immunode.evidence.library import trial_names


@pytest.fixture
def completed(run, monkeypatch):
    """Return a function that gives the answers of bash's completion for a line whose last word is unfinished."""

    def call(line):
        words = line.split(" ")
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
    assert completed("immunode trial tin") == completed("immunode trials tin") == trials
    assert completed("immunode fit ") == fit_names()
    assert completed("immunode si") == ["simulate"]


def test_parameters_and_states_of_the_model_on_the_line_are_completed(completed, tmp_path):
    parameters = [f"{p.name}=" for p in models.model("il2_sc").parameters]
    assert completed("immunode simulate il2_sc --set ") == parameters
    assert completed("immunode simulate il2_sc --until 7 --set C") == ["CL="]
    assert completed("immunode simulate il2_cd4_hiv --at ar") == ["art="]
    assert completed("immunode simulate nothing --set ") == []
    assert completed("immunode simulate --set ") == []
    file = tmp_path / "mine.py"
    file.write_text('import immunode as im\nMODEL = im.compose("mine", im.models.model("il2_sc"))\n')
    assert completed(f"immunode simulate {file} --set C") == ["CL="]


def test_the_help_says_how_to_install_it(run):
    out = run("--help")[1]
    assert "--install-completion" in out
    assert "<bool>" not in out
