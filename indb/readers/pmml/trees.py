"""Trees of PMML as trees of two branches, ready to be one of an ensemble.

A node of PMML has any number of children, each with a predicate, of which the first true one is taken. Where these are
comparisons of fields, they become splits of a TreeEnsemble. Where one is more (compound predicates; a default child
that is not the one that is left), blocks compute which child is taken, and the splits are of that number. So a tree has
as many leaves as the file says, however predicates and missing values are combined.

Source: PMML 4.4, "Tree Models"; JPMML's ComplexTreeModelEvaluator for the order of tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op, TreeEnsemble, Type
from indb.readers.pmml import predicates, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.predicates import predicate_in
from indb.readers.pmml.scope import Scope

NOTHING = -1
"""The number of the node that a row has reached where there is no prediction."""

MISSING_STRATEGIES = ("none", "lastPrediction", "nullPrediction", "defaultChild")


@dataclass(slots=True)
class Node:
    """One node of the file: its predicate, and the numbers of its children and of its default child."""

    element: Element
    predicate: Element
    parent: int
    children: list[int] = field(default_factory=list)
    default: int | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison of one block: true where it is at most `threshold`, or one of `members`; or the other way round."""

    block: Block
    threshold: float
    members: tuple[float | str, ...] | None
    turned: bool

    def opposes(self, other: Test) -> bool:
        """Whether it is false just where the other is true, and the other way round, for a value that is there."""
        same = self.block is other.block and self.threshold == other.threshold and self.members == other.members
        return same and self.turned != other.turned


def nodes_of(root: Element) -> list[Node]:
    """The nodes below a root, each before its children."""
    found = [Node(root, predicate_in(root), -1)]
    stack = [0]
    while stack:
        number = stack.pop()
        element = found[number].element
        for kind in ("Regression", "DecisionTree"):
            if element.has(kind):
                raise element.one(kind).refused("a model inside of a node is not read")
        for child in element.all("Node"):
            found[number].children.append(len(found))
            found.append(Node(child, predicate_in(child), number))
        stack.extend(reversed(found[number].children))
    return found


@dataclass
class Splits:
    """The arrays of a TreeEnsemble while they grow; `reached` is the node of the file for each leaf."""

    blocks: list[Block] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    category_set: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    missing_left: list[bool] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)
    sets: list[tuple[float | str, ...]] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)

    def leaf(self, node: int) -> int:
        """A leaf for a node of the file."""
        return self._row(-1, 0.0, -1, node, False)

    def split(self, test: Test, missing_left: bool) -> int:
        """A split by a test, whose sides are set later."""
        block = test.block
        threshold = test.threshold
        if isinstance(block, Apply) and block.op is Op.SINGLE and test.members is None:
            block, threshold = block.args[0], build.split_threshold(threshold)
        place = self.places.setdefault(id(block), len(self.blocks))
        if place == len(self.blocks):
            self.blocks.append(block)
        number = -1
        if test.members is not None:
            number = len(self.sets)
            self.sets.append(test.members)
        return self._row(place, threshold, number, NOTHING, missing_left)

    def _row(self, feature: int, threshold: float, number: int, node: int, missing_left: bool) -> int:
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.category_set.append(number)
        self.left.append(-1)
        self.right.append(-1)
        self.missing_left.append(missing_left)
        self.reached.append(node)
        return len(self.feature) - 1

    def ensemble(self, rows: Floats, leaf: Sequence[int], single: bool = False) -> TreeEnsemble:
        """The sum over all trees of the row of `rows` whose number `leaf` holds for each leaf (-1 at other nodes)."""
        blocks = self.blocks or [build.number(0.0)]
        return TreeEnsemble(
            inputs=tuple(blocks),
            roots=np.array(self.roots, dtype=np.int32),
            feature=np.array(self.feature, dtype=np.int32),
            threshold=np.array(self.threshold, dtype=np.float64),
            category_set=np.array(self.category_set, dtype=np.int32),
            left=np.array(self.left, dtype=np.int32),
            right=np.array(self.right, dtype=np.int32),
            missing_left=np.array(self.missing_left, dtype=bool),
            leaf=np.array(leaf, dtype=np.int32),
            values=np.asarray(rows, dtype=np.float64),
            base=np.zeros(rows.shape[1]),
            category_sets=tuple(self.sets),
            single=single,
        )


