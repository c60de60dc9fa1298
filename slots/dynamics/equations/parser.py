"""Equations of device models: the LaTeX that papers print, read into sympy without guessing.

A Pratt parser. What could be read in two ways is refused with its column: `a/b c`, `\\sin x y`, `x2`, a run of undeclared
letters, `\\log`. Names keep their primes and labels; `^` with a single symbol is a power, with a word it is a label.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sympy as sp

from slots.dynamics.equations.names import NameReader
from slots.dynamics.equations.tokens import FONTS, GREEK, Token, error_at, tokens

DOT = "dot "  # begins the name of a derivative's symbol
_TIME = "t"
_OPEN = {"(": ")", "[": "]", "{": "}", "\\{": "\\}"}
_PLAIN: dict[str, Any] = {
    "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "arcsin": sp.asin, "arccos": sp.acos, "arctan": sp.atan, "sinh": sp.sinh,
    "cosh": sp.cosh, "tanh": sp.tanh, "exp": sp.exp, "ln": sp.log,
}  # fmt: skip
_CALLED: dict[str, tuple[int, int, Any]] = {  # least and most arguments, always in parentheses
    "max": (2, 9, sp.Max), "min": (2, 9, sp.Min), "atan2": (2, 2, sp.atan2), "sign": (1, 1, sp.sign), "sgn": (1, 1, sp.sign),
    "abs": (1, 1, sp.Abs), "sqrt": (1, 1, sp.sqrt), "atan": (1, 1, sp.atan), "asin": (1, 1, sp.asin),
    "acos": (1, 1, sp.acos), **{k: (3, 3, lambda x, low, high: sp.Max(low, sp.Min(high, x))) for k in ("sat", "clip", "lim")},
}  # fmt: skip
_RELATIONS: dict[str, Any] = {
    "<": sp.Lt, ">": sp.Gt, "<=": sp.Le, ">=": sp.Ge, "\\le": sp.Le, "\\leq": sp.Le, "\\leqslant": sp.Le, "\\ge": sp.Ge,
    "\\geq": sp.Ge, "\\geqslant": sp.Ge, "\\lt": sp.Lt, "\\gt": sp.Gt,
}  # fmt: skip
_TIMES = ("*", "\\cdot", "\\times")
_WORDS = frozenset({"if", "for", "when", "where", "otherwise", "else"})


@dataclass(frozen=True)
class Equation:
    """left = right.

    Attributes:
        left, right: expressions; a variable's derivative by time is the symbol `DOT` + its name.
        names: the variables, derivatives included, each with the column where it first stands.
        source: what it was read from.
    """

    left: sp.Expr
    right: sp.Expr
    names: dict[str, int]
    source: str


def symbol(name: str) -> sp.Symbol:
    """The symbol of a variable."""
    return sp.Symbol(name, real=True)


def parse(source: str, declared: Collection[str] = ()) -> Equation:
    """Read one equation.

    Args:
        source: LaTeX.
        declared: canonical names of known variables; only they may be spelled in several bare letters.

    Raises:
        EquationError: it cannot be read, or could be read in two ways.
    """
    return _Parser(source, declared).equation()


class _Parser(NameReader):
    def __init__(self, source: str, declared: Collection[str]) -> None:
        super().__init__(source, tokens(source), declared)
        self._names: dict[str, int] = {}
        self._bars = 0  # open absolute values
        self._in_cases = False

    # ---- the whole ----------------------------------------------------------------------------------------------

    def equation(self) -> Equation:
        left = self._sum()
        self._skip("&")
        if self.peek().text != "=":
            raise self.fail(f"'=' is expected, not {self.peek().text or 'the end'!r}", "write left = right")
        self.next()
        right = self._sum()
        self._skip(",", ".", ";", "\\\\")
        if self.peek().kind != "end":
            raise self.fail(f"{self.peek().text!r} is left over", "write one equation a line")
        return Equation(left, right, self._names, self.source)

    def _skip(self, *texts: str) -> None:
        while self.peek().text in texts:
            self.next()

    def _symbol(self, name: str, at: int) -> sp.Symbol:
        if name == _TIME and name not in self.declared:
            raise error_at(
                self.source, at, "t is time, and a model must not depend on it", r"write \frac{dx}{dt} for a derivative"
            )
        self._names.setdefault(name, at)
        return symbol(name)

    # ---- sums, products, powers ---------------------------------------------------------------------------------

    def _sum(self) -> sp.Expr:
        out = self._signed_product()
        while self.peek().text in ("+", "-"):
            minus = self.next().text == "-"
            term = self._product()
            out = out - term if minus else out + term
        return out

    def _signed_product(self) -> sp.Expr:
        if self.peek().text not in ("+", "-"):
            return self._product()
        minus = self.next().text == "-"
        term = self._product()
        return -term if minus else term

    def _product(self) -> sp.Expr:
        out, divided = self._factor(), False
        while True:
            token = self.peek()
            if token.text in _TIMES:
                self.next()
                out, divided = out * self._signed_factor(), False
            elif token.text in ("/", "\\div"):
                at = self.next().at
                out, divided = self._over(out, self._signed_factor(), at), True
            elif not self._begins_factor(token):
                return out
            elif divided:
                raise self.fail("a/b c can be read in two ways", r"write \frac{a}{b} c, or parentheses")
            elif token.kind == "number":
                raise self.fail("a number behind a factor", "put it first, or write the sign of multiplication")
            else:
                out = out * self._factor()

    def _begins_factor(self, token: Token) -> bool:
        if token.kind in ("letter", "number") or token.text in ("(", "[", "{", "\\{", "\\lvert"):
            return True
        if token.text == "|":
            return not self._bars
        if token.kind != "command" or token.text in ("\\\\", "\\}", "\\rvert", "\\end", "\\div", *_TIMES, *_RELATIONS):
            return False
        return not self._is_word(token)

    def _is_word(self, token: Token) -> bool:
        """Whether `if` or the like stands here: in cases, behind a font."""
        return self._in_cases and token.text[1:] in FONTS and self._word_ahead() in _WORDS

    def _word_ahead(self) -> str:
        k, out = 2, ""
        while self.peek(k).kind == "letter":
            out += self.peek(k).text
            k += 1
        return out

    def _signed_factor(self) -> sp.Expr:
        if self.peek().text == "-":
            self.next()
            return -self._factor()
        return self._factor()

    def _factor(self) -> sp.Expr:
        out = self._atom()
        if self.peek().text == "^":
            self.next()
            out = out ** self._argument()
            if self.peek().text in ("^", "_", "'"):
                raise self.fail("a script behind a power", "put subscripts and primes before the power")
        return out

    def _argument(self) -> sp.Expr:
        """What TeX takes behind ^ or \\frac: braces, or one digit or symbol."""
        token = self.peek()
        if token.text == "{":
            return self._bracketed()
        if token.kind == "number":
            if len(token.text) > 1:
                raise self.fail(f"TeX takes only the first digit of {token.text}", f"write {{{token.text}}}")
            self.next()
            return sp.Integer(token.text)
        if token.kind == "letter" or token.text[1:] in GREEK:
            self.next()
            return self._symbol(token.text.lstrip("\\"), token.at)
        raise self.fail(f"{token.text or 'the end'!r} cannot stand here", "put what belongs here into braces")

    # ---- atoms --------------------------------------------------------------------------------------------------

    def _atom(self) -> sp.Expr:
        token = self.peek()
        if token.kind == "number":
            self.next()
            return sp.Integer(token.text) if token.text.isdigit() else sp.Float(token.text)
        if token.text in _OPEN:
            return self._bracketed()
        if token.text in ("|", "\\lvert"):
            return self._absolute()
        if token.kind == "letter":
            return self._exponential() if token.text == "e" and self.peek(1).text == "^" else self._variable()
        if token.kind == "command":
            return self._command(token)
        raise self.fail(f"{token.text or 'the end'!r} cannot stand here", "a name, number or parenthesis is expected")

    def _bracketed(self) -> sp.Expr:
        opened = self.next()
        bars, self._bars = self._bars, 0
        out = self._sum()
        self._bars = bars
        self._close(opened)
        return out

    def _close(self, opened: Token) -> None:
        if self.peek().text != _OPEN[opened.text]:
            found = self.peek().text or "the end"
            raise self.fail(
                f"{_OPEN[opened.text]!r} is expected, not {found!r}",
                f"close the {opened.text!r} of column {opened.at + 1}",
            )
        self.next()

    def _absolute(self) -> sp.Expr:
        self.next()
        self._bars += 1
        out = self._sum()
        self._bars -= 1
        if self.peek().text not in ("|", "\\rvert"):
            raise self.fail("this absolute value is not closed", "close it with |")
        self.next()
        return sp.Abs(out)

    def _variable(self) -> sp.Expr:
        at = self.peek().at
        name = self.name()
        if [self.peek(k).text for k in range(3)] == ["(", _TIME, ")"] and _TIME not in self.declared:
            self.at += 3  # x(t) is x
        return self._symbol(name, at)

    def _exponential(self) -> sp.Expr:
        if "e" in self.declared or "e" in self._names:
            raise self.fail("e is a variable here", r"write \exp(...) for the exponential, or e \cdot e for the square")
        self.next()
        self.next()
        return sp.exp(self._argument())

    def _command(self, token: Token) -> sp.Expr:
        name = token.text[1:]
        if name in ("frac", "dfrac", "tfrac"):
            return self._fraction()
        if name == "dot":
            return self._dot()
        if name == "sqrt":
            return self._root()
        if name == "pi":
            self.next()
            return sp.pi
        if name == "begin":
            return self._cases()
        if name == "log":
            return self._logarithm()
        if name in _PLAIN or name in _CALLED:
            self.next()
            return self._call(name)
        if name in FONTS and self._word_ahead_is_function():
            self.next()
            return self._call(self._word())
        if name in FONTS or name in GREEK:
            return self._variable()
        mends = {"ddot": "introduce a state for the first derivative", "partial": "write out the derivative",
                 "sum": "write out the terms", "int": "introduce a state whose derivative it is"}  # fmt: skip
        raise self.fail(f"{token.text} is not understood", mends.get(name, "see the reference of equations"))

    def _word_ahead_is_function(self) -> bool:
        k, out = 2, ""
        while self.peek(k).kind in ("letter", "number"):
            out += self.peek(k).text
            k += 1
        return self.peek(1).text == "{" and (out in _PLAIN or out in _CALLED)

    def _call(self, name: str) -> sp.Expr:
        power = None
        if self.peek().text == "^":
            self.next()
            if self.peek().text == "{" and self.peek(1).text == "-":
                raise self.fail(f"the inverse of {name} or its reciprocal", rf"write \arc{name}, or \frac{{1}}{{...}}")
            power = self._argument()
        if name in _CALLED:
            least, most, make = _CALLED[name]
            out = make(*self._arguments(name, least, most))
        else:
            out = _PLAIN[name](self._bare_argument(name))
        return out if power is None else out**power

    def _arguments(self, name: str, least: int, most: int) -> list[sp.Expr]:
        opened = self.peek()
        if opened.text not in _OPEN:
            raise self.fail(f"{name} without parentheses", f"write {name}(a, b)")
        self.next()
        bars, self._bars = self._bars, 0
        out = [self._sum()]
        while self.peek().text == ",":
            self.next()
            out.append(self._sum())
        self._bars = bars
        self._close(opened)
        if not least <= len(out) <= most:
            asked = f"{least}" if least == most else f"at least {least}"
            raise self.fail(f"{name} has {len(out)} arguments, not {asked}", "add or remove some", opened)
        return out

    def _bare_argument(self, name: str) -> sp.Expr:
        """What stands in parentheses, or one factor, numbers before it; no more, since that could be read in two ways."""
        if self.peek().text in _OPEN:
            return self._bracketed()
        out: sp.Expr = sp.Integer(1)
        if self.peek().kind == "number":
            out = self._atom()
        if out == 1 or self._begins_factor(self.peek()):
            out = out * self._factor()
        token = self.peek()
        if token.text in ("/", *_TIMES) or (self._begins_factor(token) and not self._begins_function(token)):
            raise self.fail(f"where the argument of {name} ends can be read in two ways", "put it into parentheses")
        return out

    def _begins_function(self, token: Token) -> bool:
        return token.text[1:] in _PLAIN or token.text[1:] in _CALLED

    def _logarithm(self) -> sp.Expr:
        token = self.next()
        if [self.peek(k).text for k in range(4)] != ["_", "{", "10", "}"]:
            raise self.fail(r"\log of which base", r"write \ln or \log_{10}", token)
        self.at += 4
        return sp.log(self._bare_argument("log"), 10)

    def _root(self) -> sp.Expr:
        self.next()
        order: sp.Expr = sp.Integer(2)
        if self.peek().text == "[":
            order = self._bracketed()
        return self._argument() ** (1 / order)

    # ---- derivatives --------------------------------------------------------------------------------------------

    def _derivative(self, name: str, at: int) -> sp.Symbol:
        self._names.setdefault(DOT + name, at)
        return symbol(DOT + name)

    def _dot(self) -> sp.Symbol:
        at = self.next().at
        if self.peek().text == "{":
            self.next()
            inner = self.peek()
            name = self.name()
            self.expect("}")
            if self.peek().text in ("_", "'") or (self.peek().text == "^" and self._is_label(name, "")):
                if any(mark in name for mark in "^'") or ("_" in name and self.peek().text == "_"):
                    raise self.fail("scripts inside and outside the dot", r"write \dot{E}_q'", inner)
                name = self.scripts(name)
            return self._derivative(name, at)
        token = self.next()
        if token.kind != "letter" and token.text[1:] not in GREEK:
            raise self.fail("a dot over something that is no name", r"write \dot{x}", token)
        return self._derivative(self.scripts(token.text.lstrip("\\")), at)

    def _fraction(self) -> sp.Expr:
        at = self.next().at
        begin = self.at
        if (name := self._differential(at)) is not None:
            return self._derivative(name, at)
        self.at = begin
        if (digits := self.peek().text).isdigit() and len(digits) == 2:  # \frac12
            self.next()
            return self._over(sp.Integer(digits[0]), sp.Integer(digits[1]), at)
        upper, lower = self._argument(), self._argument()
        return self._over(upper, lower, at)

    def _over(self, upper: sp.Expr, lower: sp.Expr, at: int) -> sp.Expr:
        if lower == 0:
            raise error_at(self.source, at, "division by zero", "mend the denominator")
        return upper / lower

    def _differential(self, at: int) -> str | None:
        """The name in dx/dt, or None where it is an ordinary fraction."""
        if self.peek().text != "{":
            return None
        self.next()
        if not self._takes_d():
            return None
        if self.peek().text == "}":
            raise self.fail("d/dt stands alone", r"write the variable into the fraction: \frac{dx}{dt}")
        name = self.name()
        if self.peek().text != "}":
            if "d" in self.declared:
                return None
            raise self.fail("a derivative of more than one name", "introduce a variable for it")
        self.next()
        if self.peek().text != "{" or not self._takes_dt():
            if "d" in self.declared:
                return None
            raise error_at(self.source, at, "a derivative by something other than t", "only time derivatives are known")
        return name

    def _takes_d(self) -> bool:
        if self.peek().text == "d":
            # d with a script, or alone before an operator, is a variable
            if self.peek(1).text in ("_", "^", "'", "+", "-", "/", "*", "}") and not (
                self.peek(1).text == "}" and "d" not in self.declared
            ):
                return False
            self.next()
            return True
        if self.peek().text[1:] in FONTS and self.peek().kind == "command":
            if self.peek(1).text == "d":
                self.at += 2
                return True
            if [self.peek(k).text for k in (1, 2, 3)] == ["{", "d", "}"]:
                self.at += 4
                return True
        return False

    def _takes_dt(self) -> bool:
        self.next()
        if not self._takes_d() or self.peek().text != _TIME or self.peek(1).text != "}":
            return False
        self.at += 2
        return True

    # ---- cases --------------------------------------------------------------------------------------------------

    def _cases(self) -> sp.Expr:
        began = self.next()
        self._environment(began)
        outside, self._in_cases = self._in_cases, True
        pieces: list[tuple[sp.Expr, Any]] = []
        while self.peek().text != "\\end":
            value = self._sum()
            self._skip(",")
            self.expect("&")
            pieces.append((value, self._condition()))
            self._skip(",", ".", ";")
            if self.peek().text == "\\\\":
                self.next()
            elif self.peek().text != "\\end":
                raise self.fail("a case goes on", r"end it with \\ or \end{cases}")
        self.next()
        self._environment(began)
        self._in_cases = outside
        if not pieces or not _covers(pieces):
            raise self.fail("these cases leave values out", r"end them with \text{otherwise}", began)
        return sp.Piecewise(*pieces)

    def _environment(self, began: Token) -> None:
        self.expect("{")
        name = ""
        while self.peek().kind == "letter":
            name += self.next().text
        self.expect("}")
        if name != "cases":
            raise self.fail(f"environment {name!r} is not understood", "only cases are", began)

    def _condition(self) -> Any:
        if self._is_word(self.peek()):
            word = self._word_ahead()
            self.at += 1
            self._words()
            if word in ("otherwise", "else"):
                return sp.true
        left, out = self._sum(), []
        while self.peek().text in _RELATIONS:
            relation = _RELATIONS[self.next().text]
            right = self._sum()
            out.append(relation(left, right))
            left = right
        if not out:
            raise self.fail("a condition is expected", r"write x < a, or \text{otherwise}")
        return sp.And(*out)

    def _words(self) -> None:
        """Skip a word in braces; spaces around it are no tokens."""
        self.expect("{")
        while self.peek().kind == "letter":
            self.next()
        self.expect("}")


def _covers(pieces: list[tuple[sp.Expr, Any]]) -> bool:
    """Whether one of the conditions holds whatever the values."""
    every = sp.Or(*(condition for _, condition in pieces))
    return bool(every == sp.true or sp.simplify(every) == sp.true)
