"""What of PMML is read, as it is measured on the files of tests/data/pmml.

A value of an attribute, or an element, is "compared" where a file that holds it is read which JPMML or PMML4S takes,
too: tests compare every such file. Else it is written into a file that holds another value: "read" where that file is
still read, "refused" where it is not.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from pathlib import Path

import pmml_differences

from indb.errors import IndbError
from indb.readers.base import File
from indb.readers.pmml import expressions, functions, models, outputs, read

DATA = Path(__file__).parent / "data" / "pmml"

CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("DataField", "dataType"): (
        *("string", "integer", "float", "double", "boolean", "date", "time", "dateTime", "dateDaysSince[1970]"),
        *("timeSeconds", "dateTimeSecondsSince[1970]"),
    ),
    ("DataField", "optype"): ("categorical", "ordinal", "continuous"),
    ("Value", "property"): ("valid", "invalid", "missing"),
    ("Interval", "closure"): ("openOpen", "openClosed", "closedOpen", "closedClosed"),
    ("MiningField", "invalidValueTreatment"): ("returnInvalid", "asIs", "asMissing", "asValue"),
    ("MiningField", "missingValueTreatment"): ("asIs", "asMean", "asMode", "asMedian", "asValue", "returnInvalid"),
    ("MiningField", "outliers"): ("asIs", "asMissingValues", "asExtremeValues"),
    ("NormContinuous", "outliers"): ("asIs", "asMissingValues", "asExtremeValues"),
    ("Apply", "invalidValueTreatment"): ("returnInvalid", "asIs", "asMissing"),
    ("SimplePredicate", "operator"): (
        *("equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual", "isMissing", "isNotMissing"),
    ),
    ("SimpleSetPredicate", "booleanOperator"): ("isIn", "isNotIn"),
    ("CompoundPredicate", "booleanOperator"): ("and", "or", "xor", "surrogate"),
    ("TreeModel", "missingValueStrategy"): (
        *("none", "lastPrediction", "nullPrediction", "defaultChild", "weightedConfidence", "aggregateNodes"),
    ),
    ("TreeModel", "noTrueChildStrategy"): ("returnNullPrediction", "returnLastPrediction"),
    ("TreeModel", "splitCharacteristic"): ("binarySplit", "multiSplit"),
    ("Segmentation", "multipleModelMethod"): (
        *("majorityVote", "weightedMajorityVote", "average", "weightedAverage", "median", "weightedMedian", "max"),
        *("sum", "weightedSum", "selectFirst", "selectAll", "modelChain"),
    ),
    ("Segmentation", "missingPredictionTreatment"): ("continue", "skipSegment", "returnMissing"),
    ("RegressionModel", "normalizationMethod"): (
        *("none", "simplemax", "softmax", "logit", "probit", "cloglog", "exp", "loglog", "cauchit"),
    ),
    ("GeneralRegressionModel", "modelType"): (
        *("regression", "generalLinear", "generalizedLinear", "multinomialLogistic", "ordinalMultinomial"),
        "CoxRegression",
    ),
    ("GeneralRegressionModel", "linkFunction"): (
        *("cloglog", "identity", "log", "logc", "logit", "loglog", "negbin", "oddspower", "power", "probit"),
    ),
    ("GeneralRegressionModel", "cumulativeLink"): ("logit", "probit", "cloglog", "loglog", "cauchit"),
    ("Scorecard", "reasonCodeAlgorithm"): ("pointsAbove", "pointsBelow"),
    ("RuleSelectionMethod", "criterion"): ("weightedSum", "weightedMax", "firstHit"),
    ("Target", "castInteger"): ("round", "ceiling", "floor"),
    ("OutputField", "feature"): (
        *("predictedValue", "predictedDisplayValue", "transformedValue", "decision", "probability", "affinity"),
        *("residual", "standardError", "standardDeviation", "clusterId", "clusterAffinity", "entityId"),
        *("entityAffinity", "warning", "ruleValue", "reasonCode", "confidence"),
    ),
}
"""(element, attribute) -> the values of the specification."""

ALONE = frozenset.intersection(
    *(
        frozenset(name for kind, _, names in table if kind == "refused" for name in names)
        for table in (pmml_differences.JPMML, pmml_differences.PMML4S)
    )
)
"""The files that neither program takes: what they give is held to the specification's formulas."""

