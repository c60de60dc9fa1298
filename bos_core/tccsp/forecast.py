"""Algorithm A1 of the BOS paper (section 3.3.1): how long a chunk will take and how much memory it will need.

A chunk takes what it works, what it spends on data (opening, reading, writing and checking files), and, on a container
that runs its service for the first time, what it spends on loading libraries; each is measured and forecast by itself.
Work and data are log-normal around powers of the chunk's size: log W = w0 + w1·log(size) + offset of its kind. Weights
and offsets follow from all chunks of a service by Bayesian linear regression; a kind is one grid, level and program,
and its offset is drawn to zero while it has few chunks. Before anything was measured the prior says a tenth of a second
of work for size one within a factor of thirty, growing in proportion, and a fiftieth of a second for data, hardly
growing: most of that is for opening files.

The peak of memory is what containers hold before a chunk, whatever they ran before, and by how much its kind exceeds
that at most.
"""

from collections import deque
from dataclasses import dataclass
from math import exp, hypot, log
from statistics import NormalDist, median

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WORK, DATA = (-2.3, 1.0), (-3.9, 0.2)  # prior means of w0, w1
PRIOR_DEVIATION = (7.0, 0.3)  # in deviations of the noise, as are those of kinds
BASE = len(WORK)
LEAST_S = 1e-3  # what is shorter is not told apart
LOADS_S = 5e-4  # less means that the container had run the service before
NOTHING = 0.1  # hours that a chunk of size 0 counts as
KIND_DEVIATION = 4.0  # of a kind's offset from its service
PRIOR_SHAPE, PRIOR_RATE = 1.0, 0.25  # of the noise's inverse-gamma prior: about 0.5 in the logarithm
FORGET = 0.98  # weight of everything before, per chunk: machines and data drift
COLD_PEAK_MIB = 600.0  # a container with its libraries loaded, before anything was measured
COLD_LOAD_S = 0.5
STARTS, HELD = 40, 0.9  # latest chunks, and the quantile of what their containers held before them
SAFETY_MIB, SAFETY_SHARE = 96.0, 0.15  # a container's libraries and caches grow with what it has run
KEPT_ERRORS = 500
NORMAL, LEAST_SPREAD, BEYOND_ALL = NormalDist(), 1e-3, 1e-12


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

    @property
    def need_mib(self) -> float:
        """Memory (MiB) to keep free for it: its peak and the margin."""
        return self.peak_mib + self.margin_mib

    def left(self, elapsed: float) -> float:
        """Median of what is left (s) of a chunk that has not ended after `elapsed` s: the longer, the more it took."""
        if elapsed <= 0:
            return self.seconds
        beyond = NORMAL.cdf(-log(elapsed / self.seconds) / max(self.spread, LEAST_SPREAD))
        deviations = -NORMAL.inv_cdf(max(beyond / 2, BEYOND_ALL))
        return max(self.seconds * exp(deviations * self.spread) - elapsed, 0.0)


class _Power:
    """Regression of a duration on sizes: intercept, slope, one offset per kind.

    `precision` and `moment` are sums over chunks of x·xᵀ and x·y, of deviations from the prior's mean; the prior's
    own precision is added where they are used, so forgetting leads back to it.
    """

    def __init__(self, prior_mean: tuple[float, float]) -> None:
        self.kinds: dict[str, int] = {}
        self._mean = prior_mean
        self._precision, self._moment = np.zeros((BASE, BASE)), np.zeros(BASE)
        self._squares = self._count = 0.0
        self._solved: tuple[Floats, Floats, float] | None = None
        self._told: dict[
            Job, tuple[float, float]
        ] = {}  # since it last learned: whatever waits is asked for in every cycle

    def _row(self, job: Job) -> Floats:
        x = np.zeros(len(self._moment))
        x[:BASE] = 1.0, log(max(job.size, NOTHING))
        if job.kind in self.kinds:
            x[self.kinds[job.kind]] = 1.0
        return x

    def learn(self, job: Job, seconds: float) -> None:
        """Take account of a duration."""
        if job.kind not in self.kinds:
            self.kinds[job.kind] = len(self._moment)
            self._precision, self._moment = np.pad(self._precision, (0, 1)), np.pad(self._moment, (0, 1))
        x = self._row(job)
        y = log(max(seconds, LEAST_S)) - float(x[:BASE] @ self._mean)
        self._precision = FORGET * self._precision + np.outer(x, x)
        self._moment = FORGET * self._moment + x * y
        self._squares, self._count = FORGET * self._squares + y * y, FORGET * self._count + 1
        self._solved = None
        self._told.clear()

    def predict(self, job: Job) -> tuple[float, float]:
        """Median (s), and standard deviation of the logarithm."""
        if job not in self._told:
            self._told[job] = self._predict(job)
        return self._told[job]

    def _predict(self, job: Job) -> tuple[float, float]:
        solved = self._solved
        if solved is None:
            prior = 1 / np.array([*PRIOR_DEVIATION, *[KIND_DEVIATION] * len(self.kinds)]) ** 2
            covariance = np.asarray(np.linalg.inv(self._precision + np.diag(prior)), np.float64)
            weights = np.asarray(covariance @ self._moment, np.float64)
            rest = max(self._squares - float(self._moment @ weights), 0.0)
            noise = (PRIOR_RATE + rest / 2) / (PRIOR_SHAPE + self._count / 2)
            self._solved = solved = weights, covariance, noise
        weights, covariance, noise = solved
        x = self._row(job)
        unseen = 0.0 if job.kind in self.kinds else KIND_DEVIATION**2
        mean = float(x[:BASE] @ self._mean + x @ weights)
        return exp(mean), float(np.sqrt(noise * (1 + x @ covariance @ x + unseen)))


