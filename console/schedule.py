"""`bos top` and `bos schedule`: what containers do now, and what the scheduler decided and why."""

from typing import Annotated, Any

import typer

from bos_core.objects.errors import ParameterError
from console.output import console, plain_errors, show
from storage.settings import settings

app = typer.Typer(no_args_is_help=True, help="What the scheduler decided, and why.")

Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@app.command()
def explain(
    task_set: Annotated[str, typer.Argument(help="task set: its id, the beginning of it, or `latest`")] = "latest",
    stage: Annotated[str | None, typer.Option(help="every chunk of this stage instead of a line per stage")] = None,
    json: Json = False,
) -> None:
    """Waiting, priorities, forecasts of time and memory, and what became of them.

    A chunk goes to the container where it ends soonest, the one of largest weight first: the weight is
    criticality times waiting times urgency, halved for each place behind the head of its own request.
    """
    with plain_errors(), _index() as index:
        from bos_core.index import decisions, tasks
        from console.scheduling import chunk_row, stage_row

        found = index.call(lambda db: tasks.find_task_set(db, task_set))
        if found is None:
            raise ParameterError(f"no task set is called '{task_set}'", "see `bos sets`")
        sent = index.call(lambda db: decisions.sent(db, found.id, stage))
    if stage is None:
        rows = [vars(d) for d in decisions.by_stage(sent)]
        show(rows if json else [stage_row(d) for d in rows], json)
    else:
        show([vars(s) for s in sent] if json else [chunk_row(s) for s in sent], json)


def top(
    once: Annotated[bool, typer.Option(help="print one view and end")] = False,
    json: Json = False,
) -> None:
    """Containers as they work: what each does, its processor and memory, and what waits. Ctrl-C ends it."""
    with plain_errors(), _index() as index:
        from console.scheduling import rows_now, watch

        if json or once or not console.is_terminal:
            show(rows_now(index, plain=json), json)
        else:
            watch(index)


def _index() -> Any:
    from bos_core.index.client import Index
    from console import services

    services.ensure_index(settings())
    return Index(settings())
