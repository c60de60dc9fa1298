"""Writer of exchange formats through PowSyBl: CGMES, UCTE, PSS/E and IIDM."""

import logging
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from bos_core.objects.errors import GridError
from slots.grid.model import Bools, Branches, Complexes, Floats, Grid, Strings
from slots.sources.nominal import written_kv

Shunts = tuple[Complexes, Complexes]
FORMATS = {".zip": "CGMES", ".uct": "UCTE", ".raw": "PSS/E", ".xiidm": "XIIDM"}
_OPTIONS = {"UCTE": {"ucte.export.naming-strategy": "Counter"}}
_SOURCES = {"hydro": "HYDRO", "nuclear": "NUCLEAR", "wind": "WIND", "solar": "SOLAR", "none": "OTHER", "other": "OTHER"}


def write_exchange(grid: Grid, path: Path) -> None:
    """Write a grid in the format that the file's suffix names (FORMATS); what is out of service is disconnected.

    None of them holds costs, ramps or minimum times.

    Raises:
        GridError: PowSyBl is not installed, or the format has no place for what the grid holds.
    """
    kind = FORMATS[path.suffix]
    _refuse_one_way(grid, kind)
    logging.getLogger("powsybl").setLevel(logging.ERROR)
    if find_spec("pypowsybl") is None:
        raise GridError(
            f"writing {path.name} needs PowSyBl, which is not installed", "pip install 'bos-power[formats]'"
        )
    with tempfile.TemporaryDirectory(prefix=".bos-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        try:
            _network(grid, kind).save(str(made), format=kind, parameters=_OPTIONS.get(kind, {}))
        except Exception as error:
            raise GridError(
                f"{grid.name} cannot be written as {kind} ({str(error).splitlines()[0][:100]})", "choose another format"
            ) from None
        made.replace(path)


def _refuse_one_way(grid: Grid, kind: str) -> None:
    """Raise GridError where an impedance depends on the end it is seen from: no format has a place for it."""
    br = grid.branches
    odd = br.name[br.in_service & ((br.r_asym != 0) | (br.x_asym != 0))]
    if len(odd):
        raise GridError(f"{grid.name} cannot be written as {kind} (branch {odd[0]} has another impedance from each end)",
                        "choose .json, pandapower's format")  # fmt: skip


def _network(grid: Grid, kind: str) -> Any:
    """The grid as a PowSyBl network: one voltage level per bus, a substation around each set of transformers."""
    import pypowsybl as pp

    network = pp.network.create_empty(grid.name)
    kv = written_kv(grid)
    level = np.array([f"{n} {name}" for n, name in zip(grid.buses.number, grid.buses.name, strict=True)])
    wound = _wound(grid, kv)
    kept = _kept_shunts(grid, wound, kind)
    _places(network, grid, kv, level, wound)
    for on in (True, False):
        rows = grid.branches.in_service == on
        _lines(network, grid, kv, level, rows & ~wound, on, kept)
        _transformers(network, grid, kv, level, rows & wound, on, kept)
    _limits(network, grid, kv)
    _injections(network, grid, kv, level, kept)
    _units(network, grid, kv, level)
    _links(network, grid, kv, level)
    slack = level[grid.slack]
    merged = network.get_bus_breaker_view_buses(all_attributes=True).bus_id[f"bus {slack}"]
    network.create_extensions("slackTerminal", voltage_level_id=slack, bus_id=merged)
    return network


def _wound(grid: Grid, kv: Floats) -> Bools:
    br = grid.branches
    return np.asarray((br.tap != 1) | (br.shift != 0) | (kv[br.f] != kv[br.t]))


def _frame(ids: Any, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"id": ids, **columns}).set_index("id")


def _places(network: Any, grid: Grid, kv: Floats, level: Strings, wound: Bools) -> None:
    br, n = grid.branches, grid.n_bus
    joined = sp.coo_matrix((np.ones(wound.sum()), (br.f[wound], br.t[wound])), (n, n))
    group = np.array([f"station {k}" for k in connected_components(joined, directed=False)[1]])
    network.create_substations(_frame(np.unique(group), country="FR"))  # UCTE asks for a country
    network.create_voltage_levels(_frame(
        level, name=level, substation_id=group, topology_kind="BUS_BREAKER", nominal_v=kv,
        low_voltage_limit=grid.buses.vmin * kv, high_voltage_limit=grid.buses.vmax * kv,
    ))  # fmt: skip
    network.create_buses(_frame([f"bus {k}" for k in level], name=grid.buses.name, voltage_level_id=level))


