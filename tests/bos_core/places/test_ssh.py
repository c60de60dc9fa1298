"""What goes wrong with hosts behind SSH is told in a sentence; nobody gets in without the key; the chain runs there."""

from pathlib import Path

import pytest
from distributed import Client, Security

from bos_core.objects.container import Container, Quota
from bos_core.objects.errors import BosError
from bos_core.tccsp.containers import ContainerPool
from bos_core.tccsp.places.ssh import Ssh
from tests.conftest import Home, free_port

ONE = [Container("s1", Quota(1, 600))]


def _error(pool: ContainerPool) -> str:
    try:
        with pytest.raises(BosError) as caught:
            pool.start()
    finally:
        pool.close()
    return str(caught.value)


def test_a_host_that_does_not_answer_is_named(tmp_path: Path):
    place = Ssh(tmp_path, ("127.0.0.1",), address="127.0.0.1", port=free_port())
    assert "host 127.0.0.1 cannot be reached by SSH" in _error(ContainerPool(ONE, place=place))


def test_a_host_without_bos_is_named(ssh_place: Ssh, tmp_path: Path):
    place = Ssh(tmp_path, ("127.0.0.1",), address="127.0.0.1", python="/nowhere/python")
    place._login = ssh_place._login
    said = _error(ContainerPool(ONE, place=place))
    assert "host 127.0.0.1 cannot run BOS with /nowhere/python" in said
    assert "install it there" in said


def test_an_address_that_is_not_of_this_machine_is_named(tmp_path: Path):
    place = Ssh(tmp_path, ("127.0.0.1",), address="192.0.2.1")
    assert "no scheduler can listen at 192.0.2.1" in _error(ContainerPool(ONE, place=place))


def test_without_the_key_nobody_gets_in(ssh_place: Ssh):
    pool = ContainerPool(ONE, place=ssh_place)
    pool.start()
    try:
        assert pool.client is not None
        address = pool.client.scheduler.address
        assert address.startswith("tls://")
        with pytest.raises(OSError, match="TLS certificate does not match"):
            Client(address, security=Security.temporary(), timeout=3)
        with pytest.raises(OSError, match=r"(?i)connect|timed out"):
            Client(address.replace("tls", "tcp"), security=Security(require_encryption=False), timeout=3)
        assert (ssh_place.home / "tls" / "key.pem").stat().st_mode & 0o777 == 0o600
    finally:
        pool.close()


@pytest.mark.slow
def test_the_chain_runs_behind_ssh(ssh_place: Ssh, tmp_path: Path):
    there = Home(tmp_path / "home")
    there.folder.mkdir()
    login = ssh_place._login
    (there.folder / "scheduler.toml").write_text(
        f'[cluster]\nkind = "ssh"\nhosts = ["127.0.0.1"]\naddress = "127.0.0.1"\nport = {login["port"]}\n'
        f'user = "{login["username"]}"\nkey = "{login["client_keys"][0]}"\nknown_hosts = "{login["known_hosts"]}"\n'
    )
    try:
        done = there.bos("run", "steady-state-planning", "--keep-kv", "230", "--hours", "24")
        assert "24 hours in" in done.stdout
        assert (there.folder / "logs" / "containers" / "container-1.log").exists()
        assert "valid" in there.bos("check", "latest").stdout
    finally:
        there.bos("down", check=False)
