"""What a user chooses for a planning run: one model that is also the form."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bos_core.objects.container import ContainerMode
from bos_core.objects.errors import ParameterError
from bos_core.objects.program import ProgramState
from bos_core.plump.models import model_text, pinned_model
from bos_core.plump.registry import checked, parameters, pinned, program, programs
from slots.contracts.catalogue import SLOTS
from slots.grid.reduction import PLANNED_WHOLE
from slots.sources.catalogue import DEFAULT_GRID

YEAR = 8784
AUTO = "auto"  # what comes with the grid if there is something, else synthetic


def _choices(slot: str, *extra: str) -> Callable[[dict[str, Any]], None]:
    """Looked up when a form is made: programs come and go."""

    def fill(schema: dict[str, Any]) -> None:
        schema["enum"] = [*extra, *(p.name for p in programs(slot))]

    return fill


class Algorithms(BaseModel):
    """The program chosen for each slot; NAME@VERSION is one version of a user's program."""

    model_config = ConfigDict(extra="forbid")

    modelling: Annotated[str, Field(json_schema_extra=_choices("modelling"))] = "from-source"
    snapshot: Annotated[str, Field(json_schema_extra=_choices("snapshot"))] = "secured"
    equivalence: Annotated[str, Field(json_schema_extra=_choices("equivalence"))] = "ward"
    sequence: Annotated[str, Field(json_schema_extra=_choices("sequence", AUTO))] = AUTO
    borders: Annotated[str, Field(json_schema_extra=_choices("borders"))] = "clustered"
    unit_commitment: Annotated[str, Field(json_schema_extra=_choices("unit_commitment"))] = "guided"
    active_dispatch: Annotated[str, Field(json_schema_extra=_choices("active_dispatch"))] = "loss-iterated"
    reactive_dispatch: Annotated[str, Field(json_schema_extra=_choices("reactive_dispatch"))] = "interior-point"
    n1: Annotated[str, Field(json_schema_extra=_choices("n1"))] = "batched"
    adjustment: Annotated[str, Field(json_schema_extra=_choices("adjustment"))] = "successive-lp"

    @field_validator("*")
    @classmethod
    def _known(cls, value: str, info: Any) -> str:
        if not (info.field_name == "sequence" and value == AUTO):
            _or_value_error(lambda: program(info.field_name, value))
        return value


def _or_value_error(work: Callable[[], Any]) -> Any:
    """What pydantic reports with the name of the field."""
    try:
        return work()
    except ParameterError as error:
        raise ValueError(str(error)) from None


def _check_settings(slot: str, name: str, given: dict[str, Any]) -> None:
    if slot not in SLOTS:
        raise ParameterError(f"slot '{slot}' is unknown", f"choose one of: {', '.join(SLOTS)}")
    checked(program(slot, name), given)


def _settings_schema(schema: dict[str, Any]) -> None:
    """A form for the parameters of every program that has some, made from what each says of itself."""
    slots: dict[str, Any] = {}
    for p in programs():
        model = parameters(p)
        if model.model_fields:
            form = {k: v for k, v in model.model_json_schema().items() if k != "title"}
            slots.setdefault(p.slot, {"type": "object", "title": p.slot, "properties": {}})
            slots[p.slot]["properties"][p.name] = {**form, "title": p.name, "description": p.summary}
    schema.pop("additionalProperties", None)
    schema["properties"] = slots


