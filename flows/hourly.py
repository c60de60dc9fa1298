"""The hourly state of a scenario version: which arrays it has, and their values for the devices that it has."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.drwop import store
from bos_core.drwop.reader import Piece
from bos_core.index import data, scenarios
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource, held
from bos_core.objects.data import Dataset


def sources_of(index: Index, version: int) -> dict[str, tuple[StateSource, ...]]:
    """Where each hourly array of a version is held, by dataset.

    Raises:
        OntologyError: the version does not exist.
    """

    async def work(db: AsyncSession) -> dict[str, tuple[StateSource, ...]]:
        return await held(db, (await scenarios.version(db, version)).lineage)

    return index.call(work)


def read_source(index: Index, dataset: str, source: StateSource) -> tuple[Dataset, list[str]]:
    """A source's (hour, device) array with its dimensions and unit, and the names of its columns: of the devices meant.

    Raises:
        StorageError: a file is missing or damaged.
    """
    found = index.call(lambda db: data.outputs(db, source.task_set, source.stage))
    pieces = [Piece(o.path, o.first_hour, o.hours) for o in found]
    values = store.Hourly(pieces).read(dataset, source.first_hour, source.hours)
    told = store.describe(pieces[0].path)
    dims, unit, description = told[dataset]
    names: list[str] = []
    if len(dims) > 1 and dims[1] in told:
        names = [_text(n) for n in store.read(pieces[0].path, [dims[1]])[0][dims[1]]]
    if source.devices is not None:
        meant = set(source.devices)
        columns = [k for k, n in enumerate(names) if n in meant]
        values, names = np.asarray(values)[:, columns], [names[k] for k in columns]
    return Dataset(values, dims, unit, description), names


def read_hours(index: Index, dataset: str, sources: Sequence[StateSource], names: list[str]) -> tuple[int, Any]:
    """First hour, and the (hour, device) array of a version for `names`; NaN where it says nothing.

    Later sources lie over earlier ones for the devices that they hold.

    Raises:
        StorageError: a file is missing or damaged.
    """
    first = min(s.first_hour for s in sources)
    out = np.full((max(s.first_hour + s.hours for s in sources) - first, len(names)), np.nan)
    for source in sources:
        item, held = read_source(index, dataset, source)
        at = {n: k for k, n in enumerate(held)}
        mine = [k for k, n in enumerate(names) if n in at]
        rows = slice(source.first_hour - first, source.first_hour - first + source.hours)
        out[rows, mine] = np.asarray(item.data, float)[:, [at[names[k]] for k in mine]]
    return first, out


def start_of(index: Index, source: StateSource) -> datetime | None:
    """The timestamp of hour 0 of a source (UTC); None if it only counts hours."""
    found = index.call(lambda db: data.outputs(db, source.task_set, source.stage))
    told = store.read(found[0].path, [])[1].get("start")
    return datetime.fromisoformat(str(told)) if told else None


def start_of_all(index: Index, sources: Mapping[str, Sequence[StateSource]]) -> datetime | None:
    """The timestamp of hour 0 of a version (UTC); None if none of its hourly arrays says one."""
    seen: set[tuple[str, str]] = set()
    for s in (s for group in sources.values() for s in group):
        if (s.task_set, s.stage) not in seen and (start := start_of(index, s)) is not None:
            return start
        seen.add((s.task_set, s.stage))
    return None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
