"""What a program's source says of itself, and the one sentence for each way in which it can be wrong."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bos_core.objects.errors import ProgramError
from bos_core.plump.official import official
from bos_core.plump.source import MOST_BYTES, parameters_of, read

EXAMPLE = (Path(__file__).resolve().parents[3] / "docs/examples/rounded.py").read_text()


def test_the_example_is_read():
    source = read(EXAMPLE)
    assert (source.slot.name, source.name) == ("unit_commitment", "rounded")
    assert source.summary.startswith("Unit commitment by rounding")
    told = source.parameters.model_json_schema()["properties"]["least"]
    assert told == {
        "default": 0.05, "description": "fraction from which a unit runs", "maximum": 1, "minimum": 0.001, "title": "Least",
        "type": "number", "unit": "1",
    }  # fmt: skip


WRONG = {
    ("def rounded(", "def rounded"): "line 20, column 1: unmatched ')'",
    ('SLOT = "unit_commitment"', 'SLOT = "unit_comitment"'): "line 12, column 1: slot 'unit_comitment' is unknown; choose one of: snapshot,",
    ('SLOT = "unit_commitment"', 'SLOT = "modelling"'): "slot 'modelling' is unknown",
    ('SLOT = "unit_commitment"', ""): "does not say which slot it fits",
    ("    gap: float,\n", ""): "rounded(horizon) does not fit slot unit_commitment; write rounded(horizon, gap)",
    ("gap: float", "gap: float = 0.0"): "does not fit slot unit_commitment",
    ("    *,\n", ""): "does not fit slot",
    (" = 0.05", ""): "parameter least has no default",
    ("] = 0.05", "] = 2.0"): "a default of rounded is not allowed by its own range",
    ("] = 0.05", "] = np.pi / 100"): "parameter least is not a plain value",
    ('Annotated[float, Parameter("fraction from which a unit runs", unit="1", ge=0.001, le=1)]', "list[float]"):
        "parameter least has a type that no form can show",
    ("    least: Annotated", "    least_: int,\n    least: Annotated"): "parameter least_ has no default",
    ("    least: Annotated", "    _least: Annotated"): "has a name that no form can have",
    ("    least: Annotated", "    model_dump: Annotated"): "has a name that no form can have",
    ("ge=0.001", "ge='x'"): "cannot be",
    ("def _before", "def before"): "the program has 2 public functions (rounded in line 15, before in line",
    ("import numpy as np", "import numpy as np\nimport os"): "line 6, column 1: os cannot be imported here",
    ("import numpy as np", "from subprocess import run"): "subprocess cannot be imported here",
    ("import numpy as np", "from . import x"): "a relative module cannot be imported",
    ("    day = Day(horizon)", "    day = eval('Day')(horizon)"): "eval cannot be used",
    ("    day = Day(horizon)", "    day = Day(horizon.__class__)"): "__class__ cannot be used",
    ("    day = Day(horizon)", "    open('x')\n    day = Day(horizon)"): "open cannot be used",
}  # fmt: skip


@pytest.mark.parametrize("slip", WRONG, ids=lambda s: s[1][:30])
def test_each_slip_is_one_sentence_with_place_and_mend(slip):
    old, new = slip
    assert EXAMPLE.count(old) >= 1
    with pytest.raises(ProgramError) as told:
        read(EXAMPLE.replace(old, new, 1))
    assert WRONG[slip] in str(told.value)
    assert told.value.mend
    assert "\n" not in str(told.value)


def test_a_program_without_description_is_refused():
    bare = EXAMPLE.split('"""', 2)[2].replace(
        '    """Commit what the relaxation commits in part, for as long as units must run, then dispatch."""\n', ""
    )
    with pytest.raises(ProgramError, match="has no description"):
        read(bare)


def test_an_oversize_program_is_refused():
    with pytest.raises(ProgramError, match="larger than 256 KiB"):
        read(EXAMPLE + "#" * MOST_BYTES)


@given(st.text(max_size=200))
def test_no_text_ends_in_anything_but_a_sentence(text):
    for whole in (text, EXAMPLE.replace("least", text, 3), EXAMPLE[: len(text) * 20] + text):
        try:
            read(whole)
        except ProgramError as told:
            sentence = str(told)
            assert "\n" not in sentence


def test_values_outside_their_range_are_refused():
    model: Any = read(EXAMPLE).parameters
    assert model(least=0.5).least == 0.5
    for wrong in ({"least": 2}, {"least": "x"}, {"most": 1}, {"least": float("nan")}):
        with pytest.raises(ValueError, match="validation error"):
            model(**wrong)


@pytest.mark.parametrize("program", official(), ids=lambda p: f"{p.slot}: {p.name}")
def test_official_programs_state_their_parameters_the_same_way(program):
    parameters_of(program.source, program.call.__name__)()
