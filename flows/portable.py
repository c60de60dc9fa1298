"""A scenario version as one file, and back without loss; its grid also in the formats of other tools.

A `.bos` file is a zip archive: `scenario.json` holds the ontology, `hourly/NUMBER.h5` the hourly state.
"""

import json
import uuid
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.drwop import store
from bos_core.drwop.writing import write_child
from bos_core.index import scenarios
from bos_core.index.client import Index
from bos_core.index.hourly_state import StateSource
from bos_core.index.scenarios import Changes, Link, Ontology, Thing
from bos_core.objects.data import Category, Dataset, Relation
from bos_core.objects.errors import OntologyError, ParameterError
from flows.backfill import problem
from flows.deposits import Deposit, deposit
from flows.hourly import read_source, sources_of, start_of
from flows.ontology import grid_of_ontology, ontology_of
from slots.grid.model import Grid
from slots.sources.catalogue import load_source
from slots.sources.exchange.writer import FORMATS, write_exchange
from slots.sources.matpower_export import write_case
from slots.sources.nominal import told_of_kv
from slots.sources.pandapower_networks.export import whole_net
from slots.sources.series import Series

SUFFIX = ".bos"
FORMAT = 3  # 2: every hourly array is of all devices
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every member, so that the same scenario is the same bytes


def export_version(index: Index, version: int, path: Path) -> list[str]:
    """Write a version: `.bos` holds all of it, `.m` and `.json` (pandapower) its grid; sentences on what is not as it was.

    Raises:
        OntologyError: the version does not exist or holds no whole grid.
        ParameterError: the file's name ends in nothing known.
    """
    told = index.call(lambda db: scenarios.read(db, version))
    part = path.with_name(f".{path.name}.part")
    if path.suffix == SUFFIX:
        _pack(index, version, told, part)
    elif path.suffix == ".m":
        write_case(grid_of_ontology(told), path)
        return []
    elif path.suffix == ".json":
        import pandapower as pp

        grid = grid_of_ontology(told)
        pp.to_json(whole_net(grid), str(part))
        part.replace(path)
        return told_of_kv(grid)
    elif path.suffix in FORMATS:
        grid = grid_of_ontology(told)
        write_exchange(grid, path)
        return told_of_kv(grid)
    else:
        raise ParameterError(
            f"{path.name} names no known format", f"end it in {SUFFIX}, .m, .json, {', '.join(FORMATS)}"
        )
    part.replace(path)
    return []


def import_version(index: Index, source: str, label: str) -> int:
    """A new root version from a `.bos` file or from anything that names a grid; its id.

    Raises:
        OntologyError: the file is no scenario, or the label is taken.
        GridError: the grid cannot be read.
    """
    path = Path(source)
    found = None if path.suffix == SUFFIX else load_source(source)
    changes = _changes(path) if found is None else ontology_of(found.grid)
    if index.call(lambda db: scenarios.labelled(db, label)) is not None:
        raise OntologyError(f"a scenario version is already called {label}", "choose another label")
    if found is None:
        changes.hourly = _unpack(index, path)
    elif found.series is not None:
        changes.hourly = _deposited(index, label, found.grid, found.series)
    return write_child(index, None, label, changes)


def _deposited(index: Index, label: str, grid: Grid, series: Series) -> list[tuple[str, StateSource]]:
    """Lay the series that came with a grid down as results; pointers to them."""
    set_id, window = uuid.uuid4().hex[:12], series.window(series.first, series.hours)
    axes = {"load": "bus", "load_q": "bus", "available": "unit", "floor": "unit", "inflow": "unit"}
    datasets = {
        "hour": Dataset(np.arange(series.first, series.end), ("hour",), "h", "hours since the scenario's start"),
        "bus": Dataset(grid.buses.number, ("bus",)), "unit": Dataset(grid.units.name, ("unit",)),
    }  # fmt: skip
    for name, values in window.items():
        dims = ("hour", axes[name]) if name in axes else ("hour",)
        datasets[name] = Dataset(np.asarray(values), dims, "MVAr" if name == "load_q" else "MW", series.description)
    told = {"start": series.start.isoformat()}
    deposit(
        index, set_id, {"grid": f"scenario:{label}"}, [Deposit("series", series.first, series.hours, datasets, told)]
    )
    return [(n, StateSource(set_id, "series", series.first, series.hours)) for n in window]


