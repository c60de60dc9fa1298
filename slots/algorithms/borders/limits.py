"""Branch limits of a month's plan: mean flows of blocks, joined where the plan's relaxation exceeds them."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from slots.contracts.unit_commitment import OVERLOAD_USD_MWH, Horizon
from slots.grid.model import Floats, Ints
from slots.scheduling.highs import Solver

MAX_ROUNDS = 25
JOIN_A_BLOCK = 6  # rows that join at once for each block
TOLERANCE = 1e-3  # of a limit


@dataclass(frozen=True)
class Injected:
    """Power that columns stand for: MW of `unit` in `block` per unit of `column`; of a cluster, of its mean member."""

    block: Ints
    unit: list[Ints]
    column: Ints
    mw: Floats


def settle_limits(
    horizon: Horizon, first: Ints, length: Ints, injected: Injected, solver: Solver, what: str
) -> tuple[int, Floats]:
    """Add rows to `solver` until its relaxation keeps the limits in every block, or no more help.

    Returns how many were added, and the columns of the last relaxation.

    Args:
        first, length: (block,) first hour and hours of each block.
        injected: what each column of a unit's power does.
    """
    fixed = _fixed_flow(horizon, first, length)
    columns = int(injected.column.max()) + 1
    power = _power_matrix(injected, len(first), len(horizon.units), columns)
    known: set[tuple[int, int]] = set()
    limited = np.isfinite(horizon.rate)
    for _ in range(MAX_ROUNDS):
        x = solver.run(what, relax=True)
        p = np.asarray(power @ x[:columns]).reshape(len(first), -1)
        flow = fixed + horizon.driven(p)
        excess = (np.abs(flow) - horizon.rate) / np.where(limited, np.maximum(horizon.rate, 1.0), 1.0)
        new = _worst(excess, known)
        if not new:
            break
        known |= set(new)
        _join(horizon, solver, power, fixed, length, np.array(new), flow)
    return len(known), x


def _worst(excess: Floats, known: set[tuple[int, int]]) -> list[tuple[int, int]]:
    out = []
    for t, row in enumerate(excess):
        order = np.argsort(-row)[: JOIN_A_BLOCK * 4]
        fresh = [(t, int(k)) for k in order if row[k] > TOLERANCE and (t, int(k)) not in known]
        out += fresh[:JOIN_A_BLOCK]
    return out


def _fixed_flow(h: Horizon, first: Ints, length: Ints) -> Floats:
    """(block, branch) MW that loads and the weather drive at their means."""
    variable = (h.units.kind == "variable") & h.units.in_service
    weather = np.where(variable, h.upper(), 0.0)
    hourly = h.flow(weather)
    return np.asarray(np.add.reduceat(hourly, first, axis=0) / length[:, None])


def _power_matrix(injected: Injected, blocks: int, units: int, columns: int) -> sp.csr_matrix:
    """(block * unit, column) MW."""
    rows, cols, values = [], [], []
    for block, members, column, mw in zip(
        injected.block.tolist(), injected.unit, injected.column.tolist(), injected.mw.tolist(), strict=True
    ):
        rows.append(block * units + members)
        cols.append(np.full(len(members), column))
        values.append(np.full(len(members), mw / len(members)))
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(cols)))
    return sp.csr_matrix(entries, shape=(blocks * units, columns))


def _join(
    h: Horizon, solver: Solver, power: sp.csr_matrix, fixed: Floats, length: Ints, new: Ints, flow: Floats
) -> None:
    """Rows |flow| <= rate for (block, branch) pairs, exceeded at a price."""
    block, branch = new[:, 0], new[:, 1]
    units = len(h.units)
    factors = h.unit_factors[branch] if isinstance(h.unit_factors, np.ndarray) else h.unit_factors.rows(branch)
    at = (block[:, None] * units + np.arange(units)[None, :]).ravel()
    pick = sp.csr_matrix((factors.ravel(), at, np.arange(len(new) + 1) * units), shape=(len(new), power.shape[0]))
    rows = sp.csr_matrix(pick @ power)
    slack = solver.add_columns(OVERLOAD_USD_MWH * length[block].astype(float))
    sign = np.sign(flow[block, branch])
    give = sp.csr_matrix((-sign, slack, np.arange(len(new) + 1)), shape=(len(new), int(slack[-1]) + 1))
    wide = sp.csr_matrix((rows.data, rows.indices, rows.indptr), shape=give.shape)
    limit = h.rate[branch]
    solver.add_rows(sp.csr_matrix(wide + give), -limit - fixed[block, branch], limit - fixed[block, branch])
