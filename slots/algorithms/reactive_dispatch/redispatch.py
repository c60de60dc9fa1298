"""An hour whose schedule has no AC power flow, moved towards the dispatch of the grid's own state as far as needed.

A schedule of the DC stages knows ratings but neither voltages nor the angle at which a corridor falls out of step. What
the grid's source states as its own dispatch usually has a power flow: the nearest point on the way there that has one.
"""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from slots.algorithms.reactive_dispatch.stated import Settings, first_point, state
from slots.contracts.reactive_dispatch import ReactiveRequest
from slots.grid.model import Floats
from slots.grid.operating_point import settle

STEPS = 8  # of the way
WINDOW_MW = 1e-3  # by which a unit may leave its window


def with_power_flow(
    request: ReactiveRequest, h: int, settings: Settings, ybus: sp.csr_matrix
) -> ReactiveRequest | None:
    """The request with hour `h` moved to the nearest point that has a power flow; None where there is none.

    Units that run stay within their windows, and give in all what they gave.
    """
    net, own = request.network, _own(request, h)
    angles = state(request, h, settings, settings).flat_start(net)[: net.grid.n_bus]
    for k in range(1, STEPS + 1):
        p = request.p.copy()
        p[h] += k / STEPS * (own - request.p[h])
        moved = replace(request, p=p)
        point = replace(first_point(moved, h, settings), v=np.exp(1j * angles))
        settled, ok = settle(net, ybus, point)
        if ok and (settled.p >= point.low - WINDOW_MW).all() and (settled.p <= point.high + WINDOW_MW).all():
            return moved
    return None


def _own(request: ReactiveRequest, h: int) -> Floats:
    """(unit,) MW: the grid's own dispatch of the units that run, scaled to what the hour needs, within their windows."""
    units, now = request.network.grid.units, request.p[h]
    low, high = np.minimum(request.low[h], now), np.maximum(request.high[h], now)
    wanted = np.where(request.on[h] & (units.kind == "thermal"), np.maximum(units.p, 0.0), now)
    least, most = 0.0, 1.0
    while np.clip(most * wanted, low, high).sum() < now.sum() and most < 1e6:
        most *= 2
    for _ in range(60):
        middle = (least + most) / 2
        if np.clip(middle * wanted, low, high).sum() < now.sum():
            least = middle
        else:
            most = middle
    return np.clip(most * wanted, low, high)