def _pack(index: Index, version: int, told: Ontology, path: Path) -> None:
    """Write the archive; one hourly array at a time, so memory stays bounded by the largest."""
    with zipfile.ZipFile(path, "w") as archive:
        listed: list[dict[str, Any]] = []
        for dataset, sources in sources_of(index, version).items():
            for s in sources:
                member = f"hourly/{len(listed):04d}.h5"
                item, names = read_source(index, dataset, s)
                stage = s.stage.partition(".")[0]
                start = start_of(index, s)
                listed.append({"dataset": dataset, "stage": stage, "first_hour": s.first_hour, "hours": s.hours,
                               "some": s.devices is not None, "member": member,
                               "attributes": {"start": start.isoformat()} if start else {}})  # fmt: skip
                archive.writestr(zipfile.ZipInfo(member, EPOCH), _image(dataset, item, names, s))
        plain = json.dumps({**_plain(told), "hourly": listed}, sort_keys=True)
        archive.writestr(zipfile.ZipInfo("scenario.json", EPOCH), plain, zipfile.ZIP_DEFLATED)


def _image(dataset: str, item: Dataset, names: list[str], s: StateSource) -> bytes:
    hour = Dataset(np.arange(s.first_hour, s.end), ("hour",), "h", "hours since the scenario's start")
    axis = {item.dims[1]: Dataset(np.array(names), (item.dims[1],))} if names else {}
    return store.image({"hour": hour, **axis, dataset: item}, {"first_hour": s.first_hour})


def _unpack(index: Index, path: Path) -> list[tuple[str, StateSource]]:
    """Lay the hourly arrays of an archive down as results; pointers to them.

    Raises:
        OntologyError: an array is not valid by the schema; nothing is written.
    """
    set_id = uuid.uuid4().hex[:12]
    with _opened(path) as archive:
        listed = json.loads(archive.read("scenario.json"))["hourly"]

        def arrays(told: dict[str, Any]) -> dict[str, Dataset]:
            return store.from_image(archive.read(told["member"]), str(path))

        for told in listed:
            if wrong := problem(told["dataset"], arrays(told)[told["dataset"]].data):
                raise OntologyError(f"{told['dataset']} of scenario file {path} is not valid: {wrong}", "mend it")
        files = (Deposit(_stage(k, t), t["first_hour"], t["hours"], arrays(t), t["attributes"])
                 for k, t in enumerate(listed))  # fmt: skip
        if listed:
            deposit(index, set_id, {"grid": path.name}, files)
        return [(t["dataset"], StateSource(set_id, _stage(k, t), t["first_hour"], t["hours"], _meant(arrays(t), t)))
                for k, t in enumerate(listed)]  # fmt: skip


def _meant(arrays: dict[str, Dataset], told: dict[str, Any]) -> tuple[str, ...] | None:
    """Devices that an array of some devices is of; None: of all."""
    if not told.get("some"):
        return None
    names = arrays[arrays[told["dataset"]].dims[1]].data
    return tuple(sorted(n.decode() if isinstance(n, bytes) else str(n) for n in names))


def _stage(number: int, told: dict[str, Any]) -> str:
    """Each array gets a stage of its own: in a stage every file holds the same arrays."""
    return f"{told['stage'].partition('.')[0]}.{number:04d}"


def _plain(o: Ontology) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "things": [[t.gid, t.kind, t.name, t.position] for t in sorted(o.things.values())],
        "values": {c.value: dict(sorted(rows.items())) for c, rows in o.values.items() if rows},
        "links": [[x.relation.value, x.source, x.target, x.via] for x in sorted(o.links)],
    }


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise OntologyError(f"scenario file {path} is damaged or no scenario", "export it again") from None
    except OSError as error:
        raise OntologyError(f"scenario file {path} cannot be read ({error.strerror})", "check the path") from None


def _changes(path: Path) -> Changes:
    """The ontology of an archive, after every member's checksum was compared."""
    with _opened(path) as archive:
        try:
            if archive.testzip() is not None:
                raise ValueError
            told = json.loads(archive.read("scenario.json"))
            if told["format"] not in (2, FORMAT):
                raise OntologyError(
                    f"{path} is of format {told['format']}", f"this release reads formats 2 and {FORMAT}"
                )
            return Changes(
                things=[Thing(*t) for t in told["things"]],
                values=[(Category(c), g, v) for c, rows in told["values"].items() for g, v in rows.items()],
                links=[Link(Relation(r), *ends) for r, *ends in told["links"]],
            )
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError):
            raise OntologyError(f"scenario file {path} is damaged or no scenario", "export it again") from None