BUILT_IN = (
    *("+", "-", "*", "/", "min", "max", "sum", "avg", "median", "product", "log10", "ln", "sqrt", "abs", "exp", "pow"),
    *("threshold", "floor", "ceil", "round", "modulo", "isMissing", "isNotMissing", "isValid", "isNotValid", "equal"),
    *("notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual", "and", "or", "not", "isIn", "isNotIn"),
    *("if", "uppercase", "lowercase", "stringLength", "substring", "trimBlanks", "concat", "replace", "matches"),
    *("formatNumber", "formatDatetime", "dateDaysSinceYear", "dateSecondsSinceYear", "dateSecondsSinceMidnight"),
    *("normalCDF", "normalPDF", "stdNormalCDF", "stdNormalPDF", "erf", "normalIDF", "stdNormalIDF", "expm1", "hypot"),
    *("ln1p", "rint", "sin", "asin", "sinh", "cos", "acos", "cosh", "tan", "atan", "tanh"),
)
"""The functions of the specification."""


def is_read(text: str) -> bool:
    """Whether a file with this text is read."""
    try:
        read(File("model.pmml", text.encode(), DATA), None)
    except IndbError:
        return False
    return True


@cache
def files() -> tuple[str, ...]:
    """The texts of the files that are read, the shortest first."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(DATA.glob("*.pmml")) if path.stem not in ALONE]
    return tuple(sorted((text for text in texts if is_read(text)), key=len))


def measured(element: str, attribute: str, value: str) -> str:
    """How a value of an attribute fares: compared, read or refused; an output that is left out is not read either."""
    if (element, attribute) == ("OutputField", "feature") and value in outputs.LEFT_OUT:
        return "left out"
    tag = re.compile(rf'(<{element}\b[^>]*?\s{attribute}=")([^"]*)(")')
    for text in files():
        if any(match[2] == value for match in tag.finditer(text)):
            return "compared"
    tried = [(text, found) for text in files() for found in islice(tag.finditer(text), 3)][:12]
    ways = (text[: found.start(2)] + value + text[found.end(2) :] for text, found in tried)
    return "read" if any(map(is_read, ways)) else "refused"


def page() -> str:
    """The tables in Markdown."""
    lines = ["| model | is |", "|---|---|"]
    held = " ".join(files())
    for name in sorted((*models.MODELS, *models.UNREAD)):
        said = "refused" if name not in models.MODELS else "compared" if f"<{name} " in held else "held to formulas"
        lines.append(f"| `{name}` | {said} |")
    lines += ["", "| element | attribute | compared with other programs | read | refused |", "|---|---|---|---|---|"]
    for (element, attribute), values in CHOICES.items():
        found = {value: measured(element, attribute, value) for value in values}
        cells = [
            ", ".join(
                f"{value} (left out)" if found[value] == "left out" else value
                for value in values
                if found[value] in said
            )
            for said in (("compared",), ("read",), ("refused", "left out"))
        ]
        lines.append(f"| `{element}` | `{attribute}` | {' | '.join(cells)} |")
    lines += ["", "| | read | refused |", "|---|---|---|"]
    given = [name for name, reader in expressions.EXPRESSIONS.items() if reader is not None]
    left = [name for name, reader in expressions.EXPRESSIONS.items() if reader is None]
    lines.append(f"| expressions | {', '.join(given)} | {', '.join(left)} |")
    known = [f"`{name}`" for name in BUILT_IN if name in functions.FUNCTIONS]
    other = [f"`{name}`" for name in BUILT_IN if name not in functions.FUNCTIONS]
    lines.append(f"| functions | {', '.join(known)} | {', '.join(other)} |")
    return "\n".join(lines)
