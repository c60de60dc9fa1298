"""The programs that come with BOS."""

from bos_core.objects.program import Program
from slots.algorithms.active_dispatch.loss_iterated import loss_iterated
from slots.algorithms.adjustment.successive_lp import successive_lp
from slots.algorithms.borders.clustered import clustered
from slots.algorithms.equivalence.ward import ward
from slots.algorithms.modelling.from_source import from_source
from slots.algorithms.n1.batched import batched, batched_engine_of
from slots.algorithms.n1.lightsim import engine_of, lightsim
from slots.algorithms.n1.newton_each import newton_each
from slots.algorithms.reactive_dispatch.interior_point import flat_voltages, interior_point, program_of
from slots.algorithms.sequence.own_series import own_series
from slots.algorithms.sequence.profiles import profiles
from slots.algorithms.snapshot.secured import secured
from slots.algorithms.unit_commitment.guided import guided
from slots.algorithms.unit_commitment.lazy_network import lazy_network

_PROGRAMS = (
    Program("modelling", "from-source", "entities and models of the grid source", from_source),
    Program("snapshot", "secured", "AC power flow, adjusted until all criteria hold", secured),
    Program("equivalence", "ward", "shunt-free sparse Ward reduction", ward),
    Program("sequence", "profiles", "synthetic year from real load, wind, sun and water shapes", profiles),
    Program("sequence", "own-series", "the series that came with the grid", own_series),
    Program("borders", "clustered", "monthly problem with units of a class clustered", clustered),
    Program("unit_commitment", "guided", "relaxation decides which units stay free", guided),
    Program("unit_commitment", "lazy-network", "one mixed-integer problem, exact to its gap", lazy_network),
    Program("active_dispatch", "loss-iterated", "linear dispatch with DC losses iterated", loss_iterated),
    Program("reactive_dispatch", "interior-point", "least losses by interior-point steps", interior_point, program_of),
    Program(
        "reactive_dispatch",
        "flat-voltages",
        "voltages nearest 1 p.u. by interior-point steps",
        flat_voltages,
        program_of,
    ),
    Program("n1", "lightsim", "lightsim2grid, failures confirmed by full Newton", lightsim, engine_of),
    Program(
        "n1", "batched", "compiled: one factorisation an hour, all outages as updates of it", batched, batched_engine_of
    ),
    Program("n1", "newton-each", "one full Newton power flow per outage", newton_each),
    Program(
        "adjustment",
        "successive-lp",
        "successive linear programs on AC sensitivities",
        successive_lp,
        batched_engine_of,
    ),
)


def official(slot: str | None = None) -> list[Program]:
    """Programs that come with BOS, of one slot or all."""
    return [p for p in _PROGRAMS if slot in (None, p.slot)]
