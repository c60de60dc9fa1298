"""Random MATPOWER cases: every kind of element and attribute, in every way of writing it, against a reference written apart.

What is drawn is known as numbers before it is written as text, so the reference reads nothing. Its rules are those of
MATPOWER's manual (bus types from units in service, ext2int, makeYbus) and of `slots.grid.reference` where MATPOWER has none;
its power flow is scipy's `root` on the polar equations.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import root

from slots.algorithms.power_flow.newton_polar import newton_polar
from slots.contracts.power_flow import scheduled
from slots.grid.admittance import admittance
from slots.grid.validate import check_grid
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import read_case

BASE = 100.0
GROUPS = (0, 0, 0, 30, -30, 60, 150, 180, -150)  # degrees by which vector groups turn a bus


@dataclass
class Drawn:
    """A case as numbers. Columns as in MATPOWER's manual; `costs`: (unit, …) rows of any length."""

    bus: np.ndarray
    gen: np.ndarray
    branch: np.ndarray
    dcline: np.ndarray
    costs: list[list[float]]
    fuels: list[str] = field(default_factory=list)


@dataclass
class Expected:
    """What the rules make of a case; positions are rows of its bus matrix, or -1."""

    kind: np.ndarray
    v: np.ndarray
    loss: float
    slack_p: float


def draw(rng: np.random.Generator, n: int) -> Drawn:
    """A case of n buses; most are connected, loads are light enough for a power flow."""
    numbers = rng.permutation(np.arange(1, 10 * n))[:n]
    bus = np.zeros((n, 13))
    bus[:, 0], bus[:, 1], bus[:, 6] = numbers, 1, rng.integers(1, 3, n)
    bus[:, 2] = rng.choice([0, 1, 1, 1], n) * rng.uniform(-5, 20, n)
    bus[:, 3] = rng.choice([0, 1, 1], n) * rng.uniform(-4, 8, n)
    bus[:, 4] = rng.choice([0, 0, 1], n) * rng.uniform(0, 3, n)
    bus[:, 5] = rng.choice([0, 0, 1], n) * rng.uniform(-8, 8, n)
    bus[:, 7], bus[:, 8] = rng.uniform(0.95, 1.05, n), rng.uniform(-20, 20, n)
    bus[:, 9] = rng.choice([0, 20, 110, 230], n)
    bus[:, 10], bus[:, 11], bus[:, 12] = 1, rng.uniform(1.05, 1.2, n), rng.uniform(0.8, 0.95, n)
    gen = _units(rng, numbers)
    bus[:, 1] = rng.choice([1, 2, 2], n)
    bus[rng.integers(n), 1] = 3
    if rng.random() < 0.2:
        bus[rng.integers(n), 1] = 3
    if rng.random() < 0.1:
        bus[bus[:, 1] == 3, 1] = 2
    if n > 3 and rng.random() < 0.3:
        bus[rng.integers(n), 1] = 4
    fuels = rng.choice(["coal", "ng", "nuclear", "wind"], len(gen)).tolist() if rng.random() < 0.2 else []
    costs = [] if rng.random() < 0.15 else [_cost(rng, *gen[k, [9, 8]]) for k in range(len(gen))]
    return Drawn(bus, gen, _branches(rng, numbers), _links(rng, numbers), costs, fuels)


def _units(rng: np.random.Generator, numbers: np.ndarray) -> np.ndarray:
    m = int(rng.integers(1, len(numbers) + 3))
    gen = np.zeros((m, int(rng.choice([10, 21, 21, 25]))))
    gen[:, 0] = rng.choice(numbers, m)
    gen[:, 8] = rng.uniform(20, 80, m).round(3)
    gen[:, 9] = rng.choice([0, 1, 1, -1], m) * rng.uniform(0, 15, m).round(3)
    loads = rng.random(m) < 0.1
    gen[loads, 8], gen[loads, 9] = 0, -rng.uniform(1, 10)
    gen[:, 1] = rng.uniform(gen[:, 9], np.minimum(gen[:, 8], 25))
    gen[:, 2] = rng.uniform(-5, 5, m)
    gen[:, 3], gen[:, 4] = rng.uniform(10, 50, m), rng.uniform(-50, -10, m)
    gen[:, 5], gen[:, 6] = rng.uniform(0.98, 1.03, m), BASE
    gen[:, 7] = rng.choice([1, 1, 1, 0, -1, 2], m)
    if gen.shape[1] > 10:
        for k, most in ((16, 3), (17, 20), (18, 40)):
            gen[:, k] = rng.choice([0, 1], m) * rng.uniform(0.1, most, m).round(3)
        gen[:, 20] = rng.choice([0, 1], m)
    return gen


