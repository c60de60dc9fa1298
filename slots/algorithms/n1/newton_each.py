"""N-1 by one full Newton power flow per outage: slow, plain, the yardstick of the other engines."""

import numpy as np

from slots.algorithms.n1.worst import Collector
from slots.contracts.n1 import N1Request, N1Result
from slots.grid.admittance import admittance
from slots.grid.connectivity import islanding_outages
from slots.grid.outage import solve_outage


def newton_each(request: N1Request) -> N1Result:
    """Verify every contingency of every hour."""
    net = request.network
    adm = admittance(net.grid)
    collect = Collector(request, adm)
    splitting = islanding_outages(net.grid, collect.contingencies)
    base = net.grid.base_mva
    for h in range(len(request.v)):
        args = (request.v[h], request.injection[h], request.controlled[h], request.up[h], request.down[h])
        collect.put(h, np.array([0]), request.v[h][None, :], np.array([True]))
        for k, branch in enumerate(collect.contingencies, start=1):
            o = solve_outage(net, adm, int(branch), *args, kept=splitting.get(int(branch)))
            collect.put(h, np.array([k]), o.v[None, :], np.array([o.converged]))
            collect.result.lost_load[h, k] = o.lost_load * base
            collect.result.lost_generation[h, k] = o.lost_generation * base
    return collect.result
