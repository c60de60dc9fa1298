"""Grids written by hand, for tests of what is done to any grid."""

import numpy as np

from slots.grid.model import Branches, Buses, DcLinks, Grid, Units, plain_pi, plain_starts


def grid_of(kinds, branches, units, load=None, links=()):
    """A grid of 230-kV buses numbered from 1.

    `kinds`: of the buses; `branches`: (from, to) numbers; `units`: (bus number, MW at most, in service);
    `links`: (from, to, MW, loss0, loss1) DC links in service.
    """
    n, m, g, d = len(kinds), len(branches), len(units), len(links)
    load = np.full(n, 10.0) if load is None else np.asarray(load, float)
    zero, one = np.zeros(n), np.ones(n)
    buses = Buses(
        np.arange(1, n + 1), np.array([f"bus {k + 1}" for k in range(n)]), 230 * one, np.array(kinds), load, load / 4,
        zero, zero, zero, zero, zero, one, zero, 0.9 * one, 1.1 * one, np.ones(n, int), zero, zero,
    )  # fmt: skip
    ends = np.array(branches, int).reshape(m, 2) - 1
    lines = Branches(
        np.array([f"{a}-{b}" for a, b in branches], str), ends[:, 0], ends[:, 1], np.full(m, 0.01), np.full(m, 0.1),
        np.zeros(m), **plain_pi(np.ones(m)), shift=np.zeros(m), rate=np.full(m, 100.0), rate_emergency=np.full(m, 100.0),
        in_service=np.ones(m, bool), equivalent=np.zeros(m, bool),
    )  # fmt: skip
    none, most = np.zeros(g), np.array([p for _, p, _ in units], float)
    label = np.full(g, "")
    machines = Units(
        np.array([f"unit {k}" for k in range(g)]), np.array([b - 1 for b, _, _ in units]), np.full(g, "thermal"), label,
        label, most / 2, none, none, most, -most, most, np.ones(g), np.array([on for _, _, on in units], bool),
        np.zeros(g, bool), none, none, none, most, most, np.tile(most[:, None], 2) * [0, 1], np.zeros((g, 2)), none, none,
        none, none + 1, label, label, **plain_starts(g),
    )  # fmt: skip
    at = np.array([k[:2] for k in links], int).reshape(d, 2) - 1
    flow = np.array([k[2:] for k in links], float).reshape(d, 3)
    dc = DcLinks(
        np.array([f"link {k}" for k in range(d)], str), at[:, 0], at[:, 1], flow[:, 0], np.full(d, -500.0),
        np.full(d, 500.0), flow[:, 1], flow[:, 2], np.ones(d, bool),
    )  # fmt: skip
    return Grid("by hand", 100.0, buses, lines, machines, dc)
