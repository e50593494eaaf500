"""What every reader shares: the table of readers, the state of one reading, and the frame that steps hand on.

A reader is a function `(estimator, frame, reading)`. A transformer's gives the frame that it makes of the one it was
given; a predictor's gives a list of `Target`. Readers are found by the estimator's own class: a subclass may change
what a method means, so it is not read as its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from indb import build
from indb.errors import UnsupportedModel
from indb.ir import Apply, Block, Column, Model, Op, Target, Type


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a file in a library's own format holds, read without that library: the reader of `name` is given it.

    `package` and `name` are those of the class that the library would make of it; `version` is the library's.
    """

    package: str
    name: str
    version: str
    data: Any


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """The name and the bytes of a file that is a model in a format of its own, and the folder that it lies in."""

    name: str
    data: bytes
    folder: Path


FileReader: TypeAlias = Callable[[File, Sequence[str] | None], Model]

FILE_READERS: dict[str, FileReader] = {}
"""Ending of a file's name -> what makes a model of it, given the table's names for its columns, if any were given."""


def reads_files(*endings: str) -> Callable[[FileReader], FileReader]:
    """Register a reader for files by the ending of their names."""

    def register(function: FileReader) -> FileReader:
        for ending in endings:
            FILE_READERS[ending] = function
        return function

    return register


def class_of(estimator: Any) -> tuple[str, str]:
    """(top-level package, class name) of a fitted estimator, or of what a file stands for."""
    if isinstance(estimator, Content):
        return estimator.package, estimator.name
    cls = type(estimator)
    return cls.__module__.split(".")[0], cls.__name__


Reader: TypeAlias = Callable[[Any, "Frame", "Reading"], Any]

READERS: dict[tuple[str, str], Reader] = {}
"""(top-level package, class name) -> reader."""

Check: TypeAlias = Callable[[Any, "Frame", "Reading"], None]

TRANSFORMS: dict[tuple[str, str], Reader] = {}
"""The same for estimators that also predict: what they make of a frame where another step follows."""

CHECKS: dict[str, Check] = {}
"""Top-level package -> what is checked before any of its readers is called (that the estimator is fitted, …)."""


def checks(package: str) -> Callable[[Check], Check]:
    """Register what is checked before any reader of a package is called."""

    def register(function: Check) -> Check:
        CHECKS[package] = function
        return function

    return register


Names: TypeAlias = Callable[[Any], tuple[Sequence[str] | None, int | None]]

NAMES: dict[str, Names] = {}
"""Top-level package -> the names of the columns that a model of it was fitted with and their number, where it knows."""

SPELLED: dict[str, Callable[[str], str]] = {}
"""Top-level package -> how it writes the name of a column, where it does not keep the name as it was."""


def names(package: str, spelled: Callable[[str], str] | None = None) -> Callable[[Names], Names]:
    """Register how a package that does not follow scikit-learn records the names of columns."""
    if spelled is not None:
        SPELLED[package] = spelled

    def register(function: Names) -> Names:
        NAMES[package] = function
        return function

    return register


Run: TypeAlias = Callable[[Any, Sequence[str], Sequence[str] | None, UnsupportedModel, dict[str, str]], Model]

RUNS: dict[str, Run] = {}
"""Top-level package -> what makes a foreign model of a fitted one that a reader refused, for its library to run.

It takes the model, the names of its columns, those that are said to hold text, the reason, and the source.
"""


def runs(package: str) -> Callable[[Run], Run]:
    """Register how a model of a package becomes a foreign model, where that is not scikit-learn's way."""

    def register(function: Run) -> Run:
        RUNS[package] = function
        return function

    return register


def reads(package: str, *classes: str) -> Callable[[Reader], Reader]:
    """Register a reader for classes of a package."""

    def register(function: Reader) -> Reader:
        for name in classes:
            READERS[package, name] = function
        return function

    return register


def transforms(package: str, *classes: str) -> Callable[[Reader], Reader]:
    """Register a reader for classes that predict where they are the last step, and transform where they are not."""

    def register(function: Reader) -> Reader:
        for name in classes:
            TRANSFORMS[package, name] = function
        return function

    return register


@dataclass(frozen=True, slots=True)
class RawColumn:
    """A table column that no step has read yet, so that its type is not known."""

    name: str


Lane: TypeAlias = RawColumn | Block


