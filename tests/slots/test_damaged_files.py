"""Damaged files of every format end in a grid or in one sentence: cut, lines gone or twice, numbers spoilt, encodings."""

import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from bos_core.objects.errors import BosError, GridError
from console.reading import print_report, report_of
from slots.sources.catalogue import load_source
from tests.slots import random_matpower
from tests.slots.cdf_files import cdf_text, draw_cdf
from tests.slots.dgs_files import dgs_text, draw_dgs
from tests.slots.powsybl_networks import draw_network
from tests.slots.psse_files import draw_psse, raw_text, rawx_text
from tests.slots.ucte_files import draw_ucte
from tests.slots.workbooks import draw_workbook, write

SITUATIONS = Path(__file__).parent / "situations"
DAMAGES = 14  # of each format
NUMBER = re.compile(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?")
NO_SENTENCE = re.compile(r"\n|\w+(Error|Exception)\b|Traceback")


def _matpower(path: Path) -> None:
    rng = np.random.default_rng([3, 5])
    path.write_text(random_matpower.text_of(random_matpower.draw(rng, 6), rng))


def _exchange(kind: str) -> Callable[[Path], None]:
    plain = kind != "XIIDM"
    return lambda path: draw_network(Random(5), plain).network.save(str(path), format=kind)


WHOLE: dict[str, Callable[[Path], object]] = {
    "m": _matpower,
    "json": lambda path: shutil.copy(SITUATIONS / "trafo3w.json", path),
    "xlsx": lambda path: write(draw_workbook(Random(5)), path),
    "raw": lambda path: path.write_text(raw_text(draw_psse(Random(5)))),
    "rawx": lambda path: path.write_text(rawx_text(draw_psse(Random(5), new=True))),
    "cdf": lambda path: path.write_text(cdf_text(*draw_cdf(Random(5))[1:3])),
    "uct": lambda path: path.write_text(draw_ucte(Random(5))),
    "dgs": lambda path: path.write_text(dgs_text(draw_dgs(Random(5)))),
    "xiidm": _exchange("XIIDM"),
    "mat": _exchange("MATPOWER"),
    "zip": _exchange("CGMES"),
}
PACKED = ("xlsx", "mat", "zip")


def _damaged(whole: bytes, draw: Random, packed: bool) -> bytes:
    """Packed files are cut or have a byte changed; texts have what editors and transfers do to them."""
    k = draw.randrange(1, len(whole))
    lines = whole.splitlines(keepends=True)
    at = draw.randrange(len(lines))
    found = draw.choice(list(NUMBER.finditer(whole)))
    spoilt = draw.choice([b"x", b"nan", b"1e99", b"-7", b"0", b"-1e9", b"inf", b"", b"99999"])
    damages = [
        lambda: whole[:k],
        lambda: whole[:k] + bytes([draw.randrange(256)]) + whole[k + 1 :],
        lambda: b"".join(lines[:at] + lines[at + 1 :]),
        lambda: b"".join(lines[: at + 1] + lines[at:]),
        lambda: whole[: found.start()] + spoilt + whole[found.end() :],
        lambda: whole[: found.start()] + spoilt + whole[found.end() :],
        lambda: whole[:k] + "é".encode("latin-1") + whole[k + 1 :],
    ]
    return draw.choice(damages[:2] if packed else damages)()


def _ends_well(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PowSyBl's own
        try:
            print_report(report_of(str(path)))
            refusal = ""
        except BosError as error:
            refusal = str(error).replace(str(path), "")
    assert not NO_SENTENCE.search(refusal), refusal


@pytest.mark.parametrize("suffix", list(WHOLE))
def test_a_damaged_file_ends_in_a_grid_or_in_a_sentence(suffix, tmp_path, capfd):
    path = tmp_path / f"grid.{suffix}"
    WHOLE[suffix](path)
    whole = path.read_bytes()
    for seed in range(DAMAGES):
        path.write_bytes(_damaged(whole, Random(seed), suffix in PACKED))
        _ends_well(path)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("suffix", [s for s in WHOLE if s not in PACKED])
def test_a_text_may_have_a_mark_and_windows_ends_and_must_be_utf8(suffix, tmp_path):
    path = tmp_path / f"grid.{suffix}"
    WHOLE[suffix](path)
    whole = path.read_bytes()
    before = load_source(str(path)).grid
    path.write_bytes(b"\xef\xbb\xbf" + whole.replace(b"\n", b"\r\n"))
    after = load_source(str(path)).grid
    np.testing.assert_array_equal(after.buses.pd, before.buses.pd)
    np.testing.assert_array_equal(after.branches.x, before.branches.x)
    path.write_bytes(whole.decode().encode("utf-16"))
    with pytest.raises(GridError, match="is text in UTF-16, which no grid format uses; save it as UTF-8"):
        load_source(str(path))


@pytest.mark.parametrize("suffix", list(WHOLE))
def test_an_empty_file_is_told_and_a_wrong_suffix_is_seen_through_or_told(suffix, tmp_path):
    path = tmp_path / f"grid.{suffix}"
    WHOLE[suffix](path)
    odd = tmp_path / ("grid.uct" if suffix != "uct" else "grid.m")
    shutil.copy(path, odd)
    _ends_well(odd)
    path.write_bytes(b"")
    with pytest.raises(GridError, match="is empty; give the whole file"):
        load_source(str(path))


@pytest.mark.parametrize(("suffix", "mark"), [("raw", b"BEGIN TRANSFORMER"), ("cdf", b"LOSS ZONES")])
def test_a_list_that_does_not_end_is_cut_off(suffix, mark, tmp_path):
    path = tmp_path / f"grid.{suffix}"
    WHOLE[suffix](path)
    whole = path.read_bytes()
    end = whole.rindex(b"\n", 0, whole.index(mark) - 30)
    path.write_bytes(whole[: end if suffix == "raw" else whole.index(b"-999", whole.index(b"BRANCH"))])
    with pytest.raises(GridError, match="ends before its data do"):
        load_source(str(path))
