"""Unit commitment as the field states it: the routine of public instances (PGLib-UC, UnitCommitment.jl)."""

from slots.scheduling.parts.case import CaseFlows, CaseStores, Offers, PricedBalance, Profiled


class CommitmentCase(Offers, Profiled, CaseStores, CaseFlows, PricedBalance):
    """Unit commitment from a stated history: costs of starts by time off, limits of starts and stops, reserve products.

    After Morales-España, Latorre and Ramos (2013) as Knueven, Ostrowski and Watson (2020) compare it. Prices are those of
    a step of time, whatever its length; only stores count hours.
    """
