"""Names of variables as equations write them: letters with subscripts, primes and labels."""

import re
from collections.abc import Collection

from bos_core.objects.errors import EquationError
from slots.dynamics.equations.tokens import FONTS, GREEK, Token, error_at, tokens

_PRIMES = ("'", "\\prime")
_LIMITS = ("\\max", "\\min")  # in a subscript they are words


def canonical(source: str) -> str:
    """The one spelling of a name: `T_{d0}^{\\prime}` and `T'_{\\mathrm{d0}}` are both `T_d0'`.

    Raises:
        EquationError: it is not one name.
    """
    reader = NameReader(source, tokens(source), whole_words=True)
    name = reader.name()
    if reader.peek().kind != "end":
        raise error_at(source, reader.peek().at, f"{source!r} is more than one name", r"write V_t or \mathrm{Vt}")
    return name


class NameReader:
    """Reads names from tokens.

    Args:
        source: what the tokens are of.
        found: the tokens.
        declared: names that are known; one that is spelled in bare letters, or with a label that might be a power, is
            read as a name only if it is among them.
        whole_words: bare letters in a row are one name.
    """

    def __init__(
        self, source: str, found: list[Token], declared: Collection[str] = (), whole_words: bool = False
    ) -> None:
        self.source, self._tokens, self.declared = source, found, declared
        self.at, self._whole_words = 0, whole_words
        self._bases = {re.split("[_^']", name)[0] for name in declared}

    def peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self.at + ahead, len(self._tokens) - 1)]

    def next(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def fail(self, what: str, mend: str, token: Token | None = None) -> EquationError:
        return error_at(self.source, (token or self.peek()).at, what, mend)

    def expect(self, text: str) -> Token:
        if self.peek().text != text:
            raise self.fail(f"{text!r} is expected here", "close what is open")
        return self.next()

    def name(self) -> str:
        """The name that begins here, scripts included."""
        token = self.peek()
        if token.kind == "letter":
            return self.scripts(self._letters())
        if token.text[1:] in FONTS:
            self.next()
            return self.scripts(self._word())
        if token.text == "\\Delta" and self._names_follow():
            self.next()
            return f"Delta({self.name()})"
        if token.text[1:] in GREEK:
            return self.scripts(self.next().text[1:])
        raise self.fail(f"{token.text!r} is no name", "begin it with a letter")

    def _names_follow(self) -> bool:
        follows = self.peek(1)
        return "Delta" not in self.declared and (
            follows.kind == "letter" or (follows.kind == "command" and follows.text[1:] in GREEK | FONTS)
        )

    def _letters(self) -> str:
        """One letter, or the letters that stand together, if they are declared as a name."""
        first, length = self.at, 1
        while self.peek(length).kind in ("letter", "number") and not self.peek(length).spaced:
            length += 1
        run = "".join(self._tokens[first + k].text for k in range(length))
        if length == 1 or self._whole_words or run in self._bases:
            self.at += length
            return run
        if all(letter in self._bases for letter in run):  # a product of declared letters
            self.at += 1
            return run[0]
        mend = rf"write \mathrm{{{run}}} or {run[0]}_{{{run[1:]}}} for one name, spaces between factors"
        raise self.fail(
            f"{run!r} is not declared", mend + (r", \frac{dx}{dt} for a derivative" if run[0] == "d" else "")
        )

    def _word(self) -> str:
        """The text in braces behind a font."""
        if self.peek().text != "{":
            return self.next().text.lstrip("\\")
        opened, out = self.next(), ""
        while self.peek().text != "}":
            token = self.next()
            if token.kind not in ("letter", "number"):
                raise self.fail(f"{token.text!r} inside a name", "only letters and digits belong there", token)
            out += token.text
        self.next()
        if not out:
            raise self.fail("an empty name", "name it", opened)
        return out

    def scripts(self, base: str) -> str:
        """The name with its subscript, label and primes."""
        sub = label = primes = ""
        while True:
            token = self.peek()
            if token.text == "_":
                if sub:
                    raise self.fail("a second subscript", "put both into one pair of braces")
                self.next()
                sub = self._script()
            elif token.text == "'":
                self.next()
                primes += "'"
            elif token.text == "^" and self._is_label(base, sub):
                self.next()
                text = self._script()
                primes, label = (primes + text, label) if not text.strip("'") else (primes, label + text)
            else:
                return base + (f"_{sub}" if sub else "") + (f"^{label}" if label else "") + primes

    def _is_label(self, base: str, sub: str) -> bool:
        """Whether a superscript is part of the name: primes, text, two letters or more, or declared so.

        What is declared by itself, and not as a label, is an exponent.
        """
        inside = self.peek(1)
        if self._superscript() in self.declared:
            return f"{base}{f'_{sub}' if sub else ''}^{self._superscript()}" in self.declared
        if inside.text in (*_PRIMES, *_LIMITS) or inside.text[1:] in FONTS:
            return True
        if inside.text != "{":
            return f"{base}{f'_{sub}' if sub else ''}^{inside.text.lstrip(chr(92))}" in self.declared
        k, parts = 2, []
        while self.peek(k).text not in ("}", ""):
            parts.append(self.peek(k))
            k += 1
        texts = [p.text for p in parts]
        if texts and (all(t in _PRIMES for t in texts) or texts[0][1:] in FONTS or texts[0] in _LIMITS):
            return True
        word = "".join(texts)
        together = all(p.kind == "letter" and not (i and p.spaced) for i, p in enumerate(parts))
        return f"{base}{f'_{sub}' if sub else ''}^{word}" in self.declared or (together and len(parts) > 1)

    def _superscript(self) -> str:
        """The letters and digits of the superscript that follows, without fonts and braces."""
        k, depth, out = 1, 0, ""
        while True:
            token = self.peek(k)
            depth += (token.text == "{") - (token.text == "}")
            if token.kind in ("letter", "number"):
                out += token.text
            if token.kind == "end" or (depth <= 0 and token.text[1:] not in FONTS):
                return out
            k += 1

    def _script(self) -> str:
        """What stands in a subscript or label, as text."""
        token = self.next()
        if token.text == "{":
            return self._braced(token)
        if token.text[1:] in FONTS:
            return self._word()
        if token.text in _PRIMES:
            return "'"
        if token.kind == "number" and len(token.text) > 1:
            raise self.fail(f"TeX takes only the first digit of {token.text}", f"write {{{token.text}}}", token)
        if token.kind not in ("letter", "number") and token.text[1:] not in GREEK:
            raise self.fail(f"{token.text!r} cannot be a subscript", "put it into braces", token)
        follows = self.peek()
        if follows.kind in ("letter", "number") and not follows.spaced:
            raise self.fail(
                f"TeX takes only {token.text!r} as the subscript", "put all of it into braces, or a space behind it"
            )
        return token.text.lstrip("\\")

    def _braced(self, opened: Token) -> str:
        out, depth = "", 1
        while depth:
            token = self.next()
            if token.kind == "end":
                raise self.fail("this brace is never closed", "close it", opened)
            if token.text in "{}":
                depth += 1 if token.text == "{" else -1
            elif token.text in _PRIMES:
                out += "'"
            elif token.text[1:] in FONTS and token.kind == "command":
                continue
            elif (
                token.kind in ("letter", "number")
                or token.text in (*_LIMITS, ",", "_", "+", "-")
                or token.text[1:] in GREEK
            ):
                out += token.text.lstrip("\\")
            else:
                raise self.fail(f"{token.text!r} in a subscript or label", "only words and digits belong there", token)
        if not out:
            raise self.fail("empty braces", "leave them out", opened)
        return out
