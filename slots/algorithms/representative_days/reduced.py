"""Scenario reduction by the Kantorovich distance (Heitsch and Roemisch, 2003): days are taken one by one, or given up."""

import numpy as np
from scipy.spatial.distance import cdist

from slots.contracts.representative_days import Days, DaysRequest, nearest


def forward_selection(request: DaysRequest) -> Days:
    """Take, each time, the day that brings the others nearest; best where few are kept."""
    far = cdist(request.features, request.features)
    now, chosen = np.full(len(far), np.inf), list[int]()
    for _ in range(request.count):
        total = np.minimum(now[:, None], far).sum(axis=0)
        total[chosen] = np.inf
        chosen.append(int(total.argmin()))
        now = np.minimum(now, far[:, chosen[-1]])
    return nearest(request, np.array(sorted(chosen)))


def backward_reduction(request: DaysRequest) -> Days:
    """Give up, each time, the day whose weight moves least far to one that is kept; best where many are kept."""
    far = cdist(request.features, request.features)
    np.fill_diagonal(far, np.inf)
    kept, to = np.ones(len(far), bool), np.arange(len(far))
    own = cdist(request.features, request.features)
    for _ in range(len(far) - request.count):
        among = np.where(kept[None, :], far, np.inf)
        other = among.argmin(axis=1)
        members = [np.flatnonzero(to == k) for k in np.flatnonzero(kept)]
        cost = [own[m, other[k]].sum() - own[m, k].sum() for k, m in zip(np.flatnonzero(kept), members, strict=True)]
        gone = int(np.flatnonzero(kept)[int(np.argmin(cost))])
        kept[gone] = False
        to[to == gone] = other[gone]
    return nearest(request, np.flatnonzero(kept))
