"""Data: the ontology's categories and relations, and what its schema says of an attribute."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Category(StrEnum):
    """Attribute categories of the ontology, in the order of the data model: system level, then entity level."""

    SYSTEM = "system"
    SECURITY_CONSTRAINT = "security_constraint"
    WIDE_AREA_SECURITY = "wide_area_security"
    SYSTEM_STATE = "system_state"
    MARKET = "market"
    STATIC_VERIFICATION = "static_verification"
    ENTITY = "entity"
    STATIC_MODEL = "static_model"
    DYNAMIC_MODEL = "dynamic_model"
    DEVICE_SECURITY = "device_security"
    COST = "cost"
    ENTITY_STATE = "entity_state"
    TRANSIENT_VERIFICATION = "transient_verification"

    @property
    def symbol(self) -> str:
        """The category's symbol in the data model."""
        return _MEANING[self][0]

    @property
    def time_varying(self) -> bool:
        """Whether values change with the hour."""
        return self in _TIME_VARYING

    @property
    def meaning(self) -> str:
        """One sentence."""
        return _MEANING[self][1]


_MEANING = {
    Category.SYSTEM: ("ESystem", "Existence of systems and regions."),
    Category.SECURITY_CONSTRAINT: ("ESC", "Security requirements on systems and regions: interfaces, reserves."),
    Category.WIDE_AREA_SECURITY: ("EWAS", "Wide-area control and its settings: AGC, AVC."),
    Category.SYSTEM_STATE: ("ESS", "Indicators of the whole system hour by hour."),
    Category.MARKET: ("EMarket", "Bids and prices of market participants."),
    Category.STATIC_VERIFICATION: ("ESV", "N-1 contingency sets and shares of generation or load adjustment."),
    Category.ENTITY: ("EEntity", "Existence of buses, branches, units and links."),
    Category.STATIC_MODEL: ("ESM", "Network equations: ratings, impedances, limits."),
    Category.DYNAMIC_MODEL: ("EDM", "Differential-algebraic models of dynamic devices."),
    Category.DEVICE_SECURITY: ("EDS", "Relay protection and its settings."),
    Category.COST: ("ECE", "Costs of operation and construction."),
    Category.ENTITY_STATE: ("EES", "State of entities hour by hour: output, commitment, voltage, connection."),
    Category.TRANSIENT_VERIFICATION: ("ETV", "Faults and events of transient studies."),
}
_TIME_VARYING = frozenset({
    Category.SYSTEM_STATE, Category.MARKET, Category.STATIC_VERIFICATION, Category.ENTITY_STATE,
    Category.TRANSIENT_VERIFICATION,
})  # fmt: skip


class Relation(StrEnum):
    """Kinds of relations between entities.

    ORGANISATION: the source contains the target (system, region, station, device).
    TOPOLOGY: source and target are connected, `via` a branch or directly.
    """

    ORGANISATION = "organisation"
    TOPOLOGY = "topology"


@dataclass(frozen=True)
class Attribute:
    """One line of the ontology's schema.

    Attributes:
        entity: kind of entity that has it.
        type: float, int, bool, text, floats or texts.
        minimum, maximum: range of its numbers; None leaves a side open.
        hourly: name of the dataset that holds it hour by hour; empty if nothing computes it.
    """

    category: Category
    entity: str
    attribute: str
    type: str
    unit: str
    default: Any
    minimum: float | None
    maximum: float | None
    hourly: str
    description: str


@dataclass(frozen=True)
class Dataset:
    """An array with what a reader must know.

    Attributes:
        data: the values.
        dims: names of the dimensions.
        unit: physical unit, empty for counts and flags.
        description: one line.
        by_device: laid out for reading few columns over all hours instead of few hours of all columns.
    """

    data: Any
    dims: tuple[str, ...] = ()
    unit: str = ""
    description: str = ""
    by_device: bool = False