@dataclass
class Grower:
    """Grows one tree. `strategy`: its missingValueStrategy; `last`: a node without a true child is taken."""

    nodes: list[Node]
    scope: Scope
    splits: Splits
    strategy: str
    last: bool
    todo: list[tuple[int, Callable[[int], None]]] = field(default_factory=list)
    offset: int = 0
    jumps: dict[int, Block] = field(default_factory=dict)
    """Nodes of the file -> how many times a missing value had a say in which child is taken, if they are kept."""
    keep_jumps: bool = False

    def grow(self) -> None:
        """Grow the tree from its root, whose predicate must be true."""
        roots = self.splits.roots

        def start(place: int) -> None:
            roots.append(place)

        root = self.nodes[0]
        if root.predicate.name == "True":
            self.todo.append((0, start))
        else:
            logic = predicates.read_predicate(root.predicate, self.scope)
            test = Test(logic.true, 0.5, None, True)
            place = self.splits.split(test, True)
            start(place)
            self._set(place, False, self.splits.leaf(NOTHING))
            self.todo.append((0, partial(self._set, place, True)))
        while self.todo:
            number, attach = self.todo.pop()
            self._grow_node(number, attach)

    def _set(self, place: int, right: bool, target: int) -> None:
        (self.splits.right if right else self.splits.left)[place] = target

    def _grow_node(self, number: int, attach: Callable[[int], None]) -> None:
        node = self.nodes[number]
        if not node.children:
            attach(self.splits.leaf(self.offset + number))
            return
        tests = None if self.keep_jumps else self._tests(node)
        if tests is None or not self._chain(number, tests, attach):
            self._choice(number, attach)

    # Splits of fields

    def _tests(self, node: Node) -> list[Test | bool] | None:
        """The predicates of the children as tests, True and False; None where one is more than that."""
        found: list[Test | bool] = []
        if len(node.children) > MAX_CHILDREN:
            return None
        for child in node.children:
            test = simple_test(self.nodes[child].predicate, self.scope)
            if test is None:
                return None
            found.append(test)
        return found

    def _chain(self, number: int, tests: list[Test | bool], attach: Callable[[int], None]) -> bool:
        """Grow the children one test after the other; whether that can be said with each child in one place.

        A child's test that opposes one before it is true where that was false, so it is not asked again.
        """
        plan = plan_of(self.nodes[number], tests, self.strategy, self.last)
        if plan is None:
            return False
        stack: list[tuple[Plan, Callable[[int], None]]] = [(plan, attach)]
        while stack:
            step, attach_step = stack.pop()
            if isinstance(step, int):
                self._outcome(number, step, attach_step)
                continue
            place = self.splits.split(step.test, step.missing_left)
            attach_step(place)
            stack.append((step.right, partial(self._set, place, True)))
            stack.append((step.left, partial(self._set, place, False)))
        return True

    def _outcome(self, number: int, outcome: int, attach: Callable[[int], None]) -> None:
        """A child, or the node itself (STAY), or nothing (NOTHING)."""
        if outcome >= 0:
            self.todo.append((self.nodes[number].children[outcome], attach))
        else:
            attach(self.splits.leaf(NOTHING if outcome == NOTHING else self.offset + number))

    # Splits of the number of a child

    def _choice(self, number: int, attach: Callable[[int], None]) -> None:
        """Grow the children by a block that says which one is taken; after them come the node itself, and nothing."""
        node = self.nodes[number]
        count = len(node.children)
        stay, nothing = float(count), float(count + 1)
        result: Block = build.number(stay if self.last else nothing)
        jumped: Block = build.number(0.0)
        unknown_goes = {"lastPrediction": stay, "nullPrediction": nothing, "none": None, "defaultChild": None}
        goes = unknown_goes[self.strategy]
        if self.strategy == "defaultChild":
            if node.default is None:
                raise node.element.damaged("it needs a defaultChild, as the missingValueStrategy is defaultChild")
            goes = float(node.default)
        for place in reversed(range(count)):
            predicate = self.nodes[node.children[place]].predicate
            logic = predicates.read_predicate(predicate, self.scope)
            instead = predicates.decided_by_surrogate(predicate, self.scope) if self.keep_jumps else predicates.NO
            jumped = jumped if instead is predicates.NO else build.add(instead, jumped)
            if goes is not None:
                result = build.where(logic.unknown, build.number(goes), result)
                defaulted = predicates.YES if self.strategy == "defaultChild" else predicates.NO
                jumped = build.where(logic.unknown, defaulted, jumped)
            result = build.where(logic.true, build.number(float(place)), result)
            jumped = build.where(logic.true, instead, jumped)
        if self.keep_jumps:
            self.jumps[number] = jumped
        outcomes = [*range(count), STAY, NOTHING]
        for place, outcome in enumerate(outcomes[:-1]):
            split = self.splits.split(Test(result, float(place) + 0.5, None, False), False)
            attach(split)
            self._outcome(number, outcome, partial(self._set, split, False))
            attach = partial(self._set, split, True)
        self._outcome(number, NOTHING, attach)


