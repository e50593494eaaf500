"""IEEE 754 on an engine that raises where IEEE goes on.

PostgreSQL ends a query when a product overflows or vanishes, on exp(800), ln(0), sqrt(-1) and x/0. Each rule below
rewrites one op, when the ranges of its arguments cannot rule the error out, into one that gives IEEE's answer. Where
that would take a long argument twice (an expression cannot share), the argument is held inside the range that is safe
instead: the result is then the largest double where IEEE says infinity, or the smallest where it says 0.

A condition that a value is finite is then asked of its arguments, as they were before they were held.

Sums are scaled: all terms times 2**-k with k so large that no partial sum can overflow, which is exact, and back.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import TypeAlias

from indb.emit.ranges import MAX, TINY, Range
from indb.emit.scalar import LEAVES, Form, Graph, Kind, Node, terms_of
from indb.ir import Op

EXP_LOW, EXP_HIGH = -745.1, math.log(MAX)
"""exp is a positive finite double between these."""

_LOG_LOW, _LOG_HIGH = -743.0, 709.7

_PASSING: frozenset[Kind] = frozenset({Op.MUL, Op.SUB, Op.ABS, Op.FLOOR, Op.SQRT, Form.SUM})
"""Nodes that are never finite where an argument is not."""

_ROOT_OF_MAX = math.sqrt(MAX)
"""The largest double whose square is one."""

_VANISHING = 1.5717277847026285e-162
"""The largest double whose square is 0."""


Shape: TypeAlias = "tuple[Shape, Shape] | None"
"""In which order the factors of a power are multiplied: None is the base."""


class RaisingGraph(Graph):
    """A graph for engines that raise on overflow, underflow and undefined results."""

    vanishing = True

    def __init__(self) -> None:
        super().__init__()
        self._powers: dict[int, tuple[Node, int, Shape]] = {}
        """Base, exponent and shape of the nodes that are powers, by their number."""
        self._finite: dict[int, Node | None] = {}

    def sum(self, terms: Sequence[Node]) -> Node:
        """Terms added in order, scaled down first when a partial sum could overflow."""
        power = _excess([(term.range.size, 1.0) for term in terms])
        if power == 0:
            return super().sum(terms)
        factor = self.number(2.0**-power)
        scaled = []
        for term in terms:
            is_number = term.kind is Form.NUMBER and term.value is not None
            scaled.append(self.number(term.value * factor.value) if is_number else self.op(Op.MUL, term, factor))
        return self._unscaled(super().sum(scaled), power)

    def weighted_sum(self, terms: Sequence[tuple[Node, float]], bias: float) -> Node:
        """x * weight for each term, then the bias; the scale goes into the weights."""
        power = _excess([*((x.range.size, weight) for x, weight in terms), (1.0, bias)])
        factor = 2.0**-power
        products = [self.op(Op.MUL, x, self.number(weight * factor)) for x, weight in terms]
        total = super().sum([*products, self.number(bias * factor)])
        return self._unscaled(total, power) if power else total

    def square_sum(self, terms: Sequence[Node]) -> Node:
        """The squares of terms, added in order. Each term is held so that the sum stays inside the doubles."""
        edge = 2.0 ** math.floor(511.0 - math.log2(max(len(terms), 1)) / 2.0)
        return super().sum([self._square(term, edge) for term in terms])

    def tamed_above(self, x: Node, least: float) -> Node:
        return super().op(Op.MAX, x, self.number(least))

    def tamed(self, x: Node, least: float, most: float) -> Node:
        held = self.hold(x, -most, most)
        if x.range.tiny >= least:
            return held
        low, high = max(x.range.low, -most), min(x.range.high, most)
        found = Range(low, high, least, x.range.missing, x.range.nan)
        small = self._inside(_tested(x, least), least)
        return self._node(Op.WHERE, (small, self.number(0.0), held), range_=found)

    def _exponential(self, x: Node) -> Node:
        """exp(x), where x is held. The smallest double that then stands for 0 is taken away again from a decay.

        Sums of decays can be near 0 with nothing else in them; what is above 1 somewhere is set beside other numbers.
        """
        held = super().op(Op.EXP, self.hold(x, EXP_LOW, EXP_HIGH))
        if x.range.low >= EXP_LOW or x.range.high > 0.0:
            return held
        range_ = Range(0.0, held.range.high, TINY, held.range.missing, held.range.nan)
        return self._node(Op.SUB, (held, self.number(TINY)), range_=range_)

    def _unscaled(self, total: Node, power: int) -> Node:
        """total * 2**power, held inside the doubles."""
        edge = math.ldexp(MAX, -power)
        found = self.hold(total, -edge, edge)
        while power > 0:  # 2**1024 is no double
            step = min(power, 1023)
            found = super().op(Op.MUL, found, self.number(2.0**step))
            power -= step
        deeper = self._finite_of(total)
        return self._note(found, self._inside(total, edge), *([] if deeper is None else [deeper]))

    def _note(self, x: Node, *conditions: Node) -> Node:
        """x, for which a value is held inside the doubles; IEEE 754 has a finite one where the conditions are true."""
        self._finite[x.number] = self.all(conditions)
        return x

    def _finite_of(self, x: Node) -> Node | None:
        """When IEEE 754 has a finite number for x; None where nothing that x is made of was held."""
        if x.number not in self._finite:
            parts = x.args[1:] if x.kind is Op.WHERE else x.args[:1] if x.kind is Op.DIV else x.args
            known = [self._finite_of(part) for part in parts] if x.kind in _PASSING | {Op.WHERE, Op.DIV} else []
            found = None
            if any(each is not None for each in known):
                whole = [
                    self._inside(part, MAX) if each is None else each for part, each in zip(parts, known, strict=True)
                ]
                found = super().op(Op.WHERE, x.args[0], *whole) if x.kind is Op.WHERE else self.all(whole)
            self._finite[x.number] = found
        return self._finite[x.number]

    def hold(self, x: Node, low: float, high: float) -> Node:
        """x between low and high, missing where x is; x is written once."""
        if x.range.low < low:
            x = super().op(Op.MAX, x, self.number(low))
        if x.range.high > high:
            x = super().op(Op.MIN, x, self.number(high))
        return x

    def op(self, op: Op, *args: Node) -> Node:
        """One scalar op with IEEE's answer everywhere."""
        match op:
            case Op.MUL:
                return self._multiply(*args)
            case Op.DIV:
                return self._divide(*args)
            case Op.ADD:
                return self.sum([*terms_of(args[0]), args[1]])
            case Op.SUB if not math.isfinite(args[0].range.size + args[1].range.size):
                return self.sum([args[0], self.op(Op.MUL, args[1], self.number(-1.0))])
            case Op.EXP:
                found = self._exponential(args[0])
                if args[0].range.high > EXP_HIGH:
                    self._note(found, super().op(Op.LE, args[0], self.number(EXP_HIGH)))
                return found
            case Op.BETWEEN if args[1].value == -MAX and args[2].value == MAX:
                finite = self._finite_of(args[0])
                return super().op(op, *args) if finite is None else finite
            case Op.LN if args[0].range.low <= 0.0:
                zero = self._where(Op.EQ, args[0], 0.0, self.number(-math.inf), self.number(math.nan))
                return super().op(Op.WHERE, self._less(0.0, args[0]), super().op(op, *args), zero)
            case Op.SQRT if args[0].range.low < 0.0:
                good = super().op(Op.LE, self.number(0.0), args[0])
                return super().op(Op.WHERE, good, super().op(op, *args), self.number(math.nan))
            case Op.SIN | Op.COS:
                # Always: a stage may compute it before the condition is looked at that its range relies on.
                good = self._node(Op.BETWEEN, (args[0], self.number(-MAX), self.number(MAX)))
                return super().op(Op.WHERE, good, super().op(op, *args), self.number(math.nan))
        return super().op(op, *args)

    def _less(self, low: float, x: Node) -> Node:
        return super().op(Op.LT, self.number(low), x)

    def _inside(self, x: Node, edge: float) -> Node:
        return super().op(Op.BETWEEN, x, self.number(-edge), self.number(edge))

    def _where(self, op: Op, x: Node, value: float, then: Node, other: Node) -> Node:
        return super().op(Op.WHERE, super().op(op, x, self.number(value)), then, other)

    def _multiply(self, a: Node, b: Node) -> Node:
        if a.kind is Form.NUMBER:
            a, b = b, a
        (base, first, one), (other, second, two) = (self._powers.get(x.number, (x, 1, None)) for x in (a, b))
        if base is other:
            return self._power(base, first + second, (one, two))
        plain = super().op(Op.MUL, a, b)
        vanishes = a.range.tiny * b.range.tiny == 0.0
        overflows = math.isinf(a.range.size * b.range.size)
        if b.kind is Form.NUMBER and b.value is not None and a.kind is not Form.NUMBER:
            return self._times(a, b.value, plain, vanishes, overflows)
        if not (vanishes or overflows):
            return plain
        return self._by_sizes(a, b, plain, vanishes, overflows)

    def _by_sizes(self, a: Node, b: Node, plain: Node, vanishes: bool, overflows: bool) -> Node:
        """a * b, infinite where it overflows, and 0 where it vanishes, up to 1e-323.

        Sizes of at least 1 times 2**-512 have a product of at least 1 where the sizes have an infinite one.
        """
        found = plain
        if overflows:
            scaled = super().op(Op.MUL, self._large_size(a), self._large_size(b))
            beyond = super().op(Op.LE, self.number(1.0), scaled)
            found = super().op(Op.WHERE, beyond, self._infinite(a, b), found)
        if vanishes:
            size = super().op(Op.ADD, self._log_size(a), self._log_size(b))
            below = super().op(Op.LT, size, self.number(_LOG_LOW))
            found = super().op(Op.WHERE, below, self.number(0.0), found)
        known = self.all([self.present(a), self.present(b)])
        found = super().op(Op.WHERE, known, found, self.number(math.nan))
        return super().op(Op.WHERE, self._is_special(a, b, 1.0), plain, found)

    def _large_size(self, x: Node) -> Node:
        """|x|, at least 1, times 2**-512."""
        size = super().op(Op.MAX, super().op(Op.ABS, x), self.number(1.0))
        return super().op(Op.MUL, size, self.number(2.0**-512))

    def _infinite(self, a: Node, b: Node) -> Node:
        """Infinity with the sign of a * b."""
        same = super().op(Op.EQ, self._sign(a), self._sign(b))
        return super().op(Op.WHERE, same, self.number(math.inf), self.number(-math.inf))

    def _square(self, x: Node, edge: float) -> Node:
        """x * x, with |x| no larger than `edge`; a column beyond the root of the largest double has an infinite one."""
        exact = edge == _ROOT_OF_MAX
        if x.range.size <= edge:
            square = super().op(Op.MUL, x, x)
        elif exact and x.kind in LEAVES:
            beyond = super().op(Op.MUL, super().op(Op.ABS, x), self.number(math.inf))
            square = super().op(Op.WHERE, self._inside(x, edge), super().op(Op.MUL, x, x), beyond)
        else:
            held = self.hold(super().op(Op.ABS, x), 0.0, edge)
            square = super().op(Op.MUL, held, held)
            if exact:
                self._note(square, self._inside(x, edge))
        if x.range.tiny * x.range.tiny == 0.0:
            square = super().op(Op.WHERE, self._inside(_tested(x, _VANISHING), _VANISHING), self.number(0.0), square)
        return square

    def _power(self, x: Node, exponent: int, shape: Shape) -> Node:
        """x to a whole power, of a column infinite beyond the border where it overflows; another x is held there."""
        if exponent == 2:
            found = self._square(x, _ROOT_OF_MAX)
        else:
            edge = _largest(lambda size: _raised(size, exponent) < math.inf)
            vanishing = _largest(lambda size: _raised(size, exponent) == 0.0)
            if x.kind in LEAVES and x.range.size > edge:
                sign = x if exponent % 2 else super().op(Op.ABS, x)
                beyond = super().op(Op.MUL, sign, self.number(math.inf))
                found = super().op(Op.WHERE, self._inside(x, edge), self._product(x, shape), beyond)
            else:
                found = self._product(self.hold(x, -edge, edge), shape)
                if x.range.size > edge:
                    self._note(found, self._inside(x, edge))
            if x.range.tiny <= vanishing:
                inside = self._inside(_tested(x, vanishing), vanishing)
                found = super().op(Op.WHERE, inside, self.number(0.0), found)
        self._powers.setdefault(found.number, (x, exponent, shape))
        return found

    def _product(self, x: Node, shape: Shape) -> Node:
        return x if shape is None else super().op(Op.MUL, *(self._product(x, part) for part in shape))

    def _times(self, x: Node, factor: float, plain: Node, vanishes: bool, overflows: bool) -> Node:
        """x * factor with the exact borders beyond which the product is 0 or infinite."""
        if factor == 0.0:
            return plain
        if overflows:
            edge = _largest(lambda size: math.isfinite(size * factor))
            if x.kind in LEAVES:
                beyond = super().op(Op.MUL, x, self.number(math.copysign(math.inf, factor)))
                return super().op(Op.WHERE, self._inside(x, edge), plain, beyond)
            held = super().op(Op.MUL, self.hold(x, -edge, edge), self.number(factor))
            plain = self._note(held, self._inside(x, edge))
        if vanishes:
            edge = _largest(lambda size: size * factor == 0.0)
            return super().op(Op.WHERE, self._inside(_tested(x, edge), edge), self.number(0.0), plain)
        return plain

    def _divide(self, a: Node, b: Node) -> Node:
        plain = super().op(Op.DIV, a, b)
        if b.kind is Form.NUMBER and b.value:
            vanishes = a.range.tiny / abs(b.value) == 0.0
            overflows = abs(b.value) < 1.0 and a.range.size > MAX * abs(b.value)
            if not overflows and not vanishes:
                return plain
            if overflows:
                edge = _largest(lambda size: size / abs(b.value) <= MAX)
                held = super().op(Op.DIV, self.hold(a, -edge, edge), b)
                plain = self._note(held, self._inside(a, edge))
            if vanishes:
                edge = _largest(lambda size: size / b.value == 0.0)
                return super().op(Op.WHERE, self._inside(a, edge), self.number(0.0), plain)
            return plain
        least = 0.0 if b.range.low <= 0.0 <= b.range.high else min(abs(b.range.low), abs(b.range.high))
        if least > 0.0 and a.range.tiny / b.range.size > 0.0 and a.range.size <= MAX * min(least, 1.0):
            return plain
        zero = self._where(Op.LT, a, 0.0, self.number(-math.inf), self.number(math.nan))
        zero = super().op(Op.WHERE, self._less(0.0, a), self.number(math.inf), zero)
        return self._where(Op.EQ, b, 0.0, zero, self._quotient(a, b, plain))

    def _quotient(self, a: Node, b: Node, plain: Node) -> Node:
        """a / b, b not 0: plain where the size of the result lies well inside the doubles.

        Beyond, the result is 0 or infinite. The border is about 0.1 away in the logarithm of the result.
        """
        size = super().op(Op.SUB, self._log_size(a), self._log_size(b))
        safe = super().op(Op.BETWEEN, size, self.number(_LOG_LOW), self.number(_LOG_HIGH))
        beyond = super().op(Op.WHERE, self._less(_LOG_HIGH, size), self._infinite(a, b), self.number(0.0))
        known = self.all([self.present(a), self.present(b)])
        beyond = super().op(Op.WHERE, known, beyond, self.number(math.nan))
        result = super().op(Op.WHERE, safe, plain, beyond)
        return super().op(Op.WHERE, self._is_special(a, b, -1.0), plain, result)

    def _is_special(self, a: Node, b: Node, sign: float) -> Node:
        """Whether an argument is 0 or infinite, where no result is an error: 0 * inf is NaN."""
        found = super().op(Op.EQ, a, self.number(0.0))
        if sign > 0:
            found = super().op(Op.OR, found, super().op(Op.EQ, b, self.number(0.0)))
        for x in (a, b):
            if not x.range.finite:
                infinite = super().op(Op.EQ, super().op(Op.ABS, x), self.number(math.inf))
                found = super().op(Op.OR, found, infinite)
        return found

    def _log_size(self, x: Node) -> Node:
        """ln |x|, 0 where x is 0 (which is told apart before)."""
        size = super().op(Op.ABS, x)
        return self._where(Op.EQ, x, 0.0, self.number(0.0), super().op(Op.LN, size))

    def _sign(self, x: Node) -> Node:
        return super().op(Op.WHERE, self._less(0.0, x), self.number(1.0), self.number(-1.0))


