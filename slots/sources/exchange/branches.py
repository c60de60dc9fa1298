"""PowSyBl's lines, transformers and boundary lines as two-ports."""

from typing import Any

import numpy as np
import pandas as pd

from slots.sources.exchange.tables import Tables

EMERGENCY_S = 600  # a temporary limit counts that may be used for ten minutes


def _ratings(network: Any) -> Any:
    """(element, side) -> (continuous, emergency) limit and its type; the smallest of a side's kinds counts later."""
    limits = network.get_operational_limits().reset_index()
    out: dict[str, list[tuple[str, str, float, float]]] = {}
    for (element, side, kind), rows in limits.groupby(["element_id", "side", "type"]):
        lasting = rows[rows.acceptable_duration == -1].value
        if not len(lasting):
            continue
        short = rows[(rows.acceptable_duration >= EMERGENCY_S)].value
        short = short[np.isfinite(short) & (short < 1e6)]
        usual = float(lasting.min())
        out.setdefault(str(element), []).append((str(side), str(kind), usual, max([usual, *short])))
    return out


def _rate(limits: Any, element: str, kv: dict[str, float]) -> tuple[float, float]:
    """(continuous, emergency) MVA of a branch; 0 where there is none."""
    found = []
    for side, kind, usual, short in limits.get(element, ()):
        factor = np.sqrt(3) * kv.get(side, kv["ONE"]) / 1000 if kind == "CURRENT" else 1.0
        found.append((factor * usual, factor * short))
    if not found:
        return 0.0, 0.0
    return min(u for u, _ in found), min(s for _, s in found)


def add_branches(network: Any, tables: Tables) -> None:
    """All two-ports between buses that are kept, and the buses in the middle of stars and tie lines."""
    limits = _ratings(network)
    kv = network.get_voltage_levels().nominal_v
    at = tables.at

    def rate(element: Any, row: Any) -> tuple[float, float]:
        return _rate(limits, str(element), {"ONE": kv[row.voltage_level1_id], "TWO": kv[row.voltage_level2_id]})

    for key, r in network.get_lines(all_attributes=True).iterrows():
        if r.bus1_id in at and r.bus2_id in at and at[r.bus1_id] != at[r.bus2_id]:
            shunts = complex(r.g1, r.b1), complex(r.g2, r.b2)
            tables.add_two_port(
                _called(key, r), (at[r.bus1_id], at[r.bus2_id]), complex(r.r, r.x), shunts, rate=rate(key, r)
            )
    for key, r in network.get_2_windings_transformers(all_attributes=True).iterrows():
        if r.bus1_id in at and r.bus2_id in at:
            z, y = complex(r.r_at_current_tap, r.x_at_current_tap), complex(r.g_at_current_tap, r.b_at_current_tap)
            ratio = r.rho * np.exp(1j * np.deg2rad(r.alpha))
            tables.add_two_port(_called(key, r), (at[r.bus1_id], at[r.bus2_id]), z, (y, 0j), ratio, rate(key, r))
    _stars(network, tables, kv, limits)
    _half_lines(network, tables, kv, limits)


def _called(key: Any, r: Any) -> str:
    """An element's name, or its id where it has none."""
    return str(r["name"] or key)


def _stars(network: Any, tables: Tables, kv: "pd.Series[float]", limits: Any) -> None:
    """Three-winding transformers: a bus in the middle and a leg to each side."""
    for key, r in network.get_3_windings_transformers(all_attributes=True).iterrows():
        legs = [s for s in "123" if r[f"bus{s}_id"] in tables.at]
        if len(legs) < 2:
            continue
        first = tables.at[r[f"bus{legs[0]}_id"]]
        row = tables.bus[first]
        middle = tables.add_bus(f"star {key}", f"star of {r['name'] or key}", float(r.rated_u0), int(row[6]), 0.9, 1.1,
                                row[7] * np.exp(1j * np.deg2rad(row[8])))  # fmt: skip
        for s in legs:
            z = complex(r[f"r{s}_at_current_tap"], r[f"x{s}_at_current_tap"])
            y = complex(r[f"g{s}_at_current_tap"], r[f"b{s}_at_current_tap"])
            ratio = r[f"rho{s}"] * np.exp(1j * np.deg2rad(r[f"alpha{s}"]))
            side = dict(zip("123", ("ONE", "TWO", "THREE"), strict=True))[s]
            mine = [x for x in limits.get(str(key), ()) if x[0] == side]
            rate = _rate({"": mine}, "", {"ONE": kv[r[f"voltage_level{s}_id"]]})
            tables.add_two_port(f"{key} side {s}", (tables.at[r[f"bus{s}_id"]], middle), z, (y, 0j), ratio, rate)


def _half_lines(network: Any, tables: Tables, kv: "pd.Series[float]", limits: Any) -> None:
    """Boundary lines: two that are paired meet at a bus; one alone ends at a bus with its flow as a load."""
    for key, r in network.get_dangling_lines(all_attributes=True).iterrows():
        if r.bus_id not in tables.at:
            continue
        middle = f"boundary {r.tie_line_id if r.paired else key}"
        near = tables.at[r.bus_id]
        row = tables.bus[near]
        if middle not in tables.at:
            tables.add_bus(middle, str(r.pairing_key or middle), kv[r.voltage_level_id], int(row[6]), 0.9, 1.1,
                           row[7] * np.exp(1j * np.deg2rad(row[8])))  # fmt: skip
        far = tables.at[middle]
        # The shunt of a boundary line is all on the network's side.
        rate = _rate(limits, str(key), {"ONE": kv[r.voltage_level_id]})
        tables.add_two_port(str(key), (near, far), complex(r.r, r.x), (complex(r.g, r.b), 0j),
                            tables.kv[far] / kv[r.voltage_level_id], rate)  # fmt: skip
        if not r.paired:
            tables.add_load(far, complex(r.p0, r.q0))
