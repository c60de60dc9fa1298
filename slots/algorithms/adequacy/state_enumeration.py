"""Adequacy by the states that are likely: how many units of each kind are out, unlikely combinations left out.

Units of one size and outage rate are alike, so a state is a number of each kind. What is left out is counted as if nothing
ran, and told as the error: the result is never too good (Billinton and Li, 1994, section 3.3).
"""

from typing import Annotated

import numpy as np
from scipy.stats import binom

from slots.contracts.adequacy import Adequacy, AdequacyRequest
from slots.parameters import Parameter


def state_enumeration(
    request: AdequacyRequest, *,
    least: Annotated[float, Parameter("probability of a state that is kept", unit="1", ge=0, le=1e-3)] = 1e-10,
) -> Adequacy:  # fmt: skip
    """Assess, kind after kind."""
    kinds, count = np.unique(np.stack([request.capacity, request.outage_rate]), axis=1, return_counts=True)
    left, probability = np.zeros(1), np.ones(1)
    for (capacity, rate), n in zip(kinds.T, count, strict=True):
        out = np.arange(n + 1)
        left = np.add.outer(left, capacity * (n - out)).ravel()
        probability = np.multiply.outer(probability, binom.pmf(out, n, rate)).ravel()
        kept = probability > least
        left, probability = left[kept], probability[kept]
    rest = max(0.0, 1.0 - float(probability.sum()))
    load = np.sort(request.load)
    above = np.concatenate([np.cumsum(load[::-1])[::-1], [0.0]])
    first = np.searchsorted(load, left + 1e-9, side="right")
    hours, energy = len(load) - first, above[first] - left * (len(load) - first)
    return Adequacy(
        float(probability @ hours) + rest * len(load), float(probability @ energy) + rest * float(load.sum()),
        rest * len(load), rest * float(load.sum()),
    )  # fmt: skip
