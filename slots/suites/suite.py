"""Contract suites: every program of a slot, official or custom, passes its slot's cases on real states."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.contracts.catalogue import SLOTS, Slot
from slots.suites.case import Case
from slots.suites.cases import CASES as OF_THE_CHAIN
from slots.suites.measured import CASES as OF_DATA
from slots.suites.studies import CASES as OF_STUDIES

Call = Callable[..., Any]
CASES = {**OF_THE_CHAIN, **OF_STUDIES, **OF_DATA}


@dataclass(frozen=True)
class Finding:
    """A case that a program does not pass, and why."""

    case: str
    why: str


def judge(slot: str, call: Call) -> list[Finding]:
    """All that a slot's suite finds wrong with a program, or with something that calls it elsewhere."""
    return list(findings(slot, call))


def findings(slot: str, call: Call) -> Iterator[Finding]:
    """What a slot's suite finds, case by case, each run twice: a program gives the same bits for the same input."""
    for case in _cases(slot):
        try:
            result = call(*case.arguments)
            check_type(SLOTS[slot], result)
            case.check(result)
            assert same(result, call(*case.arguments)), "a second call with the same input gives another result"
        except AssertionError as error:
            yield Finding(case.name, str(error) or "an invariant does not hold")
        except Exception as error:  # whatever a program raises
            yield Finding(case.name, f"{type(error).__name__}: {error}")


@cache
def _cases(slot: str) -> list[Case]:
    return CASES[slot]()


def check_type(slot: Slot, result: Any) -> None:
    """Assert that a result is of the slot's type, its arrays numbers without holes where they are not allowed."""
    items = result if slot.many and isinstance(result, list) else [result]
    for item in items:
        assert isinstance(item, slot.result), f"returns {type(item).__name__}, not {slot.result.__name__}"


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal to the bit."""
    if type(a) is not type(b):
        return False
    if is_dataclass(a) and not isinstance(a, type):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, np.ndarray):
        return _same_arrays(a, b)
    if sp.issparse(a):
        return a.shape == b.shape and all(_same_arrays(x, y) for x, y in zip(_parts(a), _parts(b), strict=True))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float):
        return a == b or (a != a and b != b)
    return bool(a == b) if isinstance(a, str | int | complex | None) else True


def _parts(matrix: Any) -> Iterator[Any]:
    canonical = matrix.tocsr()
    yield from (canonical.data, canonical.indices, canonical.indptr)


def _same_arrays(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
