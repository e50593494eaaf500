"""The representation: its rules, its walks, and the model as text."""

import math
from dataclasses import replace

import numpy as np
import pytest

from indb import build, ir, rules
from indb.errors import InvalidModel, did_you_mean
from indb.ir import (
    Apply,
    Column,
    Concat,
    Const,
    Foreign,
    ForeignModel,
    Linear,
    Lookup,
    Model,
    Op,
    Reduce,
    ReduceOp,
    Take,
    Target,
    Type,
)

X = Column("x")
CITY = Column("city", Type.TEXT)
PAIR = Const((1.0, 2.0))
TRIPLE = Const((1.0, 2.0, 3.0))
NAN = math.nan


def model_of(block, columns=(X, CITY), labels=None, output="transform"):
    return Model(columns, (Target("", {output: block}, labels),))


def stump(**changes):
    """A tree of one split: x <= 0.5 gives 1.0, else 2.0."""
    arrays = {
        "inputs": (X,),
        "roots": np.array([0], dtype=np.int32),
        "feature": np.array([0, -1, -1], dtype=np.int32),
        "threshold": np.array([0.5, 0.0, 0.0]),
        "category_set": np.array([-1, -1, -1], dtype=np.int32),
        "left": np.array([1, 0, 0], dtype=np.int32),
        "right": np.array([2, 0, 0], dtype=np.int32),
        "missing_left": np.array([False, False, False]),
        "leaf": np.array([-1, 0, 1], dtype=np.int32),
        "values": np.array([[1.0], [2.0]]),
        "base": np.array([0.0]),
    }
    return ir.TreeEnsemble(**(arrays | changes))


def library(**changes):
    """What a library computes of a number and a text."""
    parts = {"format": "skops", "payload": np.ones(3, np.uint8), "name": "KMeans", "method": "predict", "lanes": 1}
    return Foreign(**({"inputs": (X, CITY), **parts} | changes))


def ints(*values):
    return np.array(values, dtype=np.int32)


