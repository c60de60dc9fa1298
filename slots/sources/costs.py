"""Hourly cost curves as convex piecewise-linear breakpoints."""

from dataclasses import dataclass

import numpy as np

from slots.grid.model import Floats

SEGMENTS = 4  # chords of a polynomial
ROUNDING = 1e-6  # of a cost, below which a gap is not worth telling
DEFAULT_COST_USD_MWH = 30.0
UNSTATED = (0.7, 0.9, 1.1, 1.3)  # of it: up to half, all, one and a half times a unit's output in the file, and beyond
UNSTATED_TOLD = "21 to 39 USD/MWh, rising about the unit's own output"
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


def share_used(load: float, pmax: Floats) -> float:
    """Share of their capacity in which units that stand for more than four times a load (MW) will run; 1 for others.

    Files that know no capacities state 2000 MW or 9999 MW for each unit: equal steps up to there would say nothing of
    what units cost where they run.
    """
    capacity = float(np.maximum(pmax, 0.0).sum())
    return 2 * load / capacity if 0 < 4 * load < capacity else 1.0


def chord_points(pmin: float, pmax: float, share: float = 1.0) -> Floats:
    """(SEGMENTS + 1,) MW between which chords replace a polynomial: equal steps, all but the last in the share used."""
    if share >= 1.0:
        return np.linspace(pmin, pmax, SEGMENTS + 1)
    return np.append(np.linspace(pmin, pmin + share * (pmax - pmin), SEGMENTS), pmax)


def by_chords(coefficients: Floats, pmin: float, pmax: float, share: float = 1.0) -> Curve:
    """A polynomial cost (highest power first) at its `chord_points` from `pmin` to `pmax`, as a convex curve."""
    x = chord_points(pmin, pmax, share)
    return convex(x, np.asarray(np.polyval(coefficients, x), dtype=np.float64), pmin, pmax)


def chords_above(coefficients: Floats, pmin: float, pmax: float, share: float = 1.0) -> float:
    """USD/h by which the chords of a polynomial cost lie away from it, at most (middles of steps)."""
    x = chord_points(pmin, pmax, share)
    y = np.polyval(coefficients, x)
    return float(np.abs((y[:-1] + y[1:]) / 2 - np.polyval(coefficients, (x[:-1] + x[1:]) / 2)).max())


def unstated(p: float, pmin: float, pmax: float) -> Curve:
    """The cost of a unit of which none is stated: its price rises with its output, about DEFAULT at the output `p` of the file.

    So units of unknown cost share a load as the file's own dispatch does, where one price would leave it to chance and
    could put all of it on one unit. What a unit takes (below 0 MW) earns nothing; a load that may be shed is worth DEFAULT.
    """
    if pmax <= 0:
        return Curve(np.array([pmin, pmax]), DEFAULT_COST_USD_MWH * np.array([pmin, pmax]))
    own = float(np.clip(p, max(pmin, 0.0), pmax)) if p > 0 else 0.0
    x = np.unique(np.clip([pmin, 0.0, 0.5 * own, own, 1.5 * own if pmin >= 0 else own, pmax], pmin, pmax))
    middle = (x[:-1] + x[1:]) / 2
    rise = np.searchsorted([0.5 * own, own, 1.5 * own], middle)
    price = np.where(middle > 0, DEFAULT_COST_USD_MWH * np.array(UNSTATED)[rise], 0.0)
    at_least = UNSTATED[0] * DEFAULT_COST_USD_MWH * max(pmin, 0.0)
    return convex(x, at_least + np.concatenate([[0.0], np.cumsum(price * np.diff(x))]), pmin, pmax)


def polynomial(coefficients: Floats, pmin: float, pmax: float) -> tuple[Floats, Floats]:
    """`by_chords` with exactly SEGMENTS + 1 breakpoints; spare ones repeat the last."""
    mw, usd = table([by_chords(coefficients, pmin, pmax)], SEGMENTS + 1)
    return mw[0], usd[0]
