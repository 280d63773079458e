"""The example of the design: a user's own model, population, trial and picture in a few lines."""

import immunode as im
from immunode.model.declaration import Input, Model, Output, Parameter, State


def derivative(t, x, p):
    il2 = x.central / p.V
    uptake = p.Vmax * p.receptors * il2 / (p.Km + il2)
    return {
        "depot": -p.ka * x.depot,
        "central": p.ka * x.depot - p.CL * il2 - uptake,
    }


MODEL = Model(
    name="il2_by_receptors",
    states=[
        State("depot", "MIU", "dose under the skin", lag="tlag", bioavailability="F"),
        State("central", "MIU", "IL-2 in the body"),
    ],
    routes={"sc": "depot", "iv": "central"},
    inputs=[Input("receptors", "1", default=1.0, meaning="CD25+ mass relative to baseline")],
    parameters=[
        Parameter("CL", 173.0, "L/day", "clearance", low=10, high=1000, source="Konrad 1990"),
        Parameter("V", 14.0, "L", "volume", low=1, high=100, source="assumed"),
        Parameter("ka", 5.0, "1/day", "absorption", low=0.1, high=50, source="assumed"),
        Parameter("F", 0.3, "1", "bioavailability", low=0, high=1, source="assumed"),
        Parameter("tlag", 0.02, "day", "lag", low=0, high=1, source="assumed"),
        Parameter("Vmax", 0.5, "MIU/day", "uptake", low=0, high=100, source="assumed"),
        Parameter("Km", 0.02, "MIU/L", "half-saturation", low=1e-4, high=10, source="assumed"),
    ],
    outputs=[Output("il2", "IU/mL", lambda t, x, p: x.central / p.V)],
    derivative=derivative,
    reference="an example",
)


def test_a_users_own_model_population_trial_and_picture():
    population = im.Population(MODEL, omega={"CL": 0.3, "V": 0.2}, correlation={("CL", "V"): 0.5})
    trial = im.Trial("dose finding", population=population, visits=[0, 28, 56, 84, 168], arms=[
        im.Arm("low", n=20, regimen="1.5 MIU SC BID days 1-5 every 56 days x3"),
        im.Arm("high", n=20, regimen="7.5 MIU SC BID days 1-5 every 56 days x3")])  # fmt: skip
    result = im.run_trial(trial, n=200, seed=1)
    assert result["il2"].dims == ("arm", "day", "statistic")
    assert result["il2"].attrs["units"] == "IU/mL"
    assert result["il2_visit"].sel(arm="high", visit=0, statistic="median") == 0.0
    axes = im.plot.course(result, "il2")
    assert "IU/mL" in axes.get_ylabel()


def test_the_cycle_of_the_design_is_the_sentence_of_the_clinic():
    cycle = im.dose("3 MIU", "sc", days=[*range(1, 6), *range(8, 13)])
    regimen = cycle.repeat(every="28 d", times=3)
    assert list(regimen) == list(im.prescribe("3 MIU SC QD days 1-5,8-12 every 28 days x3"))
    course = im.simulate("il2_cd4_hiv", regimen, times=im.days(0, 540))
    assert course["cd4"].sizes == {"time": 541}
