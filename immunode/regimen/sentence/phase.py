"""One phase of a prescription, as data: what is between "then" and "then"."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """Hold one phase as written: amount per dose (per m2 or kg; per day or h for CIV), days of a cycle, cycles.

    `over` is an infusion's text ("2 h"), `pace` its rate's ("10 mg/h"); `doses` counts doses `hours` apart where no
    days are stated, else 0; `start` is the time [h] since day 1 at which the phase begins, if it is not where `then`
    puts it; `every` the interval's text ("8 weeks"), `interval` the same in whole days or 0. A phase that is
    `parallel` begins another course ("plus"). `steady`: its first dose finds the steady state of such doses.
    """

    amount: float
    unit: str
    per: str = ""
    rate: str = ""
    route: str = ""
    over: str | None = None
    pace: str | None = None
    per_day: int = 1
    days: tuple[int, ...] = (1,)
    doses: int = 0
    hours: float = 0.0
    steady: bool = False
    start: float | None = None
    every: str = ""
    interval: float = 0.0
    times: int = 1
    body: float | None = None
    parallel: bool = False
