"""Real states to judge programs on: days of RTS-GMLC, committed, dispatched and solved, without any platform."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from slots.algorithms.active_dispatch.loss_iterated import loss_iterated
from slots.algorithms.equivalence.ward import ward
from slots.algorithms.reactive_dispatch.interior_point import interior_point
from slots.algorithms.sequence.profiles import profiles
from slots.algorithms.snapshot.secured import secured
from slots.algorithms.unit_commitment.guided import guided
from slots.contracts.active_dispatch import ActiveDispatch, ActiveRequest
from slots.contracts.equivalence import EquivalenceRequest
from slots.contracts.n1 import N1Request, request_for
from slots.contracts.reactive_dispatch import ReactiveDispatch, ReactiveRequest
from slots.contracts.sequence import SequenceRequest
from slots.contracts.unit_commitment import Horizon, Schedule
from slots.grid.dc import ptdf, shift_flows
from slots.grid.model import Complexes, Floats, Grid
from slots.grid.network import Network, whole
from slots.sources.capability import with_inverter_capability
from slots.sources.catalogue import load_source
from slots.sources.series import Series


@cache
def grid() -> Grid:
    """RTS-GMLC with the reactive range of its inverters."""
    return with_inverter_capability(load_source("case_RTS_GMLC").grid, 0.95)


@cache
def series() -> Series:
    """Its year."""
    return profiles(SequenceRequest(grid(), None, 1))


@cache
def reduction() -> tuple[EquivalenceRequest, Network]:
    """Its secured snapshot to be reduced to 230 kV, and the network that comes of it."""
    g = grid()
    snap = secured(g)
    injection = snap.point.injection(whole(g)) - g.dc_injection() / g.base_mva
    request = EquivalenceRequest(g, snap.v, injection, 230.0)
    return request, ward(request)


def network() -> Network:
    """The reduced network."""
    return reduction()[1]


def horizon(day: int, hours: int = 24, net: Network | None = None) -> Horizon:
    """The scheduling horizon that begins with a day, without borders."""
    net = net or network()
    base, w = net.grid.base_mva, series().window(24 * day, hours)
    fixed = net.fixed_injection(w["load"], w["load_q"]).real * base
    factors = ptdf(net.grid)
    return Horizon(
        net.grid.units, 24 * day, -fixed.sum(axis=1), w["available"], w["floor"], w["inflow"], w["reserve"],
        factors @ net.unit_map.toarray(), fixed @ factors.T + shift_flows(net.grid, factors),
        0.95 * net.grid.branches.rate, None, None,
    )  # fmt: skip


@dataclass(frozen=True)
class Day:
    """A day: what each slot was asked and answered; `fixed`: (hour, bus) p.u."""

    horizon: Horizon
    schedule: Schedule
    active_request: ActiveRequest
    active: ActiveDispatch
    reactive_request: ReactiveRequest
    reactive: ReactiveDispatch
    fixed: Complexes

    def n1_request(self) -> N1Request:
        """Its hours to verify."""
        net, r = network(), self.reactive
        base = net.grid.base_mva

        def at_bus(x: Floats) -> Floats:
            return np.asarray((net.unit_map @ x.T).T / base)

        injection = self.fixed + at_bus(r.p) + 1j * r.q / base
        return request_for(net, r.v, injection, r.q, self.reactive_request.on, r.shunt, r.tap)


@cache
def day(number: int) -> Day:
    """A day of the year, computed by the official programs."""
    net, h = network(), horizon(number)
    s = guided(h, 8e-4)
    br, units = net.grid.branches, net.grid.units
    active_request = ActiveRequest(h, s.on, ptdf(net.grid), br.f, br.t, br.r / net.grid.base_mva)
    active = loss_iterated(active_request)
    p, on = active.schedule.p, active.schedule.on
    thermal = (units.kind == "thermal")[None, :] & on
    low, high = np.where(thermal, units.pmin, p), np.where(thermal, units.pmax, p)
    w = series().window(24 * number, 24)
    fixed = net.fixed_injection(w["load"], w["load_q"])
    request = ReactiveRequest(net, p, on, np.minimum(low, p), np.maximum(high, p), fixed)
    return Day(h, s, active_request, active, request, interior_point(request), fixed)
