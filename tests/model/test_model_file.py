"""A user's own model in a Python file: which of its models is meant, and what is said of a file that is wrong."""

import os
import pickle

import pytest

import immunode as im
from immunode.errors import BadValue, ImmunodeError, UnitError, UnknownName

TEXT = """import immunode as im

print("not for results")
MODEL = im.Model(
    "bolus",
    states=[im.State("central", "mg", "drug in the body")],
    routes={"iv": "central"},
    parameters=[im.Parameter("CL", 2.0, "L/h"), im.Parameter("V", 14.0, "L")],
    outputs=[im.Output("conc", "mg/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"central": -p.CL * x.central / p.V},
    time="h",
)
"""


def file_with(folder, text, name="my_model.py"):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_file_with_one_model_is_that_model_everywhere_a_model_is_named(tmp_path, capsys):
    path = file_with(tmp_path, TEXT)
    model = im.models.model(path)
    assert model is im.models.model(f"{path}:MODEL") is im.models.model(model)
    assert im.simulate(path, "10 mg IV", times=["2 h"]).equals(im.simulate(model, "10 mg IV", times=["2 h"]))
    assert im.Population(path, omega={"CL": 0.3}).of is model
    assert pickle.loads(pickle.dumps(model)) is model
    out, err = capsys.readouterr()
    assert (out, err) == ("", "not for results\n")  # run once


def test_an_edited_file_is_read_again(tmp_path):
    path = file_with(tmp_path, TEXT)
    assert im.models.model(path).typical["CL"] == 2
    file_with(tmp_path, TEXT.replace("2.0", "23.0"))
    assert im.models.model(path).typical["CL"] == 23


def test_of_several_models_one_is_named_and_parts_of_the_library_do_not_count(tmp_path):
    part = TEXT + 'IL2 = im.models.model("il2_sc")\nSAME = MODEL\n'
    assert im.models.model(file_with(tmp_path, part, "part.py")).name == "bolus"
    assert im.models.model(file_with(tmp_path, "import immunode\nA = immunode.models.model('il2_sc')\n", "a.py")).key
    path = file_with(tmp_path, part + 'JOINED = im.compose("joined", MODEL)\n', "several.py")
    assert [im.models.model(f"{path}:{name}").name for name in ("JOINED", "IL2")] == ["joined", "il2_sc"]
    with pytest.raises(BadValue, match=r"several models: MODEL, SAME, JOINED; say which, such as .*several.py:MODEL"):
        im.models.model(path)
    with pytest.raises(UnknownName, match=r"no im\.Model named 'JOIND'; did you mean 'JOINED'"):
        im.models.model(f"{path}:JOIND")


def test_a_file_may_import_what_lies_beside_it(tmp_path):
    file_with(tmp_path, "CLEARANCE = 3.5\n", "numbers_beside.py")
    path = file_with(tmp_path, "from numbers_beside import CLEARANCE\n" + TEXT.replace("2.0", "CLEARANCE"))
    assert im.models.model(path).typical["CL"] == 3.5


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("x = (\n", BadValue, "line 1: '(' was never closed"),
        ("\n1 / 0\n", BadValue, "line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit()\n", BadValue, "line 2: SystemExit"),
        ("x = 1\n", BadValue, "has no im.Model; assign one to a name, such as MODEL = im.Model(...)"),
        ("x = '\0'\n", BadValue, "my_model.py"),
        (TEXT.replace("x.central / p.V)]", "x.centrl / p.V)]"), UnknownName, "line 9: the output conc of bolus"),
        (TEXT.replace("-p.CL *", "p.CL +"), UnitError, "line 10: the derivative of bolus"),
        (TEXT.replace("-p.CL *", "-CL *"), BadValue, "line 10: NameError: name 'CL' is not defined"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_with_its_line(tmp_path, text, kind, said):
    path = file_with(tmp_path, text)
    with pytest.raises(kind) as error:
        im.models.model(path)
    assert said in str(error.value)
    assert path in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path, monkeypatch):
    with pytest.raises(BadValue, match=r"there is no model file 'nowhere\.py'"):
        im.models.model("nowhere.py")
    with pytest.raises(ImmunodeError, match="there is no model file"):
        im.models.model("x" * 5000 + ".py")
    file_with(tmp_path, TEXT)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName, match=r"did you mean the file 'my_model\.py'"):
        im.models.model("my_model")
    assert os.listdir(tmp_path) == ["my_model.py"]


def test_a_trial_file_finds_its_model_beside_it(tmp_path, monkeypatch):
    file_with(tmp_path, TEXT.replace("L/h", "L/day").replace('\n    time="h",', ""))
    trial = 'name = "small"\ntitle = "t"\nreference = "r"\nmodel = "my_model.py"\nvisits = [0, 1]\n'
    trial += (
        '[population]\nomega = { CL = 0.3 }\nsource = "assumed"\n[[arms]]\nname = "a"\nn = 10\nregimen = "3 mg IV"\n'
    )
    (tmp_path / "trial.toml").write_text(trial)
    result = im.run_trial(str(tmp_path / "trial.toml"), n=4)
    assert result["conc_patient"].shape == (1, 4, 2)
    monkeypatch.chdir(tmp_path)
    assert im.run_trial("trial.toml", n=4).equals(result)