def _branches(rng: np.random.Generator, numbers: np.ndarray) -> np.ndarray:
    n = len(numbers)
    pairs = [(int(rng.integers(k)), k) for k in range(1, n) if rng.random() < 0.93]
    pairs += [tuple(rng.choice(n, 2, replace=False)) for _ in range(int(rng.integers(0, n)))]
    pairs = [(a, b) if rng.random() < 0.5 else (b, a) for a, b in pairs]
    if not pairs:
        pairs = [(0, 1)]
    pairs += [pairs[int(rng.integers(len(pairs)))]] if rng.random() < 0.3 else []
    turned, m = rng.choice(GROUPS, n) if rng.random() < 0.5 else np.zeros(n), len(pairs)
    out = np.zeros((m, int(rng.choice([11, 13, 13, 21]))))
    f, t = np.array(pairs).T
    out[:, 0], out[:, 1] = numbers[f], numbers[t]
    out[:, 2], out[:, 3] = rng.choice([0, 1, 1], m) * rng.uniform(0.001, 0.02, m), rng.uniform(0.02, 0.15, m)
    bare = rng.random(m) < 0.05
    out[bare, 2], out[bare, 3] = 0.01, rng.choice([0.0, -0.02], int(bare.sum()))
    out[:, 4] = rng.choice([0, 1], m) * rng.uniform(0, 0.05, m)
    out[:, 5] = rng.choice([0, 1, 1], m) * rng.uniform(50, 200, m)
    out[:, 6] = rng.choice([0, 1, 1], m) * rng.uniform(50, 250, m)
    out[:, 8] = rng.choice([0, 0, 1, 1], m) * rng.choice([1.0, 0.95, 1.02, 1.05], m)
    out[:, 9] = (turned[f] - turned[t] + rng.choice([0, 0, 1], m) * rng.uniform(-2, 2, m) + 180) % 360 - 180
    out[:, 10] = rng.choice([1, 1, 1, 1, 0], m)
    if out.shape[1] > 11:
        out[:, 11], out[:, 12] = -360, 360
    return out


def _links(rng: np.random.Generator, numbers: np.ndarray) -> np.ndarray:
    m = int(rng.choice([0, 0, 1, 2])) if len(numbers) > 2 else 0
    out = np.zeros((m, 17))
    for row in out:
        row[:2] = rng.choice(numbers, 2, replace=False)
        row[2:4] = rng.choice([1, 1, 0]), rng.uniform(-10, 10)
        row[7:11] = 1, 1, -20, 20
        row[15:] = rng.uniform(0, 0.5), rng.uniform(0, 0.05)
    return out


def _cost(rng: np.random.Generator, pmin: float, pmax: float) -> list[float]:
    """A row of gencost: a polynomial of any degree up to 3, or up to 12 points with rising slopes."""
    start = rng.choice([0, 1, 1], 2) * rng.uniform(10, 500, 2)
    if rng.random() < 0.5:
        terms = int(rng.integers(0, 5))
        numbers = (rng.uniform(0, 1, 4) * [1e-4, 0.02, 30, 100])[4 - terms :] if terms else []
        if terms == 4 and pmin < 0:
            numbers[0] = 0.0  # else it is not convex
        return [2, *start, terms, *numbers]
    points = int(rng.integers(2, 13))
    low, high = (0, pmax * rng.uniform(0.7, 1.2)) if pmax > 0 else (pmin, 1.0)
    mw = np.sort(rng.uniform(low, high, points))
    mw[[0, -1]] = low, high
    mw = low + np.cumsum(np.concatenate([[0], np.maximum(np.diff(mw), 0.05)]))
    usd = np.cumsum(np.concatenate([[rng.uniform(0, 50)], np.diff(mw) * np.sort(rng.uniform(5, 60, points - 1))]))
    return [1, *start, points, *np.column_stack([mw, usd]).ravel()]


# --- the rules ------------------------------------------------------------------------------------------------------------


