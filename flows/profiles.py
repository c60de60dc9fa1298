"""Hourly profiles from CSV and Parquet files, as the hourly state of a new scenario version.

A profile is of the devices that its files name: all others keep what the version had, and so do hours that no file
has. What no version says is the grid's own constant value.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from bos_core.drwop.writing import write_child
from bos_core.index import scenarios
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource
from bos_core.index.scenarios import Changes, Ontology
from bos_core.objects.data import Attribute, Category, Dataset
from bos_core.objects.errors import OntologyError, ParameterError, ProfileError
from flows.backfill import problem
from flows.deposits import Deposit, deposit
from flows.hourly import sources_of, start_of_all
from flows.imported import Imported, Part, consequences, isolated
from slots.grid.model import STORAGE, VARIABLE, Floats
from slots.sources.profile_table import ProfileTable, read_profile
from slots.sources.timestamps import HOUR, year_start, zone_of
from storage.ontology.schema import schema

STAGE = "profile"
YEAR = 8784
SHIFT = 24  # hours outside a year that are left out: what a time zone may move, not another year
_OF_KIND = {"available": VARIABLE, "floor": VARIABLE, "inflow": STORAGE}
_KINDS = ("system", "region", "station", "bus", "branch", "unit", "dc_link")


def is_profile(source: StateSource) -> bool:
    """Whether a user brought what a source holds."""
    return source.stage.partition(".")[0] == STAGE


def import_profiles(
    index: Index, version: int, paths: Sequence[Path], dataset: str, label: str, timezone: str = ""
) -> Imported:
    """A child of a version whose hourly `dataset` is, for the devices and hours that files name, what they say.

    A file's first column holds hours since the scenario's start (whole numbers) or timestamps; half hours and quarters
    are averaged. The others are devices by global id or its end (`bus:101` or `101`); a load may also be given per
    `region:…` or `system:…`, and is then spread over its buses like the scenario's own load.

    Args:
        timezone: of timestamps that carry no offset; UTC if empty.

    Raises:
        ProfileError: a file cannot be read, has gaps, holes or unknown devices, or a value out of range, or two files
            give the same.
        ParameterError: no hourly array has that name.
        OntologyError: the version does not exist or the label is taken.
    """
    described = _described(dataset)
    if index.call(lambda db: scenarios.labelled(db, label)) is not None:
        raise OntologyError(f"a scenario version is already called {label}", "choose another label")
    told = index.call(lambda db: scenarios.read(db, version))
    zone = zone_of(timezone) if timezone else None
    tables = [read_profile(p, zone) for p in paths]
    start, remarks = _start(index, version, tables), []
    parts = []
    for table in tables:
        first, values, words = _within_the_year(table, start)
        names, values = _columns(index, version, told, table, values, described)
        if wrong := problem(dataset, values):
            raise ProfileError(f"profile {table.name} cannot become {dataset}: {wrong}", "mend the file")
        parts.append(Part(table.name, first, names, values))
        remarks += [f"{table.name}: {w}" for w in (*table.remarks, *words)]
    _refuse_overlap(parts, described)
    changes = Changes(hourly=_deposited(index, label, parts, start, described, told))
    made = write_child(index, version, label, changes)
    first, end = min(p.first for p in parts), max(p.end for p in parts)
    devices = len({n for p in parts for n in p.names})
    return Imported(
        made, dataset, devices, sum(t.rows for t in tables), first, end - first, start,
        float(min(p.values.min() for p in parts)), float(max(p.values.max() for p in parts)), described.unit,
        (*remarks, *consequences(index, made, told, parts, described)),
    )  # fmt: skip


def _described(dataset: str) -> Attribute:
    found = [a for a in schema() if a.hourly == dataset]
    if not found:
        known = ", ".join(sorted({a.hourly for a in schema() if a.hourly}))
        raise ParameterError(f"no hourly array is called '{dataset}'", f"choose one of {known}")
    return next((a for a in found if a.entity != "system"), found[0])


def _start(index: Index, version: int, tables: list[ProfileTable]) -> datetime | None:
    """The timestamp of hour 0: the version's; else 1 January of the year that most of the first timestamps are in."""
    known = start_of_all(index, sources_of(index, version))
    dated = next((t for t in tables if not t.counted), None)
    if known is not None or dated is None:
        return known
    return year_start(dated.first + HOUR * (dated.hours // 2))


def _within_the_year(table: ProfileTable, start: datetime | None) -> tuple[int, Floats, list[str]]:
    """First hour since `start`, and the values of the year from then on; what is told of what lies outside."""
    if table.counted or start is None:
        first, length = table.first // HOUR, YEAR
    else:
        first = (table.first - round(start.timestamp())) // HOUR
        length = 24 * (_year_later(start) - start).days
    low, high = max(first, 0), min(first + table.hours, length)
    outside = table.hours - max(high - low, 0)
    if outside > SHIFT or high <= low:
        span = f"hours {first} to {first + table.hours - 1}"
        begun = f" from {start:%Y-%m-%d %H:%M} UTC" if start is not None else ""
        raise ProfileError(
            f"profile {table.name} holds {span}{begun} on, but the scenario's year has hours 0 to {length - 1}",
            "give one year at a time, with the dates of the scenario's, or count hours from 0",
        )
    words = [f"{outside} hours outside the scenario's year were left out"] if outside else []
    return low, table.values[low - first : high - first], words


def _year_later(start: datetime) -> datetime:
    """The same day of the next year; 1 March after a 29 February."""
    leap = (start.month, start.day) == (2, 29)
    return start.replace(year=start.year + 1, month=3, day=1) if leap else start.replace(year=start.year + 1)


def _columns(
    index: Index, version: int, told: Ontology, table: ProfileTable, values: Floats, a: Attribute
) -> tuple[list[str], Floats]:
    """Names of devices without their kind, and (hour, device) values; (hour,) of a system."""
    if a.entity == "system":
        odd = next((n for n in table.names if n.partition(":")[0] in ("bus", "unit", "branch", "region")), None)
        if odd is not None:
            raise ProfileError(f"profile {table.name} gives {a.hourly} for {odd}, but it is of the whole system",
                               "add it up in one column")  # fmt: skip
        return [], values.sum(axis=1)
    kind = f"{a.entity}:"
    out: dict[str, Floats] = {}
    by: dict[str, str] = {}
    for k, column in enumerate(table.names):
        gid = column if column.startswith(kind) else kind + column
        if column.partition(":")[0] in ("region", "system") and a.hourly in ("load", "load_q"):
            shares = _shares(index, version, told, column, a.attribute)
        elif gid in told.things:
            shares = {gid: 1.0}
        elif column.partition(":")[0] in _KINDS and not column.startswith(kind):
            raise ProfileError(f"profile {table.name} has a column {column}, but {a.hourly} is given per {a.entity}",
                               "name columns by global ids of that kind")  # fmt: skip
        else:
            raise ProfileError(
                f"profile {table.name} has a column {column}, but scenario version {version} has no {gid}",
                "name columns by global ids, see `bos data read`",
            )
        for device, share in shares.items():
            if device in by:
                raise ProfileError(
                    f"profile {table.name} gives {device} twice, in columns {by[device]} and {column}", "keep one"
                )
            by[device], out[device.removeprefix(kind)] = column, share * values[:, k]
    _refuse_kinds(told, table.name, a, list(by))
    return list(out), np.column_stack(list(out.values()))


def _refuse_kinds(told: Ontology, file: str, a: Attribute, gids: list[str]) -> None:
    """Refuse what no run would read."""
    kind = _OF_KIND.get(a.hourly)
    entities = told.values[Category.ENTITY]
    odd = next((g for g in gids if kind and entities[g]["type"] != kind), None)
    if odd is not None:
        raise ProfileError(
            f"profile {file} gives {a.hourly} of {odd}, which is {entities[odd]['type']}, not {kind}: no run would read it",
            f"edit its type first (`--set {odd}:type={kind}`), or leave it out",
        )


def _shares(index: Index, version: int, told: Ontology, place: str, attribute: str) -> dict[str, float]:
    """Share of a place's load by bus."""
    states = told.values[Category.ENTITY_STATE]
    buses = index.call(lambda db: scenarios.devices_within(db, version, place, "bus"))
    served = [b for b in buses if not isolated(told, b)]
    total = sum(states[b][attribute] for b in served)
    if total == 0:
        raise ProfileError(f"{place} has no load that a profile could be spread like", "give it per bus")
    return {b: states[b][attribute] / total for b in served if states[b][attribute]}


def _refuse_overlap(parts: list[Part], a: Attribute) -> None:
    for k, p in enumerate(parts):
        for q in parts[:k]:
            both = sorted(set(p.names) & set(q.names)) or ["the system"] * (not p.names)
            if both and p.first < q.end and q.first < p.end:
                raise ProfileError(
                    f"{q.file} and {p.file} both give {a.hourly} of {both[0]} in hour {max(p.first, q.first)}",
                    "keep one",
                )


def _deposited(
    index: Index, label: str, parts: list[Part], start: datetime | None, a: Attribute, told: Ontology
) -> list[tuple[str, StateSource]]:
    """Lay the files' arrays down as results; pointers to them."""
    set_id = uuid.uuid4().hex[:12]
    axis = (a.entity,) if a.entity != "system" else ()
    every = {t.name if a.entity != "bus" else g.partition(":")[2] for g, t in told.things.items() if t.kind == a.entity}
    files, out = [], []
    for k, p in enumerate(parts):
        datasets = {
            "hour": Dataset(np.arange(p.first, p.end), ("hour",), "h", "hours since the scenario's start"),
            a.hourly: Dataset(p.values, ("hour", *axis), a.unit, a.description),
        }
        if axis:
            datasets[axis[0]] = Dataset(np.array(p.names), axis)
        stage = STAGE if len(parts) == 1 else f"{STAGE}.{k:04d}"
        attributes = {"file": p.file} | ({"start": start.isoformat()} if start is not None else {})
        files.append(Deposit(stage, p.first, len(p.values), datasets, attributes))
        devices = None if not axis or every <= set(p.names) else tuple(sorted(p.names))
        out.append((a.hourly, StateSource(set_id, stage, p.first, len(p.values), devices)))
    deposit(index, set_id, {"grid": f"scenario:{label}"}, files)
    return out
