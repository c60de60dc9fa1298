"""What contracts' invariants cannot see, computed apart from the program that is judged."""

from dataclasses import replace

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.contracts.n1 import N1Request, N1Result
from slots.contracts.snapshot import Snapshot
from slots.contracts.unit_commitment import Horizon, Schedule, fuel_cost, starts_cost
from slots.grid.admittance import admittance, branch_flows
from slots.grid.model import Grid

FIGURE_TOLERANCE = 1e-4  # of a cost: solvers and sums round differently
OUTAGE_TOLERANCE = 1e-5  # p.u. and shares of a rating: engines solve to 1e-8 p.u.


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


def check_between(h: Horizon) -> None:
    """Assert that a day can be scheduled between its borders, with all load served."""
    from slots.algorithms.unit_commitment.guided import guided

    try:
        s = guided(h, 1e-2)
    except (InfeasibleError, SolverError):
        raise AssertionError(f"no schedule exists between the borders of the day from hour {h.first_hour}") from None
    assert s.shed.sum() < 1.0, f"{s.shed.sum():.0f} MWh are not served between the borders from hour {h.first_hour}"
    assert s.spill.sum() < 1.0, f"{s.spill.sum():.0f} MWh are too much between the borders from hour {h.first_hour}"


def check_state(grid: Grid, result: Snapshot) -> None:
    """Assert that losses and loadings are those of the voltages."""
    adm = admittance(grid)
    flows = branch_flows(grid, adm, result.v)
    loading = np.maximum(*(np.abs(s) for s in flows)) * grid.base_mva / grid.branches.rate
    assert np.allclose(result.loading, loading, atol=1e-6), "loadings are not those of the voltages"
    lost = (result.v * np.conj(adm.ybus @ result.v)).real.sum() * grid.base_mva
    assert abs(result.loss - lost) < 1e-3, f"{result.loss:.2f} MW said to be lost, {lost:.2f} MW are"


def check_outages(request: N1Request, result: N1Result, sample: int) -> None:
    """Assert that every so manieth outage, in three hours, is what a full Newton power flow of it gives."""
    from slots.algorithms.n1.newton_each import newton_each

    hours = np.unique([0, len(request.v) // 2, len(request.v) - 1])
    chosen = np.arange(0, len(request.network.contingencies), sample)
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