def expected(d: Drawn) -> Expected | None:
    """Types of buses and the power flow; None if nothing supplies the case or no power flow is found."""
    n = len(d.bus)
    at = {int(k): i for i, k in enumerate(d.bus[:, 0])}
    live = d.bus[:, 1] != 4
    f, t = ([at[int(k)] for k in d.branch[:, c]] for c in (0, 1))
    ends = [(a, b, row) for a, b, row in zip(f, t, d.branch, strict=True) if row[10] > 0 and live[a] and live[b]]
    unit_at = np.array([at[int(k)] for k in d.gen[:, 0]])
    on = (d.gen[:, 7] > 0) & live[unit_at]
    live = _main_island(d, live, ends, unit_at, on)
    if live is None:
        return None
    on &= live[unit_at]
    ends = [e for e in ends if live[e[0]]]
    kind = _kinds(d, live, unit_at, on)
    y = _ybus(d, ends, live, n)
    s = -(d.bus[:, 2] + 1j * d.bus[:, 3]) * live / BASE
    np.add.at(s, unit_at[on], (d.gen[on, 1] + 1j * d.gen[on, 2]) / BASE)
    for row in d.dcline[d.dcline[:, 2] > 0]:
        s[at[int(row[0])]] -= row[3] / BASE
        s[at[int(row[1])]] += (row[3] - row[15] - row[16] * abs(row[3])) / BASE
    size = np.ones(n)
    for k in np.flatnonzero(on):
        size[unit_at[k]] = d.gen[k, 5]
    size[(kind != 2) & (kind != 3)] = 1.0
    slack = int(np.flatnonzero(kind == 3)[0])
    v = _solved(y, s, size, kind, slack, np.deg2rad(d.bus[slack, 8]), ends, live)
    if v is None:
        return None
    made = v * np.conj(y @ v)
    return Expected(
        kind, np.where(live, v, np.nan), float(made[live].real.sum() * BASE), float((made - s)[slack].real * BASE)
    )


def _main_island(d: Drawn, live, ends, unit_at, on):
    """The buses of the island with supply that has the largest load, then most buses, then comes first."""
    label = np.arange(len(d.bus))
    for _ in label:
        for a, b, _row in ends:
            label[a] = label[b] = min(label[a], label[b])
    fed = {int(label[unit_at[k]]) for k in np.flatnonzero(on & (d.gen[:, 8] > 0))}
    fed = fed or {int(label[unit_at[k]]) for k in np.flatnonzero(on)}
    if not fed:
        return None
    members = {k: live & (label == k) for k in fed}
    best = max(fed, key=lambda k: (np.maximum(d.bus[members[k], 2], 0).sum(), members[k].sum(), -k))
    return members[best]


def _kinds(d: Drawn, live, unit_at, on) -> np.ndarray:
    kind = np.where(live, d.bus[:, 1], 4).astype(int)
    fed = np.isin(np.arange(len(kind)), unit_at[on])
    kind[np.isin(kind, (2, 3)) & ~fed] = 1
    capacity = np.zeros(len(kind))
    for k in np.flatnonzero(on):
        capacity[unit_at[k]] += max(d.gen[k, 8], 0.0)
    among = next(x for x in (kind == 3, kind == 2, fed) if x.any())
    chosen = max(np.flatnonzero(among), key=lambda k: (capacity[k], -k))
    kind[kind == 3] = 2
    kind[chosen] = 3
    return kind


def _ybus(d: Drawn, ends, live, n) -> np.ndarray:
    y = np.diag(np.where(live, d.bus[:, 4] + 1j * d.bus[:, 5], 0) / BASE)
    for a, b, row in ends:
        series, ratio = 1 / complex(row[2], row[3]), (row[8] or 1.0) * np.exp(1j * np.deg2rad(row[9]))
        y[a, a] += (series + 0.5j * row[4]) / abs(ratio) ** 2
        y[b, b] += series + 0.5j * row[4]
        y[a, b] -= series / np.conj(ratio)
        y[b, a] -= series / ratio
    return y


