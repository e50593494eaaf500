"""The passes: what each makes of small models, and that the exact ones change no bit of any output of the zoo."""

import zlib

import numpy as np
import pytest
from agreement import linear_slack, room
from picks import marked
from rows import NUMBERS, awkward_rows
from zoo import ZOO

from indb import build
from indb.evaluate import evaluate
from indb.ir import (
    Apply,
    Column,
    Const,
    Distance,
    Linear,
    Lookup,
    Metric,
    Model,
    Op,
    Reduce,
    ReduceOp,
    Take,
    Target,
    TreeEnsemble,
    Type,
)
from indb.ir import walk as blocks_of
from indb.passes import PASSES, optimise
from indb.passes.conditions import fold_conditions
from indb.passes.drop import drop_unread
from indb.passes.fold import fold
from indb.passes.fuse import fuse_linear
from indb.passes.lanes import split_lanes
from indb.passes.prune import prune_trees
from indb.passes.splits import fold_splits
from indb.readers import read

QUICK = ("logistic_texts3", "one_hot_tree", "scale_twice_boosting", "hist_infinite", "ordinal_hist", "one_hot_ignore")
CASES = marked(quick=QUICK)

X, Y, CITY = Column("x"), Column("y"), Column("city", Type.TEXT)


def model(block, *columns):
    return Model(columns or (X,), (Target("", {"predict": block}),))


def predicted(found, **columns):
    return evaluate(found, columns)[""]["predict"][:, 0]


def ensemble(inputs, feature, threshold, left, right, leaf, values, missing_left=None, sets=None, keys=()):
    count = len(feature)
    return TreeEnsemble(
        tuple(inputs), np.array([0], dtype=np.int32), np.array(feature, dtype=np.int32), np.array(threshold) * 1.0,
        np.array(sets or [-1] * count, dtype=np.int32), np.array(left, dtype=np.int32), np.array(right, dtype=np.int32),
        np.array(missing_left or [False] * count), np.array(leaf, dtype=np.int32), np.array(values, dtype=float),
        np.zeros(1), tuple(keys),
    )  # fmt: skip


def stump(lane, threshold, missing_left=False):
    """1 where lane <= threshold, else 2."""
    return ensemble(
        [lane], [0, -1, -1], [threshold, 0, 0], [1, -1, -1], [2, -1, -1], [-1, 0, 1], [[1.0], [2.0]],
        [missing_left, False, False],
    )  # fmt: skip


def the(found, kind):
    """The only block of a kind."""
    (block,) = [block for block in blocks_of(found.roots()) if isinstance(block, kind)]
    return block


# Every model of the zoo


@pytest.mark.parametrize("name", CASES)
def test_passes_keep_every_output_of_the_zoo(name):
    """Bit for bit after an exact pass; after fuse_linear within 1e-12 of the size of the terms (agreement.py)."""
    estimator, frame = ZOO[name]()
    before = read(estimator).in_sql
    rows = awkward_rows(before, frame, np.random.default_rng(zlib.crc32(name.encode())), limit=200)
    columns = {column: rows[column].tolist() for column in rows.columns}
    slack = linear_slack(before, columns)
    expected = evaluate(before, columns)
    for step in PASSES:
        after = step.run(before)
        found = evaluate(after, columns)
        for target, outputs in expected.items():
            for output, values in outputs.items():
                what = f"{step.run.__name__}: {target} {output}"
                if step.exact:
                    np.testing.assert_array_equal(found[target][output], values, err_msg=what)
                else:
                    assert_near(found[target][output], values, output, slack, what)
        before, expected = after, found


def assert_near(found, wanted, output, slack, what):
    for lane in range(wanted.shape[1]):
        ours, theirs = found[:, lane], wanted[:, lane]
        with np.errstate(invalid="ignore"):
            agree = (ours == theirs) | (np.abs(ours - theirs) <= room(output, theirs, slack))
        agree |= np.isnan(ours) & np.isnan(theirs) | ~np.isfinite(slack)  # a sum that overflows depends on its order
        assert agree.all(), f"{what}: {ours[~agree][:3]} for {theirs[~agree][:3]}"


def test_optimise_can_be_exact():
    estimator, _ = ZOO["logistic_texts3"]()
    found = read(estimator).in_sql
    weights = the(found, Linear).weight
    assert the(optimise(found, exact=True), Linear).weight is weights
    assert the(optimise(found), Linear).weight is not weights


# split_lanes


