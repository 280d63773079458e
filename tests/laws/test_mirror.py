"""Tests mirror the package: who changes a module finds its tests beside the same name."""

from pathlib import Path

import immunode

TESTS = Path(__file__).parents[1]
PACKAGE = Path(immunode.__file__).parent
ELSEWHERE = {  # a module without a file of its own, and the file that holds its tests
    "calibration/estimates.py": "calibration/test_fit.py",
    "calibration/fit_result.py": "calibration/test_fit.py",
    "calibration/population/printed_row.py": "calibration/population/test_trial_of_evidence.py",
    "calibration/sampled_trials.py": "calibration/test_prediction.py",
    "cli/options.py": "cli/test_entry.py",
    "engine/calls.py": "engine/test_solve.py",
    "engine/code_folder.py": "engine/test_cache.py",
    "engine/codegen/bends.py": "engine/test_bends.py",
    "engine/codegen/blocks.py": "engine/test_straight.py",
    "engine/codegen/elimination.py": "engine/test_methods.py",
    "engine/codegen/expressions.py": "engine/test_solve.py",
    "engine/codegen/forcing.py": "engine/test_forcing.py",
    "engine/codegen/kernels.py": "engine/test_methods.py",
    "engine/codegen/loops.py": "engine/test_methods.py",
    "engine/codegen/partials.py": "engine/test_sensitivities.py",
    "engine/codegen/printer.py": "engine/test_solve.py",
    "engine/codegen/rare.py": "test_functions.py",
    "engine/codegen/snippets.py": "engine/test_solve.py",
    "engine/codegen/switches.py": "engine/test_switches.py",
    "engine/codegen/triggers.py": "engine/test_triggers.py",
    "engine/compiler.py": "engine/test_cache.py",
    "engine/constants.py": "engine/test_solve.py",
    "engine/control.py": "engine/test_solve.py",
    "engine/entries.py": "engine/test_cache.py",
    "engine/events.py": "engine/test_solve.py",
    "engine/inputs.py": "engine/test_checks.py",
    "engine/lanes.py": "engine/test_solve.py",
    "engine/layout.py": "engine/test_methods.py",
    "engine/loop.py": "engine/test_solve.py",
    "engine/meetings.py": "engine/test_switches.py",
    "engine/methods/rodas5p.py": "engine/test_methods.py",
    "engine/methods/tsit5.py": "engine/test_methods.py",
    "engine/outputs.py": "engine/test_solve.py",
    "engine/records.py": "engine/test_solve.py",
    "engine/scales.py": "model/test_scales.py",
    "engine/signatures.py": "engine/test_cache.py",
    "errors.py": "cli/test_entry.py",
    "evidence/design.py": "evidence/test_trial_file.py",
    "evidence/printed_rows.py": "evidence/test_printed.py",
    "model/clock.py": "simulation/test_times.py",
    "functions/conversion.py": "test_functions.py",
    "functions/quantity.py": "test_functions.py",
    "functions/refusal.py": "test_functions.py",
    "functions/smooth.py": "test_functions.py",
    "functions/steps.py": "test_functions.py",
    "functions/symbols.py": "test_functions.py",
    "functions/traced.py": "test_functions.py",
    "functions/values.py": "test_functions.py",
    "internal/defaults.py": "cli/test_entry.py",
    "internal/per_patient.py": "simulation/test_simulation.py",
    "internal/progress.py": "cli/test_entry.py",
    "model/checks.py": "model/test_declaration.py",
    "models/cd4_turnover.py": "models/test_il2_cd4_hiv.py",
    "models/il2_autoinduction.py": "laws/test_registry.py",
    "models/il2_sc.py": "laws/test_registry.py",
    "noncompartmental/areas.py": "noncompartmental/test_analysis.py",
    "noncompartmental/interval.py": "noncompartmental/test_analysis.py",
    "noncompartmental/results.py": "noncompartmental/test_reference.py",
    "noncompartmental/samples.py": "noncompartmental/test_analysis.py",
    "noncompartmental/terminal.py": "noncompartmental/test_analysis.py",
    "nonmem/cells.py": "nonmem/test_source.py",
    "nonmem/finding.py": "nonmem/test_checks.py",
    "nonmem/overview.py": "nonmem/test_reader.py",
    "plot/arms.py": "plot/test_trials.py",
    "plot/captions.py": "plot/test_bands.py",
    "plot/cycles.py": "plot/test_courses.py",
    "regimen/arguments.py": "regimen/test_builders.py",
    "regimen/sentence/amounts.py": "regimen/test_prescription.py",
    "regimen/sentence/clauses.py": "regimen/test_prescription.py",
    "regimen/sentence/cycle.py": "regimen/sentence/test_phases.py",
    "regimen/sentence/parsing.py": "regimen/sentence/test_hints.py",
    "regimen/sentence/phase.py": "regimen/sentence/test_writing.py",
    "regimen/words.py": "regimen/test_regimen.py",
    "report/comparison_frames.py": "report/test_comparisons.py",
    "report/models.py": "cli/test_models.py",
    "simulation/dataset.py": "simulation/test_simulation.py",
    "simulation/engine_input.py": "simulation/test_simulation.py",
    "simulation/ensemble.py": "simulation/test_simulation.py",
    "simulation/ensemble_run.py": "simulation/test_simulation.py",
    "simulation/meeting_doses.py": "engine/test_switches.py",
    "simulation/parameters.py": "simulation/test_simulation.py",
    "simulation/request.py": "simulation/test_simulation.py",
    "simulation/sensitivities.py": "simulation/test_dosing_sensitivities.py",
    "steady_state/repeated_doses.py": "steady_state/test_periodic.py",
}


def mirrored(module):
    folder, _, file = module.rpartition("/")
    return f"{folder}/test_{file}".lstrip("/")


def modules():
    return sorted(
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if not path.name.startswith("_")
    )


def test_every_module_has_a_test_file_of_its_name_or_a_place_in_the_table():
    without = [module for module in modules() if not (TESTS / mirrored(module)).exists()]
    assert without == sorted(ELSEWHERE)


def test_the_table_names_test_files_that_are_there():
    assert [file for file in ELSEWHERE.values() if not (TESTS / file).is_file()] == []
