"""Adjustment of the insecure hours of a chunk; secure hours pass through unchanged."""

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.insecure import left_datasets
from flows.steps.actions import action_datasets
from flows.steps.chosen import chosen_for
from flows.steps.inputs import network_of, reader
from flows.steps.reactive_dispatch import state_datasets
from flows.steps.result import StepResult
from flows.steps.windows import around, movable, weather, within
from slots.contracts.adjustment import Adjusted, AdjustmentRequest, Left, check_adjusted
from slots.contracts.curative import CurativeAction
from slots.grid.model import Bools, Floats, Units
from slots.grid.operating_point import OperatingPoint

SLOT = "adjustment"

ADJUSTMENT_SHARE_OF_RAMP = 0.5


def run(chunk: Chunk) -> StepResult:
    """Adjust every hour that verification found insecure."""
    net, _ = network_of(chunk.payload["network"])
    chosen = chosen_for(SLOT, chunk)
    begin, span = around(chunk)
    units, base = net.grid.units, net.grid.base_mva
    state = reader(chunk, "state")
    on_around = state.read("on", begin, span).astype(bool)
    p_around = state.read("p", begin, span)
    low_around, high_around = movable(units, on_around, p_around, *weather(chunk, begin, span), curtail=True)
    low_around, high_around = within(
        chunk, units, on_around, p_around, low_around, high_around, begin, ADJUSTMENT_SHARE_OF_RAMP
    )
    first, n = chunk.first_hour, chunk.hours
    get = {k: state.read(k, first, n) for k in ("vm", "va", "q", "fixed_p", "fixed_q", "shunt", "tap")}
    rows = slice(first - begin, first - begin + n)
    on, p, low, high = on_around[rows], p_around[rows].copy(), low_around[rows], high_around[rows]
    v, q, fixed = get["vm"] * np.exp(1j * get["va"]), get["q"].copy(), get["fixed_p"] + 1j * get["fixed_q"]
    verified = reader(chunk, "verification")
    cases, solved = (verified.read(k, first, n).astype(bool) for k in ("insecure", "converged"))
    insecure = cases.any(axis=1)
    shed, moved, residual = np.zeros((n, net.grid.n_bus)), np.zeros(n), np.zeros(n)
    iterations, secure, notes = np.zeros(n, np.int64), ~insecure, []
    changed, actions = np.zeros(n, bool), list[tuple[int, CurativeAction]]()
    left: list[tuple[int, Left]] = []
    before = hourly_cost(units, on, p)
    for h in np.flatnonzero(insecure):
        point = OperatingPoint(
            p[h],
            on[h],
            low[h],
            high[h],
            fixed[h],
            q[h],
            v[h],
            net.voltage_controlled(on[h]),
            np.zeros(net.grid.n_bus),
            get["shunt"][h],
            get["tap"][h],
        )
        broken = np.flatnonzero(cases[h])
        lost = None if solved[h, broken].any() else broken - 1
        request = AdjustmentRequest(net, point, np.maximum(-fixed[h].real * base, 0.0), net.contingencies, broken, lost)
        result: Adjusted = chosen.call(request)
        check_adjusted(request, result)
        end = result.point
        changed[h] = end is not point
        actions += [(first + int(h), a) for a in result.actions]
        left += [(first + int(h), x) for x in result.left]
        # The injection of what is served: later stages need not know about shedding.
        fixed[h] = end.injection(net) - (net.unit_map @ end.p + 1j * end.q) / base
        p[h], q[h], v[h], shed[h] = end.p, end.q, end.v, end.shed
        moved[h], residual[h], iterations[h], secure[h] = (
            result.moved,
            result.residual,
            result.iterations,
            result.secure,
        )
        if not result.secure:
            notes.append((int(h), f"hour {first + h} stays insecure: {result.reason}"))
    datasets = state_datasets(net, first, v, q, p, on, fixed, get["shunt"], get["tap"])
    datasets |= {
        "adjusted": Dataset(insecure, ("hour",), "", "1 where the hour was adjusted"),
        "changed": Dataset(changed, ("hour",), "", "1 where the operating point was moved"),
        "curative": Dataset(
            np.bincount([h - first for h, _ in actions], [a.mw for _, a in actions], n),
            ("hour",),
            "MW",
            "actions planned, summed over the outages that need some",
        ),
        "secure": Dataset(secure, ("hour",), "", "1 where no violation is left, curative actions taken"),
        "shed": Dataset(shed, ("hour", "bus"), "MW", "load not served"),
        "moved": Dataset(moved, ("hour",), "MW", "redispatch"),
        "residual": Dataset(residual, ("hour",), "1", "worst violation left, share of rating or p.u."),
        "iterations": Dataset(iterations, ("hour",)),
        "cost_change": Dataset(hourly_cost(units, on, p) - before, ("hour",), "USD", "fuel cost of the redispatch"),
    }
    datasets |= action_datasets(actions, base) | left_datasets(left)
    summary = {
        "adjusted": int(insecure.sum()), "changed": int(changed.sum()), "curative_actions": len(actions),
        "largest_action_mw": max((a.mw for _, a in actions), default=0.0),
        "still_insecure": int((~secure).sum()), "moved_mwh": float(moved.sum()),
        "shed_mwh": float(shed.sum()), "cost_change": float(datasets["cost_change"].data.sum()),
    }  # fmt: skip
    return StepResult(datasets, chosen, tasks=int(insecure.sum()), summary=summary, exceptions=tuple(notes))


def hourly_cost(units: Units, on: Bools, p: Floats) -> Floats:
    """(hour,) fuel cost of the thermal units (USD)."""
    total = np.zeros(len(p))
    for g in np.flatnonzero(units.kind == "thermal"):
        total += np.where(on[:, g], np.interp(p[:, g], units.cost_mw[g], units.cost_usd[g]), 0.0)
    return total
