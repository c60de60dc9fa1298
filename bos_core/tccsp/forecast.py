"""Algorithm A1 of the BOS paper (section 3.3.1): how long a chunk will take and how much memory it will need.

Durations are log-normal around a power of the chunk's size: log D = w0 + w1·log(size) + w2·cold + offset of its kind,
where `cold` is 1 on a container that runs the service for the first time and has its libraries and inputs to load.
Weights and offsets follow from all chunks of a service by Bayesian linear regression; a kind is one grid, level and
program, and its offset is drawn to zero while it has few chunks. Before anything was measured the prior says
a tenth of a second for size one within a factor of thirty, growing a little less than in proportion.
"""

from collections import deque
from dataclasses import dataclass
from math import exp, log
from statistics import median

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PRIOR_MEAN = (-2.3, 0.8, 0.2)  # of w0, w1, w2
PRIOR_DEVIATION = (7.0, 0.4, 0.6)  # in deviations of the noise, as are those of kinds
BASE = len(PRIOR_MEAN)
NOTHING = 0.1  # hours that a chunk of size 0 counts as
KIND_DEVIATION = 4.0  # of a kind's offset from its service
PRIOR_SHAPE, PRIOR_RATE = 1.0, 0.25  # of the noise's inverse-gamma prior: about 0.5 in the logarithm
FORGET = 0.98  # weight of everything before, per chunk: machines and data drift
COLD_PEAK_MIB = 600.0  # a container with its libraries loaded, before anything was measured
SAFETY_MIB, SAFETY_SHARE = 64.0, 0.15  # a container's libraries and caches grow with what it has run
KEPT_ERRORS = 500


@dataclass(frozen=True)
class Job:
    """What a forecast is asked for.

    Attributes:
        service: the stage that it belongs to.
        kind: what makes chunks of a service alike: grid, level, program.
        size: how much there is to do, in hours of the horizon or any other count that fits the service; 0 for
            nothing but looking.
    """

    service: str
    kind: str
    size: float


@dataclass(frozen=True)
class Forecast:
    """A prediction.

    Attributes:
        seconds: median duration (s).
        spread: standard deviation of its logarithm; exp(spread) is the factor within which two thirds fall.
        peak_mib: resident memory at its peak (MiB).
        margin_mib: by how much the peak may be exceeded (MiB); what is to be kept free beyond it.
    """

    seconds: float
    spread: float
    peak_mib: float
    margin_mib: float

    def quantile(self, deviations: float) -> float:
        """Duration (s) that many standard deviations of the logarithm above the median."""
        return self.seconds * exp(deviations * self.spread)


class _Service:
    """Regression of one service: intercept, slope, coldness, one offset per kind; and the memory of its kinds.

    `precision` and `moment` are sums over chunks of x·xᵀ and x·y, of deviations from the prior's mean; the prior's
    own precision is added where they are used, so forgetting leads back to it.
    """

    def __init__(self) -> None:
        self.kinds: dict[str, int] = {}
        self.peaks: dict[str, deque[float]] = {}
        self._precision, self._moment = np.zeros((BASE, BASE)), np.zeros(BASE)
        self._squares = self._count = 0.0
        self._solved: tuple[Floats, Floats, float] | None = None

    def _row(self, job: Job, cold: bool) -> Floats:
        x = np.zeros(len(self._moment))
        x[:BASE] = 1.0, log(max(job.size, NOTHING)), cold
        if job.kind in self.kinds:
            x[self.kinds[job.kind]] = 1.0
        return x

    def learn(self, job: Job, cold: bool, seconds: float, peak_mib: float) -> None:
        """Take account of a chunk."""
        if job.kind not in self.kinds:
            self.kinds[job.kind] = len(self._moment)
            self._precision, self._moment = np.pad(self._precision, (0, 1)), np.pad(self._moment, (0, 1))
        x = self._row(job, cold)
        y = log(max(seconds, 1e-6)) - float(x[:BASE] @ PRIOR_MEAN)
        self._precision = FORGET * self._precision + np.outer(x, x)
        self._moment = FORGET * self._moment + x * y
        self._squares, self._count = FORGET * self._squares + y * y, FORGET * self._count + 1
        self._solved = None
        self.peaks.setdefault(job.kind, deque(maxlen=50)).append(peak_mib)

    def predict(self, job: Job, cold: bool) -> tuple[float, float]:
        """Mean and standard deviation of log seconds."""
        solved = self._solved
        if solved is None:
            prior = 1 / np.array([*PRIOR_DEVIATION, *[KIND_DEVIATION] * len(self.kinds)]) ** 2
            covariance = np.asarray(np.linalg.inv(self._precision + np.diag(prior)), np.float64)
            weights = np.asarray(covariance @ self._moment, np.float64)
            rest = max(self._squares - float(self._moment @ weights), 0.0)
            noise = (PRIOR_RATE + rest / 2) / (PRIOR_SHAPE + self._count / 2)
            self._solved = solved = weights, covariance, noise
        weights, covariance, noise = solved
        x = self._row(job, cold)
        unseen = 0.0 if job.kind in self.kinds else KIND_DEVIATION**2
        mean = float(x[:BASE] @ PRIOR_MEAN + x @ weights)
        return mean, float(np.sqrt(noise * (1 + x @ covariance @ x + unseen)))

    def memory(self, kind: str) -> tuple[float, float]:
        """The largest peak of a kind; of one not seen, of the service; the margin covers growth and spread."""
        seen = self.peaks.get(kind)
        if seen:
            return max(seen), SAFETY_MIB + 2 * float(np.std(seen)) + SAFETY_SHARE * max(seen)
        others = [p for kept in self.peaks.values() for p in kept]
        if others:
            return max(others), SAFETY_MIB + 0.5 * max(others)
        return COLD_PEAK_MIB, COLD_PEAK_MIB


class Forecaster:
    """Learns from every chunk that ends; says how wrong it has been."""

    def __init__(self) -> None:
        self._services: dict[str, _Service] = {}
        self._errors: deque[float] = deque(maxlen=KEPT_ERRORS)
        self._beyond: deque[float] = deque(maxlen=KEPT_ERRORS)

    def forecast(self, job: Job, cold: bool = False) -> Forecast:
        """Duration and memory of a chunk, on a container that has run its service before or, if `cold`, not."""
        s = self._services.get(job.service) or _Service()
        mean, deviation = s.predict(job, cold)
        return Forecast(exp(mean), deviation, *s.memory(job.kind))

    def learn(self, job: Job, seconds: float, peak_mib: float, cold: bool = False) -> None:
        """Take account of a chunk that ended."""
        told = self.forecast(job, cold)
        self._errors.append(abs(told.seconds - seconds) / max(seconds, 1e-9))
        self._beyond.append(peak_mib - told.peak_mib - told.margin_mib)
        self._services.setdefault(job.service, _Service()).learn(job, cold, seconds, peak_mib)

    def too_small(self, job: Job, quota_mib: float) -> None:
        """Take account of a chunk that a quota killed: it needs more than that."""
        told = self.forecast(job)
        needed = max(2.0 * quota_mib, told.peak_mib)
        self._services.setdefault(job.service, _Service()).peaks.setdefault(job.kind, deque(maxlen=50)).append(needed)

    @property
    def median_error(self) -> float:
        """Median of |forecast - measured| / measured of the latest durations; NaN before any."""
        return median(self._errors) if self._errors else float("nan")

    @property
    def worst_beyond_mib(self) -> float:
        """By how much (MiB) a peak has exceeded its forecast and margin at worst; negative if none has."""
        return max(self._beyond, default=float("nan"))
