"""A scenario version as the model of a run: its grid, and its hourly state as the series of the year."""

from collections.abc import Callable
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
from flows.hourly import read_hours, read_source, sources_of, start_of_all
from flows.ontology import grid_of_ontology
from flows.profiles import is_profile
from flows.steps.modelling import grid_datasets
from slots.grid.model import VARIABLE, Floats, Grid
from slots.sources.series import UNKNOWN_YEAR, calendar_start

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
    alone = next((n for n in ("load_q", *_PER_UNIT, "reserve") if n in sources), None)
    if alone and "load" not in sources:
        raise ProfileError(f"scenario version {version} has a profile of {alone} but none of load",
                           "import a profile of `load`, too; one of the system suffices")  # fmt: skip
    if "load" in sources:
        first, series = _series(index, grid, told, sources)
        hours = len(series["load"])
        datasets |= {f"series/{k}": Dataset(v) for k, v in series.items()}
        start = start_of_all(index, sources) or calendar_start(UNKNOWN_YEAR)
        attributes |= {"start": start.isoformat(), "series_first": first,
                       "description": f"hourly state of scenario version {version}"}  # fmt: skip
    set_id = f"version-{version}"
    return deposit(
        index, set_id, {"grid": f"{PREFIX}{version}"}, [Deposit("model", first, hours, datasets, attributes)]
    )[0]


def has_series(path: str) -> bool:
    """Whether a model file holds series."""
    return "series_first" in store.read(path, [])[1]


def start_of_series(path: str) -> datetime:
    """The timestamp of hour 0 of a model file's series (UTC)."""
    return datetime.fromisoformat(str(store.read(path, [])[1]["start"]))


def _series(
    index: Index, grid: Grid, told: Ontology, sources: dict[str, tuple[StateSource, ...]]
) -> tuple[int, dict[str, Any]]:
    """First hour and arrays of `Series`; what the version does not say follows from its grid.

    A bus of which no source says an hour keeps the grid's load in it. Reactive load is what a profile of it says;
    else it keeps the grid's power factor where a profile says the active load, and is what the run before had where
    none does. Buses without active load keep the grid's reactive load. Isolated buses have none.
    """
    buses, units = grid.buses, grid.units
    numbers = [str(n) for n in buses.number]
    first, load = read_hours(index, "load", sources["load"], numbers)
    hours = len(load)
    load = np.where(np.isnan(load), buses.pd, load)
    out = {}

    def aligned(name: str, names: list[str], kept: Callable[[StateSource], bool] = lambda _: True) -> Floats:
        values, found = np.full((hours, len(names)), np.nan), [s for s in sources.get(name, ()) if kept(s)]
        if found:
            begin, said = read_hours(index, name, found, names)
            low, high = max(first, begin), min(first + hours, begin + len(said))
            if low < high:
                values[low - first : high - first] = said[low - begin : high - begin]
        return values

    factor = np.divide(buses.qd, buses.pd, out=np.zeros(grid.n_bus), where=buses.pd != 0)
    following = np.where(buses.pd != 0, load * factor, buses.qd)
    before = aligned("load_q", numbers, lambda s: not is_profile(s))
    before = np.where(np.isnan(before) | ~np.isnan(aligned("load", numbers, is_profile)), following, before)
    own = aligned("load_q", numbers, is_profile)
    load_q = np.where(np.isnan(own), before, own)
    out["load"], out["load_q"] = load * grid.live, load_q * grid.live
    for name in _PER_UNIT:
        out[name] = aligned(name, units.name.tolist())
    out["floor"], out["inflow"] = np.nan_to_num(out["floor"]), np.nan_to_num(out["inflow"])
    decided = (units.kind == VARIABLE) & units.in_service
    missing = np.argwhere(decided & np.isnan(out["available"]))
    if len(missing):
        hour, unit = missing[0].tolist()
        raise ProfileError(
            f"weather decides the output of unit:{units.name[unit]}, but the version does not say what is "
            f"available in hour {first + hour}", "import a profile of `available` for it",
        )  # fmt: skip
    out["available"][:, units.kind != VARIABLE] = np.nan
    most = np.minimum(np.nan_to_num(out["available"]), np.maximum(units.pmax, 0.0))
    out["available"] = np.where(units.kind == VARIABLE, most, np.nan)
    out["floor"] = np.where(units.kind == VARIABLE, np.minimum(out["floor"], most), out["floor"])
    out["reserve"] = _reserve(index, told, grid, sources, out, (first, hours))
    return first, out


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
