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
        costs = known_costs(index)
        space = DataSpace(index, costs)
        yield space, index
        index.call(lambda db: measures.keep(db, costs.fresh))


def known_costs(index: Index) -> CostModel:
    """The cost model fitted to what this installation has measured."""
    costs = CostModel(index.call(measures.load))
    for route in costs.measured:
        costs.fit(route)
    return costs
