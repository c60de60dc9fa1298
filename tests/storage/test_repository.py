"""Versions: kept, found, restored; two writers at once, a writer that is killed, an object that is damaged."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bos_core.objects.errors import ParameterError, StorageError
from storage.repository import Repository

KIND = "device-model"
WRITER = """
import sys
from pathlib import Path
from storage.repository import Repository
folder, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for k in range(count):
    Repository(folder).put("device-model", "A", f"{who} {k}", who, f"version {k}")
    print(k, flush=True)
"""


def _writer(folder: Path, who: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), who, str(count)]
    return subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2], stdout=subprocess.PIPE, text=True)


def test_versions_are_kept_found_and_restored(tmp_path):
    kept = Repository(tmp_path / "programs")
    assert kept.names(KIND) == []
    assert kept.check() == []
    first = kept.put(KIND, "A", "one\n", "Ann", "begun")
    second = kept.put(KIND, "A", "two ü\n", "Bob <bob>", "changed")
    kept.put(KIND, "B", "other", "Ann", "")
    assert kept.names(KIND) == ["A", "B"]
    assert kept.text(KIND, "A") == "two ü\n"
    assert kept.text(KIND, "A", first.id[:10]) == "one\n"
    assert [(v.id, v.author, v.reason) for v in kept.history(KIND, "A")] == [
        (second.id, "Bob  bob", "changed"), (first.id, "Ann", "begun"),
    ]  # fmt: skip
    third = kept.restore(KIND, "A", first.id[:8], "Ann")
    assert kept.text(KIND, "A") == "one\n"
    assert third.content == first.content
    assert len(kept.history(KIND, "A")) == 3
    assert kept.check() == []


def test_the_same_text_is_no_new_version(tmp_path):
    kept = Repository(tmp_path / "programs")
    assert kept.put(KIND, "A", "one", "Ann", "begun") == kept.put(KIND, "A", "one", "Bob", "again")


@pytest.mark.parametrize("name", ["", "../A", "A/B", "9A", "A" * 41, "A.lock", "Ä"])
def test_what_cannot_be_a_name_is_refused(tmp_path, name):
    with pytest.raises(ParameterError, match="cannot be a name"):
        Repository(tmp_path / "programs").put(KIND, name, "x", "Ann", "")
    assert not (tmp_path / "programs").exists()


def test_what_is_not_there_is_named(tmp_path):
    kept = Repository(tmp_path / "programs")
    with pytest.raises(ParameterError, match="nothing is called 'A'; names are: none yet"):
        kept.text(KIND, "A")
    kept.put(KIND, "A", "one", "Ann", "")
    with pytest.raises(ParameterError, match="A has no version 'ffff'; its versions are "):
        kept.text(KIND, "A", "ffff")


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        Repository(tmp_path / "file" / "programs").put(KIND, "A", "one", "Ann", "")


def test_of_two_writers_at_once_both_keep_all(tmp_path):
    folder, count = tmp_path / "programs", 15
    writers = [_writer(folder, who, count) for who in ("Ann", "Bob")]
    assert [w.wait(60) for w in writers] == [0, 0]
    for w in writers:
        assert w.stdout is not None
        w.stdout.close()
    kept = Repository(folder)
    texts = {kept.text(KIND, "A", v.id) for v in kept.history(KIND, "A")}
    assert texts == {f"{who} {k}" for who in ("Ann", "Bob") for k in range(count)}
    assert kept.check() == []
    assert [p.name for p in tmp_path.iterdir()] == ["programs"]


def test_a_writer_that_is_killed_leaves_whole_versions(tmp_path):
    """Killed five times at any moment: what it had told is there, nothing is damaged, and writing goes on."""
    folder, told = tmp_path / "programs", 0
    for k in range(5):
        writer = _writer(folder, f"W{k}", 1000)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(3 + k)]
        time.sleep(0.003 * k)
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().splitlines()
        writer.wait()
        writer.stdout.close()
        told += sum(bool(line.strip()) for line in lines)
        for left in folder.rglob("*.lock"):  # of the branch, where it died while it moved it: as if that were long ago
            os.utime(left, (0, 0))
    kept = Repository(folder)
    assert kept.check() == []
    assert told <= len(kept.history(KIND, "A")) <= told + 5
    kept.put(KIND, "A", "after", "Ann", "")
    assert kept.text(KIND, "A") == "after"
    if git := shutil.which("git"):
        subprocess.run([git, "-C", str(folder), "fsck", "--strict"], check=True, capture_output=True)


def test_a_damaged_object_is_told(tmp_path):
    kept = Repository(tmp_path / "programs")
    version = kept.put(KIND, "A", "one", "Ann", "")
    path = tmp_path / "programs/objects" / version.content[:2] / version.content[2:]
    path.chmod(0o600)
    path.write_bytes(b"?" + path.read_bytes()[1:])
    (wrong,) = kept.check()
    assert wrong.startswith("device-model/A: an object is missing or damaged")


def test_a_lock_that_nobody_holds_is_broken(tmp_path):
    kept = Repository(tmp_path / "programs")
    kept.put(KIND, "A", "one", "Ann", "")
    lock = tmp_path / "programs/refs/heads" / KIND / "A.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    kept.put(KIND, "A", "two", "Ann", "")
    assert kept.text(KIND, "A") == "two"
    assert not lock.exists()
