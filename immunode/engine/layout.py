"""Say in which row of the scratch everything is."""

from dataclasses import dataclass

from immunode.engine.constants import CONTROL_ROWS, ERR, LANES, RHO, TILE, H, T

# operations of a step (Partials.larger), with sensitivities or not, above which straight lines take long to compile
STRAIGHT, STRAIGHT_ALONG = 3000, 1200


@dataclass(frozen=True)
class Layout:
    """Count the rows: the loop's own, those that all directions share, then a block for the states and each direction.

    `at` writes the access to a row in generated code.
    """

    states: int
    hoisted: int
    switches: int
    margins: int
    rates: int
    stages: int
    shared: int = 0
    copied: bool = False  # whether a tile of a direction's block is copied before the states' to be worked on
    clocked: int = 0  # of the margins, the first: those that time alone moves
    forced: int = 0  # slopes with inputs in time
    looped: bool = False  # whether a step is made of loops, which go over all lanes
    triggers: int = 0
    assigned: int = 0  # states by one trigger, at most
    kept: int = 0  # of these those whose values wait, at most

    time, size, error, rho = T, H, ERR, RHO

    @property
    def common(self) -> int:
        """Return the first row that all directions share."""
        return CONTROL_ROWS

    @property
    def state(self) -> int:
        """Return the first row of the states' block: their values."""
        return self.common + self.shared + (self.stride if self.copied else 0)

    @property
    def slope(self) -> int:
        """Return the first row of the slopes at the start of the step."""
        return self.state + self.states

    @property
    def new(self) -> int:
        """Return the first row of the values at its end."""
        return self.slope + self.states

    @property
    def new_slope(self) -> int:
        """Return the first row of the slopes at its end."""
        return self.new + self.states

    @property
    def parameter(self) -> int:
        """Return the first row of hoisted parameters."""
        return self.new_slope + self.states

    @property
    def switch(self) -> int:
        """Return the first row of the switches: where each stands, then where each goes when it is reached."""
        return self.parameter + self.hoisted

    @property
    def rate(self) -> int:
        """Return the first row of infusion rates."""
        return self.switch + 2 * self.switches

    @property
    def atol(self) -> int:
        """Return the first row of absolute tolerances."""
        return self.rate + self.rates

    @property
    def stage(self) -> int:
        """Return the first row of the method's own."""
        return self.atol + self.states

    @property
    def stride(self) -> int:
        """Return the number of rows of a block."""
        return 5 * self.states + self.hoisted + 2 * self.switches + self.rates + self.stages

    def total(self, directions: int) -> int:
        """Return the number of rows for so many directions."""
        return self.state + self.stride * (1 + directions)

    def tiled(self, row: int) -> int:
        """Return where the tile of a shared row begins."""
        return self.common * LANES + (row - self.common) * TILE

    def at(self, row: int, lane: str = "l", block: str = "s", offset: str = "") -> str:
        """Return the text of the access to `row` for `lane`, in the scratch or in what of it starts `offset` later.

        The block `own` is a direction's: its copy if there is one. Of shared rows and of copies there is one tile only.
        """
        if self.copied and lane == "l":
            row -= self.stride if block == "own" else 0
            shared = self.common <= row < self.state
            return f"s[{self.tiled(row)} + l]" if shared else f"s[{row * LANES} + first + l]"
        return f"{block}[{offset + ' + ' if offset else ''}{row * LANES} + {lane}]"
