"""Hourly cost curves as convex piecewise-linear breakpoints."""

import numpy as np

from slots.grid.model import Floats

SEGMENTS = 4
SMALLEST_MW = 1e-3  # pieces shorter than this are rounding, and poison a solver's scaling


def lower_envelope(mw: Floats, usd: Floats) -> tuple[Floats, Floats]:
    """The convex curve from the first to the last point that lies nowhere above the given one.

    Published curves now and then fall back by a few cents; a dispatch needs rising marginal costs.
    """
    hull: list[int] = []
    for k in range(len(mw)):
        while len(hull) >= 2:
            i, j = hull[-2], hull[-1]
            if (usd[j] - usd[i]) * (mw[k] - mw[i]) >= (usd[k] - usd[i]) * (mw[j] - mw[i]):
                hull.pop()
            else:
                break
        hull.append(k)
    return mw[hull], usd[hull]


def breakpoints(mw: Floats, usd: Floats, pmin: float, pmax: float) -> tuple[Floats, Floats]:
    """Exactly SEGMENTS + 1 breakpoints from `pmin` to `pmax` on the convex envelope of a curve.

    A curve that ends short of a limit is continued along its last (first) piece; spare breakpoints repeat
    the last one.
    """
    keep = np.concatenate([[True], np.diff(mw) > SMALLEST_MW])
    mw, usd = mw[keep], usd[keep]
    if pmax - pmin < 1e-9 or len(mw) < 2:
        at = float(_extend(np.array([pmin]), mw, usd)[0])
        return np.full(SEGMENTS + 1, pmin), np.full(SEGMENTS + 1, at)
    inner = mw[(mw > pmin + SMALLEST_MW) & (mw < pmax - SMALLEST_MW)]
    x = np.concatenate([[pmin], inner, [pmax]])
    x, y = lower_envelope(x, _extend(x, mw, usd))
    if len(x) > SEGMENTS + 1:
        grid = np.linspace(pmin, pmax, SEGMENTS + 1)
        x, y = grid, np.interp(grid, x, y)
    pad = SEGMENTS + 1 - len(x)
    return np.pad(x, (0, pad), mode="edge"), np.pad(y, (0, pad), mode="edge")


def _extend(x: Floats, mw: Floats, usd: Floats) -> Floats:
    """Linear interpolation, continued beyond both ends."""
    if len(mw) == 1:
        return np.full(len(x), usd[0])
    out = np.interp(x, mw, usd)
    low, high = (usd[1] - usd[0]) / (mw[1] - mw[0]), (usd[-1] - usd[-2]) / (mw[-1] - mw[-2])
    out = np.where(x < mw[0], usd[0] + low * (x - mw[0]), out)
    return np.asarray(np.where(x > mw[-1], usd[-1] + high * (x - mw[-1]), out))


def polynomial(coefficients: Floats, pmin: float, pmax: float) -> tuple[Floats, Floats]:
    """Breakpoints of a polynomial cost (highest power first) at equal steps from `pmin` to `pmax`."""
    x = np.linspace(pmin, pmax, SEGMENTS + 1)
    return breakpoints(x, np.asarray(np.polyval(coefficients, x), dtype=np.float64), pmin, pmax)
