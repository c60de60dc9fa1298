"""Load forecasts from the rhythm of days and weeks: repeated, and smoothed with two seasons (Taylor, 2003)."""

from typing import Annotated

import numpy as np

from slots.contracts.load_forecast import ForecastRequest
from slots.grid.model import Floats
from slots.parameters import Parameter

DAY, WEEK = 24, 168
Share = Annotated[float, Parameter("of what is new", unit="1", ge=0, le=1)]


def last_week(request: ForecastRequest) -> Floats:
    """The hours of the week before."""
    return np.resize(request.history[-WEEK:], request.hours)


def double_seasonal(
    request: ForecastRequest, *, level: Share = 0.02, day: Share = 0.1, week: Share = 0.2, memory: Share = 0.9
) -> Floats:
    """Exponential smoothing of a level, a day's and a week's shape, with the last error dying away."""
    y = request.history
    mean, daily, weekly, error = float(y[:WEEK].mean()), np.ones(DAY), np.ones(WEEK), 0.0
    daily[:] = y[:WEEK].reshape(7, DAY).mean(axis=0) / mean
    weekly[:] = y[:WEEK] / np.maximum(np.tile(daily, 7) * mean, 1e-9)
    for t in range(WEEK, len(y)):
        d, w = t % DAY, t % WEEK
        error = float(y[t] - mean * daily[d] * weekly[w])
        new = level * y[t] / (daily[d] * weekly[w]) + (1 - level) * mean
        daily[d] = day * y[t] / (new * weekly[w]) + (1 - day) * daily[d]
        weekly[w] = week * y[t] / (new * daily[d]) + (1 - week) * weekly[w]
        mean = new
    ahead = np.arange(request.hours)
    at = len(y) + ahead
    return np.asarray(mean * daily[at % DAY] * weekly[at % WEEK] + error * memory ** (1 + ahead))
