"""Scalar nodes to the text of SQL expressions, with as few parentheses as the grammar allows.

NaN needs care only here. SQL takes NaN for a value that is larger than every other and equal to itself; in a model it
is a missing value. So a node that can be NaN is turned into NULL, or a comparison turned around, where the difference
would show: on the larger side of a comparison, where missing is asked for, and in the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from indb.emit import sums
from indb.emit.binding import Binding, SqlKind
from indb.emit.dialects.base import Dialect
from indb.emit.layout import ADD, AND, ATOM, COMPARE, MULTIPLY, OR, WIDE, indent, join, parenthesise, wrap
from indb.emit.parameters import TableNames
from indb.emit.queries import fetch_text, query_text
from indb.emit.ranges import MAX
from indb.emit.scalar import CONDITIONS, Form, Node
from indb.emit.tree_text import tree_text
from indb.ir import Op

EXACT_INTEGER = 2.0**53

NEWLINE = "\udc0a"
"""Stands for a line end inside a literal or a name while text is indented: no text of a database can hold it."""


def protected(quoted: str) -> str:
    """A quoted name or literal that can be indented with the text around it."""
    return quoted.replace("\n", NEWLINE)


def finished(text: str) -> str:
    """The text of a statement with the line ends of its literals and names."""
    return text.replace(NEWLINE, "\n")


class Renderer:
    """Writes nodes for one dialect and binding; nodes in `names` are written as these names (their stage's value)."""

    def __init__(
        self,
        dialect: Dialect,
        binding: Binding,
        names: Mapping[int, str] | None = None,
        tables: TableNames | None = None,
    ) -> None:
        self.dialect = dialect
        self.binding = binding
        self.tables = tables
        self.names = dict(names or {})

    def value(self, node: Node) -> str:
        """A node as a value whose missing is NULL; line ends of literals and names are put back by `finished`."""
        return self._known(node)

    def definition(self, node: Node) -> str:
        """A node as what a stage computes: a value, or for a condition true or false."""
        return self.condition(node) if node.kind in CONDITIONS else self._known(node)

    def text(self, node: Node, binds: int = OR) -> str:
        """A node as a value, in parentheses if it binds less tightly than `binds`."""
        if node.number in self.names and node.kind not in CONDITIONS:
            return self.names[node.number]
        if node.kind in CONDITIONS:
            return self.case([(self.condition(node), self.dialect.number(1.0))], self.dialect.number(0.0))
        text, tightness = self._WRITERS[node.kind](self, node)
        return text if tightness >= binds else parenthesise(text)

    def condition(self, node: Node, binds: int = OR) -> str:
        """A node as an SQL condition."""
        if node.kind in CONDITIONS and node.number in self.names:
            return self.names[node.number]
        if node.kind not in CONDITIONS:
            return f"{self.text(node, ADD)} = {self.dialect.number(1.0)}"
        text, tightness = self._WRITERS[node.kind](self, node)
        return text if tightness >= binds else parenthesise(text)

    def _known(self, node: Node, binds: int = OR) -> str:
        """A node as an operand that is NULL where it is NaN."""
        if not node.range.nan:
            return self.text(node, binds)
        return f"nullif({self.text(node)}, {self.dialect.special(math.nan)})"

    # leaves

    def _column(self, node: Node) -> tuple[str, int]:
        return protected(self.dialect.column(self.binding[node.value[0]])), ATOM

    def _number(self, node: Node) -> tuple[str, int]:
        return self.dialect.number(node.value), ATOM if node.value is None or node.value >= 0 else MULTIPLY

    def _string(self, node: Node) -> tuple[str, int]:
        return ("NULL" if node.value is None else self._literal(node.value)), ATOM

    def _literal(self, value: str) -> str:
        return protected(self.dialect.text(value))

    def _reference(self, x: Node) -> str:
        """A column as the table has it, without a cast."""
        return protected(self.binding[x.value[0]].sql)

    def constant(self, value: float | str | None, type: str) -> str:
        """A value of a table of constants."""
        if type == "bigint":
            return str(value)
        if isinstance(value, str):
            return self._literal(value)
        return self.dialect.number(value) if type == "double" else self.dialect.cast("NULL", "text")

    # queries

    def of_a_query(self) -> Renderer:
        """A renderer for the nodes inside a query, which are those of another graph."""
        return Renderer(self.dialect, {}, tables=self.tables)

    def _name(self, node: Node) -> tuple[str, int]:
        return str(node.value), ATOM

    def _query(self, node: Node) -> tuple[str, int]:
        return query_text(self, node), ATOM

    def _element(self, node: Node) -> tuple[str, int]:
        place, count = node.value
        text = self.text(node.args[0])
        return (text if count == 1 else f"{text}[{place + 1}]"), ATOM

    def _fetch(self, node: Node) -> tuple[str, int]:
        return fetch_text(self, node), ATOM

    # arithmetic

    def _sum(self, node: Node) -> tuple[str, int]:
        return sums.double(self.text, node.args, self.dialect)

    def _single_sum(self, node: Node) -> tuple[str, int]:
        return sums.single(self.text, node.args, self.dialect)

    def _single(self, node: Node) -> tuple[str, int]:
        return self.dialect.double(self.dialect.single(self.text(node.args[0], ATOM))), ATOM

    def _subtract(self, node: Node) -> tuple[str, int]:
        a, b = node.args
        if b.kind is Form.NUMBER and b.value is not None and b.value < 0:
            return join([self.text(a, ADD), self.dialect.number(-b.value)], " + "), ADD
        return join([self.text(a, ADD), self.text(b, MULTIPLY)], " - "), ADD

    def _product(self, node: Node) -> tuple[str, int]:
        a, b = node.args
        if node.kind is Op.MUL and b.kind is Form.NUMBER and b.value == -1.0:
            return f"-{self.text(a, ATOM)}", MULTIPLY
        symbol = " * " if node.kind is Op.MUL else " / "
        return f"{self.text(a, MULTIPLY)}{symbol}{self.text(b, MULTIPLY if b.kind is Form.NUMBER else ATOM)}", MULTIPLY

    def _call(self, node: Node) -> tuple[str, int]:
        assert isinstance(node.kind, Op)
        return self.dialect.function_templates[node.kind].format(self.text(node.args[0])), ATOM

    def _extreme(self, node: Node) -> tuple[str, int]:
        """MIN and MAX, missing when an argument is: most engines' LEAST and GREATEST ignore NULL."""
        strict = self.dialect.strict_min if node.kind is Op.MIN else self.dialect.strict_max
        if strict:
            a, b = node.args
            return f"{strict}({self._known(a)}, {self._known(b)})", ATOM
        lanes = self._lanes(node)
        word = "least" if node.kind is Op.MIN else "greatest"
        gaps = [lane for lane in lanes if lane.range.missing]
        if gaps and len(lanes) == 2 and not lanes[1].range.missing:
            a, b = lanes
            symbol = ">" if node.kind is Op.MIN else "<"
            test = f"{self._known(a, ADD)} {symbol} {self.text(b, ADD)}"
            return self.case([(test, self.text(b))], self.text(a)), ATOM
        pick = f"{word}({', '.join(map(self.text, lanes))})"
        if not gaps:
            return pick, ATOM
        gap = " OR ".join(f"{self._known(lane, ADD)} IS NULL" for lane in gaps)
        return self.case([(gap, self.dialect.number(None))], pick), ATOM

    def _lanes(self, node: Node) -> list[Node]:
        """All that a MIN of MINs, or a MAX of MAXs, is of: written one in the other, each would double the text."""
        found: list[Node] = []
        for arg in node.args:
            found += self._lanes(arg) if arg.kind is node.kind and arg.number not in self.names else [arg]
        return found

    # conditions

    def _compare(self, node: Node) -> tuple[str, int]:
        """<= and <; the constant is written on the right."""
        a, b = node.args
        if a.is_constant:
            return self.above(b, a.value, or_equal=node.kind is Op.LE), COMPARE
        symbol = "<=" if node.kind is Op.LE else "<"
        if b.is_constant:
            number, exact = self.beside(a, b.value, math.floor if node.kind is Op.LE else math.ceil)
            return f"{exact or self.text(a, ADD)} {symbol} {number}", COMPARE
        return f"{self.text(a, ADD)} {symbol} {self._known(b, ADD)}", COMPARE

    def above(self, x: Node, bound: float | None, or_equal: bool = False) -> str:
        """x > bound, or x >= bound. What can be NaN is negated instead: -NaN is still larger than every number."""
        symbol = "=" if or_equal else ""
        if x.range.nan and bound is not None:
            return f"-{self.text(x, ATOM)} <{symbol} {self.dialect.number(-bound)}"
        number, exact = self.beside(x, bound, math.ceil if or_equal else math.floor)
        return f"{exact or self.text(x, ADD)} >{symbol} {number}"

    def beside(self, x: Node, bound: float | None, round_: Callable[[float], int]) -> tuple[str, str | None]:
        """A bound as it is written beside x, and x when that is an integer column, which needs no cast then.

        An integer compares with a bound just as it does with the integer beside it, while a cast of each row costs.
        """
        if self._is_integer(x) and bound is not None and abs(bound) < EXACT_INTEGER:
            return str(round_(bound)), self._reference(x)
        return self.dialect.number(bound), None

    def _is_integer(self, x: Node) -> bool:
        return x.kind is Form.COLUMN and x.value[1] is SqlKind.INTEGER and x.number not in self.names

    def _equal(self, node: Node) -> tuple[str, int]:
        a, b = node.args
        if b.is_constant and b.value is not None and self._is_integer(a):
            return self.one_of(a, (b.value,))
        right = self._known(b, ADD) if a.range.nan else self.text(b, ADD)
        return f"{self.text(a, ADD)} = {right}", COMPARE

    def _between(self, node: Node) -> tuple[str, int]:
        x, low, high = node.args
        if not (low.is_constant and high.is_constant):
            return (
                f"{self.text(x, ADD)} >= {self._known(low, ADD)} AND {self.text(x, ADD)} <= {self._known(high, ADD)}",
                AND,
            )
        start, exact = self.beside(x, low.value, math.ceil)
        end, _ = self.beside(x, high.value, math.floor)
        if exact and end.lstrip("-").isdigit():
            return f"{exact} BETWEEN {start} AND {end}", COMPARE
        return f"{self.text(x, ADD)} BETWEEN {self.text(low, ADD)} AND {self.text(high, ADD)}", COMPARE

    def _all(self, node: Node) -> tuple[str, int]:
        return join([self.condition(arg, AND) for arg in node.args], " AND "), AND

    def _either(self, node: Node) -> tuple[str, int]:
        return join([self.condition(arg, OR) for arg in node.args], " OR "), OR

    def _missing(self, node: Node) -> tuple[str, int]:
        return f"{self.raw(node.args[0])} IS NULL", COMPARE

    def _present(self, node: Node) -> tuple[str, int]:
        return f"{self.raw(node.args[0])} IS NOT NULL", COMPARE

    def _within(self, node: Node) -> tuple[str, int]:
        """No argument is beyond the edges. LEAST passes over NULL, and over NaN, which is larger than every number."""
        sizes = [self.dialect.function_templates[Op.ABS].format(self.text(arg)) for arg in node.args]
        if len(sizes) == 1 and node.value == MAX:
            return f"{sizes[0]} IS DISTINCT FROM {self.dialect.special(math.inf)}", COMPARE
        least = wrap([self.dialect.number(0.0), *(f"-{size}" for size in sizes)])
        return f"least({least}) >= {self.dialect.number(-node.value)}", COMPARE

    def raw(self, x: Node) -> str:
        """An operand of IS NULL: a column that cannot be NaN needs no cast."""
        if x.kind is Form.COLUMN and not x.range.nan and x.number not in self.names:
            return self._reference(x)
        return self._known(x, ATOM)

    def _in(self, node: Node) -> tuple[str, int]:
        return self.one_of(node.args[0], node.value)

    def one_of(self, x: Node, keys: Sequence[float | str]) -> tuple[str, int]:
        """x = key, or x IN (keys). An integer column is compared with the integers among the keys only."""
        subject, texts = self._keys(x, keys)
        known = [text for text in texts if text is not None]
        if not known:
            return "1 = 0", COMPARE
        return self._member(subject, known), COMPARE

    def _member(self, subject: str, keys: Sequence[str]) -> str:
        """subject = key, or subject IN (keys), cut into lists that the dialect tests row by row."""
        if len(keys) == 1:
            return f"{subject} = {keys[0]}"
        size = self.dialect.longest_in
        if size is None or len(keys) <= size:
            return f"{subject} IN ({wrap(keys)})"
        lists = [self._member(subject, keys[start : start + size]) for start in range(0, len(keys), size)]
        return f"({join(lists, ' OR ')})"

    def _keys(self, x: Node, keys: Sequence[float | str]) -> tuple[str, list[str | None]]:
        """What keys are compared with, and each as it is written; None for one that can never be equal."""
        if self._is_integer(x) and all(abs(float(key)) < EXACT_INTEGER for key in keys):
            whole = [str(int(key)) if float(key).is_integer() else None for key in keys]
            return self._reference(x), whole
        return self.text(x, ADD), [self._key(key) for key in keys]

    def _key(self, key: float | str) -> str | None:
        if isinstance(key, str):
            return None if "\0" in key and self.dialect.name == "postgres" else self._literal(key)
        return self.dialect.number(key)

    # choices

    def _tree(self, node: Node) -> tuple[str, int]:
        return tree_text(self, node), ATOM

    def _where(self, node: Node) -> tuple[str, int]:
        """A chain of ELSE arms becomes one CASE."""
        arms: list[tuple[str, str]] = []
        while node.kind is Op.WHERE and node.number not in self.names:
            condition, then, other = node.args
            arms.append((self.condition(condition), self.text(then)))
            node = other
        return self.case(arms, self.text(node)), ATOM

    def _match(self, node: Node) -> tuple[str, int]:
        subject, keys = self._keys(node.args[0], node.value)
        values = [self.text(value) for value in node.args[1:-1]]
        other = self.text(node.args[-1])
        known = {key: value for key, value in zip(keys, values, strict=True) if key is not None}
        if not known:
            return other, OR
        if self._is_list(node):
            found = self.dialect.lookup(subject, list(known), list(known.values()))
            return (found if node.args[-1].value is None else f"coalesce({found}, {other})"), ATOM
        grouped: dict[str, list[str]] = {}
        for key, value in known.items():
            grouped.setdefault(value, []).append(key)
        if len(grouped) == len(keys):
            return self.case([(keys_[0], value) for value, keys_ in grouped.items()], other, subject), ATOM
        arms = [(self._member(subject, same), value) for value, same in grouped.items()]
        return self.case(arms, other), ATOM

    def _is_list(self, node: Node) -> bool:
        """Whether a choice is among so many constants that it is written as a list; none of them may be NULL."""
        longest, arms = self.dialect.longest_case, node.args[1:-1]
        return (
            longest is not None
            and len(arms) > longest
            and all(arm.is_constant and arm.value is not None for arm in arms)
        )

    def _coalesce(self, node: Node) -> tuple[str, int]:
        x, other = node.args
        return f"coalesce({self._known(x)}, {self.text(other)})", ATOM

    def case(self, arms: Sequence[tuple[str, str]], other: str, subject: str | None = None) -> str:
        head = "CASE" if subject is None else f"CASE {subject}"
        parts = [f"WHEN {condition} THEN {value}" for condition, value in arms]
        tail = "" if other == "NULL" else f"ELSE {other}"
        line = " ".join([head, *parts, *([tail] if tail else []), "END"])
        if len(line) <= WIDE and "\n" not in line:
            return line
        rows = [self._arm(part, condition, value) for part, (condition, value) in zip(parts, arms, strict=True)]
        return "\n  ".join([head, *rows, *([indent(tail)] if tail else [])]) + "\nEND"

    def _arm(self, line: str, condition: str, value: str) -> str:
        """One arm of a CASE, its value on a line of its own when it is long."""
        if len(line) <= WIDE and "\n" not in line:
            return line
        if "\n" not in condition and len(condition) <= WIDE:
            return f"WHEN {condition} THEN {indent(value)}" if "\n" in value else f"WHEN {condition}\n    THEN {value}"
        return f"WHEN {indent(indent(condition))}\n    THEN {indent(indent(value))}"

    _WRITERS: ClassVar[dict[Op | Form, Callable[[Renderer, Node], tuple[str, int]]]] = {
        Form.COLUMN: _column,
        Form.NUMBER: _number,
        Form.TEXT: _string,
        Form.SUM: _sum,
        Form.SINGLE_SUM: _single_sum,
        Op.SINGLE: _single,
        Form.ALL: _all,
        Form.PRESENT: _present,
        Form.WITHIN: _within,
        Form.IN: _in,
        Form.MATCH: _match,
        Form.NAME: _name,
        Form.QUERY: _query,
        Form.ELEMENT: _element,
        Form.FETCH: _fetch,
        Form.TREE: _tree,
        Op.SUB: _subtract,
        Op.MUL: _product,
        Op.DIV: _product,
        Op.MIN: _extreme,
        Op.MAX: _extreme,
        Op.LE: _compare,
        Op.LT: _compare,
        Op.EQ: _equal,
        Op.BETWEEN: _between,
        Op.OR: _either,
        Op.IS_MISSING: _missing,
        Op.WHERE: _where,
        Op.COALESCE: _coalesce,
        **dict.fromkeys((Op.ABS, Op.EXP, Op.LN, Op.SQRT, Op.SIN, Op.COS, Op.TANH, Op.FLOOR), _call),
    }
