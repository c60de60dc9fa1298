"""Branches of a pandapower network: one for each line, transformer, impedance and coupler, three for each three-winding one.

Two-ports are pandapower's own to the last digit. Ratings are those that the tables state, derating included.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from slots.grid.model import Branches, Floats
from slots.grid.reading import ReadingLog
from slots.sources.pandapower_networks.expansion import Expansion, flags, numbers, texts
from slots.sources.pandapower_networks.nodes import Nodes

NO_RATING = 9e4  # MVA: cases without ratings are given 99,999 MVA or kA by pandapower's converters
LEGS = ("hv", "mv", "lv")


@dataclass(frozen=True)
class Changer:
    """Ratios of tap changers under load: as `tap_low`, `tap_high`, `tap_step` of branches."""

    low: Floats
    high: Floats
    step: Floats


def branch_names(expansion: Expansion) -> list[str]:
    """(branch,) the network's own names where it has unique ones, else kind and index; legs name their winding."""
    net, out, alone = expansion.net, [], []
    for kind in sorted(expansion.rows, key=lambda k: expansion.rows[k]):
        table = net[kind]
        if kind == "switch":
            table = table[net._impedance_bb_switches]
        names = [(n, f"{kind} {k}") for n, k in zip(texts(table, "name"), table.index, strict=True)]
        for leg in LEGS if kind == "trafo3w" else ("",):
            out += [(f"{n} {leg}" if n and leg else n) for n, _ in names]
            alone += [f"{k} {leg}".strip() for _, k in names]
    count: dict[str, int] = {}
    for n in out:
        count[n] = count.get(n, 0) + 1
    taken = set(out)
    return [
        n if n and count[n] == 1 else (k if k not in taken else f"{k} of the table")
        for n, k in zip(out, alone, strict=True)
    ]


def branches(expansion: Expansion, at: Nodes, names: list[str], log: ReadingLog) -> Branches:
    """The table of branches."""
    from pandapower.pypower.idx_brch import (
        BR_B,
        BR_B_ASYM,
        BR_G,
        BR_G_ASYM,
        BR_R,
        BR_R_ASYM,
        BR_STATUS,
        BR_X,
        BR_X_ASYM,
        F_BUS,
        SHIFT,
        T_BUS,
        TAP,
    )

    b = expansion.branch
    rows_f, rows_t = b[:, F_BUS].astype(np.int64), b[:, T_BUS].astype(np.int64)
    on = (b[:, BR_STATUS] > 0) & expansion.live[rows_f] & expansion.live[rows_t]
    rate = ratings(expansion, names, log)
    tap = np.where(b[:, TAP] == 0, 1.0, b[:, TAP])
    changer = changers(expansion, tap, log)
    # r and x of what is out of service may be what pandapower never looked at.
    r, x = (np.where(np.isfinite(b[:, c]), b[:, c], 0.0) for c in (BR_R, BR_X))
    x = np.where(~on & (r == 0) & (x == 0), 1.0, x)
    equivalent = np.zeros(len(b), bool)
    equivalent[slice(*expansion.rows.get("xward", (0, 0)))] = True
    return Branches(
        name=np.array(names, dtype=np.str_), f=at.position[rows_f], t=at.position[rows_t], r=r, x=x, b=b[:, BR_B].copy(), tap=tap,
        tap_low=changer.low, tap_high=changer.high, tap_step=changer.step, shift=np.deg2rad(b[:, SHIFT]), rate=rate,
        rate_emergency=rate.copy(), in_service=on, equivalent=equivalent, g_f=b[:, BR_G] / 2, b_f=np.zeros(len(b)),
        g_t=(b[:, BR_G] + b[:, BR_G_ASYM]) / 2, b_t=b[:, BR_B_ASYM] / 2, r_asym=b[:, BR_R_ASYM].copy(),
        x_asym=b[:, BR_X_ASYM].copy(), contingency=np.ones(len(b), bool),
    )  # fmt: skip


def ratings(expansion: Expansion, names: list[str], log: ReadingLog) -> Floats:
    """(branch,) MVA: the rated current or power, derated, of all parallel systems, at the loading that is allowed."""
    net, out = expansion.net, np.full(len(expansion.branch), np.inf)
    for kind, (first, end) in expansion.rows.items():
        out[first:end] = _rated(net, kind)
    none = np.isnan(out) | (out <= 0) | (out >= NO_RATING)
    inner = np.zeros(len(out), bool)
    inner[slice(*expansion.rows.get("xward", (0, 0)))] = True
    log.fill(
        "branches.rate",
        int((none & ~inner).sum()),
        "no limit",
        "the network states no rating, 0, or 90,000 MVA and more",
    )
    return np.where(none | inner, np.inf, out)


def _rated(net: Any, kind: str) -> Floats:
    table = net[kind]
    most = numbers(table, "max_loading_percent", 100.0) / 100
    if kind == "line":
        kv = net.bus.vn_kv.loc[table.from_bus].to_numpy(dtype=float)
        amps = numbers(table, "max_i_ka") * numbers(table, "df", 1.0) * numbers(table, "parallel", 1.0)
        return np.asarray(np.sqrt(3) * kv * amps * most)
    if kind == "trafo":
        return np.asarray(numbers(table, "sn_mva") * numbers(table, "df", 1.0) * numbers(table, "parallel", 1.0) * most)
    if kind == "trafo3w":
        return np.concatenate([numbers(table, f"sn_{leg}_mva") * most for leg in LEGS])
    if kind == "switch":
        table = table[net._impedance_bb_switches]
        kv = net.bus.vn_kv.loc[table.bus].to_numpy(dtype=float)
        return np.asarray(np.sqrt(3) * kv * numbers(table, "in_ka"))
    return numbers(table, "sn_mva") if kind == "impedance" else np.full(len(table), np.inf)


def changers(expansion: Expansion, tap: Floats, log: ReadingLog) -> Changer:
    """What can move under load: two-winding transformers whose `oltc` is set.

    A changer turns the ratio alone if it sits on the high-voltage side and does not turn the angle; another one is fixed
    here at its position, which is told, because impedances or the angle would move with it.
    """
    low, high, step = tap.copy(), tap.copy(), np.zeros(len(tap))
    first, end = expansion.rows.get("trafo", (0, 0))
    table = expansion.net.trafo.iloc[: end - first]
    wanted = flags(table, "oltc")
    kind, side = np.array(texts(table, "tap_changer_type")), np.array(texts(table, "tap_side"))
    pos, neutral, percent = (numbers(table, f"tap_{c}") for c in ("pos", "neutral", "step_percent"))
    least, most = numbers(table, "tap_min"), numbers(table, "tap_max")
    plain = (
        (kind == "Ratio")
        & (side == "hv")
        & (numbers(table, "tap_step_degree", 0.0) == 0)
        & ~flags(table, "tap_dependency_table")
    )
    legal = wanted & plain & (percent > 0) & (least <= pos) & (pos <= most)
    fixed = table.index[wanted & ~legal]
    log.leave_out(
        "tap changer",
        [f"trafo {k}" for k in fixed],
        "fixed at its position: it does not move the high-voltage ratio alone",
    )
    mine = np.flatnonzero(legal)
    one = tap[first + mine] / (1 + percent[mine] / 100 * (pos - neutral)[mine])  # ratio at the neutral position
    step[first + mine] = one * percent[mine] / 100
    low[first + mine] = one * (1 + percent[mine] / 100 * (least - neutral)[mine])
    high[first + mine] = one * (1 + percent[mine] / 100 * (most - neutral)[mine])
    return Changer(low, high, step)
