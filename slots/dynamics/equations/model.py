"""A device model as an expert writes it: a TOML file of equations in LaTeX; its variables are found and typed.

    name = "SEXS"
    kind = "exciter"
    description = "Simplified excitation system"
    source = "IEEE Std 421.5-2016"
    inputs = ['V_t']
    setpoints = ['V_{ref}']
    outputs = ['E_{fd}']
    equations = '''
    T_E \\dot{E}_{fd} = -E_{fd} + K (V_{ref} - V_t)
    '''

    [parameters]
    'K' = { value = 100, description = "gain" }
    'T_E' = { value = 0.05, unit = "s", description = "time constant" }

    [limits]
    'E_{fd}' = { min = '0', max = '5' }

A limit stops a state's integrator: at it, the state's rate is what leads back, or nothing (no wind-up). `[rates]` limit
derivatives in the same way. Parameters,
inputs and set points (what initialisation solves for) are declared; states have derivatives; `y = f(...)` of a name that
nothing else defines is internal; what is left in the other equations is algebraic. `[defaults]` are of inputs that
nothing feeds, `[starts]` where initialisation begins to search, as expressions of parameters, inputs,
the current injected (I_re, I_im) and starts before.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import scipy.sparse as sparse
import sympy as sp
from scipy.sparse.csgraph import maximum_bipartite_matching

from bos_core.objects.errors import EquationError, ParameterError
from slots.dynamics.equations.names import canonical
from slots.dynamics.equations.parser import DOT, Equation, parse, symbol

_FIELDS = {"name": str, "kind": str, "description": str, "source": str, "equations": str, "inputs": list, "outputs": list,
           "setpoints": list, "parameters": dict, "limits": dict, "rates": dict, "defaults": dict, "starts": dict}  # fmt: skip
_OPTIONAL = {
    "source": "",
    "setpoints": [],
    "parameters": {},
    "inputs": [],
    "limits": {},
    "rates": {},
    "defaults": {},
    "starts": {},
}
_OF_PARAMETER: dict[str, Any] = {"value": (int, float), "unit": str, "description": str}
_MOST_BYTES = 256 * 1024
CURRENT = ("I_re", "I_im")  # outputs by which a device acts on its bus


@dataclass(frozen=True)
class Variable:
    """A variable of a model.

    Attributes:
        name: its one spelling.
        role: parameter, setpoint, input, output, state, algebraic or internal; an output may be a state besides.
        value, unit, description: of a parameter; None and empty for others.
    """

    name: str
    role: str
    value: float | None = None
    unit: str = ""
    description: str = ""


@dataclass(frozen=True)
class DeviceModel:
    """Equations of a device, sorted: mass(·) dx/dt = rate(·) for states, 0 = residual(·) for algebraic variables.

    Attributes:
        name, kind, description, source: as in the file.
        variables: all, in the order declared, then found.
        states: name → (mass, rate) without limits.
        limits: state → (least, largest).
        rates: state → (least, largest) of its derivative.
        defaults: input → its value where nothing feeds it.
        starts: name → where the search for its first value begins, in parameters, inputs and the current injected.
        internal: name → expression in what is defined before it.
        residuals: as many as there are algebraic variables.
        outputs: names.
    """

    name: str
    kind: str
    description: str
    source: str
    variables: tuple[Variable, ...]
    states: dict[str, tuple[sp.Expr, sp.Expr]]
    limits: dict[str, tuple[sp.Expr, sp.Expr]]
    rates: dict[str, tuple[sp.Expr, sp.Expr]]
    defaults: dict[str, float]
    starts: dict[str, sp.Expr]
    internal: dict[str, sp.Expr]
    residuals: tuple[sp.Expr, ...]
    outputs: tuple[str, ...]

    def of(self, role: str) -> list[str]:
        """Names of the variables of a role."""
        return [v.name for v in self.variables if v.role == role]


def model_of(text: str) -> DeviceModel:
    """Read a model's file.

    Raises:
        ParameterError: the file or a declaration is wrong.
        EquationError: an equation is wrong, or all together do not determine the variables.
    """
    told = _told(text)
    parameters = {_name(k): _parameter(k, v) for k, v in told["parameters"].items()}
    given = {role: [_name(n) for n in told[f"{role}s"]] for role in ("input", "setpoint", "output")}
    declared = [*parameters, *given["input"], *given["setpoint"], *given["output"]]
    for name in declared:
        if declared.count(name) > 1:
            raise ParameterError(f"{name} is declared twice", "declare each variable once")
    lines = [(k, line.strip()) for k, line in enumerate(told["equations"].splitlines(), 1)]
    equations = [(k, _parsed(k, line, declared)) for k, line in lines if line and not line.startswith("%")]
    known = {*parameters, *given["input"], *given["setpoint"]}
    return _sorted(told, equations, known, parameters, given)


def _told(text: str) -> dict[str, Any]:
    if len(text.encode()) > _MOST_BYTES:
        raise ParameterError(f"the model's file is larger than {_MOST_BYTES // 1024} KiB", "split the model")
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(f"the model's file is no TOML: {error}", "write LaTeX between single quotes") from None
    for key, value in told.items():
        if key not in _FIELDS:
            raise ParameterError(f"field {key!r} of the model is unknown", f"choose from {', '.join(_FIELDS)}")
        if not isinstance(value, _FIELDS[key]):
            raise ParameterError(
                f"field {key!r} of the model is no {_FIELDS[key].__name__}", "see the reference of equations"
            )
    for key in _FIELDS:
        if key not in told and key not in _OPTIONAL:
            raise ParameterError(f"the model has no {key}", f"add {key} = …")
    return {**_OPTIONAL, **told}


def _name(source: Any) -> str:
    if not isinstance(source, str):
        raise ParameterError(f"{source!r} is no name", "write it between quotes")
    return canonical(source)


def _parameter(name: str, told: Any) -> Variable:
    if not isinstance(told, dict) or "value" not in told:
        raise ParameterError(f"parameter {name} has no value", "write { value = 1.0, unit = …, description = … }")
    for key, value in told.items():
        if key not in _OF_PARAMETER or not isinstance(value, _OF_PARAMETER[key]) or isinstance(value, bool):
            raise ParameterError(
                f"{key} = {value!r} of parameter {name} cannot be", "give value (a number), unit, description"
            )
    return Variable(
        canonical(name), "parameter", float(told["value"]), told.get("unit", ""), told.get("description", "")
    )


def _parsed(line: int, source: str, declared: Sequence[str]) -> Equation:
    try:
        return parse(source, declared)
    except EquationError as error:
        raise EquationError(f"line {line}, {error.what}", error.mend) from None


def _sorted(
    told: dict[str, Any], equations: list[tuple[int, Equation]], known: set[str], parameters: dict[str, Variable],
    given: dict[str, list[str]],
) -> DeviceModel:  # fmt: skip
    states: dict[str, tuple[sp.Expr, sp.Expr]] = {}
    rest = []
    for line, equation in equations:
        if (state := _state_of(line, equation)) is None:
            rest.append((line, equation))
        elif state in states or state in known:
            why = "has a second derivative equation" if state in states else "is declared, and cannot have a derivative"
            raise EquationError(f"line {line}: {state} {why}", "keep one of them")
        else:
            states[state] = _rate(line, equation, state)
    limits, rates = (_limits(told[k], states, [*known, *given["output"]]) for k in ("limits", "rates"))
    internal, residuals = _explicit(rest, known | set(states))
    defined = known | set(states) | set(internal)
    algebraic = list(
        dict.fromkeys(n for _, e in equations for n in e.names if n not in defined and not n.startswith(DOT))
    )
    _determined(algebraic, residuals, internal, {n: line for line, e in reversed(equations) for n in e.names})
    for name in given["output"]:
        if name not in {*states, *internal, *algebraic}:
            raise EquationError(f"output {name} is defined by no equation", "add one, or take it out of the outputs")
    found = [
        *((n, "state") for n in states),
        *((n, "algebraic") for n in algebraic),
        *((n, "internal") for n in internal),
    ]
    variables = [*parameters.values(), *(Variable(n, role) for role in ("input", "setpoint") for n in given[role]),
                 *(Variable(n, role) for n, role in found)]  # fmt: skip
    _used(
        equations,
        [*limits.values(), *rates.values()],
        [v.name for v in variables if v.role in ("parameter", "input", "setpoint")],
    )
    known_at_first = [*parameters, *given["input"], *(n for n in CURRENT if n in given["output"])]
    starts = _starts(told["starts"], [*states, *algebraic, *given["setpoint"]], known_at_first)
    return DeviceModel(
        told["name"], told["kind"], told["description"], told["source"], tuple(variables), states, limits, rates,
        _defaults(told["defaults"], given["input"]), starts, internal, tuple(e for _, e in residuals),
        tuple(given["output"]),
    )  # fmt: skip


def _state_of(line: int, equation: Equation) -> str | None:
    rates = [n.removeprefix(DOT) for n in equation.names if n.startswith(DOT)]
    if len(rates) > 1:
        raise EquationError(f"line {line} has derivatives of {' and '.join(rates)}", "write one derivative an equation")
    return rates[0] if rates else None


def _rate(line: int, equation: Equation, state: str) -> tuple[sp.Expr, sp.Expr]:
    """(mass, rate) of mass dx/dt = rate."""
    whole, dot = equation.left - equation.right, symbol(DOT + state)
    mass = sp.diff(whole, dot)
    if mass.has(dot):
        raise EquationError(f"line {line}: the derivative of {state} is not linear in it", "solve for it")
    return mass, -whole.subs(dot, 0)


def _explicit(
    rest: list[tuple[int, Equation]], known: set[str]
) -> tuple[dict[str, sp.Expr], list[tuple[int, sp.Expr]]]:
    """Definitions y = f(...) in an order in which each needs only those before; and what else must vanish."""
    waiting: dict[str, tuple[int, Equation]] = {}
    implicit = []
    for line, equation in rest:
        name = equation.left.name if isinstance(equation.left, sp.Symbol) else ""
        own = name and name not in known and name not in waiting and equation.left not in equation.right.free_symbols
        if own:
            waiting[name] = (line, equation)
        else:
            implicit.append((line, equation))
    internal: dict[str, sp.Expr] = {}
    while waiting:
        needs = {n: {s.name for s in e.right.free_symbols} & set(waiting) for n, (_, e) in waiting.items()}
        ready = [n for n, others in needs.items() if not others]
        if not ready:  # one of a loop becomes algebraic, and the others follow from it
            loop = {n for edge in nx.find_cycle(nx.DiGraph((n, o) for n in needs for o in needs[n])) for n in edge}
            implicit.append(waiting.pop(next(n for n in waiting if n in loop)))
        for name in ready:
            internal[name] = waiting.pop(name)[1].right
    return internal, [(line, e.left - e.right) for line, e in sorted(implicit, key=lambda x: x[0])]


def _determined(
    algebraic: list[str], residuals: list[tuple[int, sp.Expr]], internal: dict[str, sp.Expr], lines: dict[str, int]
) -> None:
    """Each algebraic variable must be matched with an equation that it stands in, directly or through internal ones."""
    reach: dict[str, set[str]] = {}
    for name, expression in internal.items():
        own = {s.name for s in expression.free_symbols}
        reach[name] = own.union(*(reach[n] for n in own if n in reach))
    table = np.zeros((len(residuals), max(len(algebraic), 1)))
    for k, (_, expression) in enumerate(residuals):
        own = {s.name for s in expression.free_symbols}
        every = own.union(*(reach[n] for n in own if n in reach))
        table[k, [j for j, n in enumerate(algebraic) if n in every]] = 1
    matched = (
        maximum_bipartite_matching(sparse.csr_matrix(table), perm_type="row")
        if len(residuals)
        else np.full(len(algebraic), -1)
    )
    for j, name in enumerate(algebraic):
        if matched[j] < 0:
            mend = "declare it as a parameter, input or set point, or add an equation"
            raise EquationError(f"{name} (line {lines[name]}) is determined by no equation", mend)
    for k, (line, _) in enumerate(residuals):
        if k not in matched[: len(algebraic)]:
            raise EquationError(
                f"line {line} determines no variable: all in it are known", "take it out, or take a declaration back"
            )


def _limits(
    told: dict[str, Any], states: dict[str, Any], declared: Sequence[str]
) -> dict[str, tuple[sp.Expr, sp.Expr]]:
    """State → (least, largest); what is not told is infinite."""
    out = {}
    for source, sides in told.items():
        name = _name(source)
        if name not in states:
            raise ParameterError(f"limits of {name}, which is no state", "write limits of others as \\max and \\min")
        if not isinstance(sides, dict) or not sides or not set(sides) <= {"min", "max"}:
            raise ParameterError(f"limits of {name} cannot be read", "write { min = '…', max = '…' }")
        out[name] = (_limit(name, sides.get("min"), -sp.oo, declared), _limit(name, sides.get("max"), sp.oo, declared))
    return out


def _limit(name: str, source: Any, missing: sp.Expr, declared: Sequence[str]) -> sp.Expr:
    return missing if source is None else _expression(f"limit {source!r} of {name}", source, declared)


def _expression(what: str, source: Any, declared: Sequence[str]) -> sp.Expr:
    """An expression of declared names only."""
    try:
        equation = parse(f"l = {source}", declared)
    except EquationError as error:
        raise EquationError(f"{what}: {error.what}", error.mend) from None
    for other in equation.names:
        if other not in declared and other != "l":
            raise EquationError(f"{what} has {other}, which is not declared", "declare it as a parameter")
    return equation.right


def _defaults(told: dict[str, Any], inputs: Sequence[str]) -> dict[str, float]:
    out = {}
    for source, value in told.items():
        name = _name(source)
        if name not in inputs or isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(f"default {value!r} of {name} cannot be", "give inputs numbers, such as 'V_s' = 0.0")
        out[name] = float(value)
    return out


def _starts(told: dict[str, Any], unknown: Sequence[str], known: Sequence[str]) -> dict[str, sp.Expr]:
    out: dict[str, sp.Expr] = {}
    for source, text in told.items():
        name = _name(source)
        if name not in unknown:
            raise ParameterError(
                f"start of {name}, which initialisation does not search", f"choose from {', '.join(unknown)}"
            )
        found = _expression(f"start {text!r} of {name}", text, [*known, *out])
        out[name] = found.xreplace({symbol(n): e for n, e in out.items()})
    return out


def _used(equations: list[tuple[int, Equation]], limits: list[tuple[sp.Expr, sp.Expr]], declared: list[str]) -> None:
    stand = {n for _, e in equations for n in e.names} | {
        s.name for sides in limits for e in sides for s in e.free_symbols
    }
    for name in declared:
        if name not in stand:
            raise ParameterError(f"{name} is declared, but no equation has it", "take it out, or mend its spelling")
