"""Schedules as datasets: what unit commitment and active dispatch have in common."""

from typing import Any

import numpy as np

from bos_core.objects.data import Dataset
from flows.steps.inputs import coordinates
from slots.contracts.unit_commitment import Horizon, Schedule
from slots.grid.network import Network


def schedule_datasets(net: Network, h: Horizon, s: Schedule) -> dict[str, Dataset]:
    """The arrays of a schedule with units and coordinates."""
    unit, hour = ("hour", "unit"), ("hour",)
    return {
        **coordinates(net, h.first_hour, h.hours),
        "on": Dataset(s.on, unit, "", "1 where a unit runs"),
        "p": Dataset(s.p, unit, "MW", "active output"),
        "reserve": Dataset(s.reserve, unit, "MW", "spinning reserve held"),
        "energy": Dataset(s.energy, unit, "MWh", "energy in store at the end of the hour"),
        "shed": Dataset(s.shed, hour, "MW", "load not served"),
        "spill": Dataset(s.spill, hour, "MW", "generation that cannot be taken"),
        "reserve_short": Dataset(s.reserve_short, hour, "MW", "reserve missing"),
        "reserve_required": Dataset(h.reserve, hour, "MW"),
        "demand": Dataset(h.demand, hour, "MW", "load, losses and fixed injections"),
        "overload": Dataset(s.overload.sum(axis=1), hour, "MW", "above branch limits, summed"),
    }


def schedule_summary(s: Schedule) -> dict[str, float]:
    """Costs and shortfalls for the index."""
    return {
        "cost": s.cost, "fuel_cost": s.fuel_cost, "start_cost": s.start_cost, "penalty": s.penalty,
        "bound": s.bound, "shed_mwh": float(s.shed.sum()), "reserve_short_mwh": float(s.reserve_short.sum()),
        "overload_mwh": float(s.overload.sum()),
    }  # fmt: skip


def stack(parts: list[dict[str, Dataset]], names: set[str]) -> dict[str, Dataset]:
    """Datasets of consecutive hours as one; those in `names` are the same in every part."""
    out: dict[str, Dataset] = {}
    for name, first in parts[0].items():
        if name in names:
            out[name] = first
            continue
        data: Any = np.concatenate([p[name].data for p in parts])
        out[name] = Dataset(data, first.dims, first.unit, first.description)
    return out
