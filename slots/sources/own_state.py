"""A file's own state of its grid against the power flow of what was read from it: how much of the file was understood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slots.contracts.power_flow import collapsed
from slots.grid.admittance import admittance
from slots.grid.dc import start_angles
from slots.grid.model import PV, Complexes, Floats, Grid
from slots.grid.newton import newton
from slots.grid.reading import FileState

SAME_PU, SAME_DEGREE = 1e-3, 0.1  # below these the file's digits are the difference


def with_own_state(grid: Grid) -> Grid:
    """The grid, its reading report with the comparison of its own state; unchanged where the file states none."""
    state = grid.reading.solution or compared(grid)
    return grid.replace(reading=replace(grid.reading, solution=state))


def compared(grid: Grid) -> FileState | None:
    """The file's state against the power flow from its schedule and set points; None where it states none.

    Losses, shunts included, are those of both states' voltages.
    """
    buses, units, live = grid.buses, grid.units, grid.live
    if not (np.ptp(buses.va[live]) > 0):
        return None
    file: Complexes = buses.vm * np.exp(1j * buses.va)
    on, start = units.in_service, file.copy()
    held = np.flatnonzero(buses.kind == PV)
    for k in np.flatnonzero(on & (np.isin(units.bus, held) | (units.bus == grid.slack))):
        start[units.bus[k]] = units.vset[k] * np.exp(1j * np.angle(start[units.bus[k]]))
    s: Complexes = np.zeros(grid.n_bus, complex)
    np.add.at(s, units.bus[on], units.p[on] + 1j * units.q[on])
    s += grid.dc_injection() - (buses.pd + 1j * buses.qd)
    ybus, base = admittance(grid).ybus, grid.base_mva
    apart = np.abs(start) * np.exp(1j * (buses.va[grid.slack] + start_angles(grid, s.real / base)))
    for v0 in (start, apart):
        flow = newton(ybus, s / base, v0, grid.slack, held, active=np.flatnonzero(live))
        if flow.converged and not collapsed(grid, flow.v, abs(start[grid.slack])):
            break
    else:
        return FileState(np.nan, np.nan, np.nan, "no power flow was found from the file's own state and set points")
    dv = np.abs(np.abs(flow.v) - np.abs(file)) * live
    angle = np.abs(np.rad2deg(np.angle(flow.v * file.conj()))) * live
    loss = [float((v * np.conj(ybus @ v)).real[live].sum() * base) for v in (flow.v, file)]
    return FileState(float(dv.max()), float(angle.max()), abs(loss[0] - loss[1]), _told(grid, dv, angle))


def _told(grid: Grid, dv: Floats, angle: Floats) -> str:
    if dv.max() < SAME_PU and angle.max() < SAME_DEGREE:
        return "the file's own state is the power flow of what was read"
    at = grid.buses.number[int(dv.argmax() if dv.max() >= SAME_PU else angle.argmax())]
    return (
        f"the file's own state differs from the power flow of its schedule and set points, most at bus {at}: it was not solved, "
        "or with other limits and controls"
    )