def _solved(y, s, size, kind, slack, angle, ends, live):
    start = np.full(len(size), angle)
    for _ in size:  # angles as the phase shifts leave them, from the slack bus outwards
        for a, b, row in ends:
            for p, q, turn in ((a, b, -row[9]), (b, a, row[9])):
                if start[p] != angle or p == slack:
                    start[q] = start[p] + np.deg2rad(turn) + 1e-12 if q != slack and start[q] == angle else start[q]
    moving, free = np.flatnonzero(live & (kind != 3)), np.flatnonzero(live & (kind == 1))

    def voltages(x):
        a, m = start.copy(), size.copy()
        a[moving], m[free] = x[: len(moving)], x[len(moving) :]
        return m * np.exp(1j * a)

    def missing(x):
        v = voltages(x)
        off = v * np.conj(y @ v) - s
        return np.concatenate([off[moving].real, off[free].imag])

    if not len(moving):
        return size * np.exp(1j * start)
    found = root(missing, np.concatenate([start[moving], size[free]]), tol=1e-12)
    v = voltages(found.x)
    good = np.abs(missing(found.x)).max() < 1e-9 and np.abs(v[live]).min() > 0.7
    return v if good else None


# --- the text -------------------------------------------------------------------------------------------------------------


def text_of(d: Drawn, rng: np.random.Generator) -> str:
    """The case as a file, written in one of many ways: comments, continuations, decoys, code after the matrices."""
    bus, gen, branch, code = d.bus.copy(), d.gen.copy(), d.branch.copy(), []
    named = rng.random() < 0.7
    pick = {
        "PD": 3,
        "QD": 4,
        "PMAX": 9,
        "PG": 2,
        "BR_STATUS": 11,
        "SHIFT": 10,
        "BR_R": 3,
        "BR_X": 4,
        "F_BUS": 1,
        "T_BUS": 2,
    }
    c = {k: k if named else str(v) for k, v in pick.items()}
    if rng.random() < 0.3:
        bus[:, 2:4] *= 1e3
        code.append(f"mpc.bus(:, [{c['PD']}, {c['QD']}]) = mpc.bus(:, [{c['PD']} {c['QD']}]) / 1e3;")
    if rng.random() < 0.2:
        branch[:, 2:4] *= 52.9**2 / 2**2 / BASE
        code.append("Vbase = 26.45 * 1e3;  Sbase = mpc.baseMVA * 1e6;")
        code.append(
            f"mpc.branch(:, [{c['BR_R']} {c['BR_X']}]) = mpc.branch(:, [{c['BR_R']} {c['BR_X']}]) / (Vbase^2 / Sbase);"
        )
    if rng.random() < 0.3:
        k = int(rng.integers(len(gen)))
        code.append(
            f"mpc.gen({k + 1 if k + 1 < len(gen) else 'end'}, {c['PMAX']}) = {gen[k, 8]!r};".replace("np.float64", "")
        )
        gen[k, 8] = 999
    pairs = branch[:, :2]
    if rng.random() < 0.3:
        k = int(rng.integers(len(branch)))
        same = (pairs == pairs[k]).all(axis=1)
        if same.sum() == 1:
            a, b = pairs[k].astype(int)
            chosen = f"mpc.branch(:, {c['F_BUS']}) == {a} & mpc.branch(:, {c['T_BUS']}) == {b}"
            code.append(f"mpc.branch({chosen}, {c['BR_STATUS']}) = {int(branch[k, 10])};")
            branch[k, 10] = 1 - branch[k, 10]
    if rng.random() < 0.2:
        code.append(f"mpc.branch({len(branch) + 1}, :) = [];")
        branch = np.vstack([branch, branch[:1]])
    if code and rng.random() < 0.5:
        code += ["if mpc.baseMVA ~= 100", "    mpc.bus(:, 3) = 7 * mpc.bus(:, 3);", "end"]
    costs = "" if not d.costs else _matrix("gencost", _padded(d.costs, rng), rng)
    links = _matrix("dcline", d.dcline.tolist(), rng) if len(d.dcline) else ""
    fuels = "mpc.genfuel = {\n" + "".join(f"\t'{x}';\n" for x in d.fuels) + "};\n" if d.fuels else ""
    body = [
        _matrix("bus", bus.tolist(), rng),
        _matrix("gen", gen.tolist(), rng),
        _matrix("branch", branch.tolist(), rng),
        costs,
        links,
        fuels,
    ]
    if rng.random() < 0.3:
        decoy = "%{\nmpc.bus = [\n1 3 9 9 0 0 1 1 0 1 1 1.1 0.9;\n];\n%}\n"
        body.insert(int(rng.integers(1, 6)), decoy)
    if rng.random() < 0.3:
        body.append("mpc.notes = 'as of 1 % of 2020';\nmpc.areas = [1 2];\n")
    names = "define_constants;\n" if rng.random() < 0.5 else (
        "[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD] = idx_bus;\n[GEN_BUS, PG, QG, QMAX, QMIN, VG, MBASE, ...\n"
        "   GEN_STATUS, PMAX] = idx_gen;\n[F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, RATE_B, RATE_C, TAP, SHIFT, BR_STATUS] = idx_brch;\n"
    )  # fmt: skip
    end = "end\n" if rng.random() < 0.2 else ""
    return (
        f"function mpc = drawn\n%DRAWN  a case; mpc.bus = [1];\nmpc.version = '2';\nmpc.baseMVA = {BASE};\n"
        + "".join(body)
        + names
        + "\n".join(code)
        + "\n"
        + end
    )