def test_split_lanes_shows_each_lane_of_a_scaler():
    scaled = build.standardise(build.concat([X, Y]), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    found = split_lanes(model(build.linear(scaled, np.ones((1, 2)), 0.5), X, Y))
    parts = the(found, Linear).x.parts
    assert [part.width for part in parts] == [1, 1]
    assert [part.args[1].values for part in parts] == [(3.0,), (4.0,)]


def test_split_lanes_makes_one_block_of_equal_lanes():
    one, two = (build.multiply(build.concat([X, Y]), build.number(2.0)) for _ in range(2))
    both = Apply(Op.ADD, (build.linear(one, np.ones((1, 2)), 0.0), build.linear(two, -np.ones((1, 2)), 0.0)))
    found = split_lanes(model(both, X, Y))
    first, second = [block.x.parts for block in blocks_of(found.roots()) if isinstance(block, Linear)]
    assert first[0] is second[0]
    assert first[1] is second[1]


# fold


def test_fold_computes_constants():
    block = build.add(X, build.multiply(build.number(2.0, 3.0), build.number(4.0)))
    found = fold(model(build.argmax(block)))
    assert the(found, Const).values == (8.0, 12.0)


def test_fold_takes_steps_into_a_lookup():
    plain = Lookup(CITY, ("Paris", "Rome"), ((1.0,), (2.0,)), (0.0,), (np.nan,))
    scaled = build.divide(build.subtract(plain, build.number(1.0)), build.number(0.5))
    found = fold(model(scaled, CITY))
    lookup = the(found, Lookup)
    assert lookup.values == ((0.0,), (2.0,))
    assert lookup.unknown == (-2.0,)
    assert np.isnan(lookup.missing[0])
    assert found.roots()[0] is lookup


def test_fold_looks_up_what_an_imputer_puts_in():
    filled = Apply(Op.COALESCE, (CITY, build.text("Rome")))
    found = fold(model(Lookup(filled, ("Rome",), ((2.0,),), (0.0,), (5.0,)), CITY))
    assert the(found, Lookup).missing == (2.0,)
    assert the(found, Lookup).x is CITY


# fold_conditions


@pytest.mark.parametrize(
    ("lane", "low", "high"),
    [
        (X, -1e308, 1e308),
        (build.standardise(X, np.array([3.3]), np.array([0.7])), -1e300, 1e300),
        (build.multiply(X, build.number(-1e-3)), -5.0, 7.0),
        (build.subtract(build.number(1.0), X), 0.0, 0.1),
        (Apply(Op.COALESCE, (X, build.number(4.0))), 3.0, 5.0),
        (Apply(Op.COALESCE, (X, build.number(9.0))), 3.0, 5.0),
        (build.clip(X, build.number(0.0), build.number(1.0)), 0.0, 1.0),
        (build.clip(X, build.number(0.0), build.number(1.0)), 2.0, 3.0),
        (Apply(Op.FLOOR, (X,)), 0.0, 2.0),
        (build.divide(X, build.number(1e-300)), -1.0, 1e308),
        (build.single(X), -np.inf, np.inf),
        (build.single(X), -np.inf, 0.0),
        (build.single(X), 0.0, np.inf),
        (build.multiply(X, build.number(-1e300)), -np.inf, 5.0),
        (build.multiply(X, build.number(-1e300)), -np.inf, -np.inf),
    ],
)
def test_fold_conditions_finds_the_borders_on_the_column(lane, low, high):
    before = model(build.only_if([build.between(lane, low, high)], build.number(1.0)))
    after = fold_conditions(split_lanes(before))
    for block in blocks_of(after.roots()):
        assert not (isinstance(block, Apply) and block.op is Op.BETWEEN) or block.args[0] is X
    near = [edge for block in blocks_of(after.roots()) if isinstance(block, Const) for edge in block.values]
    values = np.array([*NUMBERS, *near, *(np.nextafter(v, s) for v in near for s in (-np.inf, np.inf)), 3.0, 4.0, 0.3])
    np.testing.assert_array_equal(predicted(after, x=values), predicted(before, x=values))


def test_fold_conditions_meets_intervals_and_drops_what_is_true():
    conditions = [
        build.between(X, -5.0, 5.0),
        build.between(X, -1.0, 9.0),
        build.between(build.is_missing(X), 0.0, 1.0),
        Apply(Op.OR, (build.is_missing(Y), build.between(Y, 0.0, 1.0))),
    ]
    found = fold_conditions(model(build.only_if(conditions, X), X, Y))
    (condition,) = [block for block in blocks_of(found.roots()) if isinstance(block, Reduce)]
    assert condition.op is ReduceOp.ALL
    assert len(condition.x.parts) == 2
    x_test, y_test = condition.x.parts
    assert [edge.values[0] for edge in x_test.args[1:]] == [-1.0, 5.0]
    assert y_test.op is Op.OR


def test_a_condition_that_always_holds_vanishes():
    always = [build.between(build.is_missing(lane), 0.0, 1.0) for lane in (X, Y)]
    found = fold_conditions(model(build.only_if(always, X), X, Y))
    assert found.roots() == [X]


def test_a_choice_that_is_always_the_same_keeps_its_lanes():
    lanes = build.concat([X, Y])
    for before in (build.where(build.number(1.0), build.MISSING, lanes), build.where(build.number(1.0), X, lanes)):
        target = Target("", {"transform": before})
        (found,) = optimise(Model((X, Y), (target,))).roots()
        assert found.width == 2
        values = [evaluate(Model((X, Y), (Target("", {"transform": each}),)), {"x": [3.0], "y": [5.0]})
                  for each in (before, found)]  # fmt: skip
        np.testing.assert_array_equal(values[0][""]["transform"], values[1][""]["transform"])


# fold_splits


def test_fold_splits_puts_a_scaler_into_the_threshold():
    scaled = build.standardise(X, np.array([0.1]), np.array([0.3]))
    before = model(stump(scaled, 0.7))
    after = fold_splits(before)
    tree = the(after, TreeEnsemble)
    assert tree.inputs == (X,)
    border = tree.threshold[0]
    values = np.array([border, np.nextafter(border, -np.inf), np.nextafter(border, np.inf), *NUMBERS])
    np.testing.assert_array_equal(predicted(after, x=values), predicted(before, x=values))
    assert predicted(after, x=values)[[0, 2]].tolist() == [1.0, 2.0]


def test_fold_splits_turns_a_falling_lane_round():
    before = model(stump(build.negate(X), 3.0, missing_left=True))
    after = fold_splits(before)
    values = np.array([-3.0, np.nextafter(-3.0, -4.0), np.nextafter(-3.0, 0.0), np.nan, np.inf, -np.inf, 0.0])
    assert predicted(after, x=values).tolist() == predicted(before, x=values).tolist() == [1, 2, 1, 1, 1, 2, 1]


def test_fold_splits_sends_a_missing_value_where_its_stand_in_goes():
    for inserted, side in ((1.0, 1.0), (5.0, 2.0)):
        before = model(stump(Apply(Op.COALESCE, (X, build.number(inserted))), 3.0))
        after = fold_splits(before)
        assert the(after, TreeEnsemble).inputs == (X,)
        gap = np.array([np.nan])
        assert predicted(after, x=gap).tolist() == predicted(before, x=gap).tolist() == [side]


@pytest.mark.parametrize("unknown", [0.0, 1.0])
def test_fold_splits_on_an_indicator_becomes_a_set_of_keys(unknown):
    hot = Lookup(CITY, ("Paris", "Rome", "Oslo"), ((1.0,), (0.0,), (1.0,)), (unknown,), (0.0,))
    before = model(stump(hot, 0.5), CITY)
    after = fold_splits(before)
    tree = the(after, TreeEnsemble)
    assert tree.inputs == (CITY,)
    wanted = ("Rome",) if unknown else ("Paris", "Oslo")
    assert tree.category_sets in ((("Rome",),), (wanted,))
    values = ["Paris", "Rome", "Oslo", "paris", "", None]
    assert predicted(after, city=values).tolist() == predicted(before, city=values).tolist()


def test_a_split_that_no_value_passes_becomes_an_empty_set():
    before = model(stump(build.clip(X, build.number(0.0), build.number(1.0)), -1.0))
    after = fold_splits(before)
    values = np.array(NUMBERS)
    np.testing.assert_array_equal(predicted(after, x=values), predicted(before, x=values))
    assert the(after, TreeEnsemble).category_sets == ((),)


# fuse_linear


def test_fuse_linear_takes_a_scaler_into_weights_and_bias():
    scaled = build.standardise(build.concat([X, Y]), np.array([1.0, 4.0]), np.array([2.0, 8.0]))
    found = fuse_linear(split_lanes(model(build.linear(scaled, np.array([[3.0, 5.0]]), 0.5), X, Y)))
    linear = the(found, Linear)
    assert linear.x.parts == (X, Y)
    assert linear.weight.tolist() == [[1.5, 0.625]]
    assert linear.bias.tolist() == [0.5 - 1.5 - 2.5]


def test_fuse_linear_multiplies_maps_out_where_that_makes_fewer_terms():
    inner = build.linear(build.concat([X, Y]), np.arange(10.0).reshape(5, 2), 1.0)
    table = Lookup(CITY, ("a",), ((1.0,) * 5,), (0.0,) * 5, (3.0,) * 5)
    weight = np.array([[1.0, 0.0, -2.0, 0.5, 4.0]])
    for before, columns in ((inner, (X, Y)), (build.add(inner, table), (X, Y, CITY))):
        plain = model(build.linear(Take(before, (4, 3, 2, 1, 0)), weight[:, ::-1].copy(), 7.0), *columns)
        found = fuse_linear(plain)
        assert [block.weight.size for block in blocks_of(found.roots()) if isinstance(block, Linear)] == [2]
        rows = {"x": [1.0, 2.0, np.nan], "y": [3.0, -1.0, 0.0], "city": ["a", None, "b"]}
        np.testing.assert_allclose(predicted(found, **rows), predicted(plain, **rows), rtol=1e-15)
    wider = build.linear(inner, np.ones((6, 5)), 0.0)
    found = fuse_linear(model(Take(wider, (0,)), X, Y))
    assert [block.weight.size for block in blocks_of(found.roots()) if isinstance(block, Linear)] == [10, 30]


def test_what_all_lanes_share_is_left_whole():
    kernel = Apply(Op.EXP, (Distance(build.concat([X, Y]), np.eye(2), Metric.SQUARED),))
    whole = build.linear(kernel, np.ones((1, 2)), 0.0)
    assert split_lanes(model(whole, X, Y)).targets[0].outputs["predict"].x is kernel


def test_fuse_linear_keeps_a_shift_that_would_cancel():
    scaled = build.standardise(X, np.array([1e9]), np.array([1e-3]))
    found = fuse_linear(split_lanes(model(build.linear(scaled, np.array([[3.0]]), 0.5))))
    assert isinstance(the(found, Linear).x, Apply)


def test_fuse_linear_makes_one_lookup_of_one_hot_lanes():
    hot = build.one_hot(CITY, ("Paris", "Rome"), (0, 1), 2, (0.0, 0.0), (0.0, 0.0))
    weight = np.array([[2.0, -1.0, 0.5], [0.25, 3.0, 4.0]])
    before = model(build.argmax(build.linear(build.concat([hot, X]), weight, np.array([1.0, 0.0]))), CITY, X)
    found = fuse_linear(fold(split_lanes(before)))
    lookup = the(found, Lookup)
    assert (lookup.keys, lookup.values) == (("Paris", "Rome"), ((2.0, 0.25), (-1.0, 3.0)))
    assert the(found, Linear).x is X or the(found, Linear).x.width == 1
    columns = {"city": ["Paris", "Rome", "x", None, "Rome"], "x": [1.0, 2.0, 3.0, 0.0, np.nan]}
    np.testing.assert_array_equal(predicted(found, **columns), predicted(before, **columns))


# prune_trees, drop_unread


def test_prune_trees_removes_branches_that_no_value_reaches():
    tree = ensemble(
        [X], [0, 0, -1, -1, -1], [1.0, 5.0, 0, 0, 0], [1, 3, -1, -1, -1], [2, 4, -1, -1, -1], [-1, -1, 0, 1, 2],
        [[1.0], [2.0], [3.0]],
    )  # fmt: skip
    found = the(prune_trees(model(tree)), TreeEnsemble)
    assert len(found.feature) == 3
    values = np.array([0.0, 1.0, 2.0, 6.0, np.nan])
    np.testing.assert_array_equal(predicted(model(found), x=values), predicted(model(tree), x=values))


def test_prune_trees_joins_equal_leaves():
    tree = ensemble([X], [0, -1, -1], [1.0, 0, 0], [1, -1, -1], [2, -1, -1], [-1, 0, 1], [[7.0], [7.0]])
    assert the(prune_trees(model(tree)), TreeEnsemble).feature.tolist() == [-1]


def test_prune_trees_keeps_a_branch_that_only_missing_values_reach():
    tree = ensemble(
        [X], [0, 0, -1, -1, -1], [1.0, 5.0, 0, 0, 0], [1, 3, -1, -1, -1], [2, 4, -1, -1, -1], [-1, -1, 0, 1, 2],
        [[1.0], [2.0], [3.0]], [True, False, False, False, False],
    )  # fmt: skip
    found = prune_trees(model(tree))
    values = np.array([np.nan, 0.0, 3.0])
    assert predicted(found, x=values).tolist() == predicted(model(tree), x=values).tolist() == [3.0, 2.0, 1.0]


def test_drop_unread_drops_columns_from_the_list():
    assert drop_unread(model(build.add(X, X), X, Y)).columns == (X,)
