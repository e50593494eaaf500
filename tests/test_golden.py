"""Golden SQL: how the text of small models looks, word for word, and that the engine runs it and gives what it must.

The files lie in tests/golden. After a change of the emitter that is meant, write them anew and read the difference:

    pytest tests/test_golden.py --update-golden
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sqlglot
from deployed import binary, several
from tables import TABLE, Rows, create

from indb import build, codec
from indb.emit import SQL_STRATEGIES, Body, SqlKind, Strategy, body, header, output_lanes, select, to_sql
from indb.evaluate import decode, evaluate
from indb.ir import Apply, Column, Lookup, Model, Op, Target, TreeEnsemble, Type
from indb.passes import optimise

GOLDEN = Path(__file__).parent / "golden"
READABLE = 12_000
"""Longer texts are not kept: nobody would read the difference. They are run all the same."""
AGE, INCOME, CITY = Column("age"), Column("Income $"), Column("city", Type.TEXT)
ROWS = Rows(
    {"age": SqlKind.INTEGER, "Income $": SqlKind.FLOAT64, "dist": SqlKind.FLOAT64, "city": SqlKind.TEXT},
    {
        "age": [31, None, 7, 64, 18, 40],
        "Income $": [1000.5, 0.0, float("nan"), float("inf"), -3.25, 39999.75],
        "dist": [0.5, float("nan"), -1.0, 7.25, 1e300, 0.0],
        "city": ["Paris", None, "O'Hare", "Rome\n", "", "Paris"],
    },
)


def forest(inputs, trees, width=1, sets=()):
    """Trees as rows (feature, threshold, left, right, missing_left, category set) or (leaf row,)."""
    rows = [row for tree in trees for row in tree]
    starts = np.cumsum([0, *(len(tree) for tree in trees)])
    base = [start for start, tree in zip(starts, trees, strict=False) for _ in tree]

    def values(index, leaf, dtype):
        return np.array([leaf if len(row) == 1 else row[index] for row in rows], dtype=dtype)

    def child(index):
        pairs = zip(rows, base, strict=True)
        return np.array([-1 if len(row) == 1 else row[index] + start for row, start in pairs], dtype=np.int32)

    leaves = [row[0] for row in rows if len(row) == 1]
    number = iter(range(len(leaves)))
    leaf = np.array([next(number) if len(row) == 1 else -1 for row in rows], dtype=np.int32)
    return TreeEnsemble(
        tuple(inputs), starts[:-1].astype(np.int32), values(0, -1, np.int32), values(1, 0.0, np.float64),
        values(5, -1, np.int32), child(2), child(3), values(4, False, np.bool_), leaf,
        np.array(leaves, dtype=float).reshape(-1, width), np.zeros(width), tuple(sets),
    )  # fmt: skip


def tree() -> Model:
    """A tree over a number that may be missing and a set of categories."""
    grown = forest(
        [AGE, CITY],
        [[(0, 30.5, 1, 2, True, -1), (1, 0.0, 3, 4, False, 0), (3.0,), (1.0,), (2.5,)]],
        sets=[("Paris", "O'Hare")],
    )
    return Model((AGE, CITY), (Target("", {"predict": grown}),), {"class": "DecisionTreeRegressor"})


def ensemble() -> Model:
    """Two trees and the probability of their sum."""
    one = [(1, 1000.5, 1, 2, False, -1), (-0.5,), (0, 18.0, 3, 4, False, -1), (0.25,), (1.5,)]
    two = [(0, 40.0, 1, 2, True, -1), (0.125,), (-0.75,)]
    score = forest([AGE, INCOME], [one, two])
    outputs = {"predict": build.less(build.number(0.0), score), "decision_function": score}
    outputs["predict_proba"] = build.binary_probabilities(build.sigmoid(score))
    return Model((AGE, INCOME), (Target("", outputs, (False, True)),), {"class": "GradientBoostingClassifier"})


def scaled() -> Model:
    """A linear model of filled, scaled and one-hot columns, refused where a number is infinite."""
    filled = Apply(Op.COALESCE, (AGE, build.number(37.0)))
    numbers = build.standardise(build.concat([filled, INCOME]), np.array([38.5, 950.0]), np.array([12.25, 400.0]))
    hot = build.one_hot(CITY, ("Paris", "Rome\n"), (0, 1), 2, (0.0, 0.0), (0.0, 0.0))
    linear = build.linear(build.concat([numbers, hot]), np.array([[1.5, -0.25, 2.0, -1.0]]), 10.0)
    age, income = (build.between(column, -1e308, 1e308) for column in (AGE, INCOME))
    finite = [Apply(Op.OR, (build.is_missing(AGE), age)), income]
    return Model((AGE, INCOME, CITY), (Target("", {"predict": build.only_if(finite, linear)}),), {"class": "Ridge"})


def softmax() -> Model:
    """Three classes with text labels."""
    numbers = build.divide(build.concat([AGE, INCOME]), build.number(10.0, 1000.0))
    margin = build.linear(numbers, np.array([[0.5, -1.0], [0.25, 0.75], [-1.0, 0.1]]), np.array([0.0, 1.0, -2.0]))
    outputs = {"predict": build.argmax(margin), "predict_proba": build.softmax(margin), "decision_function": margin}
    finite = [build.between(column, -1e300, 1e300) for column in (AGE, INCOME)]
    guarded = {name: build.only_if(finite, block) for name, block in outputs.items()}
    return Model((AGE, INCOME), (Target("", guarded, ("it's", "b", "c")),), {"class": "LogisticRegression"})


def coded() -> Model:
    """A tree over an encoded text."""
    code = Lookup(CITY, ("O'Hare", "Paris", "Rome\n"), ((0.0,), (1.0,), (2.0,)), (-1.0,), (-2.0,))
    grown = forest([code], [[(0, 0.5, 1, 2, False, -1), (10.0,), (0, 1.5, 3, 4, False, -1), (20.0,), (30.0,)]])
    return Model((CITY,), (Target("", {"predict": grown}),), {"class": "DecisionTreeRegressor"})


def transformer() -> Model:
    """A scaler alone, with a clipped lane."""
    lanes = build.clip(build.standardise(AGE, np.array([18.0]), np.array([72.0])), build.number(0.0), build.number(1.0))
    return Model((AGE, INCOME), (Target("", {"transform": build.concat([lanes, build.log1p(INCOME)])}),))


MODELS: dict[str, Callable[[], Model]] = {
    "binary": binary, "coded": coded, "ensemble": ensemble, "linear": scaled, "several": several, "softmax": softmax,
    "transformer": transformer, "tree": tree,
}  # fmt: skip


def functions(model: Model, dialect: str, strategy: Strategy) -> list[Body]:
    """The body of each lane."""
    return [body(model, lane, dialect, binding(dialect), strategy) for lane in output_lanes(model)]


def binding(dialect: str):
    return ROWS.binding(dialect, "r")


def page(name: str, dialect: str) -> str:
    """Everything that is written for a model: each lane in each strategy, and one SELECT for any table."""
    source = MODELS[name]()
    model = optimise(source)
    parts = [header(model, name, 1, codec.digest(source), binding(dialect))]
    for strategy in SQL_STRATEGIES:
        for lane, made in zip(output_lanes(model), functions(model, dialect, strategy), strict=True):
            shown = made.text if len(made.text) < READABLE else "-- too long to be read"
            parts.append(f"\n-- {lane.name}, {strategy.value}\n{shown}\n")
    outputs = ("predict", "predict_proba", "decision_function", "transform")
    parts.append(f"\n-- to_sql\n{to_sql(model, dialect, 'shop.customers', ['id'], codec.digest(source), outputs)}\n")
    return "".join(parts)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize("name", MODELS)
def test_golden_text(request, name, dialect):
    path = GOLDEN / f"{name}.{dialect}.sql"
    text = page(name, dialect)
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "run pytest --update-golden and read the difference"


def test_every_golden_file_belongs_to_a_model():
    names = {f"{name}.{dialect}.sql" for name in MODELS for dialect in ("duckdb", "postgres")}
    assert {path.name for path in GOLDEN.iterdir()} == names


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize("name", MODELS)
def test_golden_text_parses(name, dialect):
    """The header has one line for each comment, and each expression and SELECT is one statement of its dialect."""
    sections = (GOLDEN / f"{name}.{dialect}.sql").read_text(encoding="utf-8").split("\n\n-- ")
    for section in sections[1:]:
        title, _, text = section.partition("\n")
        if "\nBEGIN\n" in f"\n{text}" or text.startswith("--"):
            continue  # PL/pgSQL, or nothing
        query = text if title == "to_sql" else f"SELECT {text}"
        assert len(sqlglot.parse(query, read=dialect)) == 1


@pytest.mark.parametrize("dialect", [pytest.param("duckdb"), pytest.param("postgres", marks=pytest.mark.postgres)])
@pytest.mark.parametrize("name", MODELS)
def test_golden_text_runs(request, name, dialect):
    """What the files hold, run on the engine, gives what `evaluate` gives."""
    run = request.getfixturevalue(f"{dialect}_connection").execute
    create(run, dialect, ROWS)
    model = optimise(MODELS[name]())
    lanes = output_lanes(model)
    values = evaluate(MODELS[name](), ROWS.columns())
    wanted = []
    for lane in lanes:
        target = next(target for target in model.targets if lane.target in ("", target.name))
        found = values[target.name][lane.output]
        is_label = lane.output == "predict" and target.labels
        numbers = [None if value != value else value for value in found[:, lane.lane].tolist()]
        wanted.append(decode(target.labels, found) if is_label else numbers)
    for strategy in SQL_STRATEGIES:
        texts = []
        for number, (lane, made) in enumerate(zip(lanes, functions(model, dialect, strategy), strict=True)):
            if made.kind == "plpgsql":
                type_ = {"double": "float8"}.get(lane.type, lane.type)
                run(f"CREATE FUNCTION f{number}(r {TABLE}) RETURNS {type_} LANGUAGE plpgsql AS $b${made.text}$b$")
            texts.append(f"f{number}(r)" if made.kind == "plpgsql" else f"({made.text})")
        check(run(f'SELECT {", ".join(texts)} FROM {TABLE} AS r ORDER BY "row id"').fetchall(), wanted)
    outputs = ("predict", "predict_proba", "decision_function", "transform")
    whole = to_sql(model, dialect, TABLE, ["row id"], "", outputs)
    check([row[1:] for row in sorted(run(whole).fetchall())], wanted)
    bound = select(model, dialect, f"{TABLE}", ["row id"], binding(dialect), outputs, alias="r")
    check([row[1:] for row in sorted(run(bound).fetchall())], wanted)


def check(rows, wanted):
    for found, expected in zip(zip(*rows, strict=True), wanted, strict=True):
        for one, other in zip(found, expected, strict=True):
            same = one == other or (isinstance(one, float) and one == pytest.approx(other, rel=1e-12, abs=1e-13))
            assert same, (found, expected)
