"""The index of programs follows the repository: read whole from it, compared, and made equal in one transaction."""

from bos_core.index import programs as table
from bos_core.index.client import Index
from bos_core.index.tables import ProgramRow, ServiceRow
from bos_core.objects.program import ProgramState
from bos_core.plump.models import KIND as MODEL
from bos_core.plump.models import repository
from bos_core.plump.official import official
from bos_core.plump.programs import KIND as ALGORITHM
from bos_core.plump.source import parameters_of, read
from bos_core.plump.standing import standing_of
from slots.contracts.catalogue import DEVICE_MODEL, SLOTS
from slots.dynamics.catalogue import names, text_of
from slots.dynamics.equations.model import model_of


def tree() -> list[ServiceRow]:
    """The services, each under its business domain, with the slot that it calls programs through."""
    domains = dict.fromkeys(s.domain for s in SLOTS.values())
    out = [ServiceRow(name="BOS"), *(ServiceRow(name=d, parent="BOS") for d in domains)]
    return out + [ServiceRow(name=s.service, parent=s.domain, slot=s.name, custom=s.custom) for s in SLOTS.values()]


def rows() -> list[ProgramRow]:
    """Every version of every program that there is."""
    return [*_official_algorithms(), *_official_models(), *_algorithms(), *_models()]


def _official_algorithms() -> list[ProgramRow]:
    return [
        ProgramRow(
            type=ALGORITHM, name=p.name, version=f"official/{p.slot}", slot=p.slot,
            services=[SLOTS[p.slot].service], elements=list(parameters_of(p.source, p.call.__name__).model_fields),
            address=f"python:{p.call.__module__}", content=p.sha256, state=ProgramState.LAUNCHED, summary=p.summary,
            author="BOS",
        )
        for p in official()
    ]  # fmt: skip


def _official_models() -> list[ProgramRow]:
    out = []
    for name in names():
        model = model_of(text_of(name))
        out.append(_model_row(name, "official", f"python:slots.dynamics.models/{name}.toml", "", model.description,
                              [v.name for v in model.variables if v.role == "parameter"], "BOS"))  # fmt: skip
    return out


def _algorithms() -> list[ProgramRow]:
    kept, out = repository(), []
    for name in kept.names(ALGORITHM):
        stands = standing_of(kept, name)
        for v in kept.history(ALGORITHM, name):
            source = read(kept.text(ALGORITHM, name, v.id))
            out.append(ProgramRow(
                type=ALGORITHM, name=name, version=v.id, slot=source.slot.name, services=[source.slot.service],
                elements=list(source.parameters.model_fields), address=f"git:refs/heads/{ALGORITHM}/{name}",
                content=v.content, state=stands.state(v.content), summary=source.summary, author=v.author,
            ))  # fmt: skip
    return out


def _models() -> list[ProgramRow]:
    kept, out = repository(), []
    for name in kept.names(MODEL):
        for v in kept.history(MODEL, name):
            model = model_of(kept.text(MODEL, name, v.id))
            needs = [x.name for x in model.variables if x.role == "parameter"]
            out.append(_model_row(name, v.id, f"git:refs/heads/{MODEL}/{name}", v.content, model.description, needs,
                                  v.author))  # fmt: skip
    return out


def _model_row(
    name: str, version: str, address: str, content: str, summary: str, elements: list[str], author: str
) -> ProgramRow:
    slot = SLOTS[DEVICE_MODEL]
    return ProgramRow(
        type=MODEL, name=name, version=version, slot=slot.name, services=[slot.service], elements=elements,
        address=address, content=content, state=ProgramState.LAUNCHED, summary=summary, author=author,
    )  # fmt: skip


def differences(index: Index) -> list[str]:
    """Where the index is not what the repository holds, in words."""
    held = {(r.type, r.name, r.version): (r.content, r.state) for r in rows()}
    told = {(r.type, r.name, r.version): (r.content, r.state) for r in index.call(table.programs)}
    out = [f"{n}@{v[:10]} is in the repository, not in the index" for t, n, v in held.keys() - told.keys()]
    out += [f"{n}@{v[:10]} is in the index, not in the repository" for t, n, v in told.keys() - held.keys()]
    out += [f"{k[1]}@{k[2][:10]} is {held[k][1]}, the index says {told[k][1]}" for k in held.keys() & told.keys()
            if held[k] != told[k]]  # fmt: skip
    return sorted(out)


def follow(index: Index) -> list[ProgramRow]:
    """Make the index what the repository holds; all its rows."""
    now = rows()
    index.call(lambda db: table.replace(db, tree(), [ProgramRow(**r.model_dump()) for r in now]))
    return now
