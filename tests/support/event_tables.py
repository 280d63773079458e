"""Models for event tables, and tables written as text."""

import io

import pandas

import immunode as im


def one_compartment(time="hour", parameters=("CL",), **central):
    """Return a model of a depot, a central and an effect compartment that counts its time in `time`."""
    return im.Model(
        "oral",
        states=[im.State("depot", "mg"), im.State("central", "mg", **central), im.State("effect", "mg")],
        parameters=[
            im.Parameter("KA", 1.5, f"1/{time}"),
            im.Parameter("D2", 2.0, time),
            im.Parameter("R2", 10.0, f"mg/{time}"),
            *(im.Parameter(name, 1.0, f"1/{time}", low=0.0) for name in parameters),
        ],
        derivative=lambda t, x, p: {
            "depot": -p.KA * x.depot,
            "central": p.KA * x.depot - p.CL * x.central,
            "effect": -p.CL * x.effect,
        },
        routes={"oral": "depot", "iv": "central", "civ": "central"},
        time=time,
    )


ORAL = one_compartment()
INFUSED = one_compartment(duration="D2", rate="R2")
DAYS = one_compartment("day", duration="D2", rate="R2")


def frame(text):
    """Return the text of an event table as a DataFrame of text."""
    return pandas.read_csv(io.StringIO(text.replace(" ", "")), dtype=str, keep_default_na=False)
