"""Load forecasts learned from the past: by regression on the calendar, and from days that began alike."""

from typing import Annotated

import numpy as np

from slots.contracts.load_forecast import ForecastRequest
from slots.grid.model import Floats
from slots.parameters import Parameter

DAY, WEEK, YEAR = 24, 168, 8766.0


def regression(
    request: ForecastRequest, *,
    harmonics: Annotated[int, Parameter("of the year", ge=0, le=10)] = 2,
    decay: Annotated[float, Parameter("of weights in a week back", unit="share", ge=0, le=0.9)] = 0.3,
) -> Floats:  # fmt: skip
    """Ridge regression of logarithms on hours of the week, waves of the year and a trend; recent weeks weigh more."""
    n = len(request.history)
    t = np.arange(n + request.hours)
    whole = harmonics if n > YEAR / 2 else 0
    x = np.zeros((len(t), WEEK + 2 * whole))
    x[t, (t + request.first_hour) % WEEK] = 1.0
    for k in range(whole):
        angle = 2 * np.pi * (k + 1) * t / YEAR
        x[:, WEEK + 2 * k], x[:, WEEK + 2 * k + 1] = np.cos(angle), np.sin(angle)
    weight = (1 - decay) ** ((n - 1 - t[:n]) / WEEK)
    y = np.log(np.maximum(request.history, 1e-9))
    middle = float(weight @ y / weight.sum())
    a = x[:n] * weight[:, None]
    beta = np.linalg.solve(a.T @ x[:n] + 1e-3 * np.eye(x.shape[1]), a.T @ (y - middle))
    return np.asarray(np.exp(x[n:] @ beta + middle))


def alike_days(
    request: ForecastRequest, *, neighbours: Annotated[int, Parameter("pasts that are averaged", ge=1, le=100)] = 5
) -> Floats:
    """What followed the times whose two days before were most like the last two, at the same hour of the week's rhythm."""
    y, span = request.history, 2 * DAY
    ends = np.arange(len(y) - request.hours, span, -DAY)
    ends = ends[ends >= span]
    if len(ends) == 0:
        return np.resize(y[-WEEK:], request.hours)
    same = (len(y) - ends) % WEEK == 0
    last = y[-span:]
    off = np.array([np.abs(y[e - span : e] / y[e - span : e].mean() - last / last.mean()).mean() for e in ends])
    chosen = ends[np.argsort(off + np.where(same, 0.0, 0.05), kind="stable")[:neighbours]]
    shapes = [y[e : e + request.hours] / y[e - span : e].mean() for e in chosen]
    return np.asarray(np.mean(shapes, axis=0) * last.mean())
