"""PyPSA's lines and transformers as branches; formulas as in PyPSA's `calculate_dependent_values` and `calculate_Y`."""

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from bos_core.objects.errors import GridError
from slots.grid.model import Bools, Branches, Complexes, Floats, Ints, Strings, plain_pi
from slots.grid.reading import ReadingLog
from slots.sources.pypsa.file import NetworkFile

BASE_MVA = 100.0


def branches_of(file: NetworkFile, at: dict[str, int], kv: Floats, log: ReadingLog) -> Branches:
    """Lines first, transformers after them; those at buses that are not kept are told and left out.

    Raises:
        GridError: an impedance is zero, or a standard type is not known.
    """
    lines, wound = _lines(file, at, kv, log), _transformers(file, at, log)
    columns = {k: np.concatenate([lines[k], wound[k]]) for k in lines}
    return Branches(**columns)


def _kept(file: NetworkFile, kind: str, at: dict[str, int], log: ReadingLog) -> Bools:
    table = file.static[kind]
    both = (table.bus0.isin(at) & table.bus1.isin(at)).to_numpy()
    log.leave_out(kind, table.index[~both].tolist(), "a bus of it is not part of the AC network")
    return np.asarray(both)


def _columns(
    names: Strings, ends: tuple[Ints, Ints], z: Complexes, shunt: Complexes, tap: Floats, shift: Floats, rate: Floats,
    on: Bools,
) -> dict[str, Any]:  # fmt: skip
    """Branch columns of symmetric pis: `z`, `shunt` p.u. on BASE_MVA; `shunt` is both ends together."""
    out = plain_pi(tap)
    limit = np.where(rate > 0, rate, np.inf)
    half = shunt.real / 2
    return {
        "name": names, "f": ends[0], "t": ends[1], "r": z.real, "x": z.imag, "b": shunt.imag, **out, "g_f": half,
        "g_t": half.copy(), "shift": shift, "rate": limit, "rate_emergency": limit.copy(), "in_service": on,
        "equivalent": np.zeros(len(names), bool),
    }  # fmt: skip


def _lines(file: NetworkFile, at: dict[str, int], kv: Floats, log: ReadingLog) -> dict[str, Any]:
    table = _with_line_types(file, log)[_kept(file, "lines", at, log)]
    f, t = _at(table.bus0, at), _at(table.bus1, at)
    ohm = kv[f] ** 2 / BASE_MVA
    z = (table.r.to_numpy() + 1j * table.x.to_numpy()) / ohm
    shunt = (table.g.to_numpy() + 1j * table.b.to_numpy()) * ohm
    _no_zero(file, "line", table, z)
    rate = _ratings(file, "lines", table, log)
    one, none = np.ones(len(table)), np.zeros(len(table))
    return _columns(_names(table), (f, t), z, shunt, one, none, rate, table.active.to_numpy(bool))


def _transformers(file: NetworkFile, at: dict[str, int], log: ReadingLog) -> dict[str, Any]:
    """A ratio on side 1 becomes its inverse on side 0 of the pi seen from there, which is the same two-port."""
    table = _with_transformer_types(file, log)[_kept(file, "transformers", at, log)]
    unrated = table.index[table.s_nom <= 0]
    if len(unrated):
        raise GridError(f"grid {file.name}: transformer {unrated[0]} has no s_nom, which its impedance is stated on",
                        "give its rated power")  # fmt: skip
    scale = BASE_MVA / table.s_nom.to_numpy()
    z = (table.r.to_numpy() + 1j * table.x.to_numpy()) * scale
    shunt = (table.g.to_numpy() + 1j * table.b.to_numpy()) / scale
    _no_zero(file, "transformer", table, z)
    z, shunt = _pi_of_t(z, shunt, (table.model == "t").to_numpy())
    ratio = np.where(table.tap_ratio == 0, 1.0, table.tap_ratio.to_numpy())
    low_side = table.tap_side.to_numpy() == 1
    tap = np.where(low_side, 1 / ratio, ratio)
    z, shunt = np.where(low_side, z * ratio**2, z), np.where(low_side, shunt / ratio**2, shunt)
    rate = _ratings(file, "transformers", table, log)
    shift = np.deg2rad(table.phase_shift.to_numpy())
    ends = _at(table.bus0, at), _at(table.bus1, at)
    return _columns(_names(table), ends, z, shunt, tap, shift, rate, table.active.to_numpy(bool))


def _pi_of_t(z: Complexes, shunt: Complexes, as_t: Bools) -> tuple[Complexes, Complexes]:
    """Series impedance and total shunt of the pi that a T with half of `z` on either side is (wye to delta)."""
    bent = as_t & (shunt != 0)
    middle = 1 / np.where(bent, shunt, 1.0)
    products = z**2 / 4 + z * middle
    return np.where(bent, products / middle, z), np.where(bent, z / np.where(bent, products, 1.0), shunt)


