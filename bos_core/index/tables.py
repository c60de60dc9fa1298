"""The index: where every task set, task array, chunk, output, scenario and container is listed."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_JSON = JSON().with_variant(JSONB(), "postgresql")


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


def _when(nullable: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable)


class Scenario(SQLModel, table=True):
    """A version of the ontology; children store only what changed."""

    id: int | None = Field(default=None, primary_key=True)
    parent_id: int | None = Field(default=None, foreign_key="scenario.id")
    task_set_id: str = Field(index=True)
    label: str
    created: datetime = Field(default_factory=now, sa_column=_when())
    __table_args__ = (UniqueConstraint("task_set_id", "label"),)


class Entity(SQLModel, table=True):
    """An entity of the ontology in the scenario version that introduced it."""

    scenario_id: int = Field(foreign_key="scenario.id", primary_key=True)
    gid: str = Field(primary_key=True)
    kind: str
    name: str


class EntityAttributes(SQLModel, table=True):
    """Attributes of an entity in one category."""

    scenario_id: int = Field(foreign_key="scenario.id", primary_key=True)
    gid: str = Field(primary_key=True)
    category: str = Field(primary_key=True)
    values: dict[str, Any] = Field(sa_column=Column(_JSON, nullable=False))


class EntityRelation(SQLModel, table=True):
    """An edge of the organisation or the topology."""

    scenario_id: int = Field(foreign_key="scenario.id", primary_key=True)
    relation: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    target: str = Field(primary_key=True)
    via: str = Field(default="", primary_key=True)


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
    """Tasks of one stage and month; task k of the array is addressed as `id + k`."""

    id: str = Field(primary_key=True)
    task_set_id: str = Field(foreign_key="taskset.id", index=True)
    stage: str
    month: int
    elements: int
    priority: int
    started: datetime | None = Field(default=None, sa_column=_when(True))
    finished: datetime | None = Field(default=None, sa_column=_when(True))


class ChunkRow(SQLModel, table=True):
    """A chunk of a task array and what became of it."""

    __tablename__ = "chunk"
    key: str = Field(primary_key=True)
    array_id: str = Field(foreign_key="taskarray.id", index=True)
    position: int
    offset: int
    count: int
    first_hour: int
    hours: int
    state: str
    attempts: int = 0
    container: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0
    error: str = ""
    started: datetime | None = Field(default=None, sa_column=_when(True))
    finished: datetime | None = Field(default=None, sa_column=_when(True))


class TaskException(SQLModel, table=True):
    """A single task that needs attention; all others of its chunk share the chunk's state."""

    chunk_key: str = Field(foreign_key="chunk.key", primary_key=True)
    offset: int = Field(primary_key=True)
    reason: str


class Output(SQLModel, table=True):
    """A result file; its row is the commit of the chunk."""

    chunk_key: str = Field(foreign_key="chunk.key", primary_key=True)
    task_set_id: str = Field(index=True)
    stage: str
    month: int
    path: str
    sha256: str
    size: int
    program: str
    scenario_id: int | None = Field(default=None, foreign_key="scenario.id")
    first_hour: int
    hours: int
    summary: dict[str, Any] = Field(sa_column=Column(_JSON, nullable=False))
    created: datetime = Field(default_factory=now, sa_column=_when())
    __table_args__ = (Index("output_place", "task_set_id", "stage", "first_hour"),)


class ContainerRow(SQLModel, table=True):
    """A container that exists or existed."""

    __tablename__ = "container"
    name: str = Field(primary_key=True)
    server: str = Field(primary_key=True)
    cores: int
    memory_mib: int
    mode: str
    state: str
    seen: datetime = Field(default_factory=now, sa_column=_when())
