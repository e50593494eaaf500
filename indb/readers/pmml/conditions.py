"""Built-in functions that compare, and that combine or follow what comparisons say.

Source: PMML 4.4, "Built-in functions".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from indb import build
from indb.ir import Apply, Block, Const, Op
from indb.readers.pmml import predicates, values
from indb.readers.pmml.calls import Call
from indb.readers.pmml.predicates import Logic
from indb.readers.pmml.values import Value


def _truth(call: Call, arg: Value) -> Logic:
    """A boolean argument as logic."""
    if arg.data_type != "boolean":
        raise call.element.refused(f"{call.name} was given a {arg.data_type}, needed a boolean")
    return Logic(Apply(Op.EQ, (arg.block, build.number(1.0))), Apply(Op.EQ, (arg.block, build.number(0.0))))


def boolean(logic: Logic) -> Value:
    """Logic as a boolean value, missing where it is unknown."""
    false = build.where(logic.false, build.number(0.0), build.MISSING)
    return Value(build.where(logic.true, build.number(1.0), false), "boolean", "categorical")


def _compare(op: Op, turned: bool) -> Callable[[Call], Value]:
    """A comparison, missing where an argument is."""

    def read(call: Call) -> Value:
        call.count(2)
        left, right = same_type(call, call.args)
        if op is not Op.EQ and left.is_text:
            raise call.element.refused(f"{call.name} was given a string, needed numbers")
        answer = Apply(op, (left.block, _alike(left, right)))
        there = values.both(values.present(left.block), values.present(right.block))
        logic = Logic(answer, values.both(values.opposite(answer), there))
        return boolean(logic.opposite if turned else logic)

    return read


def _alike(left: Value, right: Value) -> Block:
    """The right one in the type of the left one, as which it is compared."""
    return build.single(right.block) if left.data_type == "float" else right.block


def same_type(call: Call, args: Sequence[Value]) -> list[Value]:
    """Values that are compared or chosen from: all texts, or all numbers."""
    if len({arg.is_text for arg in args}) == 1:
        return list(args)
    constants = [arg for arg in args if isinstance(arg.block, Const)]
    others = [arg for arg in args if not isinstance(arg.block, Const)]
    if constants and len({arg.data_type for arg in others}) == 1:
        return [
            arg if arg in others else values.cast(arg, others[0].data_type, call.element, call.scope.require)
            for arg in args
        ]
    raise call.element.refused(f"{call.name} was given strings and numbers")


def _logical(operator: str) -> Callable[[Call], Value]:
    def read(call: Call) -> Value:
        call.count(2, -1)
        parts = [_truth(call, arg) for arg in call.args]
        return boolean(predicates.combine(operator, parts, call.element))

    return read


def _not(call: Call) -> Value:
    call.count(1)
    return boolean(_truth(call, call.args[0]).opposite)


def _is_missing(turned: bool) -> Callable[[Call], Value]:
    def read(call: Call) -> Value:
        call.count(1)
        gap = build.is_missing(call.args[0].block)
        return Value(values.opposite(gap) if turned else gap, "boolean", "categorical")

    return read


def _is_valid(call: Call) -> Value:
    """Whether a value is there and not invalid."""
    call.count(1)
    there, invalid = values.present(call.args[0].block), call.args[0].invalid
    answer = there if invalid is None else values.both(there, values.opposite(invalid))
    return Value(answer, "boolean", "categorical")


def _is_not_valid(call: Call) -> Value:
    """Whether a value is there and invalid: a missing one is neither. Source: JPMML, Functions.IS_NOT_VALID."""
    call.count(1)
    return Value(call.args[0].invalid or predicates.NO, "boolean", "categorical")


def _is_in(turned: bool) -> Callable[[Call], Value]:
    """Whether the first argument is one of the others; a missing one is none of them."""

    def read(call: Call) -> Value:
        call.count(2, -1)
        x, *others = same_type(call, call.args)
        answer = values.either(*(Apply(Op.EQ, (x.block, _alike(x, other))) for other in others))
        return Value(values.opposite(answer) if turned else answer, "boolean", "categorical")

    return read


def _if(call: Call) -> Value:
    """The second argument where the first is true, the third where it is false; missing where it is unknown."""
    call.count(2, 3)
    logic = _truth(call, call.args[0])
    then, *rest = same_type(call, call.args[1:])
    data_type = then.data_type
    if rest and rest[0].data_type != data_type:
        data_type = Call(call.name, [then, *rest], call.element, call.scope).number_type
    gap = values.missing(data_type)
    other = rest[0].block if rest else gap
    block = build.where(logic.true, then.block, build.where(logic.false, other, gap))
    invalid = _invalid_arm(logic, then, rest[0] if rest else None)
    return Value(block, data_type, values.optype_of(data_type), invalid=invalid)


def _invalid_arm(logic: Logic, then: Value, other: Value | None) -> Block | None:
    """1.0 where the arm that is taken is invalid."""
    arms = [
        values.both(taken, arm.invalid)
        for taken, arm in ((logic.true, then), (logic.false, other))
        if arm is not None and arm.invalid is not None
    ]
    return values.either(*arms) if arms else None


FUNCTIONS: dict[str, Callable[[Call], Value]] = {
    "isMissing": _is_missing(False),
    "isNotMissing": _is_missing(True),
    "isValid": _is_valid,
    "isNotValid": _is_not_valid,
    "equal": _compare(Op.EQ, False),
    "notEqual": _compare(Op.EQ, True),
    "lessThan": _compare(Op.LT, False),
    "lessOrEqual": _compare(Op.LE, False),
    "greaterThan": _compare(Op.LE, True),
    "greaterOrEqual": _compare(Op.LT, True),
    "and": _logical("and"),
    "or": _logical("or"),
    "not": _not,
    "isIn": _is_in(False),
    "isNotIn": _is_in(True),
    "if": _if,
}
