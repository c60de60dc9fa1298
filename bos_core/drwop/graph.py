"""The data space as a directed graph: vertices are data, edges are ways to get or orders to keep.

A read edge (u, v) says that v can be had from u, by which route and what else must be known. A write edge
(u, v) says that u must be written before v.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bos_core.objects.errors import OntologyError


@dataclass(frozen=True)
class Edge:
    """A way from one piece of data to another.

    Attributes:
        source, target: vertices.
        route: relational, graph, file or memory, and which copy: `file/by-time`.
        needs: what a request must give for the edge to be usable.
    """

    source: str
    target: str
    route: str
    needs: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.source} → {self.target} by {self.route}"


@dataclass(frozen=True)
class DataGraph:
    """Edges between data; free of cycles, because each operation leads nearer to what is asked.

    Raises:
        OntologyError: the edges form a cycle.
    """

    edges: tuple[Edge, ...]
    order: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", tuple(_topological(self.edges)))

    def usable(self, given: Iterable[str]) -> "DataGraph":
        """The part that a request can use which gives these conditions."""
        known = frozenset(given)
        return DataGraph(tuple(e for e in self.edges if e.needs <= known))


def _topological(edges: Iterable[Edge]) -> list[str]:
    after: dict[str, set[str]] = {}
    for e in edges:
        after.setdefault(e.source, set()).add(e.target)
        after.setdefault(e.target, set())
    waiting = {v: 0 for v in after}
    for targets in after.values():
        for v in targets:
            waiting[v] += 1
    ready, out = sorted(v for v, n in waiting.items() if not n), list[str]()
    while ready:
        v = ready.pop(0)
        out.append(v)
        for w in sorted(after[v]):
            waiting[w] -= 1
            if not waiting[w]:
                ready.append(w)
    if len(out) < len(after):
        raise OntologyError("the data graph has a cycle", "every access must lead nearer to its target")
    return out


Costs = Mapping[Edge, float]
