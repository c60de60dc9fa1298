"""Reserve by zone: regulation, spinning headroom, units that rest."""

from slots.scheduling.parts.units import QuadraticCost
from slots.scheduling.symbols import Constraint, Cost, Expr, Param, Var


class Regulation(QuadraticCost):
    """Regulation up and down, held within the units' limits and exactly as required."""

    zone_of = Param("zone unit", "", tex="Z", about="1 where a unit is in a zone")
    up_need = Param("hour zone", "MW", tex=r"R^{\uparrow}", about="regulation up required")
    down_need = Param("hour zone", "MW", tex=r"R^{\downarrow}", about="regulation down required")
    up_price = Param("unit", "USD/MWh", default=0.0, tex=r"c^{\uparrow}", about="price of regulation up")
    down_price = Param("unit", "USD/MWh", default=0.0, tex=r"c^{\downarrow}", about="price of regulation down")
    up = Var("hour unit", "MW", tex=r"r^{\uparrow}", about="regulation up")
    down = Var("hour unit", "MW", tex=r"r^{\downarrow}", about="regulation down")
    up_held = Constraint("zone_of @ (running * up) == up_need", about="each zone holds what it must")
    down_held = Constraint("zone_of @ (running * down) == down_need", about="each zone holds what it must")
    up_room = Constraint("p + up <= pmax", where="running", about="regulation up fits below the most output")
    down_room = Constraint("p - down >= pmin", where="running", about="regulation down fits above the least output")
    regulation = Cost("step * (up_price * up + down_price * down)", about="regulation")


class Headroom(QuadraticCost):
    """Spinning reserve: all that running units could give more; it is priced and must meet each zone's need."""

    zone_of = Param("zone unit", "", tex="Z", about="1 where a unit is in a zone")
    spinning_need = Param("hour zone", "MW", tex="R^{s}", about="spinning reserve required")
    spinning_price = Param("unit", "USD/MWh", default=0.0, tex="c^{s}", about="price of spinning reserve")
    most = Param("hour unit", "MW", tex=r"\overline{p}", about="most output of a unit, running or not")
    spinning = Expr("running * most - p", tex="r^{s}", about="spinning reserve of a unit")
    spinning_held = Constraint("zone_of @ spinning >= spinning_need", about="each zone's spinning reserve")
    headroom_cost = Cost("step * spinning_price * spinning", about="spinning reserve")


class RestingReserve(Headroom):
    """Reserve of units that rest and could be started."""

    resting_need = Param("hour zone", "MW", tex="R^{n}", about="non-spinning reserve required")
    resting_price = Param("unit", "USD/MWh", default=0.0, tex="c^{n}", about="price of non-spinning reserve")
    resting = Expr("(1 - running) * most", tex="r^{n}", about="non-spinning reserve of a unit")
    resting_held = Constraint("zone_of @ resting >= resting_need", about="each zone's non-spinning reserve")
    resting_cost = Cost("step * resting_price * resting", about="non-spinning reserve")
