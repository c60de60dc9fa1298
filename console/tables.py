"""Rows of the reading commands."""

from typing import Any

from bos_core.index import data, tasks
from bos_core.index.client import Index
from bos_core.objects.errors import ParameterError
from console import services
from flows.insecure import kinds_left, left_of
from flows.report.artifacts import stage_table
from flows.steps.inputs import network_of
from storage.settings import settings


def stage_rows(index: Index, set_id: str, plain: bool) -> list[dict[str, Any]]:
    """The stage table; `plain` gives numbers instead of text."""
    if plain:
        return [vars(c) for c in index.call(lambda db: tasks.stage_counts(db, set_id))]
    return list(stage_table(index, set_id))


def insecure_rows(index: Index, set_id: str) -> tuple[int, list[dict[str, Any]]]:
    """In how many hours something stays insecure after adjustment, and what, by kind of reason."""
    files = index.call(lambda db: data.outputs(db, set_id, "adjust"))
    left = left_of([o.path for o in files])
    if not left:
        return 0, []
    path = index.call(lambda db: data.outputs(db, set_id, "equivalence"))[0].path
    return len({h for h, _ in left}), [k.row() for k in kinds_left(left, network_of(path)[0])]


def result_rows(set_id: str, stage: str | None) -> list[dict[str, Any]]:
    """One row per result file."""
    with Index(settings()) as index:
        files = index.call(lambda db: data.outputs(db, set_id, stage, layout=None))
    return [
        {"file": str(settings().results / o.path), "stage": o.stage, "layout": o.layout, "first hour": o.first_hour, "hours": o.hours,
         "KiB": o.size // 1024, "program": o.program, "scenario": o.scenario_id}
        for o in files
    ]  # fmt: skip


def trace_rows(path: str, plain: bool) -> list[dict[str, Any]]:
    """Where a file came from, as one row of JSON or as lines."""
    services.ensure_index(settings())
    with Index(settings()) as index:
        found = index.call(lambda db: data.trace(db, path.removeprefix(f"{settings().results}/")))
    if found is None:
        raise ParameterError(f"no result is called '{path}'", "give the end of a path from `bos results`")
    if plain:
        return [found]
    flat = {
        **found,
        "scenario": " ← ".join(s["label"] for s in found["scenario"]),
        "parameters": str(found["parameters"]),
    }
    return [{"what": k, "value": v} for k, v in flat.items()]
