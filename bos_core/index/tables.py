"""The index: where every task set, task array, chunk, output, scenario and container is listed."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_JSON = JSON().with_variant(JSONB(), "postgresql")


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


def _when(nullable: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable)


class Scenario(SQLModel, table=True):
    """A version of the ontology; children store only what changed.

    Attributes:
        merged_id: the other version that a merge took changes from.
        task_set_id: the run that made it; empty for versions that a user made.
        committed: nothing more can be written to it.
        lineage: versions to read, oldest first: from the last one that holds everything to this one.
    """

    id: int | None = Field(default=None, primary_key=True)
    parent_id: int | None = Field(default=None, foreign_key="scenario.id")
    merged_id: int | None = Field(default=None, foreign_key="scenario.id")
    task_set_id: str = Field(default="", index=True)
    label: str
    committed: bool = False
    lineage: list[int] = Field(default_factory=list, sa_column=Column(ARRAY(Integer), nullable=False))
    created: datetime = Field(default_factory=now, sa_column=_when())
    __table_args__ = (UniqueConstraint("task_set_id", "label"),)


class Entity(SQLModel, table=True):
    """An entity of the ontology in a version that introduced or removed it; `position` is its place in its kind."""

    scenario_id: int = Field(foreign_key="scenario.id", primary_key=True)
    gid: str = Field(primary_key=True)
    kind: str
    name: str
    position: int = 0
    deleted: bool = False


class EntityRelation(SQLModel, table=True):
    """An edge of the organisation or the topology in a version that introduced or removed it."""

    scenario_id: int = Field(foreign_key="scenario.id", primary_key=True)
    relation: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    target: str = Field(primary_key=True)
    via: str = Field(default="", primary_key=True)
    deleted: bool = False


class HourlyState(SQLModel, table=True):
    """Which stage's files hold an hourly attribute as of a version: entity state is arrays, never rows.

    Attributes:
        layer: 0 for pointers of all devices; those of some devices lie over them, higher ones over lower ones.
        devices: names of the devices meant; None: all.
    """

    __tablename__ = "hourlystate"
    scenario_id: int = Field(foreign_key="scenario.id", primary_key=True)
    dataset: str = Field(primary_key=True)
    layer: int = Field(default=0, primary_key=True)
    first_hour: int = Field(primary_key=True)
    hours: int
    task_set_id: str
    stage: str
    devices: list[str] | None = Field(default=None, sa_column=Column(ARRAY(String), nullable=True))


class TaskSet(SQLModel, table=True):
    """One business request."""

    id: str = Field(primary_key=True)
    flow: str
    parameters: dict[str, Any] = Field(sa_column=Column(_JSON, nullable=False))
    state: str
    message: str = ""
    created: datetime = Field(default_factory=now, sa_column=_when())
    finished: datetime | None = Field(default=None, sa_column=_when(True))


class TaskArray(SQLModel, table=True):
    """Tasks of one stage and month; task k of the array is addressed as `id + k`.

    Attributes:
        kind: what makes its chunks take like times: grid, level, program.
        priority: place among the arrays of its task set, lower first.
        mode: of the containers that run it.
    """

    id: str = Field(primary_key=True)
    task_set_id: str = Field(foreign_key="taskset.id", index=True)
    stage: str
    month: int
    elements: int
    priority: int
    kind: str = ""
    mode: str = "launched"
    started: datetime | None = Field(default=None, sa_column=_when(True))
    finished: datetime | None = Field(default=None, sa_column=_when(True))


class ChunkRow(SQLModel, table=True):
    """A chunk of a task array and what became of it; `forecast_s`, `waited_s`, `weight`: as it was last sent.

    Attributes:
        size: what its duration depends on; hours unless its stage knows better.
        load_s: part of `seconds` in which its container loaded what the service needs for the first time.
        start_mib: resident memory of its container before it.
    """

    __tablename__ = "chunk"
    key: str = Field(primary_key=True)
    array_id: str = Field(foreign_key="taskarray.id", index=True)
    position: int
    offset: int
    count: int
    first_hour: int
    hours: int
    size: float = 0.0
    load_s: float = 0.0
    start_mib: float = 0.0
    state: str
    attempts: int = 0
    container: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    data_seconds: float = 0.0
    peak_mib: float = 0.0
    error: str = ""
    forecast_s: float = 0.0
    forecast_mib: float = 0.0
    waited_s: float = 0.0
    weight: float = 0.0
    started: datetime | None = Field(default=None, sa_column=_when(True))
    finished: datetime | None = Field(default=None, sa_column=_when(True))


class TaskException(SQLModel, table=True):
    """A single task that needs attention; all others of its chunk share the chunk's state."""

    chunk_key: str = Field(foreign_key="chunk.key", primary_key=True)
    offset: int = Field(primary_key=True)
    reason: str


