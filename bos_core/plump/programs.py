"""Users' algorithms: submitted, tried in confinement, reviewed, released, rolled back; kept with all their versions.

The repository is the truth: a version and its standing are each moved in one step, so that nothing is ever half done.
The index follows it (`indexing`).
"""

import os
from collections.abc import Iterator
from functools import partial
from getpass import getuser

from bos_core.objects.errors import BosError, ProgramError
from bos_core.objects.program import Program, ProgramState
from bos_core.plump import loading
from bos_core.plump.confinement.trial import Limits, here
from bos_core.plump.models import check as wrong_models
from bos_core.plump.models import repository
from bos_core.plump.official import official
from bos_core.plump.source import Source, read
from bos_core.plump.standing import KIND as STANDING
from bos_core.plump.standing import Standing, stand, standing_of
from slots.suites.suite import Finding, findings
from storage.repository import Version

KIND = "algorithm"
SUITE_LIMITS = Limits(wall_s=120.0, cpu_s=120)


def submit(text: str, reason: str = "") -> Version:
    """Keep a program as the newest version of its name, if it passes its slot's contract suite in confinement.

    Raises:
        ProgramError: it does not, with place and mend; nothing is kept.
        ServiceError: programs cannot be confined here.
    """
    source = read(text)
    name = program_name(source)
    if any(p.name == name for p in official()):
        raise ProgramError(f"{name} is the name of a program that comes with BOS", "give yours another name")
    kept = repository()
    if name in kept.names(KIND) and (slot := read(kept.text(KIND, name)).slot) != source.slot:
        raise ProgramError(f"{name} is a program of slot {slot.name}", "give the one for another slot another name")
    refuse(name, try_suite(source))
    return kept.put(KIND, name, text, getuser(), reason or source.summary)


def program_name(source: Source) -> str:
    """What users call it: its function's name with hyphens."""
    return source.name.replace("_", "-")


def try_suite(source: Source) -> Iterator[Finding]:
    """What the slot's contract suite finds, with the program confined and its parameters at their defaults."""
    trial = here()
    trial.in_force()
    name, defaults = program_name(source), source.parameters().model_dump()
    yield from findings(
        source.slot.name,
        lambda *given: trial.call(name, source.text, source.name, given, defaults, SUITE_LIMITS),
    )


def refuse(name: str, found: Iterator[Finding]) -> None:
    """Raise ProgramError with the first of what a suite finds, if anything; the rest is not looked for."""
    first = next(found, None)
    if first is not None:
        why = first.why.removeprefix("ProgramError: ").split("; ")[0].removeprefix(f"program {name}: ").rstrip(".")
        raise ProgramError(f"{name} does not hold the contract of its slot: {first.case}: {why}",
                           "mend it; `bos programs slots` tells what is expected")  # fmt: skip


def review(name: str, version: str, passed: bool, reason: str) -> Version:
    """Record a review of a version: public where it passed."""
    kept = repository()
    found = kept.version(KIND, name, version)
    word = "passed" if passed else "refused"
    new = standing_of(kept, name).reviewed(found.content, passed)
    return stand(kept, name, new, getuser(), f"{word} {found.id[:10]}: {reason}")


def release(name: str, version: str = "") -> Version:
    """Launch a public version, once it has passed its suite again: confined, then as it will run.

    Raises:
        ProgramError: it is not public, or fails.
    """
    kept = repository()
    found, standing = kept.version(KIND, name, version), standing_of(kept, name)
    if standing.state(found.content) == ProgramState.PRIVATE:
        raise ProgramError(f"{name}@{found.id[:10]} is private", f"have it reviewed: `bos programs review {name}`")
    source = read(kept.text(KIND, name, found.id))
    refuse(name, try_suite(source))
    call = partial(loading.load(name, found.content, source.text, source.name), **source.parameters().model_dump())
    refuse(name, findings(source.slot.name, call))
    return stand(kept, name, standing.released(found.content), getuser(), f"released {found.id[:10]}")


def rollback(name: str) -> Version:
    """Launch what was launched before, or nothing."""
    kept = repository()
    kept.history(KIND, name)
    new = standing_of(kept, name).rolled_back()
    return stand(kept, name, new, getuser(), f"rolled back to {_id_of(name, new.launched) or 'none'}")


def _id_of(name: str, content: str) -> str:
    return next((v.id[:10] for v in repository().history(KIND, name) if v.content == content), "")


def standing(name: str) -> Standing:
    """How far each version of a program is trusted."""
    return standing_of(repository(), name)


def custom(slot: str | None = None) -> list[Program]:
    """The version of each user's program that its name alone means: the launched one, else the newest."""
    return [p for n in repository().names(KIND) if (p := found(n)).slot == slot or slot is None]


def found(name: str, version: str = "") -> Program:
    """A version of a user's program, ready to be called: in this process if launched, else confined.

    Raises:
        ParameterError: there is none.
    """
    kept = repository()
    stands = standing_of(kept, name)
    every = kept.history(KIND, name)
    if version:
        at = kept.version(KIND, name, version)
    else:
        at = next((v for v in every if v.content == stands.launched), every[0])
    source, state = read(kept.text(KIND, name, at.id)), stands.state(at.content)
    if state == ProgramState.LAUNCHED:
        return Program(
            source.slot.name, name, source.summary, partial(_launched, name, at.content, source.text, source.name), None,
            at.id[:12], at.content, state,
        )  # fmt: skip
    return Program(
        source.slot.name, name, source.summary, partial(_confined, name, source.text, source.name), None, at.id[:12], at.content, state,
        confinement=("to be probed",),
    )  # fmt: skip


def _launched(name: str, content: str, text: str, entry: str, /, *given: object, **parameters: object) -> object:
    return loading.load(name, content, text, entry)(*given, **parameters)


def _confined(name: str, text: str, entry: str, /, *given: object, **parameters: object) -> object:
    mib = int(os.environ.get("BOS_CONTAINER_MIB") or Limits.memory_mib)  # what the container has, its program may have
    return here().call(name, text, entry, given, parameters, Limits(memory_mib=mib))


def history(name: str) -> list[Version]:
    """All that happened to a program: versions, reviews, releases, newest first."""
    kept = repository()
    stood = kept.history(STANDING, name) if name in kept.names(STANDING) else []
    return sorted([*kept.history(KIND, name), *stood], key=lambda v: v.at, reverse=True)


def check() -> list[str]:
    """What is wrong in the repository, in words."""
    kept = repository()
    wrong = kept.check()
    if wrong:
        return wrong
    for name in kept.names(KIND):
        contents = {v.content for v in kept.history(KIND, name)}
        for version in kept.history(KIND, name):
            try:
                told = program_name(read(kept.text(KIND, name, version.id)))
            except BosError as error:
                wrong.append(f"{name}@{version.id[:10]}: {error.what}")
            else:
                if told != name:
                    wrong.append(f"{name}@{version.id[:10]} is a program called {told}")
        stands = standing_of(kept, name)
        for content in {*stands.public, *stands.before, stands.launched} - contents - {""}:
            wrong.append(f"{name}: a version that is not there is trusted ({content[:10]})")
    wrong += [f"{n}: trusted, but not there" for n in set(kept.names(STANDING)) - set(kept.names(KIND))]
    return wrong + wrong_models()
