"""The chain's own commitment and dispatch: two routines of one day between its borders."""

from slots.scheduling.parts.commitment import ClosedSegments, StartRoom, StartTiers
from slots.scheduling.parts.network import FlowLimits, SystemBalance
from slots.scheduling.parts.storage import Stores
from slots.scheduling.parts.units import HeldReserve, Ramps, Weather
from slots.scheduling.symbols import Constraint, Param, Term


class DailyDispatch(Ramps, HeldReserve, Weather, Stores, FlowLimits, SystemBalance):
    """Active dispatch of a committed day with ramps, reserve, stores and branch limits."""

    room = Param("hour unit", "MW", tex="k^{end}", about="output above minimum that a unit can stop from")
    capped = Param("hour unit", "", about="1 in a last hour after which a unit may stop")
    curtailed = Term("spare", "sum(available - x, weather)")
    end = Constraint("above <= room", where="capped", about="a unit that may stop at midnight ends low enough")


class DailyCommitment(StartTiers, StartRoom, ClosedSegments, DailyDispatch):
    """Unit commitment of a day: the dispatch, and which units run."""

    capacity_brief = Constraint("above + r <= brief_room", where="brief", about="the same before a stop")
