"""Random PSS/E cases: buses of every type, machines, loads, shunts, lines, transformers in every unit, DC lines, FACTS devices.

A case is written as revision 33 (`.raw`) or 35 (`.rawx`).
"""

import json
from collections.abc import Iterable
from random import Random
from typing import Any

Row = dict[str, Any]
Case = dict[str, list[Row]]
KV = (230.0, 110.0, 20.0)
_RAW = {  # columns of revision 33
    "bus": "ibus name baskv ide area zone owner vm va nvhi nvlo evhi evlo",
    "load": "ibus loadid stat area zone pl ql ip iq yp yq owner scale intrpt",
    "fixshunt": "ibus shntid stat gl bl",
    "generator": "ibus machid pg qg qt qb vs ireg mbase zr zx rt xt gtap stat rmpct pt pb o1 f1",
    "acline": "ibus jbus ckt rpu xpu bpu rate1 rate2 rate3 gi bi gj bj stat met len o1 f1",
    "swshunt": "ibus modsw adjm stat vswhi vswlo swrem rmpct rmidnt binit n1 b1 n2 b2",
    "facts": "name ibus jbus mode pdes qdes vset shmx trmx vtmn vtmx vsmx imx linx rmpct owner set1 set2 vsref remot mname",
    "vscdc": "name mdc rdc o1 f1",
}
_VSC = "ibus type mode dcset acset aloss bloss minloss smax imax pwf maxq minq remot rmpct"
_DC = "name mdc rdc setvl vschd vcmod rcomp delti met dcvmin cccitmx cccacc"
_CONVERTER = "ip nb anmx anmn rc xc ebas tr tap tmx tmn stp ic if it id xcap"
_TITLES = ("BUS", "LOAD", "FIXED SHUNT", "GENERATOR", "BRANCH", "TRANSFORMER", "AREA", "TWO-TERMINAL DC",
           "VOLTAGE SOURCE CONVERTER", "IMPEDANCE CORRECTION", "MULTI-TERMINAL DC", "MULTI-SECTION LINE", "ZONE",
           "INTER-AREA TRANSFER", "OWNER", "FACTS CONTROL DEVICE", "SWITCHED SHUNT", "GNE DEVICE", "INDUCTION MACHINE")  # fmt: skip
_SECTION = ("bus", "load", "fixshunt", "generator", "acline", "transformer", "", "twotermdc", "vscdc", *[""] * 6, "facts",
            "swshunt", "", "")  # fmt: skip


