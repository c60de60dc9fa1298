"""DC power flow and DC optimal power flow."""

from slots.scheduling.parts.network import AngleDifferences, AngleLimits, AngleNetwork, FactorNetwork
from slots.scheduling.parts.units import PieceCost, QuadraticCost
from slots.scheduling.symbols import Param, Term, Var


class DcPowerFlow(AngleNetwork):
    """DC power flow: angles and flows of given injections; the slack bus gives what is missing."""

    given = Param("hour bus", "MW", tex="P", about="power that units inject")
    missing = Var("hour", "MW", "-inf", "inf", tex="p^{ref}", about="power that the slack bus gives besides")
    slack_power = Term("injection", "reference * missing")
    units_power = Term("injection", "given")


class DcOptimalPowerFlow(AngleLimits, AngleDifferences, QuadraticCost, PieceCost):
    """DC optimal power flow: least-cost outputs within branch and angle limits, quadratic and piecewise costs."""


class FactorOptimalPowerFlow(FactorNetwork, QuadraticCost, PieceCost):
    """The same DC optimal power flow by distribution factors: far fewer rows, for large grids and many solves."""