def _padded(rows: list[list[float]], rng: np.random.Generator) -> list[list[float]]:
    width = max(map(len, rows))
    return rows if rng.random() < 0.3 else [[*r, *[0.0] * (width - len(r))] for r in rows]


def _matrix(key: str, rows: list[list[float]], rng: np.random.Generator) -> str:
    """One matrix; a row may be continued, separated by commas, ended by a comment or by its line alone."""
    out = [f"mpc.{key} = [" + ("  % columns as usual; not [1 2]" if rng.random() < 0.3 else "")]
    comma = "," if rng.random() < 0.2 else ""
    semicolon = ";" if rng.random() < 0.8 else ""
    for row in rows:
        words = [repr(float(x)) if rng.random() < 0.5 else f"{float(x):.17g}" for x in row]
        cut = int(rng.integers(1, len(words))) if rng.random() < 0.1 else 0
        line = f"{comma} ".join(words)
        if cut:
            line = f"{comma} ".join(words[:cut]) + f"{comma} ... the rest\n  " + f"{comma} ".join(words[cut:])
        out.append(f"\t{line}{semicolon}" + ("  % 3 MW; old: 1 2 3" if rng.random() < 0.1 else ""))
    return "\n".join(out) + "\n];\n"


# --- the comparison -------------------------------------------------------------------------------------------------------


def read(seed: int, n: int):
    """A drawn case, the grid read from its file, and what the rules make of it; None where they find no state."""
    rng = np.random.default_rng([seed, n])
    d = draw(rng, n)
    right = expected(d)
    if right is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.m"
        path.write_text(text_of(d, rng))
        grid = grid_from_case(read_case(path))
    check_grid(grid)
    return d, grid, right


def check(seed: int, n: int) -> bool:
    """Draw, write, read, compare; False where the rules find no state. Raises AssertionError at a difference."""
    found = read(seed, n)
    if found is None:
        return False
    d, grid, right = found
    _same_numbers(d, grid, right)
    asked = scheduled(grid)
    found = newton_polar(asked)
    assert found.converged, "no power flow"
    live = right.kind != 4
    assert np.abs(found.v - right.v)[live].max() <= 1e-6, "voltages differ"
    made = (found.v * np.conj(admittance(grid).ybus @ found.v))[live] * BASE
    assert abs(made.real.sum() - right.loss) <= 1e-4, "losses differ"
    slack = (found.v * np.conj(admittance(grid).ybus @ found.v) - asked.injection)[grid.slack].real * BASE
    assert abs(slack - right.slack_p) <= 1e-4, "the slack bus gives another power"
    return True


