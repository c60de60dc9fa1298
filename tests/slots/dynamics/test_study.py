"""Studies from files: those that come with BOS, events, files beside them, and one sentence for what is wrong."""

import re
from pathlib import Path

import numpy as np
import pytest

from bos_core.objects.errors import BosError
from slots.dynamics.catalogue import text_of
from slots.dynamics.events import BranchTrip, Change, DeviceTrip, Shunt
from slots.dynamics.study import read_study, study_of, systems

PLANTS = """
case = "case9"

[[plant]]
unit = 1
rating = 300
models = ["GENTWO", "SEXS"]
GENTWO = { H = 7.88, "X_{d}" = 0.44 }

[[plant]]
unit = 2
models = ["GENCLS"]

[[plant]]
bus = 5
takes = [45.0, 15.0]
models = ["LOADREC"]
"""
EVENTS = """
[[event]]
kind = "fault"
bus = 7
at = 1.0
cleared = 1.1

[[event]]
kind = "branch trip"
from = 7
to = 6
at = 1.1

[[event]]
kind = "device trip"
device = "G2"
at = 3.0

[[event]]
kind = "change"
device = "G1.SEXS"
name = "V_{ref}"
by = 0.01
at = 2.0

[[event]]
kind = "shunt"
bus = 5
mw = 10
mvar = -20
at = 4.0
"""


def test_the_systems_that_come_are_read():
    assert systems() == ["kundur", "new_england", "wscc9"]
    sizes = {name: (len(s.dynamic.v), len(s.dynamic.devices)) for name in systems() for s in [read_study(name)]}
    assert sizes == {"kundur": (11, 16), "new_england": (39, 30), "wscc9": (9, 9)}


def test_the_documented_study_is_read():
    text = (Path(__file__).resolve().parents[3] / "docs/equations.md").read_text()
    (example,) = (t for t in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "[[plant]]" in t)
    assert [d.name for d in study_of(example, Path()).dynamic.devices] == ["G1", "G1.SEXS", "B5"]


def test_devices_carry_what_the_file_says():
    study = study_of(PLANTS, Path())
    names = [d.name for d in study.dynamic.devices]
    assert names == ["G1", "G1.SEXS", "G2", "B5"]
    machine, _, _, load = study.dynamic.devices
    assert dict(machine.parameters) == {"H": 7.88, "X_d": 0.44}
    assert machine.rating == 300
    assert load.injected == pytest.approx(-45 - 15j)
    balance = study.dynamic.v * np.conj(study.dynamic.ybus @ study.dynamic.v) * 100
    injected = np.zeros(9, complex)
    for d in study.dynamic.devices:
        injected[d.bus] += d.injected if not d.of else 0
    np.testing.assert_allclose(balance, injected, atol=1e-7)


def test_events_are_those_of_the_file():
    events = study_of(PLANTS + EVENTS, Path()).events
    assert [type(e) for e in events] == [Shunt, Shunt, BranchTrip, DeviceTrip, Change, Shunt]
    assert events[-1] == Shunt(4, 0.1 + 0.2j, 4.0)
    assert (events[2].f, events[2].t) == (5, 6)
    assert events[4].name == "V_ref"


def test_a_model_may_lie_beside_the_study(tmp_path):
    (tmp_path / "own.toml").write_text(text_of("SEXS").replace('"SEXS"', '"OWN"', 1))
    study = study_of(PLANTS.replace('"SEXS"', '"own.toml"'), tmp_path)
    assert study.dynamic.devices[1].model == "OWN"


WRONG = [
    ('case = "case9"', 'case = "case99"', "case 'case99' is unknown"),
    ('case = "case9"', "", "the study needs either a case or a [network]"),
    ('case = "case9"', 'case = "case9"\nvoltages = [1.0]', "voltages do not fit the case"),
    ('case = "case9"', 'sort = "case9"', "field 'sort' of the study is unknown"),
    ('case = "case9"', "[network]\nbase_mva = 1", "[network] cannot be read"),
    ("unit = 1", "unit = 9", "the case has no unit 9"),
    ("unit = 1", 'unit = "x"', "unit = 'x' of plant 1 is no number"),
    ("unit = 1", "", "plant 1 needs either a unit or a bus"),
    ("rating = 300", "size = 300", "plant 1 has a field 'size' that is none"),
    ('models = ["GENCLS"]', "", "plant 2 has no models"),
    ('models = ["GENCLS"]', 'models = ["GENNO"]', "model 'GENNO' is unknown"),
    ('models = ["GENCLS"]', 'models = ["no.toml"]', "model no.toml cannot be read"),
    ("H = 7.88", "H_x = 7.88", "'H_x' of device G1 is no parameter of GENTWO"),
    ("bus = 5\ntakes", "bus = 50\ntakes", "the case has no bus 50"),
    ("bus = 7", "bus = 70", "event 1: there is no bus 70"),
    ("cleared = 1.1", "cleared = 0.9", "event 1 is cleared before it begins"),
    ("cleared = 1.1", "", "event 1 has no cleared"),
    ('kind = "fault"', 'kind = "flood"', "event 1 has no kind that is known"),
    ("to = 6", "to = 2", "event 2: no branch joins buses 7 and 2"),
    ("rating = 300", "rating = 0", "rating = 0 of plant 1 is not above 0"),
    ("takes = [45.0, 15.0]", "takes = [45.0]", "takes = [45.0] of plant 3 cannot be"),
    ('GENTWO = { H = 7.88, "X_{d}" = 0.44 }', "GENTWO = 7", "GENTWO of plant 1 is no table"),
    ("rating = 300", "rating = [", "the study is no TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), WRONG, ids=[w[2][:40] for w in WRONG])
def test_what_is_wrong_is_told_in_one_sentence(old, new, says):
    text = PLANTS + EVENTS
    assert old in text
    with pytest.raises(BosError) as told:
        study_of(text.replace(old, new, 1), Path()).dynamic.plants()
    assert says in told.value.what
    assert told.value.mend
    assert "\n" not in str(told.value)
