"""The report's pictures as inline SVG."""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bos_core.index.containers import SampleOf, ServerUse
from flows.report.figures import AfterOutage, Figures
from slots.grid.model import Floats

FUEL_COLOUR = {
    "nuclear": "#7b5ea7", "coal": "#4a4a4a", "gas": "#d9884c", "oil": "#8c4a2f", "hydro": "#3f7fbf",
    "wind": "#5fb3a8", "solar": "#f2c14e", "storage": "#b0558f", "other": "#999999",
}  # fmt: skip
ORDER = list(FUEL_COLOUR)


def blank_figure(width: float = 9.0, height: float = 3.4) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def as_svg(figure: Figure) -> str:
    out = io.StringIO()
    with rc_context({"svg.hashsalt": "bos"}):  # the same results give the same report
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _daily(x: Floats) -> Floats:
    """Daily means of long horizons; short ones stay hourly."""
    return x if len(x) <= 24 * 31 else np.asarray(x[: len(x) // 24 * 24].reshape(-1, 24).mean(axis=1))


def generation_stack(f: Figures) -> str:
    """Output by fuel over time, stores' charging left out."""
    figure, axes = blank_figure(height=3.8)
    fuels = sorted(f.by_fuel, key=lambda k: ORDER.index(k) if k in ORDER else len(ORDER))
    values = [np.maximum(_daily(f.by_fuel[k]), 0) / 1e3 for k in fuels]
    step = 24 if len(values[0]) < len(f.load) else 1
    time = f.first_hour / 24 + np.arange(len(values[0])) * step / 24
    axes.stackplot(time, values, labels=fuels, colors=[FUEL_COLOUR.get(k, "#999999") for k in fuels], linewidth=0)
    axes.plot(time, _daily(f.load) / 1e3, color="black", linewidth=0.8, label="load")
    axes.set(xlabel="day of the year", ylabel="GW", xlim=(time[0], time[-1]))
    axes.legend(ncols=5, fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.2))
    return as_svg(figure)


def load_duration(f: Figures) -> str:
    """Load and residual load, sorted."""
    figure, axes = blank_figure()
    share = np.linspace(0, 100, len(f.load))
    axes.plot(share, np.sort(f.load)[::-1] / 1e3, label="load", color="black")
    axes.plot(share, np.sort(f.load - f.variable)[::-1] / 1e3, label="load less wind, sun and water", color="#d9884c")
    axes.set(xlabel="share of hours (%)", ylabel="GW", ylim=(0, None), xlim=(0, 100))
    axes.legend(frameon=False)
    return as_svg(figure)


def loading_heatmap(f: Figures) -> str:
    """Worst N-1 loading of each hour (down) and day (across), before adjustment."""
    figure, axes = blank_figure()
    axes.spines[["top", "right"]].set_visible(True)
    days = -(-len(f.worst_before) // 24)
    values = np.full(days * 24, np.nan)
    values[: len(f.worst_before)] = 100 * f.worst_before
    first = f.first_hour / 24
    image = axes.imshow(
        values.reshape(days, 24).T, aspect="auto", origin="lower", cmap="RdYlGn_r", vmin=60, vmax=140,
        extent=(first, first + days, 0, 24), interpolation="nearest",
    )  # fmt: skip
    axes.set(xlabel="day of the year", ylabel="hour of the day")
    figure.colorbar(image, label="worst N-1 loading (%)")
    return as_svg(figure)


def voltage_envelope(f: Figures) -> str:
    """Lowest and highest bus voltage over time."""
    figure, axes = blank_figure()
    time = f.first_hour / 24 + np.arange(len(f.vmin)) / 24
    axes.fill_between(time, f.vmin, f.vmax, color="#5fb3a8", alpha=0.5, linewidth=0, label="all buses")
    grid = f.network.grid.buses
    axes.axhline(grid.vmin.min(), color="black", linewidth=0.7, linestyle="--", label="limits")
    axes.axhline(grid.vmax.max(), color="black", linewidth=0.7, linestyle="--")
    axes.set(xlabel="day of the year", ylabel="voltage (p.u.)", xlim=(time[0], time[-1]))
    axes.legend(frameon=False)
    return as_svg(figure)


def critical_branches(f: Figures) -> str:
    """Outages that are insecure most often."""
    figure, axes = blank_figure()
    names = [n for n, _ in f.critical][::-1] or ["none"]
    axes.barh(names, [c for _, c in f.critical][::-1] or [0], color="#b0553a")
    axes.set(xlabel="hours in which this outage breaks a limit")
    return as_svg(figure)


def before_after(f: Figures) -> str:
    """Worst N-1 loading, sorted, before and after adjustment."""
    figure, axes = blank_figure()
    share = np.linspace(0, 100, len(f.worst_before))
    axes.plot(share, 100 * np.sort(f.worst_before)[::-1], label="before adjustment", color="#b0553a")
    axes.plot(share, 100 * np.sort(f.worst_after)[::-1], label="after adjustment", color="#3f7fbf")
    axes.axhline(100, color="black", linewidth=0.7, linestyle="--")
    axes.set(xlabel="share of hours (%)", ylabel="worst N-1 loading (%)", xlim=(0, 100))
    axes.legend(frameon=False)
    return as_svg(figure)


def after_outage(f: Figures, outage: AfterOutage) -> str:
    """Worst loading, lowest and highest voltage after one outage over time; gaps where it has no power flow."""
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, sharex=True)
    time = f.first_hour / 24 + np.arange(len(outage.loading)) / 24
    upper.plot(time, 100 * outage.loading, linewidth=0.6, color="#b0553a")
    upper.axhline(100, color="black", linewidth=0.7, linestyle="--")
    lower.fill_between(time, outage.vmin, outage.vmax, color="#5fb3a8", alpha=0.5, linewidth=0)
    upper.set(ylabel="worst loading (%)", ylim=(0, None))
    lower.set(xlabel="day of the year", ylabel="voltage (p.u.)", xlim=(time[0], time[-1]))
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return as_svg(figure)


def container_use(samples: Sequence[SampleOf], servers: Sequence[ServerUse]) -> str:
    """Processor, memory and queue of the containers, and of their servers, over the time of the run; empty without samples."""
    if not samples:
        return ""
    figure = Figure(figsize=(9.0, 7.6), layout="constrained")
    upper, middle, queue, lower = figure.subplots(4, sharex=True)
    began = samples[0].at
    for name in sorted({s.container for s in samples}):
        mine = [s for s in samples if s.container == name]
        _trace(upper, began, [s.at for s in mine], [100 * s.cpu_share for s in mine], label=name)
        _trace(middle, began, [s.at for s in mine], [s.resident_mib for s in mine])
        _trace(queue, began, [s.at for s in mine], [s.queued for s in mine])
    for name in sorted({s.server for s in servers}):
        there = [s for s in servers if s.server == name]
        times = [s.at for s in there]
        _trace(queue, began, times, [s.waiting for s in there], color="black", label="waiting for any")
        _trace(lower, began, times, [100 * s.cpu_share for s in there], label=f"{name}, processors")
        _trace(lower, began, times, [100 * s.memory_share for s in there], linestyle="--", label=f"{name}, memory")
    upper.set(ylabel="% of a core", ylim=(0, None))
    middle.set(ylabel="MiB", ylim=(0, None))
    queue.set(ylabel="chunks", yscale="symlog", ylim=(0, None))
    lower.set(xlabel="minutes since the start", ylabel="server, %", ylim=(0, 105))
    upper.legend(ncols=8, fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.3))
    queue.legend(fontsize=8, frameon=False, loc="upper right")
    lower.legend(fontsize=8, frameon=False, loc="lower right")
    for axes in (upper, middle, queue, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return as_svg(figure)


def _trace(axes: Axes, began: datetime, at: Sequence[datetime], values: Sequence[float], **look: Any) -> None:
    """A line over minutes, of means of at most some two hundred windows."""
    window = max(1, len(values) // 200)
    minutes = [(moment - began).total_seconds() / 60 for moment in at]
    axes.plot(minutes[::window], _smooth(values, window), linewidth=0.8, **look)


def _smooth(values: Sequence[float], window: int) -> list[float]:
    """Means of consecutive windows."""
    return [float(np.mean(values[k : k + window])) for k in range(0, len(values), window)]
