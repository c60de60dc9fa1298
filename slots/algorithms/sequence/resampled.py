"""Another year of the same climate: each day is drawn from the days near it in the year that fall on the same day of the week.

All series of a day are drawn together, so load, wind, sun and water stay as they belong together (a bootstrap of blocks, Efron
and Tibshirani, 1993, section 8.6). The year drawn from is the grid's own, or the synthetic one.
"""

from dataclasses import replace
from typing import Annotated

import numpy as np

from bos_core.objects.errors import ProfileError
from slots.algorithms.sequence.profiles import profiles
from slots.contracts.sequence import SequenceRequest
from slots.grid.model import Floats, Ints
from slots.parameters import Parameter
from slots.sources.series import Series, Spread

DAY, WEEK = 24, 7


def resampled(
    request: SequenceRequest, *,
    weeks: Annotated[int, Parameter("before and after from which days are drawn", unit="week", ge=1, le=26)] = 3,
) -> Series:  # fmt: skip
    """Draw a year; its peak load is the one asked for.

    Raises:
        ProfileError: the grid's own series are no whole year.
    """
    base = request.series if request.series is not None else profiles(request)
    days = base.hours // DAY
    if base.hours < 8760 or base.hours % DAY:
        raise ProfileError(f"series of {base.hours} hours are no whole year", "choose own-series, or profiles")
    rng = np.random.default_rng(request.seed)
    near = np.arange(days) + WEEK * rng.integers(-weeks, weeks + 1, days)
    near = np.where((near < 0) | (near >= days), np.arange(days), near)
    hours = (near[:, None] * DAY + np.arange(DAY)).ravel()
    load, load_q = _drawn(base.load, hours), _drawn(base.load_q, hours)
    total = load.total() if isinstance(load, Spread) else load.sum(axis=1)
    own, peak = float(request.grid.buses.pd[request.grid.live].sum()), float(total.max())
    scale = request.peak_share * own / peak if peak > 0 else 1.0
    return replace(
        base, load=_scaled(load, scale), load_q=_scaled(load_q, scale), available=base.available[hours],
        floor=base.floor[hours], inflow=base.inflow[hours], reserve=base.reserve[hours] * scale,
        description=f"days drawn anew with seed {request.seed} of: {base.description}",
    )  # fmt: skip


def _drawn(series: Floats | Spread, hours: Ints) -> Floats | Spread:
    if isinstance(series, Spread):
        return replace(series, shape_by_zone=series.shape_by_zone[hours])
    return np.asarray(series[hours])


def _scaled(series: Floats | Spread, by: float) -> Floats | Spread:
    return replace(series, size=series.size * by) if isinstance(series, Spread) else np.asarray(series * by)
