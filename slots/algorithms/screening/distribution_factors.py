"""Screening by line outage distribution factors: DC flows after each outage, with the loadings that the hour begins with."""

from typing import Annotated

import numpy as np

from slots.contracts.n1 import N1Request
from slots.contracts.screening import Ranking
from slots.grid.admittance import admittance, branch_flows, with_taps
from slots.grid.dc import lodf, ptdf
from slots.grid.model import Floats
from slots.parameters import Parameter


def worst_loading(request: N1Request) -> Ranking:
    """Rank by the highest loading after the outage; what splits the grid comes first."""
    loading = _loadings(request)
    return ranked(np.where(np.isnan(loading).any(axis=0), np.inf, np.nanmax(loading, axis=0, initial=0.0)))


def performance_index(
    request: N1Request, *, exponent: Annotated[int, Parameter("n of the index", ge=1, le=20)] = 4
) -> Ranking:
    """Rank by the sum of powers of all loadings (Ejebe and Wollenberg, 1979); a low exponent hides single overloads."""
    loading = _loadings(request)
    index = (np.nan_to_num(loading) ** (2 * exponent)).sum(axis=0)
    return ranked(np.where(np.isnan(loading).any(axis=0), np.inf, index))


def ranked(severity: Floats) -> Ranking:
    """The order of severities; among equals, that of the contingencies."""
    order = np.argsort(-severity, kind="stable")
    return Ranking(order, severity[order])


def _loadings(request: N1Request) -> Floats:
    """(branch, outage) loading after each outage, share of the emergency rating; NaN where it splits the grid."""
    net, grid = request.network, request.network.grid
    hour = request.hour(0)
    adm = with_taps(grid, admittance(grid), hour.tap)
    f, t = branch_flows(grid, adm, hour.v)
    p, q = np.where(np.abs(f) >= np.abs(t), f, t).real, np.where(np.abs(f) >= np.abs(t), f, t).imag
    moved = lodf(grid, ptdf(grid))[:, net.contingencies]
    out = np.arange(len(net.contingencies))
    alone = np.isnan(moved).any(axis=0)
    moved = np.nan_to_num(moved)
    moved[net.contingencies, out] = -1.0
    after = p[:, None] + moved * f.real[net.contingencies][None, :]
    flow = np.hypot(after, q[:, None]) * grid.base_mva
    flow[net.contingencies, out] = 0.0
    loading = flow / grid.branches.rate_emergency[:, None]
    loading[:, alone] = np.nan
    return np.asarray(loading)
