"""What the tests of pictures share: days and doses of a made-up trial, and what stands on the axes."""

import numpy as np

DAYS = np.arange(0.0, 351.0, 7.0)
VISITS = np.array([0.0, 28.0, 168.0, 350.0])
PLANNED = np.array([0.0, 1, 2, 28, 29, 30])
EXTRA = np.array([168.0, 169])


def drawn(ax, gid):
    """Return the x and y of the one line with this gid."""
    (line,) = (line for line in ax.lines if line.get_gid() == gid)
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def gids(ax):
    return [line.get_gid() for line in ax.lines]
