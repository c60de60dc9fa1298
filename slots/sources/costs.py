"""Hourly cost curves as convex piecewise-linear breakpoints."""

from dataclasses import dataclass

import numpy as np

from slots.grid.model import Floats

SEGMENTS = 4  # chords of a polynomial
ROUNDING = 1e-6  # of a cost, below which a gap is not worth telling
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


@dataclass(frozen=True)
class Curve:
    """A convex hourly cost curve.

    Attributes:
        mw, usd: (point,) breakpoints from a unit's least to its most output.
        gap: USD/h by which it lies below the curve that was given, at most.
    """

    mw: Floats
    usd: Floats
    gap: float = 0.0


def convex(mw: Floats, usd: Floats, pmin: float, pmax: float) -> Curve:
    """The convex envelope from `pmin` to `pmax` of the curve through some points, with as many breakpoints as it needs.

    A curve that ends short of a limit is continued along its last (first) piece.
    """
    keep = np.concatenate([[True], np.diff(mw) > SMALLEST_MW])
    mw, usd = mw[keep], usd[keep]
    if pmax - pmin < 1e-9 or len(mw) < 2:
        at = float(_extend(np.array([pmin]), mw, usd)[0])
        return Curve(np.array([pmin, max(pmin, pmax)]), np.full(2, at))
    inner = mw[(mw > pmin + SMALLEST_MW) & (mw < pmax - SMALLEST_MW)]
    x = np.concatenate([[pmin], inner, [pmax]])
    given = _extend(x, mw, usd)
    hull_x, hull_y = lower_envelope(x, given)
    gap = float(np.max(given - np.interp(x, hull_x, hull_y)))
    return Curve(hull_x, hull_y, gap if gap > ROUNDING * (1.0 + float(np.abs(given).max())) else 0.0)


def table(curves: list[Curve], points: int = 2) -> tuple[Floats, Floats]:
    """(unit, K) breakpoints of some curves, K the most that one has (at least `points`); spare ones repeat the last."""
    k = max([points, *(len(c.mw) for c in curves)])
    padded = [[np.pad(x, (0, k - len(x)), mode="edge") for x in (c.mw, c.usd)] for c in curves]
    return np.array([p[0] for p in padded]).reshape(-1, k), np.array([p[1] for p in padded]).reshape(-1, k)


def breakpoints(mw: Floats, usd: Floats, pmin: float, pmax: float) -> tuple[Floats, Floats]:
    """`convex` with exactly SEGMENTS + 1 breakpoints, for curves of at most so many; spare ones repeat the last.

    One with more is taken at equal steps.
    """
    curve = convex(mw, usd, pmin, pmax)
    if len(curve.mw) > SEGMENTS + 1:
        at = np.linspace(pmin, pmax, SEGMENTS + 1)
        return at, np.interp(at, curve.mw, curve.usd)
    x, y = table([curve], SEGMENTS + 1)
    return x[0], y[0]


def _extend(x: Floats, mw: Floats, usd: Floats) -> Floats:
    """Linear interpolation, continued beyond both ends."""
    if len(mw) == 1:
        return np.full(len(x), usd[0])
    out = np.interp(x, mw, usd)
    low, high = (usd[1] - usd[0]) / (mw[1] - mw[0]), (usd[-1] - usd[-2]) / (mw[-1] - mw[-2])
    out = np.where(x < mw[0], usd[0] + low * (x - mw[0]), out)
    return np.asarray(np.where(x > mw[-1], usd[-1] + high * (x - mw[-1]), out))


def by_chords(coefficients: Floats, pmin: float, pmax: float) -> Curve:
    """A polynomial cost (highest power first) at SEGMENTS equal steps from `pmin` to `pmax`, as a convex curve."""
    x = np.linspace(pmin, pmax, SEGMENTS + 1)
    return convex(x, np.asarray(np.polyval(coefficients, x), dtype=np.float64), pmin, pmax)


def chords_above(coefficients: Floats, pmin: float, pmax: float) -> float:
    """USD/h by which the chords of a polynomial cost at SEGMENTS equal steps lie away from it, at most (middles of steps)."""
    x = np.linspace(pmin, pmax, 2 * SEGMENTS + 1)
    y = np.polyval(coefficients, x)
    return float(np.abs((y[:-2:2] + y[2::2]) / 2 - y[1::2]).max())


def polynomial(coefficients: Floats, pmin: float, pmax: float) -> tuple[Floats, Floats]:
    """`by_chords` with exactly SEGMENTS + 1 breakpoints; spare ones repeat the last."""
    mw, usd = table([by_chords(coefficients, pmin, pmax)], SEGMENTS + 1)
    return mw[0], usd[0]
