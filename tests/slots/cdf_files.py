"""Random files of the IEEE common data format: every type of bus and branch, ratings, taps, conductances, other lists."""

from random import Random

import numpy as np

from tests.slots.random_matpower import BASE, Drawn

PLAIN = 0.4  # share of files of which PowSyBl, too, reads all that counts


def draw_cdf(draw: Random) -> tuple[Drawn, list[dict], list[dict], bool]:
    """A case as MATPOWER's rows have it, what each line states, and whether PowSyBl reads all that counts of it."""
    plain = draw.random() < PLAIN
    size = draw.randint(3, 8)
    numbers = draw.sample(range(1, 9999), size)
    buses = [_bus(draw, n, k == 0, plain) for k, n in enumerate(numbers)]
    pairs = [(numbers[draw.randrange(t)], numbers[t]) for t in range(1, size) if plain or draw.random() < 0.95]
    pairs += [tuple(draw.sample(numbers, 2)) for _ in range(draw.randint(1, 4))]
    pairs += [draw.choice(pairs)]
    branches = [_branch(draw, pair, buses, plain) for pair in pairs]
    return _numbers(buses, branches), buses, branches, plain


def _some(draw: Random, low: float, high: float, digits: int = 2) -> float:
    return round(draw.uniform(low, high), digits)


def _bus(draw: Random, number: int, first: bool, plain: bool) -> dict:
    kind = 3 if first else draw.choice([0, 0, 1, 2])
    r = {"number": number, "name": f"Bus {number % 97}", "area": draw.randint(1, 3), "type": kind,
         "v": _some(draw, 0.96, 1.05, 3), "angle": _some(draw, -20, 20), "pd": draw.choice([0, 1]) * _some(draw, -5, 20),
         "qd": draw.choice([0, 1]) * _some(draw, -5, 8), "pg": 0.0, "qg": 0.0, "kv": draw.choice([20, 110, 230.0, 0 if not plain else 110]),
         "set": 0.0, "most": 0.0, "least": 0.0, "g": 0.0, "b": draw.choice([0, 1]) * _some(draw, -0.1, 0.1, 4)}  # fmt: skip
    if kind or (not plain and draw.random() < 0.3):
        r |= {"pg": draw.choice([0.0, _some(draw, 1, 20)]), "qg": _some(draw, -6, 6)}
    if kind >= 2:
        r["set"] = _some(draw, 0.98, 1.03, 3)
        if draw.random() < 0.7:
            r |= {"most": _some(draw, 5, 50, 1), "least": -_some(draw, 5, 50, 1)}
    if kind == 1 and draw.random() < 0.5:
        r |= {"most": 1.06, "least": 0.94}
    if not plain:
        r["g"] = draw.choice([0, 1]) * _some(draw, 0, 0.03, 4)
    return r


def _branch(draw: Random, pair: tuple[int, int], buses: list[dict], plain: bool) -> dict:
    kv = {b["number"]: b["kv"] for b in buses}
    wound = kv[pair[0]] != kv[pair[1]] or draw.random() < 0.3
    kind = draw.choice([1, 2, 4] if plain else [0, 1, 2, 3, 4]) if wound else 0
    r = {"f": pair[0], "t": pair[1], "type": kind, "r": draw.choice([0, 1]) * _some(draw, 0, 0.02, 5),
         "x": _some(draw, 0.03, 0.12, 5), "b": 0.0 if wound and plain else draw.choice([0, 1]) * _some(draw, 0, 0.05, 4),
         "rates": [draw.choice([0, draw.randint(50, 150)]), draw.choice([0, draw.randint(80, 200)]), draw.choice([0, 300])],
         "ratio": 0.0, "angle": 0.0, "low": 0.0, "high": 0.0, "step": 0.0}  # fmt: skip
    if wound:
        r["ratio"] = _some(draw, 0.95, 1.05, 3)
        if kind == 4 or not plain:
            r["angle"] = draw.choice([0, 1]) * _some(draw, -4, 4)
        if kind in (2, 3) and draw.random() < 0.6:
            r |= {"low": 0.9, "high": 1.1, "step": 0.01}
    return r


