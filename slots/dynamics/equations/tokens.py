"""LaTeX of an equation as tokens that know their columns."""

import re
from dataclasses import dataclass

from bos_core.objects.errors import EquationError

GREEK = frozenset(
    ["alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota", "kappa",
     "lambda", "mu", "nu", "xi", "rho", "varrho", "sigma", "tau", "upsilon", "phi", "varphi", "chi", "psi", "omega", "Gamma",
     "Delta", "Theta", "Lambda", "Xi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"]
)  # fmt: skip
FONTS = frozenset(
    ["mathrm", "text", "textrm", "mathit", "mathbf", "mathsf", "operatorname", "rm", "textit", "boldsymbol"]
)
_SPACE = re.compile(
    r"(?:\s|~|\\[,;:! ]|\\(?:quad|qquad|displaystyle|textstyle|limits|nonumber|left\s*\.|right\s*\.)(?![A-Za-z])"
    r"|\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])|\\tag\s*\{[^{}]*\})+"
)
_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)|(?P<command>\\(?:[A-Za-z]+|\\|\{|\}|\|))|(?P<letter>[A-Za-z])"
    r"|(?P<sign><=|>=|[-+*/^_=<>(){}\[\]|,&'.;])"
)


def error_at(source: str, column: int, what: str, mend: str) -> EquationError:
    """An error that names the column (from 0 in the source, from 1 in the sentence) and shows what stands there."""
    near = f"{source[max(0, column - 12) : column]}»{source[column : column + 16]}"
    return EquationError(f"column {column + 1} of the equation: {what} (at {near})", mend)


@dataclass(frozen=True)
class Token:
    """A number, command (with its backslash), letter, sign or the end, and where it stands in the source."""

    kind: str
    text: str
    at: int
    spaced: bool  # whether anything separates it from the token before

    @property
    def end(self) -> int:
        """Column behind it."""
        return self.at + len(self.text)


def tokens(source: str) -> list[Token]:
    """The tokens of an equation, the last of kind `end`.

    Raises:
        EquationError: a character means nothing here.
    """
    out, at, spaced = [], 0, True
    while at < len(source):
        if space := _SPACE.match(source, at):
            at, spaced = space.end(), True
            continue
        found = _TOKEN.match(source, at)
        if not found:
            raise error_at(source, at, f"{source[at]!r} means nothing in an equation", "leave it out")
        assert found.lastgroup is not None
        kind, text = found.lastgroup, found.group()
        out.append(Token("letter", "l", at, spaced) if text == "\\ell" else Token(kind, text, at, spaced))
        at, spaced = found.end(), False
    return [*out, Token("end", "", len(source), True)]
