"""Rules that a grid must keep before anything is computed on it: small, pure, each with its sentence."""

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.connectivity import components
from slots.grid.model import ISOLATED, PV, SLACK, Grid


def check_grid(grid: Grid) -> None:
    """Raise GridError with the first rule that `grid` breaks."""
    for rule in (_numbers, _one_slack, _connected, _ratings, _limits, _set_points, _supply):
        rule(grid)


def _numbers(grid: Grid) -> None:
    """Numbers where there must be some; limits of reactive power, ramps and ratings may be infinite."""
    for table, finite, any_number in (
        (grid.buses, ("pd", "qd", "gs", "bs", "vmin", "vmax"), ("kv",)),
        (grid.branches, ("r", "x", "b", "tap", "shift", "g_f", "b_f", "g_t", "b_t", "r_asym", "x_asym"), ("rate", "rate_emergency")),
        (grid.units, ("pmin", "pmax", "p", "q", "cost_mw", "cost_usd", "start_cost", "stop_cost", "min_up", "min_down"),
         ("qmin", "qmax", "ramp", "ramp_10min", "vset")),
        (grid.dc_links, ("p", "loss0", "loss1"), ()),
    ):  # fmt: skip
        for column in (*finite, *any_number):
            values = getattr(table, column)
            fine = np.isfinite(values) if column in finite else ~np.isnan(values)
            rows = fine.all(axis=tuple(range(1, fine.ndim)))
            if not rows.all():
                name = table.name[int(np.flatnonzero(~rows)[0])]
                raise GridError(f"grid {grid.name}: {column} of {name} is not a number", "mend the data")


def _one_slack(grid: Grid) -> None:
    slack = np.flatnonzero(grid.buses.kind == SLACK)
    if len(slack) == 0:
        raise GridError(f"grid {grid.name} has no slack bus", "mark one bus as type 3")
    if len(slack) > 1:
        names = ", ".join(str(n) for n in grid.buses.number[slack][:5])
        raise GridError(f"grid {grid.name} has {len(slack)} slack buses ({names})", "keep one as type 3")


def _connected(grid: Grid) -> None:
    label = components(grid)
    outside = (label != label[grid.slack]) & (grid.buses.kind != ISOLATED)
    if outside.any():
        names = ", ".join(str(n) for n in grid.buses.number[outside][:5])
        raise GridError(
            f"grid {grid.name} is disconnected: {int(outside.sum())} buses have no path to the slack bus "
            f"(bus {names}{', …' if outside.sum() > 5 else ''})",
            "connect them, or mark them isolated (type 4)",
        )


def _ratings(grid: Grid) -> None:
    bad = np.flatnonzero((grid.branches.rate <= 0) | (grid.branches.rate_emergency < grid.branches.rate))
    if len(bad):
        raise GridError(
            f"grid {grid.name}: branch {grid.branches.name[bad[0]]} has a rating that is not positive or an "
            "emergency rating below it",
            "mend the ratings",
        )


def _limits(grid: Grid) -> None:
    units = grid.units
    bad = np.flatnonzero(units.in_service & (units.pmax < units.pmin - 1e-9))
    if len(bad):
        raise GridError(f"grid {grid.name}: unit {units.name[bad[0]]} has a maximum below its minimum", "mend it")
    bad = np.flatnonzero(grid.buses.vmax < grid.buses.vmin)
    if len(bad):
        raise GridError(f"grid {grid.name}: bus {grid.buses.number[bad[0]]} has vmax below vmin", "mend it")


def _set_points(grid: Grid) -> None:
    units = grid.units
    held = np.isin(grid.buses.kind[units.bus], (PV, SLACK)) & units.in_service
    bad = np.flatnonzero(held & ~((units.vset > 0) & np.isfinite(units.vset)))
    if len(bad):
        raise GridError(
            f"grid {grid.name}: unit {units.name[bad[0]]} holds its bus at {units.vset[bad[0]]:g} p.u.",
            "give a set point above 0",
        )


def _supply(grid: Grid) -> None:
    if not grid.units.in_service.any():
        raise GridError(f"grid {grid.name} has no unit in service", "put at least one in service")
