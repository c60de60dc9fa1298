"""PyPSA's two file layouts as tables: netCDF (one variable per attribute) and a folder of CSV files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bos_core.objects.errors import GridError
from slots.grid.model import Bools, Floats
from slots.grid.reading import ReadingLog

DEFAULTS: dict[str, dict[str, Any]] = {
    "buses": {"v_nom": 1.0, "carrier": "AC", "v_mag_pu_set": 1.0, "v_mag_pu_min": 0.0, "v_mag_pu_max": np.inf,
              "x": 0.0, "y": 0.0, "country": ""},
    "lines": {"bus0": "", "bus1": "", "type": "", "r": 0.0, "x": 0.0, "g": 0.0, "b": 0.0, "s_nom": 0.0,
              "s_nom_extendable": False, "s_nom_opt": 0.0, "s_max_pu": 1.0, "length": 0.0, "num_parallel": 1.0,
              "active": True, "v_ang_min": -np.inf, "v_ang_max": np.inf},
    "transformers": {"bus0": "", "bus1": "", "type": "", "model": "t", "r": 0.0, "x": 0.0, "g": 0.0, "b": 0.0,
                     "s_nom": 0.0, "s_nom_extendable": False, "s_nom_opt": 0.0, "s_max_pu": 1.0, "num_parallel": 1.0,
                     "tap_ratio": 1.0, "tap_side": 0.0, "tap_position": 0.0, "phase_shift": 0.0, "active": True,
                     "v_ang_min": -np.inf, "v_ang_max": np.inf},
    "links": {"bus0": "", "bus1": "", "carrier": "", "p_nom": 0.0, "p_nom_extendable": False, "p_nom_opt": 0.0,
              "p_set": np.nan, "p_min_pu": 0.0, "p_max_pu": 1.0, "efficiency": 1.0, "marginal_cost": 0.0,
              "active": True},
    "generators": {"bus": "", "control": "PQ", "p_nom": 0.0, "p_nom_extendable": False, "p_nom_opt": 0.0,
                   "p_min_pu": 0.0, "p_max_pu": 1.0, "p_set": np.nan, "q_set": 0.0, "sign": 1.0, "carrier": "",
                   "marginal_cost": 0.0, "marginal_cost_quadratic": 0.0, "stand_by_cost": 0.0, "active": True,
                   "committable": False, "start_up_cost": 0.0, "shut_down_cost": 0.0, "min_up_time": 0.0,
                   "min_down_time": 0.0, "ramp_limit_up": np.nan, "ramp_limit_down": np.nan,
                   "ramp_limit_start_up": np.nan, "ramp_limit_shut_down": np.nan},
    "storage_units": {"bus": "", "control": "PQ", "p_nom": 0.0, "p_nom_extendable": False, "p_nom_opt": 0.0,
                      "p_min_pu": -1.0, "p_max_pu": 1.0, "p_set": np.nan, "q_set": 0.0, "sign": 1.0, "carrier": "",
                      "state_of_charge_initial": 0.0, "cyclic_state_of_charge": False, "max_hours": 1.0,
                      "efficiency_store": 1.0, "efficiency_dispatch": 1.0, "standing_loss": 0.0, "inflow": 0.0,
                      "marginal_cost": 0.0, "active": True},
    "stores": {"bus": "", "e_nom": 0.0, "e_nom_extendable": False, "e_nom_opt": 0.0, "e_initial": 0.0,
               "e_cyclic": False, "e_min_pu": 0.0, "e_max_pu": 1.0, "p_set": np.nan, "q_set": 0.0, "sign": 1.0, "carrier": "",
               "standing_loss": 0.0, "marginal_cost": 0.0, "active": True},
    "loads": {"bus": "", "p_set": 0.0, "q_set": 0.0, "sign": -1.0, "active": True},
    "shunt_impedances": {"bus": "", "g": 0.0, "b": 0.0, "active": True},
    "line_types": {"f_nom": 50.0, "r_per_length": 0.0, "x_per_length": 0.0, "c_per_length": 0.0},
    "transformer_types": {"f_nom": 50.0, "s_nom": 0.0, "vsc": 0.0, "vscr": 0.0, "pfe": 0.0, "i0": 0.0,
                          "phase_shift": 0.0, "tap_side": 0.0, "tap_neutral": 0.0, "tap_step": 0.0},
    "carriers": {}, "global_constraints": {}, "sub_networks": {}, "shapes": {}, "processes": {},
}  # fmt: skip
"""The components that are known, with PyPSA's own default for each attribute that is used (component_attrs of PyPSA 1.2)."""


