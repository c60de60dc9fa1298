"""What a formulation declares: parameters, services, variables, sums, constraints and costs.

Every symbol knows its index sets (`over`, such as "hour unit"), its unit, its LaTeX name and what it is. Symbols
are class attributes of a `Formulation`; a subclass adds, replaces, or removes (`name = None`) them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Symbol:
    """A name in a formulation."""

    about: str = ""
    tex: str = ""
    name: str = field(default="", init=False)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name


@dataclass
class Param(Symbol):
    """A given number, vector or matrix.

    Args:
        over: index sets, in order, such as "hour unit"; empty for a single number.
        unit: physical unit.
        default: value where the data give none; None makes it obligatory.
    """

    over: str = ""
    unit: str = ""
    default: float | None = None


@dataclass
class Service(Param):
    """A parameter computed from others by a function; computed again when one of them changes.

    Args:
        compute: called with the values that `of` names.
        of: names of parameters or services.
    """

    compute: Callable[..., Any] = lambda: 0.0
    of: str = ""


@dataclass
class Var(Symbol):
    """A decision; bounds are expressions of parameters. Binary variables are integers between 0 and 1."""

    over: str
    unit: str = ""
    lower: str = "0"
    upper: str = "inf"
    integer: bool = False


@dataclass
class Expr(Symbol):
    """A named expression."""

    expression: str


@dataclass
class Total(Symbol):
    """A named sum that parts of a formulation contribute terms to; zero without any."""

    over: str
    unit: str


@dataclass
class Term(Symbol):
    """A part's contribution to a total."""

    to: str
    expression: str


@dataclass
class Constraint(Symbol):
    """A row for every element of its index sets.

    Args:
        expression: two sides joined by ==, <= or >=, or `low <= middle <= high` with parameters outside.
        where: an expression of parameters; rows where it is zero do not exist.
        lazy: rows join only once a solution violates them.
        penalty: expression of parameters, USD per unit by which a row may be broken; None: never.
    """

    expression: str
    where: str | None = None
    lazy: bool = False
    penalty: str | None = None


@dataclass
class Cone(Symbol):
    """Second-order cone: the root of the summed squares of `parts` is at most `within`, element by element."""

    parts: tuple[str, ...]
    within: str


@dataclass
class Cost(Symbol):
    """A part of the cost to be least (USD); summed over whatever index sets it has."""

    expression: str
