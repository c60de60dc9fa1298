"""How injections of an eliminated part of a grid act on what is kept: the weights of its lossless network."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from bos_core.objects.errors import ParameterError
from slots.grid.model import Bools, Complexes, Floats, Grid, Ints

PLANNED_WHOLE = 700  # buses up to which a grid is planned in minutes, so that nothing is left out unasked
SMALLEST_REACTANCE = 1e-5  # p.u.; below, a branch is as good as a bus coupler


@dataclass(frozen=True)
class Level:
    """The voltage (kV) at or above which a grid is kept, and what a user is told of it."""

    kv: float
    told: str


def level_for(grid: Grid, asked: float | None = None) -> Level:
    """The level asked for; else all of a grid of up to PLANNED_WHOLE buses, and the lowest that leaves so few.

    At least two buses must be left. Where no level leaves so few, as where voltages are not told, everything is kept.
    """
    live, total = grid.live, int(grid.live.sum())
    if asked is not None:
        left = int((live & (grid.buses.kv >= asked)).sum())
        return Level(asked, f"{left} of {total} buses are kept, at or above {asked:g} kV as asked for")
    if total <= PLANNED_WHOLE:
        return Level(0.0, f"all {total} buses are kept: up to {PLANNED_WHOLE} are planned in minutes")
    counts = {float(kv): int((live & (grid.buses.kv >= kv)).sum()) for kv in np.unique(grid.buses.kv[live])}
    fitting = [kv for kv, left in counts.items() if 2 <= left <= PLANNED_WHOLE]
    if not fitting:
        why = "no voltage level leaves fewer" if max(counts) > 0 else "their voltages are not told"
        return Level(0.0, f"all {total} buses are kept, because {why}; this takes longer than minutes")
    kv = min(fitting)
    return Level(
        kv, f"{counts[kv]} of {total} buses are kept, at or above {kv:g} kV: up to {PLANNED_WHOLE} are planned in "
        "minutes (--keep-kv 0 keeps all)",
    )  # fmt: skip


def kept_at(grid: Grid, keep_kv: float) -> Bools:
    """(bus,) live buses at or above a voltage (kV).

    Raises:
        ParameterError: no bus, or only one, is that high.
    """
    keep = (grid.buses.kv >= keep_kv) & grid.live
    if keep.sum() < min(2, grid.live.sum()):
        raise ParameterError(
            f"keep-kv {keep_kv:g} keeps {int(keep.sum())} bus(es) of grid {grid.name}, whose highest voltage "
            f"is {grid.buses.kv.max():g} kV", "choose a lower level",
        )  # fmt: skip
    return np.asarray(keep)


def outer_part(grid: Grid, keep: Bools) -> tuple[Bools, Floats, Ints]:
    """(branch,) branches that touch what is eliminated, their reactances (p.u.), and the kept buses they reach."""
    br = grid.branches
    external = ~(keep[br.f] & keep[br.t]) & br.in_service
    x = np.where(np.abs(br.x) < SMALLEST_REACTANCE, SMALLEST_REACTANCE, br.x)
    ends = np.concatenate([br.f[external], br.t[external]])
    return external, x, np.unique(ends[keep[ends]])


def laplacian(grid: Grid, y: Floats | Complexes) -> sp.csr_matrix:
    """(bus, bus) of branch admittances without shunts."""
    f, t, n = grid.branches.f, grid.branches.t, grid.n_bus
    data = np.concatenate([y, y, -y, -y])
    rows, cols = np.concatenate([f, t, f, t]), np.concatenate([f, t, t, f])
    return sp.csr_matrix((data, (rows, cols)), shape=(n, n))


def boundary_weights(grid: Grid, keep: Bools, outer: Ints) -> tuple[Ints, Floats]:
    """Boundary buses, and the (boundary, outer) share of each outer injection; columns sum to one.

    None is negative, because all reactances count as positive.
    """
    external, x, boundary = outer_part(grid, keep)
    lossless = laplacian(grid, np.where(external, 1 / np.abs(x), 0.0))
    weights = -splu(lossless[outer][:, outer].tocsc()).solve(lossless[outer][:, boundary].toarray()).T
    positive = np.clip(weights, 0.0, None)
    return boundary, positive / positive.sum(axis=0)


def hosts(grid: Grid, keep: Bools, at: Ints) -> Ints:
    """The kept bus on which an injection at each bus of `at` acts most."""
    outer = np.flatnonzero(~keep & grid.live)
    boundary, weights = boundary_weights(grid, keep, outer)
    host = np.arange(grid.n_bus)
    host[outer] = boundary[weights.argmax(axis=0)]
    return np.asarray(host[at])
