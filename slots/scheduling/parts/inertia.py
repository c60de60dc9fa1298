"""Virtual inertia and damping of converters (Wang and others, 2025, equations 5 to 8)."""

from slots.scheduling.formulation import Formulation
from slots.scheduling.symbols import Constraint, Cost, Param, Var


class VirtualInertia(Formulation):
    """Converters share what inertia and damping the system requires, cheapest first.

    Inertia M = 2H is in seconds, damping D in p.u.; both on each converter's own rating.
    """

    area_of = Param("area converter", "", tex="G", about="1 where a converter is in an area")
    inertia_most = Param("converter", "s", tex=r"\overline{M}", about="most virtual inertia")
    damping_most = Param("converter", "p.u.", tex=r"\overline{D}", about="most virtual damping")
    inertia_need = Param("area", "s", tex="M^{req}", about="virtual inertia required")
    damping_need = Param("area", "p.u.", tex="D^{req}", about="virtual damping required")
    inertia_price = Param("converter", "USD/s", default=0.0, tex="c^{M}", about="price of virtual inertia")
    damping_price = Param("converter", "USD/p.u.", default=0.0, tex="c^{D}", about="price of virtual damping")
    M = Var("converter", "s", upper="inertia_most", tex="M", about="virtual inertia")
    D = Var("converter", "p.u.", upper="damping_most", tex="D", about="virtual damping")
    inertia = Constraint("area_of @ M == inertia_need", about="virtual inertia sums to the requirement")
    damping = Constraint("area_of @ D == damping_need", about="virtual damping sums to the requirement")
    support = Cost("inertia_price * M + damping_price * D", about="virtual inertia and damping")
