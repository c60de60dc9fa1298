"""How results reach the terminal: tables for people, JSON for programs, one sentence for errors."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bos_core.objects.errors import BosError

console = Console()

LONGEST_NAME, LONGEST_NUMBER = 40, 14  # characters that are never folded in a table


def show(rows: list[dict[str, Any]], as_json: bool, title: str = "") -> None:
    """Print rows as a table, or as one JSON array."""
    if as_json:
        print(json.dumps(rows, default=str))
        return
    if not rows:
        console.print("nothing to show")
        return
    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for k, name in enumerate(rows[0]):
        longest = max(len(str(row.get(name, ""))) for row in rows)
        # Numbers stay whole; where a table is too wide for the screen, its long names are folded.
        whole = longest <= (LONGEST_NAME if k == 0 else LONGEST_NUMBER)
        table.add_column(name, justify="left" if k == 0 else "right", overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(str(v) for v in row.values()))
    console.print(table)


def show_one(value: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps(value, default=str))


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn errors of ours into one sentence on stderr and exit code 1."""
    try:
        yield
    except BosError as error:
        print(f"bos: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("bos: stopped; run `bos resume latest` to go on", file=sys.stderr)
        raise typer.Exit(130) from None
