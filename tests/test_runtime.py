"""The runtime of UDFs: the bits of `evaluate` from each kernel, on the rows that are likeliest to differ."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from picks import marked
from rows import awkward_rows
from zoo import ZOO

import indb.evaluate
from indb import build, codec
from indb.evaluate import Values, column_values, evaluate, evaluate_values, trees
from indb.ir import Column, Lookup, Model, Target, TreeEnsemble, Type, walk
from indb.passes import optimise
from indb.readers import read
from indb.runtime import bitvectors
from indb.runtime.bitvectors import BitVectors
from indb.runtime.blocks import in_order, spread
from indb.runtime.leaves import Leaves
from indb.runtime.onnx import Session
from indb.runtime.scorer import Scorer
from indb.runtime.trees import WORD, Kernel, pick
from indb.runtime.walk import Numeric, Walk
from indb.runtime.words import Coded, Texts

CASES = marked()


def case(name: str) -> tuple[Model, dict[str, Any], int]:
    """A model of the zoo with the columns of its awkward rows, and their number."""
    estimator, frame = ZOO[name]()
    model = read(estimator).in_sql
    rows = awkward_rows(model, frame, np.random.default_rng(zlib.crc32(name.encode())), limit=200)
    return model, {column.name: rows[column.name].tolist() for column in model.columns}, len(rows)


def ready(model: Model, columns: dict[str, Any]) -> dict[str, Values]:
    return {column.name: column_values(column, columns[column.name]) for column in model.columns}


def assert_same(found: dict[str, dict[str, Values]], wanted: dict[str, dict[str, Values]]) -> None:
    """The same bits everywhere."""
    for target, outputs in wanted.items():
        for output, values in outputs.items():
            np.testing.assert_array_equal(found[target][output], values, err_msg=f"{target} {output}")


@pytest.mark.parametrize("name", CASES)
def test_the_scorer_gives_the_bits_of_evaluate(name: str) -> None:
    model, columns, n_rows = case(name)
    wanted = evaluate(model, columns)
    scorer = Scorer.load(codec.encode(model))
    assert_same(scorer.outputs(ready(model, columns), n_rows), wanted)
    for row in range(0, n_rows, 29):  # a row alone, as a row function is called
        one = {key: values[row : row + 1] for key, values in ready(model, columns).items()}
        alone = {
            target: {key: values[row : row + 1] for key, values in outputs.items()}
            for target, outputs in wanted.items()
        }
        assert_same(scorer.outputs(one, 1), alone)


KERNELS: tuple[Callable[[Leaves], Kernel], ...] = (
    BitVectors, lambda leaves: Session(Numeric(leaves)), lambda leaves: Walk(Numeric(leaves)),
)  # fmt: skip


def found_by(make: Callable[[Leaves], Kernel], block: TreeEnsemble, inputs: Sequence[Values | Coded]) -> Values:
    """The values of an ensemble by one kernel."""
    leaves, n_rows = Leaves(block), spread(inputs[0]).shape[0]
    kernel = make(leaves)
    return leaves.sum(kernel.places(kernel.prepare(inputs, n_rows), slice(0, n_rows)))


def coded(values: Values) -> Coded:
    """A text column by its distinct texts."""
    texts = list(dict.fromkeys(values[:, 0].tolist()))
    column = np.empty((len(texts), 1), dtype=object)
    column[:, 0] = texts
    return Coded(column, np.array([texts.index(text) for text in values[:, 0]], dtype=np.intp), {})


@pytest.mark.parametrize(
    "name", ["hist_two_classes", "hist_named_categories", "one_hot_forest", "tree_two_targets", "forest_large"]
)
@pytest.mark.parametrize("optimised", [False, True])
def test_each_kernel_gives_the_bits_of_evaluate(name: str, optimised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of ensembles with category sets, which the passes make, of many leaves, and of coded texts."""
    model, columns, n_rows = case(name)
    model = optimise(model) if optimised else model
    seen: list[tuple[TreeEnsemble, list[Values]]] = []

    def look(block: TreeEnsemble, values: Sequence[Values]) -> Values:
        seen.append((block, list(values)))
        return trees(block, values)

    monkeypatch.setattr(indb.evaluate, "trees", look)
    evaluate_values(model, ready(model, columns), n_rows)
    block, inputs = seen[-1]
    for make in KERNELS:
        np.testing.assert_array_equal(found_by(make, block, inputs), trees(block, inputs))
        given = [coded(part) if part.dtype == object else part for part in inputs]
        np.testing.assert_array_equal(found_by(make, block, given), trees(block, inputs))