@dataclass
class Reading:
    """The state of reading one model: its columns, what a row must fulfil to be scored, and where the reader is."""

    names: tuple[str, ...]
    columns: dict[str, Column] = field(default_factory=dict)
    conditions: list[Block] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    kinds: dict[str, Type] = field(default_factory=dict)
    undecided: dict[str, Type] = field(default_factory=dict)
    for_sql: bool = False
    """Whether blocks may leave rows open that the library scores: they are for SQL alone, beside the library's own."""

    def resolve(self, lane: Lane, kind: Type) -> Block:
        """The block of a lane, read as `kind`.

        Raises: UnsupportedModel when one step reads the column as text and another one as a number.
        """
        if isinstance(lane, RawColumn):
            found = self.columns.setdefault(lane.name, Column(lane.name, kind))
            lane_name = f"column {lane.name!r}"
        else:
            found, lane_name = lane, "a computed column"  # type: ignore[assignment]
        if found.type is not kind:
            raise self.unsupported(f"{lane_name} is read both as {found.type.value} and as {kind.value}")
        return found

    def either(self, lane: Lane, default: Type) -> Block:
        """The block of a lane for a step that reads texts and numbers alike and does not know which one it was given.

        Another step may know, and may be read later. Such a column is left undecided here, and the model is read a
        second time with `kinds` filled in; `default` is the type where no step knows.
        """
        if not isinstance(lane, RawColumn):
            return lane
        if lane.name in self.columns:
            return self.columns[lane.name]
        if lane.name in self.kinds:
            return self.resolve(lane, self.kinds[lane.name])
        self.undecided.setdefault(lane.name, default)
        return Column(lane.name, default)

    def again(self) -> Reading | None:
        """The state for a second reading with all types known, or None when this one decided them all."""
        if not self.undecided:
            return None
        kinds = self.undecided | {name: column.kind for name, column in self.columns.items()}
        return Reading(self.names, kinds=kinds, for_sql=self.for_sql)

    def require(self, condition: Block) -> None:
        """Score only rows for which every lane of `condition` is true; others score missing."""
        self.conditions.append(condition)

    def require_finite(self, x: Block, missing: bool = False, limit: float = build.FLOAT64_MAX) -> None:
        """Refuse infinities, and missing values unless `missing`. Source: sklearn.utils.validation.check_array."""
        finite = build.between(x, -limit, limit)
        self.require(Apply(Op.OR, (build.is_missing(x), finite)) if missing else finite)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Name the step that is being read, for errors."""
        self.path.append(name)
        try:
            yield
        finally:
            self.path.pop()

    def unsupported(self, why: str, hint: str | None = None) -> UnsupportedModel:
        """The error for something that is not read, naming the step."""
        where = " > ".join(self.path) or "the model"
        return UnsupportedModel(f"cannot read {where}: {why}", hint)


@dataclass(frozen=True)
class Frame:
    """What one step hands to the next: lanes with names, as a data frame has columns.

    `dtype` and `sparse` say in what array the library would hold the lanes, where its arithmetic depends on that: in
    float32 it rounds differently, and it scales a sparse column by a product instead of a quotient.
    """

    names: tuple[str, ...]
    lanes: tuple[Lane, ...]
    dtype: str = "float64"
    sparse: bool = False

    def take(self, positions: Sequence[int]) -> Frame:
        """The frame of chosen lanes."""
        return self.replaced([self.names[i] for i in positions], [self.lanes[i] for i in positions])

    def replaced(self, names: Sequence[str], lanes: Sequence[Lane]) -> Frame:
        """Other lanes in the same kind of array."""
        return replace(self, names=tuple(names), lanes=tuple(lanes))

    def numbers(self, reading: Reading) -> Block:
        """All lanes as one NUMBER block."""
        return build.concat([reading.resolve(lane, Type.NUMBER) for lane in self.lanes])

    def finite(self, reading: Reading, limit: float = build.FLOAT64_MAX) -> Block:
        """All lanes as one NUMBER block; a row is refused where one is missing, infinite or beyond the limit."""
        x = self.numbers(reading)
        reading.require_finite(x, limit=limit)
        return x


def frame_of(block: Block, names: Sequence[str]) -> Frame:
    """The frame whose lanes are those of a block."""
    return Frame(tuple(names), tuple(build.lanes(block)))


def read_step(estimator: Any, frame: Frame, reading: Reading) -> Any:
    """Read one estimator: a Frame for a transformer, a list of Target for a predictor.

    Raises: UnsupportedModel when there is no reader for its class, or the reader refuses it.
    """
    reader = reader_of(estimator, frame, reading)
    with reading.step(class_of(estimator)[1]):
        return reader(estimator, frame, reading)


def read_transform(estimator: Any, frame: Frame, reading: Reading) -> Frame:
    """Read one estimator as the transformer that it is in front of other steps.

    Raises: UnsupportedModel as `read_step`, and for a predictor that does not transform.
    """
    reader = reader_of(estimator, frame, reading)
    reader = TRANSFORMS.get(class_of(estimator), reader)
    with reading.step(class_of(estimator)[1]):
        result = reader(estimator, frame, reading)
        if not isinstance(result, Frame):
            raise reading.unsupported("it is a predictor, needed a transformer in front of other steps")
    return result


def reader_of(estimator: Any, frame: Frame, reading: Reading) -> Reader:
    """The reader for an estimator that was checked to be readable at all.

    Raises: UnsupportedModel when there is no reader for its class, or its package's check refuses it.
    """
    package, name = class_of(estimator)
    with reading.step(name):
        reader = READERS.get((package, name))
        if reader is None:
            cls = type(estimator)
            full = f"{package}.{name}" if isinstance(estimator, Content) else f"{cls.__module__}.{cls.__qualname__}"
            raise reading.unsupported(
                f"there is no reader for {full}",
                "Replace this step by a supported one, or compute it in the table before scoring.",
            )
        check = CHECKS.get(package)
        if check is not None:
            check(estimator, frame, reading)
    return reader


def targets_of(result: Any) -> list[Target] | None:
    """The targets when a step was a predictor, else None."""
    return result if isinstance(result, list) else None
