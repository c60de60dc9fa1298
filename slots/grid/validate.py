"""Rules that a grid must keep before anything is computed on it: small, pure, each with its sentence."""

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.connectivity import components
from slots.grid.model import ISOLATED, SLACK, Grid


def check_grid(grid: Grid) -> None:
    """Raise GridError with the first rule that `grid` breaks."""
    for rule in (_numbers, _one_slack, _connected, _ratings, _limits, _supply):
        rule(grid)


def _numbers(grid: Grid) -> None:
    for table, columns in (
        (grid.buses, ("pd", "qd", "gs", "bs", "vmin", "vmax")),
        (grid.branches, ("r", "x", "b", "tap", "shift")),
        (grid.units, ("pmin", "pmax", "cost_usd")),
    ):
        for column in columns:
            values = getattr(table, column)
            rows = np.isfinite(values).reshape(len(values), -1).all(axis=1)
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


def _supply(grid: Grid) -> None:
    if not grid.units.in_service.any():
        raise GridError(f"grid {grid.name} has no unit in service", "put at least one in service")
