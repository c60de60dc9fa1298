"""Data: the ontology's categories and the names of time-varying results."""

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """Attribute categories and relation kinds of the ontology."""

    SYSTEM = "system"
    SECURITY = "security"
    STATIC_VERIFICATION = "static_verification"
    ENTITY = "entity"
    STATIC_MODEL = "static_model"
    COST = "cost"
    ENTITY_STATE = "entity_state"


class Relation(StrEnum):
    """Kinds of relations between entities."""

    ORGANISATION = "organisation"
    TOPOLOGY = "topology"


@dataclass(frozen=True)
class Attribute:
    """One line of the ontology's schema."""

    category: Category
    attribute: str
    type: str
    unit: str
    default: str
    minimum: float | None
    maximum: float | None
    description: str
