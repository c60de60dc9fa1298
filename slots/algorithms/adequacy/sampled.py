"""Adequacy by sampled states of the units: as they are, or with outages made likelier and weighed accordingly."""

from typing import Annotated

import numpy as np

from slots.contracts.adequacy import Adequacy, AdequacyRequest
from slots.grid.model import Floats
from slots.parameters import Parameter

Samples = Annotated[int, Parameter("states of the units", ge=100, le=10_000_000)]
_ROUNDS, _ELITE = 8, 0.1


def monte_carlo(request: AdequacyRequest, *, samples: Samples = 20_000) -> Adequacy:
    """Assess by states drawn as likely as they are, each judged on every hour (Billinton and Li, 1994, section 3.4)."""
    rng = np.random.default_rng(request.seed)
    left, weight, _ = _states(request, request.outage_rate, samples, rng)
    return _assessed(request, left, weight)


def latin_hypercube(request: AdequacyRequest, *, samples: Samples = 20_000) -> Adequacy:
    """Assess by states in which each unit is out just as often as it should be (McKay, Beckman and Conover, 1979).

    The error told is that of independent states, which is on the safe side.
    """
    rng, n = np.random.default_rng(request.seed), len(request.outage_rate)
    strata = rng.permuted(np.tile(np.arange(samples), (n, 1)), axis=1).T
    out = (strata + rng.random((samples, n))) / samples < request.outage_rate
    return _assessed(request, np.asarray(~out @ request.capacity), np.ones(samples))


def importance_sampling(request: AdequacyRequest, *, samples: Samples = 20_000) -> Adequacy:
    """Assess by states drawn with other outage rates, found by cross-entropy (Leite da Silva et al., 2010).

    Rounds of samples move the rates towards those of states that lose load; where all do from the start, nothing changes.
    """
    rng = np.random.default_rng(request.seed)
    rate = request.outage_rate.copy()
    peak = request.load.max()
    for _ in range(_ROUNDS):
        left, weight, out = _states(request, rate, max(samples // 10, 100), rng)
        level = max(peak, float(np.quantile(left, _ELITE))) if (left < peak).mean() < _ELITE else peak
        chosen = weight * (left < level + 1e-9)
        if chosen.sum() <= 0:
            continue
        certain = (request.outage_rate == 0) | (request.outage_rate == 1)
        rate = np.where(certain, request.outage_rate, np.clip((chosen @ out) / chosen.sum(), 0.001, 0.9))
        if level <= peak:
            break
    rate = np.maximum(rate, request.outage_rate * (request.outage_rate < 1))
    rate = np.where(request.outage_rate == 1, 1.0, rate)
    left, weight, _ = _states(request, rate, samples, rng)
    return _assessed(request, left, weight)


def _states(
    request: AdequacyRequest, rate: Floats, samples: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """(sample,) MW left, (sample,) likelihood ratio, (sample, unit) outages."""
    out = rng.random((samples, len(rate))) < rate
    q = request.outage_rate
    with np.errstate(divide="ignore", invalid="ignore"):
        gone = np.where(rate > 0, np.log(q / rate), 0.0)
        here = np.where(rate < 1, np.log((1 - q) / (1 - rate)), 0.0)
    weight = np.exp(out @ np.nan_to_num(gone) + ~out @ np.nan_to_num(here))
    return np.asarray(~out @ request.capacity), np.asarray(weight), out.astype(float)


def _assessed(request: AdequacyRequest, left: Floats, weight: Floats) -> Adequacy:
    load = np.sort(request.load)
    above = np.concatenate([np.cumsum(load[::-1])[::-1], [0.0]])
    first = np.searchsorted(load, left + 1e-9, side="right")
    hours = weight * (len(load) - first)
    energy = weight * (above[first] - left * (len(load) - first))
    n = len(left)
    return Adequacy(
        float(hours.mean()), float(energy.mean()), float(hours.std() / n**0.5), float(energy.std() / n**0.5)
    )
