"""What is done about chunks that do not end well: nothing of a chunk is lost by cutting, and verdicts come to an end."""

from hypothesis import given
from hypothesis import strategies as st

from bos_core.objects.task import Chunk
from bos_core.tccsp.faults import MAX_ATTEMPTS, MOST_CULPRITS, Patience, Verdict, divisible, halves, judge, pause


def _chunk(first: int, hours: int, per_hour: int, days: bool) -> Chunk:
    count = -(-hours // 24) if days else hours * per_hour
    return Chunk("set/s/01-000", "s", 7, count, first, hours, {"a": 1})


@given(st.integers(0, 8000), st.integers(1, 400), st.integers(1, 50), st.booleans())
def test_cut_to_the_end_a_chunk_is_covered_once(first, hours, per_hour, days):
    whole = _chunk(first, hours, per_hour, days)
    left, ends = [whole], []
    while left:
        chunk = left.pop()
        if divisible(chunk):
            left += halves(chunk)
        else:
            ends.append(chunk)
    ends.sort(key=lambda c: c.first_hour)
    assert [h for c in ends for h in range(c.first_hour, c.first_hour + c.hours)] == list(range(first, first + hours))
    assert [k for c in ends for k in range(c.offset, c.offset + c.count)] == list(range(7, 7 + whole.count))
    assert all(c.hours == 1 or (days and c.hours <= 24) or whole.count == 1 for c in ends)
    assert abs(sum(c.size for c in ends) - whole.size) < 1e-6
    assert len({c.key for c in ends}) == len(ends)


def test_verdicts():
    assert judge(1, False, True, 0) is Verdict.RETRY
    assert judge(2, False, True, 0) is Verdict.SPLIT
    assert judge(2, False, False, 0) is Verdict.RETRY
    assert judge(MAX_ATTEMPTS, False, False, 0) is Verdict.FAIL
    assert judge(MAX_ATTEMPTS, False, True, MOST_CULPRITS) is Verdict.FAIL  # the fault is not in single elements
    assert judge(MAX_ATTEMPTS, False, False, 0, several=True) is Verdict.APART
    assert judge(MAX_ATTEMPTS, False, False, MOST_CULPRITS, several=True) is Verdict.FAIL
    assert judge(9, True, True, 9) is Verdict.RETRY  # as long as it can be given more memory
    assert pause(3) == 4 * pause(1)


def test_patience():
    p = Patience(stopped=5, idle=60, least=900, factor=20)
    assert p.lost(10, 5, 1, 0) == ""
    assert p.lost(10, 5, 1, 6) == "was stopped for 6 s"
    assert p.lost(100, 5, 61, 0) == "did nothing for 61 s"
    assert p.lost(1000, 60, 0, 0) == ""  # twenty times its careful forecast
    assert p.lost(1300, 60, 0, 0) == "took more than 1200 s"
    assert p.lost(901, 1, 0, 0) == "took more than 900 s"
