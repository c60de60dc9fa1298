"""Economic dispatch: real-time (one interval) and over several periods, with the parts that may join."""

from slots.scheduling.parts.inertia import VirtualInertia
from slots.scheduling.parts.network import AngleLimits, SecureFlows, SystemBalance
from slots.scheduling.parts.reserve import Headroom, Regulation
from slots.scheduling.parts.storage import UnitStores
from slots.scheduling.parts.units import Distributed, OutputRamps, QuadraticCost


class RealTimeDispatch(AngleLimits, OutputRamps, Regulation):
    """Real-time economic dispatch: DC power flow, regulation by zone, ten-minute ramps from the present output."""


class RealTimeDispatchStorage(UnitStores, RealTimeDispatch):
    """Real-time economic dispatch with stores."""


class RealTimeDispatchDistributed(Distributed, RealTimeDispatch):
    """Real-time economic dispatch with distributed generation."""


class RealTimeDispatchInertia(VirtualInertia, RealTimeDispatch):
    """Real-time economic dispatch with virtual inertia and damping of converters."""


class EconomicDispatch(AngleLimits, OutputRamps, Regulation, Headroom):
    """Multi-period economic dispatch: DC power flow, regulation and spinning reserve by zone, ramps."""


class EconomicDispatchStorage(UnitStores, EconomicDispatch):
    """Multi-period economic dispatch with stores that units stand for."""


class EconomicDispatchDistributed(Distributed, EconomicDispatch):
    """Multi-period economic dispatch with distributed generation."""


class SecureEconomicDispatch(SecureFlows, SystemBalance, OutputRamps, QuadraticCost):
    """Multi-period economic dispatch that stays within emergency ratings after any branch outage (N-1), by lazy rows."""
