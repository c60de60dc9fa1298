"""How far each version of a program is trusted: reviewed, launched, launched before; kept beside the versions.

One text per program, moved in one step: whatever happens, a program stands as before or as after. What it does not
mention is private.
"""

import json
from dataclasses import asdict, dataclass, field, replace

from bos_core.objects.errors import BusyError, ParameterError
from bos_core.objects.program import ProgramState
from storage.repository import Repository, Version

KIND = "standing"


@dataclass(frozen=True)
class Standing:
    """Trust in a program's versions, each named by the hash of its content.

    Attributes:
        public: versions that a review has passed; launched: the one in use, empty for none.
        before: launched earlier, the latest last.
        seen: the version of this text that was read; empty if there was none.
    """

    public: tuple[str, ...] = ()
    launched: str = ""
    before: tuple[str, ...] = ()
    seen: str = field(default="", compare=False)

    def state(self, content: str) -> ProgramState:
        """Of a version."""
        if content == self.launched:
            return ProgramState.LAUNCHED
        return ProgramState.PUBLIC if content in self.public else ProgramState.PRIVATE

    def reviewed(self, content: str, passed: bool) -> "Standing":
        """After a review."""
        others = tuple(c for c in self.public if c != content)
        if not passed and content == self.launched:
            raise ParameterError("a launched version cannot be refused", "roll it back first")
        return replace(self, public=(*others, content) if passed else others)

    def released(self, content: str) -> "Standing":
        """With a public version launched."""
        if content == self.launched:
            return self
        before = (*self.before, self.launched) if self.launched else self.before
        return replace(self, launched=content, before=before)

    def rolled_back(self) -> "Standing":
        """With the version launched before, or none."""
        if not self.launched:
            raise ParameterError("no version is launched", "release one first")
        *rest, last = self.before or ("",)
        return replace(self, launched=last, before=tuple(rest))


def standing_of(kept: Repository, name: str) -> Standing:
    """The standing of a program's versions."""
    if name not in kept.names(KIND):
        return Standing()
    at = kept.version(KIND, name)
    told = json.loads(kept.text(KIND, name, at.id))
    return Standing(tuple(told["public"]), told["launched"], tuple(told["before"]), at.id)


def stand(kept: Repository, name: str, new: Standing, author: str, reason: str) -> Version:
    """Record a standing, if nobody recorded another since it was read.

    Raises:
        BusyError: somebody did.
    """
    told = asdict(new)
    seen = told.pop("seen")
    made = kept.put_after(KIND, name, json.dumps(told, indent=1) + "\n", author, reason, seen)
    if made is None:
        raise BusyError(f"{name} was reviewed or released by somebody else just now", "look at it again")
    return made
