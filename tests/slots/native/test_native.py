"""Compiled code under address and undefined-behaviour sanitizers, and what its doors refuse."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bos_core.objects.errors import ParameterError
from slots.algorithms.n1 import kernel
from slots.algorithms.n1.batched import BatchedEngine
from slots.algorithms.reactive_dispatch.newton_step import NewtonStep, library
from slots.grid.admittance import admittance
from slots.grid.network import whole
from slots.sources.catalogue import load_source
from tests.slots.compiler import compiled
from tests.slots.native.corpus import LARGE, feed, functions, hour_of, models

ROOT = Path(__file__).resolve().parents[3]
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
SEEDS = 48  # with all large networks, and the device models that belong to three of them
PLANTED = """
from slots.grid.compiled import compiled
import numpy as np
c = compiled(b"#include <stdlib.h>\\nint beyond(int n) { int *a = malloc(4 * n); int x = a[n]; free(a); return x; }", "planted")
c.beyond(5)
"""


@cache
def _sanitized() -> dict[str, str] | None:
    """The environment of a process whose compiled code is sanitized; None where gcc cannot."""
    gcc = shutil.which("gcc")
    if gcc is None:
        return None
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        found = subprocess.run(
            [gcc, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if not Path(found).is_absolute():
            return None
        libraries.append(found)
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    own = {"CC": " ".join(["gcc", *SANITIZERS]), "LD_PRELOAD": " ".join(libraries), "ASAN_OPTIONS": "detect_leaks=0"}
    return {**os.environ, **single, **own}


def _run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = _sanitized()
    if environment is None:
        pytest.skip("gcc with its sanitizers is not on this machine")
    command = [sys.executable, *arguments]
    environment |= {"XDG_CACHE_HOME": str(folder)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Path:
    """Where sanitized libraries are kept from one run of the tests to the next."""
    assert request.config.cache is not None
    return request.config.cache.mkdir("sanitized")


def test_a_fault_would_be_seen(folder: Path):
    """A read beyond an array, planted."""
    ended = _run(folder, "-c", PLANTED)
    assert ended.returncode != 0
    assert "heap-buffer-overflow" in ended.stderr


def test_no_seed_of_the_corpus_leaves_its_arrays(folder: Path):
    ended = _run(folder, "-m", "tests.slots.native.corpus", "0", str(SEEDS))
    assert ended.returncode == 0, ended.stderr[:2000]
    fed = ended.stdout.splitlines()
    assert len(fed) == SEEDS
    assert all(any(name in line for line in fed) for name in LARGE[:2])
    assert sum(".toml" in line for line in fed) >= 2


@compiled
@pytest.mark.parametrize("seed", range(100, 112))
def test_the_corpus_runs_unsanitized(seed: int):
    """As users run it: other seeds, code as fast as it is."""
    assert "buses" in feed(seed)


@compiled
def test_what_does_not_fit_is_refused_at_the_door():
    net = whole(load_source("case9").grid)
    rng, c, step = np.random.default_rng(0), kernel.kernel(), library()
    assert c is not None
    assert step is not None
    engine, hour = BatchedEngine(net, c), hour_of(rng, net, 0.0)
    with pytest.raises(ParameterError, match="does not fit its network of 9 buses"):
        engine.alone(replace(hour, share=hour.share[:-1]), net.contingencies[:1])
    for beyond in (-1, len(net.grid.branches), 2**31):
        with pytest.raises(ParameterError, match=f"no branch at position {beyond}"):
            engine.alone(hour, np.array([beyond]))
    system = NewtonStep(net, step, admittance(net.grid).ybus)
    with pytest.raises(ParameterError, match=r"9 buses or entries is given \(8,\)"):
        system.solve(*np.zeros((4, 8)))
    made = functions(models()[0])
    with pytest.raises(ParameterError, match="do not fit its equations"):
        made.residual(0.01, *np.zeros((5, 1, 2)))
