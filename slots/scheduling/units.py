"""Physical units of declared symbols: enough algebra to refuse adding MW to MWh.

A unit is written as factors over factors: `MW`, `USD/MWh`, `USD/MW^2 h`, `p.u.`, empty or `1` for plain numbers.
"""

import re

Unit = tuple[tuple[str, int], ...]

NONE: Unit = ()
# What is written as one word but is a product; MVA bounds MW and is compared with it.
_PRODUCTS: dict[str, dict[str, int]] = {
    "MWh": {"MW": 1, "h": 1}, "MVA": {"MW": 1}, "1": {}, "": {}, "p.u.": {"pu": 1},
}  # fmt: skip
_BASE = frozenset({"MW", "MVAr", "h", "s", "USD", "rad", "kV", "Hz", "pu", "t"})
_FACTOR = re.compile(r"([A-Za-z.]+|1)(?:\^(\d))?")


def parse_unit(text: str) -> Unit:
    """The unit that `text` writes.

    Raises:
        ValueError: a factor is not a known unit.
    """
    over, _, under = text.partition("/")
    powers: dict[str, int] = {}
    for part, sign in ((over, 1), (under, -1)):
        for factor in part.replace("(", " ").replace(")", " ").split():
            found = _FACTOR.fullmatch(factor)
            base = _PRODUCTS.get(found[1], {found[1]: 1}) if found else {}
            if not found or not set(base) <= _BASE:
                raise ValueError(f"'{factor}' is not a unit")
            for name, power in base.items():
                powers[name] = powers.get(name, 0) + sign * power * int(found[2] or 1)
    return _tidy(powers)


def times(a: Unit, b: Unit, sign: int = 1) -> Unit:
    """The unit of a product; of a quotient with `sign` -1."""
    powers = dict(a)
    for name, power in b:
        powers[name] = powers.get(name, 0) + sign * power
    return _tidy(powers)


def show(unit: Unit) -> str:
    """How a unit is written."""

    def side(sign: int) -> str:
        return " ".join(n if abs(p) == 1 else f"{n}^{abs(p)}" for n, p in unit if p * sign > 0)

    if not unit:
        return "a plain number"
    return (side(1) or "1") + (f"/{side(-1)}" if side(-1) else "")


def _tidy(powers: dict[str, int]) -> Unit:
    return tuple(sorted((n, p) for n, p in powers.items() if p))
