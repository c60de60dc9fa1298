"""Screening by one step of a fast decoupled power flow for each outage (Stott, Alsac and Monticelli, 1987): also voltages."""

from typing import Any

import numpy as np
from scipy.sparse.linalg import splu

from slots.algorithms.n1.worst import worst_of
from slots.algorithms.screening.distribution_factors import ranked
from slots.contracts.n1 import N1Request
from slots.contracts.screening import Ranking
from slots.grid.admittance import admittance, as_set
from slots.grid.connectivity import islanding_outages
from slots.grid.model import Complexes, Ints


def one_step(request: N1Request) -> Ranking:
    """Rank by how far loadings and voltages after the step lie beyond their limits."""
    net, grid, hour = request.network, request.network.grid, request.hour(0)
    adm = as_set(grid, admittance(grid), hour.shunt, hour.tap)
    splitting = islanding_outages(grid, net.contingencies)
    angles, sizes, moving, free = _factors(request)
    severity = np.full(len(net.contingencies), np.inf)
    br = grid.branches
    for k, branch in enumerate(net.contingencies.tolist()):
        if branch in splitting:
            continue
        ends = np.array([br.f[branch], br.t[branch]])
        block = np.array([[adm.yff[branch], adm.yft[branch]], [adm.ytf[branch], adm.ytt[branch]]])
        freed = np.zeros(grid.n_bus, complex)
        freed[ends] = hour.v[ends] * np.conj(block @ hour.v[ends])  # what flowed there must flow elsewhere
        angle, size = np.angle(hour.v), np.abs(hour.v)
        v: Complexes = hour.v
        for _ in range(2):
            missing = (hour.s - v * np.conj(adm.ybus @ v) + _through(v, ends, block)) / np.abs(v)
            angle[moving] += angles.solve(missing[moving].real)
            v = size * np.exp(1j * angle)
            missing = (hour.s - v * np.conj(adm.ybus @ v) + _through(v, ends, block)) / np.abs(v)
            if len(free):
                size[free] += sizes.solve(missing[free].imag)
            v = size * np.exp(1j * angle)
        worst = worst_of(net, adm, v[None, :], [np.array([branch])], True)
        severity[k] = float(worst["loading"][0]) + 10 * float(worst["margin"][0])
    return ranked(severity)


def _through(v: Complexes, ends: Ints, block: Complexes) -> Complexes:
    """(bus,) what the lost branch would carry, given back."""
    out = np.zeros(len(v), complex)
    out[ends] = v[ends] * np.conj(block @ v[ends])
    return out


def _factors(request: N1Request) -> tuple[Any, Any, Ints, Ints]:
    grid, hour = request.network.grid, request.hour(0)
    adm = as_set(grid, admittance(grid), hour.shunt, hour.tap)
    live = np.flatnonzero(grid.live)
    moving = np.setdiff1d(live, [grid.slack])
    free = np.setdiff1d(np.flatnonzero(grid.live & ~hour.controlled), [grid.slack])
    b = -adm.ybus.imag
    return (
        splu(b[moving][:, moving].tocsc()), splu(b[free][:, free].tocsc()) if len(free) else None, moving, free
    )  # fmt: skip
