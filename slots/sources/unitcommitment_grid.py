"""The grid of a UnitCommitment.jl case that has a network, for the planning chain, with its hours as series.

Susceptances are MW per degree, as the package's own instances state them; lines have no resistance and no charging.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bos_core.objects.errors import GridError
from slots.contracts.commitment_case import CommitmentCase
from slots.grid.model import STORAGE, THERMAL, VARIABLE, Floats, Grid, Units
from slots.grid.reading import ReadingLog
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case
from slots.sources.series import UNKNOWN_YEAR, Series
from slots.sources.source import Source
from slots.sources.unitcommitment_jl import FORMAT, read_unitcommitment_jl

BASE_MVA = 100.0
REACTIVE_SHARE = 0.5  # of capacity, either way, that units are taken to give: the format states none
STATED = ("units.ramp", "units.ramp_10min", "units.min_up, units.min_down")  # by the case, after class values
TERMS = "UnitCommitment.jl case"


def read_unitcommitment_grid(path: Path) -> Source:
    """The grid and the hours of a case.

    Raises:
        GridError: it has no network, or what the chain cannot plan.
    """
    case = read_unitcommitment_jl(path)
    _plannable(case)
    log = ReadingLog(str(path), FORMAT)
    for kind, count in case.reading.read.items():
        log.read(kind, count)
    for left in case.reading.left_out:
        log.leave_out(left.kind, list(left.names), left.why)
    grid = grid_from_case(_matrices(case, path.stem), f"{TERMS} {path.name}", log)
    grid = grid.replace(units=_stated(case, grid.units))
    reading = _told(case, grid, log).done(grid.reading.used)
    filled = tuple(x for x in reading.filled if x.what not in STATED)
    grid = grid.replace(reading=replace(reading, filled=filled))
    series = _series(case, grid)
    series.check(grid)
    return Source(grid, series)


def _plannable(case: CommitmentCase) -> None:
    if not len(case.lines.name):
        raise GridError(f"{case.name} has no network", "plan it by `bos analyse unit-commitment`")
    if case.step_h != 1.0:
        raise GridError(
            f"{case.name} has steps of {60 * case.step_h:g} minutes; the chain plans hours",
            "plan it by `bos analyse unit-commitment`",
        )
    g = case.thermal
    for k, name in enumerate(g.name):
        if np.ptp(g.mw[:, k], axis=0).max() > 1e-9 or np.ptp(g.usd[:, k], axis=0).max() > 1e-9:
            raise GridError(
                f"unit {name} of {case.name} has a cost curve that changes from hour to hour",
                "plan it by `bos analyse unit-commitment`",
            )


def _matrices(case: CommitmentCase, name: str) -> Case:
    g, x, s, lines = case.thermal, case.profiled, case.stores, case.lines
    bus = np.zeros((len(case.buses), 13))
    bus[:, 0], bus[:, 1], bus[:, 2] = np.arange(1, len(bus) + 1), 1, case.load[0]
    bus[:, 6], bus[:, 7], bus[:, 10], bus[:, 11], bus[:, 12] = 1, 1, 1, 1.1, 0.9
    weather = x.sign > 0
    at = np.concatenate([g.bus, x.bus[weather], s.bus])
    bus[at, 1] = 2
    bus[int(g.bus[np.argmax(g.pmax[0])]), 1] = 3
    most = np.concatenate([g.pmax[0], x.high[:, weather].max(axis=0), s.discharge_high.max(axis=0)])
    gen = np.zeros((len(at), 21))
    gen[:, 0], gen[:, 5], gen[:, 6], gen[:, 7], gen[:, 8] = at + 1, 1.0, BASE_MVA, 1, most
    gen[:, 3], gen[:, 4] = REACTIVE_SHARE * most, -REACTIVE_SHARE * most
    gen[: len(g.name), 9] = g.pmin[0]
    gen[: len(g.name), 1] = np.clip(g.power, 0.0, g.pmax[0])
    branch = np.zeros((len(lines.name), 13))
    branch[:, 0], branch[:, 1] = lines.f + 1, lines.t + 1
    branch[:, 3] = np.deg2rad(1.0) * BASE_MVA / lines.susceptance
    limits = (np.where(np.isfinite(a), a, 0.0).min(axis=0) for a in (lines.limit, lines.limit, lines.emergency))
    branch[:, 5], branch[:, 6], branch[:, 7] = limits
    branch[:, 10], branch[:, 11], branch[:, 12] = 1, -360, 360
    cost = np.zeros((len(at), 4 + 2 * g.mw.shape[2]))
    cost[:, 0], cost[:, 3] = 2, 1  # nothing, for what has no curve
    for k in range(len(g.name)):
        mw, first = np.unique(g.mw[0, k], return_index=True)
        if len(mw) == 1:
            cost[k, 4] = g.usd[0, k, 0]
            continue
        cost[k, 0], cost[k, 3] = 1, len(mw)
        cost[k, 4 : 4 + 2 * len(mw)] = np.column_stack([mw, g.usd[0, k, first]]).ravel()
    fuel = ["coal"] * len(g.name) + ["wind"] * int(weather.sum()) + ["ess"] * len(s.name)
    return Case(name, BASE_MVA, bus, gen, branch, cost, names={"bus_name": case.buses.tolist(), "genfuel": fuel})


def _stated(case: CommitmentCase, units: Units) -> Units:
    """The units with what the case states in place of class values."""
    g, s, n = case.thermal, case.stores, len(case.thermal.name)
    weather = int((case.profiled.sign > 0).sum())
    names = np.concatenate([g.name, case.profiled.name[case.profiled.sign > 0], s.name])
    kind = np.array([THERMAL] * n + [VARIABLE] * weather + [STORAGE] * len(s.name))
    tiers = g.start_off.shape[1]
    cold = g.start_usd.max(axis=1)
    off = np.where(np.isfinite(g.start_off), g.start_off, g.start_off[:, :1] + 1e4 + np.arange(tiers))
    off[:, 0] = 0.0

    def column(thermal: Floats, rest: float, stores: Floats | float | None = None) -> Floats:
        tail = np.full(len(s.name), rest) if stores is None else np.broadcast_to(stores, len(s.name))
        return np.concatenate([thermal, np.full(weather, rest), tail])

    span = g.pmax[0]
    ramp = np.minimum(np.minimum(g.rise, g.fall), np.maximum(span, 1e-3))
    wide = np.ones((weather + len(s.name), tiers))
    return replace(
        units, name=names, kind=kind, fuel=np.array(["other"] * n + ["profiled"] * weather + ["store"] * len(s.name)),
        in_service=np.ones(len(names), bool), must_run=column(g.must_run.all(axis=0).astype(float), 0.0) > 0,
        min_up=column(g.min_up, 0.0), min_down=column(g.min_down, 0.0), ramp=column(ramp, 1e4), ramp_10min=column(ramp, 1e4),
        start_cost=column(cold, 0.0), stop_cost=column(g.stop_usd, 0.0), start_limit=column(g.start_limit, np.inf),
        stop_limit=column(g.stop_limit, np.inf), start_off=np.vstack([off, wide * np.arange(tiers)]),
        start_share=np.vstack([g.start_usd / np.maximum(cold, 1e-9)[:, None], wide]),
        energy_max=column(np.zeros(n), 0.0, s.level_high.max(axis=0, initial=0.0)),
        energy_initial=column(np.zeros(n), 0.0, s.level_before),
        charge_max=column(np.zeros(n), 0.0, s.charge_high.max(axis=0, initial=0.0)),
        efficiency=column(np.ones(n), 1.0, (s.eta_in * s.eta_out).mean(axis=0) if len(s.name) else 1.0),
        plant=np.full(len(names), ""), source=np.full(len(names), TERMS),
    )  # fmt: skip


def _told(case: CommitmentCase, grid: Grid, log: ReadingLog) -> ReadingLog:
    g, x = case.thermal, case.profiled
    log.fill("units.qmin, units.qmax", len(grid.units), "half the capacity", "the format states no reactive range")
    log.fill("buses.vmin, buses.vmax", len(case.buses), "0.9 to 1.1 p.u.", "the format states no voltages")
    log.leave_out("price-sensitive loads", x.name[x.sign < 0].tolist(), "the chain serves fixed loads")
    priced = (x.sign > 0) & (np.abs(x.price).max(axis=0) > 0)
    log.leave_out("generators: Cost ($/MW)", x.name[priced].tolist(), "what weather decides costs nothing in the chain")
    uneven = g.rise != g.fall
    log.leave_out("generators: the larger ramp limit", g.name[uneven].tolist(), "the chain has one ramp both ways")
    told = "the chain begins without history"
    log.leave_out("generators: Initial status (h), Initial power (MW)", g.name.tolist(), told)
    log.leave_out("contingencies", case.lines.name[case.lines.outages].tolist(), "the chain verifies every outage")
    log.leave_out("reserves: eligibility", [p.name for p in case.products if not p.eligible.all()], "all units hold it")
    held = (g.must_run.any(axis=0) & ~g.must_run.all(axis=0)) | g.must_rest.any(axis=0)
    log.leave_out("generators: Commitment status", g.name[held].tolist(), "the chain decides states")
    if len(case.stores.name):
        log.warn("stores: least levels and rates, losses at rest, prices and levels of the last hour play no part")
    return log


def _series(case: CommitmentCase, grid: Grid) -> Series:
    hours, n = case.steps, len(grid.units)
    available, floor = np.full((hours, n), np.nan), np.zeros((hours, n))
    at, weather = np.flatnonzero(grid.units.kind == VARIABLE), case.profiled.sign > 0
    available[:, at], floor[:, at] = case.profiled.high[:, weather], case.profiled.low[:, weather]
    need = np.sum([p.need for p in case.products], axis=0) if case.products else np.zeros(hours)
    return Series(
        datetime(UNKNOWN_YEAR, 1, 1, tzinfo=UTC), case.load, np.zeros_like(case.load), available, floor,
        np.zeros((hours, n)), need, f"hours of the case, all reserve products together; {TERMS}",
    )  # fmt: skip
