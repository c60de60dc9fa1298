"""A scenario version as the model of a run: its grid, and its hourly state as the series of the year."""

from datetime import datetime
from typing import Any

import numpy as np

from bos_core.drwop import store
from bos_core.index import scenarios
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource
from bos_core.index.scenarios import Ontology
from bos_core.objects.data import Category, Dataset
from bos_core.objects.errors import OntologyError, ProfileError
from flows.deposits import Deposit, deposit
from flows.hourly import read_hours, read_source, sources_of, start_of
from flows.ontology import grid_of_ontology
from flows.steps.modelling import grid_datasets
from slots.grid.model import VARIABLE, Floats, Grid

PREFIX = "scenario:"
_PER_UNIT = ("available", "floor", "inflow")


def version_of(index: Index, name: str) -> int:
    """The version that `scenario:NUMBER` or `scenario:LABEL` names.

    Raises:
        OntologyError: it does not exist or is still open.
    """
    told = name.removeprefix(PREFIX)
    found = int(told) if told.isdecimal() else index.call(lambda db: scenarios.labelled(db, told))
    if found is None:
        raise OntologyError(f"no scenario version is called {told}", "see `bos scenario list`")
    if not index.call(lambda db: scenarios.version(db, found)).committed:
        raise OntologyError(f"scenario version {found} is still open", "commit it first")
    return found


def lay_down_model(index: Index, name: str) -> str:
    """Write a version's model as a file that steps read; its path. A version never changes, so once is enough.

    Raises:
        OntologyError: the version does not exist, is open or holds no whole grid.
        ProfileError: its hourly state lacks what a run needs.
    """
    version = version_of(index, name)
    told = index.call(lambda db: scenarios.read(db, version))
    grid = grid_of_ontology(told)
    datasets, attributes = grid_datasets(grid), dict(grid.header())
    sources = sources_of(index, version)
    first = hours = 0
    if "load" in sources:
        first, series = _series(index, grid, told, sources)
        hours = len(series["load"])
        datasets |= {f"series/{k}": Dataset(v) for k, v in series.items()}
        attributes |= {"start": start_of(index, sources["load"][0]).isoformat(), "series_first": first,
                       "description": f"hourly state of scenario version {version}"}  # fmt: skip
    set_id = f"version-{version}"
    return deposit(
        index, set_id, {"grid": f"{PREFIX}{version}"}, [Deposit("model", first, hours, datasets, attributes)]
    )[0]


def has_series(path: str) -> bool:
    """Whether a model file holds series."""
    return "series_first" in store.read(path, [])[1]


def year_of(path: str) -> datetime:
    """Midnight of 1 January of a model file's series."""
    return datetime.fromisoformat(str(store.read(path, [])[1]["start"]))


def _series(
    index: Index, grid: Grid, told: Ontology, sources: dict[str, tuple[StateSource, ...]]
) -> tuple[int, dict[str, Any]]:
    """First hour and arrays of `Series`; what the version does not say follows from its grid."""
    numbers, units = [str(n) for n in grid.buses.number], grid.units
    first, load = read_hours(index, "load", sources["load"], numbers)
    hours = len(load)
    load = np.where(np.isnan(load), np.where(_given(load), 0.0, grid.buses.pd), load)
    out = {"load": load}

    def aligned(name: str, names: list[str]) -> Floats:
        values = np.full((hours, len(names)), np.nan)
        if name in sources:
            begin, found = read_hours(index, name, sources[name], names)
            low, high = max(first, begin), min(first + hours, begin + len(found))
            if low < high:
                values[low - first : high - first] = found[low - begin : high - begin]
        return values

    factor = np.divide(grid.buses.qd, grid.buses.pd, out=np.zeros(grid.n_bus), where=grid.buses.pd != 0)
    load_q = aligned("load_q", numbers)
    out["load_q"] = np.where(np.isnan(load_q), load * factor, load_q)
    for name in _PER_UNIT:
        out[name] = aligned(name, units.name.tolist())
    out["floor"], out["inflow"] = np.nan_to_num(out["floor"]), np.nan_to_num(out["inflow"])
    decided = (units.kind == VARIABLE) & units.in_service
    missing = np.flatnonzero(decided & np.isnan(out["available"]).any(axis=0))
    if len(missing):
        raise ProfileError(
            f"weather decides the output of unit:{units.name[missing[0]]}, but the version does not say what is "
            "available in each hour", "import a profile of `available` for it",
        )  # fmt: skip
    out["available"][:, units.kind != VARIABLE] = np.nan
    out["available"] = np.where(units.kind == VARIABLE, np.nan_to_num(out["available"]), np.nan)
    out["reserve"] = _reserve(index, told, grid, sources, out, (first, hours))
    return first, out


def _given(load: Floats) -> Any:
    """Buses of which at least one hour is given: the rest of their hours is without load."""
    return ~np.isnan(load).all(axis=0)


def _reserve(
    index: Index, told: Ontology, grid: Grid, sources: dict[str, tuple[StateSource, ...]], series: dict[str, Any],
    span: tuple[int, int],
) -> Floats:  # fmt: skip
    """(hour,) MW: as the version says, otherwise its shares of load and of wind and sun."""
    rows = told.values[Category.SECURITY_CONSTRAINT]
    shares = next((v for v in rows.values() if v.get("reserve_share_of_load") is not None), None)
    weather = np.isin(grid.units.fuel, ["wind", "solar"]) & (grid.units.kind == VARIABLE)
    load_share, weather_share = (
        (shares["reserve_share_of_load"], shares["reserve_share_of_weather"]) if shares else (0.03, 0.05)
    )
    out = load_share * series["load"].sum(axis=1) + weather_share * series["available"][:, weather].sum(axis=1)
    for s in sources.get("reserve", ()):
        low, high = max(s.first_hour, span[0]), min(s.end, span[0] + span[1])
        if low < high:
            values = np.asarray(read_source(index, "reserve", s)[0].data, float)
            out[low - span[0] : high - span[0]] = values[low - s.first_hour : high - s.first_hour]
    return np.asarray(out)