REFUSED = {
    "width of arguments": (Apply(Op.ADD, (PAIR, TRIPLE)), r"Apply ADD mixes widths \[2, 3\]"),
    "number of arguments": (Apply(Op.ADD, (X,)), "ADD has 1 arguments, needs 2"),
    "no arguments": (Apply(Op.WHERE, ()), "WHERE has 0 arguments, needs 3"),
    "text in arithmetic": (Apply(Op.ADD, (CITY, CITY)), "ADD was given TEXT"),
    "text compared with a number": (Apply(Op.EQ, (CITY, X)), "EQ mixes NUMBER and TEXT"),
    "text compared in order": (Apply(Op.LE, (CITY, CITY)), "LE was given TEXT"),
    "arms of two types": (Apply(Op.WHERE, (X, X, CITY)), "WHERE mixes NUMBER and TEXT"),
    "a text as condition": (Apply(Op.WHERE, (CITY, X, X)), "condition that is TEXT"),
    "empty concat": (Concat(()), "has no parts"),
    "concat of two types": (Concat((X, CITY)), "mixes NUMBER and TEXT"),
    "lane too high": (Take(PAIR, (2,)), r"takes lanes \(2,\) of 2"),
    "lane negative": (Take(PAIR, (-1,)), "takes lanes"),
    "lane not an integer": (Take(PAIR, (0.5,)), "takes lanes"),
    "text summed": (Reduce(ReduceOp.SUM, CITY), "Reduce was given TEXT"),
    "nothing reduced": (Reduce(ReduceOp.MAX, Const(())), "reduces 0 lanes"),
    "text in linear": (Linear(CITY, np.ones((1, 1)), np.ones(1)), "Linear was given TEXT"),
    "weights of another width": (Linear(X, np.ones((1, 2)), np.ones(1)), r"has weights \(1, 2\) for 1 lanes"),
    "biases of another width": (Linear(X, np.ones((1, 1)), np.ones(2)), "2 biases"),
    "weights in one dimension": (Linear(X, np.ones(1), np.ones(1)), "in 1 and 1 dimensions"),
    "weights of float32": (Linear(X, np.ones((1, 1), np.float32), np.ones(1)), "array of float32, needs float64"),
    "constant of another type": (Const(("a",)), "of numbers holds 'a'"),
    "integer constant": (Const((1,)), "of numbers holds 1"),
    "None for a number": (Const((None,)), "of numbers holds None"),
    "NaN for a text": (Const((NAN,), Type.TEXT), "of texts holds nan"),
    "two lanes looked up": (Lookup(PAIR, (), (), (0.0,), (0.0,)), "looks up 2 lanes at once"),
    "a key twice": (Lookup(X, (0.0, -0.0), ((1.0,), (2.0,)), (0.0,), (0.0,)), "has a key twice"),
    "keys of another type": (Lookup(CITY, (1.0,), ((1.0,),), (0.0,), (0.0,)), "keys of another type"),
    "integer key": (Lookup(X, (1,), ((1.0,),), (0.0,), (0.0,)), "keys of another type"),
    "key that is NaN": (Lookup(X, (NAN,), ((1.0,),), (0.0,), (0.0,)), "or a missing one"),
    "fewer rows than keys": (Lookup(X, (1.0, 2.0), ((1.0,),), (0.0,), (0.0,)), "has 2 keys and 1 values"),
    "rows of two widths": (Lookup(X, (1.0,), ((1.0, 2.0),), (0.0,), (0.0,)), "rows of different widths"),
    "text row of numbers": (Lookup(X, (1.0,), (("a",),), (0.0,), (0.0,)), "of numbers holds 'a'"),
    "column name": (Column(5), "name 5"),
    "too wide": (Concat((Const((0.0,) * 1024),) * 1025), "1049600 lanes, at most 1048576"),
    "node arrays": (stump(left=ints(1, 0)), "node arrays of different lengths"),
    "tree without inputs": (stump(inputs=()), "has no inputs"),
    "root outside": (stump(roots=ints(3)), "has a root outside of its 3 nodes"),
    "root negative": (stump(roots=ints(-1)), "has a root outside"),
    "feature outside": (stump(feature=ints(1, -1, -1)), "splits on feature 1 of 1"),
    "child before its parent": (stump(left=ints(0, 0, 0)), "child that does not follow its parent"),
    "child outside": (stump(right=ints(3, 0, 0)), "child that does not follow its parent"),
    "leaf outside": (stump(leaf=ints(-1, 0, 2)), "has a leaf without a value"),
    "leaf unset": (stump(leaf=ints(-1, -1, 1)), "has a leaf without a value"),
    "text with a threshold": (stump(inputs=(CITY,)), "compares a TEXT feature with a threshold"),
    "threshold NaN": (stump(threshold=np.array([NAN, 0.0, 0.0])), "has a threshold that is NaN"),
    "base of another width": (stump(base=np.zeros(2)), r"base values of shape \(2,\) for width 1"),
    "category set outside": (stump(category_set=ints(0, -1, -1)), "uses category set 0 of 0"),
    "categories of another type": (
        stump(category_set=ints(0, -1, -1), category_sets=(("a",),)), "categories of another type",
    ),
    "values in one dimension": (stump(values=np.zeros(2)), "leaf values in 1 dimensions"),
    "nodes of int64": (stump(left=np.array([1, 0, 0], dtype=np.int64)), "array of int64, needs int32"),
    "missing_left of int": (stump(missing_left=ints(0, 0, 0)), "array of int32, needs bool"),
    "values of float32": (stump(values=np.zeros((2, 1), np.float32)), "array of float32, needs float64"),
    "unknown format": (library(format="exe"), "format 'exe', needs one of skops, onnx, cbm, tflite, pte, pt2, keras,"),
    "no columns for a library": (library(inputs=()), "reads something else than columns"),
    "a constant for a library": (library(inputs=(PAIR,)), "reads something else than columns"),
    "no lanes of a library": (library(lanes=0), "has 0 lanes"),
    "half a lane of a library": (library(lanes=0.5), "has 0.5 lanes"),
    "wide classes": (library(lanes=2, classes=("a", "b")), "has 2 lanes for 2 classes"),
    "part below none": (library(part=-2), "of part -2"),
    "class that is missing": (library(classes=(None,)), "classes that are not all text"),
    "short example": (library(example=(1.0,)), "an example of 1 values for 2 lanes"),
    "example of other types": (library(example=("a", "b")), "an example of other types"),
    "empty payload": (library(payload=np.zeros(0, np.uint8)), r"a payload of shape \(0,\)"),
    "payload of float64": (library(payload=np.zeros(3)), "array of float64, needs uint8"),
}  # fmt: skip