def _same_numbers(d: Drawn, grid, right: Expected) -> None:
    live, u, br = right.kind != 4, grid.units, grid.branches
    np.testing.assert_array_equal(grid.buses.kind, right.kind)
    np.testing.assert_array_equal(grid.buses.number, d.bus[:, 0])
    np.testing.assert_allclose(grid.buses.pd, np.where(live, d.bus[:, 2], 0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(grid.buses.kv, d.bus[:, 9])
    np.testing.assert_allclose(grid.buses.vmax, d.bus[:, 11])
    np.testing.assert_allclose(grid.buses.vmin, d.bus[:, 12])
    wind = np.array([x == "wind" for x in d.fuels] or [False] * len(d.gen))
    at = {int(k): i for i, k in enumerate(d.bus[:, 0])}
    stands = np.array([live[at[int(k)]] for k in d.gen[:, 0]])
    np.testing.assert_array_equal(u.in_service, (d.gen[:, 7] > 0) & stands)
    for column, values in ((8, u.pmax), (5, u.vset), (3, u.qmax), (4, u.qmin), (1, u.p), (2, u.q)):
        np.testing.assert_allclose(values, d.gen[:, column])
    np.testing.assert_allclose(u.pmin, np.where(wind, 0, d.gen[:, 9]))
    np.testing.assert_allclose(br.rate, np.where(d.branch[:, 5] > 0, d.branch[:, 5], np.inf))
    np.testing.assert_allclose(br.rate_emergency, np.maximum(br.rate, d.branch[:, 6]))
    for k in range(len(u)):
        agc, ten, half = d.gen[k, 16:19] if d.gen.shape[1] > 10 else (0, 0, 0)
        stated = next((x for x in (60 * agc, 2 * half, 6 * ten) if x > 0), max(u.pmax[k], 1.0))
        assert abs(u.ramp[k] - stated) < 1e-9, "a ramp differs"
        assert not ten or abs(u.ramp_10min[k] - ten) < 1e-9, "RAMP_10 differs"
        if not wind[k] and (u.pmax[k], u.pmin[k]) != (0, 0):
            _same_cost(d, grid, k)


def _unstated_cost(u, k: int) -> None:
    """A price that rises, from 21 to 39 USD/MWh, and passes 30 at the unit's own output; what it takes earns nothing."""
    x, usd = u.cost_mw[k], u.cost_usd[k]
    assert (x[0], x[-1]) == (u.pmin[k], u.pmax[k])
    price = np.diff(usd)[np.diff(x) > 1e-3] / np.diff(x)[np.diff(x) > 1e-3]
    assert (np.diff(price) > -1e-6).all()
    given = price[x[1:][np.diff(x) > 1e-3] > 1e-3]
    assert (given > 21 - 1e-6).all()
    assert (given < 39 + 1e-6).all()
    own = u.p[k]
    if max(u.pmin[k], 0) + 0.1 < own < u.pmax[k] - 0.1:
        below, above = (np.interp([own + d, own], x, usd) for d in (-0.05, 0.05))
        assert abs((below[1] - below[0]) / 0.05 - 27) < 1e-6
        assert abs((above[0] - above[1]) / 0.05 - (33 if u.pmin[k] >= 0 and 1.5 * own < u.pmax[k] else 36)) < 3 + 1e-6


def _same_cost(d: Drawn, grid, k: int) -> None:
    u = grid.units
    if not d.costs and u.pmax[k] > 0:
        return _unstated_cost(u, k)
    if not d.costs:
        row, start, stop = [2, 0, 0, 2, 30, 0], None, 0
    else:
        row = d.costs[k]
        start, stop = row[1], row[2]
        at = np.linspace(u.pmin[k], u.pmax[k], 5)
    load = u.pmin[k] < 0 and u.pmax[k] <= 0
    if start is not None:
        assert abs(u.start_cost[k] - (0 if load else start)) < 1e-9, "a start costs something else"
    assert abs(u.stop_cost[k] - (0 if load else stop)) < 1e-9, "a stop costs something else"
    if row[0] == 2:
        at = u.cost_mw[k]  # between them it is chords
        assert len(np.unique(at)) >= (5 if u.pmax[k] - u.pmin[k] > 1 and row[3] > 2 else 2)
        usd = np.polyval(row[4 : 4 + int(row[3])], at)
    else:
        mw, given_usd = np.array(row[4::2]), np.array(row[5::2])
        at = np.sort(np.concatenate([at, mw[(mw > u.pmin[k]) & (mw < u.pmax[k])]]))
        slopes = np.diff(given_usd) / np.diff(mw)
        usd = np.interp(at, mw, given_usd)
        usd = np.where(at < mw[0], given_usd[0] + slopes[0] * (at - mw[0]), usd)
        usd = np.where(at > mw[-1], given_usd[-1] + slopes[-1] * (at - mw[-1]), usd)
    np.testing.assert_allclose(np.interp(at, u.cost_mw[k], u.cost_usd[k]), usd, rtol=1e-6, atol=1e-6)


def compare(examples: int = 330) -> None:
    """Compare so many random cases; raises at the first difference."""

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.integers(0, 2**32 - 1), st.integers(2, 8))
    def one(seed: int, n: int) -> None:
        assume(check(seed, n))

    one()
