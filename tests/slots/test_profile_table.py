"""Profiles as people write them: random files against pandas, one sentence for everything in doubt."""

import io
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bos_core.objects.errors import ProfileError
from slots.sources.profile_table import ProfileTable, read_profile

FORMATS = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M", "%d %b %Y %H:%M", "%Y%m%dT%H%M",
           "%Y-%m-%dT%H:%M:%S%z", "%d.%m.%Y %I:%M %p", "hours")  # fmt: skip
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Sao_Paulo")
QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def written(draw, zones=ZONES, encodings=("utf-8", "utf-8-sig", "utf-16")) -> tuple[str, str, bytes, pd.DataFrame, int]:
    """(format, zone, content of a file, its values by UTC time, minutes between rows)."""
    minutes, hours = draw(st.sampled_from([15, 30, 60])), draw(st.integers(1, 40))
    start = pd.Timestamp(draw(st.sampled_from(["2020-02-28", "2021-03-27 12:00", "2021-10-30 14:00", "2021-11-07", "2020-12-31",
                                               "2021-04-03 10:00", "2018-11-03 20:00"])), tz="UTC")  # fmt: skip
    index = pd.date_range(start, periods=hours * 60 // minutes, freq=f"{minutes}min")
    width = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 9999))
    values = np.random.default_rng(seed).uniform(-50, 300, (len(index), width)).round(draw(st.integers(0, 6)))
    frame = pd.DataFrame(values, index, [f"bus:{k}" for k in range(width)])
    rng = np.random.default_rng(seed)  # all formats alike, which draws of their own are not
    form, zone = str(rng.choice(FORMATS)), str(rng.choice(zones))
    local = index.tz_convert(zone)
    stamps = local.strftime(form).tolist() if form != "hours" else [f"{k * minutes / 60}" for k in range(len(index))]
    order = np.arange(len(index))
    if draw(st.booleans()) and (form == "hours" or "%z" in form or zone == "UTC"):
        order = np.random.default_rng(seed).permutation(order)
    separator, decimal = draw(st.sampled_from([(",", "."), (";", ","), (";", "."), ("\t", ",")]))
    cells = frame.map(lambda x: repr(float(x)).replace(".", decimal))
    lines = [separator.join(["t", *frame.columns])]
    lines += [separator.join([stamps[k], *cells.iloc[k]]) for k in order]
    text = draw(st.sampled_from(["\n", "\r\n"])).join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))
    return form, zone, text.encode(draw(st.sampled_from(encodings))), frame, minutes


def check(folder: Path, case) -> None:
    """Hold what is read of a file against the values that were written."""
    form, zone, content, frame, minutes = case
    path = folder / "x.csv"
    path.write_bytes(content)
    found = read_profile(path, ZoneInfo(zone) if "%z" not in form and form != "hours" else None)
    expected = frame.resample("1h").mean()
    assert found.names == tuple(frame.columns)
    np.testing.assert_allclose(found.values, expected.to_numpy(), rtol=1e-12, atol=1e-10)
    begin = 0 if form == "hours" else round(expected.index[0].timestamp())
    assert (found.first, found.hours, found.rows, found.averaged) == (begin, len(expected), len(frame), 60 // minutes)
    assert any("averaged" in r for r in found.remarks) == (minutes < 60)


def compare() -> None:
    """Draw files and hold what is read of them against what was written."""
    with tempfile.TemporaryDirectory() as folder:
        few = settings(max_examples=150, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
        few(given(written())(lambda case: check(Path(folder), case)))()


@QUIET
@given(written())
def test_whatever_way_it_is_written_it_is_read_as_pandas_reads_it(tmp_path: Path, case):
    check(tmp_path, case)


def _read_or_refused(path: Path) -> tuple[ProfileTable | None, str]:
    try:
        return read_profile(path), ""
    except ProfileError as refused:
        return None, str(refused)


@QUIET
@given(written(zones=("UTC",), encodings=("utf-8", "utf-8-sig")), st.data())
def test_a_damaged_file_is_read_rightly_or_refused_in_one_sentence(tmp_path: Path, case, data):
    text = case[2].decode("utf-8-sig")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        drop = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.text("0159,;.-:\n\"' aeinNé_+T/\t", max_size=2)) + text[at + drop :]
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found, sentence = _read_or_refused(path)
    if found is None:
        assert "\n" not in sentence
        assert "x.csv" in sentence
        return
    header = next(x for x in text.splitlines() if x)
    separator = ";" if ";" in header else "\t" if "\t" in header else ","
    comma = any("commas are decimal" in r for r in found.remarks)
    again = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, index_col=False)
    assert tuple(" ".join(c.split()) for c in again.columns[1:]) == found.names
    plain = again.iloc[:, 1:].map(lambda c: float(c.replace(",", ".") if comma else c))
    stamps = again.iloc[:, 0].str.strip()
    if found.counted:
        plain.index = pd.to_timedelta(stamps.str.replace(",", ".").astype(float), unit="h").round("min")
        begin = pd.Timedelta(found.first, "s")
    else:
        days = dict.fromkeys(stamps.str.match(r"\d{1,2}[.]"), None)
        plain.index = pd.to_datetime(stamps, utc=True, format="mixed", dayfirst=any(days))
        begin = pd.Timestamp(found.first, unit="s", tz="UTC")
    expected = plain.sort_index().resample("1h").mean()
    assert expected.index[0] == begin
    np.testing.assert_allclose(found.values, expected.to_numpy(), rtol=1e-12, atol=1e-10)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=60), st.text("0123,;.\n\"'-: Ta\t", max_size=60).map(str.encode)))
