"""PowSyBl's lines, transformers, tie lines and boundary lines as two-ports between nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from slots.grid.reading import ReadingLog
from slots.sources.exchange.frames import Frames, called, rows
from slots.sources.exchange.limits import Ratings, tightest

SIDES = ("ONE", "TWO", "THREE")
FIXED = (1.0, 1.0, 0.0)
EVEN = 1e-9  # by which the steps of a tap changer may differ


@dataclass(frozen=True)
class TwoPort:
    """A pi of ohms and siemens on the t side, behind an ideal transformer V' = V·ratio on the f side.

    Attributes:
        kind: as the format calls it.
        name: of the branch.
        ends: keys of the nodes f and t; empty where it is open.
        kv: nominal voltages at f and t.
        z: series impedance (ohm).
        shunts: admittance (S) at the f side, behind the transformer, and at the t side.
        ratio: complex ratio of voltages in kV.
        rate: continuous and emergency rating (MVA), 0 if there is none.
        taps: least and greatest ratio on the f side that can be set under load, and their step, as parts of the present one.
    """

    kind: str
    name: str
    ends: tuple[str, str]
    kv: tuple[float, float]
    z: complex
    shunts: tuple[complex, complex]
    ratio: complex = 1.0
    rate: tuple[float, float] = (0.0, 0.0)
    taps: tuple[float, float, float] = FIXED

    def open_at(self, side: int) -> complex:
        """Admittance (S) that it is at its other end, open at `side`."""
        near, far = self.shunts[1 - side], self.shunts[side]
        y = near + far / (1 + self.z * far)
        return y * abs(self.ratio) ** 2 if side == 1 else y


def two_ports(frames: Frames, log: ReadingLog) -> list[TwoPort]:
    """All of them, wherever they are."""
    ratings, taps = Ratings(frames, log), TapRanges(frames, log)
    made = (_lines, _transformers, _stars, _boundaries)
    return [two for make in made for two in make(frames, ratings, taps)]


def _lines(frames: Frames, ratings: Ratings, taps: TapRanges) -> Iterator[TwoPort]:
    for key, r in rows(frames.table("lines")):
        kv = _levels(frames, r)
        rate = ratings.of(key, dict(zip(SIDES[:2], kv, strict=True)))
        yield TwoPort("line", called(key, r), (r.bus1_id, r.bus2_id), kv, complex(r.r, r.x),
                      (complex(r.g1, r.b1), complex(r.g2, r.b2)), rate=rate)  # fmt: skip


def _levels(frames: Frames, r: Any) -> tuple[float, float]:
    return float(frames.kv[r.voltage_level1_id]), float(frames.kv[r.voltage_level2_id])


def _transformers(frames: Frames, ratings: Ratings, taps: TapRanges) -> Iterator[TwoPort]:
    for key, r in rows(frames.table("2_windings_transformers")):
        kv = _levels(frames, r)
        z, y = complex(r.r_at_current_tap, r.x_at_current_tap), complex(r.g_at_current_tap, r.b_at_current_tap)
        rate = ratings.of(key, dict(zip(SIDES[:2], kv, strict=True)))
        yield TwoPort("2-winding transformer", called(key, r), (r.bus1_id, r.bus2_id), kv, z, (y, 0j),
                      r.rho * np.exp(1j * np.deg2rad(r.alpha)), rate, taps.of(key))  # fmt: skip


def _stars(frames: Frames, ratings: Ratings, taps: TapRanges) -> Iterator[TwoPort]:
    """Three-winding transformers: a node in the middle and a leg to each side."""
    for key, r in rows(frames.table("3_windings_transformers")):
        for k, side in enumerate(SIDES, 1):
            z = complex(r[f"r{k}_at_current_tap"], r[f"x{k}_at_current_tap"])
            y = complex(r[f"g{k}_at_current_tap"], r[f"b{k}_at_current_tap"])
            kv = float(frames.kv[r[f"voltage_level{k}_id"]])
            ratio = r[f"rho{k}"] * np.exp(1j * np.deg2rad(r[f"alpha{k}"]))
            rate = ratings.of(key, {side: kv})
            yield TwoPort("3-winding transformer", f"{called(key, r)} side {k}", (r[f"bus{k}_id"], star(key)),
                          (kv, float(r.rated_u0)), z, (y, 0j), ratio, rate, taps.of(key, side))  # fmt: skip


def star(key: Any) -> str:
    """Key of the node in the middle of a three-winding transformer."""
    return f"star {key}"


def boundary(key: Any) -> str:
    """Key of the node at the far end of a boundary line."""
    return f"boundary {key}"


def _boundaries(frames: Frames, ratings: Ratings, taps: TapRanges) -> Iterator[TwoPort]:
    """Boundary lines end at a node of their own; two that are paired are one line. Their shunt is on the network's side."""
    halves = frames.boundary_lines()
    for key, r in rows(halves[~halves.paired]):
        kv = float(frames.kv[r.voltage_level_id])
        rate = ratings.of(key, {"ONE": kv, "NONE": kv})
        far = boundary(key) if r.bus_id else ""
        yield TwoPort("boundary line", called(key, r), (r.bus_id, far), (kv, kv), complex(r.r, r.x),
                      (complex(r.g, r.b), 0j), rate=rate)  # fmt: skip
    for key, r in rows(frames.table("tie_lines")):
        word = "boundary" if "boundary_line1_id" in r else "dangling"
        names = [r[f"{word}_line{k}_id"] for k in (1, 2)]
        first, second = (halves.loc[n] for n in names)
        levels = float(frames.kv[first.voltage_level_id]), float(frames.kv[second.voltage_level_id])
        rates = [ratings.of(n, {"ONE": u, "NONE": u}) for n, u in zip(names, levels, strict=True)]
        rates.append(ratings.of(key, dict(zip(SIDES[:2], levels, strict=True))))
        z = complex(first.r + second.r, first.x + second.x)
        shunts = complex(first.g, first.b), complex(second.g, second.b)
        yield TwoPort(
            "tie line", called(key, r), (first.bus_id, second.bus_id), levels, z, shunts, rate=tightest(rates)
        )


