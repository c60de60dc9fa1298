"""Everything of a PyPSA network that stores energy: storage units, stores at AC buses, stores behind a pair of links."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from slots.grid.model import Floats
from slots.grid.reading import ReadingLog
from slots.sources.pypsa.file import NetworkFile


@dataclass(frozen=True)
class Store:
    """One store; energies are MWh such that charging and discharging lose the same share.

    Attributes:
        bus: position; `origin`: the component list that it comes from; `per_unit`: MWh of the file's content in one of ours.
    """

    name: str
    origin: str
    bus: int
    carrier: str
    p: float
    q: float
    pmax: float
    charge_max: float
    energy_max: float
    energy_initial: float
    efficiency: float
    per_unit: float
    in_service: bool


def stores_of(file: NetworkFile, at: dict[str, int], log: ReadingLog) -> list[Store]:
    """All stores of the AC network; what else stands at other buses is told and left out."""
    return [*_storage_units(file, at, log), *_stores(file, at, log)]


def _size(row: "pd.Series[float]", what: str) -> float:
    return float(row[f"{what}_opt"] if row[f"{what}_extendable"] and row[f"{what}_opt"] > 0 else row[what])


def _storage_units(file: NetworkFile, at: dict[str, int], log: ReadingLog) -> list[Store]:
    table, out = file.static["storage_units"], []
    outside = ~table.bus.isin(at)
    log.leave_out("storage_units", table.index[outside].tolist(), "their bus is not part of the AC network")
    p, q = file.values("storage_units", "p_set"), file.values("storage_units", "q_set")
    for k, (name, row) in enumerate(table.iterrows()):
        if outside.iloc[k]:
            continue
        size, into, back = _size(row, "p_nom"), row.efficiency_store, row.efficiency_dispatch
        per_unit = float(np.sqrt(into / back)) if into > 0 and back > 0 else 1.0
        content = 0.5 * row.max_hours * size if row.cyclic_state_of_charge else row.state_of_charge_initial
        out.append(Store(
            str(name), "storage_units", at[row.bus], row.carrier, float(np.nan_to_num(p[k]) * row.sign), float(q[k] * row.sign),
            size * row.p_max_pu, max(-size * row.p_min_pu, 0.0), row.max_hours * size / per_unit, content / per_unit,
            float(into * back), per_unit, bool(row.active and size > 0),
        ))  # fmt: skip
    cyclic = int((table.cyclic_state_of_charge & ~outside).sum())
    log.fill("units.energy_initial", cyclic, "half of the store", "its content is cyclic in the file")
    leaking = table.index[(table.standing_loss > 0) & ~outside]
    log.leave_out("storage_units.standing_loss", leaking.tolist(), "stores keep their content here")
    return out


def _stores(file: NetworkFile, at: dict[str, int], log: ReadingLog) -> list[Store]:
    """Stores at AC buses give or take all they hold within an hour; those behind links what the links can carry."""
    out: list[Store] = []
    apart: list[str] = []
    p, q = file.values("stores", "p_set"), file.values("stores", "q_set")
    for k, (name, row) in enumerate(file.static["stores"].iterrows()):
        size = _size(row, "e_nom")
        content = 0.5 * size if row.e_cyclic else row.e_initial
        if row.bus in at:
            power = size * (row.e_max_pu - row.e_min_pu)
            out.append(Store(str(name), "stores", at[row.bus], row.carrier, float(np.nan_to_num(p[k])) * row.sign, q[k] * row.sign, power,
                             power, size, content, 1.0, 1.0, bool(row.active and size > 0)))  # fmt: skip
            continue
        pair = _links_of(file, str(row.bus), at)
        if pair is None:
            apart.append(str(name))
            continue
        charge, give = pair
        into, back = charge.efficiency, give.efficiency
        per_unit = float(np.sqrt(into / back))
        out.append(Store(str(name), "stores", at[charge.bus0], row.carrier, 0.0, 0.0, _size(give, "p_nom") * back,
                         _size(charge, "p_nom"), size / per_unit, content / per_unit, float(into * back), per_unit,
                         bool(row.active and size > 0)))  # fmt: skip
    direct = int(file.static["stores"].bus.isin(at).sum())
    log.fill("units.pmax", direct, "the store's size in an hour", "PyPSA limits no power of a store at an AC bus")
    log.leave_out("stores", apart, "their bus is no AC bus and not joined to one by a link each way")
    return out


def _links_of(file: NetworkFile, bus: str, at: dict[str, int]) -> "tuple[pd.Series[float], pd.Series[float]] | None":
    """The links that charge and discharge the store at a bus at which nothing else stands."""
    links = file.static["links"]
    links = links[links.active]
    to, away = links[links.bus1 == bus], links[links.bus0 == bus]
    alone = all((file.static[k].bus != bus).all() for k in ("loads", "generators", "storage_units"))
    if len(to) != 1 or len(away) != 1 or not alone or (file.static["stores"].bus == bus).sum() != 1:
        return None
    charge, give = to.iloc[0], away.iloc[0]
    if charge.bus0 != give.bus1 or charge.bus0 not in at or min(charge.efficiency, give.efficiency) <= 0:
        return None
    return charge, give


def store_links(file: NetworkFile, at: dict[str, int]) -> set[str]:
    """Names of the links that are part of a store."""
    found = (_links_of(file, str(b), at) for b in file.static["stores"].bus if b not in at)
    return {str(link.name) for pair in found if pair is not None for link in pair}


def inflow_of(file: NetworkFile, stores: list[Store]) -> Floats:
    """(snapshot, store) MW that flow into the stores."""
    assert file.snapshots is not None
    out = np.zeros((len(file.snapshots), len(stores)))
    hourly, names = file.hourly("storage_units", "inflow"), file.static["storage_units"].index
    for k, s in enumerate(stores):
        if s.origin == "storage_units":
            out[:, k] = hourly[:, names.get_loc(s.name)] / s.per_unit
    return out
