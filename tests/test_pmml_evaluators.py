"""PMML files on awkward rows: indb against the JPMML evaluator and PMML4S, and SQL against indb.

Labels are equal, numbers agree to 1e-9, and there is no score exactly where the others give none. JPMML is the
reference. Where a program differs, DIFFERENCES says how and why; an entry that is no longer needed fails. One
difference is everywhere: a row with an infinite number that a model computes with has no score in indb
(readers/finite.py), and where a sum overflows, there may be none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agreement import linear_slack
from pmml_differences import DIFFERENCES
from pmml_oracle import Oracles, Row, Scored, Value, collected, present, selected
from pmml_rows import given, rows_of
from tables import KEY, TABLE, create
from tables import rows_of as table_of
from test_matrix import Engine, Expected, overflowing

import indb
from indb.emit import output_lanes
from indb.evaluate import Values, decode, evaluate
from indb.ir import Model
from indb.passes import optimise
from indb.readers.pmml.models import MODELS, UNREAD

pytestmark = pytest.mark.slow

DATA = Path(__file__).parent / "data" / "pmml"
KINDS = re.compile(r"<(?:\w+:)?(\w*Model|Scorecard|NeuralNetwork|RuleSetModel)[\s>]")
TOLERANCE = 1e-9
BIG = 1e150
"""From here on squares and products overflow: whether a row still scores then is a matter of the order of terms."""
UNSCORED = "unscored"
"""A row with an infinite number, or one whose square overflows, that indb has no score for."""


def is_read(path: Path) -> bool:
    """Whether every model of a file is of a kind that is read."""
    kinds = set(KINDS.findall(path.read_text(encoding="utf-8")))
    return bool(kinds) and kinds <= {*MODELS, *UNREAD}


READ = [path.stem for path in sorted(DATA.glob("*.pmml")) if is_read(path)]
FOLLOWED = ("sklearn2pmml-", "nyoka-", "anomaly_", "clusters_", "functions_", "gaussian_", "naive_bayes_",
            "neighbours_", "neural_", "rules_", "select_all_", "vectors_")  # fmt: skip
"""The files that are compared with both programs. Of the others test_pmml_agreement.py holds each row to JPMML; PMML4S
treats their missing values, ordered categories and segments otherwise than JPMML and the specification."""

FIXTURES = [name for name in READ if name.startswith(FOLLOWED)]


IN_SQL = [name for name in FIXTURES if not name.startswith("nyoka-")][::2]
IN_SQL += [name for name in READ if name not in FIXTURES][::12]
IN_SQL += [name for name in FIXTURES if name.startswith(("functions_", "rules_", "select_all_")) and name not in IN_SQL]
"""The files whose SQL is compared on both engines."""


@dataclass(frozen=True)
class Case:
    """A file, its rows, and what indb gives for them: for "" the prediction, and each output field by its name."""

    path: Path
    model: Model
    rows: list[Row]
    values: dict[str, dict[str, Values]]

    @property
    def columns(self) -> dict[str, list[Value]]:
        return {column.name: [row[column.name] for row in self.rows] for column in self.model.columns}

    def predictions(self) -> dict[str, list[Any]]:
        """The label or the number of every target for each row; of segments that are all selected, one list."""
        found = {
            target.name: decode(target.labels, self.values[target.name]["predict"])
            if target.labels is not None
            else self.values[target.name]["predict"][:, 0].tolist()
            for target in self.model.targets
        }
        return collected(found, self.path, "")


@cache
def case_of(name: str) -> Case:
    """A fixture with its rows and what `evaluate` gives."""
    path = DATA / f"{name}.pmml"
    model = indb.read(path)
    rows = rows_of(path, model)
    columns = {column.name: [row[column.name] for row in rows] for column in model.columns}
    return Case(path, model, rows, evaluate(model, columns))


def plain(value: Any) -> Any:
    """A value with one way to be missing; a truth value and a whole number as what they equal."""
    if isinstance(value, list):
        return present(value) or None
    return None if isinstance(value, float) and math.isnan(value) else value


def alike(a: Any, b: Any) -> bool:
    """Whether two values agree; of lists, each pair."""
    a, b = plain(a), plain(b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return a == b
    if math.isinf(a) or math.isinf(b):
        return a == b
    return a == b or abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) + 1e-300


def is_huge(row: Row) -> bool:
    """Whether a row has a finite number whose square overflows."""
    return any(isinstance(value, float) and BIG <= abs(value) < math.inf for value in row.values())


def kind_of(case: Case, row: Row, mine: Value, other: Value, others: Row) -> str:
    """What kind of difference it is."""
    numbers = [value for value in row.values() if isinstance(value, float)]
    mine, other = plain(mine), plain(other)
    if mine is None and any(abs(value) >= BIG for value in numbers):
        return UNSCORED
    if any(isinstance(value, float) and math.isnan(value) for value in others.values()):
        return "nan"
    if is_huge(row):
        return "overflow"
    if mine is None or other is None:
        return "missing"
    return "label" if isinstance(mine, str) or isinstance(other, str) else "number"


def differences(case: Case, scored: Scored, fields: dict[str, str | None]) -> Iterator[tuple[str, str]]:
    """The kind of each difference, and what differs. fields: what the other program calls what indb predicts."""
    for name, mine in case.predictions().items():
        field = fields.get(name, name)
        if not any(field in others for others in scored.rows):
            continue  # a field of a model inside of another one, which the other program keeps to itself
        for row, value, others, error in zip(case.rows, mine, scored.rows, scored.errors, strict=True):
            other = others.get(field)  # type: ignore[arg-type]
            if not alike(value, other):
                what = f"{name or 'prediction'}: found {value!r}, wanted {other!r} ({error}) for {row}"
                yield kind_of(case, row, value, other, others), what


def check(name: str, program: str, found: Sequence[tuple[str, str]]) -> None:
    """Hold the differences to those that are known."""
    known = DIFFERENCES.get((name, program), {})
    found = [(kind, what) for kind, what in found if kind != UNSCORED]
    new = [f"{kind}: {what}" for kind, what in found if kind not in known]
    assert not new, f"{len(new)} values differ from {program}'s, the first is {new[0]}"
    gone = set(known) - {kind for kind, _ in found}
    assert not gone, f"DIFFERENCES lists {sorted(gone)} of {name} and {program}, which are no longer there"


@pytest.mark.parametrize("name", FIXTURES)
def test_agrees_with_jpmml(name: str, pmml_oracles: Oracles) -> None:
    if "refused" in DIFFERENCES.get((name, "JPMML"), {}):
        refused(name, "JPMML", lambda: _no_score(pmml_oracles.jpmml(DATA / f"{name}.pmml", case_of(name).rows[:3])))
        return
    case = case_of(name)
    target = pmml_oracles.jpmml_fields(case.path)["target"]
    own = None if target in ([], [("None", "string")], [("None", "double")]) else target[0][0]
    rows = [given(case.path, row) for row in case.rows]
    scored, refused_rows = pmml_oracles.jpmml(case.path, rows), pmml_oracles.jpmml_refuses(case.path, rows)
    # JPMML looks at fields as its model comes to them; the specification refuses a row for any of its fields
    answers = [{} if is_refused else row for row, is_refused in zip(scored.rows, refused_rows, strict=True)]
    check(name, "JPMML", list(differences(case, Scored(answers, scored.errors), {"": own})))


@pytest.mark.parametrize("name", FIXTURES)
def test_agrees_with_pmml4s(name: str, pmml_oracles: Oracles) -> None:
    if "refused" in DIFFERENCES.get((name, "PMML4S"), {}):
        refused(name, "PMML4S", lambda: _no_score(pmml_oracles.pmml4s(DATA / f"{name}.pmml", case_of(name).rows)))
        return
    case = case_of(name)
    scored = pmml_oracles.pmml4s(case.path, [given(case.path, row) for row in case.rows])
    asked = [place for place, error in enumerate(scored.errors) if error is None and not is_huge(case.rows[place])]
    known = {key for place in asked for key in scored.rows[place]}
    target = next((key for key in sorted(known) if key.startswith("predicted_")), "")
    called = {"": target, **_of_segments(case)}
    part = Case(case.path, case.model, [case.rows[place] for place in asked], {
        name: {output: values[asked] for output, values in outputs.items()}
        for name, outputs in case.values.items() if called.get(name, name) in known
    })  # fmt: skip
    part = Case(part.path, _only(part.model, set(part.values)), part.rows, _as_json(part.values))
    answers = Scored([scored.rows[place] for place in asked], [None] * len(asked))
    check(name, "PMML4S", list(differences(part, answers, called)))


def _of_segments(case: Case) -> dict[str, str]:
    """What PMML4S calls the outputs of segments that are all selected: by their own names."""
    starts = tuple(f"{segment}." for segment in selected(case.path))
    names = [each.name for each in case.model.targets if each.name.startswith(starts)] if starts else []
    return {name: name.partition(".")[2] for name in names}


def _as_json(values: dict[str, dict[str, Values]]) -> dict[str, dict[str, Values]]:
    """Values without infinite ones, which the answers of PMML4S cannot hold."""
    return {
        name: {output: np.where(np.isinf(found), np.nan, found) for output, found in outputs.items()}
        for name, outputs in values.items()
    }


def _only(model: Model, names: set[str]) -> Model:
    return Model(model.columns, tuple(target for target in model.targets if target.name in names), model.source)


def refused(name: str, program: str, ask: Callable[[], Any]) -> None:
    """A file that the other program does not take, or no row of; indb reads it."""
    from pmml_oracle import Refused

    assert set(DIFFERENCES[name, program]) == {"refused"}
    assert case_of(name).rows
    with pytest.raises(Refused):
        ask()


def _no_score(scored: Scored) -> None:
    """Raises: Refused where a program takes a file, but none of its rows: it does not know a function, say."""
    from pmml_oracle import Refused

    if all(scored.errors):
        raise Refused(str(scored.errors[0]))


@pytest.mark.parametrize("name", IN_SQL)
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_sql_agrees_with_evaluate(request: pytest.FixtureRequest, dialect: str, name: str) -> None:
    case = case_of(name)
    connection = request.getfixturevalue(f"{dialect}_connection")
    if dialect == "postgres":
        connection.execute("SET LOCAL jit = off")
    engine = Engine(dialect, connection)
    expected = _expected(case)
    create(engine.run, dialect, expected.rows)
    cursor = engine.run(indb.to_sql(case.model, dialect, TABLE, KEY))
    found = list(zip(*sorted(cursor.fetchall(), key=lambda row: row[0]), strict=True))
    lanes = [lane for lane in output_lanes(expected.optimised) if lane.output in ("predict", "predict_proba")]
    for lane, values in zip(lanes, found[1:], strict=True):
        expected.check(lane, values, f"{lane.name} of {name}")


def _expected(case: Case) -> Expected:
    import pandas as pd

    names = [column.name for column in case.model.columns]
    frame = pd.DataFrame({name: pd.Series([row[name] for row in case.rows], dtype=object) for name in names})
    rows = table_of(case.model, frame)
    columns = rows.columns()
    values = evaluate(case.model, columns)
    slack = linear_slack(case.model, columns)
    huge = np.array([is_huge(row) for row in case.rows])
    open_rows = overflowing(case.model, columns, values, slack) | huge  # PostgreSQL holds them at the largest double
    return Expected(case.model, optimise(case.model), rows, values, slack, open_rows)


def test_differences_are_of_fixtures_that_there_are() -> None:
    names = {path.stem for path in DATA.glob("*.pmml")}
    assert {name for name, _ in DIFFERENCES} <= names
