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
    start_cost = Param("unit", "USD", default=0.0, tex="c^{start}", about="cost of a start from cold")
    stop_cost = Param("unit", "USD", default=0.0, tex="c^{stop}", about="cost of a stop")
    u = Var("hour unit", "", "u_low", "u_high", integer=True, tex="u", about="1 while a unit runs")
    v = Var("hour unit", "", "0", "change_high", integer=True, tex="v", about="1 in the hour of a start")
    w = Var("hour unit", "", "0", "least(change_high, stop_high)", tex="w", about="1 in the hour of a stop")
    logic = Constraint("u - prev(u, u_before) == v - w", where="linked", about="a state changes by a start or a stop")
    stay_up = Constraint("recent(v, min_up) <= u", about="who started runs for the minimum up time")
    stay_down = Constraint("recent(w, min_down) <= 1 - u", about="who stopped rests for the minimum down time")
    changes = Cost("start_cost * v + stop_cost * w", about="starts and stops")


class StartTiers(Commitment):
    """Starts that cost less soon after a stop: a tier is a unit's saving while it has not been off for long.

    A unit with three start costs has two tiers, and one with a single cost none; savings add up. A tier's saving needs a
    stop within its hours, so that the least cost is that of the time off (Morales-España, Latorre and Ramos, 2013).
    """

    tier_of = Param("tier unit", "", tex="A^{k}", about="1 where a tier is of a unit")
    warm_for = Param("tier", "h", tex="T^{warm}", about="hours off below which the saving holds")
    saving = Param("tier", "USD", tex=r"\Delta c", about="what a start costs less than in the next colder state")
    warm_before = Param(
        "hour tier", "", default=0.0, tex="y_0", about="1 while a stop before the horizon is near enough"
    )
    warm = Var("hour tier", "", upper="1", tex="y", about="1 in the hour of a start that is still warm")
    warm_start = Constraint("warm <= tier_of @ v", about="only starts save")
    warm_since = Constraint(
        "warm <= recent(tier_of @ w, warm_for) + warm_before", about="who saves has stopped within the tier's hours"
    )
    warmth = Cost("-saving * warm", about="what warm starts cost less")


class MatchedStarts(Commitment):
    """The same costs by arcs from a stop to the start that follows it: dearer to write, and much tighter.

    An arc is a unit and a time off; each stop and each start is on one arc at most (Knueven, Ostrowski and Watson, 2020).
    """

    arc_of = Param("unit arc", "", tex="A^{a}", about="1 where an arc is of a unit")
    off_for = Param("arc", "h", tex="d", about="hours off")
    off_and_one = Param("arc", "h", tex="d + 1", about="hours off, and one")
    arc_saving = Param("arc", "USD", tex=r"\Delta c", about="what a start after so long costs less than from cold")
    within = Param("hour arc", "", default=1.0, about="0 where an arc leads beyond the last hour")
    tiered = Param("unit", "", default=1.0, about="1 where a unit has arcs")
    rest_of = Param("unit rested", "", tex="A^{0}", about="1 at a unit that rests before the first hour and has tiers")
    rest_saving = Param("hour rested", "USD", tex=r"\Delta c^0", about="what its first start in an hour costs less")
    rest_high = Param("hour rested", "", default=1.0, about="0 where it costs no less")
    joined = Var(
        "hour arc", "", upper="within", tex="y", about="1 in the hour of a stop that a start follows so much later"
    )
    first = Var("hour rested", "", upper="rest_high", tex="y^0", about="1 in the hour of such a unit's first start")
    from_stop = Constraint("arc_of @ joined <= w", where="tiered", about="a stop is followed by one start at most")
    to_start = Constraint(
        "arc_of @ (recent(joined, off_and_one) - recent(joined, off_for)) + rest_of @ first <= v", where="tiered",
        about="a start follows one stop at most",
    )  # fmt: skip
    first_once = Constraint("sum(first, hour) <= 1", about="a unit starts once for the first time")
    match = Cost("-arc_saving * joined", about="what warm starts cost less")
    match_first = Cost("-rest_saving * first", about="what warm first starts cost less")


class StartRoom(Formulation):
    """Room for output and reserve in hours of starts and stops (Gentile, Morales-España and Ramos, 2017).

    A unit that may start and stop again within an hour has two rows, each with one of the cuts in full and of the other
    what it exceeds the first by.
    """

    span = Param("unit", "MW", tex=r"\overline{p} - \underline{p}", about="range of output")
    start_cut = Param("unit", "MW", default=0.0, tex="k^{v}", about="range that a unit cannot reach when it starts")
    stop_cut = Param("unit", "MW", default=0.0, tex="k^{w}", about="range that a unit cannot stop from")
    brief = Param("unit", "", default=0.0, about="1 where a unit may run for a single hour and has limits to both")
    late_cut = Param("unit", "MW", default=0.0, tex="k^{w}_1", about="stop cut of the first row")
    early_cut = Param("unit", "MW", default=0.0, tex="k^{v}_2", about="start cut of the second row")
    headroom = Expr("span * u - start_cut * v - late_cut * next(w)", tex="h", about="room above the least output")
    brief_room = Expr("span * u - early_cut * v - stop_cut * next(w)", tex="h^{w}", about="the same before a stop")


class Trajectories(StartRoom):
    """Limits of starts and stops together with ramps: an hour or two after a start a ramp still binds.

    After Pan and Guan (2016): rows for units that run long enough that none of a row's starts and stops can meet.
    """

    start_cut_1 = Param("unit", "MW", default=0.0, tex="k^{v}_{-1}", about="range out of reach an hour after a start")
    start_cut_2 = Param("unit", "MW", default=0.0, tex="k^{v}_{-2}", about="range out of reach two hours after a start")
    stop_cut_1 = Param("unit", "MW", default=0.0, tex="k^{w}_{+1}", about="range out of reach an hour before the last")
    stop_cut_2 = Param(
        "unit", "MW", default=0.0, tex="k^{w}_{+2}", about="range out of reach two hours before the last"
    )
    winding = Param("unit", "", default=0.0, about="1 where a ramp binds before stops")
    risen = Expr(
        "span * u - start_cut * v - start_cut_1 * prev(v) - start_cut_2 * prev(prev(v))", about="range reached"
    )
    headroom = Expr("risen - late_cut * next(w)", tex="h", about="room above the least output")
    wound = Expr(
        "risen - stop_cut * next(w) - stop_cut_1 * next(next(w)) - stop_cut_2 * next(next(next(w)))",
        about="range from which a unit can still stop",
    )


class ClosedSegments(Formulation):
    """Each piece of the cost curve closes with its unit, which tightens the relaxation."""

    sloped = Param("unit segment", "", default=1.0, about="1 where a piece has length")
    closed = Constraint("seg <= width * u", where="sloped", about="no output on a piece of a unit that rests")
