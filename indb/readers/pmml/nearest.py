"""NearestNeighborModel: what the training rows say that are the nearest to a row, or the most like it.

Of rows that are equally far the one that the file lists first is the nearer, as in JPMML: distances are computed term
by term in doubles, so that ties are the same everywhere. Source: PMML 4.4, "k-Nearest Neighbor Models".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from indb import build
from indb.ir import Block, Floats, Lookup, Nearest
from indb.readers.pmml import arrays, functions, measures, models, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.expressions import table_rows
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.values import Value

VOTES = {"majorityVote": False, "weightedMajorityVote": True}
AVERAGES = ("average", "weightedAverage", "median")

ALWAYS = -1.0
"""How much lanes may be off where a tie is decided by their order: every gap is larger."""

MAX_CHOICES = 5_000
"""How many different numbers a median is one of."""


@reads_model("NearestNeighborModel")
def read_nearest(element: Element, scope: Scope) -> Prediction:
    """The mean or the median of the nearest rows' numbers; the category of most of them."""
    measure = measures.read_measure(element)
    listed = element.one("KNNInputs").all("KNNInput")
    if not listed:
        raise element.damaged("it has no KNNInput")
    fields = [measures.read_compared(each, measure, scope) for each in listed]
    rows = training_rows(element.one("TrainingInstances"))
    k = element.integer("numberOfNeighbors")
    if not 1 <= k <= len(rows.cells):
        raise element.damaged(f"numberOfNeighbors={k} of {len(rows.cells)} training rows")
    arrays.limited(len(rows.cells) * (len(fields) + 1), element)
    known = [rows.column(each.needed("field"), field.value) for each, field in zip(listed, fields, strict=True)]
    fields, points = measures.encoded(fields, list(zip(*known, strict=True)))
    lanes = measures.lanes(measure, fields, points, scope)
    if measure.is_similarity:
        lanes = build.negate(lanes)  # the nearest is the one whose lane is the lowest
    threshold = element.number("threshold", 0.001)
    votes = element.choice("categoricalScoringMethod", tuple(VOTES), "majorityVote")
    average = element.choice("continuousScoringMethod", AVERAGES, "average")
    target = rows.target(scope)
    weigh = VOTES[votes] if scope.function == "classification" else average == "weightedAverage"
    if weigh and (measure.is_similarity or not 0.0 < threshold < math.inf):
        raise element.refused(f"weights of similarities, or with threshold={threshold}")
    if scope.function == "classification":
        prediction = _classification(element, target, lanes, k, threshold if weigh else None, scope)
    else:
        prediction = _regression([float(each) for each in target], lanes, k, threshold if weigh else None, average)
    _identify(prediction, element, rows, lanes)
    return prediction


class Rows:
    """TrainingInstances: the texts of the cells of each row, and which column holds which field."""

    def __init__(self, element: Element, cells: list[dict[str, str]], columns: dict[str, str]) -> None:
        self.element = element
        self.cells = cells
        self.columns = columns

    def column(self, name: str, value: Value) -> list[float | str]:
        """What all rows hold for a field. Raises: ModelFileError where one holds nothing."""
        return [values.parse(text, value.data_type, self.element) for text in self.texts(name)]

    def texts(self, name: str) -> list[str]:
        """The cells of a field as they are written."""
        if name not in self.columns:
            raise self.element.refused(f"it has no InstanceField for {name!r}: derived fields are not worked out")
        column = self.columns[name]
        found = []
        for number, row in enumerate(self.cells, 1):
            text = row.get(column, "")
            if not text.strip():
                raise self.element.refused(f"row {number} has no {column}: training rows with gaps are not read")
            found.append(text)
        return found

    def target(self, scope: Scope) -> list[float | str]:
        """The target of all rows."""
        name = scope.target.name
        if not name:
            raise self.element.refused("the model has no target")
        value = Value(build.MISSING, scope.target.data_type)
        return self.column(name, value)


def training_rows(element: Element) -> Rows:
    """The rows of an InlineTable and their fields."""
    if element.flag("isTransformed", False):
        pass  # whether columns hold derived fields is told by the names of fields
    columns: dict[str, str] = {}
    for each in element.one("InstanceFields").all("InstanceField"):
        name = each.needed("field")
        if name in columns:
            raise each.damaged(f"there is an InstanceField {name!r} already")
        columns[name] = (each.get("column") or name).rpartition(":")[2]
    if element.has("TableLocator"):
        raise element.one("TableLocator").refused("training rows outside of the file are not read")
    cells = table_rows(element)
    for name, count in (("recordCount", len(cells)), ("fieldCount", len(columns))):
        if element.integer(name, count) != count:
            raise element.damaged(f"it has {count} of them, {name} says otherwise")
    if not cells:
        raise element.damaged("it has no rows")
    return Rows(element, cells, columns)


