"""Balance and network: what is injected where, and what branches may carry."""

from slots.scheduling.formulation import Formulation
from slots.scheduling.symbols import Constraint, Cost, Expr, Param, Total, Var


class Injections(Formulation):
    """Power that units, stores and others inject at buses; every part adds its term."""

    step = Param(unit="h", default=1.0, tex=r"\Delta t", about="length of an hour of the horizon")
    injection = Total("hour bus", "MW", tex="P", about="power injected at a bus")


class SystemBalance(Injections):
    """One balance per hour, with load that may be shed and power that may be spilled at a price."""

    demand = Param("hour", "MW", tex="D", about="power to be generated")
    shed_price = Param("", "USD/MWh", tex="c^{shed}", about="price of load not served")
    spill_price = Param("", "USD/MWh", tex="c^{spill}", about="price of generation too much")
    shed = Var("hour", "MW", tex="s", about="load not served")
    spill = Var("hour", "MW", tex="s^{-}", about="generation too much")
    balance = Constraint("sum(injection, bus) + shed - spill == demand", about="generation meets demand")
    unserved = Cost("step * (shed_price * shed + spill_price * spill)", about="load not served, generation too much")


class AngleNetwork(Injections):
    """DC power flow by bus angles (Wood and Wollenberg, chapter 4)."""

    demand = Param("hour bus", "MW", tex="D", about="load and shunt conductance")
    ends = Param("bus branch", "", tex="A", about="1 at the bus where a branch begins, -1 where it ends")
    stiffness = Param("branch bus", "MW/rad", tex="B^{f}", about="branch susceptance matrix")
    twist = Param("branch", "MW", default=0.0, tex="F^{s}", about="power that a phase shifter drives")
    reference = Param("bus", "", about="1 at the slack bus")
    theta = Var("hour bus", "rad", "-inf", "inf", tex=r"\theta", about="bus angle")
    flow = Expr("twist + stiffness @ theta", tex="F", about="power on a branch")
    balance = Constraint("injection == demand + ends @ flow", about="what a bus injects leaves on its branches")
    anchor = Constraint("theta == 0", where="reference", about="the slack bus has angle zero")


class AngleLimits(AngleNetwork):
    """Ratings of branches."""

    rate = Param("branch", "MVA", tex=r"\overline{F}", about="rating")
    rated = Param("branch", "", default=1.0, about="1 where a branch has a rating")
    limits = Constraint("-rate <= flow <= rate", where="rated", about="branches stay within their ratings")


class AngleDifferences(AngleNetwork):
    """Limits on the angle across a branch."""

    across = Param("branch bus", "", tex="A^{T}", about="1 at the bus where a branch begins, -1 where it ends")
    angle_low = Param("branch", "rad", tex=r"\underline{\vartheta}", about="least angle across")
    angle_high = Param("branch", "rad", tex=r"\overline{\vartheta}", about="most angle across")
    stretched = Param("branch", "", default=1.0, about="1 where an angle is limited")
    stretch = Constraint("angle_low <= across @ theta <= angle_high", where="stretched", about="angles across branches")


class FactorNetwork(Injections):
    """The same DC power flow by distribution factors: no angles, and a limit joins once it is violated."""

    load = Param("hour bus", "MW", tex="D", about="load and shunt conductance")
    factors = Param("branch bus", "", tex="H", about="power on a branch per power injected at a bus (PTDF)")
    twisted = Param("branch", "MW", default=0.0, tex="F^{s}", about="power that phase shifters drive on a branch")
    flow_low = Param("branch", "MW", tex=r"\underline{F}", about="least power on a branch")
    flow_high = Param("branch", "MW", tex=r"\overline{F}", about="most power on a branch")
    flow = Expr("twisted + factors @ (injection - load)", tex="F", about="power on a branch")
    balance = Constraint("sum(injection, bus) == sum(load, bus)", about="generation meets load")
    limits = Constraint("flow_low <= flow <= flow_high", lazy=True, about="branches stay within their limits")


class FlowLimits(Injections):
    """Branch limits by distribution factors; a limit joins once it is violated."""

    factors = Param("branch bus", "", tex="H", about="power on a branch per power injected at a bus (PTDF)")
    fixed_flow = Param("hour branch", "MW", tex="F^{0}", about="power that loads and phase shifters drive")
    rate = Param("branch", "MVA", tex=r"\overline{F}", about="rating")
    overload_price = Param("", "USD/MWh", tex="c^{over}", about="price of power above a rating")
    flow = Expr("fixed_flow + factors @ injection", tex="F", about="power on a branch")
    limits = Constraint(
        "-rate <= flow <= rate", lazy=True, penalty="overload_price * step", about="branches stay within their ratings"
    )


class SecureFlows(FlowLimits):
    """Limits after the outage of any branch (N-1), by line outage distribution factors."""

    outage_factors = Param("outage bus", "", tex="H^{o}", about="PTDF rows of the branches that may fail")
    outage_fixed = Param("hour outage", "MW", tex="F^{0,o}", about="fixed flow on them")
    moved = Param("branch outage", "", tex="L", about="share of a failed branch's power that moves to a branch (LODF)")
    emergency = Param("branch", "MVA", tex=r"\overline{F}^{e}", about="rating after an outage")
    watched = Param("branch outage", "", default=1.0, about="0 where the failed branch is the branch itself")
    lost = Expr("outage_fixed + outage_factors @ injection", tex="F^{o}", about="power on a branch before it fails")
    secure = Constraint(
        "-emergency <= flow + moved * lost <= emergency", where="watched", lazy=True,
        penalty="overload_price * step", about="branches stay within emergency ratings after any outage",
    )  # fmt: skip
