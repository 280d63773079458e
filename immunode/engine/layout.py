"""Say in which row of the scratch everything is."""

from dataclasses import dataclass

from immunode.engine.control import CONTROL_ROWS, ERR, LANES, RHO, H, T


@dataclass(frozen=True)
class Layout:
    """Count the rows: the loop's own, those that all directions share, then a block for the states and each direction.

    `at` writes the access to a row in generated code.
    """

    states: int
    hoisted: int
    rates: int
    stages: int
    shared: int = 0

    time, size, error, rho = T, H, ERR, RHO

    @property
    def common(self) -> int:
        return CONTROL_ROWS

    @property
    def state(self) -> int:
        return self.common + self.shared

    @property
    def slope(self) -> int:
        return self.state + self.states

    @property
    def new(self) -> int:
        return self.slope + self.states

    @property
    def new_slope(self) -> int:
        return self.new + self.states

    @property
    def parameter(self) -> int:
        return self.new_slope + self.states

    @property
    def rate(self) -> int:
        return self.parameter + self.hoisted

    @property
    def atol(self) -> int:
        return self.rate + self.rates

    @property
    def stage(self) -> int:
        return self.atol + self.states

    @property
    def stride(self) -> int:
        return self.stage + self.stages - self.state

    def total(self, directions: int) -> int:
        """Return the number of rows for so many directions."""
        return self.state + self.stride * (1 + directions)

    def at(self, row: int, lane: str = "l", offset: str = "") -> str:
        """Return the text of the access to `row` for `lane`, in the block that starts `offset` later."""
        return f"s[{offset + ' + ' if offset else ''}{row * LANES} + {lane}]"
