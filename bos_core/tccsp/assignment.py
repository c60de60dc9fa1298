"""Algorithm A3 of the BOS paper: problem (1), which container runs which task in this cycle.

    min 1/|T| Σ_t B_t·E_t   subject to   E_t <= D_limit,t,   Σ_t a_tp <= 1,   Σ_p a_tp <= 1,   a_tp <= u_p

E_t is when t ends if the chosen container runs it (its forecast duration after what that container still has to do),
and a penalty if it is put off: the longest forecast and a buffer. A container too small for a task's memory, or one
that would end it too late, cannot be chosen. Subtracting the constant Σ B_t·penalty_t leaves, per pair, the gain
of not putting off: a linear assignment problem, solved exactly. Only a container's best |P| tasks can matter, because
at most |P| - 1 of them are taken by others; this keeps ten thousand tasks quick without losing the optimum. Where all
containers are alike, the tasks of largest gain are the optimum.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Assignment:
    """The optimum.

    Attributes:
        container: (task,) position of the container, -1 if the task is put off.
        objective: value of problem (1), s.
        late: tasks that no assignment lets end in time: the request for more resources; empty if feasible.
    """

    container: Ints
    objective: float
    late: Ints


def assign(weight: Floats, ends: Floats, put_off: Floats, limit: Floats, possible: npt.NDArray[np.bool_]) -> Assignment:
    """Solve problem (1).

    Args:
        weight: (task,) B_t > 0.
        ends: (task, container) s from now until the task would end there.
        put_off: (task,) s that count if the task is put off.
        limit: (task,) s from now until the task's deadline; inf without one.
        possible: (task, container) whether the container runs and has the memory.

    Returns:
        The optimum; where deadlines cannot all be met, the one that meets most of them.
    """
    allowed = possible & (ends <= limit[:, None])
    must = put_off > limit
    gain = np.where(allowed, weight[:, None] * (put_off[:, None] - ends), 0.0)
    most = float(np.abs(gain).max(axis=1, initial=0.0).sum()) + 1.0
    gain = np.where(allowed & must[:, None], gain + most, np.maximum(gain, 0.0))
    rows, columns = _matched(gain)
    taken = gain[rows, columns] > 0
    container = np.full(len(weight), -1, dtype=np.int64)
    container[rows[taken]] = columns[taken]
    completion = put_off.copy()
    chosen = container >= 0
    completion[chosen] = ends[chosen, container[chosen]]
    objective = float(weight @ completion) / max(len(weight), 1)
    return Assignment(container, objective, np.flatnonzero(must & ~chosen))


def _matched(gain: Floats) -> tuple[Ints, Ints]:
    """Tasks and the containers that they go to in the matching of largest gain."""
    tasks, containers = gain.shape
    if containers > 1 and tasks and (gain == gain[:, :1]).all():
        best = np.argsort(-gain[:, 0], kind="stable")[:containers]
        return best, np.arange(len(best))
    rows = _that_matter(gain)
    picked, columns = linear_sum_assignment(gain[rows], maximize=True)
    return rows[picked], columns


def _that_matter(gain: Floats) -> Ints:
    """Tasks that are among the best |P| of some container, where there are many more."""
    tasks, containers = gain.shape
    if tasks <= 2 * containers or not containers:
        return np.arange(tasks)
    best = np.argpartition(-gain, containers - 1, axis=0)[:containers]
    return np.unique(best)
