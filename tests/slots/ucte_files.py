"""Random UCTE files (UCTE-DEF 2007.05.01, fixed columns): nodes, X-nodes, lines, couplers, transformers with regulation."""

from random import Random

LEVELS = {"1": 380.0, "2": 220.0, "5": 110.0}


def _row(*fields: tuple[int, str, int]) -> str:
    """A line of fields, each at a column and right-aligned in its width."""
    line = ""
    for column, text, width in fields:
        assert len(text) <= width, text
        line = line.ljust(column) + text.rjust(width)
    return line


def _number(x: float, width: int) -> str:
    return f"{x:.10f}"[:width]


def draw_ucte(draw: Random) -> str:
    """The text of a file of 4 to 8 nodes."""
    size = draw.randint(4, 8)
    codes = [f"FNODE{k}{draw.choice('125')}" for k in range(size)]
    codes = [c + "1" for c in codes]
    kv = [LEVELS[c[6]] for c in codes]
    nodes = ["##N", "##ZFR"] + [_node(draw, k, codes, kv) for k in range(size)]
    lines, wound, regulated, outer = ["##L"], ["##T"], ["##R"], ["##ZXX"]
    pairs = [(draw.randrange(t), t) for t in range(1, size)] + [tuple(draw.sample(range(size), 2)) for _ in range(3)]
    for order, (f, t) in enumerate(pairs):
        status = "0" if order < size - 1 else draw.choice("0089")
        ends = (0, codes[f], 8), (9, codes[t], 8), (18, chr(ord("A") + order), 1)
        ohm = kv[t] ** 2 / 100
        if kv[f] == kv[t]:
            alone = sum({f, t} == set(other) for other in pairs) == 1  # OpenLoadFlow drops a line beside a coupler
            zero = order == len(pairs) - 1 and alone and draw.random() < 0.6
            lines.append(_line(draw, ends, "2" if zero else status, 0.0 if zero else ohm))
        else:
            wound.append(_transformer(draw, ends, status, kv[f], kv[t]))
            if draw.random() < 0.6:
                regulated.append(_regulation(draw, ends))
    if draw.random() < 0.5:  # an X-node ends a boundary line
        k = draw.randrange(size)
        code = f"XNODE0{codes[k][6]}1"
        outer.append(_row((0, code, 8), (22, "0", 1), (24, "0", 1), (33, _number(draw.uniform(-20, 20), 7), 7),
                          (41, _number(draw.uniform(-5, 5), 7), 7), (49, "0", 7), (57, "0", 7)))  # fmt: skip
        ends = (0, code, 8), (9, codes[k], 8), (18, "1", 1)
        lines.append(_line(draw, ends, "0", kv[k] ** 2 / 100))
    return "\n".join(
        ["##C 2007.05.01", "drawn", *nodes, *(outer if len(outer) > 1 else []), *lines, *wound, *regulated, ""]
    )


def _node(draw: Random, k: int, codes: list[str], kv: list[float]) -> str:
    """A node; the first is the slack, others hold their voltage or not."""
    kind = "3" if k == 0 else draw.choice("002")
    volts = [(26, _number(kv[k] * draw.uniform(0.99, 1.03), 6), 6)] if kind in "23" else []
    load = (
        [(33, _number(draw.uniform(0, 25), 7), 7), (41, _number(draw.uniform(-5, 10), 7), 7)]
        if k
        else [(33, "0", 7), (41, "0", 7)]
    )
    gen = []
    if kind in "23" or draw.random() < 0.3:
        gen = [(49, _number(-draw.uniform(1, 20), 7), 7), (57, _number(draw.uniform(-8, 8), 7), 7), (65, "0", 7),
               (73, "-150.00", 7), (81, "50.0000", 7), (89, "-60.000", 7)]  # fmt: skip
    return _row((0, codes[k], 8), (22, "0", 1), (24, kind, 1), *volts, *load, *(gen or [(49, "0", 7), (57, "0", 7)]))


def _line(draw: Random, ends: tuple[tuple[int, str, int], ...], status: str, ohm: float) -> str:
    x = draw.uniform(0.03, 0.12) * ohm
    b = draw.uniform(0, 0.1) / ohm * 1e6 if ohm else 0.0
    return _row(
        *ends,
        (20, status, 1),
        (22, _number(0.2 * x, 6), 6),
        (29, _number(x, 6), 6),
        (36, _number(b, 8), 8),
        (45, "500", 6),
    )


def _transformer(draw: Random, ends: tuple[tuple[int, str, int], ...], status: str, first: float, second: float) -> str:
    u1, u2 = first * draw.uniform(0.98, 1.02), second * draw.uniform(0.98, 1.02)
    ohm = u1**2 / 100
    x = draw.uniform(0.04, 0.12) * ohm
    return _row(*ends, (20, status, 1), (22, _number(u1, 5), 5), (28, _number(u2, 5), 5), (34, "100.0", 5),
                (40, _number(0.1 * x, 6), 6), (47, _number(x, 6), 6), (54, _number(-draw.uniform(0, 0.02) / ohm * 1e6, 8), 8),
                (63, _number(draw.uniform(0, 0.003) / ohm * 1e6, 6), 6), (70, "400", 6))  # fmt: skip


def _regulation(draw: Random, ends: tuple[tuple[int, str, int], ...]) -> str:
    """Phase regulation (the ratio), angle regulation (asymmetric or symmetric), or both."""
    out = list(ends)
    kind = draw.choice(["phase", "angle", "both"])
    if kind != "angle":
        out += [(20, "0.800", 5), (26, "5", 2), (29, str(draw.randint(-5, 5)), 3)]
    if kind != "phase":
        out += [(39, "0.500", 5), (45, _number(draw.choice([30.0, 90.0, 60.0]), 5), 5), (51, "4", 2),
                (54, str(draw.randint(-4, 4)), 3), (64, draw.choice(["SYMM", "ASYM"]), 4)]  # fmt: skip
    return _row(*out)
