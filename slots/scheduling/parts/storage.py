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
