"""What contracts' invariants cannot see, computed apart from the program that is judged."""

from dataclasses import replace

import numpy as np

from slots.contracts.n1 import N1Request, N1Result
from slots.contracts.unit_commitment import Horizon, Schedule, fuel_cost, starts_cost

FIGURE_TOLERANCE = 1e-4  # of a cost: solvers and sums round differently
OUTAGE_TOLERANCE = 1e-5  # p.u. and shares of a rating: engines solve to 1e-8 p.u.
SAMPLE = 10  # every so manieth outage is solved again


def check_figures(h: Horizon, s: Schedule) -> None:
    """Assert that costs are those of the schedule, and that overloads and stores are told as they are."""
    for what, said, counted in (
        ("fuel cost", s.fuel_cost, fuel_cost(h, s.on, s.p)), ("start-up cost", s.start_cost, starts_cost(h, s.on))
    ):  # fmt: skip
        assert abs(said - counted) <= FIGURE_TOLERANCE * (abs(counted) + 1e3), (
            f"{what} {said:.0f}, counted {counted:.0f}"
        )
    over = np.abs(h.flow(s.p)) - h.rate[None, :]
    assert (over <= s.overload + 1e-2).all(), "a branch above its limit is not told"
    for what, x in (
        ("load not served", s.shed),
        ("generation too much", s.spill),
        ("reserve missing", s.reserve_short),
    ):
        assert (x >= -1e-6).all(), f"{what} is negative"
    assert (s.reserve >= -1e-6).all(), "reserve is negative"
    stores = (h.units.kind == "storage") & h.units.in_service
    assert (s.energy[:, stores] >= -1e-3).all(), "a store below empty"


def check_cost(s: Schedule, known: Schedule, room: float) -> None:
    """Assert that a schedule costs no less than is proven possible, and no more than the best known and some room."""
    assert s.bound <= s.cost * (1 + 1e-6), "the bound lies above the cost"
    assert s.cost >= known.bound * (1 - 1e-6), "costs less than is possible: something is not counted"
    assert s.bound <= known.cost * (1 + 1e-6), "the bound lies above a schedule that exists"
    assert s.cost <= known.cost * (1 + room), f"costs {100 * (s.cost / known.cost - 1):.1f} % more than the best known"


def check_outages(request: N1Request, result: N1Result) -> None:
    """Assert that a sample of outages in three hours is what a full Newton power flow of each gives."""
    from slots.algorithms.n1.newton_each import newton_each

    hours = np.unique([0, len(request.v) // 2, len(request.v) - 1])
    chosen = np.arange(0, len(request.network.contingencies), SAMPLE)
    network = replace(request.network, outages=request.network.contingencies[chosen])
    again = newton_each(N1Request.of(network, [request.hour(int(h)) for h in hours]))
    columns = np.concatenate([[0], 1 + chosen])
    rows = np.ix_(hours, columns)
    assert (result.converged[rows] == again.converged).all(), (
        "an outage without a power flow is told to have one, or the reverse"
    )
    both = again.converged
    for what in ("loading", "vmin", "vmax", "margin", "lost_load", "lost_generation"):
        apart = np.abs(getattr(result, what)[rows] - getattr(again, what))[both]
        assert apart.max(initial=0.0) <= OUTAGE_TOLERANCE, f"{what} is {apart.max():.2g} off that of a full Newton"