@pytest.mark.parametrize(("block", "message"), REFUSED.values(), ids=REFUSED)
def test_a_block_that_breaks_a_rule_is_refused(block, message):
    columns = (block,) if isinstance(block, Column) else (X, CITY)
    with pytest.raises(InvalidModel, match=message):
        model_of(block, columns)


def test_a_model_that_breaks_a_rule_is_refused():
    with pytest.raises(InvalidModel, match=r"column names repeat in \['x', 'x'\]"):
        model_of(X, (X, Column("x")))
    with pytest.raises(InvalidModel, match="it reads column 'city', which it does not list"):
        model_of(CITY, (X,))
    with pytest.raises(InvalidModel, match="which it does not list"):
        model_of(Column("x"), (X,))  # another object: not the listed column
    with pytest.raises(InvalidModel, match="predict of '' must have one lane, has 2"):
        model_of(PAIR, output="predict")
    with pytest.raises(InvalidModel, match="2 probabilities for 3 labels"):
        model_of(PAIR, labels=("a", "b", "c"), output="predict_proba")
    with pytest.raises(InvalidModel, match="labels of '' are not all text, numbers or booleans"):
        model_of(X, labels=("a", None), output="predict")
    for target, source in ((Target(1, {}), {}), (Target("", {1: X}), {}), (Target("", {}), {"class": 1})):
        with pytest.raises(InvalidModel, match="what its source says, must be text"):
            Model((X,), (target,), source)
    with pytest.raises(InvalidModel, match=r"target names repeat in \['a', 'a'\]"):
        Model((X,), (Target("a", {"predict": X}), Target("a", {"predict": X})))
    with pytest.raises(InvalidModel, match="a Model holds a Foreign block"):
        model_of(library())
    with pytest.raises(InvalidModel, match="a ForeignModel holds no Foreign block"):
        ForeignModel((X,), (Target("", {"predict": X}),))


def test_a_model_that_holds_a_foreign_block_is_foreign():
    targets = (Target("", {"predict": library()}),)
    model = ir.model_of((X, CITY), targets, {"class": "KMeans"})
    assert isinstance(model, ForeignModel)
    assert model.is_foreign
    assert isinstance(ir.rewrite(model, lambda block: block), ForeignModel)
    assert "number[1] = foreign(%0, %1) KMeans.predict, skops of 3 bytes" in str(model)
    assert not ir.model_of((X, CITY), (Target("", {"predict": X}),), {}).is_foreign


def test_what_keeps_the_rules_is_accepted():
    sets = stump(inputs=(CITY,), category_set=ints(0, -1, -1), category_sets=(("a", ""),))
    for block in (stump(), sets, stump(threshold=np.array([math.inf, 0.0, 0.0])), Const((NAN, math.inf)),
                  Const((None, ""), Type.TEXT), Take(PAIR, ()), Lookup(X, (), (), (NAN,), (NAN,))):  # fmt: skip
        model_of(block)
    model_of(X, (X, CITY), labels=(True, 1, 2.5, "a"), output="predict")


def test_width_and_type():
    assert Apply(Op.ADD, (X, TRIPLE)).width == 3
    assert Apply(Op.WHERE, (X, CITY, CITY)).type is Type.TEXT
    assert Apply(Op.EQ, (CITY, CITY)).type is Type.NUMBER
    assert (Concat((X, PAIR)).width, Concat((CITY, CITY)).type) == (3, Type.TEXT)
    assert (Take(TRIPLE, (2, 0)).width, Reduce(ReduceOp.MAX, TRIPLE).width) == (2, 1)
    assert build.linear(PAIR, np.ones((4, 2)), 0.0).width == 4
    assert stump().width == 1


def test_a_shared_graph_is_measured_in_linear_time():
    block = X
    for _ in range(200):  # 2**200 paths
        block = Apply(Op.ADD, (block, block))
    assert block.width == 1
    assert len(list(ir.walk([block]))) == 201