class _Service:
    """What is known of a service: work, data, loading, and the memory of its kinds."""

    def __init__(self) -> None:
        self.work, self.data = _Power(WORK), _Power(DATA)
        self._growths: dict[str, deque[float]] = {}
        self._grown: dict[str, tuple[float, float]] = {}
        self.loads: deque[float] = deque(maxlen=20)

    def learn(self, job: Job, work: float, data: float, load: float, growth_mib: float) -> None:
        """Take account of a chunk."""
        if load > LOADS_S:
            self.loads.append(load)
        self.work.learn(job, work)
        self.data.learn(job, data)
        self.grew(job.kind, growth_mib)

    def grew(self, kind: str, mib: float) -> None:
        """Take account of what a chunk of a kind added to its container's memory.

        What few chunks have shown need not be all: to their spread comes a part that fades as they become more.
        """
        seen = self._growths.setdefault(kind, deque(maxlen=50))
        seen.append(mib)
        self._grown[kind] = max(seen), 2 * float(np.std(seen)) + COLD_PEAK_MIB / (1 + len(seen))

    def predict(self, job: Job) -> tuple[float, float]:
        """Median (s) of work and data together, and the deviation of its logarithm, to first order."""
        (work, w), (data, d) = self.work.predict(job), self.data.predict(job)
        return work + data, hypot(work * w, data * d) / (work + data)

    @property
    def load(self) -> float:
        """Seconds of loading on a container that runs it for the first time."""
        if self.loads:
            return sum(self.loads) / len(self.loads)
        return 0.0 if self.work.kinds else COLD_LOAD_S

    def growth(self, kind: str) -> tuple[float, float] | None:
        """The largest growth of a kind, or of the service if it was never seen, and its spread; None before any."""
        if kind in self._grown:
            return self._grown[kind]
        largest = max((most for most, _ in self._grown.values()), default=None)
        return None if largest is None else (largest, 0.35 * largest)


class Forecaster:
    """Learns from every chunk that ends; says how wrong it has been."""

    def __init__(self) -> None:
        self._services: dict[str, _Service] = {}
        self._held: deque[float] = deque(maxlen=STARTS)
        self._held_mib = 0.0
        self._errors: deque[float] = deque(maxlen=KEPT_ERRORS)
        self._beyond: deque[float] = deque(maxlen=KEPT_ERRORS)

    def forecast(self, job: Job, cold: bool = False) -> Forecast:
        """Duration and memory of a chunk, on a container that has run its service before or, if `cold`, not."""
        s = self._services.get(job.service) or _Service()
        seconds, spread = s.predict(job)
        return Forecast(seconds + (s.load if cold else 0.0), spread, *self._memory(s, job.kind))

    def _memory(self, s: _Service, kind: str) -> tuple[float, float]:
        """Peak and margin (MiB); the margin covers spread and what libraries and caches add."""
        grows = s.growth(kind)
        if grows is None:
            return COLD_PEAK_MIB, COLD_PEAK_MIB
        peak = grows[0] + self._held_mib
        return peak, SAFETY_MIB + grows[1] + SAFETY_SHARE * peak

    def learn(
        self, job: Job, seconds: float, peak_mib: float, load: float = 0.0, start_mib: float = 0.0, data: float = 0.0
    ) -> None:
        """Take account of a chunk that ended.

        Args:
            seconds: it took, `load` of them to load libraries and `data` for data.
            peak_mib: resident at its peak; start_mib: before it began.
        """
        told = self.forecast(job)
        self._errors.append(abs(told.seconds + load - seconds) / max(seconds, 1e-9))
        self._beyond.append(peak_mib - told.peak_mib - told.margin_mib)
        self._held.append(start_mib)
        self._held_mib = float(np.quantile(self._held, HELD))
        growth = max(peak_mib - start_mib, 0.0)
        self._services.setdefault(job.service, _Service()).learn(job, seconds - load - data, data, load, growth)

    def too_small(self, job: Job, quota_mib: float) -> None:
        """Take account of a chunk that a quota killed: it needs more than that."""
        told = self.forecast(job)
        needed = max(2.0 * quota_mib, told.peak_mib)
        self._services.setdefault(job.service, _Service()).grew(job.kind, needed - self._held_mib)

    @property
    def median_error(self) -> float:
        """Median of |forecast - measured| / measured of the latest durations; NaN before any."""
        return median(self._errors) if self._errors else float("nan")

    @property
    def worst_beyond_mib(self) -> float:
        """By how much (MiB) a peak has exceeded its forecast and margin at worst; negative if none has."""
        return max(self._beyond, default=float("nan"))
