"""What a report shows, gathered from the result files of a task set."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

import numpy as np

from bos_core.drwop import store
from bos_core.index.client import Index
from bos_core.index.tables import Output
from bos_core.objects.errors import ParameterError
from flows.insecure import KindLeft, kinds_left, left_of
from flows.stages import Stages
from flows.steps.adjustment import hourly_cost
from flows.steps.inputs import network_of
from slots.contracts.unit_commitment import changes_cost
from slots.grid.model import Bools, Floats
from slots.grid.network import Network

AFTER = ("loading", "vmin", "vmax")


@dataclass(frozen=True)
class AfterOutage:
    """(hour,) worst loading (share of the emergency rating), lowest and highest voltage (p.u.) after one outage and what
    is done then; NaN where it has no power flow."""

    name: str
    loading: Floats
    vmin: Floats
    vmax: Floats


@dataclass(frozen=True)
class ListedFigures:
    """A listed contingency over all hours: how often insecure or without a power flow, and its worst figures."""

    name: str
    insecure: int
    lost: int
    loading: float
    vmin: float
    vmax: float
    lost_mw: float


@dataclass(frozen=True)
class Figures:
    """Everything the report needs; hourly arrays run over the horizon.

    `worst_before`, `worst_after`: (hour,) worst N-1 loading, share of rating, before and after adjustment.
    `begin`: timestamp of the first hour (UTC). `curative`: (hour,) MW of curative actions planned. `transient`: what each simulation of a fault told.
    """

    network: Network
    header: dict[str, Any]
    description: str
    first_hour: int
    begin: datetime
    load: Floats
    by_fuel: dict[str, Floats]
    available: Floats
    variable: Floats
    curtailed: Floats
    vmin: Floats
    vmax: Floats
    worst_before: Floats
    worst_after: Floats
    critical: list[tuple[str, int]]
    outage: AfterOutage | None
    listed: list[ListedFigures]
    transient: list[dict[str, Any]]
    insecure: Floats
    adjusted: Floats
    secure: Floats
    insecure_after: list[KindLeft]
    curative: Floats
    moved: float
    shed: float
    adjustment_cost: float
    fuel_cost: float
    start_cost: float
    starts: int
    reserve_short: float
    unserved: float
    lost_cases: int
    not_converged: int
    snapshot: dict[str, Any]


def gather(index: Index, set_id: str, outage: str | None = None) -> Figures:
    """Read what a finished task set computed; `outage` names the branch after whose loss all hours are shown.

    Raises:
        ParameterError: no contingency has that name.
    """
    stages = Stages(index, set_id)
    files, first, read = stages.files, stages.first_hour, stages.read
    net, header = network_of(files["equivalence"][0].path)
    units = net.grid.units
    p, on = read("adjust", "p"), read("adjust", "on").astype(bool)
    variable = (units.kind == "variable") & units.in_service
    available = np.nan_to_num(read("sequence", "kept_available"))[:, variable].sum(axis=1)
    produced = p[:, variable].sum(axis=1)
    fuels = sorted(set(units.fuel[units.in_service]) - {"none"})
    insecure = read("n1", "insecure").astype(bool)
    loading = read("n1", "loading")
    after = np.nanmax(loading, axis=1)
    again = _reverified(files.get("reverify", []), loading.shape[1])
    after[again["hour"] - first] = np.nanmax(again["loading"], axis=1) if len(again["hour"]) else np.zeros(0)
    adjusted, secure = read("adjust", "adjusted"), read("adjust", "secure")
    thermal = units.kind == "thermal"
    started = (np.diff(on.astype(int), axis=0) > 0)[:, thermal]
    _, told = store.read(files["sequence"][0].path, [])
    return Figures(
        network=net, header=header, description=str(told["description"]), first_hour=first,
        begin=datetime.fromisoformat(str(told["start"])) + timedelta(hours=int(first)),
        load=read("sequence", "load").sum(axis=1),
        by_fuel={f: p[:, units.fuel == f].sum(axis=1) for f in fuels}, available=available, variable=produced,
        curtailed=np.maximum(available - produced, 0.0), vmin=read("adjust", "vm").min(axis=1),
        vmax=read("adjust", "vm").max(axis=1), worst_before=np.nanmax(loading, axis=1), worst_after=after,
        critical=_critical(net, files["n1"]), outage=_after(stages, net, insecure, again, outage),
        listed=_listed(stages) if "listed" in files else [],
        transient=_transient(files.get("transient", [])), insecure=insecure.any(axis=1), adjusted=adjusted, secure=secure,
        insecure_after=kinds_left(left_of([o.path for o in files["adjust"]]), net),
        curative=read("adjust", "curative"),
        moved=float(read("adjust", "moved").sum()), shed=float(read("adjust", "shed").sum()),
        adjustment_cost=float(read("adjust", "cost_change").sum()), fuel_cost=float(hourly_cost(units, on, p).sum()),
        start_cost=changes_cost(units, on, np.full(len(units), np.inf)), starts=int(started.sum()),
        reserve_short=float(read("apd-check", "reserve_short").sum()), unserved=float(read("apd-check", "shed").sum()),
        lost_cases=int((read("n1", "lost_load") > 0).sum()), not_converged=int((read("n1", "converged") == 0).sum()),
        snapshot=dict(files["snapshot"][0].summary),
    )  # fmt: skip


def _reverified(files: list[Output], cases: int) -> dict[str, Any]:
    """(hour,) hours that were adjusted, and (hour, case) figures of them afterwards."""
    parts = [store.read(o.path, ["hour", *AFTER])[0] for o in files]
    empty = {"hour": np.zeros(0, np.int64), **{k: np.zeros((0, cases)) for k in AFTER}}
    return {k: np.concatenate([a[k] for a in [empty, *parts]]) for k in empty}


def _after(
    stages: Stages, net: Network, insecure: Bools, again: dict[str, Any], name: str | None
) -> AfterOutage | None:
    """Every hour after the outage called `name`, or the one that is insecure most often; None where there is none."""
    names = net.grid.branches.name[net.contingencies].tolist()
    if not names:
        return None
    if name is None:
        name = names[int(insecure[:, 1:].sum(axis=0).argmax())]
    if name not in names:
        near = get_close_matches(name, names, 3) or names[:3]
        raise ParameterError(
            f"no outage '{name}' was verified", f"name a branch as the grid does: {', '.join(near)}, …"
        )
    case = 1 + names.index(name)
    series = [stages.read("n1", k)[:, case] for k in AFTER]
    for k, values in zip(AFTER, series, strict=True):
        values[again["hour"] - stages.first_hour] = again[k][:, case]
    return AfterOutage(name, *series)


def _listed(stages: Stages) -> list[ListedFigures]:
    """Listed contingencies, those insecure most often first."""
    names = store.read(stages.files["listed"][0].path, ["contingency"])[0]["contingency"]
    get = {k: stages.read("listed", k) for k in ("insecure", "converged", "loading", "vmin", "vmax", "lost_generation")}
    insecure = get["insecure"].sum(axis=0)
    order = np.lexsort((-np.nanmax(get["loading"], axis=0, initial=0.0), -insecure))
    return [
        ListedFigures(
            str(names[k]), int(insecure[k]), int((get["converged"][:, k] == 0).sum()),
            *(float(x) for x in (np.nanmax(get["loading"][:, k], initial=0.0), np.nanmin(get["vmin"][:, k], initial=9.0),
                                 np.nanmax(get["vmax"][:, k], initial=0.0), get["lost_generation"][:, k].max())),
        )
        for k in order
    ]  # fmt: skip


def _transient(files: list[Output]) -> list[dict[str, Any]]:
    """Simulations of faults, in the order of their hours; texts as texts."""
    names, out = ("hour", "bus", "stable", "spread", "lowest", "end", "reason"), list[dict[str, Any]]()
    for o in files:
        arrays, _ = store.read(o.path, list(names))
        out += [{k: arrays[k][i] for k in names} for i in range(len(arrays["hour"]))]
    return out


def _critical(net: Network, files: list[Output]) -> list[tuple[str, int]]:
    """Outages that are insecure most often: (branch, hours)."""
    count = np.zeros(1 + len(net.contingencies), np.int64)
    for o in files:
        arrays, _ = store.read(o.path, ["insecure"])
        count += arrays["insecure"].astype(np.int64).sum(axis=0)
    order = np.argsort(-count, kind="stable")[:12]
    names = ["no outage", *net.grid.branches.name[net.contingencies]]
    return [(str(names[k]), int(count[k])) for k in order if count[k] > 0]
