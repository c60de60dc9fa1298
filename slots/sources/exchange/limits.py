"""Operational limits of PowSyBl's branches as ratings in MVA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from slots.grid.reading import ReadingLog
from slots.sources.exchange.frames import Frames

EMERGENCY_S = 600  # a temporary limit counts that may be used for ten minutes
NONE = 1e6  # limits beyond it (A, MW, MVA) mean that there is none
_MVA = {"APPARENT_POWER": "MVA", "ACTIVE_POWER": "MW"}


@dataclass(frozen=True)
class Limit:
    """A kind of limit at one side of an element: permanent and emergency value (A, MW or MVA)."""

    side: str
    kind: str
    lasting: float
    short: float

    def mva(self, kv: float) -> tuple[float, float]:
        """Both in MVA; currents at nominal voltage, active power as apparent."""
        factor = np.sqrt(3) * kv / 1000 if self.kind == "CURRENT" else 1.0
        return float(factor * self.lasting), float(factor * self.short)


class Ratings:
    """Ratings of a network's elements: the selected group of limits counts, and of a branch the tightest.

    Args:
        frames: the network.
        log: where limits that play no part are told.
    """

    def __init__(self, frames: Frames, log: ReadingLog) -> None:
        limits = frames.network.get_operational_limits(all_attributes=True).reset_index()
        self._of: dict[str, list[Limit]] = {}
        log.read("operational limit", len(limits))
        brief_only, power = [], []
        for (element, side, kind), rows in limits.groupby(["element_id", "side", "type"]):
            lasting = rows.value[rows.acceptable_duration == -1]
            lasting = lasting[np.isfinite(lasting) & (lasting > 0) & (lasting < NONE)]
            if not len(lasting):
                brief_only.append(str(element))
                continue
            if kind == "ACTIVE_POWER":
                power.append(str(element))
            short = rows.value[(rows.acceptable_duration >= EMERGENCY_S) & (rows.value < NONE)]
            usual = float(lasting.min())
            self._of.setdefault(str(element), []).append(Limit(str(side), str(kind), usual, max([usual, *short])))
        log.leave_out("operational limit", brief_only, "there is no permanent limit beside it, or it is no limit")
        if power:
            log.warn(f"{len(power)} limits in MW are taken as MVA, the first at {power[0]}: stricter, never laxer")

    def of(self, element: Any, sides: dict[str, float]) -> tuple[float, float]:
        """(continuous, emergency) MVA; 0 where there is none.

        Args:
            element: its id.
            sides: kV at the sides that count.
        """
        found = [x.mva(sides[x.side]) for x in self._of.get(str(element), ()) if x.side in sides]
        if not found:
            return 0.0, 0.0
        return min(u for u, _ in found), min(s for _, s in found)


def tightest(rates: list[tuple[float, float]]) -> tuple[float, float]:
    """The tightest of several ratings, where 0 is none."""
    found = [r for r in rates if r[0] > 0]
    return (min(u for u, _ in found), min(s for _, s in found)) if found else (0.0, 0.0)
