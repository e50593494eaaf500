"""A model as a PMML 4.4 file: what blocks compute as derived fields, their sums and trees as models of a chain.

The last model of the chain gives the first output of the first target, and its Output every other number:
`probability(label)` for each label, the lanes of others under their names. What `indb.read` needs to put the outputs
together again is said by an Extension of the Header, which other programs leave alone.

Source: PMML 4.4, "General Structure", "Multiple Models: Model Composition", "Output".
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from indb.export.pmml_fields import NUMBER, TEXT, Fields, Value
from indb.export.pmml_models import REGRESSION, chosen, model, segmentation, table
from indb.export.pmml_scalars import Scalars, mapped, refused
from indb.export.sets import without_sets
from indb.export.xml import element
from indb.ir import Block, Label, Model, Target, Type, rewrite, walk

NAMESPACE, VERSION = "http://www.dmg.org/PMML-4_4", "4.4"
EXTENDER = "indb"
"""Who extends the Header by what the outputs are."""


def to_pmml(source: Model, path: str | os.PathLike[str] | None = None) -> bytes:
    """The bytes of a PMML file, which are written to `path` where one is given.

    Raises: UnsupportedModel for what PMML cannot say; OSError when the path cannot be written.
    """
    if source.is_foreign:
        raise refused("only its own library knows what it computes", "Convert it with that library's own exporter.")
    data = _Document(rewrite(source, without_sets)).xml().encode()
    if path is not None:
        Path(path).write_bytes(data)
    return data


class _Document:
    """The parts of a file in the making."""

    def __init__(self, source: Model) -> None:
        self.source = source
        self.taken = {column.name for column in source.columns}
        self.names = [column.name or self.free("column") for column in source.columns]
        self.fields = Fields(self.taken)
        columns = {
            id(column): self.fields.column(name, TEXT if column.kind is Type.TEXT else NUMBER)
            for column, name in zip(source.columns, self.names, strict=True)
        }
        self.scalars = Scalars(self.fields, columns, list(walk(source.roots())))
        self.outputs: list[str] = []
        self.reads: dict[str, None] = {}

    def free(self, name: str) -> str:
        """A name that nothing else has."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def xml(self) -> str:
        """The whole file."""
        first = self.source.targets[0]
        main, block = next(iter(first.outputs.items()))
        labels = first.labels if main == "predict" else None
        value = self.scalars.number(self.scalars.lane(block, 0))
        number = self.scalars.field(value)
        target = self.free(f"{first.name}.{main}" if first.name else main)
        about: list[dict[str, Any]] = []
        for each in self.source.targets:
            names = {output: self.lanes(each, output, lanes, each is first and output == main)
                     for output, lanes in each.outputs.items()}  # fmt: skip
            about.append({"name": each.name, "labels": each.labels, "outputs": names})
        extension = {
            "columns": [column.name for column in self.source.columns],
            "source": self.source.source,
            "targets": about,
        }
        last = self.last(number, target, labels)
        return self.file(target, labels, last, json.dumps(extension))

    def lanes(self, target: Target, output: str, block: Block, is_main: bool) -> list[str]:
        """Output fields for the lanes of an output; the first lane of the main one is the prediction, ""."""
        prefix = f"{target.name}." if target.name else ""
        names = [f"{prefix}{output}" if block.width == 1 else f"{prefix}{output}_{lane}" for lane in range(block.width)]
        if output == "predict_proba" and target.labels is not None:
            names = [f"{prefix}probability({written(label)})" for label in target.labels]
        if output == "predict" and target.labels is not None and not is_main:
            self.label(f"{prefix}label", target.labels, block)
        values = self.scalars.lanes(block)
        found = [self.output(name, value) for name, value in list(zip(names, values, strict=True))[is_main:]]
        return ["", *found] if is_main else found

    def output(self, name: str, value: Value) -> str:
        """An OutputField of a number; its name."""
        number = self.scalars.number(value)
        return self.field(name, number, NUMBER)

    def field(self, name: str, value: Value, kind: str) -> str:
        name = self.free(name)
        optype = "continuous" if kind == NUMBER else "categorical"
        attributes = {"name": name, "optype": optype, "dataType": kind, "feature": "transformedValue"}
        self.outputs.append(element("OutputField", attributes, [value.xml]))
        self.reads |= dict.fromkeys(sorted(value.reads))
        return name

    def label(self, name: str, labels: tuple[Label, ...], block: Block) -> None:
        """An OutputField of the labels that class numbers stand for, as texts."""
        number = self.scalars.field(self.scalars.number(self.scalars.lane(block, 0)))
        rows = [(float(place), written(label)) for place, label in enumerate(labels)]
        self.field(name, self.fields.derived(mapped(number, rows, TEXT, None, None)), TEXT)

    def last(self, number: str, target: str, labels: tuple[Label, ...] | None) -> str:
        """The model whose prediction is the number, or the label that it stands for."""
        usage = [element("MiningField", {"name": target, "usageType": "target"})]
        reads = dict.fromkeys([number, *self.reads])
        if labels is None:
            content = table([number], [1.0], -0.0)
            return model(self.fields, "RegressionModel", REGRESSION, reads, self.outputs, content, usage)
        attributes = {
            "functionName": "classification",
            "missingValueStrategy": "nullPrediction",
            "noTrueChildStrategy": "returnNullPrediction",
            "splitCharacteristic": "multiSplit",
        }
        content = chosen(number, [written(label) for label in labels])
        return model(self.fields, "TreeModel", attributes, reads, self.outputs, content, usage)

    def file(self, target: str, labels: tuple[Label, ...] | None, last: str, extension: str) -> str:
        header = element(
            "Header",
            None,
            [
                element("Extension", {"extender": EXTENDER, "name": "outputs", "value": extension}),
                element("Application", {"name": "indb"}),
            ],
        )
        parts = [header, self.dictionary(target, labels)]
        early = self.fields.early()
        parts += [element("TransformationDictionary", None, early)] if early else []
        parts.append(self.chain(last, target, labels))
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + element(
            "PMML", {"xmlns": NAMESPACE, "version": VERSION}, parts
        )

    def dictionary(self, target: str, labels: tuple[Label, ...] | None) -> str:
        """The DataDictionary: the columns, and the target with its labels."""
        fields = []
        for column, name in zip(self.source.columns, self.names, strict=True):
            kind = ("categorical", TEXT) if column.kind is Type.TEXT else ("continuous", NUMBER)
            fields.append(element("DataField", {"name": name, "optype": kind[0], "dataType": kind[1]}))
        held = [element("Value", {"value": written(label)}) for label in labels or ()]
        optype = "continuous" if labels is None else "categorical"
        fields.append(element("DataField", {"name": target, "optype": optype, "dataType": data_type(labels)}, held))
        return element("DataDictionary", {"numberOfFields": str(len(fields))}, fields)

    def chain(self, last: str, target: str, labels: tuple[Label, ...] | None) -> str:
        """The models one after the other."""
        function = "regression" if labels is None else "classification"
        segments = segmentation({"multipleModelMethod": "modelChain"}, [*self.scalars.segments.models, last])
        return element("MiningModel", {"functionName": function}, [self.schema(target), segments])

    def schema(self, target: str) -> str:
        """All columns, whatever they hold, and the target."""
        usage = element("MiningField", {"name": target, "usageType": "target"})
        fields = [element("MiningField", {"name": name, "invalidValueTreatment": "asIs"}) for name in self.names]
        return element("MiningSchema", None, [usage, *fields])


def written(label: Label) -> str:
    """A label as PMML writes it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def data_type(labels: tuple[Label, ...] | None) -> str:
    """The type of a target."""
    kinds = {type(label) for label in labels or (0.0,)}
    names: dict[type, str] = {bool: "boolean", int: "integer", float: NUMBER}
    return names.get(kinds.pop(), TEXT) if len(kinds) == 1 else TEXT
