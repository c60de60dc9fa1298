"""Static equivalence: the network that the year is computed on, and how far it is from the full grid."""

import numpy as np

from bos_core.drwop import store
from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from flows.steps.inputs import grid_of
from flows.steps.result import StepResult
from slots.contracts.equivalence import EquivalenceRequest, check_equivalence
from slots.grid.admittance import admittance, conductance
from slots.grid.connectivity import islanding_outages
from slots.grid.equivalence_error import compare
from slots.grid.network import Network

RADIAL_SHARE = 0.5  # of the outages that cut off load, from which a user is told


def meaning(net: Network) -> str:
    """What N-1 can say of a network, where it is not the usual: no outage to verify, or outages that cut off load."""
    count = len(net.contingencies)
    if not count:
        return "there is no branch whose outage could be verified"
    load = np.maximum(net.grid.buses.pd, 0.0)
    cutting = sum(bool(load[~kept].sum() > 0) for kept in islanding_outages(net.grid, net.contingencies).values())
    if cutting < RADIAL_SHARE * count:
        return ""
    return (
        f"{cutting} of {count} outages cut off load, because the grid is radial there: N-1 then says whether what stays "
        "is within its limits, and no dispatch can serve what is cut off"
    )


def run(chunk: Chunk) -> StepResult:
    """Reduce the grid, check the reduction and measure its error on random states."""
    grid = grid_of(chunk.payload["grid"])
    snap, _ = store.read(chunk.payload["snapshot"])
    v = snap["v_real"] + 1j * snap["v_imag"]
    injection = snap["injection_p"] + 1j * snap["injection_q"]
    chosen = chosen_for("equivalence", chunk)
    request = EquivalenceRequest(grid, v, injection, chunk.payload["keep_kv"])
    net: Network = chosen.call(request)
    check_equivalence(request, net)
    errors = compare(grid, v, injection, net, snap["p"], chunk.payload["seed"])
    state = v[net.kept]
    drawn = (state * np.conj(admittance(net.grid).ybus @ state)).real * grid.base_mva
    loss = float((drawn - conductance(net.grid) * np.abs(state) ** 2).sum())
    attributes = {**net.grid.header(), "loss_share": loss / max(grid.buses.pd.sum(), loss, 1e-9), "error": errors,
                  "kept": chunk.payload["kept"], "verification": meaning(net)}  # fmt: skip
    summary = {
        "buses": net.grid.n_bus, "contingencies": len(net.contingencies),
        "equivalent_branches": int(net.grid.branches.equivalent.sum()), **errors,
    }  # fmt: skip
    datasets = {k: Dataset(a) for k, a in net.to_arrays().items()}
    return StepResult(datasets, chosen, attributes=attributes, summary=summary)
