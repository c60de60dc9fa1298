"""A study's plants for an engine that has no models of users: each device as the closest built-in model, by rules.

A rule names the engine's record and what its values are in the parameters of our model. Rules that come with BOS are in
`mappings/`; users' own, for models of theirs or instead of these, are a TOML file of the same form. What comes out is PSS/E's
dynamic data (`.dyr`), which other tools read, too: BUS 'RECORD' ID values /.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from bos_core.objects.errors import EquationError, ParameterError
from slots.dynamics.devices import Device, DynamicCase
from slots.dynamics.equations.parser import parse, symbol
from slots.grid.model import Ints

_FIELDS = {"record", "values"}


@dataclass(frozen=True)
class Rule:
    """The engine's record, and expressions of its values."""

    record: str
    values: tuple[str, ...]


def rules_of(text: str, what: str) -> dict[str, Rule]:
    """Rules by model.

    Raises:
        ParameterError: the text is no TOML, or a rule is not written as one.
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(f"{what} cannot be read: {error}", "mend its TOML") from None
    out = {}
    for model, rule in told.items():
        good = isinstance(rule, dict) and set(rule) == _FIELDS and isinstance(rule["record"], str)
        if not good or not all(isinstance(v, str) for v in rule["values"]):
            raise ParameterError(f"[{model}] of {what} is no rule", 'write record = "…" and values = ["…", …]')
        out[model] = Rule(rule["record"], tuple(rule["values"]))
    return out


def psse() -> dict[str, Rule]:
    """The rules for PSS/E that come with BOS."""
    return rules_of(resources.files("slots.dynamics.mappings").joinpath("psse.toml").read_text(), "psse.toml")


def records(case: DynamicCase, numbers: Ints, rules: Mapping[str, Rule]) -> list[str]:
    """Lines of dynamic data; machines of a bus are told apart by 1, 2, … in the order of the case.

    Args:
        case: the devices; only those with a machine's rules and their controllers are written.
        numbers: (bus,) numbers of the buses.
        rules: by model.

    Raises:
        ParameterError: a model has no rule, or a rule names what the model does not have.
    """
    lines, at_bus, place = [], dict[int, int](), dict[str, tuple[int, int]]()
    for device in case.devices:
        if not device.of:
            at_bus[device.bus] = at_bus.get(device.bus, 0) + 1
            place[device.name] = int(numbers[device.bus]), at_bus[device.bus]
        if device.model not in rules:
            raise ParameterError(
                f"no rule says what {device.model} is for this engine",
                f"add a section [{device.model}] to a file of rules",
            )
        bus, count = place[device.of or device.name]
        rule = rules[device.model]
        values = " ".join(f"{x:.10g}" for x in _values(case, device, rule))
        lines.append(f"{bus} '{rule.record}' {count} {values} /")
    return lines


def _values(case: DynamicCase, device: Device, rule: Rule) -> list[float]:
    made = case.models[device.model]
    known: dict[Any, float] = {symbol(n): float(x) for n, x in zip(made.constants, case.constants(device), strict=True)}
    out = []
    for text in rule.values:
        try:
            expression = parse(f"y = {text}", list(made.constants)).right
        except EquationError as error:
            raise ParameterError(f"value {text!r} of the rule for {device.model}: {error.what}", "mend it") from None
        missing = expression.free_symbols - set(known)
        if missing:
            names = ", ".join(sorted(str(s) for s in missing))
            raise ParameterError(
                f"the rule for {device.model} has {names}, the model does not", f"it has {', '.join(made.constants)}"
            )
        out.append(float(expression.subs(known)))
    return out
