"""Hourly profiles from CSV and Parquet files, as the hourly state of a new scenario version."""

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bos_core.drwop.writing import write_child
from bos_core.index import scenarios
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource
from bos_core.index.scenarios import Changes
from bos_core.objects.data import Attribute, Category, Dataset
from bos_core.objects.errors import OntologyError, ParameterError, ProfileError
from flows.backfill import problem
from flows.deposits import Deposit, deposit
from slots.sources.series import calendar_start
from storage.ontology.schema import schema

STAGE = "profile"


def import_profile(index: Index, version: int, path: Path, dataset: str, label: str) -> int:
    """A child of a version whose hourly `dataset` is what a file says; its id.

    The file's first column holds hours of the year (whole numbers) or timestamps, one row per hour without gaps.
    The others are devices by global id or its end (`bus:101` or `101`); a load may also be given per `region:…`
    or `system:…`, and is then spread over its buses like the scenario's own load.

    Raises:
        ProfileError: the file cannot be read, has gaps, holes or unknown devices, or a value out of range.
        ParameterError: no hourly array has that name.
        OntologyError: the version does not exist or the label is taken.
    """
    described = _described(dataset)
    if index.call(lambda db: scenarios.labelled(db, label)) is not None:
        raise OntologyError(f"a scenario version is already called {label}", "choose another label")
    table, first, start = _table(path)
    names, values = _columns(index, version, path, described, table)
    if wrong := problem(dataset, values):
        raise ProfileError(f"profile {path.name} cannot become {dataset}: {wrong}", "mend the file")
    set_id, hours = uuid.uuid4().hex[:12], len(table)
    axis = (described.entity,) if described.entity != "system" else ()
    datasets = {
        "hour": Dataset(np.arange(first, first + hours), ("hour",), "h", "hours since the scenario's start"),
        dataset: Dataset(values, ("hour", *axis), described.unit, described.description),
    }
    if axis:
        datasets[axis[0]] = Dataset(np.array(names), axis)
    told = {"start": start.isoformat(), "file": path.name}
    deposit(index, set_id, {"grid": f"scenario:{label}"}, [Deposit(STAGE, first, hours, datasets, told)])
    return write_child(index, version, label, Changes(hourly=[(dataset, StateSource(set_id, STAGE, first, hours))]))


def _described(dataset: str) -> Attribute:
    found = [a for a in schema() if a.hourly == dataset]
    if not found:
        known = ", ".join(sorted({a.hourly for a in schema() if a.hourly}))
        raise ParameterError(f"no hourly array is called '{dataset}'", f"choose one of {known}")
    return next((a for a in found if a.entity != "system"), found[0])


def _table(path: Path) -> tuple[pd.DataFrame, int, datetime]:
    """The columns of a file, its first hour and midnight of 1 January of its year."""
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except FileNotFoundError:
        raise ProfileError(f"profile {path} does not exist", "check the path") from None
    except Exception as error:
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise ProfileError(f"profile {path} cannot be read ({reason})", "give CSV or Parquet") from None
    if path.suffix == ".parquet" and not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    if len(table.columns) < 2 or not len(table):
        raise ProfileError(f"profile {path.name} holds no series", "give a column of hours and one per device")
    stamps = table.iloc[:, 0]
    first, start = _first_hour(path, stamps)
    return table.iloc[:, 1:], first, start


def _first_hour(path: Path, stamps: "pd.Series[Any]") -> tuple[int, datetime]:
    if pd.api.types.is_integer_dtype(stamps):
        hours, start = stamps.to_numpy(int), calendar_start(2016)
    else:
        try:
            times = pd.to_datetime(stamps, utc=True)
        except (ValueError, TypeError):
            raise ProfileError(
                f"the first column of profile {path.name} holds neither hours nor timestamps", "mend the file"
            ) from None
        start = calendar_start(times.iloc[0].year)
        hours = ((times - pd.Timestamp(start)).dt.total_seconds() / 3600).to_numpy()
    gap = np.flatnonzero(np.diff(hours) != 1)
    if len(gap):
        raise ProfileError(
            f"profile {path.name} jumps from hour {hours[gap[0]]:g} to {hours[gap[0] + 1]:g}", "give every hour once"
        )
    return int(hours[0]), start


def _columns(index: Index, version: int, path: Path, a: Attribute, table: pd.DataFrame) -> tuple[list[str], Any]:
    """Names of devices without their kind, and (hour, device) values; (hour,) of a system."""
    numbers = table.apply(pd.to_numeric, errors="coerce")
    hole = np.argwhere(numbers.isna().to_numpy() & ~table.isna().to_numpy())
    if len(hole):
        raise ProfileError(_place(path, table, *(int(k) for k in hole[0])), "mend the file")
    if a.entity == "system":
        return [], numbers.sum(axis=1).to_numpy(float)
    told = index.call(lambda db: scenarios.read(db, version, (Category.ENTITY_STATE,)))
    kind, states = f"{a.entity}:", told.values[Category.ENTITY_STATE]
    out: dict[str, Any] = {}
    for column in map(str, table.columns):
        values = numbers[column].to_numpy(float)
        place = column.partition(":")[0]
        if place in ("region", "system") and a.hourly in ("load", "load_q"):
            for gid, share in _shares(index, version, column, states, a.attribute).items():
                name = gid.removeprefix(kind)
                out[name] = out.get(name, 0.0) + share * values
            continue
        gid = column if column.startswith(kind) else kind + column
        if gid not in told.things:
            raise ProfileError(
                f"profile {path.name} has a column {column}, but scenario version {version} has no {gid}",
                "name columns by global ids, see `bos data read`",
            )
        out[gid.removeprefix(kind)] = out.get(gid.removeprefix(kind), 0.0) + values
    return list(out), np.column_stack(list(out.values()))


def _place(path: Path, table: pd.DataFrame, row: int, column: int) -> str:
    value = table.iloc[row, column]
    return f"profile {path.name}, row {row + 2}, column {table.columns[column]}: '{value}' is not a number"


def _shares(index: Index, version: int, place: str, states: Any, attribute: str) -> dict[str, float]:
    """Share of a place's load by bus."""
    buses = index.call(lambda db: scenarios.devices_within(db, version, place, "bus"))
    total = sum(states[b][attribute] for b in buses)
    if total == 0:
        raise ProfileError(f"{place} has no load that a profile could be spread like", "give it per bus")
    return {b: states[b][attribute] / total for b in buses if states[b][attribute]}
