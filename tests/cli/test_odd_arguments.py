"""Whatever a command is given: a result, or one line that begins with "Error:", and never a traceback."""

import pytest

from tests.cli.tables import EVENTS

ODD = [  # what a shell can pass on: no "\0", and of lone surrogates those of bytes that are no UTF-8
    *("", "  ", "0", "-1", "1e400", "nan", "inf", "-inf", "None", "True", "1.5", "abc", " \n ", "\u00e9"),
    *("x" * 300, "[b]", "[/b]", "=1+1", "../..", "/", "/dev/null", "latin.csv", "empty.csv", "folder", "good.csv"),
    *("3 MIU SC", "3 mg SC", "1 d", "1e-320 d", "CL=", "=5", "CL=1e999", "CL=x", "CL=[1,2]", "CL=-5", "CL=nan"),
    *("NOPE=1", "'; DROP", "--", "-", "\U0001f48a", "\udcff", "1_000", "0x10", "\uff11\uff12", "9" * 23),
]
COMMANDS = [
    ("trial",),
    ("trial", "tincati_2008", "--n"),
    ("trial", "tincati_2008", "--n", "2", "--seed"),
    ("trial", "tincati_2008", "--n", "2", "--threads"),
    ("trial", "absent", "--out"),
    ("simulate",),
    ("simulate", "il2_sc", "--until", "2", "--regimen"),
    ("simulate", "il2_sc", "--events"),
    ("simulate", "il2_sc", "--until"),
    ("simulate", "il2_sc", "--until", "2", "--every"),
    ("simulate", "il2_sc", "--until", "2", "--set"),
    ("simulate", "il2_sc", "--until", "2", "--max-step"),
    ("check",),
    ("check", "good.csv", "--model"),
    ("fit", "--check"),
    ("models",),
    ("trials",),
    (),
]
LONG = ("1_000", "\uff11\uff12", "0", "True", "1")  # numbers of patients, or seeds, that are right and take a while


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_odd_argument_is_answered_or_refused_in_one_line(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.csv").write_bytes(b"ID,TIME,AMT\n1,0,\xe9\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "good.csv").write_text(EVENTS)
    (tmp_path / "folder").mkdir()
    for odd in ODD:
        if command[:2] == ("trial", "tincati_2008") and odd in LONG:
            continue
        code, _, err = run(*command, odd)
        assert code in (0, 1, 2), odd
        if code == 2 and (*command, odd) != ("",):
            # old versions of others' packages warn of newer ones of theirs
            said = [line for line in err.splitlines() if not line.startswith("Warning: ")]
            assert len(said) == 1, odd
            assert said[0].startswith("Error: "), odd
        if code == 1:
            assert command[0] == "check", odd
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.csv", "folder", "good.csv", "latin.csv"]