def _ends(grid: Grid, rows: Bools, level: Strings, on: bool) -> dict[str, Any]:
    """Where branches are connected, or would be."""
    f, t = level[grid.branches.f[rows]], level[grid.branches.t[rows]]
    out: dict[str, Any] = {"name": grid.branches.name[rows], "voltage_level1_id": f, "voltage_level2_id": t}
    for k, at in (("1", f), ("2", t)):
        out[f"connectable_bus{k}_id"] = [f"bus {x}" for x in at]
        if on:
            out[f"bus{k}_id"] = out[f"connectable_bus{k}_id"]
    return out


def _shunts(br: Branches) -> Shunts:
    """(branch,) p.u. shunt admittance of branches at the f end, behind the ratio, and at the t end."""
    return br.g_f + 1j * (br.b_f + br.b / 2), br.g_t + 1j * (br.b_t + br.b / 2)


def _kept_shunts(grid: Grid, wound: Bools, kind: str) -> Shunts:
    """What of `_shunts` the format has a place for in the branch; the rest goes to its buses.

    Transformers have a shunt behind the ratio, in PSS/E before it, where PowSyBl does not move it to. Lines of CGMES are even.
    """
    near, far = _shunts(grid.branches)
    mean = (near + far) / 2
    of_lines = (mean, mean) if kind == "CGMES" else (near, far)
    of_wound = np.zeros_like(near) if kind == "PSS/E" else near
    return np.where(wound, of_wound, of_lines[0]), np.where(wound, 0.0, of_lines[1])


def _lines(network: Any, grid: Grid, kv: Floats, level: Strings, rows: Bools, on: bool, kept: Shunts) -> None:
    br = grid.branches
    if not rows.any():
        return
    ohm = kv[br.t[rows]] ** 2 / grid.base_mva
    near, far = (y[rows] / ohm for y in kept)
    network.create_lines(_frame(
        [f"branch {k}" for k in br.name[rows]], **_ends(grid, rows, level, on), r=br.r[rows] * ohm, x=br.x[rows] * ohm,
        g1=near.real, b1=near.imag, g2=far.real, b2=far.imag,
    ))  # fmt: skip


def _transformers(network: Any, grid: Grid, kv: Floats, level: Strings, rows: Bools, on: bool, kept: Shunts) -> None:
    """PowSyBl has a transformer's shunt behind its ratio; what is at the other end goes to the bus there."""
    br = grid.branches
    if not rows.any():
        return
    ids = np.array([f"branch {k}" for k in br.name[rows]])
    ohm = kv[br.t[rows]] ** 2 / grid.base_mva
    near = kept[0][rows] / ohm
    network.create_2_windings_transformers(_frame(
        ids, **_ends(grid, rows, level, on), r=br.r[rows] * ohm, x=br.x[rows] * ohm, g=near.real, b=near.imag,
        rated_u1=kv[br.f[rows]] * br.tap[rows], rated_u2=kv[br.t[rows]],
    ))  # fmt: skip
    turned = ids[br.shift[rows] != 0]
    if len(turned):
        changers = _frame(turned, target_deadband=0.0, regulation_mode="CURRENT_LIMITER", low_tap=0, tap=0,
                          regulating=False)  # fmt: skip
        degrees = -np.rad2deg(br.shift[rows][br.shift[rows] != 0])
        steps = _frame(turned, b=0.0, g=0.0, r=0.0, x=0.0, rho=1.0, alpha=degrees)
        network.create_phase_tap_changers(changers, steps)