class Draw:
    """Draws one case; `new`: with what revision 35 adds."""

    def __init__(self, draw: Random, new: bool) -> None:
        self.draw, self.new = draw, new
        self.case: Case = {k: [] for k in _SECTION if k} | {"sysswd": []}

    def some(self, low: float, high: float, digits: int = 4) -> float:
        return round(self.draw.uniform(low, high), digits)

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def buses(self, size: int) -> None:
        for k in range(1, size + 1):
            kind = 3 if k == 1 else self.draw.choice([1, 1, 2, 2, 2, 4] if k > 3 else [1, 2])
            self.case["bus"].append({
                "ibus": k, "name": f"bus {k}", "baskv": KV[0] if k == 1 else self.draw.choice(KV), "ide": kind,
                "area": 1 + k % 2, "zone": 1, "owner": 1, "vm": self.some(0.97, 1.03), "va": self.some(-9, 9),
                "nvhi": self.some(1.05, 1.12, 3), "nvlo": self.some(0.88, 0.95, 3), "evhi": 1.15, "evlo": 0.85,
            })  # fmt: skip

    def kv(self, bus: int) -> float:
        return self.case["bus"][bus - 1]["baskv"]

    def generator(self, bus: int, n: int, sure: bool = False) -> None:
        low, high = self.draw.choice([(-30.0, 40.0), (-20.0, 20.0), (5.0, 5.0)])
        if sure:
            low, high = -90.0, 90.0
        far = self.draw.choice([0] * 8 + [b["ibus"] for b in self.case["bus"] if b["ide"] < 3][:1])
        pt, pb = self.some(40, 90), self.draw.choice([0.0, 5.0, -20.0])
        self.case["generator"].append({
            "ibus": bus, "machid": str(n), "pg": self.some(max(pb, 0), 25), "qg": 5.0 if low == high else self.some(-8, 8), "qt": high, "qb": low,
            "vs": round(1 + 0.005 * (bus % 4), 4), "ireg": 0 if sure else far, "mbase": self.some(50, 200), "zr": 0.0, "zx": 1.0, "rt": 0.0,
            "xt": 0.0, "gtap": 1.0, "stat": 1 if sure else int(self.chance(0.85)), "rmpct": 100.0, "pt": pt, "pb": pb, "o1": 1, "f1": 1.0,
            "nreg": 0, "baslod": 0,
        })  # fmt: skip

    def load(self, bus: int, n: int) -> None:
        row = {"ibus": bus, "loadid": str(n), "stat": int(self.chance(0.9)), "area": 1, "zone": 1, "pl": 0.0, "ql": 0.0, "ip": 0.0,
               "iq": 0.0, "yp": 0.0, "yq": 0.0, "owner": 1, "scale": 1, "intrpt": 0, "dgenp": 0.0, "dgenq": 0.0,
               "dgenm": 0, "loadtype": ""}  # fmt: skip
        for k in self.draw.choice([["pl"], ["ql"], ["pl", "ql"], ["pl", "ql", "ip", "yq"]]):
            row[k] = self.some(-3, 15)
        if self.new and self.chance(0.3):
            row |= {"dgenp": self.some(0, 5), "dgenq": self.some(-1, 1), "dgenm": self.draw.choice([0, 1])}
        self.case["load"].append(row)

    def rates(self) -> tuple[float, float, float]:
        a = self.draw.choice([0.0, self.some(60, 120, 1)])
        return a, self.draw.choice([0.0, self.some(50, 150, 1)]), self.draw.choice([0.0, 160.0])

    def line(self, f: int, t: int, n: int, sure: bool = False) -> None:
        a, b, c = self.rates()
        tiny = not sure and self.chance(0.1)
        shunt = {
            k: 0.0 if tiny else self.draw.choice([0.0, self.some(0, 0.02)]) for k in ("gi", "bi", "gj", "bj", "bpu")
        }
        self.case["acline"].append({
            "ibus": f, "jbus": t, "ckt": str(n), "rpu": 0.0 if tiny else self.some(0, 0.02), "xpu": 0.0001 if tiny else self.some(0.03, 0.12),
            "name": "", "rate1": a, "rate2": b, "rate3": c, **shunt, "stat": 1 if sure else int(self.chance(0.8)),
            "met": 1, "len": 0.0, "o1": 1, "f1": 1.0,
        })  # fmt: skip

    def winding(self, k: int, bus: int, cw: int, angle: bool) -> Row:
        nominal = self.draw.choice([0.0, self.kv(bus), round(1.05 * self.kv(bus), 3)])
        ratio = self.some(0.96, 1.04)
        windv = {1: ratio, 2: ratio * self.kv(bus), 3: ratio}[cw]
        a, b, _ = self.rates()
        cod = self.draw.choice([0, 0, 1, 3]) if k == 1 else 0
        return {f"windv{k}": windv, f"nomv{k}": nominal, f"ang{k}": self.draw.choice([0.0, self.some(-4, 4), 30.0]) if angle else 0.0,
                f"wdg{k}rate1": a, f"wdg{k}rate2": b, f"wdg{k}rate3": 0.0, f"cod{k}": cod, f"cont{k}": 0, f"node{k}": 0,
                f"rma{k}": 1.1 * (self.kv(bus) if cw == 2 else 1) if cod != 3 else 30.0, f"rmi{k}": 0.9 * (self.kv(bus) if cw == 2 else 1) if cod != 3 else -30.0,
                f"vma{k}": 1.1, f"vmi{k}": 0.9, f"ntp{k}": 33, f"tab{k}": 0, f"cr{k}": 0.0, f"cx{k}": 0.0, f"cnxa{k}": 0.0}  # fmt: skip

    def transformer(self, buses: list[int], n: int, sure: bool = False) -> None:
        cw, cz, cm = (self.draw.choice([1, 2, 3]), self.draw.choice([1, 2, 3]), self.draw.choice([1, 2]))
        three = len(buses) == 3
        row: Row = {"ibus": buses[0], "jbus": buses[1], "kbus": buses[2] if three else 0, "ckt": str(n), "cw": cw, "cz": cz, "cm": cm,
                    "mag1": self.some(0, 0.003) if cm == 1 else self.some(1000, 60000, 0), "mag2": -self.some(0, 0.01) if cm == 1 else self.some(0.002, 0.01),
                    "nmet": 2, "name": "", "stat": 1 if sure else self.draw.choice([1, 1, 0, 2, 3, 4] if three else [1, 1, 0]),
                    "o1": 1, "f1": 1.0, "vecgrp": "", "zcod": 0, "vmstar": 1.0, "anstar": 0.0}  # fmt: skip
        if not sure and self.chance(0.4):
            row |= {"mag1": 0.0, "mag2": 0.0, "cm": 1}
        for pair in ("1_2", "2_3", "3_1") if three else ("1_2",):
            base = self.draw.choice([100.0, 60.0])
            x, r = self.some(0.06, 0.1), self.some(0.001, 0.004)
            watts = r * base * 1e6  # load loss at base
            row |= {
                f"r{pair}": watts if cz == 3 else r,
                f"x{pair}": abs(complex(r, x)) if cz == 3 else x,
                f"sbase{pair}": base,
            }
        for k, bus in enumerate(buses, 1):
            row |= self.winding(k, bus, cw, k == 1 or three)
        self.case["transformer"].append(row)

    def shunts(self, bus: int) -> None:
        kind = self.draw.choice(["fixed", "fixed", "switched", "facts"])
        if kind == "fixed":
            self.case["fixshunt"].append(
                {
                    "ibus": bus,
                    "shntid": "1",
                    "stat": int(self.chance(0.8)),
                    "gl": self.some(0, 2),
                    "bl": self.some(-9, 9),
                }
            )
        elif kind == "switched":
            block, n = self.draw.choice([-3.0, 4.0]), self.draw.randint(1, 3)
            self.case["swshunt"].append({
                "ibus": bus, "shntid": "1", "modsw": self.draw.choice([0, 1, 2]), "adjm": 0, "stat": int(self.chance(0.85)), "vswhi": 1.05, "vswlo": 0.95,
                "swrem": 0, "swreg": 0, "nreg": 0, "rmpct": 100.0, "rmidnt": "", "binit": block * self.draw.randint(0, n) + self.draw.choice([0, 0, 0.4]),
                "s1": 1, "n1": n, "b1": block, "s2": 1, "n2": 0, "b2": 0.0,
            })  # fmt: skip
        else:
            self.case["facts"].append({
                "name": f"F{bus}", "ibus": bus, "jbus": 0, "mode": int(self.chance(0.8)), "pdes": 0.0, "qdes": self.some(-5, 5), "vset": round(1 + 0.005 * (bus % 4), 4),
                "shmx": 50.0, "trmx": 9999.0, "vtmn": 0.9, "vtmx": 1.1, "vsmx": 1.0, "imx": 0.0, "linx": 0.05, "rmpct": 100.0,
                "owner": 1, "set1": 0.0, "set2": 0.0, "vsref": 0, "remot": 0, "fcreg": 0, "nreg": 0, "mname": "",
            })  # fmt: skip

    def links(self, f: int, t: int) -> None:
        if self.chance(0.5):
            ends = [{f"ip{x}": bus, f"nb{x}": 1, f"anmx{x}": self.some(10, 20, 1), f"anmn{x}": 5.0, f"rc{x}": 0.0, f"xc{x}": 0.0, f"ebas{x}": 100.0, f"tr{x}": 1.0,
                     f"tap{x}": 1.0, f"tmx{x}": 1.5, f"tmn{x}": 0.51, f"stp{x}": 0.00625, f"ic{x}": 0, f"nd{x}": 0, f"if{x}": 0, f"it{x}": 0, f"id{x}": "1", f"xcap{x}": 0.0}
                    for x, bus in (("r", f), ("i", t))]  # fmt: skip
            mode = self.draw.choice([0, 1, 2])
            self.case["twotermdc"].append({"name": "LCC", "mdc": mode, "rdc": self.some(0.1, 2), "setvl": self.some(5, 20) if mode != 2 else self.some(20, 60),
                                           "vschd": 300.0, "vcmod": 0.0, "rcomp": 0.0, "delti": 0.0, "met": "I", "dcvmin": 0.0,
                                           "cccitmx": 20, "cccacc": 1.0, **ends[0], **ends[1]})  # fmt: skip
            return
        power = self.some(5, 20)
        rows: Row = {"name": "VSC", "mdc": int(self.chance(0.8)), "rdc": self.some(0.1, 1), "o1": 1, "f1": 1.0}
        for k, bus, kind, value in ((1, f, 2, -power), (2, t, 1, 300.0)):
            mode = self.draw.choice([1, 2])
            rows |= {f"ibus{k}": bus, f"type{k}": kind, f"mode{k}": mode, f"dcset{k}": value, f"acset{k}": round(1 + 0.005 * (bus % 4), 4) if mode == 1 else self.some(0.9, 1),
                     f"aloss{k}": self.some(0, 300), f"bloss{k}": 0.0, f"minloss{k}": 0.0, f"smax{k}": 60.0, f"imax{k}": 0.0, f"pwf{k}": 1.0,
                     f"maxq{k}": 30.0, f"minq{k}": -30.0, f"remot{k}": 0, f"vsreg{k}": 0, f"nreg{k}": 0, f"rmpct{k}": 100.0}  # fmt: skip
        self.case["vscdc"].append(rows)