def test_the_kernel_by_the_size_of_the_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = (Leaves(ensemble(name)) for name in ("hist_two_classes", "forest_large"))
    assert small.most <= WORD < large.most
    assert isinstance(pick(small), BitVectors)
    assert isinstance(pick(large), Session)
    monkeypatch.setattr(Session, "__init__", refuse)
    assert isinstance(pick(large), BitVectors)
    monkeypatch.setattr(bitvectors, "MAX_BYTES", 1000)
    assert isinstance(pick(large), Walk)


def ensemble(name: str) -> TreeEnsemble:
    """The last tree ensemble of a case."""
    return [block for block in walk(read(ZOO[name]()[0]).roots()) if isinstance(block, TreeEnsemble)][-1]


def refuse(self: Session, numeric: Numeric) -> None:
    raise ImportError("No module named 'onnxruntime'")


def stump(**changes: Any) -> TreeEnsemble:
    """Two trees: one split on a number, and a leaf alone."""
    parts: dict[str, Any] = {
        "inputs": (Column("x"),), "roots": np.array([0, 3], np.int32), "feature": np.array([0, -1, -1, -1], np.int32),
        "threshold": np.array([0.5, 0, 0, 0]), "category_set": np.full(4, -1, np.int32),
        "left": np.array([1, -1, -1, -1], np.int32), "right": np.array([2, -1, -1, -1], np.int32),
        "missing_left": np.array([True, False, False, False]), "leaf": np.array([-1, 0, 1, 2], np.int32),
        "values": np.array([[1.0], [2.0], [0.1]]), "base": np.array([0.7]),
    }  # fmt: skip
    return TreeEnsemble(**{**parts, **changes})


def test_a_tree_that_is_a_leaf_and_the_base() -> None:
    block = stump()
    x = np.array([[0.5], [np.nextafter(0.5, 1.0)], [np.nan], [np.inf], [-np.inf]])
    for make in KERNELS:
        np.testing.assert_array_equal(found_by(make, block, [x]), trees(block, [x]))
        for row in x:  # alone
            np.testing.assert_array_equal(found_by(make, block, [row[None]]), trees(block, [row[None]]))


def test_trees_that_ask_nothing() -> None:
    block = stump(roots=np.array([3, 1], np.int32))
    for make in KERNELS:
        assert found_by(make, block, [np.array([[0.5], [np.nan]])]).tolist() == [[0.7 + 0.1 + 1.0]] * 2


def test_trees_of_as_many_leaves_as_a_word_has_bits() -> None:
    """A chain of n leaves has a bit in each place of the word, and the leaf that no node is left of comes last."""
    for n_leaves in (8, 9, 16, 32, 33, 64, 65, 200):
        block = chain(n_leaves)
        x = np.array([[number + half] for number in range(-1, n_leaves + 1) for half in (0.0, 0.5)] + [[np.nan]])
        for make in KERNELS:
            np.testing.assert_array_equal(found_by(make, block, [x]), trees(block, [x]), err_msg=f"{n_leaves}")


def chain(n_leaves: int) -> TreeEnsemble:
    """Node 2i asks x <= i; on its left is leaf i, on its right the next node or the last leaf."""
    inner = np.arange(n_leaves - 1)
    n_nodes = 2 * n_leaves - 1
    feature, left, right, leaf = (np.full(n_nodes, -1, np.int32) for _ in range(4))
    threshold = np.zeros(n_nodes)
    feature[2 * inner], threshold[2 * inner] = 0, inner
    left[2 * inner], right[2 * inner] = 2 * inner + 1, 2 * inner + 2
    leaf[[*(2 * inner + 1), n_nodes - 1]] = np.arange(n_leaves)
    return stump(
        roots=np.array([0], np.int32), feature=feature, threshold=threshold, left=left, right=right, leaf=leaf,
        category_set=np.full(n_nodes, -1, np.int32), missing_left=np.zeros(n_nodes, bool),
        values=np.arange(n_leaves)[:, None] + 0.25,
    )  # fmt: skip


def test_a_kernel_that_finds_other_leaves_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    places = Session.places
    monkeypatch.setattr(Session, "places", lambda self, prepared, rows: places(self, prepared, rows)[::-1])
    assert isinstance(pick(Leaves(chain(200))), BitVectors)


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "__init__", refuse)
    monkeypatch.setattr(bitvectors, "MAX_BYTES", 0)
    x = Column("x")
    model = Model((x,), (Target("", {"predict": stump(inputs=(x,))}),))
    assert Scorer(model).outputs({"x": np.array([[0.2]])}, 1)[""]["predict"].tolist() == [[0.7 + 1.0 + 0.1]]


def test_texts_are_missing_where_they_are_none() -> None:
    grown = stump(
        inputs=(Column("city", Type.TEXT),), category_set=np.array([0, -1, -1, -1], np.int32),
        category_sets=(("Paris", "it's"),),
    )  # fmt: skip
    texts = np.array([["Paris"], ["it's"], ["Rome"], [None], [""]], dtype=object)
    for make in KERNELS:
        np.testing.assert_array_equal(found_by(make, grown, [texts]), trees(grown, [texts]))
        np.testing.assert_array_equal(found_by(make, grown, [coded(texts)]), trees(grown, [texts]))


