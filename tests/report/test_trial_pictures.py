"""Pictures of a trial as files: all panels, each alone, changes; further formats beside each PNG."""

import immunode as im
from immunode.report.trial_pictures import save_pictures


def test_each_panel_has_a_file_in_each_format(tmp_path):
    result = im.run_trial("tincati_2008", n=20)
    pictures = save_pictures(result, tmp_path, ["svg", "png"])
    stems = {
        "trial",
        "change_cd4",
        "change_rna",
        *(f"panel_{n.replace(' ', '_')}" for n in im.plot.panel_names(result)),
    }
    assert {path.stem for _, path in pictures} == stems
    assert {path.name for path in tmp_path.iterdir()} == {f"{stem}.{end}" for stem in stems for end in ("png", "svg")}
    assert all(path.read_bytes().startswith(b"\x89PNG") for _, path in pictures)


def test_a_trial_without_a_visit_on_day_0_has_no_change(tmp_path):
    trial = im.Trial("t", im.Population("il2_sc"), [1, 7], [im.Arm("a", n=3, regimen="3 MIU SC")])
    names = {path.stem for _, path in save_pictures(im.run_trial(trial, n=3), tmp_path)}
    assert "trial" in names
    assert not any(name.startswith("change") for name in names)


def test_panels_and_changes_of_a_comparison_are_files_as_those_of_a_trial_are(tmp_path):
    result = im.compare("il2_cd4_hiv", ["1.5 MIU SC", "4.5 MIU SC"], patients="cd4 300, suppressed", until=28, n=5)
    save_pictures(result, tmp_path, ["pdf"])
    stems = ("comparison", "panel_cd4", "panel_il2_cycle", "panel_frontier", "change_cd4")
    assert {path.name for path in tmp_path.iterdir()} == {f"{stem}.{end}" for stem in stems for end in ("png", "pdf")}
    assert all(path.read_bytes().startswith(b"%PDF") for path in tmp_path.glob("*.pdf"))
