"""Parts of a commitment case as the field states it: history, reserve products, loads with a price, stores."""

from slots.scheduling.parts.commitment import MatchedStarts, Trajectories
from slots.scheduling.parts.network import FlowLimits, Injections
from slots.scheduling.symbols import Constraint, Cost, Expr, Param, Term, Var


class PricedBalance(Injections):
    """One balance per step of time; what is missing or too much is paid for, or may not be."""

    demand = Param("hour bus", "MW", tex="D", about="load")
    miss_price = Param("hour", "USD/MW", default=0.0, tex="c^{miss}", about="price of power missing or too much")
    miss_most = Param("hour bus", "MW", default=0.0, about="0 where the balance must hold, else inf")
    short_power = Var("hour bus", "MW", upper="miss_most", tex="s", about="load not served")
    spill = Var("hour bus", "MW", upper="miss_most", tex="s^{-}", about="generation too much")
    lacking = Term("injection", "short_power - spill - demand")
    balance = Constraint("sum(injection, bus) == 0", about="generation meets demand")
    missed = Cost("miss_price * (short_power + spill)", about="load not served, generation too much")


class PieceOutput(MatchedStarts, Trajectories, Injections):
    """Committed units on convex piecewise-linear costs, ramps from and to their history.

    Ramps hold for output above the least; where a start or stop limit is narrower than the ramp, it takes its place
    (Damcı-Kurt, Küçükyavuz, Rajan and Atamtürk, 2016, in the simple form).
    """

    at_bus = Param("bus unit", "", tex="A^{g}", about="1 where a unit's bus is")
    piece_of = Param("unit piece", "", tex="A^{l}", about="1 where a piece of a cost curve is of a unit")
    pmin = Param("hour unit", "MW", tex=r"\underline{p}", about="least output of a running unit")
    span = Param("hour unit", "MW", tex=r"\overline{p} - \underline{p}", about="range of output")
    width = Param("hour piece", "MW", tex=r"\overline{\delta}", about="length of a piece")
    slope = Param("hour piece", "USD/MW", tex="c", about="marginal cost on a piece")
    no_load = Param("hour unit", "USD", tex="c_0", about="cost at least output")
    above_before = Param("unit", "MW", default=0.0, tex="p'_0", about="output above the least in the hour before")
    rise_most = Param("unit", "MW", tex=r"\Delta^{+}", about="most rise")
    fall_most = Param("unit", "MW", tex=r"\Delta^{-}", about="most fall")
    rise_cut = Param("unit", "MW", default=0.0, about="by how much a start limit is narrower than the ramp")
    fall_cut = Param("unit", "MW", default=0.0, about="by how much a stop limit is narrower than the ramp")
    rises = Param("hour unit", "", default=1.0, about="1 where the rise is limited")
    falls = Param("hour unit", "", default=1.0, about="1 where the fall is limited")
    seg = Var("hour piece", "MW", upper="width", tex=r"\delta", about="output on a piece of the cost curve")
    above = Expr("piece_of @ seg", tex="p'", about="output above the least")
    p = Expr("pmin * u + above", tex="p", about="output")
    generation = Term("injection", "at_bus @ p")
    fuel = Cost("no_load * u", about="running units at least output")
    pieces = Cost("slope * seg", about="output above the least")
    piece_start = Param("piece", "MW", default=0.0, about="part of a piece above the start limit")
    piece_late = Param("piece", "MW", default=0.0, about="part of a piece above the stop limit")
    piece_early = Param("piece", "MW", default=0.0, about="part of a piece above the start limit, second row")
    piece_stop = Param("piece", "MW", default=0.0, about="part of a piece above the stop limit, second row")
    piece_brief = Param("piece", "", default=0.0, about="1 where a piece has a second row")
    closed = Constraint(
        "seg <= width * (piece_of @ u) - piece_start * (piece_of @ v) - piece_late * (piece_of @ next(w))",
        about="no output on a piece of a unit that rests, nor above its limits of starts and stops",
    )
    closed_brief = Constraint(
        "seg <= width * (piece_of @ u) - piece_early * (piece_of @ v) - piece_stop * (piece_of @ next(w))",
        where="piece_brief", about="the same before a stop of a unit that may run for a single hour",
    )  # fmt: skip


class Offers(PieceOutput):
    """Reserve products, each held by the units that may offer it."""

    offer_of = Param("unit offer", "", tex="A^{o}", about="1 where an offer is a unit's")
    offer_for = Param("product offer", "", tex="B^{o}", about="1 where an offer is for a product")
    need = Param("hour product", "MW", tex="R", about="reserve required")
    short_price = Param("product", "USD/MW", default=0.0, tex="c^{short}", about="price of reserve that is missing")
    short_most = Param("product", "MW", default=0.0, about="0 where the reserve must be held, else inf")
    stops_hold = Param("", "", default=1.0, about="1: the limit before a stop holds for output and reserve, 0: output")
    r = Var("hour offer", "MW", tex="r", about="reserve held")
    short = Var("hour product", "MW", upper="short_most", tex="r^{short}", about="reserve missing")
    held = Expr("offer_of @ r", tex="r^{g}", about="reserve that a unit holds")
    reserve = Constraint("offer_for @ r + short >= need", about="the reserve is held or its lack is paid")
    lack = Cost("short_price * short", about="missing reserve")
    capacity = Constraint("above + held <= headroom", about="output and reserve fit above the least output")
    capacity_brief = Constraint(
        "above + stops_hold * held <= brief_room", where="brief", about="the same before a stop"
    )
    rise = Constraint(
        "above + held - prev(above, above_before) <= rise_most * u - rise_cut * v", where="rises", about="rise"
    )
    wind_down = Constraint("above <= wound", where="winding", about="output from which a unit can still stop")
    fall = Constraint(
        "prev(above, above_before) - above <= fall_most * prev(u, u_before) - fall_cut * w", where="falls", about="fall"
    )


