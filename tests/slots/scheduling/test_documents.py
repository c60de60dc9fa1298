"""Pages are made of the declarations and up to date; the tutorial runs, and its formulation is short."""

import ast
import importlib
import re
import subprocess
import sys

import pytest

from slots.scheduling import routines
from slots.scheduling.catalogue import formulations
from slots.scheduling.document import page
from tests.conftest import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/scheduling.md").read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("name", formulations())
def test_pages_are_up_to_date(name):
    written = (ROOT / f"docs/reference/routines/{name}.md").read_text(encoding="utf-8")
    assert written == page(formulations()[name]), "run `python -m slots.scheduling.catalogue docs/reference/routines`"


def test_every_symbol_is_on_its_page_and_says_what_it_is():
    for name, formulation in formulations().items():
        text = page(formulation)
        assert text.count("$") % 2 == 0, name
        for symbol in formulation.symbols().values():
            assert f"`{symbol.name}`" in text or not symbol.about, (name, symbol.name)


def _lines(block: str) -> int:
    (kind,) = (n for n in ast.walk(ast.parse(block)) if isinstance(n, ast.ClassDef))
    return (kind.end_lineno or 0) - kind.lineno + 1


def test_the_tutorial_runs_and_its_formulation_is_short(tmp_path):
    assert _lines(BLOCKS[0]) < 25
    script = tmp_path / "tutorial.py"
    script.write_text("\n".join(BLOCKS), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=ROOT, capture_output=True, text=True, timeout=120,
                          env={"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    free, tight = (float(line.split()[0]) for line in done.stdout.splitlines())
    assert free > 300_000  # USD over three hours of case118
    assert tight > 0  # tonnes bought under the smaller budget


def test_a_new_formulation_gets_its_page_by_itself(tmp_path, monkeypatch):
    (tmp_path / "carbon.py").write_text(BLOCKS[0].split("\ncase = ")[0], encoding="utf-8")
    monkeypatch.setattr(routines, "__path__", [*routines.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    found = formulations()["CarbonDispatch"]
    assert r"\overline{E} + b" in page(found)
    assert "| $\\overline{E}$ | `budget` |  | t |  | carbon that is free |" in page(found)
