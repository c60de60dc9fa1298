"""Formats of grid files and folders: how each is known, and what reads it. A new one is a row of FORMATS."""

from __future__ import annotations

import codecs
import gzip
import mmap
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bos_core.objects.errors import BosError, GridError
from slots.sources.source import Source

MOST_UNPACKED = 4 << 30  # bytes that a packed file may hold
_BROKEN = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,  # an encrypted member; NotImplementedError, a kind of it, is a compression that Python does not know
)
_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: what users call it.
        read: makes a source of a path.
        suffixes: of its files, in small letters, the usual one first; they decide where no mark does.
        marks: texts of which every file of the format holds one, whatever it is called.
        holds: patterns of files of which every folder of the format holds one.
    """

    name: str
    read: Callable[[Path], Source]
    suffixes: tuple[str, ...] = ()
    marks: tuple[bytes, ...] = ()
    holds: tuple[str, ...] = ()


def _matpower(path: Path) -> Source:
    from slots.sources.from_case import grid_from_case
    from slots.sources.matpower import read_case

    return Source(grid_from_case(read_case(path), f"MATPOWER case file {path.name}"))


def _pandapower(path: Path) -> Source:
    from slots.sources.pandapower_networks.reader import read_json

    return Source(read_json(path))


def _workbook(path: Path) -> Source:
    from slots.sources.workbook_grid import read_workbook_grid

    try:
        return Source(read_workbook_grid(path))
    except _BROKEN as error:
        raise GridError(f"workbook {path} cannot be unpacked ({str(error)[:80]})", "give a whole file") from None


def _exchange(path: Path) -> Source:
    from slots.sources.exchange.reader import read_exchange

    return Source(read_exchange(path))


def _ieee_cdf(path: Path) -> Source:
    from slots.sources.ieee_cdf import read_ieee_cdf

    return Source(read_ieee_cdf(path))


def _rts_gmlc(path: Path) -> Source:
    from slots.sources.rts_gmlc import read_rts_gmlc

    return Source(*read_rts_gmlc(path))


def _pypsa(path: Path) -> Source:
    from slots.sources.pypsa.reader import read_pypsa

    return Source(*read_pypsa(path))


def _unitcommitment(path: Path) -> Source:
    from slots.sources.unitcommitment_grid import read_unitcommitment_grid

    return read_unitcommitment_grid(path)


FORMATS = (
    Format("MATPOWER case", _matpower, (".m",), (b"mpc.bus", b"function [baseMVA, bus")),
    Format("pandapower network", _pandapower, (".json",), (b'"pandapowerNet"',)),
    Format("UnitCommitment.jl case", _unitcommitment, (".json",), (b'"Production cost curve',)),
    Format("AMS or ANDES workbook", _workbook, (".xlsx",)),
    Format("IIDM", _exchange, (".xiidm", ".iidm", ".jiidm", ".biidm"), (b"powsybl.org/schema/iidm", b"itesla_project.eu/schema")),
    Format("UCTE", _exchange, (".uct", ".ucte"), (b"##ZBE", b"##ZAF", b"##ZFR", b"##ZDE")),
    Format("PSS/E", _exchange, (".raw", ".rawx")),
    Format("PowerFactory", _exchange, (".dgs",), (b"$$General;",)),
    Format("IEEE-CDF", _ieee_cdf, (".txt", ".cdf"), (b"BUS DATA FOLLOW",)),
    Format("MATPOWER binary", _exchange, (".mat",)),
    Format("RTS-GMLC", _rts_gmlc, holds=("SourceData/bus.csv",)),
    Format("PyPSA", _pypsa, (".nc",), (b"network_pypsa_version",), ("buses.csv",)),
    Format("CGMES", _exchange, holds=("*EQ*.xml",)),
)  # fmt: skip


def read_path(path: Path) -> Source:
    """The source in a file or folder.

    Raises:
        GridError: it is missing, cannot be opened, or is in no format that is known; or its reader's.
        ProfileError: its reader's.
    """
    if not path.exists():
        raise GridError(f"grid file {path} does not exist", _beside(path))
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise GridError(
            f"grid file {path} cannot be read (permission denied)", "ask its owner for the right to read it"
        )
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise GridError(f"{path} is neither a file nor a folder", "give the path of a grid file")
    if path.stat().st_size == 0:
        raise GridError(f"grid file {path} is empty", "give the whole file")
    if (wide := _wide(path)) and not zipfile.is_zipfile(path):
        raise GridError(f"grid file {path} is text in {wide}, which no grid format uses", "save it as UTF-8")
    if _begins_with(path, codecs.BOM_UTF8):
        with _unmarked(path) as plain:
            return _telling(read_path, plain, path)
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return _unpacked(path, _gunzip)
    if zipfile.is_zipfile(path) and suffix != ".xlsx":
        return _zip(path)
    if suffix in (".zip", ".xlsx") and not zipfile.is_zipfile(path) and not _marked(path):
        raise GridError(
            f"grid file {path} cannot be read (it is no {suffix} file: {_begins(path)})", "give a whole file"
        )
    return _file(path, suffix)


def _file(path: Path, suffix: str) -> Source:
    marked = _marked(path)
    fitting = [f for f in marked if suffix in f.suffixes] or [f for f in _by_suffix(suffix) if not marked]
    if fitting:
        return _read(fitting[0], path)
    if marked:
        with _named(path, path.stem + marked[0].suffixes[0]) as link:
            return _telling(lambda p: _read(marked[0], p), link, path)
    raise GridError(f"grid file {path} is in no format that BOS knows ({_begins(path)})", f"give one of: {_known()}")


def _read(form: Format, path: Path) -> Source:
    """What a format's reader makes of a path; what it did not foresee is told as that."""
    try:
        return form.read(path)
    except BosError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0][:100]
        told = f"{path} cannot be read as {form.name} ({type(error).__name__}: {reason})"
        raise GridError(
            told, "see whether the tool that wrote it opens it; if so, report this sentence with the file"
        ) from error


