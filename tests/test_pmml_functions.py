"""The built-in functions of PMML, in each of the types that they take, compared with JPMML, missing values included."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pmml_agreement import File, same
from pmml_oracle import Oracles, Row

pytestmark = pytest.mark.slow  # Java starts

FILE = """<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>
<DataDictionary>
  <DataField name="x" optype="continuous" dataType="double"/><DataField name="y" optype="continuous" dataType="double"/>
  <DataField name="f" optype="continuous" dataType="float"/>
  <DataField name="i" optype="continuous" dataType="integer"/>
  <DataField name="j" optype="continuous" dataType="integer"/>
  <DataField name="s" optype="categorical" dataType="string">
    <Value value="ab"/><Value value=" Ab "/><Value value="c"/>
  </DataField>
  <DataField name="b" optype="categorical" dataType="boolean"/>
  <DataField name="p" optype="continuous" dataType="double"/>
  <DataField name="t" optype="continuous" dataType="double"/>
</DataDictionary>
<RegressionModel functionName="regression">
  <MiningSchema>
    <MiningField name="x"/><MiningField name="y"/><MiningField name="f"/><MiningField name="i"/><MiningField name="j"/>
    <MiningField name="s"/><MiningField name="b"/><MiningField name="p"/>
    <MiningField name="t" usageType="target"/>
  </MiningSchema>
  <Output><OutputField name="out" optype="{}" dataType="{}" feature="transformedValue">{}</OutputField></Output>
  <RegressionTable intercept="1"/>
</RegressionModel></PMML>"""

VALUES: dict[str, list[object]] = {
    "x": [1.0, 2.5, -0.5, 0.0, None, -3.0, 1e6, 0.5, -2.5],
    "y": [2.5, 1.0, 0.0, None, 3.0, -2.0, 0.3],
    "f": [0.1, 1.0, None, -2.7, 3.3],
    "i": [1, 3, -7, None, 0, 2],
    "j": [2, 0, -3, None, 5],
    "s": ["ab", " Ab ", "c", None],
    "b": [True, False, None],
    "p": [0.5, 0.0, 1.0, 0.02, 0.08, 0.9, None, 0.999999, 1e-5, 1.5, -0.25, 0.075],
}

LEFT_OUT = ("cannot accept missing value", "Expected integer value")
"""What JPMML raises where indb has a value: a missing argument, and a double beside a whole number."""


def call(function: str, *args: str, **attributes: str) -> str:
    """An Apply of fields (by name) and elements."""
    inside = "".join(arg if arg.startswith("<") else f'<FieldRef field="{arg}"/>' for arg in args)
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<Apply function="{function}"{given}>{inside}</Apply>'


def constant(value: object, data_type: str = "double") -> str:
    """A Constant."""
    return f'<Constant dataType="{data_type}">{value}</Constant>'


LESS, MORE = call("lessThan", "x", "y"), call("greaterThan", "i", constant(1, "integer"))
TEXT = {name: constant(name, "string") for name in ("ab", "c", "-", "Q", "a", "[ab]", "yes", "no")}

NUMBERS = [
    *(call(name, *pair) for name in "+-*/" for pair in ("xy", "ij", "xi", "ff", "fx", "fi")),
    *(call(name, *pair) for name in ("modulo", "pow") for pair in ("xy", "ij")),
    *(call("pow", "x", constant(value)) for value in (2, 0.5, -3)),
    call("pow", constant(2), "x"),
    *(call(name, *args) for name in ("min", "max", "avg", "sum", "product") for args in ("xy", "xyi", "ij", "i", "fi")),
    *(
        call(name, arg)
        for name in (
            *("log10", "ln", "ln1p", "exp", "expm1", "sqrt", "abs", "floor", "ceil", "round", "rint", "sin", "cos"),
            *("tan", "tanh", "asin", "acos", "atan", "sinh", "cosh", "erf", "stdNormalCDF", "stdNormalPDF"),
        )
        for arg in ("y", "i", "f")
    ),
    call("threshold", "x", "y"),
    call("hypot", "x", "y"),
    call("normalCDF", "y", "y", constant(2)),
    call("normalPDF", "y", "x", constant(20)),
    *(call(name, "y", constant(2), "x") for name in ("normalCDF", "normalPDF")),
    call("stdNormalIDF", "p"),
    call("normalIDF", "p", "y", constant(2)),
    call("normalIDF", "p", constant(2), "x"),
    call("if", LESS, "x", "y"),
    call("if", LESS, "x"),
    call("if", call("isMissing", "x"), constant(0), "x"),
    call("+", "x", "y", mapMissingTo="7"),
    call("+", "x", "y", defaultValue="8"),
    call("ln", "x", invalidValueTreatment="asMissing", defaultValue="3"),
    call("stringLength", "s"),
]
CONDITIONS = [
    *(call(name, arg) for name in ("isMissing", "isNotMissing") for arg in ("x", "s", "i")),
    *(
        call(name, *args)
        for name in ("equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual")
        for args in (("x", "y"), ("x", constant(1)), ("i", constant(1, "integer")), ("f", constant(0.1)), ("f", "x"))
    ),
    *(call(name, *args) for name in ("equal", "notEqual") for args in (("s", TEXT["ab"]), ("b", "b"))),
    *(call(name, LESS, MORE) for name in ("and", "or")),
    call("not", LESS),
    call("isIn", "x", constant(1), constant(2.5)),
    call("isNotIn", "s", TEXT["ab"], TEXT["c"]),
    call("matches", "s", TEXT["a"]),
]
TEXTS = [
    call("if", "b", TEXT["yes"], TEXT["no"]),
    call("uppercase", "s"),
    call("lowercase", "s"),
    call("trimBlanks", "s"),
    call("substring", "s", constant(1, "integer"), constant(2, "integer")),
    call("concat", "s", TEXT["-"], TEXT["a"]),
    call("replace", "s", TEXT["[ab]"], TEXT["Q"]),
]


def rows() -> list[Row]:
    """Rows of values that are drawn for each field."""
    drawn = random.Random(3)
    return [{name: drawn.choice(values) for name, values in VALUES.items()} for _ in range(60)]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("data_type", "expressions"),
    [("double", NUMBERS), ("boolean", CONDITIONS), ("string", TEXTS)],
    ids=["numbers", "conditions", "texts"],
)
def test_a_function_gives_what_jpmml_gives(
    data_type: str, expressions: list[str], tmp_path: Path, pmml_oracles: Oracles
) -> None:
    optype = "continuous" if data_type == "double" else "categorical"
    given, wrong, scored = rows(), [], 0
    for number, expression in enumerate(expressions):
        path = tmp_path / f"{data_type}-{number}.pmml"
        path.write_text(FILE.format(optype, data_type, expression))
        ours = File.read(path).found(given)["out"]
        theirs = pmml_oracles.jpmml(path, given)
        for value, row, error in zip(ours, theirs.rows, theirs.errors, strict=True):
            if any(words in (error or "") for words in LEFT_OUT):
                continue
            scored += value is not None
            if not same(value, None if error else row.get("out")):
                wrong.append(f"{expression}: {value!r}, JPMML {row.get('out')!r} {error or ''}")
    assert wrong == []
    assert scored > 20 * len(expressions)
