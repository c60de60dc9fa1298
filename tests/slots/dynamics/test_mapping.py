"""Plants as another engine's built-in models: values where they belong, users' rules, and what cannot be mapped."""

import numpy as np
import pytest

from bos_core.objects.errors import ParameterError
from slots.dynamics.catalogue import official
from slots.dynamics.equations.code import functions_of
from slots.dynamics.mapping import psse, records, rules_of
from slots.dynamics.proving import placed
from slots.dynamics.study import read_study

NINE = np.arange(1, 10)


def test_the_textbooks_machines_are_where_another_tool_reads_them():
    """WSCC 9-bus: Sauer and Pai's data on the machines' own ratings (H 23.64 s on 100 MVA is 7.88 s on 300)."""
    study = read_study("wscc9")
    lines = records(study.dynamic, NINE, psse())
    assert len(lines) == 9
    bus, record, count, *values, end = lines[0].split()
    assert (bus, record, count, end) == ("1", "'GENROU'", "1", "/")
    td0, _, tq0, _, h, _, xd, xq, xd1, xq1, xd2, xl, *saturation = map(float, values)
    assert (td0, tq0) == (8.96, 0.31)
    assert h == pytest.approx(7.88)
    assert [xd, xq, xd1, xq1] == pytest.approx([3 * x for x in (0.146, 0.0969, 0.0608, 0.0969)])
    assert xl < xd2 < min(xd1, xq1)
    assert saturation == [0, 0]
    assert [line.split()[1] for line in lines] == ["'GENROU'", "'IEEET1'", "'TGOV1'"] * 3


def test_saturation_is_that_of_our_equation():
    (line,) = [x for x in records(read_study("wscc9").dynamic, NINE, psse()) if "IEEET1" in x][:1]
    e1, s1, e2, s2 = map(float, line.split()[-5:-1])
    p = {v.name: v.value for v in official("IEEET1").variables if v.value is not None}
    for e, s in ((e1, s1), (e2, s2)):
        assert s * e == pytest.approx(p["B_S"] * (e - p["A_S"]) ** 2)


def test_a_rule_of_ones_own_maps_a_model_of_ones_own():
    case, _ = placed(functions_of(official("ESST5B")))
    with pytest.raises(ParameterError, match="no rule says what ESST5B is for this engine"):
        records(case, NINE, psse())
    own = rules_of('[ESST5B]\nrecord = "SEXS"\nvalues = ["T_{C1} / T_{B1}", "T_{B1}", "K_R", "T_1", "0", "5"]', "own")
    (line,) = [x for x in records(case, NINE, psse() | own) if x.startswith("2 'SEXS'")]
    assert line.split()[3:5] == ["0.1333333333", "6"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[A", "cannot be read"),
        ("A = 1", r"\[A\] of own is no rule"),
        ('[A]\nrecord = "X"', "is no rule"),
        ('[A]\nrecord = "X"\nvalues = [1]', "is no rule"),
    ],
)
def test_what_is_no_rule_is_refused(text, says):
    with pytest.raises(ParameterError, match=says):
        rules_of(text, "own")


@pytest.mark.parametrize(
    ("value", "says"), [("T_9", "has T_9, the model does not"), ("1 +", "value '1 \\+' of the rule")]
)
def test_a_value_that_cannot_be_is_told(value, says):
    own = rules_of(f'[GENTWO]\nrecord = "X"\nvalues = ["{value}"]', "own")
    with pytest.raises(ParameterError, match=says):
        records(read_study("wscc9").dynamic, NINE, own)
