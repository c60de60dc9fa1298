"""The report of a task set: one HTML file that needs nothing else."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from bos_core.index import containers, tasks
from bos_core.index.client import Index
from flows.report import pictures
from flows.report.artifacts import stage_table
from flows.report.figures import Figures, gather
from storage.settings import settings


def build_report(index: Index, set_id: str, outage: str | None = None) -> Path:
    """Write the report and return its path; `outage` names the branch after whose loss all hours are shown."""
    figures = gather(index, set_id, outage)
    task_set = index.call(lambda db: tasks.find_task_set(db, set_id))
    assert task_set is not None
    images = [
        ("Generation by fuel", pictures.generation_stack(figures)),
        ("Load duration", pictures.load_duration(figures)),
        ("Worst N-1 loading before adjustment", pictures.loading_heatmap(figures)),
        ("Before and after adjustment", pictures.before_after(figures)),
        ("Outages most often critical", pictures.critical_branches(figures)),
        ("Voltage envelope after adjustment", pictures.voltage_envelope(figures)),
    ]
    if figures.outage is not None:
        title = f"Every hour after the outage of {figures.outage.name}, curative actions taken"
        images.append((title, pictures.after_outage(figures, figures.outage)))
    first, last = index.call(lambda db: tasks.span(db, set_id))
    use = pictures.container_use(
        index.call(lambda db: containers.samples_between(db, first, last)),
        index.call(lambda db: containers.server_use_between(db, first, last)),
    )
    environment = Environment(loader=PackageLoader("flows.report"), autoescape=select_autoescape())
    page = environment.get_template("report.html").render(
        set_id=set_id, parameters=task_set.parameters, f=figures, key=key_figures(figures), images=images, use=use,
        stages=stage_table(index, set_id), grid=figures.network.grid, reading=figures.network.grid.reading,
        kept=figures.header.get("kept", ""), error=figures.header.get("error", "{}"),
    )  # fmt: skip
    path = settings().results / set_id / "report.html"
    part = path.with_suffix(".part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)
    return path


def key_figures(f: Figures) -> list[tuple[str, str]]:
    """The numbers a planner asks for first."""
    energy = {k: v.sum() / 1e3 for k, v in f.by_fuel.items()}
    rows = [
        ("Hours", f"{len(f.load):,}"),
        ("Load", f"{f.load.sum() / 1e3:,.1f} GWh, peak {f.load.max():,.0f} MW"),
        ("Cost", f"{(f.fuel_cost + f.start_cost) / 1e6:,.3f} million USD (fuel {f.fuel_cost / 1e6:,.3f}, "
                 f"start-ups {f.start_cost / 1e6:,.3f})"),
        ("Start-ups", f"{f.starts:,}"),
        ("Curtailment", f"{f.curtailed.sum() / 1e3:,.2f} GWh ({100 * f.curtailed.sum() / max(f.available.sum(), 1):.2f} % "
                        "of available wind, sun and water)"),
        ("Reserve shortfall", f"{f.reserve_short:,.2f} MWh"),
        ("Load not served by dispatch", f"{f.unserved:,.2f} MWh"),
        ("Hours insecure before adjustment", f"{int(f.insecure.sum()):,}"),
        ("Hours secure after adjustment", f"{int(f.secure.sum()):,} of {len(f.load):,}"),
        ("Redispatch", f"{f.moved / 1e3:,.2f} GWh, fuel cost {f.adjustment_cost / 1e6:+,.3f} million USD"),
        ("Curative actions", f"planned in {int((f.curative > 0).sum()):,} hours, at most {f.curative.max():,.0f} MW in one"),
        ("Load shed by adjustment", f"{f.shed:,.2f} MWh"),
        ("Cases that island load", f"{f.lost_cases:,}"),
        ("Cases without a power flow", f"{f.not_converged:,} (confirmed by full Newton)"),
    ]  # fmt: skip
    return rows + [(f"Generation, {k}", f"{v:,.1f} GWh") for k, v in sorted(energy.items(), key=lambda x: -x[1])]
