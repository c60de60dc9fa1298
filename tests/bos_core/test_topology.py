"""Graph questions against independent answers: the array model's own connectivity, and plain searches."""

import networkx as nx
import numpy as np
import pytest

from bos_core.index.scenarios import Ontology
from bos_core.index.topology import Topology
from bos_core.objects.errors import OntologyError
from flows.ontology import ontology_of
from slots.grid.connectivity import islanding_outages
from slots.grid.model import Grid
from slots.sources.catalogue import load_source


def _topology(grid: Grid) -> Topology:
    changes = ontology_of(grid)
    o = Ontology({t.gid: t for t in changes.things}, links=set(changes.links))
    for category, gid, values in changes.values:
        o.values.setdefault(category, {})[gid] = dict(values)
    return Topology.of(o)


@pytest.fixture(scope="module", params=["case_RTS_GMLC", "case118"])
def grid(request) -> Grid:
    return load_source(request.param).grid


@pytest.fixture(scope="module")
def topology(grid: Grid) -> Topology:
    return _topology(grid)


def test_from_a_system_down_to_a_device_across_the_network_and_back(grid: Grid, topology: Topology):
    system = f"system:{grid.name}"
    devices = topology.devices_of(system)
    assert len(devices) == grid.n_bus + len(grid.branches) + len(grid.units) + len(grid.dc_links)
    unit = topology.devices_of(system, "unit")[0]
    bus = next(iter(topology.neighbourhood(unit, 1) - {unit}))
    far = max(nx.single_source_shortest_path_length(topology.network, bus).items(), key=lambda x: x[1])[0]
    path = topology.path(unit, far)
    assert (path[0], path[-1]) == (unit, far)
    assert topology.container_of(far, "system") == system
    region = topology.container_of(far, "region")
    assert region is not None
    assert far in topology.devices_of(region)


def test_regions_hold_the_buses_of_their_areas(grid: Grid, topology: Topology):
    for area in np.unique(grid.buses.area):
        expected = {f"bus:{n}" for n in grid.buses.number[grid.buses.area == area]}
        assert set(topology.devices_of(f"region:{area}", "bus")) == expected


def test_what_a_branch_separates_is_what_its_outage_islands(grid: Grid, topology: Topology):
    islanding = islanding_outages(grid, np.flatnonzero(grid.branches.in_service))
    for k, name in enumerate(grid.branches.name):
        cut = {g for a in topology.separated_by(f"branch:{name}") for g in a if g.startswith("bus:")}
        kept = islanding.get(k)
        lost = set() if kept is None else {f"bus:{n}" for n in grid.buses.number[~kept]}
        assert cut in (lost, {f"bus:{n}" for n in grid.buses.number} - lost) if lost else not cut


def test_the_path_is_the_shortest_of_all(grid: Grid, topology: Topology):
    rng = np.random.default_rng(1)
    length = np.full((grid.n_bus, grid.n_bus), np.inf)
    z = np.abs(grid.branches.r + 1j * grid.branches.x)
    for f, t, x, on in zip(grid.branches.f, grid.branches.t, z, grid.branches.in_service, strict=True):
        if on:
            length[f, t] = length[t, f] = min(length[f, t], x)
    np.fill_diagonal(length, 0.0)
    for k in range(grid.n_bus):  # Floyd and Warshall
        length = np.minimum(length, length[:, k, None] + length[None, k, :])
    for a, b in rng.integers(grid.n_bus, size=(40, 2)):
        path = topology.path(f"bus:{grid.buses.number[a]}", f"bus:{grid.buses.number[b]}")
        edges = [
            topology.network.get_edge_data(u, w)[e]["length"]
            for u, e, w in zip(path[::2], path[1::2], path[2::2], strict=False)
        ]
        assert sum(edges) == pytest.approx(length[a, b], abs=1e-12)


def test_hops_are_counted_as_a_plain_search_counts_them(topology: Topology):
    start = next(g for g in topology.network if g.startswith("bus:"))
    seen = {start}
    for hops in range(4):
        assert topology.neighbourhood(start, hops) == seen
        seen = seen | {w for v in seen for w in topology.network[v]}


def test_unknown_ids_are_refused(topology: Topology):
    for ask in (lambda: topology.devices_of("region:99"), lambda: topology.path("bus:101", "bus:x")):
        with pytest.raises(OntologyError, match="no entity is called"):
            ask()
