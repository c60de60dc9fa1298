"""Load at an isolated bus is served and counted in no study."""

from pathlib import Path

import pytest

from flows.analyses import study
from slots.sources.catalogue import load_source

SITUATIONS = Path(__file__).resolve().parents[1] / "slots/situations"
STUDIES = [("economic_dispatch", "merit-order", {"hour": 4000}), ("adequacy", "convolution", {"outage_rate": 0.05, "seed": 1}),
           ("representative_days", "k-means", {"count": 3, "seed": 1})]  # fmt: skip


@pytest.mark.parametrize(("slot", "program", "options"), STUDIES, ids=lambda x: x if isinstance(x, str) else "")
def test_a_study_counts_what_it_counts_without_the_bus(slot, program, options):
    found, right = (
        study(slot, load_source(str(SITUATIONS / f"{n}.m")), program, {}, **options) for n in ("isol", "plain")
    )
    assert found == right


def test_hour_4000_asks_for_98_mw():
    line, _ = study("economic_dispatch", load_source(str(SITUATIONS / "isol.m")), "merit-order", {}, hour=4000)
    assert line.startswith("98 MW")
