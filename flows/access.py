"""A data space with what this installation has learned about its accesses."""

from collections.abc import Iterator
from contextlib import contextmanager

from blocks.database import ensure_database
from bos_core.drwop.access import DataSpace
from bos_core.drwop.costs import CostModel
from bos_core.index import measures
from bos_core.index.client import Index
from storage.settings import Settings


@contextmanager
def data_space(settings: Settings) -> Iterator[tuple[DataSpace, Index]]:
    """Open the index and the data space; what is measured within is kept for the next time.

    Raises:
        ServiceError: the database cannot be reached.
    """
    ensure_database(settings)
    with Index(settings) as index:
        known = index.call(measures.load)
        costs = CostModel({route: list(kept) for route, kept in known.items()})
        for route in known:
            costs.fit(route)
        space = DataSpace(index, costs)
        yield space, index
        fresh = {r: kept[len(known.get(r, ())) :] for r, kept in costs.measured.items()}
        index.call(lambda db: measures.keep(db, fresh))