@dataclass
class NetworkFile:
    """A PyPSA network as tables.

    Attributes:
        static: table by component list (`generators`), indexed by name, with every attribute of DEFAULTS.
        series: (snapshot, element) tables by list and attribute.
        snapshots: timestamps; None where the file has none.
        given: attributes that the file itself states, by list.
    """

    name: str
    static: dict[str, pd.DataFrame]
    series: dict[tuple[str, str], pd.DataFrame]
    snapshots: pd.DatetimeIndex | None
    given: dict[str, set[str]] = field(default_factory=dict)

    def values(self, component: str, attribute: str) -> Floats:
        """(element,) numbers: those of the first snapshot where the file has a series, else the static ones."""
        out: Floats = self.static[component][attribute].to_numpy(float).copy()
        table = self.series.get((component, attribute))
        if table is None:
            return out
        at = self.static[component].index.get_indexer(table.columns)
        out[at] = table.iloc[0].to_numpy(float)
        return out

    def varying(self, component: str, attribute: str) -> Bools:
        """(element,) whether the file has a series of an attribute."""
        table = self.series.get((component, attribute))
        names = self.static[component].index
        return np.zeros(len(names), bool) if table is None else np.asarray(names.isin(table.columns))

    def hourly(self, component: str, attribute: str) -> Floats:
        """(snapshot, element) numbers, constant where the file has no series."""
        assert self.snapshots is not None
        static = self.static[component]
        out = np.tile(static[attribute].to_numpy(float), (len(self.snapshots), 1))
        table = self.series.get((component, attribute))
        if table is not None:
            out[:, static.index.get_indexer(table.columns)] = table.to_numpy(float)
        return out


def read_file(path: Path, log: ReadingLog) -> NetworkFile:
    """Read a netCDF file or a folder of CSV files; tables and attributes that play no part are told in `log`.

    Raises:
        GridError: the file cannot be read, or an element repeats or lacks its name.
    """
    raw = _csv(path) if path.is_dir() else _netcdf(path)
    if "buses" not in raw.static:
        raise GridError(
            f"grid file {path} is not a PyPSA network: it has no buses", "write it with PyPSA's export_to_…"
        )
    static = {k: _completed(path, k, raw.static.get(k, pd.DataFrame())) for k in DEFAULTS}
    given = {k: set(map(str, t.columns)) for k, t in raw.static.items()}
    for kind, table in raw.static.items():
        log.read(kind, len(table))
        if kind not in DEFAULTS:
            log.leave_out(kind, table.index.astype(str).tolist(), "a component that is not known")
    for (kind, attribute), table in raw.series.items():
        unknown = [str(c) for c in table.columns if kind not in static or c not in static[kind].index]
        if unknown:
            raise GridError(f"grid file {path}: the series of {kind}' {attribute} names {unknown[0]}, which does not exist",
                            "mend the file")  # fmt: skip
        _numeric(path, f"series of {kind}' {attribute}", table)
    return NetworkFile(raw.name, static, raw.series, _snapshots(path, raw.snapshots), given)


@dataclass
class _Raw:
    name: str
    static: dict[str, pd.DataFrame]
    series: dict[tuple[str, str], pd.DataFrame]
    snapshots: pd.DataFrame


