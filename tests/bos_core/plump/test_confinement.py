"""Confinement: hostile programs get nothing, the service lives on, each failure is told; and without it they would."""

import numpy as np
import pytest

from bos_core.objects.errors import ProgramError, ServiceError
from bos_core.plump.confinement import trial as confinement
from bos_core.plump.confinement.encoding import EncodingError, decode, encode
from bos_core.plump.confinement.layers import LAYERS
from bos_core.plump.confinement.trial import Trial, enough
from slots.suites.states import grid, reduction
from slots.suites.suite import same
from tests.bos_core.plump.arena import ATTACKS, arena, attack

HARMLESS = "def f(x): return x + 1"


@pytest.fixture(scope="module")
def trial():
    made = Trial()
    yield made
    made.close()


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_contained_and_reported(trial, name):
    with arena() as target:
        contained, said = attack(trial, name, target)
    assert contained, said
    assert said
    assert trial.call("harmless", HARMLESS, "f", (1,), {}) == 2  # the service lives on


def test_without_layers_the_same_attacks_get_what_they_want():
    """Else the suite would prove nothing."""
    bare = Trial(layers=(), guarded=False)
    for name in ("read_secret", "write_outside", "follow_link", "crafted_archive", "change_rights", "connect",
                 "connect_local", "socket_by_call", "run_program", "fork_bomb", "kill_service", "big_file",
                 "unlink_outside", "raise_limits"):  # fmt: skip
        with arena() as target:
            contained, _ = attack(bare, name, target)
        assert not contained, name
    bare.close()


def test_all_layers_are_in_force_here(trial):
    assert trial.in_force() == LAYERS


@pytest.mark.parametrize("layers", [(), ("limits",), ("limits", "network", "rights"), ("files", "calls", "network")])
def test_below_the_minimum_nothing_is_tried(layers):
    assert not enough(layers)
    weak = Trial(layers=layers)
    with pytest.raises(ServiceError, match="cannot be tried here"):
        weak.call("harmless", HARMLESS, "f", (1,), {})
    weak.close()


def test_a_layer_that_cannot_be_put_on_leaves_the_others(monkeypatch):
    """As on a system without libseccomp: the others are in force and enough."""
    monkeypatch.setattr(confinement, "_BEGIN", "import sys; sys.modules['pyseccomp'] = None; " + confinement._BEGIN)
    made = Trial()
    assert made.in_force() == ("limits", "rights", "network", "files")
    assert made.call("harmless", HARMLESS, "f", (1,), {}) == 2
    made.close()


def test_a_killed_process_is_started_again():
    made = Trial()
    assert made.call("harmless", HARMLESS, "f", (1,), {}) == 2
    made._process.kill()
    made._process.wait()
    assert made.call("harmless", HARMLESS, "f", (2,), {}) == 3
    made.close()


def test_one_call_leaves_nothing_to_the_next(trial):
    """Neither in its modules nor in its files."""
    trial.call("first", "import math\ndef f(): math.pi = 3; open('left', 'w').write('x')", "f", (), {})
    left = "import math, os\ndef f(): return [math.pi, os.listdir('.')]"
    assert trial.call("second", left, "f", (), {}) == [np.pi, []]


def test_an_error_is_told_with_its_line(trial):
    with pytest.raises(ProgramError, match=r"program odd: line 3: ZeroDivisionError"):
        trial.call("odd", "def f():\n    x = 0\n    return 1 / x\n", "f", (), {})


def test_results_come_through_as_they_are():
    for value in (
        grid(),
        reduction()[1],
        [1, 2.5, True, None, "x", 1j, float("nan")],
        (np.arange(3), {"a": np.zeros(0)}),
    ):
        assert same(decode(encode(value)), value)


@pytest.mark.parametrize("cut", [0, 7, 8, 20, -1])
def test_a_message_cut_short_is_refused(cut):
    with pytest.raises(EncodingError):
        decode(encode({"x": np.arange(10.0)})[:cut])


def test_an_array_of_another_kind_is_refused():
    from slots.contracts.unit_commitment import Border

    one = np.ones(3)
    with pytest.raises(EncodingError, match=r"Border\.on is an array of float64"):
        decode(encode(Border(one, one, one, one, one)))
    with pytest.raises(EncodingError, match=r"Border\.hours is a float"):
        decode(encode(Border(one > 0, 3.0, one, one, one)))
