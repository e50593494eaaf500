"""What two other programs make of a PMML file: the JPMML evaluator and PMML4S, both in one Java process.

Each scores all rows of a table in one call. The process is started by the first model and ended with the session.

* JPMML gives, for a row, every target and output field, or an error: an invalid value, or a model that has no result
  (then every field is None and there is an error's text in `errors`).
* PMML4S gives the fields of Output and its own names for the predicted value (`predicted_` and the target) and the
  probabilities of the classes. A row that it finds no result for has None everywhere, and it cannot be given NaN or an
  infinite number, because its rows are JSON.

A model that selects all of its segments has one result for each segment whose predicate is true. JPMML gives a list of
them in the order of the segments, indb a target for each segment, of which `collected` makes such a list.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from engines import absent

Value = float | int | str | bool | None
Row = dict[str, Value]

NO_INTEGER = -(2**63)
"""What PMML4S gives for a label of whole numbers that it does not know."""


@dataclass
class Scored:
    """The fields of each row, and for each row the reason why there are none, or None."""

    rows: list[Row]
    errors: list[str | None]

    def column(self, name: str) -> list[Value]:
        """The values of one field, None where a row has none."""
        return [row.get(name) for row in self.rows]


class Refused(Exception):
    """The program does not take the file at all, and why."""


@dataclass
class Oracles:
    """The Java process, and the models that it has loaded by the name of their file."""

    gateway: Any
    loaded: dict[tuple[str, str], Any] = field(default_factory=dict)

    def jpmml(self, path: Path, rows: Sequence[Row]) -> Scored:
        """What JPMML gives for rows of input fields; a missing value is None. Raises: Refused."""
        evaluator = self._jpmml(path)
        names = sorted({name for row in rows for name in row})
        given = {"columns": names, "data": [[row.get(name) for row in rows] for name in names]}
        score = self._class("org.jpmml.evaluator.python.PythonEvaluatorUtil").evaluateAll
        found = pickle.loads(self._try(score, evaluator, pickle.dumps(given, protocol=2), None, 1))
        columns, data = found["columns"], found["data"]
        scored = [dict(zip(columns, values, strict=True)) for values in zip(*data, strict=True)]
        return Scored(scored or [{} for _ in rows], list(found["errors"] or [None] * len(rows)))

    def jpmml_refuses(self, path: Path, rows: Sequence[Row]) -> list[bool]:
        """Whether JPMML refuses an input field of a row as it is prepared, also one that the model may not come to."""
        fields = {str(each.getName()): each for each in self._jpmml(path).getInputFields()}
        known: dict[tuple[str, str], bool] = {}

        def refuses(name: str, value: Value) -> bool:
            key = name, repr(value)
            if key not in known:
                try:
                    self._try(fields[name].prepare, value)
                    known[key] = False
                except Refused:
                    known[key] = True
            return known[key]

        return [any(refuses(name, row[name]) for name in fields if row.get(name) is not None) for row in rows]

    def jpmml_fields(self, path: Path) -> dict[str, list[tuple[str, str]]]:
        """The names and data types of the "input", "target" and "output" fields that JPMML sees."""
        evaluator = self._jpmml(path)
        methods = {"input": "getInputFields", "target": "getTargetFields", "output": "getOutputFields"}
        return {
            kind: [(str(each.getName()), str(each.getDataType().value())) for each in getattr(evaluator, method)()]
            for kind, method in methods.items()
        }

    def pmml4s(self, path: Path, rows: Sequence[Row]) -> Scored:
        """What PMML4S gives for rows of input fields; a missing value is None. Raises: Refused."""
        model = self.loaded.get(("pmml4s", str(path)))
        if model is None:
            model = self._try(self._class("org.pmml4s.model.Model").fromFile, str(path))
            model.setSupplementOutput(bool(model.targetName()))  # the predicted value beside the fields of Output
            self.loaded["pmml4s", str(path)] = model
        names = sorted({name for row in rows for name in row})
        scored: list[Row] = [{} for _ in rows]
        errors: list[str | None] = ["not a number of JSON"] * len(rows)
        places = [place for place, row in enumerate(rows) if _is_json(row)]
        for part in self._json(model, names, [rows[place] for place in places]):
            place = places.pop(0)
            errors[place] = part if isinstance(part, str) else None
            scored[place] = {} if isinstance(part, str) else part
        return Scored(scored, errors)

    def _json(self, model: Any, names: list[str], rows: Sequence[Row]) -> list[Row | str]:
        """The fields of each row; where PMML4S raises an error for one of them, they are scored in halves."""
        given = {"columns": names, "data": [[row.get(name) for name in names] for row in rows]}
        try:
            found = json.loads(self._try(model.predict, json.dumps(given, ensure_ascii=False)))
        except Refused as error:
            if len(rows) == 1:
                return [str(error)]
            half = len(rows) // 2
            return [*self._json(model, names, rows[:half]), *self._json(model, names, rows[half:])]
        return [
            {name: None if value == NO_INTEGER else value for name, value in zip(found["columns"], values, strict=True)}
            for values in found["data"]
        ]

    def _jpmml(self, path: Path) -> Any:
        key = "jpmml", str(path)
        if key not in self.loaded:
            builder = self._class("org.jpmml.evaluator.LoadingModelEvaluatorBuilder")()
            self._try(builder.load, self._class("java.io.File")(str(path)))
            self.loaded[key] = self._try(builder.build)
        return self.loaded[key]

    def _class(self, name: str) -> Any:
        found: Any = self.gateway.jvm
        for part in name.split("."):
            found = getattr(found, part)
        return found

    @staticmethod
    def _try(function: Any, *arguments: Any) -> Any:
        from py4j.protocol import Py4JJavaError

        try:
            return function(*arguments)
        except Py4JJavaError as error:
            raise Refused(str(error.java_exception.toString())) from error


def _is_json(row: Row) -> bool:
    return all(not isinstance(value, float) or math.isfinite(value) for value in row.values())


def selected(path: Path) -> list[str]:
    """The names of the segments of a file whose model selects all of them; else none."""
    for element in ElementTree.parse(path).iter():
        if element.get("multipleModelMethod") == "selectAll":
            segments = [each for each in element if each.tag.rpartition("}")[2] == "Segment"]
            return [each.get("id") or str(number) for number, each in enumerate(segments, start=1)]
    return []


def collected(found: dict[str, list[Any]], path: Path, target: str) -> dict[str, list[Any]]:
    """Values by the name of a target, with those of the segments as one list for each row, under the model's target."""
    segments = [name for name in selected(path) if name in found]
    if not segments:
        return found
    rows = [present(list(row)) for row in zip(*(found[name] for name in segments), strict=True)]
    return {target: rows, **{name: values for name, values in found.items() if name not in segments}}