def _by_suffix(suffix: str) -> list[Format]:
    """Formats of files with a suffix; none where several share it and only their marks tell them apart."""
    found = [f for f in FORMATS if suffix in f.suffixes]
    return found if len(found) == 1 else [f for f in found if not f.marks]


def _folder(path: Path) -> Source:
    for form in FORMATS:
        if any(next(path.glob(pattern), None) is not None for pattern in form.holds):
            return _read(form, path)
    if not any(path.iterdir()):
        raise GridError(f"folder {path} is empty", "give the folder that holds the grid's files")
    wanted = " nor ".join(f"{f.name} (no {f.holds[0]})" for f in FORMATS if f.holds)
    raise GridError(f"folder {path} is neither {wanted}", "give the folder that holds these files, or a file")


def _zip(path: Path) -> Source:
    """A packed folder or file; CGMES packages stay packed, and a workbook is packed by nature."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [i.filename for i in archive.infolist() if not i.is_dir()]
    except (*_BROKEN, UnicodeDecodeError) as error:
        raise GridError(f"grid file {path} cannot be unpacked ({str(error)[:80]})", "give a whole file") from None
    if "xl/workbook.xml" in names:
        with _named(path, f"{path.stem}.xlsx") as link:
            return _telling(_workbook, link, path)
    if any("EQ" in Path(n).name and n.lower().endswith((".xml", ".zip")) for n in names):
        return _exchange(path)
    return _unpacked(path, _unzip)


def _unpacked(path: Path, unpack: Callable[[Path, Path], None]) -> Source:
    with tempfile.TemporaryDirectory(prefix="bos-") as folder:
        inside = Path(folder) / path.stem
        inside.mkdir()
        try:
            unpack(path, inside)
        except _BROKEN as error:
            raise GridError(f"grid file {path} cannot be unpacked ({str(error)[:80]})", "give a whole file") from None
        return _telling(read_path, _only(inside), path)


def _gunzip(path: Path, folder: Path) -> None:
    with gzip.open(path) as packed, (folder / path.stem).open("wb") as file:
        left = MOST_UNPACKED
        while piece := packed.read(1 << 20):
            left -= len(piece)
            if left < 0:
                raise OSError("it holds more than 4 GiB")
            file.write(piece)


def _unzip(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if sum(i.file_size for i in archive.infolist()) > MOST_UNPACKED:
            raise OSError("it holds more than 4 GiB")
        archive.extractall(folder)


def _only(folder: Path) -> Path:
    """What is packed: a file, or the folder in which several things lie."""
    held = [p for p in folder.iterdir() if p.name not in ("__MACOSX", ".DS_Store")]
    return _only(held[0]) if len(held) == 1 and held[0].is_dir() else held[0] if len(held) == 1 else folder


@contextmanager
def _named(path: Path, name: str) -> Iterator[Path]:
    """The same file under another name, for readers that go by the suffix."""
    with tempfile.TemporaryDirectory(prefix="bos-") as folder:
        link = Path(folder) / name
        link.symlink_to(path.absolute())
        yield link


def _telling(read: Callable[[Path], Source], standing: Path, path: Path) -> Source:
    """Read what stands for a file; refusals name the file itself."""
    try:
        return read(standing)
    except BosError as error:
        raise type(error)(error.what.replace(str(standing), str(path)), error.mend) from None


def _marked(path: Path) -> list[Format]:
    """Formats of which a file holds a mark."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return [f for f in FORMATS if any(text.find(m) >= 0 for m in f.marks)]


def _wide(path: Path) -> str:
    """The encoding that a file's first bytes tell, if it has two or four bytes a character."""
    return next((name for mark, name in _WIDE.items() if _begins_with(path, mark)), "")


def _begins_with(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


@contextmanager
def _unmarked(path: Path) -> Iterator[Path]:
    """The same file without the mark of UTF-8 that some editors put before a text."""
    with tempfile.TemporaryDirectory(prefix="bos-") as folder:
        plain = Path(folder) / path.name
        plain.write_bytes(path.read_bytes().removeprefix(codecs.BOM_UTF8))
        yield plain


def _begins(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    shown = head.decode("utf-8", errors="replace").split("\n")[0].strip()[:40]
    binary = sum(b < 9 for b in head) > 0 or "�" in shown
    return "it is binary" if binary else f"it begins with '{shown}'"


def _beside(path: Path) -> str:
    from slots.sources.listed import near

    folder = path.parent
    others = [str(folder / p.name) for p in folder.iterdir()] if folder.is_dir() and os.access(folder, os.R_OK) else []
    advice = near(str(path), others)
    return f"did you mean {advice}?" if advice else "check the path"


def _known() -> str:
    told: dict[str, Any] = {f.name: ", ".join(f.suffixes[:2]) or "a folder" for f in FORMATS}
    return ", ".join(f"{k} ({v})" for k, v in told.items())
