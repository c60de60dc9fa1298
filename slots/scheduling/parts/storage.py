"""Stores: energy moved between hours."""

from slots.scheduling.parts.network import Injections
from slots.scheduling.symbols import Constraint, Cost, Param, Term, Var


class Stores(Injections):
    """Stores with losses on the way in and out, inflow, and a least content at the end."""

    store_at = Param("bus store", "", tex="A^{s}", about="1 where a store's bus is")
    charge_max = Param("store", "MW", tex=r"\overline{p}^{-}", about="most power in")
    discharge_max = Param("store", "MW", tex=r"\overline{p}^{+}", about="most power out")
    energy_min = Param("hour store", "MWh", default=0.0, tex=r"\underline{e}", about="least content")
    energy_max = Param("store", "MWh", tex=r"\overline{e}", about="most content")
    energy_before = Param("store", "MWh", tex="e_0", about="content before the first hour")
    inflow = Param("hour store", "MWh", default=0.0, tex="a", about="natural inflow")
    eta_in = Param("store", "", default=1.0, tex=r"\eta^{-}", about="efficiency of charging")
    eta_out = Param("store", "", default=1.0, tex=r"\eta^{+}", about="efficiency of discharging")
    spills = Param("store", "", default=0.0, about="1 where inflow that does not fit is spilled")
    wear_price = Param("", "USD/MWh", default=0.0, tex="c^{wear}", about="price of moving energy")
    charge = Var("hour store", "MW", upper="charge_max", tex="p^{-}", about="power in")
    discharge = Var("hour store", "MW", upper="discharge_max", tex="p^{+}", about="power out")
    energy = Var("hour store", "MWh", "energy_min", "energy_max", tex="e", about="content")
    exchanged = Term("injection", "store_at @ (discharge - charge)")
    content = Constraint(
        "energy - prev(energy, energy_before) == step * (eta_in * charge - discharge / eta_out) + inflow",
        where="1 - spills", about="what goes in less what goes out",
    )  # fmt: skip
    content_spilling = Constraint(
        "energy - prev(energy, energy_before) <= step * (eta_in * charge - discharge / eta_out) + inflow",
        where="spills", about="the same where inflow may be spilled",
    )  # fmt: skip
    wear = Cost("step * wear_price * (charge + discharge)", about="wear of stores")


class OneWay(Stores):
    """A store either charges or discharges in an hour."""

    charging = Var("hour store", "", "0", "1", integer=True, tex="z", about="1 while a store may charge")
    in_only = Constraint("charge <= charge_max * charging", about="charging only while it may")
    out_only = Constraint("discharge <= discharge_max * (1 - charging)", about="discharging only else")


class UnitStores(OneWay):
    """Stores that a unit of the case stands for: its output is what its store exchanges."""

    stands_for = Param("store unit", "", tex="C", about="1 where a unit stands for a store")
    charge_value = Param("store", "USD/MWh", default=0.0, tex="v^{-}", about="income from charging")
    discharge_price = Param("store", "USD/MWh", default=0.0, tex="c^{+}", about="price of discharging")
    exchanged = None  # the unit's own output is injected
    tied = Constraint("stands_for @ p == discharge - charge", about="the unit's output is the store's exchange")
    trading = Cost("step * (discharge_price * discharge - charge_value * charge)", about="exchange of stores")