def present(value: Any) -> list[Any]:
    """The results that are not missing: a table has none for a false predicate, nor for a missing result."""
    return [each for each in value or () if each is not None and each == each]


@contextmanager
def oracles() -> Iterator[Oracles]:
    """The two programs in a Java process, ended at the end. Without Java, tests are skipped here, but fail in CI."""
    java = shutil.which("java")
    if java is None:
        absent("java, which runs the two PMML evaluators (Debian: default-jre-headless)")
    try:
        import jpmml_evaluator
        import pypmml
        from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway
    except ImportError as error:
        absent(f"the PMML evaluators: {error}")
    folders = [Path(package.__file__).parent for package in (jpmml_evaluator, pypmml)]
    jars = [str(jar) for folder in folders for jar in sorted(folder.glob("*/*.jar"))]
    with open(os.devnull, "w") as nowhere:
        port, token, process = launch_gateway(
            classpath=os.pathsep.join(jars), javaopts=["-Xmx1g", "-Xss16m", "-XX:+UseSerialGC"], die_on_exit=True,
            java_path=java, enable_auth=True, return_proc=True, redirect_stdout=nowhere, redirect_stderr=nowhere,
        )  # fmt: skip
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token, auto_convert=True))
        try:
            yield Oracles(gateway)
        finally:
            gateway.shutdown()
            process.stdin.close()
            process.terminate()
            process.wait(30)
