"""What containers do now and what the scheduler decided, as rows and tables."""

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from rich.live import Live
from rich.table import Table

from bos_core.index import containers, decisions
from bos_core.index.client import Index
from bos_core.index.containers import Placement, SampleOf, ServerUse
from bos_core.index.tables import now
from console.output import console

RECENT_S = 10  # an older sample says nothing about now
EVERY_S = 1.0


def stage_row(d: dict[str, Any]) -> dict[str, str]:
    """A stage's decisions in one line."""
    return {
        "stage": d["stage"], "chunks": f"{d['chunks']:,}", "retries": str(d["retries"]),
        "waited s": f"{d['waited_s']:.1f}", "longest": f"{d['longest_s']:.1f}", "forecast off": f"{d['error']:.0%}",
        "MiB": f"{d['peak_mib']:.0f}", "forecast": f"{d['forecast_mib']:.0f}",
        "beyond": f"{d['beyond_mib']:.0f}" if d["beyond_mib"] > 0 else "–",
    }  # fmt: skip


def chunk_row(s: decisions.Sent) -> dict[str, str]:
    """A chunk's decision in one line."""
    return {
        "chunk": s.chunk.split("/", 1)[1], "state": s.state, "container": s.container, "waited s": f"{s.waited_s:.1f}",
        "weight": f"{s.weight:.3g}", "forecast s": f"{s.forecast_s:.1f}", "took": f"{s.seconds:.1f}",
        "MiB": f"{s.peak_mib:.0f}", "forecast": f"{s.forecast_mib:.0f}", "tries": str(s.attempts), "why": s.error,
    }  # fmt: skip


def watch(index: Index) -> None:
    """Draw what containers do until the user ends it."""
    with Live(console=console, screen=False, refresh_per_second=4) as live:
        while True:
            live.update(_table(rows_now(index, plain=False), _servers(index).values()))
            time.sleep(EVERY_S)


def rows_now(index: Index, plain: bool) -> list[dict[str, Any]]:
    """One row per container that runs; the services that it works on in one line."""
    placed = [p for p in index.call(containers.placements) if p.state == "running"]
    recent = (now() - timedelta(seconds=RECENT_S), now())
    since = {p.container: p.since for p in placed}
    samples = index.call(lambda db: containers.samples_between(db, *recent))
    latest = {s.container: s for s in samples if s.container in since and s.at > since[s.container]}
    names = dict.fromkeys(p.container for p in placed)
    servers = _servers(index)
    return [_row([p for p in placed if p.container == n], latest.get(n), servers, plain) for n in names]


def _servers(index: Index) -> dict[str, ServerUse]:
    """The latest look at every server that was seen just now."""
    recent = (now() - timedelta(seconds=RECENT_S), now())
    return {s.server: s for s in index.call(lambda db: containers.server_use_between(db, *recent))}


def _row(mine: list[Placement], s: SampleOf | None, servers: dict[str, ServerUse], plain: bool) -> dict[str, Any]:
    first = mine[0]
    chunks = [p.chunk for p in mine if p.doing == "working"]
    doing, sets = [c.split("/", 1)[-1] for c in chunks], sorted({c.split("/", 1)[0] for c in chunks})
    row: dict[str, Any] = {
        "container": first.container, "task set": ", ".join(sets), "cores": first.cores, "quota MiB": first.memory_mib,
        "works on": doing, "cpu share": s and s.cpu_share, "resident MiB": s and s.resident_mib,
        "given": s and s.queued, "waiting for any": s and s.waiting,
    }  # fmt: skip
    if plain:
        there = servers.get(first.server)
        return row | {"server": first.server, "server cpu share": there and there.cpu_share,
                      "server memory share": there and there.memory_share}  # fmt: skip
    return row | {
        "works on": ", ".join(doing) or "–", "cpu share": f"{s.cpu_share:.0%}" if s else "–",
        "resident MiB": f"{s.resident_mib:.0f}" if s else "–", "given": s.queued if s else "–",
        "waiting for any": s.waiting if s else "–",
    }  # fmt: skip


def _table(rows: list[dict[str, Any]], servers: Iterable[ServerUse]) -> Any:
    if not rows:
        return "no container runs"
    told = "\n".join(
        f"{s.server}: {s.cpu_share:.0%} of its processors and {s.memory_share:.0%} of its memory in use"
        for s in servers
    )
    table = Table(title="containers", title_justify="left", caption=told, caption_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if name in ("container", "task set", "works on") else "right")
    for row in rows:
        table.add_row(*(str(v) for v in row.values()))
    return table
