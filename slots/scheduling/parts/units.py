"""Units: what they may give and what it costs."""

from slots.scheduling.parts.network import Injections
from slots.scheduling.symbols import Constraint, Cost, Expr, Param, Term, Total, Var


class Output(Injections):
    """Units whose output may be chosen within limits."""

    at_bus = Param("bus unit", "", tex="A^{g}", about="share of a unit's power that acts on a bus")
    pmin = Param("hour unit", "MW", tex=r"\underline{p}", about="least output")
    pmax = Param("hour unit", "MW", tex=r"\overline{p}", about="most output")
    p = Var("hour unit", "MW", "pmin", "pmax", tex="p", about="output")
    generation = Term("injection", "at_bus @ p")


class QuadraticCost(Output):
    """Hourly cost c0 + c1 p + c2 p² of running units."""

    c0 = Param("unit", "USD/h", default=0.0, tex="c_0", about="cost of running")
    c1 = Param("unit", "USD/MWh", tex="c_1", about="marginal cost at zero")
    c2 = Param("unit", "USD/MW^2 h", default=0.0, tex="c_2", about="growth of the marginal cost")
    running = Param("hour unit", "", default=1.0, tex="u", about="1 while a unit runs")
    fuel = Cost("step * (c0 * running + c1 * p + c2 * p**2)", about="fuel")


class PieceCost(Output):
    """Hourly cost on or above every line of a convex curve."""

    line_slope = Param("unit piece", "USD/MWh", tex="m", about="slope of a line")
    line_start = Param("unit piece", "USD/h", tex="b", about="cost of a line at zero output")
    lined = Param("unit piece", "", about="1 where a unit has this line")
    lowest = Param("unit", "USD/h", about="least hourly cost; zero for units without lines")
    highest = Param("unit", "USD/h", about="most hourly cost; zero for units without lines")
    y = Var("hour unit", "USD/h", "lowest", "highest", tex="y", about="hourly cost of a unit with lines")
    lines = Constraint("y >= line_slope * p + line_start", where="lined", about="the cost lies on or above its lines")
    curve = Cost("step * y", about="fuel of units with a piecewise curve")


class SegmentOutput(Injections):
    """Committed units with convex piecewise-linear cost; `u` is 1 while a unit runs."""

    at_bus = Param("bus unit", "", tex="A^{g}", about="share of a unit's power that acts on a bus")
    pmin = Param("unit", "MW", tex=r"\underline{p}", about="least output of a running unit")
    pmax = Param("unit", "MW", tex=r"\overline{p}", about="most output")
    width = Param("unit segment", "MW", tex=r"\overline{\delta}", about="length of a piece of the cost curve")
    slope = Param("unit segment", "USD/MWh", tex="c", about="marginal cost on a piece")
    no_load = Param("unit", "USD/h", tex="c_0", about="cost at least output")
    u = Param("hour unit", "", tex="u", about="1 while a unit runs")
    seg = Var("hour unit segment", "MW", upper="width", tex=r"\delta", about="output on a piece of the cost curve")
    above = Expr("sum(seg, segment)", tex="p'", about="output above the least")
    p = Expr("pmin * u + above", tex="p", about="output")
    generation = Term("injection", "at_bus @ p")
    fuel = Cost("step * (no_load * u + sum(slope * seg, segment))", about="fuel")


class HeldReserve(SegmentOutput):
    """Spinning reserve on running units, within what they can raise in ten minutes."""

    quick = Param("unit", "MW", tex="R^{10}", about="most reserve of a unit")
    headroom = Param("hour unit", "MW", tex="h", about="room above least output that starts and stops leave")
    reserve_need = Param("hour", "MW", tex="R", about="spinning reserve required")
    reserve_price = Param("", "USD/MWh", tex="c^{short}", about="price of reserve that is missing")
    r = Var("hour unit", "MW", upper="quick", tex="r", about="reserve held")
    short = Var("hour", "MW", tex="r^{short}", about="reserve missing")
    spare = Total("hour", "MW", tex="R^{held}", about="reserve held by all")
    held = Term("spare", "sum(r, unit)")
    capacity = Constraint("above + r <= headroom", about="output and reserve fit above the least output")
    quickly = Constraint("r <= quick * u", about="only running units hold reserve")
    reserve = Constraint("spare + short >= reserve_need", about="the reserve is held or its lack is paid")
    lack = Cost("step * reserve_price * short", about="missing reserve")


