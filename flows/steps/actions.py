"""Curative actions as arrays of a result file, and their verification: each outage with what is done after it."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from bos_core.drwop import store
from bos_core.drwop.reader import Piece
from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from slots.algorithms.n1.listed import verify_each
from slots.contracts.curative import CurativeAction, with_change
from slots.contracts.n1 import N1Request, N1Result
from slots.grid.model import Bools, Complexes, Ints
from slots.grid.network import Network

FIGURES = [f.name for f in fields(N1Result) if f.name != "contingencies"]


def action_datasets(actions: Sequence[tuple[int, CurativeAction]], base_mva: float) -> dict[str, Dataset]:
    """One row for each bus at which something is done after an outage in an hour."""
    rows = [
        (hour, a.outage, bus, a.change[bus].real * base_mva, a.change[bus].imag * base_mva)
        for hour, a in actions
        for bus in np.flatnonzero(a.change).tolist()
    ]
    hour, outage, bus, p, q = np.array(rows, dtype=float).reshape(-1, 5).T
    dims = ("row",)
    return {
        "action/hour": Dataset(hour.astype(np.int64), dims, "h", "hours since the scenario's start"),
        "action/outage": Dataset(outage.astype(np.int64), dims, "", "position of the branch that fails"),
        "action/bus": Dataset(bus.astype(np.int64), dims, "", "position of the bus"),
        "action/p": Dataset(p, dims, "MW", "change of the injection after the outage"),
        "action/q": Dataset(q, dims, "MVAr"),
    }


def actions_of(chunk: Chunk, net: Network) -> tuple[Ints, Ints, Complexes]:
    """(action,) hour, (action,) branch that fails and (action, bus) p.u. change, of the chunk's hours."""
    names = [f"action/{k}" for k in ("hour", "outage", "bus", "p", "q")]
    found: dict[tuple[int, int], Complexes] = {}
    for piece in (Piece(*p) for p in chunk.payload["inputs"]["state"]):
        if piece.first_hour + piece.hours <= chunk.first_hour or piece.first_hour >= chunk.first_hour + chunk.hours:
            continue
        arrays, _ = store.read(piece.path, names)
        for hour, outage, bus, p, q in zip(*(arrays[k] for k in names), strict=True):
            if chunk.first_hour <= hour < chunk.first_hour + chunk.hours:
                change = found.setdefault((int(hour), int(outage)), np.zeros(net.grid.n_bus, complex))
                change[bus] += (p + 1j * q) / net.grid.base_mva
    keys = np.array(list(found), dtype=np.int64).reshape(-1, 2)
    return keys[:, 0], keys[:, 1], np.array(list(found.values())).reshape(len(keys), net.grid.n_bus)


def verify_actions(request: N1Request, rows: Ints, outages: Ints, changes: Complexes, result: N1Result) -> None:
    """Put the cases that have actions, with those taken, into `result`.

    Args:
        request: the hours as they are.
        rows: (action,) which of them; outages: (action,) the branch that fails; changes: (action, bus) p.u.
    """
    if not len(rows):
        return
    hours = [with_change(request.hour(r), c) for r, c in zip(rows.tolist(), changes, strict=True)]
    case = 1 + np.array([int(np.flatnonzero(result.contingencies == k)[0]) for k in outages])
    for name, values in verify_each(request.network, hours, outages).items():
        getattr(result, name)[rows, case] = values


def joined(parts: Sequence[tuple[Bools, N1Result]], contingencies: Ints) -> N1Result:
    """One result of several, each over the hours that its mask tells."""
    hours = len(parts[0][0])
    arrays = {}
    for name in FIGURES:
        given = [getattr(r, name) for _, r in parts]
        out = np.zeros((hours, given[0].shape[1]), given[0].dtype)
        for (mask, _), values in zip(parts, given, strict=True):
            out[mask] = values
        arrays[name] = out
    return N1Result(contingencies, **arrays)
