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


INVALID = """<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>
<DataDictionary>{fields}
  <DataField name="word" optype="categorical" dataType="string">
    <Value value="a"/><Value value="b"/><Value value="gap" property="missing"/>
  </DataField>
  <DataField name="whole" optype="continuous" dataType="integer"><Value value="7" property="invalid"/></DataField>
  <DataField name="t" optype="continuous" dataType="double"/>
</DataDictionary>
<TransformationDictionary>{derived}</TransformationDictionary>
<RegressionModel functionName="regression">
  <MiningSchema>
    <MiningField name="d"/><MiningField name="x" invalidValueTreatment="asIs"/>
    <MiningField name="gone" invalidValueTreatment="asMissing"/>
    <MiningField name="other" invalidValueTreatment="asValue" invalidValueReplacement="30"/>
    <MiningField name="filled" invalidValueTreatment="asMissing" missingValueReplacement="20"/>
    <MiningField name="held" invalidValueTreatment="asIs" outliers="asExtremeValues" lowValue="-5" highValue="5"/>
    <MiningField name="word" invalidValueTreatment="asIs"/><MiningField name="whole" invalidValueTreatment="asIs"/>
    <MiningField name="t" usageType="target"/>
  </MiningSchema>
  <Output><OutputField name="out" optype="{optype}" dataType="{kind}" feature="transformedValue">{out}</OutputField>
  </Output>
  <RegressionTable intercept="1"/>
</RegressionModel></PMML>"""

LIMITED = "".join(
    f'<DataField name="{name}" optype="continuous" dataType="double">'
    '<Interval closure="closedClosed" leftMargin="0" rightMargin="10"/></DataField>'
    for name in ("x", "gone", "other", "filled", "held")
)
DERIVED = {
    "same": '<DerivedField name="same" optype="continuous" dataType="double"><FieldRef field="x"/></DerivedField>',
    "single": '<DerivedField name="single" optype="continuous" dataType="float"><FieldRef field="x"/></DerivedField>',
    "sorted": '<DerivedField name="sorted" optype="categorical" dataType="double"><FieldRef field="x"/></DerivedField>',
    "own": '<DefineFunction name="own" optype="continuous"><ParameterField name="p"/>'
    '<FieldRef field="p"/></DefineFunction>',
    "typed": '<DefineFunction name="typed" optype="categorical"><ParameterField name="p" dataType="float"/>'
    '<Apply function="isValid"><FieldRef field="p"/></Apply></DefineFunction>',
}
HELD = call("if", call("isNotMissing", "d"), "x", "d", invalidValueTreatment="asIs")
VALIDITY = [
    *(
        call(name, field)
        for name in ("isValid", "isNotValid")
        for field in ("d", "x", "gone", "other", "filled", "held", "word", "whole", "same", "single", "sorted")
    ),
    *(call("isValid", arg) for arg in (HELD, constant(1), '<FieldRef field="x" mapMissingTo="50"/>')),
    call("isValid", call("min", "x")),
    call("isValid", call("own", "x", invalidValueTreatment="asIs")),
    call("isValid", "x", mapMissingTo="true"),
    call("isNotValid", call("if", call("isValid", "x"), "x", "held", invalidValueTreatment="asIs")),
    call("typed", "x"),
    call("and", call("isValid", "x"), call("isNotValid", "word")),
]
PASSED_ON = [
    HELD,
    *(call("if", call("isNotMissing", "d"), "x", "d", **each) for each in (
        {}, {"invalidValueTreatment": "asMissing"}, {"invalidValueTreatment": "asMissing", "defaultValue": "9"},
        {"invalidValueTreatment": "asIs", "mapMissingTo": "4"},
    )),
    call("own", "x"),
    call("own", "x", invalidValueTreatment="asMissing"),
    call("if", call("isNotValid", "x"), constant(-1), "d"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "expressions"), [("boolean", VALIDITY), ("double", PASSED_ON)])
def test_what_is_invalid_is_as_in_jpmml(
    kind: str, expressions: list[str], tmp_path: Path, pmml_oracles: Oracles
) -> None:
    usual: Row = dict.fromkeys(("d", "x", "gone", "other", "filled", "held"), 1.0)
    usual |= {"word": "a", "whole": 1}
    numbers = dict.fromkeys(("x", "gone", "other", "filled", "held"), 20.0)
    given: list[Row] = [
        usual,
        dict.fromkeys(usual),
        {**usual, **numbers, "word": "q", "whole": 7},
        {**usual, "word": "gap"},
        {**usual, "x": 20.0, "d": None},
        {**usual, "x": None, "held": -0.5},
    ]
    wrong = []
    for number, expression in enumerate(expressions):
        path = tmp_path / f"{kind}-{number}.pmml"
        derived = "".join(text for name, text in DERIVED.items() if f'"{name}"' in expression)
        free = '<DataField name="d" optype="continuous" dataType="double"/>'
        optype = "continuous" if kind == "double" else "categorical"
        path.write_text(
            INVALID.format(fields=free + LIMITED, derived=derived, optype=optype, kind=kind, out=expression)
        )
        ours, theirs = File.read(path).found(given)["out"], pmml_oracles.jpmml(path, given)
        wanted = [None if error else row.get("out") for row, error in zip(theirs.rows, theirs.errors, strict=True)]
        if not all(same(*pair) for pair in zip(ours, wanted, strict=True)) or wanted[0] is None:
            wrong.append(f"{expression}: {ours}, JPMML {wanted} {theirs.errors}")
    assert wrong == []