def _netcdf(path: Path) -> _Raw:
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            data = opened.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise GridError(f"grid file {path} cannot be read as netCDF ({reason})",
                        "give a file that PyPSA's export_to_netcdf wrote") from None  # fmt: skip
    snapshots = pd.DataFrame({str(k).removeprefix("snapshots_"): v.to_numpy() for k, v in data.variables.items()
                              if v.dims == ("snapshots",) and str(k).startswith("snapshots_")})  # fmt: skip
    static: dict[str, pd.DataFrame] = {}
    series: dict[tuple[str, str], pd.DataFrame] = {}
    lists = sorted((str(d)[:-2] for d in data.dims if str(d).endswith("_i") and "_t_" not in str(d)), key=len)
    for kind in lists:
        names = data[f"{kind}_i"].to_numpy().astype(str)
        columns = {str(k).removeprefix(f"{kind}_"): v.to_numpy() for k, v in data.data_vars.items()
                   if v.dims == (f"{kind}_i",)}  # fmt: skip
        static[kind] = pd.DataFrame(columns, index=pd.Index(names))
        for key, values in data.data_vars.items():
            if str(key).startswith(f"{kind}_t_") and len(values.dims) == 2:
                elements = data[values.dims[1]].to_numpy().astype(str)
                attribute = str(key).removeprefix(f"{kind}_t_")
                series[(kind, attribute)] = pd.DataFrame(values.to_numpy(), columns=pd.Index(elements))
    name = str(data.attrs.get("network_name", "") or path.stem)
    return _Raw(name, static, series, snapshots)


def _csv(path: Path) -> _Raw:
    static: dict[str, pd.DataFrame] = {}
    series: dict[tuple[str, str], pd.DataFrame] = {}
    snapshots, name = pd.DataFrame(), path.name
    for file in sorted(path.glob("*.csv")):
        kind, dash, attribute = file.stem.partition("-")
        table = _table(file)
        if kind == "snapshots":
            snapshots = table
        elif kind == "network":
            name = str(table.index[0]) if len(table) else name
        elif dash:
            series[(kind, attribute)] = table.reset_index(drop=True)
        elif kind != "investment_periods":
            static[kind] = table
    return _Raw(name, static, series, snapshots)


def _table(file: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(file, index_col=0, dtype={0: str}, float_precision="round_trip")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError):
        raise GridError(f"{file} is not a readable CSV table", "mend or replace the file") from None
    table.index, table.columns = table.index.astype(str), table.columns.astype(str)
    return table


def _completed(path: Path, kind: str, table: pd.DataFrame) -> pd.DataFrame:
    """A table with every attribute that is used, defaults where the file says nothing."""
    if table.index.has_duplicates:
        again = table.index[table.index.duplicated()][0]
        raise GridError(f"grid file {path}: {kind} has two rows called {again}", "give each its own name")
    columns = {
        attribute: _filled(path, kind, attribute, table[attribute], default) if attribute in table
        else np.full(len(table), default)
        for attribute, default in DEFAULTS[kind].items()
    }  # fmt: skip
    return pd.DataFrame(columns, index=table.index.astype(str))


def _filled(path: Path, kind: str, attribute: str, values: Any, default: Any) -> Any:
    if isinstance(default, str):
        return values.fillna(default).astype(str).replace("nan", default).to_numpy()
    if isinstance(default, bool):
        text = values.fillna(default).astype(str).str.lower()
        return text.isin(["true", "1", "1.0"]).to_numpy()
    numbers = pd.to_numeric(values, errors="coerce")
    bad = values.notna() & numbers.isna() & (values.astype(str).str.lower() != "nan") & (values.astype(str) != "")
    if bad.any():
        name = values.index[bad.to_numpy()][0]
        raise GridError(f"grid file {path}: {attribute} of {kind} {name} is '{values[name]}', not a number", "mend it")
    return numbers.fillna(default).to_numpy(float)


def _numeric(path: Path, what: str, table: pd.DataFrame) -> None:
    numbers = table.apply(pd.to_numeric, errors="coerce")
    hole = np.argwhere(numbers.isna().to_numpy())
    if len(hole):
        row, column = (int(k) for k in hole[0])
        raise GridError(f"grid file {path}: the {what} has no number for {table.columns[column]} in snapshot {row + 1}",
                        "fill the hole")  # fmt: skip


def _snapshots(path: Path, table: pd.DataFrame) -> pd.DatetimeIndex | None:
    if "period" in table:
        raise GridError(f"grid file {path} holds several investment periods", "give the network of one period")
    if "snapshot" not in table or len(table) < 2:
        return None
    try:
        return pd.DatetimeIndex(pd.to_datetime(table["snapshot"], format="ISO8601"))
    except (ValueError, TypeError):
        raise GridError(
            f"grid file {path}: its snapshots are no timestamps", "set them by hour, see n.set_snapshots"
        ) from None
