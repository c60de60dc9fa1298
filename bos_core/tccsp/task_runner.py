"""The Prefect face of TCCSP: a task runner whose tasks are batches and whose work runs in containers.

A Prefect task run (one stage and one month) lives in a thread of the flow's process and costs a third of a
processor second; the thousands of chunks within it travel to containers by plain Dask and never touch Prefect.
"""

from typing import Any

from prefect.context import FlowRunContext
from prefect.task_runners import ThreadPoolTaskRunner

from bos_core.objects.errors import ServiceError
from bos_core.tccsp.client import SchedulerClient


class TCCSPTaskRunner(ThreadPoolTaskRunner):  # type: ignore[type-arg]
    """Prefect task runner with a task-container scheduler.

    Args:
        scheduler: the run's connection to the scheduler that batches hand their chunks to.
        max_batches: batches under way at once.
    """

    def __init__(self, scheduler: SchedulerClient | None = None, max_batches: int = 24) -> None:
        super().__init__(max_workers=max_batches)
        self.scheduler = scheduler
        self._max_batches = max_batches

    def duplicate(self) -> "TCCSPTaskRunner":
        """A runner with the same scheduler."""
        return type(self)(self.scheduler, self._max_batches)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, TCCSPTaskRunner) and self.scheduler is other.scheduler

    def __hash__(self) -> int:
        return id(self.scheduler)


def current_scheduler() -> SchedulerClient:
    """The scheduler of the flow run that the caller is part of.

    Raises:
        ServiceError: not inside a flow run on a TCCSPTaskRunner.
    """
    context = FlowRunContext.get()
    runner = context.task_runner if context else None
    if not isinstance(runner, TCCSPTaskRunner) or runner.scheduler is None:
        raise ServiceError("this task needs a flow that runs on TCCSPTaskRunner", "start it with `bos run`")
    return runner.scheduler
