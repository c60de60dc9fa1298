"""Static equivalence: the network that the year is computed on, and how far it is from the full grid."""

import numpy as np

from bos_core.drwop import store
from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from flows.steps.inputs import grid_of
from flows.steps.result import StepResult
from slots.contracts.equivalence import EquivalenceRequest, check_equivalence
from slots.grid.admittance import admittance
from slots.grid.equivalence_error import compare
from slots.grid.network import Network


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
    loss = float((state * np.conj(admittance(net.grid).ybus @ state)).real.sum() * grid.base_mva)
    attributes = {**net.grid.header(), "loss_share": loss / grid.buses.pd.sum(), "error": errors,
                  "kept": chunk.payload["kept"]}  # fmt: skip
    summary = {
        "buses": net.grid.n_bus, "contingencies": len(net.contingencies),
        "equivalent_branches": int(net.grid.branches.equivalent.sum()), **errors,
    }  # fmt: skip
    datasets = {k: Dataset(a) for k, a in net.to_arrays().items()}
    return StepResult(datasets, chosen, attributes=attributes, summary=summary)
