"""A scenario version as one file, and back without loss: ontology in JSON; grids also as MATPOWER or pandapower files."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.index import scenarios
from bos_core.index.client import Index
from bos_core.index.scenarios import Changes, Link, Ontology, Thing
from bos_core.objects.data import Category, Relation
from bos_core.objects.errors import OntologyError, ParameterError
from flows.ontology import grid_of_ontology, ontology_of
from slots.sources.catalogue import load_source
from slots.sources.exchange.writer import FORMATS, write_exchange
from slots.sources.matpower_export import write_case
from slots.sources.pandapower_net import to_net

SUFFIX = ".bos"  # gzip of JSON
FORMAT = 1


def export_version(index: Index, version: int, path: Path) -> None:
    """Write a version: `.bos` holds all of it, `.m` and `.json` (pandapower) its grid.

    Raises:
        OntologyError: the version does not exist or holds no whole grid.
        ParameterError: the file's name ends in nothing known.
    """
    told = index.call(lambda db: scenarios.read(db, version))
    part = path.with_name(f".{path.name}.part")
    if path.suffix == SUFFIX:
        part.write_bytes(gzip.compress(json.dumps(_plain(told)).encode(), mtime=0))
    elif path.suffix == ".m":
        write_case(grid_of_ontology(told), path)
        return
    elif path.suffix == ".json":
        import pandapower as pp

        pp.to_json(_net(told), str(part))
    elif path.suffix in FORMATS:
        write_exchange(grid_of_ontology(told), path)
        return
    else:
        raise ParameterError(
            f"{path.name} names no known format", f"end it in {SUFFIX}, .m, .json, {', '.join(FORMATS)}"
        )
    part.replace(path)


def import_version(index: Index, source: str, label: str) -> int:
    """A new root version from a `.bos` file or from anything that names a grid; its id.

    Raises:
        OntologyError: the file is no scenario, or the label is taken.
        GridError: the grid cannot be read.
    """
    changes = _changes(Path(source)) if Path(source).suffix == SUFFIX else ontology_of(load_source(source).grid)

    async def write(db: Any) -> int:
        version = await scenarios.branch(db, None, label)
        if (await scenarios.version(db, version)).committed:
            raise OntologyError(f"a scenario version is already called {label}", "choose another label")
        await scenarios.write(db, version, changes)
        await scenarios.commit(db, version)
        return version

    return index.call(write)


def _plain(o: Ontology) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "things": [[t.gid, t.kind, t.name, t.position] for t in sorted(o.things.values())],
        "values": {c.value: dict(sorted(rows.items())) for c, rows in o.values.items() if rows},
        "links": [[x.relation.value, x.source, x.target, x.via] for x in sorted(o.links)],
    }


def _changes(path: Path) -> Changes:
    try:
        told = json.loads(gzip.decompress(path.read_bytes()))
        if told["format"] != FORMAT:
            raise OntologyError(f"{path} is of format {told['format']}", f"this release reads format {FORMAT}")
        return Changes(
            things=[Thing(*t) for t in told["things"]],
            values=[(Category(c), g, v) for c, rows in told["values"].items() for g, v in rows.items()],
            links=[Link(Relation(r), *ends) for r, *ends in told["links"]],
        )
    except (EOFError, gzip.BadGzipFile, ValueError, KeyError, TypeError):
        raise OntologyError(f"scenario file {path} is damaged or no scenario", "export it again") from None
    except OSError as error:
        raise OntologyError(f"scenario file {path} cannot be read ({error.strerror})", "check the path") from None


def _net(o: Ontology) -> Any:
    grid = grid_of_ontology(o)
    base, units = grid.base_mva, grid.units
    injection = -(grid.buses.pd + 1j * grid.buses.qd) + grid.dc_injection()
    np.add.at(injection, units.bus[units.in_service], (units.p + 1j * units.q)[units.in_service])
    held = np.isin(np.arange(grid.n_bus), units.bus[units.in_service]) & (grid.buses.kind == 2)
    return to_net(grid, injection / base, grid.buses.vm * np.exp(1j * grid.buses.va), held)
