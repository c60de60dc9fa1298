"""What all compiled code is fed with to see whether it leaves its arrays: small, empty, singular, huge and no numbers.

As a program, `python -m tests.slots.native.corpus FIRST COUNT`, it feeds what belongs to some seeds and prints a line for
each. Seeds fix everything; the code it runs may have been compiled with sanitizers, which end the process on a fault.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import resources

import numpy as np

from bos_core.objects.errors import ParameterError
from slots.algorithms.n1 import kernel
from slots.algorithms.n1.batched import BatchedEngine
from slots.algorithms.reactive_dispatch.following import follow
from slots.algorithms.reactive_dispatch.newton_step import NewtonStep, library
from slots.algorithms.reactive_dispatch.stated import LOSSES, Settings, Solution, state
from slots.contracts.reactive_dispatch import ReactiveRequest
from slots.dynamics.equations.code import Functions, functions_of
from slots.dynamics.equations.model import model_of
from slots.grid.admittance import admittance
from slots.grid.model import Complexes, Floats
from slots.grid.network import Network, whole
from slots.grid.outage import Hour
from slots.sources.catalogue import load_source
from tests.slots.small_networks import request_of

ODD = np.array([0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, 1e-12, 1e12, 1e300, -1e300, np.nan, np.inf, -np.inf])
LARGE = ("case118", "case300", "case_ACTIVSg500")  # with more held buses than the kernel keeps by case, and by tile
MODELS = 2  # device models that one seed feeds
MOST_OUTAGES = 80


def numbers(rng: np.random.Generator, shape: "int | tuple[int, ...]", odd: float) -> Floats:
    """Ordinary numbers about 1, a share of them odd ones."""
    out = 1.0 + 0.3 * rng.standard_normal(shape)
    return np.asarray(np.where(rng.random(shape) < odd, rng.choice(ODD, shape), out))


def _complex(rng: np.random.Generator, n: int, odd: float) -> Complexes:
    out = np.empty(n, complex)
    out.real, out.imag = numbers(rng, n, odd), 0.1 * numbers(rng, n, odd)
    return out


def hour_of(rng: np.random.Generator, net: Network, odd: float) -> Hour:
    """An hour with any voltages, powers, ranges and held buses; also none, and all."""
    n = net.grid.n_bus
    v = _complex(rng, n, odd)
    held = rng.random(n) < rng.choice([0.0, 0.3, 1.0])
    low, high = np.sort(numbers(rng, (2, n), odd) * rng.choice([0.0, 0.01, 1.0]), axis=0)
    return Hour(
        v, 0.1 * _complex(rng, n, odd), held, numbers(rng, n, odd) / n, low, high,
        numbers(rng, n, odd) * rng.choice([0.0, 1.0]), numbers(rng, len(net.grid.changers), odd) * 0.01,
    )  # fmt: skip


def outages(rng: np.random.Generator, net: Network, odd: float) -> None:
    """The kernel of N-1: every outage of an hour, an hour without any, and several branches at once."""
    c = kernel.kernel()
    assert c is not None
    engine = BatchedEngine(net, c)
    every = rng.permutation(net.contingencies)[:MOST_OUTAGES]
    for hour in (hour_of(rng, net, odd), replace(hour_of(rng, net, 0.0), controlled=np.zeros(net.grid.n_bus, bool))):
        engine._run(hour, every, np.zeros(len(every)), keep=True)
        engine._run(hour, every[:0], np.zeros(0))
        engine._run(hour, every[:1], np.zeros(1))
        engine.alone(hour, every[:0])
        engine.alone(hour, rng.permutation(every)[:3])


def steps(rng: np.random.Generator, request: ReactiveRequest, odd: float) -> None:
    """The step of reactive dispatch at any state, with any diagonal and side; and hours followed from anywhere."""
    net, c = request.network, library()
    assert c is not None
    system = NewtonStep(net, c, admittance(net.grid).ybus)
    n = len(system.bus)
    system.assemble(_complex(rng, n, odd), *numbers(rng, (2, n), odd))
    system.factorise(*numbers(rng, (3, n), odd) * rng.choice([0.0, 1.0, 1e9]))
    system.solve(*numbers(rng, (4, n), odd))
    own = Settings.own(net)
    stated = state(request, 0, own, own, LOSSES)
    given = replace(stated, given=numbers(rng, len(stated.given), odd))
    size = len(stated.low)
    start = Solution(numbers(rng, size, odd), numbers(rng, size, odd), numbers(rng, 2 * net.grid.n_bus, odd))
    for hour in (stated, given):
        follow(system, hour, start)


@cache
def models() -> list[str]:
    """Names of all device models."""
    return sorted(p.name for p in resources.files("slots.dynamics.models").iterdir() if p.name.endswith(".toml"))


@cache
def functions(name: str) -> Functions:
    """The compiled functions of a model."""
    made = functions_of(model_of(resources.files("slots.dynamics.models").joinpath(name).read_text()))
    assert made.in_c
    return made


def devices(rng: np.random.Generator, made: Functions, odd: float) -> None:
    """Every function of a device model, for no device, one and a few; arrays that do not fit are refused."""
    calls: list[Callable[..., Floats]] = [
        made.rates, made.residual, made.jacobian, made.outputs, made.output_slopes, made.steady, made.steady_slopes,
        made.limits, made.starts,
    ]  # fmt: skip
    rows = (len(made.unknowns), len(made.inputs), len(made.constants), max(made.states, 2), max(made.states, 2))
    for count in (0, 1, int(rng.integers(2, 20))):
        arrays = [numbers(rng, (r, count), odd) for r in rows]
        for call in calls:
            call(float(rng.choice(ODD)), *arrays)
    cut = [a[: len(a) - 1] for a in arrays]
    for call in calls:
        try:
            call(0.01, *cut)
        except ParameterError:
            continue


def feed(seed: int) -> str:
    """Feed what belongs to a seed; what that was."""
    rng = np.random.default_rng([seed, 1])
    odd = float(rng.choice([0.0, 0.05, 0.5]))
    request = request_of(seed)
    with np.errstate(all="ignore"):
        outages(rng, request.network, odd)
        steps(rng, request, odd)
    fed = f"{request.network.grid.n_bus} buses"
    if seed % 40 == 7:
        name = LARGE[(seed // 40) % len(LARGE)]
        with np.errstate(all="ignore"):
            outages(rng, whole(load_source(name).grid), odd)
        fed += f", {name}"
    if seed % 20 == 3:
        some = [models()[(MODELS * (seed // 20) + k) % len(models())] for k in range(MODELS)]
        for name in some:
            devices(rng, functions(name), odd)
        fed += "".join(f", {name}" for name in some)
    return fed


def main(first: int, count: int) -> None:
    """Print each as it is fed."""
    for seed in range(first, first + count):
        print(f"{seed} {feed(seed)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
