"""MATPOWER rows put together from another format's tables."""

from dataclasses import dataclass, field

import numpy as np

BASE_MVA = 100.0


@dataclass
class Tables:
    """What is being put together: MATPOWER rows, and the names of branches and units.

    Attributes:
        kv: (bus,) nominal voltage.
        at: position by PowSyBl's bus id.
        bus: (bus, 13), `branch`: rows of 13, `gen`: rows of 10, `dcline`: rows of 17.
    """

    kv: list[float] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)
    bus: list[list[float]] = field(default_factory=list)
    bus_names: list[str] = field(default_factory=list)
    branch: list[list[float]] = field(default_factory=list)
    branch_names: list[str] = field(default_factory=list)
    gen: list[list[float]] = field(default_factory=list)
    gen_names: list[str] = field(default_factory=list)
    fuels: list[str] = field(default_factory=list)
    dcline: list[list[float]] = field(default_factory=list)
    dcline_names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_bus(self, key: str, name: str, kv: float, area: int, low: float, high: float, v: complex) -> int:
        """A new bus; `low`, `high` p.u.; its position."""
        k = self.at[key] = len(self.bus)
        self.kv.append(kv)
        self.bus_names.append(name)
        vm, va = abs(v), float(np.rad2deg(np.angle(v)))
        self.bus.append([k + 1, 1, 0, 0, 0, 0, area, vm, va, kv, 1, high, low])
        return k

    def add_shunt(self, k: int, y: complex) -> None:
        """A shunt admittance in p.u. at a bus."""
        self.bus[k][4] += y.real * BASE_MVA
        self.bus[k][5] += y.imag * BASE_MVA

    def add_load(self, k: int, s: complex) -> None:
        """A load in MVA at a bus."""
        self.bus[k][2] += s.real
        self.bus[k][3] += s.imag

    def add_two_port(
        self, name: str, ends: tuple[int, int], z: complex, shunts: tuple[complex, complex],
        ratio: complex = 1.0, rate: tuple[float, float] = (0.0, 0.0),
    ) -> None:  # fmt: skip
        """A pi of ohms and siemens on the t side, behind an ideal transformer V' = V·ratio on the f side.

        Args:
            name: of the branch.
            ends: positions f and t.
            z: series impedance (ohm).
            shunts: admittance (S) at the f side, behind the transformer, and at the t side.
            ratio: complex ratio of voltages in kV.
            rate: continuous and emergency rating (MVA), 0 if there is none.
        """
        f, t = ends
        z_base = self.kv[t] ** 2 / BASE_MVA
        tap = self.kv[t] / self.kv[f] / ratio
        b = (shunts[0].imag + shunts[1].imag) * z_base
        half = 0.5j * b
        self.add_shunt(f, (shunts[0] * z_base - half) / abs(tap) ** 2)
        self.add_shunt(t, shunts[1] * z_base - half)
        plain = abs(tap - 1) < 1e-12
        self.branch.append([
            f + 1, t + 1, z.real / z_base, z.imag / z_base, b, rate[0], rate[1], rate[1],
            0.0 if plain else abs(tap), float(np.rad2deg(np.angle(tap))), 1, -360, 360,
        ])  # fmt: skip
        self.branch_names.append(name)
