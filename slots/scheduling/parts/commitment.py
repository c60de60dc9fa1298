"""Commitment: which units run; the three-binary formulation with tight minimum times."""

from slots.scheduling.formulation import Formulation
from slots.scheduling.symbols import Constraint, Cost, Expr, Param, Var


class Commitment(Formulation):
    """States, starts and stops; minimum times after Rajan and Takriti (2005)."""

    u_low = Param("hour unit", "", default=0.0, tex=r"\underline{u}", about="1 where a unit must run")
    u_high = Param("hour unit", "", default=1.0, tex=r"\overline{u}", about="0 where a unit must not run")
    u_before = Param("unit", "", tex="u_0", about="state in the hour before")
    change_high = Param("hour unit", "", default=1.0, about="0 where a unit may not start or stop")
    stop_high = Param("hour unit", "", default=1.0, about="0 where a unit may not stop")
    linked = Param("hour", "", default=1.0, about="0 in a first hour without history")
    min_up = Param("unit", "h", default=1.0, tex="T^{up}", about="minimum up time")
    min_down = Param("unit", "h", default=1.0, tex="T^{down}", about="minimum down time")
    start_cost = Param("unit", "USD", default=0.0, tex="c^{start}", about="cost of a start")
    stop_cost = Param("unit", "USD", default=0.0, tex="c^{stop}", about="cost of a stop")
    u = Var("hour unit", "", "u_low", "u_high", integer=True, tex="u", about="1 while a unit runs")
    v = Var("hour unit", "", "0", "change_high", integer=True, tex="v", about="1 in the hour of a start")
    w = Var("hour unit", "", "0", "least(change_high, stop_high)", tex="w", about="1 in the hour of a stop")
    logic = Constraint("u - prev(u, u_before) == v - w", where="linked", about="a state changes by a start or a stop")
    stay_up = Constraint("recent(v, min_up) <= u", about="who started runs for the minimum up time")
    stay_down = Constraint("recent(w, min_down) <= 1 - u", about="who stopped rests for the minimum down time")
    changes = Cost("start_cost * v + stop_cost * w", about="starts and stops")


class StartRoom(Formulation):
    """Room for output and reserve in hours of starts and stops (Gentile, Morales-España and Ramos, 2017)."""

    span = Param("unit", "MW", tex=r"\overline{p} - \underline{p}", about="range of output")
    cut = Param("unit", "MW", default=0.0, tex="k", about="range that a unit cannot reach when it starts or stops")
    headroom = Expr("span * u - cut * v - cut * next(w)", tex="h", about="room above the least output")


class ClosedSegments(Formulation):
    """Each piece of the cost curve closes with its unit, which tightens the relaxation."""

    sloped = Param("unit segment", "", default=1.0, about="1 where a piece has length")
    closed = Constraint("seg <= width * u", where="sloped", about="no output on a piece of a unit that rests")
