"""What the benchmarks conclude must follow from what they measured; the README says what the results say."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import diffsol
from benchmarks.accuracy import at_error, quantiles, regressions, relative, time_at
from benchmarks.measure import Times, interleaved
from benchmarks.pages import BEGIN, END, README, pages, refresh
from benchmarks.problem import right_hand_side, segments
from benchmarks.problem_a import DOSES, NOMINAL, problem_a, slopes
from benchmarks.regimens import arms, over
from benchmarks.result import kept, slower
from benchmarks.solvers import immunode
from benchmarks.stiff_problems import HIRES, ROBERTSON, hires, robertson
from benchmarks.switches import switched
from benchmarks.tolerances import problem_a as unscaled
from benchmarks.variational import variational
from immunode.models import model
from immunode.steady_state.start import initial_states

SUITE = Path(__file__).parents[3] / "shared" / "data" / "suites" / "ivp" / "problems.json"


def test_time_at_equal_error_is_exact_on_a_power_law():
    errors = np.array([1e-3, 1e-5, 1e-7])
    times = 7 * errors**-0.2
    assert time_at(1e-6, errors, times) == pytest.approx(7 * 1e-6**-0.2)


def test_another_quantile_at_equal_error_is_exact_on_a_power_law():
    p99 = np.array([1e-3, 1e-5, np.inf, 1e-7])
    assert at_error(1e-6, p99, 30 * p99**1.1) == pytest.approx(30 * 1e-6**1.1)


def test_a_point_beaten_in_both_error_and_time_does_not_count():
    assert time_at(1e-4, [1e-3, 1e-4, 1e-5], [1.0, 9.0, 2.0]) == pytest.approx(np.sqrt(2.0))


def test_nobody_is_asked_to_be_worse_than_the_loosest_run_nor_credited_beyond_the_tightest():
    errors, times = [1e-3, 1e-5], [1.0, 2.0]
    assert time_at(1e-1, errors, times) == pytest.approx(1.0)
    assert time_at(1e-6, errors, times) is None
    assert time_at(1e-3, [np.inf, np.inf], times) is None


def test_error_counts_scored_states_and_failures():
    exact = np.ones((3, 4, 2))
    values = exact[:2].copy()
    values[0, 0] = [5.0, 1.1]
    error = relative(values, exact, (1,))
    assert error.shape == (2, 4, 1)
    assert error.max() == pytest.approx(0.1 / 1.001)
    values[1, 2, 1] = np.nan
    assert quantiles(relative(values, exact, (1,)))["max"] == np.inf


def test_accuracy_may_differ_by_the_factor_and_no_more():
    committed = {"auto": 1e-6, "tsit5": 1e-6, "failed before": None}
    assert regressions({"auto": 1.9e-6, "new": 1.0, "failed before": 1.0}, committed) == []
    assert len(regressions({"auto": 2.1e-6, "tsit5": None}, committed)) == 2


def runs(**seconds):
    return {"runs_seconds": {label: {"clock": clock, "processor": clock} for label, clock in seconds.items()}}


def test_slower_is_what_exceeds_the_spread_of_both_runs():
    old = runs(auto=[1.0, 1.01, 1.02, 0.99, 1.0], peer=[1.0, 1.5, 2.0, 1.2, 1.4], once=[1.0])
    same = runs(auto=[1.01, 1.0, 1.03, 1.0, 1.02], peer=[1.6, 1.7, 1.5, 1.6, 1.8], once=[9.0])
    worse = runs(auto=[1.2, 1.21, 1.19, 1.2, 1.22], unknown=[3.0, 3.0, 3.0])
    assert slower(old, same) == []
    assert [line.split(":")[0] for line in slower(old, worse)] == ["auto"]


def test_calls_are_timed_in_turn():
    order = []
    times = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, runs=3)
    assert order == ["a", "b"] * 4  # the first round settles
    assert len(times["a"].clock) == len(times["b"].processor) == 3


def test_segments_restart_at_each_dose_and_cover_each_output_once():
    problem = problem_a()
    parts = segments(problem)
    assert [part.begin for part in parts] == sorted(time for time, _, _ in DOSES)
    rows = [row for part in parts for row in range(part.first, part.first + part.rows)]
    assert rows == list(range(1, 541))  # the output at the start is the state before the first dose
    assert all(np.array_equal(part.grid[1 : 1 + part.rows], problem.times[part.first :][: part.rows]) for part in parts)


def test_both_arms_have_as_many_doses_and_outputs_up_to_the_same_day():
    common, varied = arms(model("il2_sc"), 3).values()
    assert {len(regimen) for regimen in varied.regimens} == {len(common.regimens[0])}
    assert varied.times.shape == (3, len(common.times))
    assert np.array_equal(varied.times[:, -1], np.repeat(common.times[-1], 3))
    assert np.all(np.diff(varied.times) > 0)
    assert (len(common.regimens), len(set(varied.regimens)), len(np.unique(varied.times[:, :-1]))) == (1, 3, 3 * 18)


def test_a_smoke_run_has_the_first_patients_of_a_whole_run():
    few, many = arms(model("il2_sc"), 2), arms(model("il2_sc"), 5)
    for which, arm in many.items():
        part = arm.patients(slice(2))
        assert np.array_equal(few[which].parameters, part.parameters)
        assert np.array_equal(few[which].times, part.times)
        assert few[which].regimens == part.regimens


def test_own_regimens_are_compared_with_common_ones_by_medians():
    times = {"m, own: run": Times([3.0, 9.0, 3.0], [2.0] * 3), "m, common: run": Times([2.0, 2.0, 1.0], [1.0] * 3)}
    assert over(times, "m", "run") == {"clock": 1.5, "processor": 2.0}


def test_peers_get_the_same_right_hand_side():
    problem = problem_a()
    y, p = np.arange(1.0, 7.0), problem.parameters[3]
    evaluated = right_hand_side(problem.trace)(0.0, y, p)
    assert np.allclose(evaluated, slopes(y, dict(zip(NOMINAL, p, strict=True))), rtol=1e-13)


def test_problem_a_without_scales_has_the_same_slopes_doses_and_start():
    problem, case = problem_a(), unscaled()
    assert all(state.scale is None for state in case.model.states)
    y, p = np.arange(1.0, 7.0), case.parameters[3]
    assert np.array_equal(p[:-1], problem.parameters[3])
    evaluated = right_hand_side(case.model.trace())(0.0, y, p)
    assert np.allclose(evaluated, slopes(y, dict(zip(NOMINAL, p, strict=False))), rtol=1e-13)
    assert sorted((dose.time, 0, dose.amount) for dose in case.regimen) == sorted(DOSES)
    assert np.array_equal(initial_states(case.model, case.parameters[:9]), problem.initial[:9])


def test_diffsol_gets_the_same_right_hand_side_and_start():
    package = pytest.importorskip("pydiffsol")
    problem = problem_a()
    y, p = np.arange(1.0, 7.0), problem.parameters[3]
    ode = package.Ode(diffsol.code(problem), matrix_type=package.nalgebra_dense, scalar_type=package.f64)
    inputs = np.concatenate([p, y])
    assert np.allclose(ode.rhs(inputs, 0.0, y), slopes(y, dict(zip(NOMINAL, p, strict=True))), rtol=1e-13)
    assert np.array_equal(ode.y0(inputs), y)


def test_a_threshold_halves_the_activation_below_it_and_changes_nothing_above():
    problem = problem_a()
    p = problem.parameters[3]
    f, g = (right_hand_side(each.trace) for each in (problem, switched(problem)))
    level = dict(zip(NOMINAL, p, strict=True))["EC50"] * dict(zip(NOMINAL, p, strict=True))["Vc"]
    above, below = (np.array([1.0, level * k, 1.0, 50.0, 4.0, 90.0]) for k in (1.1, 0.9))
    assert np.array_equal(f(0.0, above, p), g(0.0, above, p))
    half = dict(zip(NOMINAL, p, strict=True))
    half["kact"] /= 2
    assert np.allclose(g(0.0, below, p), slopes(below, half), rtol=1e-13)


def test_the_pages_are_in_step_with_the_results():
    for path, text in pages().items():
        page = path.read_text(encoding="utf-8")
        assert page == refresh(page, text), "run `python -m benchmarks --table`"


def test_the_readme_has_at_most_eight_rows():
    assert 0 < pages()[README].count("\n| [") <= 8


def test_every_result_says_what_it_ran_on():
    for name, result in kept().items():
        wanted = {"question", "figures", "runs_seconds", "versions", "cpu", "date", "load_before"}
        assert wanted <= set(result), name


def test_refresh_leaves_the_rest_alone():
    assert refresh(f"a\n{BEGIN}old{END}\nz", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nz"


def test_variational_equations_are_the_derivative_of_the_solution():
    problem = variational(problem_a(), ("kel", "T0"), {"T0": "T"})
    f = right_hand_side(problem.trace)
    y, p, h = np.linspace(1.0, 9.0, 18), problem.parameters[3], 1e-6
    up, down = p.copy(), p.copy()
    up[2], down[2] = p[2] * (1 + h), p[2] * (1 - h)  # kel
    moved = [f(0.0, np.append(y[:6] + sign * h * y[6:12], y[6:]), q)[:6] for sign, q in ((1, up), (-1, down))]
    assert np.allclose(f(0.0, y, p)[6:12], (np.array(moved[0]) - moved[1]) / (2 * h), rtol=1e-6)
    assert problem.initial[3, 12 + 3] == problem.initial[3, 3]  # the initial value of T is T0


@pytest.mark.slow  # compiles
@pytest.mark.skipif(not SUITE.exists(), reason="the suite of initial value problems is not here")
@pytest.mark.parametrize(("name", "problem", "nominal"), [("rober", robertson, ROBERTSON), ("hires", hires, HIRES)])
def test_stiff_problems_end_where_the_literature_says(name, problem, nominal):
    known, usual = json.loads(SUITE.read_text(encoding="utf-8"))[name], problem()
    parameters = np.array([list(nominal.values())])
    assert (usual.end, list(usual.initial[0])) == (known["t_end"], known["y0"])
    solution = immunode(usual, "rodas5p", parameters, usual.initial[:1], 1e-10).values[0, -1]
    assert np.allclose(solution, known["y_ref"], rtol=1e-7)