def _raised(size: float, exponent: int) -> float:
    """size ** exponent, infinite or 0 a few roundings before that is sure."""
    try:
        power = size**exponent
    except OverflowError:
        return math.inf
    return 0.0 if power < 4.0 * TINY else power * (1.0 + 1e-12 * exponent)


def _tested(x: Node, edge: float) -> Node:
    """What to compare with the edge in place of x: below a value put in for a missing one, if that lies beyond."""
    if x.kind is Op.COALESCE and x.args[1].kind is Form.NUMBER:
        inserted = x.args[1].value
        if inserted is not None and (inserted == 0.0 or abs(inserted) > edge):
            return x.args[0]
    return x


def _excess(terms: Sequence[tuple[float, float]]) -> int:
    """The k for which no partial sum of the terms size * weight, each times 2**-k, overflows; 0 when none does anyway.

    Rounding is monotone, so the sum of the sizes, added in the same order, bounds every partial sum.
    """
    if math.isfinite(sum(size * abs(weight) for size, weight in terms)):
        return 0
    logs = [math.log2(size) + math.log2(abs(weight)) for size, weight in terms if size > 0.0 and weight != 0.0]
    top = max(logs)
    whole = top - 1024.0 + math.log2(math.fsum(2.0 ** (log - top) for log in logs))
    return max(math.ceil(whole), 0) + 1


def _largest(holds: Callable[[float], bool]) -> float:
    """The largest double of at least 0 for which a condition holds that is true below some border and false above.

    Positive doubles are ordered as their bit patterns are, so bisection takes 63 steps wherever the border is.
    """
    low, high = 0, struct.unpack("<q", struct.pack("<d", math.inf))[0]
    while low < high:
        middle = (low + high + 1) // 2
        if holds(struct.unpack("<d", struct.pack("<q", middle))[0]):
            low = middle
        else:
            high = middle - 1
    found: float = struct.unpack("<d", struct.pack("<q", low))[0]
    return found