def nearest(lanes: Block, target: Floats, k: int, threshold: float | None) -> Block:
    """The means of the rows of `target` (n_rows, width) whose lanes are the lowest, weighted by 1 / (lane + threshold).

    Where two lanes become the same by the threshold only, and that decides which row is among the nearest, missing.
    """
    if threshold is None:
        return _if_known(Nearest((lanes, build.number(ALWAYS)), target, k), lanes)
    ones = np.ones((len(target), 1))
    tied = build.is_missing(Nearest((lanes, build.number(0.0)), ones, k))
    slack = build.where(tied, build.number(ALWAYS), build.number(0.0))
    return _if_known(Nearest((build.add(lanes, build.number(threshold)), slack), target, k, 1.0), lanes)


def _if_known(found: Block, lanes: Block) -> Block:
    """What is found, where there are distances: they are missing all or none, and a database would order them."""
    return build.where(build.is_missing(build.lane(lanes, 0)), build.MISSING, found)


def _classification(
    element: Element, target: Sequence[float | str], lanes: Block, k: int, threshold: float | None, scope: Scope
) -> Prediction:
    """The category with the most votes; of equal ones that of more training rows, then the first in order."""
    counts = Counter(target)
    order = sorted(counts, key=lambda each: (-counts[each], each))
    indicators = np.array([[float(each == category) for category in order] for each in target])
    shares = nearest(lanes, indicators, k, threshold)
    texts = [values.text_of(each, scope.target.data_type) for each in order]
    return models.classes(scope, texts, element, build.argmax(shares), shares)


def _regression(target: Sequence[float], lanes: Block, k: int, threshold: float | None, average: str) -> Prediction:
    column = np.array(target).reshape(-1, 1)
    if average == "median":
        return models.number(_median(column[:, 0], lanes, k))
    return models.number(nearest(lanes, column, k, threshold))


def _median(target: Floats, lanes: Block, k: int) -> Block:
    """The middle number of the nearest rows, or the mean of the two in the middle."""
    known = np.unique(target)
    if len(known) > MAX_CHOICES:
        known = known[:0]
    below = (target[:, None] <= known[None, :]).astype(np.float64)
    shares = nearest(lanes, below, k, None)

    def at(place: int) -> Block:
        """The number at a place in order, counted from 1: the first that so many are not above."""
        enough = build.less(build.number((place - 0.5) / k), shares)
        number = build.where(build.is_missing(build.lane(shares, 0)), build.MISSING, build.argmax(enough))
        keys = tuple(float(each) for each in range(len(known)))
        return Lookup(number, keys, tuple((float(each),) for each in known), (math.nan,), (math.nan,))

    low = at((k + 1) // 2)
    if k % 2:
        return low
    high = at(k // 2 + 1)
    return build.add(low, build.multiply(build.subtract(high, low), build.number(0.5)))


def _identify(prediction: Prediction, element: Element, rows: Rows, lanes: Block) -> None:
    """The identifiers of the nearest rows, by their rank, and how far they are."""
    variable = element.get("instanceIdVariable")
    ids = rows.texts(variable) if variable is not None else [str(number) for number in range(1, len(rows.cells) + 1)]
    places = np.arange(len(rows.cells), dtype=np.float64).reshape(-1, 1)

    sums: dict[int, Block] = {0: build.number(0.0)}

    def sum_of(count: int) -> Block:
        """The sum of the numbers of the nearest rows."""
        if count not in sums:
            mean = nearest(lanes, places, count, None)
            sums[count] = functions.round_half_up(build.multiply(mean, build.number(float(count))))
        return sums[count]

    def place(at: Element) -> Block:
        """The number of the row at a rank: the sum of the numbers up to it without that before it."""
        rank = at.integer("rank", 1)
        if at.choice("rankOrder", ("ascending", "descending"), "descending") == "ascending":
            raise at.refused("rankOrder='ascending' is not read")
        at.choice("rankBasis", ("confidence",), "confidence")
        if not 1 <= rank <= len(ids):
            raise at.refused(f"rank={rank} of {len(ids)} training rows")
        return build.subtract(sum_of(rank), sum_of(rank - 1))

    def identifier(at: Element) -> Value:
        if len(set(ids)) != len(ids):
            raise at.refused("the identifiers of training rows are not different")
        return Value(values.decoded(place(at), ids, "string"), "string", "categorical")

    prediction.features |= dict.fromkeys(("entityId", "clusterId"), identifier)
