"""Reactive power dispatch of a chunk of days, hour by hour."""

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from flows.steps.inputs import coordinates, fixed_injection, network_of, reader
from flows.steps.result import StepResult
from flows.steps.unit_commitment import days_of
from flows.steps.windows import around, movable, weather, within
from slots.contracts.reactive_dispatch import ReactiveDispatch, ReactiveRequest, check_reactive
from slots.grid.network import Network

SLOT = "reactive_dispatch"

LOSS_SHARE_OF_RAMP = 0.25  # what covering losses may use of the ramp left; adjustment has the rest


def state_datasets(
    net: Network, first: int, v: object, q: object, p: object, on: object, fixed: object, shunt: object, tap: object
) -> dict[str, Dataset]:
    """The arrays of operating points, as all AC stages store them."""
    volts, injected = np.asarray(v), np.asarray(fixed)
    return {
        **coordinates(net, first, len(volts)),
        "changer": Dataset(net.grid.branches.name[net.grid.changers], ("changer",), "", "transformers whose taps move"),
        "vm": Dataset(np.abs(volts), ("hour", "bus"), "p.u.", "voltage magnitude"),
        "va": Dataset(np.angle(volts), ("hour", "bus"), "rad", "voltage angle"),
        "q": Dataset(q, ("hour", "bus"), "MVAr", "reactive output of the units at a bus"),
        "p": Dataset(p, ("hour", "unit"), "MW", "active output, losses covered"),
        "on": Dataset(on, ("hour", "unit"), "", "1 where a unit runs"),
        "fixed_p": Dataset(injected.real, ("hour", "bus"), "p.u.", "injection of everything that is not a unit"),
        "fixed_q": Dataset(injected.imag, ("hour", "bus"), "p.u."),
        "shunt": Dataset(shunt, ("hour", "bus"), "p.u.", "susceptance of switched banks beyond the grid's own"),
        "tap": Dataset(tap, ("hour", "changer"), "", "ratios of tap changers beyond the grid's own"),
    }


def run(chunk: Chunk) -> StepResult:
    """Dispatch each day's hours; every day starts afresh, so chunks can be cut anywhere."""
    net, _ = network_of(chunk.payload["network"])
    chosen = chosen_for(SLOT, chunk)
    begin, span = around(chunk)
    source = reader(chunk, "dispatch")
    units = net.grid.units
    on_around = source.read("on", begin, span).astype(bool)
    p_around = source.read("p", begin, span)
    available, floor = weather(chunk, begin, span)
    low_around, high_around = movable(units, on_around, p_around, available, floor, curtail=False)
    low_around, high_around = within(
        chunk, units, on_around, p_around, low_around, high_around, begin, LOSS_SHARE_OF_RAMP
    )
    shed = source.read("shed", chunk.first_hour, chunk.hours) - source.read("spill", chunk.first_hour, chunk.hours)
    fixed = fixed_injection(chunk, chunk.first_hour, chunk.hours)
    fixed = fixed * (1 - shed[:, None] / np.maximum(-fixed.real.sum(axis=1)[:, None] * net.grid.base_mva, 1e-9))
    results: list[ReactiveDispatch] = []
    for first, hours in days_of(chunk):
        rows = slice(first - begin, first - begin + hours)
        here = fixed[first - chunk.first_hour : first - chunk.first_hour + hours]
        request = ReactiveRequest(net, p_around[rows], on_around[rows], low_around[rows], high_around[rows], here)
        results.append(chosen.call(request))
        check_reactive(request, results[-1])
    names = ("v", "q", "p", "loss", "feasible", "residual", "shunt", "tap")
    v, q, p, loss, feasible, residual, shunt, tap = (np.concatenate([getattr(r, k) for r in results]) for k in names)
    rows = slice(chunk.first_hour - begin, chunk.first_hour - begin + chunk.hours)
    datasets = state_datasets(net, chunk.first_hour, v, q, p, on_around[rows], fixed, shunt, tap)
    datasets["loss"] = Dataset(loss, ("hour",), "MW", "losses in the network")
    datasets["feasible"] = Dataset(feasible, ("hour",), "", "1 where voltage and reactive limits hold")
    datasets["residual"] = Dataset(residual, ("hour",), "p.u.", "voltage beyond a limit")
    notes = tuple(
        (
            int(k),
            f"hour {chunk.first_hour + k}: voltage or reactive limits cannot all be met ({residual[k]:.4f} p.u.)",
        )
        for k in np.flatnonzero(~feasible)
    )
    moved = np.concatenate([r.moved if len(r.moved) else np.zeros(len(r.p)) for r in results])
    notes += tuple(
        (
            int(k),
            f"hour {chunk.first_hour + k}: the schedule has no AC power flow; {moved[k]:.1f} MW were moved towards the "
            "dispatch that the grid's source states",
        )
        for k in np.flatnonzero(moved)
    )
    return StepResult(datasets, chosen, summary={"loss_mwh": float(loss.sum())}, exceptions=notes)
