"""The one family of errors.

BosError
├── GridError        a grid file or network that cannot be used
├── ProfileError     hourly series with holes or of the wrong length
├── OntologyError    an attribute, relation or scenario version that cannot be
├── ConflictError    two scenario versions that changed the same value differently
├── ParameterError   a choice of the user that does not exist or is out of range
│   ├── ExpressionError  an expression of a scheduling formulation that is wrong or not allowed
│   ├── EquationError    an equation of a device model that cannot be read, or not in one way only
│   └── ProgramError     a program that does not fit its slot, or that did what it must not
├── InfeasibleError  an hour or day for which no schedule exists
├── SolverError      a solver that gave up: no solution, and no proof that there is none
├── StorageError     a result file or disk that cannot be written or read
├── ServiceError     database, Prefect server or port that cannot be had
└── BusyError        another run holds what this one needs

Every error says what is wrong, where, and the mend, in one sentence a user can act on.
"""


class BosError(Exception):
    """Base of all errors BOS raises on purpose.

    Args:
        what: what is wrong, naming the input.
        mend: what the user can do about it.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        self.what = what.rstrip(".")
        self.mend = mend.rstrip(".")
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"{self.what}; {self.mend}." if self.mend else f"{self.what}."

    def __reduce__(self) -> tuple[type["BosError"], tuple[str, str]]:
        # Errors cross process borders; rebuild them from their two parts.
        return type(self), (self.what, self.mend)


class GridError(BosError):
    """A grid file or network that cannot be used."""


class ProfileError(BosError):
    """Hourly series with holes, of the wrong length or out of range."""


class OntologyError(BosError):
    """An attribute, relation or scenario version that does not exist or cannot be."""


class ConflictError(OntologyError):
    """Two scenario versions that changed the same value differently."""


class ParameterError(BosError):
    """A choice of the user that does not exist or is out of range."""


class ExpressionError(ParameterError):
    """An expression of a scheduling formulation that is wrong or not allowed."""


class EquationError(ParameterError):
    """An equation of a device model that cannot be read, or not in one way only."""


class ProgramError(ParameterError):
    """A program that does not fit its slot, or that did what it must not."""


class InfeasibleError(BosError):
    """An hour or day for which no schedule exists."""


class SolverError(BosError):
    """A solver that gave up, in time or in its arithmetic: it found no solution and did not prove that there is none."""


class StorageError(BosError):
    """A result file or disk that cannot be written or read."""


class ServiceError(BosError):
    """A database, server or port that cannot be had."""


class BusyError(BosError):
    """Another run holds what this one needs."""
