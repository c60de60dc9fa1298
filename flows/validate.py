"""The schedule of a whole task set, checked across every day and month seam."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bos_core.index.client import Index
from flows.stages import Stages
from flows.steps.inputs import network_of
from slots.contracts.unit_commitment import check_changes, check_minimum_times, check_ramps
from slots.grid.model import Bools, Floats
from slots.grid.network import Network

BALANCE_TOLERANCE_MW = 1e-2  # the scheduled balance; AC balance is held to 1e-7 p.u. where it is computed
POWER_TOLERANCE_MW = 1e-3


@dataclass(frozen=True)
class Year:
    """The concatenated schedule: (hour, unit) arrays over the horizon.

    `unserved`, `shed`: (hour,) MW of load that the schedule does not serve, and that adjustment sheds beyond it.
    """

    network: Network
    on: Bools
    scheduled: Floats
    final: Floats
    reserve: Floats
    reserve_required: Floats
    reserve_short: Floats
    balance: Floats
    unserved: Floats
    shed: Floats


def read_year(index: Index, set_id: str) -> Year:
    """Read what a task set scheduled and finally set."""
    stages = Stages(index, set_id)
    return year_from(stages.files["equivalence"][0].path, stages.read)


def year_from(network: str, read: Callable[[str, str], Any]) -> Year:
    """The schedule of a run: `network` is the file of its network, `read` gives an array of a stage."""
    net, _ = network_of(network)
    p = read("apd-check", "p")
    balance = p.sum(axis=1) + read("apd-check", "shed") - read("apd-check", "spill") - read("apd-check", "demand")
    return Year(
        net, read("apd-check", "on").astype(bool), p, read("adjust", "p"), read("apd-check", "reserve"),
        read("apd-check", "reserve_required"), read("apd-check", "reserve_short"), balance,
        read("apd-check", "shed"), read("adjust", "shed").sum(axis=1),
    )  # fmt: skip


def check_year(y: Year) -> None:
    """Raise AssertionError naming the first rule that the concatenated schedule breaks.

    Balance, capacity, ramps and limits of starts and stops (of the dispatch and of the adjusted outputs), minimum up and down times, reserve.
    """
    units = y.network.grid.units
    thermal = units.kind == "thermal"
    assert np.abs(y.balance).max() < BALANCE_TOLERANCE_MW, "scheduled power does not balance"
    for p in (y.scheduled, y.final):
        run, out = y.on[:, thermal], p[:, thermal]
        assert (out >= units.pmin[thermal] * run - POWER_TOLERANCE_MW).all(), "a unit below its minimum"
        assert (out <= units.pmax[thermal] * run + POWER_TOLERANCE_MW).all(), "a unit above its maximum or off"
        check_ramps(units, y.on, p)
        check_changes(units, y.on, p)
    check_minimum_times(units, y.on, np.full(len(units), np.inf))
    held = y.reserve.sum(axis=1) + y.reserve_short
    assert (held >= y.reserve_required - BALANCE_TOLERANCE_MW).all(), "reserve missing and not reported"
    inside = y.scheduled[:, thermal] + y.reserve[:, thermal] <= units.pmax[thermal] * y.on[:, thermal] + 1e-3
    assert inside.all(), "reserve without headroom"
