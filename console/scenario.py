"""`bos scenario`: versions of the ontology, listed, compared, merged, taken out and brought in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from console.output import console, plain_errors, show
from storage.settings import settings

app = typer.Typer(no_args_is_help=True, help="Scenario versions: list, edit, compare, merge, export, import.")

Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
Version = Annotated[int, typer.Argument(help="scenario version, a number of `bos scenario list`")]


@app.command("list")
def list_versions(json: Json = False) -> None:
    """All versions, newest first: where each came from and whether it can still be written."""
    with plain_errors(), _index() as index:
        from bos_core.index import scenarios

        rows = index.call(scenarios.listed)
        show([{"version": r.id, "parent": r.parent_id, "merged": r.merged_id, "label": r.label,
               "task set": r.task_set_id, "committed": r.committed} for r in rows], json)  # fmt: skip


@app.command("diff")
def diff_versions(before: Version, after: Version, json: Json = False) -> None:
    """What differs between two versions, value by value."""
    with plain_errors(), _index() as index:
        from bos_core.index import merging

        found = index.call(lambda db: merging.diff(db, before, after))
        show([{"what": d.place[0], "id": d.place[1], "attribute": d.place[2], "before": d.before, "after": d.after}
              for d in found], json)  # fmt: skip


@app.command("edit")
def edit_version(
    version: Version, label: Annotated[str, typer.Option(help="name of the new version")],
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="GID:ATTRIBUTE=VALUE, e.g. unit:101_1:pmax=20; may be repeated")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="global id of what is to go; may be repeated")] = None,
) -> None:  # fmt: skip
    """A new version with other values, or without some devices; run it with `--grid scenario:LABEL`."""
    with plain_errors(), _index() as index:
        from flows.edits import edit_version as edit
        from flows.edits import effects

        made = edit(index, version, label, assign or [], remove or [])
        console.print(f"version {made}")
        for remark in effects(index, made, assign or []):
            console.print(f"  {remark}", soft_wrap=True)


@app.command("merge")
def merge_versions(
    ours: Version, theirs: Version, label: Annotated[str, typer.Option(help="name of the new version")],
    prefer: Annotated[str | None, typer.Option(help="`ours` or `theirs` where both changed a value")] = None,
) -> None:  # fmt: skip
    """A new version: ours with all that theirs changed since they parted; conflicts are reported."""
    with plain_errors(), _index() as index:
        from bos_core.index import merging, scenarios
        from bos_core.objects.errors import ParameterError

        if prefer not in (None, "ours", "theirs"):
            raise ParameterError(f"--prefer {prefer} is neither side", "write ours or theirs")

        async def work(db: Any) -> int:
            made = await merging.merge(db, ours, theirs, label, prefer)  # type: ignore[arg-type]
            await scenarios.commit(db, made)
            return made

        console.print(f"version {index.call(work)}")


@app.command("export")
def export_version(
    version: Version,
    file: Annotated[Path, typer.Argument(help=".bos: all of it; .m, .json, .zip, .uct, .raw, .xiidm: its grid")],
) -> None:
    """Write a version to one file."""
    with plain_errors(), _index() as index:
        from flows.portable import export_version as write

        told = write(index, version, file)
        console.print("\n".join([str(file), *told]), soft_wrap=True)


@app.command("import")
def import_version(
    source: Annotated[str, typer.Argument(help="a .bos file, or whatever `bos run --grid` takes")],
    label: Annotated[str, typer.Option(help="name of the new version")],
) -> None:
    """A new root version from a file."""
    with plain_errors(), _index() as index:
        from flows.portable import import_version as read

        console.print(f"version {read(index, source, label)}")


def _index() -> Any:
    from bos_core.index.client import Index
    from console import services

    services.ensure_index(settings())
    return Index(settings())
