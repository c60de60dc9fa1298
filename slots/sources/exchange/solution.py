"""A file's own state of the grid against the power flow of what was read."""

from __future__ import annotations

import numpy as np

from slots.contracts.power_flow import scheduled
from slots.grid.admittance import admittance
from slots.grid.model import Complexes, Grid
from slots.grid.newton import newton
from slots.grid.reading import FileState
from slots.sources.own_state import SAME_DEGREE, SAME_PU


def compared(grid: Grid, theirs: Complexes) -> FileState | None:
    """The differences; None where the file has no state.

    Args:
        grid: what was read.
        theirs: (bus,) p.u., NaN where the file tells none.
    """
    known = np.flatnonzero(np.isfinite(theirs) & (np.abs(theirs) > 0))
    if len(known) < 2:
        return None
    ours = solved(grid, np.where(np.isfinite(theirs), theirs, 1.0))
    if ours is None:
        return FileState(
            np.nan, np.nan, np.nan, "the power flow of what was read does not converge from the file's state"
        )
    turn = ours[known] / theirs[known]
    angle = np.rad2deg(np.angle(turn * np.exp(-1j * np.angle(turn[0]))))
    dv = float(np.abs(np.abs(ours[known]) - np.abs(theirs[known])).max())
    y = admittance(grid).ybus
    filled = ours.copy()
    filled[known] = theirs[known] * np.exp(1j * np.angle(turn[0]))
    losses = [float((v * np.conj(y @ v)).real.sum()) * grid.base_mva for v in (ours, filled)]
    whole = len(known) == grid.n_bus
    same = dv < SAME_PU and np.abs(angle).max() < SAME_DEGREE
    told = "the file's own state is the power flow of what was read" if same else (
        "the file's own state differs from the power flow of its schedule and set points: it was not solved, or with other "
        "limits and controls")  # fmt: skip
    told += "" if whole else f"; {grid.n_bus - len(known)} buses have no state in the file"
    return FileState(dv, float(np.abs(angle).max()), abs(losses[0] - losses[1]) if whole else np.nan, told)


def solved(grid: Grid, start: Complexes) -> Complexes | None:
    """(bus,) voltages of the schedule from a start, the slack bus taking the rest; None if they are not found."""
    request = scheduled(grid)
    held = np.append(request.held, grid.slack)
    for first in (start, request.v):
        v = first.astype(complex)
        v[held] = np.abs(request.v[held]) * np.exp(1j * np.angle(v[held]))
        flow = newton(
            admittance(grid).ybus, request.injection, v, grid.slack, request.held, active=np.flatnonzero(grid.live)
        )
        if flow.converged:
            return flow.v
    return None
