"""Contract suites: every program of a slot, official or custom, passes its slot's cases on real states."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.contracts.catalogue import SLOTS, Slot
from slots.suites.cases import CASES, Case

Call = Callable[..., Any]


@dataclass(frozen=True)
class Finding:
    """A case that a program does not pass, and why."""

    case: str
    why: str


def judge(slot: str, call: Call, cases: list[Case] | None = None) -> list[Finding]:
    """Run a slot's cases, each twice: a program gives the same bits for the same input.

    Args:
        slot: name of the slot.
        call: the program, or something that calls it elsewhere.
        cases: the slot's own if left out.
    """
    out = []
    for case in CASES[slot]() if cases is None else cases:
        try:
            result = call(*case.arguments)
            check_type(SLOTS[slot], result)
            case.check(result)
            if not same(result, call(*case.arguments)):
                out.append(Finding(case.name, "a second call with the same input gives another result"))
        except AssertionError as error:
            out.append(Finding(case.name, str(error) or "an invariant does not hold"))
        except Exception as error:  # whatever a program raises
            out.append(Finding(case.name, f"{type(error).__name__}: {error}"))
    return out


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