def _ratings(file: NetworkFile, kind: str, table: pd.DataFrame, log: ReadingLog) -> Floats:
    built = table.s_nom_extendable.to_numpy(bool) & (table.s_nom_opt.to_numpy() > 0)
    if built.any():
        log.warn(f"{int(built.sum())} {kind} that PyPSA may extend are rated at the size of the file's own optimum")
    nominal = np.where(built, table.s_nom_opt, table.s_nom)
    share = table.s_max_pu.to_numpy().copy()
    series = file.series.get((kind, "s_max_pu"))
    if series is not None:
        mine = [c for c in series.columns if c in table.index]
        share[table.index.get_indexer(mine)] = series[mine].min().to_numpy(float)
        log.warn(
            f"the ratings of {len(mine)} {kind} vary with time in the file: their smallest value holds in all hours"
        )
    angles = table.index[np.isfinite(table.v_ang_min) | np.isfinite(table.v_ang_max)]
    log.leave_out(f"{kind}.v_ang_min, v_ang_max", angles.tolist(), "angle limits of single branches are not used")
    return np.asarray(nominal * share)


def _with_line_types(file: NetworkFile, log: ReadingLog) -> pd.DataFrame:
    """Lines with the impedances of their standard types, which overrule what the line itself says."""
    lines = file.static["lines"].copy()
    for name in lines.type[lines.type != ""].unique():
        rows = lines.type == name
        kind = _line_type(file, name)
        if kind is None:
            _need_impedance(file, "line", lines[rows], name)
            log.warn(f"line type {name} is not known: its lines keep the impedances that the file states")
            continue
        length, circuits = lines.length[rows], lines.num_parallel[rows]
        lines.loc[rows, "r"] = kind.r_per_length * length / circuits
        lines.loc[rows, "x"] = kind.x_per_length * length / circuits
        lines.loc[rows, "b"] = 2e-9 * np.pi * kind.f_nom * kind.c_per_length * length * circuits
    return lines


def _with_transformer_types(file: NetworkFile, log: ReadingLog) -> pd.DataFrame:
    table = file.static["transformers"].copy()
    for name in table.type[table.type != ""].unique():
        rows = table.type == name
        kind = _transformer_type(file, name)
        if kind is None:
            _need_impedance(file, "transformer", table[rows], name)
            log.warn(f"transformer type {name} is not known: its transformers keep what the file states")
            continue
        r, g = kind.vscr / 100, kind.pfe / (1000 * kind.s_nom)
        b = -np.sqrt(max((kind.i0 / 100) ** 2 - g**2, 0.0))
        circuits = table.num_parallel[rows]
        table.loc[rows, "r"], table.loc[rows, "x"] = r / circuits, np.sqrt((kind.vsc / 100) ** 2 - r**2) / circuits
        table.loc[rows, "g"], table.loc[rows, "b"] = g * circuits, b * circuits
        table.loc[rows, "tap_ratio"] = 1 + (table.tap_position[rows] - kind.tap_neutral) * kind.tap_step / 100
        table.loc[rows, ["s_nom", "tap_side", "phase_shift"]] = [kind.s_nom, kind.tap_side, kind.phase_shift]
    return table


def _line_type(file: NetworkFile, name: str) -> Any:
    """A line type: the file's, else PyPSA's own where it is installed."""
    own = file.static["line_types"]
    return own.loc[name] if name in own.index else _shipped("line_types", name)


def _transformer_type(file: NetworkFile, name: str) -> Any:
    own = file.static["transformer_types"]
    return own.loc[name] if name in own.index else _shipped("transformer_types", name)


def _shipped(kind: str, name: str) -> Any:
    """A standard type as PyPSA knows it: where pandapower, its origin, has none or another by that name, from the tables here."""
    with resources.files("slots.sources.pypsa").joinpath(f"{kind}.csv").open() as file:
        table = pd.read_csv(file, index_col=0)
    if name in table.index:
        return table.loc[name].drop("source")
    return _of_pandapower(kind, name)


@cache
def _std_types() -> Any:
    import pandapower as pp

    return pp.create_empty_network().std_types


def _of_pandapower(kind: str, name: str) -> Any:
    known = _std_types()["line" if kind == "line_types" else "trafo"].get(name)
    if known is None:
        return None
    if kind == "line_types":
        told = {"f_nom": 50.0, "r_per_length": known["r_ohm_per_km"], "x_per_length": known["x_ohm_per_km"],
                "c_per_length": known["c_nf_per_km"]}  # fmt: skip
    else:
        told = {"f_nom": 50.0, "s_nom": known["sn_mva"], "vsc": known["vk_percent"], "vscr": known["vkr_percent"],
                "pfe": known["pfe_kw"], "i0": known["i0_percent"], "phase_shift": known["shift_degree"],
                "tap_side": float(known["tap_side"] == "lv"), "tap_neutral": known["tap_neutral"],
                "tap_step": known["tap_step_percent"]}  # fmt: skip
    return pd.Series(told)


def _need_impedance(file: NetworkFile, what: str, table: pd.DataFrame, kind: str) -> None:
    bare = table.index[table.x == 0]
    if len(bare):
        raise GridError(
            f"grid {file.name}: {what} {bare[0]} is of type '{kind}', whose parameters are not in the file",
            "call n.calculate_dependent_values() before the export, or install PyPSA beside BOS",
        )


def _no_zero(file: NetworkFile, what: str, table: pd.DataFrame, z: Complexes) -> None:
    zero = np.flatnonzero((z == 0) & table.active.to_numpy(bool))
    if len(zero):
        raise GridError(
            f"grid {file.name}: {what} {table.index[zero[0]]} has no impedance", "merge its buses or give it one"
        )


def _at(buses: "pd.Series[str]", at: dict[str, int]) -> Ints:
    return np.array([at[b] for b in buses], dtype=np.int64)


def _names(table: pd.DataFrame) -> Strings:
    return np.array(table.index.tolist(), dtype=np.str_)
