"""Real services for containers beyond this process: an OpenSSH server and a Slurm cluster of one node, on loopback."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bos_core.tccsp.places.local import Here
from bos_core.tccsp.places.place import Place
from bos_core.tccsp.places.slurm import Slurm
from bos_core.tccsp.places.ssh import Ssh
from tests.conftest import ROOT, free_port

SSHD = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/login.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
SetEnv PYTHONPATH={root}
"""

SLURM = """
ClusterName=bos
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1
KillWait=1
ReturnToService=2
NodeName=localhost NodeAddr=127.0.0.1 CPUs=8 RealMemory=6000 State=UNKNOWN
PartitionName=all Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def _lacking(*programs: str) -> None:
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")


def _end(*processes: "subprocess.Popen[bytes]") -> None:
    for process in processes:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def ssh_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    """This host behind its own SSH server."""
    _lacking("sshd", "ssh-keygen")
    folder = tmp_path_factory.mktemp("ssh")
    for key in ("host", "login"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    port = free_port()
    (folder / "config").write_text(SSHD.format(port=port, folder=folder, root=ROOT))
    public = (folder / "host.pub").read_text().split(" ")
    (folder / "known").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([str(shutil.which("sshd")), "-D", "-e", "-f", str(folder / "config")])
    _until_heard(port)
    yield Ssh(
        folder / "home", ("127.0.0.1",), address="127.0.0.1", user=getpass.getuser(), port=port,
        key=str(folder / "login"), known_hosts=str(folder / "known"),
    )  # fmt: skip
    _end(server)


@pytest.fixture(scope="module")
def slurm_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A Slurm cluster of this host alone."""
    _lacking("munged", "slurmctld", "slurmd", "sbatch")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    config = folder / "slurm.conf"
    config.write_text(SLURM.format(
        folder=folder, user=getpass.getuser(), controller=free_port(), node=free_port()
    ))  # fmt: skip
    before = {name: os.environ.get(name) for name in ("SLURM_CONF", "PYTHONPATH")}
    os.environ |= {"SLURM_CONF": str(config), "PYTHONPATH": str(ROOT)}  # jobs inherit them
    munged = ["munged", "--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket",
              f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"]  # fmt: skip
    servers = [subprocess.Popen(munged)]
    _until_made(folder / "munge.socket")
    servers += [
        subprocess.Popen([daemon, "-D", *more]) for daemon, *more in (["slurmctld"], ["slurmd", "-N", "localhost"])
    ]
    try:
        _until_idle()
        yield Slurm(folder / "home", address="127.0.0.1", start_s=60.0)
    finally:
        _end(*reversed(servers))
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _until_heard(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens at port {port}"
            time.sleep(0.1)
        else:
            return


def _until_made(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} is not made"
        time.sleep(0.1)


def _until_idle() -> None:
    deadline, said = time.monotonic() + 60, ""
    while "idle" not in said:
        assert time.monotonic() < deadline, said
        done = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True)
        said = done.stdout + done.stderr
        time.sleep(0.5)


@pytest.fixture(scope="module", params=["here", "ssh", "slurm"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each place in turn."""
    found: Place = Here() if request.param == "here" else request.getfixturevalue(f"{request.param}_place")
    return found
