"""Trees that follow every path a missing value leaves open: against the specification's procedure, and PMML4S.

JPMML does not read these strategies. PMML4S weighs the children that are unknown as they are, and does not go on to
theirs; and it takes a predicate with surrogates for true wherever its first part is missing.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from pmml_agreement import File, same
from pmml_oracle import Oracles

import indb
from indb.errors import IndbError

DATA = Path(__file__).parent / "data" / "pmml"
SPACE = "{http://www.dmg.org/PMML-4_4}"
CLASSES = ("a", "b", "c")
TREES = ("weighted_last", "weighted_null", "aggregate_last", "aggregate_null")
POOLS = {
    "age": (None, 20.0, 50.0),
    "income": (None, 10.0, 300.0, 500.0, 700.0),
    "kids": (None, 1, 3),
    "city": (None, "Bern", "Oslo"),
    "member": (None, True, False),
}
ROWS = [dict(zip(POOLS, row, strict=True)) for row in product(*POOLS.values())]


def holds(part, row):
    """A predicate of a row: True, False, or None where it is unknown."""
    kind, value = part.tag.removeprefix(SPACE), row.get(part.get("field"))
    if kind == "True":
        return True
    if kind == "CompoundPredicate":
        known = [holds(each, row) for each in part]
        if part.get("booleanOperator") == "surrogate":
            return next((each for each in known if each is not None), None)
        return False if False in known else None if None in known else True
    if value is None:
        return None
    if kind == "SimpleSetPredicate":
        return (value in part[0].text.split()) == (part.get("booleanOperator") == "isIn")
    if isinstance(value, bool):
        return value == (part.get("value") == "true")
    other = float(part.get("value"))
    operators = {"lessThan": value < other, "lessOrEqual": value <= other, "greaterThan": value > other}
    return operators.get(part.get("operator"), value >= other)


def distribution(node, what):
    parts = {part.get("value"): part for part in node.findall(f"{SPACE}ScoreDistribution")}
    counts = np.array([float(parts[name].get("recordCount")) for name in CLASSES])
    if what == "confidence" and parts["a"].get("confidence"):
        return np.array([float(parts[name].get("confidence")) for name in CLASSES])
    return counts if what == "recordCount" else counts / counts.sum()


def followed(node, row):
    """The children that a row goes to, and whether one of them is unknown."""
    found, unknown = [], False
    for child in node.findall(f"{SPACE}Node"):
        answer = holds(child[0], row)
        if answer is not False:
            found.append(child)
        if answer:
            break
        unknown = unknown or answer is None
    return found, unknown


def weighted(node, row, stays):
    children, unknown = followed(node, row)
    if not children:
        leaf = node.find(f"{SPACE}Node") is None
        return distribution(node, "confidence") if leaf or stays else np.full(3, np.nan)
    if not unknown:
        return weighted(children[0], row, stays)
    total = sum(float(child.get("recordCount")) for child in children)
    return sum(weighted(child, row, stays) * float(child.get("recordCount")) / total for child in children)


def aggregated(node, row):
    children, _ = followed(node, row)
    if node.find(f"{SPACE}Node") is None:
        return distribution(node, "recordCount")
    return sum((aggregated(child, row) for child in children), np.zeros(3))


def by_hand(path, row):
    """The class, its confidence and the node of a row, None where there is none."""
    text = path.read_text("utf-8")
    stays = "returnLastPrediction" in text
    node = ElementTree.fromstring(text).find(f".//{SPACE}Node")
    while node.find(f"{SPACE}Node") is not None:
        children, unknown = followed(node, row)
        if unknown:
            sums = weighted(node, row, stays) if "weightedConfidence" in text else aggregated(node, row)
            shares = sums if "weightedConfidence" in text else sums / sums.sum()
            return (None, None, None) if np.isnan(shares).any() else (CLASSES[shares.argmax()], shares.max(), None)
        if not children:
            break
        node = children[0]
    if node.find(f"{SPACE}Node") is not None and not stays:
        return None, None, None
    return node.get("score"), distribution(node, "confidence")[CLASSES.index(node.get("score"))], node.get("id")


@pytest.mark.parametrize("name", TREES)
def test_every_path_that_a_missing_value_leaves_open_counts(name):
    path = DATA / f"tree_{name}.pmml"
    file = File.read(path)
    found = file.found(ROWS)
    wrong = []
    for place, row in enumerate(ROWS):
        ours = found["target"][place], found["sure"][place], found["node"][place]
        if not all(map(same, ours, by_hand(path, row))):
            wrong.append((row, ours, by_hand(path, row)))
    assert wrong == []


@pytest.mark.slow  # Java starts
@pytest.mark.parametrize("name", TREES)
def test_pmml4s_agrees_where_it_follows_all_of_them(name, pmml_oracles: Oracles):
    path = DATA / f"tree_{name}.pmml"
    rows = [row for row in ROWS if row["kids"] is not None]
    if name.startswith("weighted"):
        rows = [row for row in rows if row["age"] == 50.0 or None not in (row["age"], row["city"])]
    found, theirs = File.read(path).found(rows), pmml_oracles.pmml4s(path, rows)
    for place, row in enumerate(rows):
        said = theirs.rows[place]
        wanted = said.get("predicted_target"), said.get("sure"), said.get("node") or None
        ours = found["target"][place], found["sure"][place], found["node"][place]
        assert all(map(same, ours, wanted)), (row, ours, wanted, theirs.errors[place])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('functionName="classification"', 'functionName="regression"', "of a regression"),
        (" noTrue", ' missingValuePenalty="0.5" noTrue', "missingValuePenalty"),
        ('<Node id="3" score="b" recordCount="10"', '<Node id="3" score="b" recordCount="11"', "that of its children"),
        (' confidence="0.495"', "", "leaves out a class"),
        ('field="age" operator="greaterOrEqual"', 'field="kids" operator="greaterOrEqual"', "different fields"),
    ],
)
def test_a_tree_whose_weights_are_not_certain_is_refused(tmp_path, old, new, why):
    text = (DATA / "tree_weighted_last.pmml").read_text("utf-8")
    assert old in text
    changed = tmp_path / "model.pmml"
    changed.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(IndbError, match=re.escape(why)):
        indb.read(changed)


@pytest.mark.parametrize("name", ["weighted_last", "aggregate_last"])
def test_sql_does_not_grow_with_the_number_of_paths(tmp_path, name):
    """A tree of 63 nodes whose splits may all be unknown at once."""

    def grow(predicate, depth):
        share = "".join(f'<ScoreDistribution value="{each}" recordCount="1" confidence="0.5"/>' for each in CLASSES)
        field = ("age", "income", "kids", "age", "income")[depth - 1]
        split = f'<SimplePredicate field="{field}" value="{depth}" operator='
        inner = (grow(f'{split}"{side}"/>', depth - 1) for side in ("lessThan", "greaterOrEqual"))
        return f'<Node score="a" recordCount="{2**depth}">{predicate}{share}{"".join(inner) if depth else ""}</Node>'

    head, _, rest = (DATA / f"tree_{name}.pmml").read_text("utf-8").partition("    <Node ")
    path = tmp_path / "model.pmml"
    path.write_text(head + grow("<True/>", 5) + "  </TreeModel>" + rest.partition("  </TreeModel>")[2], "utf-8")
    assert len(indb.to_sql(indb.read(path), "duckdb", "t", "id")) < 200_000