def test_a_graph_may_be_deeper_than_the_stack():
    block = X
    for _ in range(5000):
        block = Apply(Op.COALESCE, (X, block))
    assert block.type is Type.NUMBER
    assert str(model_of(block)).count("\n") == 5003


def test_walk_gives_children_first_and_each_block_once():
    total = Apply(Op.ADD, (X, PAIR))
    product = Apply(Op.MUL, (total, total))
    assert list(ir.walk([product, total])) == [X, PAIR, total, product]


def test_rewrite_keeps_sharing_and_untouched_blocks():
    shared = Apply(Op.ADD, (X, Const((1.0,))))
    untouched = Apply(Op.MUL, (X, X))
    model = Model((X, CITY), (
        Target("a", {"predict": Apply(Op.MUL, (shared, shared))}),
        Target("b", {"predict": Apply(Op.SUB, (shared, untouched))}),
    ))  # fmt: skip

    changed = ir.rewrite(model, lambda block: Const((2.0,)) if isinstance(block, Const) else block)

    product, difference = (target.outputs["predict"] for target in changed.targets)
    assert product.args[0] is product.args[1] is difference.args[0]
    assert product.args[0].args[1].values == (2.0,)
    assert difference.args[1] is untouched
    assert changed.columns == model.columns
    assert ir.rewrite(model, lambda block: block).roots() == model.roots()


def test_with_children_keeps_the_rest():
    y = Column("y")
    lookup = Lookup(CITY, ("a",), ((1.0, 2.0),), (0.0, 0.0), (NAN, NAN))
    for block in (Apply(Op.EXP, (X,)), Concat((X,)), Take(X, (0, 0)), Reduce(ReduceOp.ALL, X), lookup, stump(),
                  build.linear(X, np.ones((2, 1)), 0.0)):  # fmt: skip
        again = block.with_children((y,))
        assert type(again) is type(block)
        assert again.children == (y,)
        assert again.width == block.width
    with pytest.raises(InvalidModel, match="cannot rebuild a Column: it has no children"):
        X.with_children((y,))


def test_str_shows_every_block_once():
    city = Lookup(CITY, ("Paris", "Rome"), ((1.0,), (2.0,)), (0.0,), (NAN,))
    inputs = Concat((Take(Const((1.0, 2.0)), (1,)), city, X))
    margin = build.linear(inputs, np.ones((1, 3)), 0.5)
    outputs = {"predict": build.less(build.number(0.0), margin), "decision_function": Reduce(ReduceOp.SUM, stump())}
    model = Model((X, CITY, Column("unread")), (Target("", outputs, ("no", "yes")),), {"class": "Demo"})
    assert (
        str(model)
        == """\
Model(class Demo)
  %0: number[1] = const [0.0]
  %1: number[2] = const [1.0, 2.0]
  %2: number[1] = take(%1, [1])
  %3: text[1] = column 'city'
  %4: number[1] = lookup(%3) 2 keys ['Paris', 'Rome']
  %5: number[1] = column 'x'
  %6: number[3] = concat(%2, %4, %5)
  %7: number[1] = linear(%6) 3 -> 1
  %8: number[1] = LT(%0, %7)
  %9: number[1] = trees(%5) 1 trees, 2 leaves
  %10: number[1] = SUM(%9)
  unread: ['unread']
  target '': predict %8, decision_function %10 labels ['no', 'yes']"""
    )


def test_str_cuts_long_rows():
    assert "const [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, …]" in str(model_of(Const(tuple(map(float, range(9))))))


def test_every_op_has_an_arity():
    assert set(ir.ARITY) == set(Op)
    assert rules.TEXT_OPS.issubset(Op)


def test_did_you_mean():
    assert did_you_mean("posgres", ["duckdb", "postgres"]) == "Did you mean 'postgres'?"
    assert did_you_mean("x", ["b", "a"]) == "Known: a, b."
    assert did_you_mean("x", []) == "None is known."


def test_models_are_values_that_can_be_replaced():
    model = model_of(X)
    assert replace(model, source={"class": "A"}).source == {"class": "A"}
    with pytest.raises(AttributeError):
        model.columns = ()