@pytest.mark.parametrize("n_rows", [1, 2, 31, 32, 33, 700, 5000])
def test_sums_are_added_in_order(n_rows: int) -> None:
    random = np.random.default_rng(n_rows)
    terms = random.normal(size=(300, n_rows)) * 10.0 ** random.integers(-12, 12, (300, n_rows))
    wanted = terms[0].copy()
    for term in terms[1:]:
        wanted = wanted + term
    np.testing.assert_array_equal(in_order(terms.copy()), wanted)
    np.testing.assert_array_equal(in_order(terms.reshape(300, 1, n_rows).copy())[0], wanted)


@pytest.mark.parametrize("n_rows", [1, 33, 700, 2048])
@pytest.mark.parametrize("weights", [1.0, math.inf, math.nan])
@pytest.mark.parametrize("second", [0.0, 0.3, math.nan])
def test_wide_linear_maps_add_in_order(n_rows: int, weights: float, second: float) -> None:
    """Of texts that set one lane each, all lanes are one term; of others each is."""
    random = np.random.default_rng(n_rows)
    keys = tuple(f"k{number}" for number in range(9))
    rows = tuple(tuple(1.5 if lane == number else 0.0 for lane in range(9)) for number in range(8))
    table = Lookup(CITY, keys, (*rows, (second,) * 2 + (0.0,) * 7), (0.0,) * 9, (0.0,) * 8 + (-2.0,))
    x = build.concat([Column("a"), table, build.multiply(Column("b"), build.number(0.1, 0.2, 0.3))])
    weight = random.normal(size=(40, 13)) * 10.0 ** random.integers(-9, 9, (40, 13))
    weight[3, 5] = weights
    output = build.linear(x, weight, random.normal(size=40))
    columns_of = [block for block in walk([output]) if isinstance(block, Column)]
    model = Model(tuple(columns_of), (Target("", {"transform": output}),))
    texts = [None if number == 0 else f"k{number}" for number in random.integers(0, 12, n_rows)]
    columns = {
        "city": column_values(CITY, texts),
        "a": random.normal(size=(n_rows, 1)),
        "b": np.where(random.random((n_rows, 1)) < 0.1, math.inf, random.normal(size=(n_rows, 1))),
    }
    assert_same(Scorer(model).outputs(columns, n_rows), evaluate_values(model, columns, n_rows))


CITY = Column("city", Type.TEXT)


def lengths() -> Model:
    """A number for each of many cities, and one that depends on another column too."""
    cities = tuple(f"city {number}" for number in range(3000))
    rows = tuple((float(number), 1.0 / (number + 1)) for number in range(3000))
    looked_up = Lookup(CITY, cities, rows, (-1.0, 0.5), (-2.0, 0.25))
    x = Column("x")
    total = build.add(build.lane(looked_up, 0), build.multiply(build.lane(looked_up, 1), x))
    return Model((CITY, x), (Target("", {"predict": total, "transform": looked_up}),))


def test_texts_that_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was computed for the texts of earlier rows is kept, let go, and never taken for another text."""
    model, random = lengths(), np.random.default_rng(0)
    scorer = Scorer(model)
    for n_rows, n_cities in ((1, 5), (1, 5), (3, 3000), (100, 50), (1, 3000), (500, 3000), (100, 50), (2000, 3000)):
        texts = [None if number == 0 else f"city {number}" for number in random.integers(0, n_cities + 20, n_rows)]
        columns = {"city": column_values(CITY, texts), "x": random.normal(size=(n_rows, 1))}
        wanted = evaluate_values(model, columns, n_rows)
        assert_same(scorer.outputs(columns, n_rows), wanted)
        distinct = list(dict.fromkeys(texts))
        numbered = Texts(distinct, np.array([distinct.index(text) for text in texts], dtype=np.intp))
        assert_same(scorer.outputs({**columns, "city": numbered}, n_rows), wanted)


def test_no_rows() -> None:
    for name in ("logistic_texts3", "hist_named_categories", "one_hot_forest"):
        model, columns, _ = case(name)
        none = {key: values[:0] for key, values in ready(model, columns).items()}
        assert_same(Scorer(model).outputs(none, 0), evaluate_values(model, none, 0))


def test_threads_that_share_a_scorer() -> None:
    model = lengths()
    scorer = Scorer(model)

    def run(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(20):
            texts = [f"city {number}" for number in random.integers(0, 3000, 200)]
            columns = {"city": column_values(CITY, texts), "x": random.normal(size=(200, 1))}
            assert_same(scorer.outputs(columns, 200), evaluate_values(model, columns, 200))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(8)))
