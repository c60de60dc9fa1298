"""A flow run as Prefect sees it: it carries its task set's name, hears when it is cancelled, and clears up what died.

Prefect's own worker ends a cancelled run's process; a run in the foreground has no worker, and looks by itself.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterName,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.states import Crashed

from bos_core.tccsp.client import SchedulerLost

LOOK_S = 2.0
UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED, StateType.PAUSED]
STOPPING = (StateType.CANCELLING, StateType.CANCELLED)


def scheduler_lost(task: Any, run: Any, state: State[Any]) -> bool:
    """Whether a task failed only because the scheduler's process died; it is tried again then."""
    return isinstance(getattr(state.data, "result", state.data), SchedulerLost)


class Presence:
    """Names the flow run after its task set, closes earlier runs of it that died, and watches for cancellation.

    Args:
        set_id: the task set.
        stop: called once when somebody cancels the run.
    """

    def __init__(self, set_id: str, stop: Callable[[], None]) -> None:
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        self._id: UUID = context.flow_run.id
        self._set_id, self._stop = set_id, stop
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="bos-presence", daemon=True)
        self.cancelled = False

    def __enter__(self) -> "Presence":
        with get_client(sync_client=True) as client:
            _close_dead(client, self._set_id, self._id)
            client.update_flow_run(self._id, name=self._set_id)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=5)

    def _watch(self) -> None:
        with get_client(sync_client=True) as client:
            while not self._ended.wait(LOOK_S):
                with suppress(Exception):  # the server may be away for a while
                    state = client.read_flow_run(self._id).state
                    if state is not None and state.type in STOPPING:
                        self.cancelled = True
                        self._stop()
                        return


def _close_dead(client: SyncPrefectClient, set_id: str, but: UUID) -> None:
    """Mark runs of a task set that were killed as crashed, with their task runs: nobody else runs it now."""
    named = FlowRunFilter(name=FlowRunFilterName(any_=[set_id]),
                          state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*UNFINISHED, *STOPPING[:1]])))  # fmt: skip
    unfinished = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=UNFINISHED)))
    for run in client.read_flow_runs(flow_run_filter=named):
        if run.id == but:
            continue
        died: State[Any] = Crashed(message="its process died; the task set was resumed by another run")
        for task in client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])), task_run_filter=unfinished
        ):
            client.set_task_run_state(task.id, died, force=True)
        client.set_flow_run_state(run.id, died, force=True)
