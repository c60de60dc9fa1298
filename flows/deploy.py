"""Deployments: the chain on demand and as a scheduled annual run, stability-constrained scheduling on demand."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron

from flows import stability_scheduling as stability
from flows.parameters import PlanningParameters
from flows.steady_state_planning import NAME, steady_state_planning

POOL = "bos"
HOURS_OF_YEAR = 8760
YEARLY = Cron("0 2 1 1 *", timezone="UTC")


def registered() -> bool:
    """Whether the server knows the chain's deployment."""
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(f"{NAME}/{NAME}")
        except ObjectNotFound:
            return False
    return True


def register() -> None:
    """Register the deployments of the installed flows with the server."""
    week, year = PlanningParameters(), PlanningParameters(hours=HOURS_OF_YEAR)
    chain: tuple[str, Any] = ("steady_state_planning.py:steady_state_planning", steady_state_planning)
    loop: tuple[str, Any] = ("stability_scheduling.py:stability_flow", stability.stability_flow)
    for name, (entry, flow), parameters, schedule in (
        (NAME, chain, week, None), (f"{NAME}-annual", chain, year, YEARLY),
        (stability.NAME, loop, stability.StabilityParameters(), None),
    ):  # fmt: skip
        root = str(Path(__file__).resolve().parent.parent)
        source: Any = flow.from_source(source=root, entrypoint=f"flows/{entry}")
        with redirect_stdout(StringIO()):  # it prints tables
            source.deploy(
                name=name, work_pool_name=POOL, parameters={"parameters": parameters.model_dump()}, schedule=schedule,
                print_next_steps=False, ignore_warnings=True, build=False, push=False,
            )  # fmt: skip