def draw_psse(draw: Random, new: bool = False) -> Case:
    """A case of 4 to 8 buses."""
    d = Draw(draw, new)
    size = draw.randint(4, 8)
    d.buses(size)
    for t in range(2, size + 1):
        _branch(d, draw.randrange(1, t), t, 1, True)
    for n in range(2, 2 + draw.randint(1, 3)):
        f, t = draw.sample(range(1, size + 1), 2)
        if d.chance(0.4):
            d.transformer(draw.sample(range(1, size + 1), 3), n)
        else:
            _branch(d, f, t, n, False)
    d.generator(1, 1, sure=True)
    for bus in range(1, size + 1):
        for n in range(2, 2 + draw.choice([0, 1, 1, 2])):
            if d.chance(0.6):
                d.generator(bus, n)
            if d.chance(0.7):
                d.load(bus, n)
        if d.chance(0.4):
            d.shunts(bus)
    if d.chance(0.4):
        d.links(*draw.sample(range(1, size + 1), 2))
    if new and d.chance(0.3):
        same = [
            (b["ibus"], c["ibus"])
            for b in d.case["bus"]
            for c in d.case["bus"]
            if b["ibus"] < c["ibus"] and b["baskv"] == c["baskv"]
        ]
        if same:
            f, t = draw.choice(same)
            d.case["sysswd"].append(
                {
                    "ibus": f,
                    "jbus": t,
                    "ckt": "1",
                    "xpu": 0.0001,
                    "rate1": 0.0,
                    "stat": draw.choice([0, 1]),
                    "nstat": 1,
                    "met": 1,
                    "stype": 2,
                    "name": "",
                }
            )
    return d.case


