"""The law that single statistics really have, where patients are of several kinds: how many of few are of each decides
where a median lies, so that its law has several modes, and a normal one holds for likely what lies between them.

The joint law of all statistics stays normal in their correlations; each gets the density of its replicates for that of
its normal margin (An, Nott and Drovandi 2020, doi:10.1007/s11222-019-09904-x: semi-parametric synthetic likelihood).
"""

import numpy as np

BESIDE, WIDE = 0.01, 2.0  # share and SD of a normal law beside the kernels: far out a density stays a number
ALIKE = 1e-12  # an SD of replicates that are alike, by their size
GRID = np.linspace(-6.0, 6.0, 81)  # SDs from the mean, at which the law of a statistic is tabulated


def beyond_normal(replicates: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return -2 log of the density of replicates (R,) over that of a normal law, at what is `seen` (...), by normal
    kernels of Scott's width."""
    mean = float(replicates.mean())
    sd = max(float(replicates.std()), ALIKE * max(1.0, abs(mean)))
    z, at = (replicates - mean) / sd, (np.asarray(seen) - mean) / sd
    width = len(z) ** -0.2
    kernels = np.exp(-0.5 * ((at[..., None] - z) / width) ** 2).mean(axis=-1) / width
    wide = np.log(BESIDE / WIDE) - 0.5 * (at / WIDE) ** 2
    with np.errstate(divide="ignore"):
        return np.asarray(-at * at - 2 * np.logaddexp(np.log((1 - BESIDE) * kernels), wide))


def tabulated(replicates: np.ndarray) -> np.ndarray:
    """Return it of every statistic (R, d) on GRID, shape (d, GRID)."""
    mean, sd = replicates.mean(axis=0), replicates.std(axis=0)
    return np.array([beyond_normal(each, m + s * GRID) for each, m, s in zip(replicates.T, mean, sd, strict=True)])


def looked_up(
    laws: np.ndarray, terms: np.ndarray, slope: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what tables say at z (R, d), linear between their points: the values (R, d), their slopes (R, p, d) over
    parameters and (R, d) over z.

    The tables are polynomials `laws` (d, GRID, T) of `terms` (R, T), whose slopes over parameters are (R, p, T).
    """
    step = GRID[1] - GRID[0]
    place = np.clip((z - GRID[0]) / step, 0.0, len(GRID) - 1.000001)
    low = place.astype(int)
    part, row = (place - low)[..., None], np.arange(z.shape[1])
    below, rise = laws[row, low], laws[row, low + 1] - laws[row, low]  # (R, d, T) each
    between = below + part * rise
    over_z = np.where(abs(z) < GRID[-1], np.einsum("rdt,rt->rd", rise, terms) / step, 0.0)
    return np.einsum("rdt,rt->rd", between, terms), np.einsum("rdt,rpt->rpd", between, slope), over_z
