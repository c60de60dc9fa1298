"""What a device model must show before anyone uses it: the contract of the slot `device_model`."""

from dataclasses import dataclass

from bos_core.objects.errors import EquationError
from slots.dynamics.equations.checks import TOLERANCE, derivative_error
from slots.dynamics.equations.code import Functions, functions_of
from slots.dynamics.equations.model import model_of
from slots.dynamics.equations.units import check_units
from slots.dynamics.proving import DRIFT, SECONDS, Proof, prove


@dataclass(frozen=True)
class Accepted:
    """A model that holds its contract.

    Attributes:
        made: its functions; apart: share by which derivatives differ from differences.
        proof: how it stood on the test system.
    """

    made: Functions
    apart: float
    proof: Proof


def accept(text: str) -> Accepted:
    """Read a model, see whether its units fit, make its functions, compare derivatives with differences, bring it to rest and let it stay there.

    Raises:
        EquationError, ParameterError: it does not hold, and where.
    """
    model = model_of(text)
    check_units(model)
    made = functions_of(model)
    apart = derivative_error(made)
    if apart > TOLERANCE:
        raise EquationError(
            f"derivatives of {model.name} are off by {apart:.1g} at random states", "look for jumps in its equations"
        )
    proof = prove(made)
    if proof.drift > DRIFT:
        raise EquationError(
            f"{model.name} does not stay at rest on the WSCC 9-bus system: in {SECONDS:g} s something moves by {proof.drift:.1g} p.u.",
            "look at its gains and time constants, and at the signs of its feedback",
        )
    return Accepted(made, apart, proof)
