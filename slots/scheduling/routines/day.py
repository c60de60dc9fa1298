"""A day of the chain, as parameters of the daily routines and back to a schedule."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.contracts.unit_commitment import (
    OVERLOAD_USD_MWH,
    RESERVE_USD_MWH,
    SHED_USD_MWH,
    SPILL_USD_MWH,
    Horizon,
    Schedule,
    fuel_cost,
    start_room,
    starts_cost,
    stop_room,
)
from slots.grid.model import Bools, Floats, Ints
from slots.scheduling.lazy import TOLERANCE
from slots.scheduling.problem import Problem
from slots.scheduling.routines.daily import DailyCommitment, DailyDispatch

# Among equal schedules prefer the one that moves stores less; keeps solutions unique enough to compare.
STORE_WEAR_USD_MWH = 0.1
SHORTEST_PIECE_MW = 1e-9


@dataclass(frozen=True)
class Day:
    """A horizon's units by kind, and its problem; with a commitment (hour, unit), its dispatch."""

    horizon: Horizon
    commitment: Bools | None = None
    compiled: Problem | None = None

    @cached_property
    def problem(self) -> Problem:
        """The compiled problem, or the one given, kept up to date by who gave it."""
        if self.compiled is not None:
            return self.compiled
        kind = DailyDispatch if self.commitment is not None else DailyCommitment
        return kind.compile(self._parameters())

    def _of(self, kind: str) -> Ints:
        units = self.horizon.units
        return np.flatnonzero((units.kind == kind) & units.in_service)

    @cached_property
    def thermal(self) -> Ints:
        """Positions of units that can be committed."""
        return self._of("thermal")

    @cached_property
    def weather(self) -> Ints:
        """Positions of units that weather decides."""
        return self._of("variable")

    @cached_property
    def stores(self) -> Ints:
        """Positions of stores."""
        return self._of("storage")

    def _parameters(self) -> dict[str, Any]:
        out = {**self._system(), **self._units(), **self._borders(), **self._stores()}
        return {**out, **(self._fixed() if self.commitment is not None else self._free())}

    def _at(self, units: Ints) -> sp.csr_matrix:
        """Each unit is a bus of its own: the branch factors are per unit."""
        n, k = len(self.horizon.units), len(units)
        return sp.csr_matrix((np.ones(k), (units, np.arange(k))), shape=(n, k))

    def _system(self) -> dict[str, Any]:
        h, weather = self.horizon, self.weather
        up = h.upper()[:, weather]
        return {
            "demand": h.demand, "reserve_need": h.reserve, "factors": h.unit_factors, "fixed_flow": h.fixed_flow,
            "rate": h.rate, "shed_price": SHED_USD_MWH, "spill_price": SPILL_USD_MWH,
            "reserve_price": RESERVE_USD_MWH, "overload_price": OVERLOAD_USD_MWH, "weather_at": self._at(weather),
            "available": up, "floor": np.minimum(h.floor[:, weather], up),
        }  # fmt: skip

    def _units(self) -> dict[str, Any]:
        u, g = self.horizon.units, self.thermal
        width = np.diff(u.cost_mw[g], axis=1)
        rise = np.diff(u.cost_usd[g], axis=1)
        return {
            "at_bus": self._at(g), "pmin": u.pmin[g], "pmax": u.pmax[g], "width": width,
            "slope": np.divide(rise, width, out=np.zeros_like(width), where=width > SHORTEST_PIECE_MW),
            "no_load": u.cost_usd[g, 0], "quick": np.clip(u.ramp_10min, 0, np.maximum(u.pmax, 0))[g], "ramp": u.ramp[g],
        }  # fmt: skip

    def _borders(self) -> dict[str, Any]:
        h, g = self.horizon, self.thermal
        u, shape = h.units, (h.hours, len(g))
        tight = (u.ramp < u.pmax - u.pmin - 1e-6)[g]
        ramped, banded, capped = np.tile(tight, (h.hours, 1)), np.zeros(shape, bool), np.zeros(shape, bool)
        ramped[0] = False
        low, high, room = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for border, hour in ((h.start, 0), (h.end, h.hours - 1)):
            if border is None:
                continue
            mine = tight & border.on[g] & np.isfinite(border.power[g])
            banded[hour] |= mine
            middle, half = np.where(mine, border.power[g] - u.pmin[g], 0.0), u.ramp[g] / 2
            low[hour] = np.maximum(low[hour], middle - half) if h.hours == 1 and hour else middle - half
            high[hour] = middle + half
        if h.end is not None:
            end = h.end.cap[g] - u.pmin[g]
            capped[-1] = h.end.on[g] & np.isfinite(end)
            room[-1] = np.where(capped[-1], end, 0.0)
        return {
            "ramped": ramped, "banded": banded, "band_low": low, "band_high": high, "capped": capped, "room": room
        }  # fmt: skip

    def _stores(self) -> dict[str, Any]:
        h, s = self.horizon, self.stores
        u = h.units
        one_way = np.sqrt(u.efficiency[s])
        least = np.zeros((h.hours, len(s)))
        if h.end is not None:
            least[-1] = np.clip(h.end.energy[s] - 1e-6, 0.0, None)
        return {
            "store_at": self._at(s), "charge_max": u.charge_max[s], "discharge_max": u.pmax[s], "energy_min": least,
            "energy_max": u.energy_max[s], "inflow": h.inflow[:, s], "eta_in": one_way, "eta_out": one_way,
            "energy_before": h.start.energy[s] if h.start is not None else u.energy_initial[s],
            "spills": h.inflow[:, s].max(axis=0) > 0, "wear_price": STORE_WEAR_USD_MWH,
        }  # fmt: skip

    def _free(self) -> dict[str, Any]:
        h, g = self.horizon, self.thermal
        u, start = h.units, h.start
        low, high = self._states()
        linked, change, stop = np.ones(h.hours), np.ones((h.hours, len(g))), np.ones((h.hours, len(g)))
        limit = stop_room(u)[g]
        if start is None:  # free history: no start is paid for in the first hour
            linked[0], change[0] = 0.0, 0.0
        else:  # the day before may end above what a unit can stop from
            stop[0, (limit < u.pmax[g] - 1e-6) & (start.cap[g] > limit + 1e-6)] = 0.0
        return {
            "u_low": low, "u_high": high, "linked": linked, "change_high": change, "stop_high": stop,
            "u_before": np.zeros(len(g)) if start is None else start.on[g], "start_cost": u.start_cost[g],
            "stop_cost": u.stop_cost[g], "min_up": np.clip(u.min_up[g], 1, h.hours),
            "min_down": np.clip(u.min_down[g], 1, h.hours), "span": (u.pmax - u.pmin)[g], **self._cuts(), **self._tiers(),
            "sloped": np.diff(u.cost_mw[g], axis=1) > SHORTEST_PIECE_MW,
        }  # fmt: skip

    def _cuts(self) -> dict[str, Any]:
        """Range that limits of starts and stops leave out of reach; units that may do both within an hour have two rows."""
        u, g = self.horizon.units, self.thermal
        start, stop = (u.pmax - start_room(u))[g], (u.pmax - stop_room(u))[g]
        brief = (u.min_up[g] < 2) & (start > 1e-6) & (stop > 1e-6)  # fmt: skip
        return {
            "start_cut": start, "stop_cut": stop, "brief": brief, "early_cut": np.maximum(start - stop, 0.0),
            "late_cut": np.where(brief, np.maximum(stop - start, 0.0), stop),
        }  # fmt: skip

    def _tiers(self) -> dict[str, Any]:
        """Savings of starts after short times off; none where every start of a unit costs the same."""
        h, g = self.horizon, self.thermal
        u = h.units
        saving = np.diff(u.start_share[g], axis=1) * u.start_cost[g, None]
        unit, k = np.nonzero(saving > 0)
        until = np.ceil(u.start_off[g][unit, k + 1])
        rested = np.full(len(g), np.inf) if h.start is None else np.where(h.start.on[g], np.inf, h.start.rested[g])
        n = len(unit)
        return {
            "tier_of": sp.csr_matrix((np.ones(n), (np.arange(n), unit)), shape=(n, len(g))), "warm_for": until,
            "saving": saving[unit, k],
            "warm_before": (rested[unit] + np.arange(h.hours)[:, None] < until).astype(float),
        }  # fmt: skip

    def _states(self) -> tuple[Floats, Floats]:
        """(hour, thermal) least and most commitment that borders and must-run leave."""
        h, g = self.horizon, self.thermal
        u = h.units
        hour = np.arange(h.hours)[:, None]
        low, high = np.zeros((h.hours, len(g))), np.ones((h.hours, len(g)))
        low[:, u.must_run[g]] = 1.0
        if h.start is not None:
            on = h.start.on[g]
            least = np.where(on, u.min_up[g], u.min_down[g])
            rest = np.clip(least - h.start.hours[g], 0, h.hours).astype(int)
            held = (hour < rest) & ~(u.must_run[g] & ~on)
            low, high = np.where(held, on, low), np.where(held, on, high)
        if h.end is not None:
            tail = np.minimum(h.end.hours[g], h.hours).astype(int)
            held = hour >= h.hours - tail
            low, high = np.where(held, h.end.on[g], low), np.where(held, h.end.on[g], high)
        return low, high

    def _fixed(self) -> dict[str, Any]:
        assert self.commitment is not None
        h, g = self.horizon, self.thermal
        u, on = h.units, self.commitment[:, g]
        before = h.start.on[g][None, :] if h.start is not None else on[:1]
        previous, following = np.vstack([before, on[:-1]]), np.vstack([on[1:], on[-1:]])
        first, last, span, cut = on & ~previous, on & ~following, (u.pmax - u.pmin)[g] * on, self._cuts()
        room = span - cut["start_cut"] * first - cut["late_cut"] * last
        second = span - cut["early_cut"] * first - cut["stop_cut"] * last
        room = np.where(cut["brief"], np.minimum(room, second), room)
        return {"u": on, "v": on & ~previous, "w": previous & ~on, "headroom": np.maximum(room, 0.0)}

    def power(self, x: Floats) -> Floats:
        """(hour, unit) MW of a solution's columns."""
        value = self.problem.value
        p = np.zeros((self.horizon.hours, len(self.horizon.units)))
        p[:, self.thermal], p[:, self.weather] = value("p", x), value("x", x)
        p[:, self.stores] = value("discharge", x) - value("charge", x)
        return p

    def schedule(self, x: Floats, bound: float) -> Schedule:
        """The schedule of a solution, with its costs recomputed from the cost curves."""
        h, n, value = self.horizon, len(self.horizon.units), self.problem.value
        on = np.broadcast_to(h.units.in_service, (h.hours, n)).copy()
        on[:, h.units.kind == "thermal"] = False
        on[:, self.thermal] = value("u", x) > 0.5
        p = self.power(x)
        reserve, energy = np.zeros((h.hours, n)), np.zeros((h.hours, n))
        reserve[:, self.thermal] = value("r", x)
        reserve[:, self.weather] = np.maximum(h.upper()[:, self.weather] - p[:, self.weather], 0.0)
        energy[:, self.stores] = value("energy", x)
        flow = h.flow(p)
        overload = np.maximum(np.abs(flow) - h.rate[None, :] - TOLERANCE, 0.0)
        shed, spill, short = (np.array(value(name, x)) for name in ("shed", "spill", "short"))
        penalty = SHED_USD_MWH * shed.sum() + SPILL_USD_MWH * spill.sum() + RESERVE_USD_MWH * short.sum()
        penalty += OVERLOAD_USD_MWH * overload.sum()
        penalty += STORE_WEAR_USD_MWH * (value("charge", x).sum() + value("discharge", x).sum())
        return Schedule(
            on, p, reserve, energy, shed, spill, short, overload, fuel_cost(h, on, p), starts_cost(h, on),
            float(penalty), bound,
        )  # fmt: skip
