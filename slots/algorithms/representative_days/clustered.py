"""Representative days by clustering: the day in the middle of each cluster stands for it."""

from typing import Annotated

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist

from slots.contracts.representative_days import Days, DaysRequest, nearest
from slots.grid.model import Floats, Ints
from slots.parameters import Parameter


def k_medoids(
    request: DaysRequest, *, exchanges: Annotated[int, Parameter("tried at most", ge=1, le=10000)] = 500
) -> Days:
    """Partition around medoids (Kaufman and Rousseeuw, 1990): a greedy choice, then exchanges that pay."""
    far = cdist(request.features, request.features)
    chosen = [int(far.sum(axis=0).argmin())]
    while len(chosen) < request.count:
        now = far[:, chosen].min(axis=1)
        gain = np.maximum(now[:, None] - far, 0.0).sum(axis=0)
        gain[chosen] = -1.0
        chosen.append(int(gain.argmax()))
    for _ in range(exchanges):
        best, swap = far[:, chosen].min(axis=1).sum() * (1 - 1e-12), None
        for k in range(len(chosen)):
            others = chosen[:k] + chosen[k + 1 :]
            rest = far[:, others].min(axis=1) if others else np.full(len(far), np.inf)
            total = np.minimum(rest[:, None], far).sum(axis=0)
            total[chosen] = np.inf
            if total.min() < best:
                best, swap = total.min(), (k, int(total.argmin()))
        if swap is None:
            break
        chosen[swap[0]] = swap[1]
    return nearest(request, np.array(sorted(chosen)))


def k_means(
    request: DaysRequest, *, starts: Annotated[int, Parameter("of which the best counts", ge=1, le=1000)] = 20
) -> Days:
    """Lloyd's method from several starts; the day nearest to each mean is chosen."""
    rng = np.random.default_rng(request.seed)
    best, least = None, np.inf
    for _ in range(starts):
        means, label = kmeans2(request.features, request.count, minit="++", rng=rng)
        cost = float(((request.features - means[label]) ** 2).sum())
        if cost < least and len(set(label.tolist())) == request.count:
            best, least = label, cost
    if best is None:  # days that are too alike for so many clusters
        return k_medoids(request)
    return nearest(request, _middles(request.features, best))


def hierarchical(request: DaysRequest) -> Days:
    """Ward's method (1963): the two clusters whose union costs least are joined until so many are left."""
    label = fcluster(linkage(request.features, "ward"), request.count, "maxclust")
    if len(set(label.tolist())) < request.count:
        return k_medoids(request)
    return nearest(request, _middles(request.features, label))


def _middles(features: Floats, label: Ints) -> Ints:
    """The day of each cluster from which the others are nearest."""
    out = []
    for k in np.unique(label):
        members = np.flatnonzero(label == k)
        out.append(members[cdist(features[members], features[members]).sum(axis=0).argmin()])
    return np.array(sorted(out))
