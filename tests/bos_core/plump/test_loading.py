"""Versions side by side in one process: a call that runs keeps what it runs, then everything of it is gone."""

import gc
import os
import sys
import threading
import weakref
from pathlib import Path

import pytest

from bos_core.objects.errors import ProgramError
from bos_core.plump import loading
from slots.dynamics.catalogue import text_of
from slots.dynamics.equations.code import functions_of
from slots.dynamics.equations.model import model_of
from slots.grid.compiled import _compiler

WAITS = "def work(begun, go_on):\n    begun.set()\n    go_on.wait(30)\n    return {}\n"


def test_a_version_is_replaced_while_a_call_of_the_first_runs():
    pid, results = os.getpid(), []
    begun, go_on = threading.Event(), threading.Event()
    first = loading.load("slow", "1" * 40, WAITS.format(1), "work")
    freed = weakref.ref(sys.modules[loading.module_name("slow", "1" * 40)])
    thread = threading.Thread(target=lambda f=first: results.append(f(begun, go_on)))
    thread.start()
    begun.wait(30)
    second = loading.load("slow", "2" * 40, WAITS.format(2), "work")
    assert loading.unload("slow", "1" * 40)
    go_on.set()
    assert second(begun, go_on) == 2
    thread.join()
    assert results == [1]  # unharmed
    assert not loading.unload("slow", "1" * 40)
    del first, thread
    gc.collect()
    assert freed() is None
    assert os.getpid() == pid
    assert loading.unload("slow", "2" * 40)


def test_a_version_that_cannot_be_loaded_leaves_the_others():
    good = loading.load("some", "a" * 40, "def work(): return 1", "work")
    with pytest.raises(ProgramError, match=r"program some cannot be loaded \(NameError"):
        loading.load("some", "b" * 40, "oops", "work")
    assert loading.loaded() == [loading.module_name("some", "a" * 40)]
    assert good() == 1
    loading.unload("some", "a" * 40)


def test_only_so_many_stay_loaded():
    for k in range(loading.MOST + 3):
        loading.load("many", f"{k:x}" * 40, "def work(): return 1", "work")
    assert len(loading.loaded()) == loading.MOST
    for k in range(loading.MOST + 3):
        loading.unload("many", f"{k:x}" * 40)
    assert loading.loaded() == []


def _mapped() -> set[str]:
    return {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/device-" in line}


@pytest.mark.skipif(_compiler() is None, reason="needs a C compiler")
def test_a_models_library_is_unmapped_once_nobody_uses_it():
    before = _mapped()
    text = text_of("SEXS").replace('"SEXS"', '"GOES"', 1).replace("K y - E_{fd}", "1.0001 K y - E_{fd}")
    assert "1.0001" in text
    first, second = functions_of(model_of(text)), functions_of(model_of(text.replace("1.0001", "1.0002")))
    both = _mapped() - before
    assert len(both) == 2
    assert first.in_c
    assert second.in_c
    del first
    gc.collect()
    assert len(_mapped() - before) == 1
    del second
    gc.collect()
    assert _mapped() == before