class Ramps(SegmentOutput):
    """Hourly ramps where they bind, and bands at the horizon's ends that neighbouring days share."""

    v = Param("hour unit", "", tex="v", about="1 in the hour of a start")
    w = Param("hour unit", "", tex="w", about="1 in the hour of a stop")
    ramp = Param("unit", "MW/h", tex=r"\Delta", about="ramp")
    ramped = Param("hour unit", "", default=1.0, about="1 where a ramp can bind; 0 in the first hour")
    band_low = Param("hour unit", "MW", tex="b^{-}", about="least output above minimum at a border")
    band_high = Param("hour unit", "MW", tex="b^{+}", about="most output above minimum at a border")
    banded = Param("hour unit", "", about="1 in hours at a border with a band")
    rise = Constraint("p - prev(p) <= ramp * step + pmax * v", where="ramped", about="a running unit's rise")
    fall = Constraint("prev(p) - p <= ramp * step + pmax * w", where="ramped", about="a running unit's fall")
    below = Constraint(
        "above + pmax * u <= band_high + pmax", where="banded", about="below the band's top, while it runs"
    )
    over = Constraint("pmax * u - above <= pmax - band_low", where="banded", about="above the band's foot")


class Weather(Injections):
    """Units that weather decides; what they curtail counts as reserve."""

    weather_at = Param("bus weather", "", tex="A^{w}", about="share of a unit's power that acts on a bus")
    available = Param("hour weather", "MW", tex=r"\overline{x}", about="what weather allows")
    floor = Param("hour weather", "MW", tex=r"\underline{x}", about="what may not be curtailed")
    x = Var("hour weather", "MW", "floor", "available", tex="x", about="output")
    wind_and_sun = Term("injection", "weather_at @ x")


class OutputRamps(Output):
    """Ramps between hours, and from the output before the first."""

    p_before = Param("unit", "MW", default=0.0, tex="p_0", about="output before the first hour")
    rise_most = Param("unit", "MW", tex=r"\Delta^{+}", about="most rise from hour to hour")
    fall_most = Param("unit", "MW", tex=r"\Delta^{-}", about="most fall from hour to hour")
    moving = Param("hour unit", "", default=1.0, about="0 where a ramp is not counted")
    rise = Constraint("p - prev(p, p_before) <= rise_most", where="moving", about="rise")
    fall = Constraint("prev(p, p_before) - p <= fall_most", where="moving", about="fall")


class Distributed(Injections):
    """Distributed generation: what sun and wind allow, curtailed at a price."""

    dg_at = Param("bus dg", "", tex="A^{d}", about="1 where a plant's bus is")
    dg_available = Param("hour dg", "MW", tex=r"\overline{d}", about="what a plant could give")
    dg_price = Param("dg", "USD/MWh", default=0.0, tex="c^{d}", about="price of curtailing")
    d = Var("hour dg", "MW", upper="dg_available", tex="d", about="output")
    distributed = Term("injection", "dg_at @ d")
    curtailing = Cost("step * dg_price * (dg_available - d)", about="curtailed distributed generation")


class ShedLoad(Injections):
    """Load that may stay unserved at a price."""

    shed_most = Param("hour bus", "MW", tex=r"\overline{s}", about="load that may stay unserved")
    shed_value = Param("bus", "USD/MWh", tex="c^{shed}", about="price of load not served")
    shed = Var("hour bus", "MW", upper="shed_most", tex="s", about="load not served")
    relief = Term("injection", "shed")
    unserved = Cost("step * shed_value * shed", about="load not served")
