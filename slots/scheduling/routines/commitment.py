"""Unit commitment on a DC network with quadratic costs, and the parts that may join."""

from slots.scheduling.parts.commitment import StartTiers
from slots.scheduling.parts.network import AngleLimits
from slots.scheduling.parts.reserve import RestingReserve
from slots.scheduling.parts.storage import UnitStores
from slots.scheduling.parts.units import Distributed, ShedLoad
from slots.scheduling.symbols import Constraint, Expr, Param


class UnitCommitment(StartTiers, AngleLimits, RestingReserve, ShedLoad):
    """Unit commitment: which units run, DC power flow, spinning and resting reserve by zone, load unserved at a price.

    Starts cost by the time off where units have tiers; output stays within limits in first and last hours of running.
    """

    pmin = Param("hour unit", "MW", default=0.0, about="zero: the least output holds only while a unit runs")
    running = Expr("u", tex="u", about="1 while a unit runs")
    least = Param("hour unit", "MW", tex=r"\underline{p}", about="least output of a running unit")
    above_least = Constraint("p >= least * u", about="a running unit gives at least its least output")
    start_cut = Param("unit", "MW", default=0.0, tex="k^{v}", about="output that a unit cannot reach when it starts")
    stop_cut = Param("unit", "MW", default=0.0, tex="k^{w}", about="output that a unit cannot stop from")
    below_most = Constraint("p <= most * u - start_cut * v", about="a resting unit gives nothing, a starting one less")
    below_stop = Constraint("p <= most * u - stop_cut * next(w)", about="a unit that is about to stop gives less")


class UnitCommitmentStorage(UnitStores, UnitCommitment):
    """Unit commitment with stores that units stand for."""


class UnitCommitmentDistributed(Distributed, UnitCommitment):
    """Unit commitment with distributed generation."""
