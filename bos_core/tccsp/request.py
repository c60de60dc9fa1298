"""What is asked of the scheduler: a business request, and a chunk of one of its arrays."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from bos_core.index.tables import TaskArray
from bos_core.objects.errors import BosError
from bos_core.objects.task import Chunk, Receipt

STOPPED = BosError("the run was stopped", "run `bos resume`")


@dataclass(frozen=True)
class Request:
    """A business request as the scheduler sees it.

    Attributes:
        id: of its task set.
        criticality: what its completion matters, 1 for ordinary work.
        deadline: when it must have ended, on the scheduler's monotonic clock; inf without one.
        workers: containers that it wants to run on.
        limit_mib: memory that all containers together may use while it runs.
    """

    id: str
    criticality: float = 1.0
    deadline: float = float("inf")
    workers: int = 1
    limit_mib: float = float("inf")


@dataclass(eq=False)
class Work:
    """A chunk on its way.

    Attributes:
        told: hears why it is tried again.
        done: ends with the parts that took its place, none if it was run.
        since: when it could first have been run, on the monotonic clock.
    """

    array: TaskArray
    chunk: Chunk
    step: Callable[[dict[str, Any]], Receipt] | str
    scenario_id: int | None
    told: Callable[[str], None] = lambda why: None
    done: "Future[list[Work]]" = field(default_factory=Future)
    attempts: int = 0
    since: float = field(default_factory=time.monotonic)

    def finish(self, parts: "list[Work]") -> None:
        """Tell whoever waits that it is done, or which parts took its place, unless that was told before."""
        if not self.done.done():
            self.done.set_result(parts)

    def fail(self, error: BosError) -> None:
        """Tell whoever waits, unless that was done before."""
        if not self.done.done():
            self.done.set_exception(error)


def run_step(name: str, message: dict[str, Any]) -> Receipt:
    """Run a step, named as `module:function`, with a chunk as plain data; called on a container."""
    module, function = name.split(":")
    receipt: Receipt = getattr(import_module(module), function)(message)
    return receipt
