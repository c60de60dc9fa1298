"""Whole turns of phase shifts: 330 and -30 degrees are the same transformer, and DC models must know it.

The AC equations do not see a turn of 360 degrees; a DC model does, and sends it round the loop as power.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from slots.grid.model import Branches, Floats

LARGE = np.pi / 2  # shifts up to here leave no turn in a loop of a few transformers


def unwound(branches: Branches, n_bus: int) -> Floats:
    """(branch,) shifts (rad) less or more whole turns, so that every loop closes as nearly as it can."""
    shift = branches.shift
    if not (np.abs(shift[branches.in_service]) > LARGE).any():
        return shift
    shift = _within_a_turn(shift)
    angle = _unloaded(branches, shift, n_bus)
    across = angle[branches.f] - angle[branches.t]
    return np.where(branches.in_service, across + _within_a_turn(shift - across), shift)


def _within_a_turn(angle: Floats) -> Floats:
    return np.asarray(np.pi - np.mod(np.pi - angle, 2 * np.pi))


def _unloaded(branches: Branches, shift: Floats, n_bus: int) -> Floats:
    """(bus,) angles that the shifts along a tree of each island leave, branches with small shifts first."""
    on = np.flatnonzero(branches.in_service & (branches.f != branches.t))
    order = on[np.argsort(np.abs(shift[on]), kind="stable")]
    drop: dict[tuple[int, int], float] = {}
    for k in order.tolist():
        ends = int(branches.f[k]), int(branches.t[k])
        if ends not in drop and ends[::-1] not in drop:
            drop[ends] = float(shift[k])
    rows, columns = np.array(list(drop), dtype=np.int64).reshape(-1, 2).T
    weight = np.abs(list(drop.values())) + 1e-3
    tree = minimum_spanning_tree(sp.csr_matrix((weight, (rows, columns)), shape=(n_bus, n_bus)))
    _, label = connected_components(tree, directed=False)
    angle = np.zeros(n_bus)
    for root in np.unique(label, return_index=True)[1].tolist():
        reached, before = breadth_first_order(tree, root, directed=False)
        for bus in reached[1:].tolist():
            up = int(before[bus])
            angle[bus] = angle[up] - drop[up, bus] if (up, bus) in drop else angle[up] + drop[bus, up]
    return angle
