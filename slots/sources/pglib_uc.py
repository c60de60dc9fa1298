"""PGLib-UC: unit commitment cases without a network, one JSON object each.

Conventions are those of the library's model: demand and reserve must be met, reserve counts in ramps up and in limits of
starts and stops, ramps hold from rest too, renewable units give no reserve. Costs are of an hour.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from slots.contracts.commitment_case import CommitmentCase, Product, Profiled
from slots.grid.reading import ReadingLog
from slots.sources.json_fields import Fields, read_document
from slots.sources.thermal_records import ThermalRecord, no_lines, no_stores, thermal_units

FORMAT = "PGLib-UC"
MOST_HOURS = 10_000


def is_pglib_uc(document: dict[str, Any]) -> bool:
    """Whether a JSON object is a PGLib-UC case."""
    return "thermal_generators" in document and "time_periods" in document


def read_pglib_uc(path: Path) -> CommitmentCase:
    """The case in a file.

    Raises:
        GridError: it cannot be used; names the generator and the field.
    """
    return case_of(read_document(path), path.name)


def case_of(document: dict[str, Any], name: str) -> CommitmentCase:
    """The case in a JSON object."""
    top = Fields.of(document, name)
    log = ReadingLog(name, FORMAT)
    hours = top.whole("time_periods", low=1)
    if hours > MOST_HOURS:
        raise top.refuse(f"a horizon of {hours} hours is too long", "cut it into days")
    demand, reserve = top.series("demand", hours, low=0.0), top.series("reserves", hours, low=0.0)
    units = [_thermal(f, label, hours) for label, f in top.objects("thermal_generators")]
    weather = top.objects("renewable_generators")
    low = np.array([f.series("power_output_minimum", hours, low=0.0) for _, f in weather]).reshape(-1, hours).T
    high = np.array([f.series("power_output_maximum", hours, low=0.0) for _, f in weather]).reshape(-1, hours).T
    for k, (_, f) in enumerate(weather):
        f.get("name")
        if (low[:, k] > high[:, k]).any():
            raise f.refuse("'power_output_minimum' is above 'power_output_maximum'")
    if not units:
        raise top.refuse("it has no thermal generator")
    for kind, found in (("thermal generator", len(units)), ("renewable generator", len(weather))):
        log.read(kind, found)
    _unread(top, [f for _, f in top.objects("thermal_generators")], log)
    n = len(weather)
    profiled = Profiled(
        np.array([label for label, _ in weather], dtype=str), np.zeros(n, np.int64), np.ones(n), low, high, 0 * low
    )
    product = Product("spinning", reserve, np.ones(len(units), bool), None)
    return CommitmentCase(
        name, 1.0, np.array(["system"]), demand[:, None], None, thermal_units(units, hours, rise_from_rest=True),
        profiled, (product,), no_stores(hours), no_lines(hours), stop_room_holds_reserve=True,
        reading=log.done({"thermal units": len(units), "profiled units": n, "reserve products": 1, "steps": hours}),
    )  # fmt: skip


def _thermal(f: Fields, label: str, hours: int) -> ThermalRecord:
    points = f.records("piecewise_production")
    starts = f.records("startup")
    on = f.flag("unit_on_t0")
    up, down = f.number("time_up_t0", 0.0, 0.0), f.number("time_down_t0", 0.0, 0.0)
    record = ThermalRecord(
        f, label, 0,
        mw=np.array([x.number("mw") for x in points]), usd=np.array([x.number("cost") for x in points]),
        start_off=np.array([x.number("lag", low=0.0) for x in starts]), start_usd=np.array([x.number("cost") for x in starts]),
        min_up=f.number("time_up_minimum", low=0.0), min_down=f.number("time_down_minimum", low=0.0),
        rise=f.number("ramp_up_limit", low=0.0), fall=f.number("ramp_down_limit", low=0.0),
        start_limit=f.number("ramp_startup_limit", low=0.0), stop_limit=f.number("ramp_shutdown_limit", low=0.0),
        must_run=np.full(hours, f.flag("must_run")), must_rest=np.zeros(hours, bool), on=on, since=up if on else down,
        power=f.number("power_output_t0", 0.0, 0.0),
    )  # fmt: skip
    low, high = f.number("power_output_minimum", low=0.0), f.number("power_output_maximum", low=0.0)
    if len(record.mw) and (
        abs(record.mw[0] - low) > 1e-6 * max(1, low) or abs(record.mw[-1] - high) > 1e-6 * max(1, high)
    ):
        raise f.refuse(
            f"'piecewise_production' goes from {record.mw[0]:g} to {record.mw[-1]:g} MW, the output from {low:g} to {high:g}"
        )
    return record


def _unread(top: Fields, inner: list[Fields], log: ReadingLog) -> None:
    log.leave_out("field", top.unread(), "not part of the format as it is documented")
