"""Expressions of the part of MATLAB's language that case files use, parsed into a tree.

Precedence as MATLAB's manual states it: transpose and power, signs and not, times and divided by, plus and minus, ranges,
comparisons, `&`, `|`, `&&`, `||`. Inside brackets white space separates elements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias


class Refused(ValueError):
    """Why a statement cannot be carried out."""


@dataclass(frozen=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True)
class Name:
    """A variable or a function without arguments."""

    name: str


@dataclass(frozen=True)
class Everything:
    """`:` as an index."""


@dataclass(frozen=True)
class Last:
    """`end` as an index."""


@dataclass(frozen=True)
class Member:
    """`of.name`."""

    of: Node
    name: str


@dataclass(frozen=True)
class Indexed:
    """`of(arguments)`: elements of a variable, or a call."""

    of: Node
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Sign:
    """`-x`, `~x`, or `x'` (operator `'`)."""

    operator: str
    x: Node


@dataclass(frozen=True)
class Pair:
    """`a operator b`."""

    operator: str
    a: Node
    b: Node


@dataclass(frozen=True)
class Span:
    """`first:step:last`."""

    first: Node
    step: Node | None
    last: Node


@dataclass(frozen=True)
class Rows:
    """`[a b; c d]`."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Cells:
    """`{a; b}`."""

    rows: tuple[tuple[Node, ...], ...]


Node: TypeAlias = Number | Text | Name | Everything | Last | Member | Indexed | Sign | Pair | Span | Rows | Cells

_TOKEN = re.compile(
    r"(?P<number>(?:\d+(?:\.(?![*/\\^'])\d*)?|\.\d+)(?:[eEdD][+-]?\d+)?)|(?P<name>[A-Za-z]\w*)"
    r"|(?P<operator>\.\*|\./|\.\^|\.'|==|~=|!=|<=|>=|&&|\|\||[-+*/^&|~!<>=:,;.()\[\]{}'\n])"
)
_LEVELS = (("||",), ("&&",), ("|",), ("&",), ("==", "~=", "!=", "<=", ">=", "<", ">"))
_SUMS, _PRODUCTS, _POWERS = ("+", "-"), ("*", "/", ".*", "./"), ("^", ".^")
_OPEN, _CLOSE = {"(": ")", "[": "]", "{": "}"}, ")]}"
DEEPEST = 60  # brackets and signs within one another


@dataclass(frozen=True)
class _Token:
    kind: str  # number, name, string, operator, end
    text: str
    spaced: bool  # white space before it
    tight: bool  # none after it


def _tokens(text: str) -> list[_Token]:
    out: list[_Token] = []
    open_: list[str] = []
    k = 0
    while True:
        start = k
        while k < len(text) and (text[k] in " \t\r\x0b" or (text[k] == "\n" and open_[-1:] == ["("])):
            k += 1
        spaced = k > start
        if k == len(text):
            out.append(_Token("end", "", spaced, False))
            return out
        inside = bool(open_) and open_[-1] in "[{"
        after_value = bool(out) and (
            out[-1].kind in ("number", "name", "string") or out[-1].text in (")", "]", "}", "'", ".'")
        )
        if text[k] == '"' or (text[k] == "'" and not (after_value and not (spaced and inside))):
            word, k = _string(text, k)
            out.append(_Token("string", word, spaced, False))
            continue
        found = _TOKEN.match(text, k)
        if found is None:
            raise Refused(f"'{text[k]}' is not understood")
        kind, word, k = found.lastgroup or "", found.group(), found.end()
        if word in _OPEN:
            open_.append(word)
        elif word in _CLOSE and (not open_ or _OPEN[open_.pop()] != word):
            raise Refused(f"'{word}' closes nothing")
        out.append(_Token(kind, word, spaced, k < len(text) and not text[k].isspace()))


