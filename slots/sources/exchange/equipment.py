"""What PowSyBl's buses carry: loads, shunts, units, static var compensators, batteries and DC links."""

from typing import Any

import numpy as np

from slots.sources.exchange.tables import BASE_MVA, Tables

WIDE = 1e5  # MW or MVAr; limits beyond it mean that there is none
_FUELS = {"HYDRO": "hydro", "NUCLEAR": "nuclear", "WIND": "wind", "SOLAR": "solar", "THERMAL": "gas"}


def add_equipment(network: Any, tables: Tables) -> None:
    """All that hangs on a bus; what is switched off is left out."""
    _loads(network, tables)
    _shunts(network, tables)
    _generators(network, tables)
    _compensators(network, tables)
    _links(network, tables)


def _loads(network: Any, tables: Tables) -> None:
    for _, r in network.get_loads(all_attributes=True).iterrows():
        if r.bus_id in tables.at:
            tables.add_load(tables.at[r.bus_id], complex(r.p0, r.q0))
    stores = network.get_batteries(all_attributes=True)
    for _, r in stores.iterrows():
        if r.bus_id in tables.at:
            tables.add_load(tables.at[r.bus_id], -complex(r.target_p, r.target_q))
    if len(stores):
        tables.notes.append(f"{len(stores)} batteries feed in what the file schedules: it gives no energy content")


def _shunts(network: Any, tables: Tables) -> None:
    for _, r in network.get_shunt_compensators(all_attributes=True).iterrows():
        if r.bus_id in tables.at:
            k = tables.at[r.bus_id]
            tables.add_shunt(k, complex(r.g, r.b) * tables.kv[k] ** 2 / BASE_MVA)


def _generators(network: Any, tables: Tables) -> None:
    kv = network.get_voltage_levels().nominal_v
    found = network.get_generators(all_attributes=True)
    away = 0
    for key, r in found.iterrows():
        if r.bus_id not in tables.at:
            continue
        low, high = _reactive(r, min(float(r.max_p), WIDE))
        vset = 1.0
        if r.voltage_regulator_on:
            vset = _set_point(network, r, kv)
            away += r.regulated_bus_id != r.bus_id
        _unit(tables, r["name"] or key, r.bus_id, (r.target_p, r.target_q if np.isfinite(r.target_q) else 0.0), (low, high), vset,
              (min(r.min_p, r.target_p), r.max_p if r.max_p < WIDE else max(2 * abs(r.target_p), 1.0)),
              bool(r.voltage_regulator_on))  # fmt: skip
        tables.fuels.append("" if r.condenser else _FUELS.get(r.energy_source, "other"))
    if away:
        tables.notes.append(f"{away} units that hold a distant bus hold their own at the same p.u. value")
    if (lost := int((~found.bus_id.isin(tables.at)).sum())) > 0:
        tables.notes.append(f"{lost} units that are switched off or outside the main area are left out")


def _set_point(network: Any, r: Any, kv: Any) -> float:
    """p.u. voltage that a unit is to hold at its own bus; 1 if it holds none."""
    if not np.isfinite(r.target_v if "target_v" in r else np.nan):
        return 1.0
    if np.isfinite(r.get("equivalent_local_target_v", np.nan)):
        return float(r.equivalent_local_target_v / kv[r.voltage_level_id])
    buses = network.get_buses()
    level = buses.voltage_level_id.get(r.regulated_bus_id, r.voltage_level_id)
    return float(r.target_v / kv[level])


def _reactive(r: Any, most: float) -> tuple[float, float]:
    """Reactive range (MVAr): at the scheduled output if it is known, otherwise at any; ±`most` if the file gives none."""
    low = r.min_q_at_target_p if np.isfinite(r.min_q_at_target_p) else r.min_q
    high = r.max_q_at_target_p if np.isfinite(r.max_q_at_target_p) else r.max_q
    if not (low > -WIDE and high < WIDE):
        return -max(most, 1.0), max(most, 1.0)
    return float(low), float(high)


