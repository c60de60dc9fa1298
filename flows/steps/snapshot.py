"""Initial snapshot: the case's own state, solved, assessed and adjusted."""

from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from flows.steps.inputs import grid_of
from flows.steps.result import StepResult
from slots.contracts.snapshot import Snapshot
from slots.grid.network import whole


def run(chunk: Chunk) -> StepResult:
    """Solve and store the snapshot."""
    grid = grid_of(chunk.payload["grid"])
    chosen = chosen_for("snapshot", chunk)
    s: Snapshot = chosen.call(grid)
    net = whole(grid)
    injection = s.point.injection(net) - grid.dc_injection() / grid.base_mva
    datasets = {
        "bus": Dataset(grid.buses.number, ("bus",)),
        "unit": Dataset(grid.units.name, ("unit",)),
        "branch": Dataset(grid.branches.name, ("branch",)),
        "v_real": Dataset(s.v.real, ("bus",), "p.u."),
        "v_imag": Dataset(s.v.imag, ("bus",), "p.u."),
        "injection_p": Dataset(injection.real, ("bus",), "p.u.", "net injection without DC links"),
        "injection_q": Dataset(injection.imag, ("bus",), "p.u."),
        "p": Dataset(s.point.p, ("unit",), "MW"),
        "loading": Dataset(s.loading, ("branch",), "1", "share of the continuous rating"),
    }
    summary = {"loss_mw": s.loss, "adjusted_mw": s.adjusted, "rounds": s.rounds, "unmet": len(s.unmet)}
    exceptions = ((0, "criteria not met: " + "; ".join(s.unmet[:20])),) if s.unmet else ()
    return StepResult(datasets, chosen, attributes={"unmet": list(s.unmet)}, summary=summary, exceptions=exceptions)
