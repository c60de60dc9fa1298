"""The hourly state of a scenario version: which arrays it has, and their values for the devices that it has."""

from collections.abc import Sequence
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
from slots.sources.series import calendar_start


def sources_of(index: Index, version: int) -> dict[str, tuple[StateSource, ...]]:
    """Where each hourly array of a version is held, by dataset.

    Raises:
        OntologyError: the version does not exist.
    """

    async def work(db: AsyncSession) -> dict[str, tuple[StateSource, ...]]:
        return await held(db, (await scenarios.version(db, version)).lineage)

    return index.call(work)


def read_source(index: Index, dataset: str, source: StateSource) -> tuple[Dataset, list[str]]:
    """A source's (hour, device) array with its dimensions and unit, and the names of its columns.

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
    return Dataset(values, dims, unit, description), names


def read_hours(index: Index, dataset: str, sources: Sequence[StateSource], names: list[str]) -> tuple[int, Any]:
    """First hour, and the (hour, device) array of a version for `names`; NaN where it says nothing.

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


def start_of(index: Index, source: StateSource) -> datetime:
    """Midnight of 1 January of the year that a source's hours count from."""
    found = index.call(lambda db: data.outputs(db, source.task_set, source.stage))
    told = store.read(found[0].path, [])[1].get("start")
    return datetime.fromisoformat(str(told)) if told else calendar_start(2016)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