def _string(text: str, k: int) -> tuple[str, int]:
    quote, out, k = text[k], "", k + 1
    while k < len(text):
        if text[k] == quote:
            if text[k + 1 : k + 2] != quote:
                return out, k + 1
            k += 1
        out, k = out + text[k], k + 1
    raise Refused("a string is not closed")


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        Refused: it is none that is understood.
    """
    parser = _Parser(_tokens(text))
    node = parser.expression()
    if parser.now.kind != "end":
        raise Refused(f"'{parser.now.text}' is not expected")
    return node


def target_and_value(text: str) -> tuple[Node | None, Node]:
    """`target = value`, or the value alone (target None).

    Raises:
        Refused: it is neither.
    """
    parser = _Parser(_tokens(text))
    node = parser.expression()
    if parser.now.text != "=" or parser.now.kind != "operator":
        if parser.now.kind != "end":
            raise Refused(f"'{parser.now.text}' is not expected")
        return None, node
    parser.take()
    value = parser.expression()
    if parser.now.kind != "end":
        raise Refused(f"'{parser.now.text}' is not expected")
    return node, value


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0
        self._inside = [""]  # the bracket around what is being read

    @property
    def now(self) -> _Token:
        return self._tokens[self._at]

    def take(self) -> _Token:
        token = self.now
        self._at += 1
        return token

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Refused("too many brackets within one another")
        node = self._level(0)
        self._depth -= 1
        return node

    def _here(self, operators: tuple[str, ...]) -> bool:
        """Whether one of these operators joins what was read with what comes; in brackets ` -x` is a new element."""
        t = self.now
        if t.kind != "operator" or t.text not in operators:
            return False
        return not (self._inside[-1] in ("[", "{") and t.text in _SUMS and t.spaced and t.tight)

    def _level(self, k: int) -> Node:
        if k == len(_LEVELS):
            return self._span()
        node = self._level(k + 1)
        while self._here(_LEVELS[k]):
            operator = self.take().text
            node = Pair("~=" if operator == "!=" else operator, node, self._level(k + 1))
        return node

    def _span(self) -> Node:
        node = self._sum()
        if not self._here((":",)) or self._tokens[self._at + 1].text in (")", ","):
            return node
        self.take()
        second = self._sum()
        if not self._here((":",)):
            return Span(node, None, second)
        self.take()
        return Span(node, second, self._sum())

    def _sum(self) -> Node:
        node = self._product()
        while self._here(_SUMS):
            node = Pair(self.take().text, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._sign()
        while self._here(_PRODUCTS):
            node = Pair(self.take().text, node, self._sign())
        return node

    def _sign(self) -> Node:
        if self.now.kind == "operator" and self.now.text in ("+", "-", "~", "!"):
            self._depth += 1
            if self._depth > DEEPEST:
                raise Refused("too many signs in a row")
            operator = self.take().text
            node = self._sign()
            self._depth -= 1
            return node if operator == "+" else Sign("~" if operator == "!" else operator, node)
        return self._power()

    def _power(self) -> Node:
        node = self._after(self._primary())
        while self._here(_POWERS):
            operator = self.take().text
            negative = self.now.text == "-" and self.now.kind == "operator"
            if negative:
                self.take()
            by = self._after(self._primary())
            node = Pair(operator, node, Sign("-", by) if negative else by)
        return node

    def _after(self, node: Node) -> Node:
        """What may follow a value directly: indices, members, a transpose."""
        while self.now.kind == "operator":
            t, spaced = self.now.text, self.now.spaced and self._inside[-1] in ("[", "{")
            if t == "(" and not spaced:
                node = Indexed(node, self._arguments())
            elif t == "." and not spaced and self._tokens[self._at + 1].kind == "name":
                self.take()
                node = Member(node, self.take().text)
            elif t in ("'", ".'"):
                self.take()
                node = Sign("'", node)
            else:
                break
        return node

    def _arguments(self) -> tuple[Node, ...]:
        self.take()
        self._inside.append("(")
        out: list[Node] = []
        while self.now.text != ")" or self.now.kind != "operator":
            if self.now.text == ":" and self._tokens[self._at + 1].text in (")", ","):
                self.take()
                out.append(Everything())
            else:
                out.append(self.expression())
            if self.now.text == ",":
                self.take()
            elif self.now.text != ")":
                raise Refused(f"'{self.now.text}' is not expected")
        self.take()
        self._inside.pop()
        return tuple(out)

    def _primary(self) -> Node:
        t = self.take()
        if t.kind == "number":
            return Number(float(t.text.lower().replace("d", "e")))
        if t.kind == "string":
            return Text(t.text)
        if t.kind == "name":
            return Last() if t.text == "end" else Name(t.text)
        if t.text == "(":
            self._inside.append("(")
            node = self.expression()
            self._inside.pop()
            if self.take().text != ")":
                raise Refused("a bracket is not closed")
            return node
        if t.text in ("[", "{"):
            return self._brackets(t.text)
        raise Refused(f"'{t.text}' is not expected" if t.text else "something is missing at its end")

    def _brackets(self, kind: str) -> Node:
        self._inside.append(kind)
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        while True:
            t = self.now
            if t.kind == "end":
                raise Refused("a bracket is not closed")
            if t.kind == "operator" and t.text in (";", "\n", _OPEN[kind]):
                self.take()
                rows += [tuple(row)] if row else []
                row = []
                if t.text == _OPEN[kind]:
                    break
            elif t.kind == "operator" and t.text == ",":
                self.take()
            else:
                row.append(self.expression())
        self._inside.pop()
        return Rows(tuple(rows)) if kind == "[" else Cells(tuple(rows))
