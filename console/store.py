"""`bos store`: is every result whole, and what may go."""

import shutil
from typing import Annotated

import typer

from console.output import console, plain_errors, show
from storage.settings import settings

app = typer.Typer(no_args_is_help=True, help="Check, repair and prune the result store.")

Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@app.command()
def check(
    repair: Annotated[bool, typer.Option(help="take damaged files out of the index and remove stray ones")] = False,
    json: Json = False,
) -> None:
    """Compare every result file with its checksum; exit code 1 if anything is wrong and was not repaired."""
    with plain_errors():
        from bos_core.index import upkeep
        from bos_core.index.client import Index
        from console import services

        services.ensure_index(settings())
        root = settings().results
        with Index(settings()) as index:
            wrong = index.call(lambda db: upkeep.damaged(db, root))
            stray = upkeep.strays(root, index.call(upkeep.known_paths))
            if repair:
                index.call(lambda db: upkeep.forget(db, wrong))
                for path in [*stray, *(d.path for d in wrong)]:
                    (root / path).unlink(missing_ok=True)
        rows = [{"file": d.path, "task set": d.task_set, "what is wrong": d.what} for d in wrong]
        rows += [{"file": p, "task set": "", "what is wrong": "no index row names it"} for p in stray]
        if rows or json:
            show(rows, json)
        else:
            console.print("every result file is whole")
        if repair and wrong and not json:
            for name in sorted({d.task_set for d in wrong}):
                console.print(f"run `bos resume {name}` to compute what was lost")
    if rows and not repair:
        raise typer.Exit(1)


@app.command()
def prune(
    task_set: Annotated[str, typer.Argument(help="task set whose results may go: its id or the beginning of it")],
) -> None:
    """Remove a task set's result files; refused while it runs or a kept scenario version refers to them."""
    with plain_errors():
        from bos_core.index import tasks, upkeep
        from bos_core.index.client import Index
        from bos_core.objects.errors import ParameterError
        from console import services

        services.ensure_index(settings())
        with Index(settings()) as index:
            found = index.call(lambda db: tasks.find_task_set(db, task_set))
            if found is None:
                raise ParameterError(f"no task set is called '{task_set}'", "see `bos sets`")
            paths = index.call(lambda db: upkeep.forget_set(db, found.id))
        size = sum((settings().results / p).stat().st_size for p in paths if (settings().results / p).exists())
        shutil.rmtree(settings().results / found.id, ignore_errors=True)
        console.print(f"{len(paths)} files, {size / 2**20:.1f} MiB of task set {found.id} removed")
