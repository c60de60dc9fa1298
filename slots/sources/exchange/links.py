"""PowSyBl's HVDC lines as DC links on their schedule, with the reactive power of their converters."""

from __future__ import annotations

from typing import Any

import numpy as np

from slots.sources.exchange.equipment import inside, reactive
from slots.sources.exchange.frames import Frames, called, rows
from slots.sources.exchange.tables import Tables
from slots.sources.exchange.voltages import Voltages


def add_links(frames: Frames, tables: Tables, voltages: Voltages) -> None:
    """DC links on their schedule; converters that hold a voltage become condensers, others reactive loads."""
    flows = _flows(frames, tables)
    for kind, word in (("vsc_converter_stations", "VSC converter station"),
                       ("lcc_converter_stations", "LCC converter station")):  # fmt: skip
        for key, r in rows(inside(frames, tables, kind, word)):
            _converter(tables, key, r, *flows.get(str(key), (0.0, 0.0)), voltages.of(key))


def _flows(frames: Frames, tables: Tables) -> dict[str, tuple[float, float]]:
    """MW that each converter takes from its bus, and the most that it can; the links are added."""
    out: dict[str, tuple[float, float]] = {}
    lines, stations = frames.table("hvdc_lines"), _stations(frames)
    tables.log.read("HVDC line", len(lines))
    off, leaving = [], []
    for key, r in rows(lines):
        ends = [str(r.converter_station1_id), str(r.converter_station2_id)]
        if r.converters_mode == "SIDE_1_INVERTER_SIDE_2_RECTIFIER":
            ends.reverse()
        sent, received = stations[ends[0]], stations[ends[1]]
        here = [s.bus_id in tables.at for s in (sent, received)]
        if not (sent.bus_id and received.bus_id and any(here)):
            off.append(called(key, r))
            continue
        flow = float(r.target_p), _delivered(r, sent, received)
        out |= {ends[0]: (flow[0], float(r.max_p)), ends[1]: (-flow[1], float(r.max_p))}
        if all(here):
            f, t = tables.at[sent.bus_id], tables.at[received.bus_id]
            loss = (flow[0] - flow[1]) / flow[0] if flow[0] else 0.0
            tables.dcline.append([f + 1, t + 1, 1, *flow, 0, 0, 1, 1, 0, r.max_p, 0, 0, 0, 0, 0, loss])
            tables.dcline_names.append(called(key, r))
        else:
            bus, load = (sent.bus_id, flow[0]) if here[0] else (received.bus_id, -flow[1])
            tables.add_load(bus, load)
            leaving.append(called(key, r))
    tables.log.leave_out("HVDC line", off, "switched off at an end, or outside the main synchronous area")
    if leaving:
        tables.log.warn(f"{len(leaving)} HVDC lines leave the main synchronous area, the first is {leaving[0]}: "
                        "their schedules are loads")  # fmt: skip
    return out


def _stations(frames: Frames) -> dict[str, Any]:
    both = ("vsc_converter_stations", "lcc_converter_stations")
    return {str(key): r for kind in both for key, r in rows(frames.table(kind))}


def _converter(tables: Tables, key: Any, station: Any, p: float, most: float, hold: float | None) -> None:
    """The reactive side of a converter that takes `p` MW from its bus."""
    if "power_factor" in station:  # line-commutated: takes reactive power either way
        tables.add_load(station.bus_id, 1j * abs(p * np.tan(np.arccos(station.power_factor))))
        return
    q = float(station.target_q) if np.isfinite(station.target_q) else 0.0
    if hold is None:
        tables.add_load(station.bus_id, -1j * q)
        return
    tables.add_unit(called(key, station), station.bus_id, 0j, reactive(station, most, q), (0.0, 0.0), hold)


def _delivered(r: Any, sent: Any, received: Any) -> float:
    """MW that leave the inverter: converter losses at both ends, I²R between them."""
    inside = r.target_p * (1 - sent.loss_factor / 100)
    inside -= r.r * (inside / r.nominal_v) ** 2
    return float(inside * (1 - received.loss_factor / 100))
