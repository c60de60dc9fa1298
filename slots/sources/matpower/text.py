"""The text of a MATLAB file as statements: comments, block comments, continuations and strings told apart."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

CONTINUED = "\x0b"  # stands where a line goes on in the next: white space that counts as a line

_PLAIN = re.compile(r"(?:[^'\"%#.]|\.(?!\.\.)|'(?:[^'\n]|'')*'|\"[^\"\n]*\")*")
_TRANSPOSE = re.compile(r"[\w\])}.]'")
_MATRIX = re.compile(r"([A-Za-z]\w*(?:\.\w+)*)\s*=\s*\[([^\[\](){}'\"]*)\]")
_STRINGS = re.compile(r"([A-Za-z]\w*(?:\.\w+)*)\s*=\s*\{((?:[\s;,]|'(?:[^'\n]|'')*'|\"[^\"\n]*\")*)\}")
_NEXT = re.compile(r"[\[\](){}'\",;\n]")
_QUOTED = re.compile(r"'(?:[^'\n]|'')*'|\"[^\"\n]*\"")
_STRING = re.compile(r"'(?:[^'\n]|'')*'")
_BETWEEN = re.compile(r"[\s;,]*")
_END = re.compile(r"[ \t\r\x0b]*(?=[;,\n]|\Z)")


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes:
        line: where it begins, from 1.
        text: without comments.
        key, body: of an assignment of a matrix without brackets or strings inside (`matrix`) or of a cell array of strings
            (`strings`): the name and what stands between the brackets; empty for all others.
        kind: `matrix`, `strings` or `code`.
    """

    line: int
    text: str
    kind: str = "code"
    key: str = ""
    body: str = ""


class Unclosed(ValueError):
    """A bracket that is not closed; the text is of its statement, from its line."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line, self.text = line, text


def code_of(text: str) -> str:
    """The text without comments, with as many lines; a continued line ends in CONTINUED."""
    out: list[str] = []
    depth = 0
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        bare = line.strip()
        if bare in ("%{", "#{"):
            depth += 1
        elif depth and bare in ("%}", "#}"):
            depth -= 1
        elif not depth:
            code, goes_on = _without_comment(line)
            out.append(code + (CONTINUED if goes_on else "\n"))
            continue
        out.append("\n")
    return "".join(out)


def _without_comment(line: str) -> tuple[str, bool]:
    """A line up to its comment, and whether `...` ends it."""
    found = _PLAIN.match(line) if not _TRANSPOSE.search(line) else None
    end = found.end() if found is not None else _end_of_code(line)
    if found is not None and end < len(line) and line[end] in "'\"":
        end = _end_of_code(line)
    return line[:end], line.startswith("...", end)


def _end_of_code(line: str) -> int:
    """Where the comment of a line begins in which quotes transpose, too."""
    k = 0
    while k < len(line):
        c, before = line[k], line[k - 1] if k else " "
        if c in "%#" or line.startswith("...", k):
            return k
        if c == '"' or (c == "'" and not (before.isalnum() or before in "_)]}.'")):
            found = _QUOTED.match(line, k)
            k = found.end() if found is not None else k + 1
        else:
            k += 1
    return len(line)


def statements(code: str) -> Iterator[Statement]:
    """The statements of a text without comments.

    Raises:
        Unclosed: a bracket or brace is not closed.
    """
    position = line = 0
    counted = 0
    while True:
        found = _BETWEEN.match(code, position)
        position = found.end() if found is not None else position
        if position == len(code):
            return
        line += code.count("\n", counted, position) + code.count(CONTINUED, counted, position)
        counted = position
        made = _assignment(code, position, line + 1)
        end = made[1] if made is not None else _end_of_statement(code, position, line + 1)
        yield made[0] if made is not None else Statement(line + 1, code[position:end].strip())
        position = end


def _assignment(code: str, position: int, line: int) -> tuple[Statement, int] | None:
    """A whole matrix of numbers or cell array of strings and where it ends, if that is what stands here."""
    for kind, pattern in (("matrix", _MATRIX), ("strings", _STRINGS)):
        found = pattern.match(code, position)
        end = _END.match(code, found.end()) if found is not None else None
        if found is not None and end is not None:
            return Statement(line, found.group(0), kind, found.group(1), found.group(2)), end.end()
    return None


def _end_of_statement(code: str, start: int, line: int) -> int:
    depth, position = 0, start
    while True:
        found = _NEXT.search(code, position)
        if found is None:
            if depth:
                raise Unclosed(line, code[start:])
            return len(code)
        c, position = found.group(), found.end()
        if c in "[({":
            depth += 1
        elif c in "])}":
            depth -= 1
        elif c in "'\"":
            position = _after_quote(code, found.start(), depth)
        elif depth <= 0:
            return found.start()


def _after_quote(code: str, at: int, depth: int) -> int:
    before = code[at - 1] if at else " "
    if code[at] == "'" and (before.isalnum() or before in "_)]}.'"):
        return at + 1  # a transpose
    end = code.find('"', at + 1) if code[at] == '"' else -1
    found = _STRING.match(code, at)
    return end + 1 if end > 0 else found.end() if found is not None else at + 1