class ListedContingency(BaseModel):
    """What is lost together, in addition to the outage of each branch."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, description="what a user calls it")
    elements: list[str] = Field(min_length=1, description="names of branches and units of the grid")


class TransientCheck(BaseModel):
    """Hours of the final schedule that are simulated with a fault."""

    model_config = ConfigDict(extra="forbid")

    hours: list[int] = Field(default_factory=list, description="of the year (h); none: no check")
    buses: list[int] = Field(
        default_factory=list, description="numbers of kept buses with the fault; none: the one of most generation"
    )
    clearing: float = Field(default=0.1, gt=0, le=1, description="duration of the fault (s)")
    seconds: float = Field(default=5.0, gt=0, le=60, description="that are simulated (s)")
    machine: str = Field(default="GENTWO", description="device model of thermal units; NAME or NAME@VERSION")
    exciter: str = Field(default="SEXS", description="their exciter")
    governor: str = Field(default="TGOV1", description="their governor")
    converter: str = Field(default="INVPQ", description="device model of all other units")
    solver: Annotated[str, Field(json_schema_extra=_choices("time_domain"))] = "trapezoidal"

    @field_validator("solver")
    @classmethod
    def _solver(cls, value: str) -> str:
        _or_value_error(partial(program, "time_domain", value))
        return value

    @field_validator("machine", "exciter", "governor", "converter")
    @classmethod
    def _model(cls, value: str) -> str:
        _or_value_error(partial(model_text, value))
        return value


class PlanningParameters(BaseModel):
    """Parameters of the steady-state planning chain."""

    model_config = ConfigDict(extra="forbid")

    grid: str = Field(
        default=DEFAULT_GRID,
        description="case name, pandapower:NAME, a file (.m, .json, .zip, .uct, .raw, .dgs, .xiidm), a folder, or scenario:VERSION",
    )
    start: int = Field(
        default=0,
        ge=0,
        lt=YEAR,
        description="first hour (h) since the start of the grid's own series, else of the year; a multiple of 24",
    )
    hours: int = Field(default=168, ge=1, le=YEAR, description="number of hours (h)")
    keep_kv: float | None = Field(
        default=None,
        ge=0,
        description="voltage at or above which the grid is kept (kV); 0 keeps all; left out: all of a grid that is "
        f"planned in minutes, {PLANNED_WHOLE} buses, of a larger one the lowest level that leaves so few",
    )
    allow_shedding: bool = Field(
        default=False, description="go on where load exceeds what there is, and tell what is not served"
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
    transient: TransientCheck = Field(
        default_factory=TransientCheck, description="hours of the final schedule that are simulated with a fault"
    )
    algorithms: Algorithms = Field(default_factory=Algorithms, description="program of each slot")
    settings: dict[str, dict[str, dict[str, Any]]] = Field(
        default_factory=dict,
        description="parameters of programs: slot, program, parameter",
        json_schema_extra=_settings_schema,
    )

    @field_validator("start")
    @classmethod
    def _midnight(cls, value: int) -> int:
        if value % 24:
            raise ValueError("start must be a multiple of 24 (a midnight)")
        return value

    @field_validator("settings")
    @classmethod
    def _set(cls, value: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, dict[str, Any]]]:
        for slot, chosen in value.items():
            for name, given in chosen.items():
                _or_value_error(partial(_check_settings, slot, name, given))
        return value

    def with_versions(self) -> "PlanningParameters":
        """With each user's program as it is now, whatever is submitted or released later."""
        now = {
            slot: name if name == AUTO else pinned(slot, name) for slot, name in self.algorithms.model_dump().items()
        }
        models = {k: pinned_model(getattr(self.transient, k)) for k in ("machine", "exciter", "governor", "converter")}
        return self.model_copy(
            update={"algorithms": Algorithms(**now), "transient": self.transient.model_copy(update=models)}
        )

    def choice(self, slot: str, name: str = "") -> dict[str, Any]:
        """What a task is told of the program of a slot: its name, its parameters, the mode of its containers."""
        name = name or getattr(self.algorithms, slot)
        chosen = program(slot, name)
        mode = ContainerMode.LAUNCHED if chosen.state == ProgramState.LAUNCHED else ContainerMode.TRIAL
        return {"algorithm": name, "settings": self.settings.get(slot, {}).get(chosen.name, {}), "mode": mode.value}

    def check_horizon(self) -> None:
        """Raise ParameterError if the hours leave the year."""
        if self.start + self.hours > YEAR:
            raise ParameterError(
                f"hours {self.start} to {self.start + self.hours - 1} leave the year of {YEAR} hours",
                "ask for fewer hours or an earlier start",
            )
        outside = [h for h in self.transient.hours if not self.start <= h < self.start + self.hours]
        if outside:
            raise ParameterError(
                f"hour {outside[0]} of the transient check is outside the horizon",
                f"name hours from {self.start} to {self.start + self.hours - 1}",
            )