def _unit(
    tables: Tables, key: Any, bus: str, s: tuple[float, float], q: tuple[float, float], vset: float,
    p: tuple[float, float], holds: bool,
) -> None:  # fmt: skip
    k = tables.at[bus]
    tables.gen.append([k + 1, *s, q[1], q[0], vset, BASE_MVA, 1, p[1], p[0]])
    tables.gen_names.append(str(key))
    if holds:
        tables.bus[k][1] = 2


def _compensators(network: Any, tables: Tables) -> None:
    kv = network.get_voltage_levels().nominal_v
    for key, r in network.get_static_var_compensators(all_attributes=True).iterrows():
        if r.bus_id not in tables.at:
            continue
        if not r.regulating or r.regulation_mode == "OFF":
            continue
        if r.regulation_mode == "REACTIVE_POWER":
            tables.add_load(tables.at[r.bus_id], 1j * r.target_q)  # of a load's sign
            continue
        at_one = kv[r.voltage_level_id] ** 2
        _unit(tables, r["name"] or key, r.bus_id, (0.0, 0.0), (r.b_min * at_one, r.b_max * at_one), _set_point(network, r, kv),
              (0.0, 0.0), True)  # fmt: skip
        tables.fuels.append("")


def _links(network: Any, tables: Tables) -> None:
    """DC links on their schedule; converters that hold a voltage become condensers, others reactive loads."""
    vsc = network.get_vsc_converter_stations(all_attributes=True)
    lcc = network.get_lcc_converter_stations(all_attributes=True)
    kv = network.get_voltage_levels().nominal_v
    for key, r in network.get_hvdc_lines(all_attributes=True).iterrows():
        ends = [r.converter_station1_id, r.converter_station2_id]
        if r.converters_mode == "SIDE_1_INVERTER_SIDE_2_RECTIFIER":
            ends.reverse()
        stations = [vsc.loc[e] if e in vsc.index else lcc.loc[e] for e in ends]
        inside = [s.bus_id in tables.at for s in stations]
        if not (r.connected1 and r.connected2 and any(inside)):
            continue
        flow = r.target_p, _delivered(r, stations)
        if all(inside):
            f, t = (tables.at[s.bus_id] for s in stations)
            loss = (flow[0] - flow[1]) / flow[0] if flow[0] else 0.0
            tables.dcline.append([f + 1, t + 1, 1, *flow, 0, 0, 1, 1, 0, r.max_p, 0, 0, 0, 0, 0, loss])
            tables.dcline_names.append(str(r["name"] or key))
        else:
            k = inside.index(True)
            tables.add_load(tables.at[stations[k].bus_id], (flow[0], -flow[1])[k])
            tables.notes.append(f"DC link {key} leaves the main area: its schedule is a load")
        for station, p in zip(stations, flow, strict=True):
            if station.bus_id in tables.at:
                _converter(tables, station, p, float(r.max_p), _set_point(network, station, kv))


def _converter(tables: Tables, station: Any, p: float, most: float, vset: float) -> None:
    """The reactive side of a converter station."""
    k = tables.at[station.bus_id]
    if "power_factor" in station:  # line-commutated: takes reactive power either way
        tables.add_load(k, 1j * abs(p * np.tan(np.arccos(station.power_factor))))
    elif station.voltage_regulator_on:
        low, high = _reactive(station, most)
        if high <= low:
            return
        _unit(tables, station.name, station.bus_id, (0.0, 0.0), (low, high), vset, (0.0, 0.0), True)
        tables.fuels.append("")
    else:
        tables.add_load(k, -1j * station.target_q)


def _delivered(r: Any, stations: list[Any]) -> float:
    """MW that leave the inverter: converter losses at both ends, I²R between them."""
    inside = r.target_p * (1 - stations[0].loss_factor / 100)
    inside -= r.r * (inside / r.nominal_v) ** 2
    return float(inside * (1 - stations[1].loss_factor / 100))
