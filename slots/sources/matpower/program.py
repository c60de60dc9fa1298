"""What a case file says, carried out: assignments of matrices, of their elements and of variables, and conditions on those.

No loops, no files, no functions but those of `functions`: a statement that is not understood is refused with its line.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from slots.sources.matpower import columns, expressions
from slots.sources.matpower.expressions import (
    Cells,
    Everything,
    Indexed,
    Last,
    Member,
    Name,
    Node,
    Number,
    Pair,
    Refused,
    Rows,
    Sign,
    Span,
    Text,
)
from slots.sources.matpower.functions import call
from slots.sources.matpower.text import Statement
from slots.sources.matpower.values import (
    LARGEST,
    OPERATORS,
    Matrix,
    Value,
    joined,
    matrix,
    number,
    positions,
    scalar,
    truth,
)

_OUTPUTS = re.compile(r"\[([\w\s,~]*)\]\s*=\s*(\w+)\s*(?:\(\s*\))?$")
_STRUCT = re.compile(r"([A-Za-z]\w*)\s*=\s*idx_dcline\s*(?:\(\s*\))?$")
_CONDITION = re.compile(r"(if|elseif|else|end|endif|endfunction|return)\b")
_HARMLESS = re.compile(r"(clear|clc|warning|format|fprintf|disp)\b")  # say something, change nothing in the case


class Program:
    """The variables of a file while its statements are carried out.

    Attributes:
        variables: by name; structs are dicts.
        edits: statements that changed a matrix that was there.
    """

    def __init__(self) -> None:
        self.variables: dict[str, Value] = {}
        self.edits = 0
        self.ended = False
        self._branches: list[
            tuple[bool, bool]
        ] = []  # of each `if` around: whether it runs, whether one of its parts has

    def carry_out(self, statement: Statement) -> None:
        """Carry out one statement.

        Raises:
            Refused: it is not understood.
        """
        text = statement.text
        found = _CONDITION.match(text)
        if found is not None:
            self._condition(found.group(1), text[found.end() :].strip())
        elif self.ended or not all(runs for runs, _ in self._branches):
            return
        elif statement.kind == "strings":
            self._store(statement.key, [[t] for t in strings(statement.body)])
        elif not self._constants(text) and not _HARMLESS.match(text):
            self._statement(text)

    def set_matrix(self, key: str, value: Matrix) -> None:
        """Assign a matrix that was read as numbers, unless the statement does not run."""
        if not self.ended and all(runs for runs, _ in self._branches):
            self._store(key, value)

    def finish(self) -> None:
        """Check that every condition has its end."""
        if self._branches:
            raise Refused("an 'if' has no 'end'")

    def _store(self, key: str, value: Value) -> None:
        node: Node = Name(key.split(".")[0])
        for part in key.split(".")[1:]:
            node = Member(node, part)
        self._assign(node, value)

    def _condition(self, word: str, rest: str) -> None:
        runs = all(r for r, _ in self._branches)
        if word == "if":
            holds = runs and not self.ended and truth(self._value(expressions.parse(rest)))
            self._branches.append((holds, holds))
        elif word in ("elseif", "else"):
            if not self._branches:
                raise Refused(f"'{word}' without an 'if'")
            _, done = self._branches.pop()
            outer = all(r for r, _ in self._branches)
            holds = outer and not done and (word == "else" or truth(self._value(expressions.parse(rest))))
            self._branches.append((holds, done or holds))
        elif word == "return":
            self.ended = self.ended or runs
        elif self._branches:
            self._branches.pop()
        else:
            self.ended = True  # the end of the function

    def _constants(self, text: str) -> bool:
        """Whether a statement asks for MATPOWER's names of columns; they become variables."""
        if re.fullmatch(r"define_constants\s*(?:\(\s*\))?", text):
            self.variables.update({k: scalar(v) for k, v in columns.CONSTANTS.items()})
            return True
        found = _STRUCT.match(text)
        if found is not None:
            self.variables[found.group(1)] = {k: scalar(v) for k, v in columns.DC_LINE.items()}
            return True
        outputs = _OUTPUTS.match(text)
        if outputs is None or outputs.group(2) not in columns.OUTPUTS:
            return False
        names = outputs.group(1).replace(",", " ").split()
        values = list(columns.OUTPUTS[outputs.group(2)].values())
        if len(names) > len(values):
            raise Refused(f"{outputs.group(2)} has {len(values)} outputs, not {len(names)}")
        self.variables.update({n: scalar(v) for n, v in zip(names, values, strict=False) if n != "~"})
        return True

    def _statement(self, text: str) -> None:
        target, value = expressions.target_and_value(text)
        if target is None:
            raise Refused("it assigns nothing and is not understood")
        if isinstance(value, Rows) and not value.rows and isinstance(target, Indexed):
            self._delete(target)
        else:
            self._assign(target, self._value(value))

    # --- values ---------------------------------------------------------------------------------------------------------

    def _value(self, node: Node, around: tuple[Value, int, int] | None = None) -> Value:
        """The value of an expression; `around`: the variable, dimension and number of indices that `end` is about."""
        if isinstance(node, Number):
            return scalar(node.value)
        if isinstance(node, Text):
            return node.value
        if isinstance(node, Last):
            return _last(around)
        if isinstance(node, Name):
            return self.variables[node.name] if node.name in self.variables else call(node.name, [])
        if isinstance(node, Member):
            return _member(self._value(node.of, around), node.name)
        if isinstance(node, Indexed):
            return self._indexed(node, around)
        if isinstance(node, Sign):
            x = matrix(self._value(node.x, around))
            return x.T if node.operator == "'" else -x.astype(float) if node.operator == "-" else x == 0
        if isinstance(node, Pair):
            return self._pair(node, around)
        if isinstance(node, Span):
            return self._span(node, around)
        if isinstance(node, Rows):
            return joined([[self._value(x, around) for x in row] for row in node.rows])
        if isinstance(node, Cells):
            return [[self._value(x, around) for x in row] for row in node.rows]
        raise Refused("':' stands alone")

    def _pair(self, node: Pair, around: tuple[Value, int, int] | None) -> Value:
        a = self._value(node.a, around)
        if node.operator in ("&&", "||"):
            first = truth(a)
            decided = first == (node.operator == "||")
            return np.array([[first if decided else truth(self._value(node.b, around))]])
        return OPERATORS[node.operator](matrix(a), matrix(self._value(node.b, around)))

    def _span(self, node: Span, around: tuple[Value, int, int] | None) -> Matrix:
        first, last = (number(self._value(x, around)) for x in (node.first, node.last))
        step = 1.0 if node.step is None else number(self._value(node.step, around))
        count = np.floor((last - first) / step + 1e-10) + 1 if step else 0
        if not np.isfinite(count) or count > LARGEST:
            raise Refused("a range has no end")
        return np.asarray(first + step * np.arange(max(int(count), 0))).reshape(1, -1)

    def _indexed(self, node: Indexed, around: tuple[Value, int, int] | None) -> Value:
        if isinstance(node.of, Name) and node.of.name not in self.variables:
            return call(node.of.name, [self._value(a, around) for a in node.arguments])
        base = self._value(node.of, around)
        if not node.arguments:
            return base
        x = matrix(base)
        if len(node.arguments) == 1:
            return self._linear(x, node.arguments[0])
        if len(node.arguments) > 2:
            raise Refused("a matrix has two indices")
        rows, columns_ = (self._index(a, x, k, 2, x.shape[k]) for k, a in enumerate(node.arguments))
        return x[np.ix_(rows, columns_)]

    def _linear(self, x: Matrix, argument: Node) -> Matrix:
        flat = x.reshape(-1, order="F")
        if isinstance(argument, Everything):
            return flat.reshape(-1, 1)
        index = matrix(self._value(argument, (x, 0, 1)))
        at = positions(index, x.size)
        if 1 in x.shape and 1 in index.shape and x.size != 1:
            return flat[at].reshape((1, -1) if x.shape[0] == 1 else (-1, 1))
        return flat[at].reshape((-1, 1) if index.dtype == bool else index.shape, order="F")

    def _index(self, argument: Node, x: Matrix, dimension: int, of: int, size: int, grows: bool = False) -> Any:
        if isinstance(argument, Everything):
            return np.arange(size)
        return positions(self._value(argument, (x, dimension, of)), size, grows)

    # --- assignments ----------------------------------------------------------------------------------------------------

    def _assign(self, target: Node, value: Value) -> None:
        if isinstance(target, Name):
            self.variables[target.name] = value
        elif isinstance(target, Member):
            self._struct(target.of)[target.name] = value
        elif isinstance(target, Indexed):
            old = self._existing(target.of)
            self._assign(target.of, self._changed(old, target.arguments, matrix(value)))
            self.edits += 1
        else:
            raise Refused("this cannot be assigned to")

    def _existing(self, node: Node) -> Matrix:
        try:
            return matrix(self._value(node))
        except Refused:
            if isinstance(node, Name) and node.name not in self.variables:
                return np.zeros((0, 0))
            raise

    def _struct(self, node: Node) -> dict[str, Any]:
        if isinstance(node, Name):
            found = self.variables.setdefault(node.name, {})
        elif isinstance(node, Member):
            found = self._struct(node.of).setdefault(node.name, {})
        else:
            raise Refused("elements of structs are not understood")
        if not isinstance(found, dict):
            raise Refused("a member of something that is no struct")
        return found

    def _changed(self, old: Matrix, arguments: tuple[Node, ...], value: Matrix) -> Matrix:
        value = value.astype(float)
        if len(arguments) == 1:
            return self._changed_linear(old, arguments[0], value)
        if len(arguments) != 2:
            raise Refused("a matrix has two indices")
        sizes = [n if n else value.shape[k] for k, n in enumerate(old.shape)]  # `:` of nothing is what is assigned
        rows, columns_ = (self._index(a, old, k, 2, sizes[k], True) for k, a in enumerate(arguments))
        if value.size != 1 and value.shape != (len(rows), len(columns_)):
            if value.size != len(rows) * len(columns_) or 1 not in value.shape or 1 not in (len(rows), len(columns_)):
                raise Refused(f"{value.shape[0]}x{value.shape[1]} values for {len(rows)}x{len(columns_)} elements")
            value = value.reshape(len(rows), len(columns_))
        shape = [max(n, int(at.max(initial=-1)) + 1) for n, at in zip(old.shape, (rows, columns_), strict=True)]
        if shape[0] * shape[1] > LARGEST:
            raise Refused("the matrix would be huge")
        out = np.zeros(shape)
        out[: old.shape[0], : old.shape[1]] = old
        out[np.ix_(rows, columns_)] = value
        return out

    def _changed_linear(self, old: Matrix, argument: Node, value: Matrix) -> Matrix:
        flat = old.astype(float).reshape(-1, order="F").copy()
        at = np.arange(old.size) if isinstance(argument, Everything) else positions(
            self._value(argument, (old, 0, 1)), old.size, grows=1 in old.shape or not old.size
        )  # fmt: skip
        if value.size not in (1, len(at)):
            raise Refused(f"{value.size} values for {len(at)} elements")
        longest = int(at.max(initial=-1)) + 1
        if longest > len(flat):
            flat = np.concatenate([flat, np.zeros(longest - len(flat))])
        flat[at] = value.reshape(-1, order="F")
        if len(flat) == old.size:
            return flat.reshape(old.shape, order="F")
        return flat.reshape((-1, 1) if old.shape[1:] == (1,) and old.size > 1 else (1, -1))

    def _delete(self, target: Indexed) -> None:
        old, arguments = matrix(self._value(target.of)), target.arguments
        whole_ = [isinstance(a, Everything) for a in arguments]
        if len(arguments) != 2 or whole_[0] == whole_[1]:
            raise Refused("only whole rows or whole columns can be deleted")
        axis = 1 if whole_[0] else 0
        self._assign(target.of, np.delete(old, self._index(arguments[axis], old, axis, 2, old.shape[axis]), axis))
        self.edits += 1


def strings(body: str) -> list[str]:
    """The strings of a cell array's text."""
    found = re.findall(r"'((?:[^'\n]|'')*)'|\"([^\"\n]*)\"", body)
    return [a.replace("''", "'") if a or not b else b for a, b in found]


def _last(around: tuple[Value, int, int] | None) -> Matrix:
    if around is None:
        raise Refused("'end' is not inside an index")
    x, dimension, of = matrix(around[0]), around[1], around[2]
    return scalar(x.size if of == 1 else x.shape[dimension])


def _member(value: Value, name: str) -> Value:
    if not isinstance(value, dict):
        raise Refused("a member of something that is no struct")
    if name not in value:
        raise Refused(f"the struct has no '{name}'")
    found: Value = value[name]
    return found