class TapRanges:
    """Ratios that transformers can be set to under load."""

    def __init__(self, frames: Frames, log: ReadingLog) -> None:
        self._of: dict[tuple[str, str], tuple[float, float, float]] = {}
        changers, steps = frames.table("ratio_tap_changers"), None
        log.read("ratio tap changer", len(changers))
        log.read("phase tap changer", len(frames.table("phase_tap_changers")))
        uneven = []
        for key, r in rows(changers[changers.oltc & (changers.high_tap > changers.low_tap)]):
            steps = frames.table("ratio_tap_changer_steps").reset_index() if steps is None else steps
            side = str(r.side) if "side" in r else ""
            own = steps[(steps.id == key) & ((steps.side == side) if "side" in steps else True)].sort_values("position")
            made = _even_range(own, int(r.tap))
            if made is None:
                uneven.append(str(key))
            else:
                self._of[(str(key), side)] = made
        log.leave_out("ratio tap changer", uneven, "its steps are uneven or change its impedance: it stays where it is")

    def of(self, key: Any, side: str = "") -> tuple[float, float, float]:
        """Least, greatest and step, as parts of the present ratio on the f side."""
        return self._of.get((str(key), side), FIXED)


def _even_range(steps: Any, now: int) -> tuple[float, float, float] | None:
    """The range of a changer whose steps are even and leave the impedance alone; None for others."""
    if len(steps) < 2 or (steps[["r", "x", "g", "b"]].to_numpy() != steps[["r", "x", "g", "b"]].to_numpy()[0]).any():
        return None
    rho = steps.rho.to_numpy()
    parts = rho[steps.position.to_numpy() == now][0] / rho
    gaps = np.diff(parts)
    if not (np.abs(gaps - gaps[0]) < EVEN).all() or gaps[0] == 0:
        return None
    return float(parts.min()), float(parts.max()), float(abs(gaps[0]))
