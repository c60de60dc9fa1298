"""What stays insecure after adjustment: as arrays of its result files, and as a short table by kind of reason."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bos_core.drwop import store
from bos_core.objects.data import Dataset
from slots.contracts.adjustment import Left, Limit, Why
from slots.grid.network import Network

NAMES = ("hour", "outage", "limit", "where", "beyond", "why")


@dataclass(frozen=True)
class KindLeft:
    """What stays insecure for one kind of reason.

    Attributes:
        limit: what is broken; why: the kind of reason.
        hours: in how many; cases: of an hour and an outage (or none) in all.
        worst: the worst of them in words; hour: when it is.
    """

    limit: Limit
    why: Why
    hours: int
    cases: int
    worst: str
    hour: int

    def row(self) -> dict[str, str | int]:
        """For a table."""
        return {"broken": str(self.limit), "why it stays": str(self.why), "hours": self.hours, "cases": self.cases,
                "worst": self.worst, "in hour": self.hour}  # fmt: skip


def left_datasets(left: Sequence[tuple[int, Left]]) -> dict[str, Dataset]:
    """One row for each broken limit of an hour (hours since the scenario's start)."""
    dims, text = ("left",), np.array
    return {
        "left/hour": Dataset(np.array([h for h, _ in left], np.int64), dims, "h", "hours since the scenario's start"),
        "left/outage": Dataset(
            np.array([x.outage for _, x in left], np.int64), dims, "", "position of the branch that fails; -1: intact"
        ),
        "left/limit": Dataset(text([str(x.limit) for _, x in left], "<U32"), dims, "", "what is broken"),
        "left/where": Dataset(
            np.array([x.where for _, x in left], np.int64), dims, "", "position of the branch or bus; -1: no power flow"
        ),
        "left/beyond": Dataset(
            np.array([x.beyond for _, x in left], float), dims, "", "share of the rating, p.u. of voltage, MVAr"
        ),
        "left/why": Dataset(text([str(x.why) for _, x in left], "<U96"), dims, "", "the kind of reason"),
    }


def left_of(paths: Sequence[str]) -> list[tuple[int, Left]]:
    """(hour, what stays insecure) of the result files of adjustment, in their order."""
    out = []
    for path in paths:
        arrays, _ = store.read(path, [f"left/{k}" for k in NAMES])
        hour, outage, limit, where, beyond, why = (arrays[f"left/{k}"] for k in NAMES)
        out += [
            (int(hour[k]), Left(int(outage[k]), Limit(limit[k]), int(where[k]), float(beyond[k]), Why(why[k])))
            for k in range(len(hour))
        ]
    return out


def kinds_left(left: Sequence[tuple[int, Left]], network: Network) -> list[KindLeft]:
    """By kind of reason, those of most hours first."""
    groups: dict[tuple[Limit, Why], list[tuple[int, Left]]] = {}
    for hour, x in left:
        groups.setdefault((x.limit, x.why), []).append((hour, x))
    kinds = []
    for (limit, why), members in groups.items():
        hour, worst = max(members, key=lambda m: (m[1].beyond, -m[0]))
        words = worst.told(network).removesuffix(f": {why}")
        kinds.append(KindLeft(limit, why, len({h for h, _ in members}), len(members), words, hour))
    return sorted(kinds, key=lambda k: (-k.hours, -k.cases, k.limit, k.why))
