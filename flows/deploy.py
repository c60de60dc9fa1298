"""Deployments of the chain: on demand, and a scheduled annual run."""

from pathlib import Path
from typing import Any

from prefect.schedules import Cron

from flows.parameters import PlanningParameters
from flows.steady_state_planning import NAME, steady_state_planning

POOL = "bos"
HOURS_OF_YEAR = 8760
YEARLY = Cron("0 2 1 1 *", timezone="UTC")


def register() -> None:
    """Register both deployments of the installed flow with the server."""
    week, year = PlanningParameters(), PlanningParameters(hours=HOURS_OF_YEAR)
    source: Any = steady_state_planning.from_source(
        source=str(Path(__file__).resolve().parent.parent),
        entrypoint="flows/steady_state_planning.py:steady_state_planning",
    )
    for name, parameters, schedule in ((NAME, week, None), (f"{NAME}-annual", year, YEARLY)):
        source.deploy(
            name=name, work_pool_name=POOL, parameters={"parameters": parameters.model_dump()}, schedule=schedule,
            print_next_steps=False, ignore_warnings=True, build=False, push=False,
        )  # fmt: skip
