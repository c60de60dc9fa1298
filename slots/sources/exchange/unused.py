"""What PowSyBl's networks hold beyond a planner's grid: named in the reading report, with the reason."""

from __future__ import annotations

import re

from slots.sources.exchange.frames import Frames
from slots.sources.exchange.tables import Tables

_TURN = "its turn by steps of 30° moves no power where loops agree: angles are without it"
_EXTENSIONS = (
    ("activePowerControl", "active power control", "deficits are shared by the units' room, not by their droops"),
    ("coordinatedReactiveControl", "coordinated reactive control", "units of a bus share by their ranges"),
    ("hvdcAngleDroopActivePowerControl", "AC emulation of an HVDC line", "HVDC lines keep their schedule"),
    ("hvdcOperatorActivePowerRange", "operator's range of an HVDC line", "HVDC lines keep their schedule"),
    ("standbyAutomaton", "standby automaton", "a static var compensator regulates as its mode says"),
    ("twoWindingsTransformerPhaseAngleClock", "vector group of a transformer", _TURN),
    ("threeWindingsTransformerPhaseAngleClock", "vector group of a transformer", _TURN),
    ("voltagePerReactivePowerControl", "slope of a static var compensator", "it holds its voltage without a slope"),
)
_MODELS = re.compile(r'<\w+:(?:load) id="([^"]*)"[^>]*[^/]>\s*<\w+:(?:exponentialModel|zipModel)')


def tell(frames: Frames, tables: Tables) -> None:
    """Name all of it."""
    log = tables.log
    for name, kind, why in _EXTENSIONS:
        log.leave_out(kind, [str(k) for k in dict.fromkeys(frames.extension(name).index)], why)
    for table, word in (("ratio_tap_changers", "ratio"), ("phase_tap_changers", "phase")):
        changers = frames.table(table)
        on = [str(k) for k in changers.index[changers.regulating]] if len(changers) else []
        log.leave_out(f"regulation of a {word} tap changer", on, "the step of the file is the start")
    log.leave_out(
        "rated power of a transformer", _rated(frames), "it is no operational limit: limits alone are ratings"
    )
    angles = frames.network.get_voltage_angle_limits().index.tolist()
    log.leave_out("voltage angle limit", angles, "angles are not limited in the plan")
    if hasattr(frames.network, "get_areas"):
        areas = frames.table("areas")
        stated = areas.index[areas.interchange_target.notna()].tolist() if len(areas) else []
        log.leave_out("interchange target of an area", stated, "units are dispatched by cost over the whole grid")
    log.leave_out(
        "voltage model of a load", _modelled(frames), "loads are constant power, as in OpenLoadFlow's default"
    )


def _rated(frames: Frames) -> list[str]:
    two, three = frames.table("2_windings_transformers"), frames.table("3_windings_transformers")
    return [str(k) for k in (*two.index[two.rated_s.notna()], *three.index[three.rated_s1.notna()])]


def _modelled(frames: Frames) -> list[str]:
    """Loads that depend on voltage; PowSyBl's tables do not show them, its own file does."""
    if not len(frames.table("loads")):
        return []
    return _MODELS.findall(frames.network.save_to_string("XIIDM"))
