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
    for h in range(len(request.v)):
        hour = request.hour(h)
        collect.put(h, np.array([0]), hour.v[None, :], np.array([True]))
        for k, branch in enumerate(collect.contingencies.tolist(), start=1):
            collect.put_outage(h, k, solve_outage(net, adm, branch, hour, splitting.get(branch)))
    return collect.result
