"""The finished reference study that a benchmark looks into."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sqlmodel import col, select

from blocks.database import ensure_database
from bos_core.index.client import Index
from bos_core.index.tables import TaskSet
from flows.stages import Stages
from slots.grid.model import Ints
from storage.settings import Settings


def options(parser: argparse.ArgumentParser, quick: str) -> None:
    """The options of such a benchmark; `quick` tells what --quick does."""
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--home", type=Path, default=Path.home() / ".bos-reference-study", help="of the study")
    parser.add_argument("--port", type=int, default=4299, help="of the Prefect server")


@contextmanager
def finished(asked: argparse.Namespace) -> Iterator[Stages]:
    """The results of the longest finished run in a home; the program ends with a sentence where there is none."""
    settings = Settings(asked.home.resolve(), "", asked.port)
    if not (settings.home / "results").exists():
        sys.exit(f"{asked.home} holds no study; run benchmarks/reference_study.py with this --home first")
    os.environ["BOS_HOME"] = str(settings.home)  # result files are found below it
    ensure_database(settings)
    with Index(settings) as index:
        done = index.call(lambda db: db.exec(select(TaskSet).where(col(TaskSet.state) == "success"))).all()
        if not done:
            sys.exit(f"the study in {asked.home} is not finished; run benchmarks/reference_study.py again")
        yield Stages(index, max(done, key=lambda s: s.parameters["hours"]).id)


def spread(stages: Stages, count: int) -> Ints:
    """Hours spread over the study's, none of them the first or the last."""
    return np.unique(np.linspace(0, stages.hours - 1, count + 2).astype(int)[1:-1])
