"""Writer of MATPOWER case files (version 2): what `matpower.read_case` and `from_case` read back."""

from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import VARIABLE, Complexes, Floats, Grid

_FORM = "function mpc = {name}\n%% {origin}\nmpc.version = '2';\nmpc.baseMVA = {base!r};\n"


def write_case(grid: Grid, path: Path) -> None:
    """Write a grid as a case file.

    A case has no place for minimum times, stores and hourly ramps beyond RAMP_AGC; reading it back fills those from
    classes. Everything else comes back, numbers to the last bit (angles to rounding): topology, impedances, limits, costs,
    names. Shunts of branches beyond their charging become shunts of their buses: the same power flow while all are in service.

    Raises:
        GridError: a branch has another impedance from its other end.
    """
    uneven = np.flatnonzero(grid.branches.in_service & ((grid.branches.r_asym != 0) | (grid.branches.x_asym != 0)))
    if len(uneven):
        raise GridError(
            f"branch {grid.branches.name[uneven[0]]} has another impedance from its other end, which a MATPOWER case cannot hold",
            "export the grid to pandapower",
        )
    name = "".join(c if c.isalnum() else "_" for c in path.stem)
    text = _FORM.format(name=name, origin=grid.origin.replace("\n", " "), base=grid.base_mva)
    text += "".join(_matrix(key, rows) for key, rows in matrices(grid).items())
    text += _matrix("gencost", _costs(grid))
    if len(grid.dc_links):
        text += _matrix("dcline", _links(grid))
    text += _strings("bus_name", grid.buses.name.tolist()) + _strings("genfuel", _fuels(grid))
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def matrices(grid: Grid) -> dict[str, Floats]:
    """The case's `bus`, `gen` and `branch` matrices."""
    return {"bus": _buses(grid), "gen": _units(grid), "branch": _branches(grid)}


def _matrix(key: str, rows: Floats) -> str:
    lines = ("\t".join(_plain(x) for x in row) for row in rows.tolist())
    return f"mpc.{key} = [\n" + "".join(f"\t{line};\n" for line in lines) + "];\n"


def _plain(x: float) -> str:
    return str(int(x)) if x == int(x) and abs(x) < 1e15 else repr(x)


def _strings(key: str, values: list[str]) -> str:
    quoted = (v.replace("'", "''") for v in values)
    return f"mpc.{key} = {{\n" + "".join(f"\t'{v}';\n" for v in quoted) + "};\n"


def _fuels(grid: Grid) -> list[str]:
    return [str(f) for f in grid.units.fuel]


def _buses(grid: Grid) -> Floats:
    b, one = grid.buses, np.ones(grid.n_bus)
    shunt = b.gs + 1j * b.bs + _ends(grid)
    return np.column_stack([
        b.number, b.kind, b.pd, b.qd, shunt.real, shunt.imag, b.area, b.vm, np.rad2deg(b.va), b.kv, one, b.vmax, b.vmin,
    ]).astype(float)  # fmt: skip


def _ends(grid: Grid) -> Complexes:
    """(bus,) MW, MVAr at 1 p.u. of the shunts of branches beyond the halves of their charging."""
    br, out = grid.branches, np.zeros(grid.n_bus, complex)
    on = br.in_service * grid.base_mva
    np.add.at(out, br.f, on * (br.g_f + 1j * br.b_f) / br.tap**2)
    np.add.at(out, br.t, on * (br.g_t + 1j * br.b_t))
    return out


def _units(grid: Grid) -> Floats:
    u = grid.units
    out = np.zeros((len(u), 21))
    columns: dict[int, Any] = {0: grid.buses.number[u.bus], 1: u.p, 2: u.q, 3: u.qmax, 4: u.qmin, 5: u.vset, 6: grid.base_mva,
               7: u.in_service, 8: u.pmax, 9: u.pmin, 16: u.ramp / 60, 17: u.ramp_10min}  # fmt: skip
    for k, values in columns.items():
        out[:, k] = values
    return out


def _branches(grid: Grid) -> Floats:
    br = grid.branches
    finite = np.where(np.isfinite(br.rate), br.rate, 0.0)
    emergency = np.where(np.isfinite(br.rate_emergency), br.rate_emergency, 0.0)
    line = (br.tap == 1) & (br.shift == 0)
    zero, wide = np.zeros(len(br)), np.full(len(br), 360.0)
    return np.column_stack([
        grid.buses.number[br.f], grid.buses.number[br.t], br.r, br.x, br.b, finite, emergency, emergency,
        np.where(line, 0.0, br.tap), np.rad2deg(br.shift), br.in_service, -wide + zero, wide,
    ]).astype(float)  # fmt: skip


def _costs(grid: Grid) -> Floats:
    """Piecewise-linear curves; units without cost get a flat zero."""
    u = grid.units
    points = u.cost_mw.shape[1]
    out = np.zeros((len(u), max(6, 4 + 2 * points)))
    for k in range(len(u)):
        mw, usd = u.cost_mw[k], u.cost_usd[k]
        keep = np.concatenate([[True], np.diff(mw) > 0])
        mw, usd = mw[keep], usd[keep]
        if len(mw) < 2 or u.kind[k] == VARIABLE:  # a case wants two points
            out[k, :6] = 2, u.start_cost[k], u.stop_cost[k], 2, 0.0, usd[0]
            continue
        out[k, :4] = 1, u.start_cost[k], u.stop_cost[k], len(mw)
        out[k, 4 : 4 + 2 * len(mw)] = np.column_stack([mw, usd]).ravel()
    return out


def _links(grid: Grid) -> Floats:
    d = grid.dc_links
    out = np.zeros((len(d), 17))
    arrives = d.p - d.loss0 - d.loss1 * np.abs(d.p)
    columns: dict[int, Any] = {0: grid.buses.number[d.f], 1: grid.buses.number[d.t], 2: d.in_service, 3: d.p, 4: arrives, 7: 1.0, 8: 1.0,
               9: d.pmin, 10: d.pmax, 15: d.loss0, 16: d.loss1}  # fmt: skip
    for k, values in columns.items():
        out[:, k] = values
    return out