class Profiled(Injections):
    """Units with bounds of each hour and a price, and loads with a price: power taken counts negative."""

    profiled_at = Param("bus profiled", "", tex="A^{x}", about="1 at a unit's bus, -1 at a load's")
    x_low = Param("hour profiled", "MW", tex=r"\underline{x}", about="least power")
    x_high = Param("hour profiled", "MW", tex=r"\overline{x}", about="most power")
    x_price = Param("hour profiled", "USD/MW", default=0.0, tex="c^{x}", about="price; of a load, less its worth")
    x = Var("hour profiled", "MW", "x_low", "x_high", tex="x", about="power of a profiled unit or a load with a price")
    profiled_power = Term("injection", "profiled_at @ x")
    profiled_cost = Cost("x_price * x", about="profiled units and loads with a price")


class CaseStores(Injections):
    """Stores with least rates, losses while they rest, and levels of the last hour."""

    store_at = Param("bus store", "", tex="A^{s}", about="1 where a store's bus is")
    level_low = Param("hour store", "MWh", tex=r"\underline{e}", about="least content")
    level_high = Param("hour store", "MWh", tex=r"\overline{e}", about="most content")
    level_before = Param("store", "MWh", tex="e_0", about="content before the first hour")
    kept = Param("hour store", "", default=1.0, tex=r"\lambda", about="share of the content that a step leaves")
    eta_in = Param("hour store", "", default=1.0, tex=r"\eta^{-}", about="efficiency of charging")
    eta_out = Param("hour store", "", default=1.0, tex=r"\eta^{+}", about="efficiency of discharging")
    charge_low = Param("hour store", "MW", default=0.0, about="least power in, while charging")
    charge_high = Param("hour store", "MW", tex=r"\overline{p}^{-}", about="most power in")
    discharge_low = Param("hour store", "MW", default=0.0, about="least power out, while discharging")
    discharge_high = Param("hour store", "MW", tex=r"\overline{p}^{+}", about="most power out")
    charge_price = Param("hour store", "USD/MW", default=0.0, tex="c^{-}", about="price of charging")
    discharge_price = Param("hour store", "USD/MW", default=0.0, tex="c^{+}", about="price of discharging")
    one_way = Param("hour store", "", default=1.0, about="1 where a store does not charge and discharge at once")
    charge = Var("hour store", "MW", upper="charge_high", tex="p^{-}", about="power in")
    discharge = Var("hour store", "MW", upper="discharge_high", tex="p^{+}", about="power out")
    level = Var("hour store", "MWh", "level_low", "level_high", tex="e", about="content")
    charging = Var("hour store", "", upper="1", integer=True, tex="z^{-}", about="1 while a store charges")
    discharging = Var("hour store", "", upper="1", integer=True, tex="z^{+}", about="1 while a store discharges")
    exchanged = Term("injection", "store_at @ (discharge - charge)")
    content = Constraint(
        "level - kept * prev(level, level_before) == step * (eta_in * charge - discharge / eta_out)",
        about="what goes in less what goes out",
    )
    least_in = Constraint("charge >= charge_low * charging", about="least power in")
    most_in = Constraint("charge <= charge_high * charging", about="charging only while it does")
    least_out = Constraint("discharge >= discharge_low * discharging", about="least power out")
    most_out = Constraint("discharge <= discharge_high * discharging", about="discharging only while it does")
    either = Constraint("charging + discharging <= 1", where="one_way", about="one way at a time")
    exchange = Cost("charge_price * charge + discharge_price * discharge", about="exchange of stores")


class CaseFlows(FlowLimits):
    """Branch limits of each hour with a price of their own, intact and after listed outages of one branch each."""

    fixed_flow = Param("hour branch", "MW", default=0.0, tex="F^{0}", about="zero: all loads are injections")
    rate = Param("hour branch", "MW", tex=r"\overline{F}", about="limit")
    overload_price = Param("hour branch", "USD/MW", tex="c^{over}", about="price of power above a limit")
    outage_factors = Param("outage bus", "", tex="H^{o}", about="PTDF rows of the branches that may fail")
    moved = Param("branch outage", "", tex="L", about="share of a failed branch's power that moves to a branch (LODF)")
    emergency = Param("hour branch", "MW", tex=r"\overline{F}^{e}", about="limit after an outage")
    watched = Param("branch outage", "", default=1.0, about="0 where the failed branch is the branch itself")
    lost = Expr("outage_factors @ injection", tex="F^{o}", about="power on a branch before it fails")
    limits = Constraint(
        "-rate <= flow <= rate", lazy=True, penalty="overload_price", about="branches stay within their limits"
    )
    secure = Constraint(
        "-emergency <= flow + moved * lost <= emergency", where="watched", lazy=True, penalty="overload_price",
        about="branches stay within emergency limits after any listed outage",
    )  # fmt: skip