def _branch(d: Draw, f: int, t: int, n: int, sure: bool) -> None:
    if d.kv(f) == d.kv(t) and d.chance(0.8):
        d.line(f, t, n, sure)
    else:
        d.transformer([f, t], n, sure)


def raw_text(case: Case) -> str:
    """Revision 33."""
    out = ["0,   100.00, 33, 0, 0, 50.00      / drawn", "drawn", ""]
    for k, (title, section) in enumerate(zip(_TITLES, _SECTION, strict=True)):
        for row in case.get(section, []) if section else []:
            out += _raw_lines(section, row)
        following = _TITLES[k + 1] if k + 1 < len(_TITLES) else ""
        out.append(f"0 / END OF {title} DATA" + (f", BEGIN {following} DATA" if following else ""))
    return "\n".join([*out, "Q", ""])


def _raw_lines(section: str, row: Row) -> list[str]:
    if section == "transformer":
        ends = ("1", "2", "3") if row["kbus"] else ("1", "2")
        pairs = ("1_2", "2_3", "3_1") if row["kbus"] else ("1_2",)
        head = _line(row, "ibus jbus kbus ckt cw cz cm mag1 mag2 nmet name stat o1 f1")
        series = [f"{k}{p}" for p in pairs for k in ("r", "x", "sbase")] + (["vmstar", "anstar"] if row["kbus"] else [])
        full = "windv nomv ang wdgrate1 wdgrate2 wdgrate3 cod cont rma rmi vma vmi ntp tab cr cx cnxa"
        windings = [_line(row, " ".join(_winding(name, k) for name in full.split())) for k in ends]
        if not row["kbus"]:
            windings[1] = _line(row, "windv2 nomv2")
        return [head, _line(row, " ".join(series)), *windings]
    if section == "twotermdc":
        return [_line(row, _DC)] + [_line(row, " ".join(c + x for c in _CONVERTER.split())) for x in "ri"]
    if section == "vscdc":
        return [_line(row, _RAW[section])] + [_line(row, " ".join(f"{c}{k}" for c in _VSC.split())) for k in (1, 2)]
    return [_line(row, _RAW[section])]


def _winding(name: str, k: str) -> str:
    return name.replace("wdg", f"wdg{k}") if name.startswith("wdg") else name + k


def _line(row: Row, names: str) -> str:
    return ",".join(f"'{row[n]}'" if isinstance(row[n], str) else repr(row[n]) for n in names.split())


def rawx_text(case: Case) -> str:
    """Revision 35."""
    network: dict[str, Any] = {"caseid": {"fields": ["ic", "sbase", "rev", "xfrrat", "nxfrat", "basfrq", "title1", "title2"],
                                          "data": [0, 100.0, 35, 0, 0, 50.0, "drawn", ""]}}  # fmt: skip
    for section, rows in case.items():
        if rows:
            fields = _fields(rows)
            network[section] = {
                "fields": fields,
                "data": [[r.get(f, "" if f == "name" else 0) for f in fields] for r in rows],
            }
    return json.dumps({"network": network})


def _fields(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(k for r in rows for k in r if k not in ("swrem", "remot", "remot1", "remot2")))
