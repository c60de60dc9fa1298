"""A grid that was read against OpenLoadFlow's power flow of the same PowSyBl network: every bus, every end of a branch."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from slots.contracts.power_flow import scheduled
from slots.grid.admittance import admittance, branch_flows
from slots.grid.model import Complexes, Grid
from slots.grid.newton import newton
from slots.grid.reading import ReadingLog
from slots.sources.exchange.frames import Frames, rows
from slots.sources.exchange.nodes import add_network
from slots.sources.exchange.tables import Tables
from slots.sources.exchange.two_ports import two_ports
from tests.slots.powsybl_networks import run_openloadflow


def rows_of(network: Any) -> Tables:
    """Which row of the grid each bus is."""
    frames, tables = Frames(network), Tables(ReadingLog("", ""))
    add_network(frames, tables, two_ports(frames, tables.log))
    return tables


def solved_here(g: Grid) -> Complexes:
    """Voltages with every unit as it is scheduled and the slack bus taking the rest."""
    request, ybus = scheduled(g), admittance(g).ybus
    flow = newton(
        ybus,
        request.injection,
        request.v,
        g.slack,
        request.held,
        tolerance=max(1e-9, 1e-15 * float(abs(ybus).max())),  # what rounding allows beside nearly no impedance
        active=np.flatnonzero(g.live),
    )
    assert flow.converged
    return flow.v


def slack_of(network: Any, tables: Tables, g: Grid) -> str:
    """A bus of PowSyBl's that is the grid's slack."""
    return next(str(key) for key in network.get_buses().index if tables.at.get(str(key)) == g.slack)


def differences(network: Any, g: Grid, tables: Tables | None = None) -> tuple[float, float] | None:
    """Largest difference of a bus voltage (p.u., complex) and of a flow (MW or MVAr); None where OpenLoadFlow finds no state.

    `tables`: of which the grid was made, if they are at hand.
    """
    tables = tables or rows_of(network)
    slack = slack_of(network, tables, g)
    if run_openloadflow(network, slack).status_text != "Converged":
        return None
    ours, theirs, kv = solved_here(g), network.get_buses(), network.get_voltage_levels().nominal_v
    turn = theirs.v_angle[slack] - np.rad2deg(np.angle(ours[g.slack] * tables.factor[slack]))
    ours = ours * np.exp(1j * np.deg2rad(turn))
    dv = 0.0
    for key, row in rows(theirs[theirs.synchronous_component == 0]):
        k = tables.at[str(key)]
        here = ours[k] * tables.factor[str(key)] * g.buses.kv[k] / kv[row.voltage_level_id]
        dv = max(dv, abs(here - row.v_mag / kv[row.voltage_level_id] * np.exp(1j * np.deg2rad(row.v_angle))))
    sf, st = (s * g.base_mva for s in branch_flows(g, admittance(g), ours))
    at = {name: k for k, name in enumerate(g.branches.name.tolist())}
    ds = 0.0
    for name, end, flow in _flows(network):
        if name in at and np.isfinite(flow):
            ds = max(ds, abs(flow - (sf, st)[end][at[name]]))
    return float(dv), float(ds)


def _flows(network: Any) -> Iterator[tuple[str, int, complex]]:
    """Branch, end and MVA that flow in, as OpenLoadFlow has them."""
    for kind in ("lines", "2_windings_transformers"):
        for key, r in rows(getattr(network, f"get_{kind}")()):
            for end in (0, 1):
                if r[f"bus{end + 1}_id"]:
                    yield str(r["name"] or key), end, complex(r[f"p{end + 1}"], r[f"q{end + 1}"])
    for key, r in rows(network.get_3_windings_transformers()):
        for leg in "123":
            if r[f"bus{leg}_id"]:
                yield f"{r['name'] or key} side {leg}", 0, complex(r[f"p{leg}"], r[f"q{leg}"])
    halves = network.get_dangling_lines()
    for key, r in rows(halves[~halves.paired]):
        yield str(r["name"] or key), 0, complex(r.p, r.q)
    for key, r in rows(network.get_tie_lines()):
        for end in (0, 1):
            half = halves.loc[r[f"dangling_line{end + 1}_id"]]
            if half.bus_id:
                yield str(r["name"] or key), end, complex(half.p, half.q)