class Output(SQLModel, table=True):
    """A result file; its row is the commit of the chunk. `layout`: by-time as computed, by-device as a copy."""

    chunk_key: str = Field(foreign_key="chunk.key", primary_key=True)
    task_set_id: str = Field(index=True)
    stage: str
    month: int
    path: str
    sha256: str
    size: int
    program: str
    layout: str = "by-time"
    scenario_id: int | None = Field(default=None, foreign_key="scenario.id")
    first_hour: int
    hours: int
    summary: dict[str, Any] = Field(sa_column=Column(_JSON, nullable=False))
    created: datetime = Field(default_factory=now, sa_column=_when())
    __table_args__ = (Index("output_place", "task_set_id", "stage", "first_hour"),)


class ServerRow(SQLModel, table=True):
    """A machine that holds containers."""

    __tablename__ = "server"
    name: str = Field(primary_key=True)
    cores: int
    memory_mib: int
    system: str
    software: dict[str, str] = Field(sa_column=Column(_JSON, nullable=False))
    seen: datetime = Field(default_factory=now, sa_column=_when())


class ServiceInstanceRow(SQLModel, table=True):
    """A service as a container last ran it: where tasks end up; `chunk_key` is what it works on, or did last."""

    __tablename__ = "serviceinstance"
    container: str = Field(primary_key=True)
    server: str = Field(primary_key=True)
    service: str = Field(primary_key=True)
    state: str
    chunk_key: str
    seen: datetime = Field(default_factory=now, sa_column=_when())
    __table_args__ = (ForeignKeyConstraint(["container", "server"], ["container.name", "container.server"]),)


class ContainerRow(SQLModel, table=True):
    """A container that exists or existed on a server."""

    __tablename__ = "container"
    name: str = Field(primary_key=True)
    server: str = Field(foreign_key="server.name", primary_key=True)
    cores: int
    memory_mib: int
    mode: str
    state: str
    seen: datetime = Field(default_factory=now, sa_column=_when())


class ContainerSample(SQLModel, table=True):
    """What a container used at a moment; `queued`: chunks that it has been given, `waiting`: those that wait for any."""

    __tablename__ = "containersample"
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    container: str = Field(primary_key=True)
    cpu_share: float
    resident_mib: float
    queued: int
    waiting: int


class ServerSample(SQLModel, table=True):
    """What was used of a server at a moment, by whatever ran there; `waiting`: chunks that waited for any container."""

    __tablename__ = "serversample"
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    server: str = Field(primary_key=True)
    cpu_share: float
    memory_share: float
    waiting: int


class AccessMeasure(SQLModel, table=True):
    """A measured data access: what the cost model of this installation is fitted to."""

    __tablename__ = "accessmeasure"
    id: int | None = Field(default=None, primary_key=True)
    route: str = Field(index=True)
    features: list[float] = Field(sa_column=Column(ARRAY(Float), nullable=False))
    seconds: float


class ServiceRow(SQLModel, table=True):
    """A service in the tree of services; `slot`: where programs plug into it, `custom`: users' programs, too."""

    __tablename__ = "service"
    name: str = Field(primary_key=True)
    parent: str = ""
    slot: str = ""
    custom: bool = False


class ProgramRow(SQLModel, table=True):
    """A version of a program.

    Attributes:
        type: algorithm or device-model.
        slot: that it fits; services: that call it there.
        elements: parameters of a model, which the ontology's dynamic models hold for each device.
        address: where its source lies.
        content: hash of its source.
    """

    __tablename__ = "program"
    type: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    slot: str
    services: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(String), nullable=False))
    elements: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(String), nullable=False))
    address: str
    content: str
    state: str
    summary: str
    author: str
