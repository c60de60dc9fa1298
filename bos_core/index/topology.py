"""The ontology's relations as graphs, and what users ask of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import networkx as nx

from bos_core.index.scenarios import Ontology
from bos_core.objects.data import Category, Relation
from bos_core.objects.errors import OntologyError

LAYERS = {"system": 0, "region": 1, "station": 2}
DEVICE_LAYER = 3


@dataclass(frozen=True)
class Topology:
    """Graphs over global ids; nodes carry `kind`, `name` and `layer` (0 system, 1 region, 2 station, 3 device).

    Attributes:
        organisation: directed, from what contains to what is contained.
        network: buses and units; an edge is a branch or link, keyed by its global id, with `length` |z| in p.u.,
            or a unit's connection to its bus, with length 0; a DC link connects but has no length (None).
    """

    organisation: "nx.DiGraph[str]"
    network: "nx.MultiGraph[str]"

    @classmethod
    def of(cls, o: Ontology) -> "Topology":
        """The graphs of an ontology; impedances need its category static_model, states entity_state."""
        organisation: nx.DiGraph[str] = nx.DiGraph()
        network: nx.MultiGraph[str] = nx.MultiGraph()
        for t in o.things.values():
            organisation.add_node(t.gid, kind=t.kind, name=t.name, layer=LAYERS.get(t.kind, DEVICE_LAYER))
            if t.kind in ("bus", "unit"):
                network.add_node(t.gid, kind=t.kind, name=t.name, layer=DEVICE_LAYER)
        models = o.values.get(Category.STATIC_MODEL, {})
        states = o.values.get(Category.ENTITY_STATE, {})
        for x in o.links:
            if x.relation is Relation.ORGANISATION:
                organisation.add_edge(x.source, x.target)
            elif states.get(x.via, {}).get("in_service", True) is not False:
                model = models.get(x.via, {})
                dc = organisation.nodes[x.via]["kind"] == "dc_link" if x.via else False
                length = None if dc else abs(complex(model.get("r") or 0.0, model.get("x") or 0.0))
                network.add_edge(x.source, x.target, key=x.via or x.target, length=length)
        return cls(organisation, network)

    def devices_of(self, gid: str, kind: str | None = None) -> list[str]:
        """All devices within a system, region or station, sorted; only those of a kind if one is given."""
        self._known(gid)
        below = nx.descendants(self.organisation, gid)
        nodes = self.organisation.nodes
        return sorted(g for g in below if nodes[g]["layer"] == DEVICE_LAYER and kind in (None, nodes[g]["kind"]))

    def container_of(self, gid: str, kind: str) -> str | None:
        """The station, region or system that contains an entity."""
        self._known(gid)
        above = nx.ancestors(self.organisation, gid)
        return next((g for g in sorted(above) if self.organisation.nodes[g]["kind"] == kind), None)

    def areas(self, without: Iterable[str] = ()) -> list[set[str]]:
        """Connected areas (largest first) once some branches, buses or units are out."""
        out = set(without)
        for gid in out:
            self._known(gid)
        edges = [(u, v, k) for u, v, k in self.network.edges(keys=True) if k in out]
        left = nx.restricted_view(self.network, [g for g in out if g in self.network], edges)
        return sorted((set(c) for c in nx.connected_components(left)), key=lambda c: (-len(c), min(c)))

    def separated_by(self, *gids: str) -> list[set[str]]:
        """Areas that taking out branches, buses or units cuts off from the largest one."""
        before = max(self.areas(), key=len)
        return [a for a in self.areas(gids)[1:] if a <= before]

    def path(self, a: str, b: str) -> list[str]:
        """The path of least summed |z| over AC branches between two buses or units: node, branch, node, …

        Raises:
            OntologyError: there is no path, or an end is unknown.
        """
        for gid in (a, b):
            self._known(gid)
        try:
            nodes = nx.shortest_path(self.network, a, b, weight=_shortest)
        except (nx.NetworkXNoPath, nx.NodeNotFound):
            raise OntologyError(f"no path joins {a} and {b}", "name two buses or units of one area") from None
        out = [nodes[0]]
        for u, v in pairwise(nodes):
            edges = self.network[u][v]
            out += [min((k for k in edges if edges[k]["length"] is not None), key=lambda k: edges[k]["length"]), v]
        return [g for i, g in enumerate(out) if i == 0 or g != out[i - 1]]

    def neighbourhood(self, gid: str, hops: int) -> set[str]:
        """Buses and units within some hops of one."""
        self._known(gid)
        return set(nx.single_source_shortest_path_length(self.network, gid, cutoff=hops))

    @cached_property
    def _everything(self) -> frozenset[str]:
        return frozenset(self.organisation.nodes)

    def _known(self, gid: str) -> None:
        if gid not in self._everything:
            raise OntologyError(f"no entity is called {gid}", "list what there is with `bos data read`")


def _shortest(_: str, __: str, edges: dict[str, dict[str, Any]]) -> float | None:
    """Length of the shortest AC edge between two nodes; None hides a pair joined by DC alone."""
    return min((e["length"] for e in edges.values() if e["length"] is not None), default=None)
