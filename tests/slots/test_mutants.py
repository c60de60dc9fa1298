"""Contract suites reject wrong programs: correct ones with one slip each, as `mutants.toml` lists them."""

import tomllib
from pathlib import Path

import pytest

from slots.suites.suite import findings, judge

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())["mutant"]


def mutated(mutant):
    """The program with its slip."""
    text = (ROOT / mutant["file"]).read_text()
    assert text.count(mutant["old"]) == 1, "the mutant no longer fits its program"
    inside = {"__name__": "mutant"}
    exec(compile(text.replace(mutant["old"], mutant["new"]), "<mutant>", "exec"), inside)
    return inside[mutant["entry"]]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m['slot']}: {m['what']}")
def test_a_mutant_is_caught(mutant):
    assert next(findings(mutant["slot"], mutated(mutant)), None) is not None


@pytest.mark.parametrize("file", sorted({(m["slot"], m["file"], m["entry"]) for m in MUTANTS}), ids=lambda f: f[2])
def test_the_program_itself_passes(file):
    slot, path, entry = file
    inside = {"__name__": "itself"}
    exec(compile((ROOT / path).read_text(), path, "exec"), inside)
    assert judge(slot, inside[entry]) == []
