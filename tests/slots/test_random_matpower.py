"""Random MATPOWER cases are read as they were drawn, and their power flow is MATPOWER's."""

from tests.slots.random_matpower import compare


def test_random_cases_are_read_right():
    compare()
