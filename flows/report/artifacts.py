"""Prefect artifacts of a run: progress per stage and month, the stage table, the report's link."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from prefect.artifacts import (
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from bos_core.index import tasks
from bos_core.index.client import Index
from flows.chain import STAGE, STAGES

EVERY_S = 5.0


Advance: TypeAlias = Callable[[int, int], None]
Tell: TypeAlias = Callable[[str], None]


@contextmanager
def stage_progress(description: str) -> Iterator[tuple[Advance, Tell]]:
    """A progress artifact, and a list of what had to be tried again.

    The first of the yielded functions takes (done, of) and updates the progress now and then; the second takes why a
    chunk is tried again.
    """
    artifact = create_progress_artifact(0.0, description=description)
    last = time.monotonic()
    retries: list[str] = []

    def advance(done: int, of: int) -> None:
        nonlocal last
        if time.monotonic() - last > EVERY_S and done < of:
            last = time.monotonic()
            update_progress_artifact(artifact, 100.0 * done / of)  # type: ignore[arg-type]

    try:
        yield advance, retries.append
    finally:
        if retries:
            create_table_artifact(
                [{"what": r} for r in retries], key="bos-retries", description=f"Retries: {description}"
            )
    update_progress_artifact(artifact, 100.0)  # type: ignore[arg-type]


def stage_table(index: Index, set_id: str) -> list[dict[str, str]]:
    """One row per stage like the reference platform's table: tasks, mean, serial and wall time, speed-up."""
    counts = {c.stage: c for c in index.call(lambda db: tasks.stage_counts(db, set_id))}
    rows = []
    for stage in STAGES:
        if stage.name not in counts:
            continue
        c = counts[stage.name]
        rows.append(
            {
                "stage": STAGE[stage.name].title, "tasks": f"{c.tasks:,}", "failed": str(c.failed),
                "mean": _time(c.serial_s / max(c.tasks, 1)), "serial": _time(c.serial_s), "data": _share(c.data_s, c.serial_s),
                "wall": _time(c.wall_s), "speed-up": f"{c.serial_s / c.wall_s:.2f}" if c.wall_s > 0 else "–",
            }
        )  # fmt: skip
    return rows


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole > 0 else "–"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def finish_artifacts(index: Index, set_id: str, report: Path) -> None:
    """Publish the stage table and the report's link on the run."""
    create_table_artifact(stage_table(index, set_id), key="bos-stages", description=f"Stages of task set {set_id}")
    create_link_artifact(report.as_uri(), link_text="report", key="bos-report", description=f"Task set {set_id}")
