"""What is supported, as it is measured: a row for every class of scikit-learn and of its neighbours.

A class becomes SQL where a model of the zoo is read by the reader of that class; the zoo is what every other test
holds to the library, and SQL to it. What runs as a Python function, or is refused, is what the walk over all
estimators finds.
"""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import walk
from agreement import is_exact
from zoo import FLOAT32, ZOO

import indb
from indb.errors import IndbError
from indb.ir import Model
from indb.readers import LIBRARIES, base, read

Key = tuple[str, str]
"""(top-level package, class name)."""

NEIGHBOURS = {
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "statsmodels": "statsmodels.api",
    "interpret": "interpret.glassbox",
    "imblearn": "imblearn.ensemble",
    "category_encoders": "category_encoders",
}
"""Package -> the module that offers its models."""

ENGINES = ("duckdb", "postgres")

EXACT, CLOSE, SINGLE = "exact", "1e-12", "1e-6"
"""How near numbers are: the same bits, relative, and relative where the library computes in float32."""


@dataclass
class Class:
    """What is known of a class: the cases of the zoo that its reader read, and those that are of the class itself."""

    read: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    name: str
    sql: tuple[str, ...]
    udf: str
    refused: str

    @property
    def is_sql(self) -> bool:
        return self.sql[0] != "no"

    @property
    def text(self) -> str:
        return "| " + " | ".join((f"`{self.name}`", *self.sql, self.udf, self.refused)) + " |"


def key_of(estimator: Any) -> Key:
    """The class of a fitted object; results of statsmodels are those of a model, which is what its users know."""
    if type(estimator).__module__.startswith("statsmodels."):
        return "statsmodels", type(estimator.model).__name__
    return type(estimator).__module__.split(".")[0], type(estimator).__name__


@contextmanager
def noting(found: set[Key]) -> Iterator[None]:
    """Note the classes whose readers are called."""
    kept = {id(table): dict(table) for table in (base.READERS, base.TRANSFORMS)}

    def noted(key: Key, reader: Any) -> Any:
        return lambda *given: (found.add(key), reader(*given))[1]

    try:
        for table in (base.READERS, base.TRANSFORMS):
            table.update({key: noted(key, reader) for key, reader in table.items()})
        yield
    finally:
        for table in (base.READERS, base.TRANSFORMS):
            table.update(kept[id(table)])


def last_step(estimator: Any) -> Any:
    """The estimator that decides how near the numbers of a model are."""
    while getattr(estimator, "steps", None) and not isinstance(estimator.steps[-1][1], str | None):
        estimator = estimator.steps[-1][1]
    return estimator


def measured() -> tuple[dict[Key, Class], dict[str, Model]]:
    """(what the zoo knows of each class, the model of each case that is SQL)."""
    classes: dict[Key, Class] = defaultdict(Class)
    models: dict[str, Model] = {}
    for name, case in ZOO.items():
        estimator, _ = case()
        found = {key_of(estimator)}
        with noting(found):
            model = read(estimator)
        if model.is_foreign:
            continue
        models[name] = model
        found = {key for key in found if key[0] != "statsmodels"} | {key_of(estimator)}  # not the wrappers of results
        if name in FLOAT32:  # the last step rounds, and says nothing of what another library does in front of it
            found = {key for key in found if key[0] == key_of(last_step(estimator))[0]}
        for key in found:
            classes[key].read.append(name)
        for key in {key_of(estimator), key_of(last_step(estimator))} & found:
            classes[key].own.append(name)
    return classes, models


def nearness(names: list[str], models: dict[str, Model]) -> str:
    """How near the numbers of some cases are, the farthest of them."""
    if any(name in FLOAT32 for name in names):
        return SINGLE
    return EXACT if all(is_exact(block) for name in names for block in models[name].roots()) else CLOSE


def is_written(model: Model, dialect: str) -> bool:
    """Whether a dialect has SQL for a model."""
    try:
        indb.to_sql(model, dialect, "t")
    except IndbError:
        return False
    return True


def sql_cells(known: Class, models: dict[str, Model]) -> tuple[str, ...]:
    """How near SQL is on each engine, or no."""
    names = known.own or known.read
    if not names:
        return ("no",) * len(ENGINES)
    near = nearness(names, models)
    smallest = min(names, key=lambda name: len(str(models[name])))
    return tuple(near if is_written(models[smallest], engine) else "no" for engine in ENGINES)


def why(error: Exception) -> str:
    """A refusal in short."""
    text = str(error).split("\n")[0].rpartition("nor can it run as a UDF: ")[2]
    return text.partition(": ")[2] if text.startswith("cannot read") else text


def row(key: Key, known: Class, models: dict[str, Model]) -> Row:
    """The row of one class."""
    sql = sql_cells(known, models)
    if sql[0] != "no":
        return Row(key[1], sql, "numpy", "")
    if key[0] == "sklearn":
        found = walk.walked(key[1])
        if found.model is not None:
            return Row(key[1], sql, "its library" if found.model.is_foreign else "numpy", "")
        assert found.refusal is not None
        return Row(key[1], sql, "no", why(found.refusal))
    return Row(key[1], sql, "no", "no reader")


def offered(package: str) -> set[Key]:
    """The models that a package offers: its classes that predict or transform."""
    if package == "sklearn":
        return {(package, name) for name in walk.CLASSES}
    module = importlib.import_module(NEIGHBOURS[package])
    return {
        (package, name)
        for name, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__.split(".")[0] == package and not name.startswith("_")
        and (hasattr(each, "predict") or hasattr(each, "transform"))
    }  # fmt: skip


def tables() -> dict[str, list[Row]]:
    """Package -> the rows of its table, by name."""
    classes, models = measured()
    found: dict[str, list[Row]] = {}
    for package in ("sklearn", *NEIGHBOURS):
        read_by_name = () if package == "statsmodels" else base.READERS
        keys = offered(package) | {key for key in (*classes, *read_by_name) if key[0] == package}
        found[package] = [row(key, classes[key], models) for key in sorted(keys, key=lambda key: key[1].lower())]
    return found


def totals(rows: list[Row]) -> str:
    """How many classes become what."""
    sql = sum(row.is_sql for row in rows)
    udf = sum(row.udf != "no" and not row.is_sql for row in rows)
    return f"{len(rows)} classes: {sql} as SQL, {udf} more as a Python function, {len(rows) - sql - udf} refused"


def library(package: str) -> str:
    return LIBRARIES.get(package, package)


def summary(found: dict[str, list[Row]]) -> str:
    """The totals of every library, as a list."""
    return "\n".join(f"* {library(package)}: {totals(rows)}" for package, rows in found.items() if rows)


def page(found: dict[str, list[Row]]) -> str:
    """The tables of all libraries."""
    head = "| class | SQL on DuckDB | SQL on PostgreSQL | Python function | refused, because |\n|---|---|---|---|---|"
    parts = [
        f"## {library(package)}\n\n{totals(rows)}.\n\n{head}\n" + "\n".join(row.text for row in rows)
        for package, rows in found.items()
        if rows
    ]
    return "\n\n".join(parts)