def _numbers(buses: list[dict], branches: list[dict]) -> Drawn:
    """What the format's columns mean, as MATPOWER's rows."""
    bus = np.array([[b["number"], max(b["type"], 1), b["pd"], b["qd"], BASE * b["g"], BASE * b["b"], b["area"], b["v"],
                     b["angle"], b["kv"], 1, b["most"] if b["type"] == 1 and b["most"] else 1.1,
                     b["least"] if b["type"] == 1 and b["most"] else 0.9] for b in buses])  # fmt: skip
    gen = []
    for b in buses:
        if b["type"] >= 2 or b["pg"] or b["qg"]:
            pmax = 2 * b["pg"]
            wide = max(pmax, 1.0, abs(b["qg"]))
            q = (b["most"], b["least"]) if b["type"] >= 2 and b["most"] else (wide, -wide)
            gen.append([b["number"], b["pg"], b["qg"], *q, b["set"] or b["v"], BASE, 1, pmax, 0.0])
    branch = [[r["f"], r["t"], r["r"], r["x"], r["b"], *r["rates"], r["ratio"], r["angle"], 1] for r in branches]
    return Drawn(bus, np.array(gen), np.array(branch), np.zeros((0, 17)), [])


def cdf_text(buses: list[dict], branches: list[dict]) -> str:
    """The file; columns as in the paper that defines the format."""
    title = _line((2, "08/19/93"), (11, "OURS"), (32, f"{BASE:6.1f}"), (39, "1993"), (44, "W"), (46, "drawn"))
    lines = [title, f"BUS DATA FOLLOWS                            {len(buses)} ITEMS"]
    for b in buses:
        lines.append(_line(
            (1, f"{b['number']:4d}"), (6, f"{b['name']:12s}"), (19, f"{b['area']:2d}"), (21, "  1"), (25, f"{b['type']:2d}"),
            (28, f"{b['v']:6.3f}"), (34, f"{b['angle']:7.2f}"), (41, f"{b['pd']:9.2f}"), (51, f"{b['qd']:8.2f}"),
            (60, f"{b['pg']:8.2f}"), (68, f"{b['qg']:8.2f}"), (77, f"{b['kv']:7.1f}"), (85, f"{b['set']:6.3f}"),
            (91, f"{b['most']:8.2f}"), (99, f"{b['least']:8.2f}"), (107, f"{b['g']:8.4f}"), (115, f"{b['b']:8.4f}"),
            (124, "   0"),
        ))  # fmt: skip
    lines += [
        "-999" + 120 * (" " if len(buses) % 2 else "0"),
        f"BRANCH DATA FOLLOWS                         {len(branches)} ITEMS",
    ]
    for k, r in enumerate(branches):
        lines.append(_line(
            (1, f"{r['f']:4d}"), (6, f"{r['t']:4d}"), (11, " 1"), (14, " 1"), (17, f"{1 + k % 9}"), (19, f"{r['type']}"),
            (20, f"{r['r']:10.5f}"), (30, f"{r['x']:10.5f}"), (41, f"{r['b']:9.4f}"), (51, f"{r['rates'][0]:5d}"),
            (57, f"{r['rates'][1]:5d}"), (63, f"{r['rates'][2]:5d}"), (77, f"{r['ratio']:6.3f}"), (84, f"{r['angle']:7.2f}"),
            (91, f"{r['low']:7.3f}"), (98, f"{r['high']:7.3f}"), (106, f"{r['step']:6.3f}"),
        ))  # fmt: skip
    lines += ["-999", "LOSS ZONES FOLLOWS                     1 ITEMS", "  1 ALL", "-99",
              "INTERCHANGE DATA FOLLOWS                 1 ITEMS", " 1    2 Bus 2     HV    0.0  999.99  A  area", "-9",
              "TIE LINES FOLLOWS                     0 ITEMS", "-999", "END OF DATA", ""]  # fmt: skip
    return "\n".join(lines)


def _line(*fields: tuple[int, str]) -> str:
    line = ""
    for column, text in fields:
        assert len(line) < column, (line, column)
        line = line.ljust(column - 1) + text
    return line
