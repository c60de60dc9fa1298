"""What PowSyBl's buses carry: loads, shunts, units, static var compensators and batteries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from slots.grid.model import Complexes
from slots.sources.exchange.frames import Frames, called, rows
from slots.sources.exchange.tables import Tables
from slots.sources.exchange.two_ports import boundary
from slots.sources.exchange.voltages import Voltages

WIDE = 9999.0  # MW or MVAr; what is as large, and five times what flows, means that there is no limit
_FUELS = {"HYDRO": "hydro", "NUCLEAR": "nuclear", "WIND": "wind", "SOLAR": "solar", "THERMAL": "gas"}


def add_equipment(frames: Frames, tables: Tables, voltages: Voltages) -> None:
    """All that hangs on a bus; what is switched off or elsewhere is told."""
    _loads(frames, tables)
    _shunts(frames, tables)
    _units(frames, tables, voltages)
    _batteries(frames, tables, voltages)
    _compensators(frames, tables, voltages)
    _boundary_injections(frames, tables, voltages)


def inside(frames: Frames, tables: Tables, kind: str, word: str, mw: str = "") -> pd.DataFrame:
    """The rows of a table that are connected in the main area; the others are told, with their MW.

    Args:
        kind: of the table.
        word: what the report calls an element.
        mw: column of active power.
    """
    found = frames.table(kind)
    tables.log.read(word, len(found))
    here = found.bus_id.isin(list(tables.at))
    for away, why in ((found[~here & (found.bus_id == "")], "switched off"),
                      (found[~here & (found.bus_id != "")], "outside the main synchronous area")):  # fmt: skip
        much = f" ({away[mw].sum():g} MW)" if mw and len(away) else ""
        tables.log.leave_out(word, [called(key, r) for key, r in rows(away)], why + much)
    return found[here]


def _loads(frames: Frames, tables: Tables) -> None:
    for _, r in rows(inside(frames, tables, "loads", "load", "p0")):
        tables.add_load(r.bus_id, complex(r.p0, r.q0))
    buses = frames.table("buses")
    if "fictitious_p0" not in buses:
        return
    made = buses[(buses.fictitious_p0.fillna(0) != 0) | (buses.fictitious_q0.fillna(0) != 0)]
    for key, r in rows(made[made.index.isin(list(tables.at))]):
        tables.add_load(str(key), complex(r.fictitious_p0, r.fictitious_q0))
    tables.log.read("fictitious injection", len(made))


def _shunts(frames: Frames, tables: Tables) -> None:
    found = inside(frames, tables, "shunt_compensators", "shunt")
    uneven = []
    for key, r in rows(found):
        tables.add_shunt(r.bus_id, complex(r.g, r.b))
        if r.max_section_count < 1:
            continue
        steps = _sections(frames, key, r)
        gaps = np.diff(steps)
        if np.ptp(gaps.real) > 1e-12 or (np.abs(gaps.imag) > 1e-15).any() or gaps[0].real == 0:
            uneven.append(called(key, r))
        elif r.max_section_count > 1:
            b = steps.real - r.b
            tables.add_bank(r.bus_id, (float(b.min()), float(b.max()), float(abs(gaps[0].real))))
    tables.log.leave_out(
        "shunt sections", uneven, "they are uneven or have conductance: the shunt stays as it is switched"
    )
    on = [called(key, r) for key, r in rows(found[found.voltage_regulation_on])]
    tables.log.leave_out("shunt regulation", on, "sections are planned, not regulated: the file's are the start")


def _sections(frames: Frames, key: Any, r: Any) -> Complexes:
    """(section,) b + jg of a shunt with 0, 1, … sections switched on."""
    if r.model_type == "LINEAR":
        one = frames.table("linear_shunt_compensator_sections").loc[key]
        step = complex(one.b_per_section, one.g_per_section or 0.0)
        return np.asarray(np.arange(int(r.max_section_count) + 1) * step, dtype=np.complex128)
    steps = frames.table("non_linear_shunt_compensator_sections").loc[[key]]
    return np.concatenate([[0j], steps.b.to_numpy() + 1j * steps.g.to_numpy()])


def boundless(x: float, flow: float) -> bool:
    """Whether a limit (MW or MVAr) means that there is none."""
    return not np.isfinite(x) or (abs(x) >= WIDE and abs(x) > 5 * abs(flow))


def reactive(r: Any, most: float, target: float) -> tuple[float, float]:
    """Reactive range (MVAr): at the scheduled output if it is known, otherwise at any; ±`most` where the file gives none."""
    low = r.min_q_at_target_p if np.isfinite(r.min_q_at_target_p) else r.min_q
    high = r.max_q_at_target_p if np.isfinite(r.max_q_at_target_p) else r.max_q
    wide = max(most, 1.0, abs(target))
    return (-wide if boundless(low, target) else float(low)), (wide if boundless(high, target) else float(high))


def _target(x: float) -> float:
    return float(x) if np.isfinite(x) else 0.0


def _units(frames: Frames, tables: Tables, voltages: Voltages) -> None:
    found = inside(frames, tables, "generators", "generator", "target_p")
    filled = {"pmax": 0, "pmin": 0, "q": 0}
    beyond = []
    for key, r in rows(found):
        p, q = _target(r.target_p), _target(r.target_q)
        none = boundless(r.max_p, p)
        pmax = 2 * abs(p) if none else float(r.max_p)
        pmin = min(0.0, p) if boundless(r.min_p, p) else min(float(r.min_p), p) if p < 0 else float(r.min_p)
        pmin = min(pmin, pmax)
        low, high = reactive(r, pmax, q)
        filled["pmax"] += none
        filled["pmin"] += boundless(r.min_p, p)
        filled["q"] += boundless(r.min_q_at_target_p, q) or boundless(r.max_q_at_target_p, q)
        if p and not (pmin - 1e-6 <= p <= pmax + 1e-6):
            beyond.append(called(key, r))
        fuel = "" if r.condenser else _FUELS.get(r.energy_source, "other")
        tables.add_unit(
            called(key, r),
            r.bus_id,
            complex(p, q),
            (low, high),
            (pmin, pmax),
            voltages.of(key),
            fuel,
            voltages.plausible(r),
        )
    fill, none_told = tables.log.fill, "the file states no limit"
    fill("units.pmax", filled["pmax"], "twice the scheduled output", none_told)
    fill("units.pmin", filled["pmin"], "0, or the output where it is less", none_told)
    fill("units.qmin, units.qmax", filled["q"], "± the greatest output", none_told)
    if beyond:
        tables.log.warn(f"{len(beyond)} units are scheduled outside their active range, the first is {beyond[0]}")
    curves = frames.table("reactive_capability_curve_points").index.get_level_values(0).intersection(found.index)
    tables.log.leave_out("reactive capability curve", list(dict.fromkeys(curves)),
                         "the range at the scheduled output counts at every output")  # fmt: skip


def _batteries(frames: Frames, tables: Tables, voltages: Voltages) -> None:
    """A battery without energy content feeds in its schedule; what holds a voltage in it is a condenser."""
    found = inside(frames, tables, "batteries", "battery", "target_p")
    for key, r in rows(found):
        p, q = _target(r.target_p), _target(r.target_q)
        hold = voltages.of(key)
        tables.add_load(r.bus_id, -complex(p, 0.0 if hold is not None else q))
        if hold is not None:
            tables.add_unit(called(key, r), r.bus_id, complex(0, q), reactive(r, abs(r.max_p), q), (0.0, 0.0), hold)
    names = [called(key, r) for key, r in rows(found)]
    tables.log.leave_out("battery energy", names, "the format gives no energy content: what is scheduled is fed in")


def _compensators(frames: Frames, tables: Tables, voltages: Voltages) -> None:
    """Static var compensators: condensers where they hold a voltage, loads where they keep their reactive power."""
    found = inside(frames, tables, "static_var_compensators", "static var compensator")
    idle = []
    for key, r in rows(found):
        hold = voltages.of(key)
        if hold is not None:
            at_one = frames.kv[r.voltage_level_id] ** 2
            tables.add_unit(called(key, r), r.bus_id, 0j, (r.b_min * at_one, r.b_max * at_one), (0.0, 0.0), hold)
        elif r.regulating and r.regulation_mode == "REACTIVE_POWER":
            tables.add_load(r.bus_id, 1j * r.target_q)  # of a load's sign
        else:
            idle.append(called(key, r))
    tables.log.leave_out("static var compensator", idle, "it does not regulate: it gives nothing")


def _boundary_injections(frames: Frames, tables: Tables, voltages: Voltages) -> None:
    """At the far end of a boundary line what flows out of the file is a load, generation there a unit."""
    halves, made = frames.boundary_lines(), frames.boundary_generation()
    for key, r in rows(halves[~halves.paired]):
        if boundary(key) not in tables.at:
            continue
        tables.add_load(boundary(key), complex(r.p0, r.q0))
        if key not in made.index:
            continue
        g = made.loc[key]
        p, q = _target(g.target_p), _target(g.target_q)
        pmax = 2 * abs(p) if boundless(g.max_p, p) else float(g.max_p)
        pmin = min(0.0, p) if boundless(g.min_p, p) else float(g.min_p)
        tables.log.read("boundary generation", 1)
        tables.add_unit(f"at the boundary of {called(key, r)}", boundary(key), complex(p, q), (-pmax, pmax),
                        (pmin, pmax), voltages.of(key), "other")  # fmt: skip