def test_anything_at_all_is_read_or_refused_in_one_sentence(tmp_path: Path, content: bytes):
    for name in ("x.csv", "x.parquet"):
        (tmp_path / name).write_bytes(content)
        found, sentence = _read_or_refused(tmp_path / name)
        assert found is not None or (sentence and "\n" not in sentence)


def _hours(*cells: str) -> str:
    return "t,bus:1\n" + "".join(f"{c},1\n" for c in cells)


BERLIN_SPRING = _hours(*(f"2021-03-28 {h:02d}:00" for h in (0, 1, 3, 4)))
BERLIN_AUTUMN = _hours(*(f"2021-10-31 {h:02d}:00" for h in (0, 1, 2, 2, 3)))
BAD = [
    ("", "holds no series"),
    ("t,bus:1\n", "holds no series"),
    ("t\n0\n", "holds no series"),
    (_hours("0", "2"), "jumps from hour 0 to 2, and so on every 2 hours; give every hour once"),
    (_hours("0", "1", "1"), "two rows for hour 1"),
    (_hours("-1", "0"), "has hour -1"),
    (_hours("0", "0.001"), "is no whole minute"),
    (_hours("0", "1", "3"), "jumps from hour 1 to 3; give every hour once"),
    (_hours("0", "0.7", "1.4"), "a value every 42 minutes"),
    (_hours("0.5", "1.5"), "begin at hour 0.5 in UTC, within an hour"),
    (_hours("0", "0.5", "1"), "the hour of hour 1 in profile x.csv has not all of its 2 values"),
    (_hours("0.25", "0.5", "0.75"), "the hour of hour 0.25 in profile x.csv has not all of its 4 values"),
    (_hours("1577836800"), "which is no hour of a year"),
    (_hours("01/02/2020", "01/03/2020"), "could have the day or the month first"),
    (_hours("13/01/2020", "01/13/2020"), "with the day first and with the month first"),
    (_hours("2020-02-30"), "'2020-02-30' in row 2 of profile x.csv is no date of the calendar"),
    (_hours("2021-02-29 00:00"), "is no date of the calendar"),
    (_hours("2020-01-01 25:00"), "is no date of the calendar"),
    (_hours("1/1/20"), "neither hours nor timestamps"),
    (_hours("2020-01-01 00:00Z", "2020-01-01 01:00"), "row 3 of profile x.csv has no offset"),
    (_hours("2020-01-01 00:00+05:30", "2020-01-01 01:00+05:30"), "begin at 2019-12-31 18:30 in UTC"),
    (BERLIN_SPRING, "jumps from 2021-03-28 01:00 to 2021-03-28 03:00; if these are local times with daylight saving"),
    (BERLIN_AUTUMN, "two rows for 2021-10-31 02:00; if these are local times with daylight saving, give --timezone"),
    ("t,bus:1\n0,nan\n", "row 2, column bus:1: 'nan' is no finite number"),
    ("t,bus:1\n0,1\n1,inf\n", "row 3, column bus:1: 'inf' is no finite number"),
    ("t,bus:1\n0,1_0\n", "'1_0' is not a number"),
    ("t,bus:1\n0,\n", "row 2, column bus:1: the cell is empty"),
    ("t,bus:1\n0,1,5\n", "row 2 of profile x.csv has 3 cells, the header has 2; separate columns by semicolons"),
    ("t;bus:1\n0;1.000,5\n", "'1.000,5' is not a number"),
    ("t,a,b,a\n0,1,2,3\n", "has two columns a"),
    ("t,bus:1,\n0,1,\n", "column 3 of profile x.csv has no name"),
    ("t,bus:1\n0,\0\n", "no text in UTF-8"),
]


@pytest.mark.parametrize(("text", "sentence"), BAD, ids=[s for _, s in BAD])
def test_doubt_is_refused_with_its_place(tmp_path: Path, text: str, sentence: str):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ProfileError) as refused:
        read_profile(tmp_path / "x.csv")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_clock_that_changes_is_no_hole_in_its_zone(tmp_path: Path):
    path, berlin = tmp_path / "x.csv", ZoneInfo("Europe/Berlin")
    path.write_text(BERLIN_SPRING)
    assert read_profile(path, berlin).hours == 4
    path.write_text(BERLIN_AUTUMN)
    assert read_profile(path, berlin).hours == 5
    path.write_text(_hours("2021-10-31 01:00", "2021-10-31 02:00", "2021-10-31 03:00"))
    with pytest.raises(ProfileError, match="jumps from 2021-10-31 00:00 to 2021-10-31 02:00"):
        read_profile(path, berlin)
    path.write_text(_hours("2021-03-28 01:00", "2021-03-28 02:00"))
    with pytest.raises(ProfileError, match="2021-03-28 02:00 does not exist in Europe/Berlin"):
        read_profile(path, berlin)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("as_index", [True, False])
def test_parquet(tmp_path: Path, zone: str | None, as_index: bool):
    index = pd.date_range("2021-10-30", periods=96, freq="30min", tz=zone, name="t")
    frame = pd.DataFrame({"bus:1": np.arange(96.0), "bus:2": 7}, index)
    (frame if as_index else frame.reset_index()).to_parquet(tmp_path / "x.parquet")
    found = read_profile(tmp_path / "x.parquet")
    expected = frame.tz_localize("UTC") if zone is None else frame.tz_convert("UTC")
    assert found.first == round(expected.index[0].timestamp())
    np.testing.assert_allclose(found.values, expected.resample("1h").mean().to_numpy())
    frame.iloc[3, 0] = np.nan
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ProfileError, match="row 4, column bus:1: the cell is empty"):
        read_profile(tmp_path / "x.parquet")
