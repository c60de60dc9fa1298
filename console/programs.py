"""`bos programs`: algorithms of users, from a file to what everybody uses."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bos_core.objects.errors import ParameterError
from console.output import console, plain_errors, show
from storage.settings import settings

app = typer.Typer(
    no_args_is_help=True,
    help="Programs for the slots of the chain: submit yours, try it confined, have it reviewed, release it.",
)
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
Name = Annotated[str, typer.Argument(help="of `bos programs list`")]
Version = Annotated[str, typer.Option(help="the beginning of a version's id; the newest if left out")]


@app.command("list")
def list_programs(
    slot: Annotated[str, typer.Option(help="only programs of this slot")] = "",
    versions: Annotated[bool, typer.Option("--versions", help="every version of users' programs")] = False,
    json: Json = False,
) -> None:
    """Algorithms and device models, those of users too, as the index tells."""
    with plain_errors():
        rows = [r for r in _followed() if slot in ("", r.slot)]
        if not rows:
            raise ParameterError(f"slot '{slot}' is unknown", "see `bos programs slots`")
        if not versions:
            from bos_core.plump.registry import programs

            meant = {(p.name, p.version) for p in programs() if p.version}
            rows = [r for r in rows if r.author == "BOS" or r.type != "algorithm" or (r.name, r.version[:12]) in meant]
        show([{"program": r.name, "slot": r.slot, "state": r.state, "version": "" if r.author == "BOS" else r.version[:10],
               "author": r.author, "what it does": r.summary} for r in rows], json, "programs")  # fmt: skip


@app.command()
def slots(json: Json = False) -> None:
    """The services, what their slots call a program with, and what it must return."""
    with plain_errors():
        from slots.contracts.catalogue import SLOTS

        show([{"slot": s.name, "service": f"{s.domain}: {s.service}", "called with": ", ".join(s.arguments),
               "returns": (f"list of {s.result.__name__}" if s.many else s.result.__name__) if s.arguments else "",
               "yours": s.custom, "contract": f"slots/contracts/{s.name}.py" if s.arguments else "docs/equations.md"}
              for s in SLOTS.values()], json, "slots")  # fmt: skip


@app.command("show")
def show_program(name: Annotated[str, typer.Argument(help="of `list`, or NAME@VERSION")], json: Json = False) -> None:
    """A program's parameters: type, unit, range and default."""
    with plain_errors():
        from bos_core.plump.registry import parameters, programs

        base = name.partition("@")[0]
        chosen = next((p for p in programs() if p.name == base), None)
        if chosen is None:
            raise ParameterError(f"program '{name}' is unknown", "see `bos programs list`")
        if "@" in name:
            from bos_core.plump.programs import found

            chosen = found(base, name.partition("@")[2])
        rows = parameter_rows(parameters(chosen))
        show(rows, json, f"{chosen.identity}, {chosen.state}: {chosen.summary}")


def parameter_rows(model: Any) -> list[dict[str, Any]]:
    """A table of a program's parameters."""
    properties = model.model_json_schema().get("properties", {})
    return [
        {"parameter": k, "type": p.get("type", "choice"), "unit": p.get("unit", ""), "default": p.get("default"),
         "range": _range(p), "description": p.get("description", "")}
        for k, p in properties.items()
    ]  # fmt: skip


def _range(told: dict[str, Any]) -> str:
    if "enum" in told:
        return ", ".join(str(x) for x in told["enum"])
    low, high = told.get("minimum", ""), told.get("maximum", "")
    return f"{low} … {high}" if (low, high) != ("", "") else ""


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="Python file: SLOT, and one public function named as the program")],
    note: Annotated[str, typer.Option(help="why; the program's description if nothing is said")] = "",
) -> None:
    """Keep a program as a new version of its name, once it has passed its slot's contract suite in confinement.

    It is private then: runs that choose it by name run it confined. Services that run know it at once.
    """
    with plain_errors():
        from bos_core.plump.programs import submit as keep

        made = keep(_read(file), note)
        _tell()
        console.print(f"{made.name}@{made.id[:10]} is kept, private; runs use it as {made.name}", soft_wrap=True)


