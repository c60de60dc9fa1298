"""Contract suites: every program that comes with BOS passes its slot's cases."""

import pytest

from bos_core.plump.official import official
from slots.contracts.catalogue import DEVICE_MODEL, SLOTS
from slots.suites.suite import CASES, judge


@pytest.mark.parametrize("program", official(), ids=lambda p: f"{p.slot}: {p.name}")
def test_a_program_holds_its_contract(program):
    assert judge(program.slot, program.call) == []


def test_every_slot_has_a_suite():
    assert set(CASES) == set(SLOTS) - {DEVICE_MODEL}
