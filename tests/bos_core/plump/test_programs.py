"""From a file to what everybody uses: each step whole or not at all, and the index says what the repository holds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bos_core.objects.errors import BusyError, ParameterError, ProgramError
from bos_core.objects.program import ProgramState
from bos_core.plump import indexing, programs
from bos_core.plump.models import repository
from bos_core.plump.registry import parameters, pinned, program, ready
from bos_core.plump.standing import Standing, stand, standing_of
from slots.suites.states import horizon

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = (ROOT / "docs/examples/rounded.py").read_text()
SECOND = EXAMPLE.replace("= 0.05", "= 0.1")


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("BOS_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A home in which the example is submitted, twice."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOS_HOME", str(folder))
        versions = [programs.submit(EXAMPLE, "begun"), programs.submit(SECOND, "braver")]
    return folder, versions


@pytest.fixture
def two(kept, tmp_path, monkeypatch):
    """A copy of that home, and the two versions."""
    import shutil

    shutil.copytree(kept[0] / "programs", tmp_path / "programs")
    monkeypatch.setenv("BOS_HOME", str(tmp_path))
    return kept[1]


def test_a_program_is_private_at_first_and_runs_confined(two):
    found = program("unit_commitment", "rounded")
    assert (found.state, found.version) == (ProgramState.PRIVATE, two[1].id[:12])
    chosen = ready("unit_commitment", "rounded", {"least": 0.2})
    assert "files" in chosen.confinement
    assert chosen.call(horizon(190), 2e-3).cost > 0
    assert chosen.identity == f"unit_commitment/rounded@{two[1].content[:16]}"


def test_a_launched_container_refuses_what_is_not_launched(two, monkeypatch):
    monkeypatch.setenv("BOS_CONTAINER_MODE", "launched")
    with pytest.raises(ProgramError, match="rounded is private, this container is launched"):
        ready("unit_commitment", "rounded", {})


def test_a_program_may_use_what_its_container_has(monkeypatch):
    work = ("big", "def big(): return len(bytearray(200 << 20))", "big")
    assert programs._confined(*work) == 200 << 20
    monkeypatch.setenv("BOS_CONTAINER_MIB", "64")
    with pytest.raises(ProgramError, match="needs more memory than it is given"):
        programs._confined(*work)


def test_review_release_replace_roll_back(two):
    first, second = two
    with pytest.raises(ProgramError, match="is private; have it reviewed"):
        programs.release("rounded", first.id)
    programs.review("rounded", first.id, True, "costs looked at")
    programs.release("rounded", first.id)
    assert program("unit_commitment", "rounded").version == first.id[:12]  # though a newer one is there
    launched = ready("unit_commitment", "rounded", {})
    assert launched.confinement == ()
    programs.review("rounded", "", True, "as good")
    programs.release("rounded")
    assert program("unit_commitment", "rounded").version == second.id[:12]
    programs.rollback("rounded")
    assert program("unit_commitment", "rounded").version == first.id[:12]
    programs.rollback("rounded")
    assert program("unit_commitment", "rounded").state == ProgramState.PUBLIC
    with pytest.raises(ParameterError, match="no version is launched"):
        programs.rollback("rounded")
    told = [v.reason.split()[0] for v in programs.history("rounded")]
    assert sorted(told) == sorted(["rolled", "rolled", "released", "passed", "released", "passed", "braver", "begun"])
    assert programs.check() == []


def test_launched_it_gives_what_it_gave_confined(two):
    h = horizon(190)
    confined = ready("unit_commitment", "rounded", {}).call(h, 2e-3)
    programs.review("rounded", "", True, "same")
    programs.release("rounded")
    assert ready("unit_commitment", "rounded", {}).call(h, 2e-3).cost == confined.cost


def test_a_refused_version_is_private_again(two):
    programs.review("rounded", "", True, "looked at")
    programs.review("rounded", "", False, "looked at again")
    assert program("unit_commitment", "rounded").state == ProgramState.PRIVATE
    with pytest.raises(ProgramError, match="is private"):
        programs.release("rounded")


def test_a_pinned_name_means_the_same_for_ever(two):
    name = pinned("unit_commitment", f"rounded@{two[0].id[:8]}")
    assert program("unit_commitment", name).version == two[0].id[:12]
    assert pinned("unit_commitment", "guided") == "guided"
    assert parameters(program("unit_commitment", name))().model_dump() == {"least": 0.05}


@pytest.mark.parametrize(
    ("slot", "name", "given", "says"),
    [
        ("unit_commitment", "rounded", {"least": 3}, "parameter least = 3 of rounded"),
        ("unit_commitment", "rounded", {"most": 3}, "its parameters are: least"),
        ("unit_commitment", "guided", {"x": 3}, "parameter x = 3 of guided"),
        ("n1", "rounded", {}, "algorithm 'rounded' is unknown in slot n1"),
        ("unit_commitment", "rounded@ffffffffffff", {}, "rounded has no version"),
    ],
)
def test_what_a_user_sends_wrong_is_one_sentence(two, slot, name, given, says):
    with pytest.raises(ParameterError) as told:
        ready(slot, name, given)
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "    return dispatch.schedule",
            "    return 1 / 0\n    return dispatch.schedule",
            "line 30: ZeroDivisionError",
        ),
        ("    day = Day(horizon)", "    day = Dax(horizon)", "line 22: NameError: name 'Dax' is not defined"),
        (
            "    return dispatch.schedule(dispatch.problem.solve().x, bound)",
            "    return on",
            "returns ndarray, not Schedule",
        ),
        ("    day = Day(horizon)", "    while True: pass", "processor time"),
        ("def rounded(", "def guided(", "guided is the name of a program that comes with BOS"),
    ],
)
def test_what_does_not_hold_its_contract_is_not_kept(own, monkeypatch, old, new, says):
    monkeypatch.setattr(programs, "SUITE_LIMITS", programs.Limits(wall_s=20.0, cpu_s=2))
    with pytest.raises(ProgramError) as told:
        programs.submit(EXAMPLE.replace(old, new, 1))
    assert says in str(told.value)
    assert "\n" not in str(told.value)
    assert not (own / "programs").exists()


def test_of_two_who_review_at_once_one_is_told(two):
    kept = repository()
    seen = standing_of(kept, "rounded")
    stand(kept, "rounded", seen.reviewed(two[0].content, True), "Ann", "first")
    with pytest.raises(BusyError, match="by somebody else just now"):
        stand(kept, "rounded", seen.reviewed(two[1].content, True), "Bob", "second")
    assert standing_of(kept, "rounded").public == (two[0].content,)


def test_two_submissions_of_one_name_at_once_are_two_versions(own):
    command = "import sys; from bos_core.plump.programs import submit; submit(sys.stdin.read(), sys.argv[1])"
    who = [subprocess.Popen([sys.executable, "-c", command, note], cwd=ROOT, stdin=subprocess.PIPE, text=True,
                            env={**os.environ, "BOS_HOME": str(own)}) for note in ("a", "b")]  # fmt: skip
    for process, text in zip(who, (EXAMPLE, SECOND), strict=True):
        process.stdin.write(text)
        process.stdin.close()
    assert [p.wait(120) for p in who] == [0, 0]
    assert {v.reason for v in programs.history("rounded")} == {"a", "b"}
    assert programs.check() == []


@pytest.mark.parametrize("after", [0.3, 1.2, 2.1, 3.0])
def test_a_crash_in_the_middle_of_a_release_leaves_before_or_after(two, index, after):
    programs.review("rounded", "", True, "looked at")
    before = programs.standing("rounded")
    command = "from bos_core.plump.programs import release; print(1, flush=True); release('rounded')"
    process = subprocess.Popen([sys.executable, "-c", command], cwd=ROOT, stdout=subprocess.PIPE)
    process.stdout.readline()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    now = programs.standing("rounded")
    assert now in (before, before.released(two[1].content))
    assert programs.check() == []
    indexing.follow(index)
    assert indexing.differences(index) == []
    if now == before:
        programs.release("rounded")
    assert programs.standing("rounded").launched == two[1].content


def test_the_index_follows_and_tells_what_was_apart(two, index):
    indexing.follow(index)
    assert indexing.differences(index) == []
    programs.review("rounded", "", True, "looked at")
    (apart,) = indexing.differences(index)
    assert apart.endswith("is public, the index says private")
    rows = {(r.name, r.version): r for r in indexing.follow(index)}
    row = rows["rounded", two[1].id]
    assert (row.slot, row.services, row.elements, row.state) == (
        "unit_commitment",
        ["unit commitment"],
        ["least"],
        "public",
    )
    assert ("SEXS", "official") in rows


def test_trust_in_what_is_not_there_is_found(two):
    stand(repository(), "rounded", Standing(launched="f" * 40), "Eve", "forged")
    assert programs.check() == ["rounded: a version that is not there is trusted (ffffffffff)"]
