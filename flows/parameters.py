"""What a user chooses for a planning run: one model that is also the form."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bos_core.objects.errors import ParameterError
from bos_core.plump.registry import program, programs
from slots.sources.catalogue import DEFAULT_GRID

YEAR = 8784


def _choices(slot: str, *extra: str) -> dict[str, Any]:
    return {"enum": [*extra, *(p.name for p in programs(slot))]}


class Algorithms(BaseModel):
    """The program chosen for each slot."""

    model_config = ConfigDict(extra="forbid")

    modelling: Annotated[str, Field(json_schema_extra=_choices("modelling"))] = "from-source"
    snapshot: Annotated[str, Field(json_schema_extra=_choices("snapshot"))] = "secured"
    equivalence: Annotated[str, Field(json_schema_extra=_choices("equivalence"))] = "ward"
    sequence: Annotated[str, Field(json_schema_extra=_choices("sequence", "auto"))] = "auto"
    borders: Annotated[str, Field(json_schema_extra=_choices("borders"))] = "clustered"
    unit_commitment: Annotated[str, Field(json_schema_extra=_choices("unit_commitment"))] = "guided"
    active_dispatch: Annotated[str, Field(json_schema_extra=_choices("active_dispatch"))] = "loss-iterated"
    reactive_dispatch: Annotated[str, Field(json_schema_extra=_choices("reactive_dispatch"))] = "interior-point"
    n1: Annotated[str, Field(json_schema_extra=_choices("n1"))] = "batched"
    adjustment: Annotated[str, Field(json_schema_extra=_choices("adjustment"))] = "successive-lp"

    @field_validator("*")
    @classmethod
    def _known(cls, value: str, info: Any) -> str:
        if not (info.field_name == "sequence" and value == "auto"):
            try:
                program(info.field_name, value)
            except ParameterError as error:
                raise ValueError(str(error)) from None
        return value


class ListedContingency(BaseModel):
    """What is lost together, in addition to the outage of each branch."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, description="what a user calls it")
    elements: list[str] = Field(min_length=1, description="names of branches and units of the grid")


class PlanningParameters(BaseModel):
    """Parameters of the steady-state planning chain."""

    model_config = ConfigDict(extra="forbid")

    grid: str = Field(
        default=DEFAULT_GRID,
        description="case name, pandapower:NAME, a file (.m, .json, .zip, .uct, .raw, .dgs, .xiidm), a folder, or scenario:VERSION",
    )
    start: int = Field(default=0, ge=0, lt=YEAR, description="first hour of the year (h); a multiple of 24")
    hours: int = Field(default=168, ge=1, le=YEAR, description="number of hours (h)")
    keep_kv: float = Field(
        default=230.0, ge=0, description="voltage at or above which the grid is kept (kV); 0 keeps all"
    )
    workers: int = Field(default=2, ge=1, le=256, description="containers that compute")
    memory_limit: float | None = Field(
        default=None, gt=0, description="that all containers together may use (MiB); 60 % of the machine if left out"
    )
    criticality: float = Field(
        default=1.0, gt=0, le=1000, description="what this run's completion matters, 1 for ordinary work"
    )
    deadline: float | None = Field(
        default=None,
        gt=0,
        description="minutes from now until when it is to have ended; it overtakes work that can wait",
    )
    seed: int = Field(default=1, ge=0, description="of everything random")
    gap: float = Field(default=8e-4, gt=0, le=0.1, description="relative gap of unit commitment")
    inverter_power_factor: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="reactive range of wind and solar units without one; 1 leaves data as they are",
    )
    contingencies: list[ListedContingency] = Field(
        default_factory=list, description="further contingencies that the final schedule is verified against"
    )
    unit_outages: bool = Field(
        default=False, description="verify the final schedule against the loss of each unit, too"
    )
    algorithms: Algorithms = Field(default_factory=Algorithms, description="program of each slot")

    @field_validator("start")
    @classmethod
    def _midnight(cls, value: int) -> int:
        if value % 24:
            raise ValueError("start must be a multiple of 24 (a midnight)")
        return value

    def check_horizon(self) -> None:
        """Raise ParameterError if the hours leave the year."""
        if self.start + self.hours > YEAR:
            raise ParameterError(
                f"hours {self.start} to {self.start + self.hours - 1} leave the year of {YEAR} hours",
                "ask for fewer hours or an earlier start",
            )