@app.command("try")
def try_program(name: Name, version: Version = "", json: Json = False) -> None:
    """Run a program's contract suite in confinement and tell which layers were in force."""
    with plain_errors():
        from bos_core.plump.confinement.layers import LAYERS, MEANING
        from bos_core.plump.confinement.trial import here
        from bos_core.plump.models import repository
        from bos_core.plump.programs import KIND, try_suite
        from bos_core.plump.source import read

        source = read(repository().text(KIND, name, version))
        findings = list(try_suite(source))
        force = here().in_force()
        show(
            [{"layer": x, "in force": x in force, "what it keeps out": MEANING[x]} for x in LAYERS], json, "confinement"
        )
        for f in findings:
            print(f"bos: {f.case}: {f.why}", file=sys.stderr)
        if findings:
            raise typer.Exit(1)
        if not json:
            console.print(f"{name} holds the contract of slot {source.slot.name}")


@app.command()
def review(
    name: Name,
    reason: Annotated[str, typer.Option(help="what was looked at, and found")],
    version: Version = "",
    refuse: Annotated[bool, typer.Option("--refuse", help="it stays private, or becomes so again")] = False,
) -> None:
    """Record a review: a version that passed is public, and may be released."""
    with plain_errors():
        from bos_core.plump.programs import review as record

        made = record(name, version, not refuse, reason)
        _tell()
        console.print(f"{name}: {made.reason}")


@app.command()
def release(name: Name, version: Version = "") -> None:
    """Launch a public version, once it has passed its suite again, confined and as it will run."""
    with plain_errors():
        from bos_core.plump.programs import release as launch

        made = launch(name, version)
        _tell()
        console.print(f"{name}: {made.reason}")


@app.command()
def rollback(name: Name) -> None:
    """Launch what was launched before the version that is; nothing if that was the first."""
    with plain_errors():
        from bos_core.plump.programs import rollback as back

        made = back(name)
        _tell()
        console.print(f"{name}: {made.reason}")


@app.command()
def history(name: Name, json: Json = False) -> None:
    """All that happened to a program: versions, reviews, releases, newest first."""
    with plain_errors():
        from bos_core.plump.programs import KIND, standing
        from bos_core.plump.programs import history as all_of

        stands, texts = standing(name), set(_contents(KIND, name))
        show([{"at": f"{datetime.fromtimestamp(v.at, UTC):%Y-%m-%d %H:%M:%S}", "by": v.author,
               "version": v.id[:10] if v.content in texts else "",
               "state": stands.state(v.content).value if v.content in texts else "", "what": v.reason}
              for v in all_of(name)], json, name)  # fmt: skip


@app.command()
def check() -> None:
    """Whether every version is whole, and the index says what the repository holds."""
    with plain_errors():
        from bos_core.index.client import Index
        from bos_core.plump.indexing import differences, follow
        from bos_core.plump.programs import check as wrong_of
        from console import services

        wrong = wrong_of()
        if not wrong:
            services.ensure_index(settings())
            with Index(settings()) as index:
                apart = differences(index)
                rows = follow(index)
            for sentence in apart:
                console.print(f"mended: {sentence}", soft_wrap=True)
            console.print(f"{len(rows)} programs and versions are whole, and the index tells them")
        for sentence in wrong:
            print(f"bos: {sentence}", file=sys.stderr)
        if wrong:
            raise typer.Exit(1)


def _contents(kind: str, name: str) -> list[str]:
    from bos_core.plump.models import repository

    return [v.content for v in repository().history(kind, name)]


def _followed() -> list[Any]:
    """The index, made what the repository holds if something came between."""
    from bos_core.index.client import Index
    from bos_core.plump.indexing import follow
    from console import services

    services.ensure_index(settings())
    with Index(settings()) as index:
        return follow(index)


def _tell() -> None:
    """Bring what happened to the index and, where Prefect runs, into its forms."""
    from console import deployments

    _followed()
    deployments.refresh(settings())


def _read(path: Path) -> str:
    from bos_core.plump.source import MOST_BYTES

    try:
        if path.stat().st_size > MOST_BYTES:
            raise ParameterError(f"{path} is larger than {MOST_BYTES // 1024} KiB", "leave data out of a program")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} cannot be read: {error}", "name a Python file of a program") from None
