"""A run in the foreground: parameters checked first, services started, progress drawn, the end told."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
from pydantic import ValidationError

from bos_core.index import tasks
from bos_core.index.client import Index
from bos_core.objects.errors import BosError, ParameterError
from bos_core.objects.task import TaskState
from console import services
from console.output import console, show
from console.progress import Progress
from console.reading import print_warnings
from console.tables import insecure_rows, stage_rows
from storage.settings import settings

PATIENCE_S = 20.0  # that an interrupted run has to end by itself


def execute_run(values: dict[str, Any], set_id: str) -> None:
    """Run or resume a task set and print how it ended.

    Raises:
        BosError: what stopped it, in one sentence.
    """
    from bos_core.tccsp.limits import memory_limit
    from flows.parameters import PlanningParameters
    from flows.versions import PREFIX
    from slots.grid.reduction import kept_at, level_for
    from slots.sources.catalogue import load_source

    try:
        parameters = PlanningParameters(**values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ParameterError(f"{place.replace('_', '-')} {first['input']!r}: {message}", "see --help") from None
    parameters.check_horizon()
    memory_limit(parameters.memory_limit)
    if not parameters.grid.startswith(PREFIX):  # that one is in the index
        grid = load_source(parameters.grid).grid  # refuse a bad grid before anything is started or written
        level = level_for(grid, parameters.keep_kv)
        kept_at(grid, level.kv)
        console.print(f"{grid.name}: {level.told}", soft_wrap=True)
        print_warnings(grid.reading, parameters.grid)
    services.ensure(settings())
    from prefect.exceptions import CancelledRun

    from flows.steady_state_planning import steady_state_planning

    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs deaf to it
    began = time.monotonic()
    pid_file = _pid_file(set_id)
    with Index(settings()) as index:
        index.hold_lock(set_id)  # a clear word now, before the flow starts
        index.release_lock()
    pid_file.parent.mkdir(exist_ok=True)
    pid_file.write_text(str(os.getpid()))
    try:
        with Progress(set_id, parameters.hours, parameters.workers):
            steady_state_planning(parameters, set_id)
    except BosError:
        raise
    except CancelledRun:
        raise BosError(f"task set {set_id} was cancelled in Prefect", f"run `bos resume {set_id}` to go on") from None
    except Exception as error:
        raise BosError(f"the run failed: {type(error).__name__}: {str(error).splitlines()[0][:200]}",
                       f"run `bos resume {set_id}`; logs are in {settings().logs}") from None  # fmt: skip
    finally:
        pid_file.unlink(missing_ok=True)
    with Index(settings()) as index:
        show(stage_rows(index, set_id, False), False, f"task set {set_id}")
        done = index.call(lambda db: tasks.find_task_set(db, set_id))
        insecure, why = insecure_rows(index, set_id)
    assert done is not None
    if why:
        show(why, False, f"what stays insecure in {insecure} of {parameters.hours} hours")
    console.print(f"{parameters.hours} hours in {time.monotonic() - began:.0f} s")
    console.print(f"report: {Path(done.message)}", soft_wrap=True)


def _pid_file(set_id: str) -> Path:
    """Where the process that runs a task set leaves its number."""
    return settings().home / "runs" / f"{set_id}.pid"


def stop_run(set_id: str) -> bool:
    """Interrupt the process that runs a task set, and end it if it does not heed that; whether there was one."""
    try:
        process = psutil.Process(int(_pid_file(set_id).read_text()))
        if not any("bos" in part or "python" in part for part in process.cmdline()[:2]):
            return False
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + PATIENCE_S
        while not _ended(process) and time.monotonic() < deadline:
            time.sleep(0.1)
        if not _ended(process):  # an interrupt can get lost in a callback; what is done is kept anyway
            process.kill()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return False
    _pid_file(set_id).unlink(missing_ok=True)
    with Index(settings()) as index:
        index.call(lambda db: tasks.set_task_set_state(db, set_id, TaskState.FAILED, "stopped by `bos cancel`"))
    return True


def _ended(process: psutil.Process) -> bool:
    """Whether a process has come to its end; one whose parent has not looked yet counts too."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between the two questions
        return True
