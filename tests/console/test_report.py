"""`bos report`: written again, with every hour after an outage of one's choice."""

import re
from pathlib import Path

import pytest

from tests.conftest import Home

pytestmark = pytest.mark.slow

TITLE = r"Every hour after the outage of (.+?), curative actions taken"


def test_a_report_shows_every_hour_after_the_outage_asked_for(home: Home, two_days: str):
    written = home.folder / "results" / two_days / "report.html"
    assert len(re.findall(TITLE, written.read_text())) == 1
    refused = home.bos("report", two_days, "--outage", "A2x", check=False)
    assert refused.returncode != 0
    assert refused.stderr.startswith("bos: no outage 'A2x' was verified; name a branch as the grid does: ")
    name = refused.stderr.split("does: ")[1].split(",")[0]
    path = Path(home.bos("report", two_days, "--outage", name).stdout.strip())
    assert re.findall(TITLE, path.read_text()) == [name]
    home.bos("report", two_days)  # as it was, for others