def _limits(network: Any, grid: Grid, kv: Floats) -> None:
    """Ratings as currents at nominal voltage of side 1; emergency ratings may last ten minutes."""
    br = grid.branches
    rated = np.isfinite(br.rate)
    amps = 1000 / (np.sqrt(3) * kv[br.f[rated]])
    ids = [f"branch {k}" for k in br.name[rated]]
    short = np.isfinite(br.rate_emergency[rated]) & (br.rate_emergency[rated] > br.rate[rated])
    lasting = {"element_id": ids, "name": "permanent", "value": br.rate[rated] * amps, "acceptable_duration": -1}
    brief = {"element_id": np.array(ids)[short], "name": "10 min", "value": (br.rate_emergency[rated] * amps)[short],
             "acceptable_duration": 600}  # fmt: skip
    rows = pd.concat([pd.DataFrame(lasting), pd.DataFrame(brief)])
    if len(rows):
        network.create_operational_limits(
            rows.assign(side="ONE", type="CURRENT", group_name="DEFAULT").set_index("element_id")
        )
        network.update_branches(_frame(ids, selected_limits_group_1="DEFAULT"))


def _injections(network: Any, grid: Grid, kv: Floats, level: Strings, kept: Shunts) -> None:
    buses, br = grid.buses, grid.branches
    loaded = (buses.pd != 0) | (buses.qd != 0)
    network.create_loads(_frame(
        [f"load {k}" for k in level[loaded]], voltage_level_id=level[loaded],
        bus_id=[f"bus {k}" for k in level[loaded]], p0=buses.pd[loaded], q0=buses.qd[loaded],
    ))  # fmt: skip
    y = buses.gs + 1j * buses.bs
    near, far = (br.in_service * grid.base_mva * (whole - held) for whole, held in zip(_shunts(br), kept, strict=True))
    np.add.at(y, br.f, near / br.tap**2)
    np.add.at(y, br.t, far)
    y[np.abs(y) < 1e-12] = 0.0
    shunted = y != 0
    if not shunted.any():
        return
    siemens, ids = (y / kv**2)[shunted], [f"shunt {k}" for k in level[shunted]]
    network.create_shunt_compensators(
        _frame(ids, voltage_level_id=level[shunted], bus_id=[f"bus {k}" for k in level[shunted]],
               model_type="LINEAR", section_count=1),
        _frame(ids, g_per_section=siemens.real, b_per_section=siemens.imag, max_section_count=1),
    )  # fmt: skip


def _units(network: Any, grid: Grid, kv: Floats, level: Strings) -> None:
    for on in (True, False):
        u = grid.units.take(grid.units.in_service == on)
        if not len(u):
            continue
        at = level[u.bus]
        buses = [f"bus {k}" for k in at]
        ids = [f"unit {k}" for k in u.name]
        network.create_generators(_frame(
            ids, name=u.name, voltage_level_id=at, connectable_bus_id=buses, **({"bus_id": buses} if on else {}),
            target_p=u.p, target_q=u.q, target_v=u.vset * kv[u.bus], min_p=u.pmin, max_p=u.pmax,
            voltage_regulator_on=grid.buses.kind[u.bus] > 1, energy_source=[_SOURCES.get(f, "THERMAL") for f in u.fuel],
        ))  # fmt: skip
        network.create_minmax_reactive_limits(_frame(ids, min_q=u.qmin, max_q=u.qmax))


def _links(network: Any, grid: Grid, kv: Floats, level: Strings) -> None:
    """DC links as lines without resistance; what is lost is lost in the sending converter."""
    d = grid.dc_links.take(grid.dc_links.in_service)
    if not len(d):
        return
    lost = np.divide(d.loss0 + d.loss1 * np.abs(d.p), np.abs(d.p), out=d.loss1.copy(), where=d.p != 0)
    for side, at, loss in (("from", d.f, 100 * lost), ("to", d.t, np.zeros(len(d)))):
        network.create_vsc_converter_stations(_frame(
            [f"{side} {k}" for k in d.name], voltage_level_id=level[at], bus_id=[f"bus {k}" for k in level[at]],
            target_q=0.0, loss_factor=loss, voltage_regulator_on=False,
        ))  # fmt: skip
    network.create_hvdc_lines(_frame(
        [f"link {k}" for k in d.name], name=d.name, converter_station1_id=[f"from {k}" for k in d.name],
        converter_station2_id=[f"to {k}" for k in d.name], r=1e-6, nominal_v=kv[d.f],
        converters_mode="SIDE_1_RECTIFIER_SIDE_2_INVERTER", target_p=np.abs(d.p), max_p=np.maximum(d.pmax, 1.0),
    ))  # fmt: skip
