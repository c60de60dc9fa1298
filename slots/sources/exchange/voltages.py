"""Which units and converters hold a voltage, and which at their own bus."""

from __future__ import annotations

from typing import Any

import numpy as np

from slots.grid.reading import ReadingLog
from slots.sources.exchange.frames import Frames, rows
from slots.sources.exchange.two_ports import boundary

PLAUSIBLE = (0.8, 1.2)  # p.u.; OpenLoadFlow, too, holds no voltage beyond


class Voltages:
    """kV that elements hold at their own buses.

    An element that holds a distant bus holds at its own the voltage at which OpenLoadFlow finds the distant one as stated.

    Args:
        frames: the network.
        log: where what is not done as the file says is told.
    """

    def __init__(self, frames: Frames, log: ReadingLog) -> None:
        self._kv: dict[str, float] = {}
        self._frames, self._log = frames, log
        self._own: dict[str, str] = {}
        self._distant: list[tuple[str, str, float]] = []
        self._odd: list[str] = []
        self._resting: list[str] = []
        for kind in ("generators", "static_var_compensators", "vsc_converter_stations"):
            self._regulating(kind)
        self._batteries()
        self._boundaries()
        log.leave_out("voltage target", self._odd, "outside 0.8 to 1.2 p.u. of the bus it is for: not held")
        log.leave_out(
            "voltage target", self._resting, "the unit has a minimum and is scheduled at zero: it is not running"
        )

    def of(self, key: Any) -> float | None:
        """kV that an element holds at its own bus; None if it holds none."""
        return self._kv.get(str(key))

    def holds(self, key: Any) -> bool:
        """Whether an element holds a voltage, at its own bus or a distant one."""
        return str(key) in self._kv or any(str(key) == k for k, _, _ in self._distant)

    def plausible(self, row: Any) -> float:
        """kV that an element would hold at its own bus if it did; NaN where its target cannot be meant for it."""
        kv = float(self._frames.kv[row.voltage_level_id])
        return float(row.target_v) if PLAUSIBLE[0] <= row.target_v / kv <= PLAUSIBLE[1] else float("nan")

    def set(self, key: Any, kv: float) -> None:
        """Make an element hold a voltage at its own bus."""
        self._kv[str(key)] = kv

    def _regulating(self, kind: str) -> None:
        for key, r in rows(self._frames.table(kind)):
            on = r.voltage_regulator_on if "voltage_regulator_on" in r else (
                r.regulating and r.regulation_mode == "VOLTAGE")  # fmt: skip
            if not on or not r.bus_id:
                continue
            if kind == "generators" and abs(r.target_p) < 1e-4 and r.min_p > 1e-4 and not r.condenser:
                self._resting.append(str(key))
                continue
            self._hold(str(key), r.bus_id, r.voltage_level_id, str(r.regulated_bus_id), float(r.target_v))

    def _hold(self, key: str, own: str, level: str, regulated: str, target: float) -> None:
        buses = self._frames.table("buses")
        at = buses.voltage_level_id.get(regulated, level)
        self._own[key] = own
        if not PLAUSIBLE[0] <= target / self._frames.kv[at] <= PLAUSIBLE[1]:
            self._odd.append(key)
        elif regulated in ("", own):
            self._kv[key] = target
        else:
            self._distant.append((key, own, target / self._frames.kv[at]))

    def _batteries(self) -> None:
        held, batteries = self._frames.extension("voltageRegulation"), self._frames.table("batteries")
        for key, r in rows(held):
            if key in batteries.index and r.voltage_regulator_on:
                own = batteries.loc[key]
                if own.bus_id:
                    self._hold(str(key), own.bus_id, own.voltage_level_id, own.bus_id, float(r.target_v))

    def _boundaries(self) -> None:
        lines = self._frames.boundary_lines()
        for key, r in rows(self._frames.boundary_generation()):
            if r.voltage_regulator_on and key in lines.index and lines.bus_id[key]:
                self._hold(str(key), boundary(key), lines.voltage_level_id[key], boundary(key), float(r.target_v))

    def settle_distant(self, slack: str) -> None:
        """Set points at their own buses of all that hold distant ones; `slack`: id of the slack bus."""
        if not self._distant:
            return
        found = _solved(self._frames.network, slack)
        missed = [key for key, own, _ in self._distant if not np.isfinite(found.get(own, np.nan))]
        for key, own, target in self._distant:
            level = self._frames.table("buses").voltage_level_id.get(own)
            if key in missed and level is not None:
                self._kv[key] = target * float(self._frames.kv[level])
            elif key not in missed:
                self._kv[key] = found[own]
        for key, kv in self._kv.items():  # of contradicting ones OpenLoadFlow drops some
            now = found.get(self._own.get(key, ""), np.nan)
            if abs(now / kv - 1) > 1e-7:
                self._kv[key] = now
        names = [key for key, _, _ in self._distant if key not in missed]
        self._log.leave_out("remote voltage regulation", names, "the unit holds at its own bus the voltage that gives the "
                            "stated one at the distant bus in the file's state")  # fmt: skip
        self._log.leave_out("remote voltage regulation", missed, "OpenLoadFlow finds no state: the unit holds its own bus "
                            "at the p.u. value stated for the distant one")  # fmt: skip


def _solved(network: Any, slack: str) -> dict[str, float]:
    """kV of each bus in OpenLoadFlow's state, distant buses held; the network is left as it was."""
    import pypowsybl as pp

    flow = pp.loadflow
    before, mine = network.get_working_variant_id(), "set points at own buses"
    network.clone_variant(before, mine, may_overwrite=True)
    network.set_working_variant(mine)
    try:
        done = flow.run_ac(network, flow.Parameters(
            distributed_slack=False, use_reactive_limits=False, read_slack_bus=False, hvdc_ac_emulation=False,
            transformer_voltage_control_on=False, shunt_compensator_voltage_control_on=False,
            phase_shifter_regulation_on=False, voltage_init_mode=flow.VoltageInitMode.DC_VALUES,
            provider_parameters={"slackBusSelectionMode": "NAME", "slackBusesIds": slack, "newtonRaphsonConvEpsPerEq": "1e-10"},
        ))  # fmt: skip
        if done[0].status != flow.ComponentStatus.CONVERGED:
            return {}
        return {str(k): float(v) for k, v in network.get_buses().v_mag.items()}
    finally:
        network.set_working_variant(before)
        network.remove_variant(mine)