STAY = -2
"""The outcome of a node whose own score is taken."""


@dataclass(frozen=True, slots=True)
class Step:
    """A split of a plan: where each side leads, and on which side missing values go."""

    test: Test
    missing_left: bool
    left: Plan
    right: Plan


Plan = Step | int
"""A step, or an outcome: the place of a child, STAY or NOTHING."""

MAX_STEPS, MAX_CHILDREN = 8, 64
"""How many steps a plan has for each child at most, and for how many; more are better computed."""


def plan_of(node: Node, tests: Sequence[Test | bool], strategy: str, last: bool) -> Plan | None:
    """The splits by which a node's children are told apart; None where a child would be in two places."""
    nowhere = STAY if last else NOTHING
    count = [0]

    def after(place: int, known: tuple[Test, ...], gaps: frozenset[int]) -> Plan | None:
        """From the child at `place` on: `known` tests are false of values that are there, `gaps` are missing."""
        count[0] += 1
        if count[0] > MAX_STEPS * len(tests):
            return None
        if place == len(tests):
            return nowhere
        test = tests[place]
        if isinstance(test, bool):
            return place if test else after(place + 1, known, gaps)
        if id(test.block) in gaps:
            return unknown(place, known, gaps)
        if any(test.opposes(other) for other in known):
            return place
        false = after(place + 1, (*known, test), gaps)
        gap = unknown(place, known, gaps | {id(test.block)})
        if false is None or gap is None:
            return None
        left, right = (false, place) if test.turned else (place, false)
        if _same(gap, left) or _same(gap, right):
            return Step(test, _same(gap, left), left, right)
        there = Test(test.block, math.inf, None, False)
        if test.block.type is Type.TEXT:
            there = Test(test.block, 0.0, (), False)
            return Step(there, True, gap, Step(test, False, left, right))
        return Step(there, False, Step(test, False, left, right), gap)

    def unknown(place: int, known: tuple[Test, ...], gaps: frozenset[int]) -> Plan | None:
        if strategy == "none":
            return after(place + 1, known, gaps)
        if strategy == "defaultChild":
            if node.default is None:
                raise node.element.damaged("it needs a defaultChild, as the missingValueStrategy is defaultChild")
            return node.default
        return STAY if strategy == "lastPrediction" else NOTHING

    plan = after(0, (), frozenset())
    taken: list[int] = []
    stack = [plan]
    while stack:
        step = stack.pop()
        if isinstance(step, Step):
            stack += [step.left, step.right]
        elif step is not None and step >= 0:
            taken.append(step)
    return plan if plan is not None and len(set(taken)) == len(taken) else None


def _same(a: Plan, b: Plan) -> bool:
    """Whether two plans lead to the same, as far as that is seen at once."""
    if isinstance(a, Step) and isinstance(b, Step):
        return (
            a.missing_left == b.missing_left
            and (a.test == b.test or a.test is b.test)
            and _same(a.left, b.left)
            and _same(a.right, b.right)
        )
    return a == b if isinstance(a, int) and isinstance(b, int) else False


def simple_test(element: Element, scope: Scope) -> Test | bool | None:
    """A predicate as a test of one field, True or False; None where it is more than that."""
    if element.name in ("True", "False"):
        return element.name == "True"
    if element.name == "SimplePredicate":
        operator = element.choice("operator", (*predicates.COMPARISONS, "isMissing", "isNotMissing"))
        if operator not in predicates.COMPARISONS:
            return None
        value = scope.field(element.needed("field"), element)
        op, turned = predicates.COMPARISONS[operator]
        other = values.parse(element.needed("value"), value.data_type, element)
        if op is Op.EQ:
            return Test(value.block, 0.0, (other,), turned)
        if not isinstance(other, float) or not value.is_number:
            raise element.refused(f"operator={operator!r} of a {value.data_type}, needed a number")
        if op is Op.LT:
            if other == -math.inf:
                return None
            if value.data_type == "float":
                other = float(np.nextafter(np.float32(other), np.float32(-np.inf)))
            else:
                other = math.nextafter(other, -math.inf)
        return Test(value.block, other, None, turned)
    if element.name == "SimpleSetPredicate":
        value = scope.field(element.needed("field"), element)
        array = element.one("Array")
        members = tuple(values.parse(item, value.data_type, array) for item in predicates.items(array))
        turned = element.choice("booleanOperator", ("isIn", "isNotIn")) == "isNotIn"
        return Test(value.block, 0.0, tuple(dict.fromkeys(members)), turned)
    return None
