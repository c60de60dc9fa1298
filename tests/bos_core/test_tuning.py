"""`scheduler.toml`: what it tells is used, and what it tells wrongly is refused by name."""

from pathlib import Path

import pytest

from bos_core.objects.errors import ParameterError
from bos_core.tccsp.places.kubernetes import Kubernetes
from bos_core.tccsp.places.local import Here
from bos_core.tccsp.places.slurm import Slurm
from bos_core.tccsp.places.ssh import Ssh
from bos_core.tccsp.priority import Beta
from bos_core.tccsp.provisioning import Prices
from bos_core.tccsp.sizing import Held, resized
from bos_core.tccsp.tuning import STAY, Tuning, tuning


def test_without_a_file_all_is_as_ever(tmp_path: Path):
    assert tuning(tmp_path) == Tuning(STAY, Beta())


def test_what_is_told_replaces_its_default_alone(tmp_path: Path):
    (tmp_path / "scheduler.toml").write_text("[prices]\nchange = 0\n[priority]\npatience = 60.0\n")
    told = tuning(tmp_path)
    assert told.prices == Prices(STAY.core, STAY.gib, STAY.container, 0)
    assert told.priority == Beta(patience=60.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[prices", "cannot be read"),
        ("[price]", r"section \[price\]; there are prices, priority, cluster"),
        ("prices = 1", "sections as values"),
        ("[prices]\ncores = 1", "cores, which nobody reads; there are core, gib, container, change"),
        ('[prices]\ncore = "much"', "core = 'much'; give a number"),
        ("[prices]\ncore = inf", "core = inf; give a number"),
        ("[prices]\ncore = -1", "price of a core is -1"),
        ("[priority]\npatience = 0", "patience of the priority is 0"),
        ("[cluster]", "kind = None of the cluster; there are ssh, slurm, kubernetes"),
        ('[cluster]\nkind = "pbs"', "kind = 'pbs' of the cluster; there are ssh, slurm, kubernetes"),
        ('[cluster]\nkind = "ssh"', "tells no hosts of the cluster by ssh; give a list of texts"),
        ('[cluster]\nkind = "ssh"\nhosts = "a"', "hosts = 'a'; give a list of texts"),
        ('[cluster]\nkind = "ssh"\nhosts = ["a"]\nport = "22"', "port = '22'; give a whole number"),
        (
            '[cluster]\nkind = "slurm"\npartition = "a"',
            "partition, which nobody reads; there are address, start_s, queue",
        ),
        ('[cluster]\nkind = "kubernetes"\nimage = "a"', "tells no claim of the cluster by kubernetes; give a text"),
        ("cluster = 1", "sections as values"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, text: str, words: str):
    (tmp_path / "scheduler.toml").write_text(text)
    with pytest.raises(ParameterError, match=words):
        tuning(tmp_path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", Here),
        ('[cluster]\nkind = "ssh"\nhosts = ["a", "b"]\nstart_s = 30', Ssh),
        ('[cluster]\nkind = "slurm"\nqueue = "long"\ndirectives = ["--exclusive"]', Slurm),
        ('[cluster]\nkind = "kubernetes"\nimage = "bos:1"\nclaim = "home"', Kubernetes),
    ],
)
def test_containers_run_where_the_file_tells(tmp_path: Path, text: str, place: type):
    (tmp_path / "scheduler.toml").write_text(text)
    assert type(tuning(tmp_path).cluster) is place


def test_prices_decide_whether_unused_memory_is_given_back():
    pool = [Held("a", 4000, False), Held("b", 1000, False)]
    assert resized(pool, [449, 449], 6000) == {}
    cheap = Prices(core=0.01, gib=10.0, container=0.01, change=0.01)
    assert resized(pool, [449, 449], 6000, prices=cheap) == {"a": 499, "b": 499}
