"""The live view of a run: one row per stage, drawn from the index."""

import threading
import time
from types import TracebackType
from typing import Any

from rich.live import Live
from rich.table import Table

from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.index.tasks import StageCounts
from bos_core.objects.errors import BosError
from console.output import console
from flows.chain import STAGES
from storage.settings import settings

EVERY_S = 1.0


class Progress:
    """Draws a task set's progress until it is left; a plain line per minute where there is no terminal."""

    def __init__(self, set_id: str, hours: int, workers: int) -> None:
        self._set_id, self._hours, self._workers = set_id, hours, workers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="bos-progress", daemon=True)

    def __enter__(self) -> "Progress":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _watch(self) -> None:
        try:
            with Index(settings()) as index:
                self._terminal(index) if console.is_terminal else self._lines(index)
        except (BosError, OSError):
            return  # the view is a courtesy; the run itself reports what is wrong

    def _terminal(self, index: Index) -> None:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            while not self._stop.wait(EVERY_S):
                live.update(self._table(self._counts(index)))

    def _lines(self, index: Index) -> None:
        began = time.monotonic()
        while not self._stop.wait(60.0):
            done = ", ".join(f"{c.stage} {c.done}/{c.tasks}" for c in self._counts(index) if c.done < c.tasks)
            console.print(f"[{time.monotonic() - began:.0f} s] {done}")

    def _counts(self, index: Index) -> list[StageCounts]:
        known = {c.stage: c for c in index.call(lambda db: tasks.stage_counts(db, self._set_id))}
        return [known[s.name] for s in STAGES if s.name in known]

    def _table(self, counts: list[StageCounts]) -> Any:
        table = Table(title=f"task set {self._set_id}", title_justify="left")
        for name in ("stage", "done", "failed", "retrying", "left", "time to go"):
            table.add_column(name, justify="left" if name == "stage" else "right")
        for c in counts:
            left = c.tasks - c.done - c.failed
            mean = c.serial_s / c.done if c.done else 0.0
            go = f"{mean * left / self._workers:.0f} s" if c.done and left else ""
            title = next(s.title for s in STAGES if s.name == c.stage)
            table.add_row(title, f"{c.done:,}", str(c.failed), str(c.retrying), f"{left:,}", go)
        return table
