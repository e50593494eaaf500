"""A PMML document as a Model: its dictionaries, its model, and a target for the prediction and each output field."""

from __future__ import annotations

import re
from collections.abc import Sequence

from indb import build
from indb.errors import UnsupportedModel
from indb.ir import Block, Column, Label, Model, Target, Type, walk
from indb.readers.finite import finite
from indb.readers.pmml import fields, models, scope, values, verification, written
from indb.readers.pmml.document import Element
from indb.readers.pmml.ignored import IGNORED, MODEL
from indb.readers.pmml.models import Prediction
from indb.readers.pmml.values import Value

VERSIONS = ((3, 0), (4, 4))
"""The first and the last version that are read: 3.0 and 3.1 differ from 3.2 in nothing that is."""


def read_document(root: Element, name: str, columns: Sequence[str] | None) -> Model:
    """The model of a PMML element.

    columns: the table's names for the active fields of the model, in the order of its MiningSchema.
    """
    version = _version(root)
    model = models.model_in(root)
    data = _data(root, model)
    transformations = root.find("TransformationDictionary")
    document = scope.Document(
        name=name,
        version=version,
        data=data,
        derived=scope.by_name(transformations, "DerivedField"),
        functions=scope.by_name(transformations, "DefineFunction"),
        names=_names(model, written.columns(root) if columns is None else columns, name),
    )
    prediction, known = models.read_model(model, document)
    _check_inputs(known)
    root.refuse_unread({**IGNORED, **{each: IGNORED.get(each, frozenset()) | MODEL for each in models.MODELS}})
    targets, left = _targets(prediction, known)
    source = {
        "class": model.name,
        "library": f"PMML {version[0]}.{version[1]}",
        "version": _application(root),
        **({"left out": "; ".join(left)} if left else {}),
    }
    verified = model.find("ModelVerification")
    rows = verification.fields_of(verified) if verified is not None else []
    listed = tuple(document.columns[each] for each in known.mining if each in document.columns)
    plain = Model(listed, tuple(build.guarded(each, document.conditions) for each in targets), source)
    own = written.assembled(plain, root) if verified is None else None
    if own is not None:
        return own
    roots = [block for target in targets for block in target.outputs.values()]
    roots += document.conditions
    numbers = [block for block in walk(roots) if isinstance(block, Column) and block.kind is Type.NUMBER]
    conditions = [*document.conditions, *finite(roots, numbers)]
    examples = verification.examples(verified, known, rows) if verified is not None else ()
    found = Model(listed, tuple(build.guarded(each, conditions) for each in targets), source, examples=examples)
    if verified is not None:
        verification.check(verified, found, known, rows)
    return found


def _application(root: Element) -> str:
    """The name and version of what wrote the file, if it says so. A Header says nothing of scores: it stays unread."""
    for application in [each for header in root.unread("Header") for each in header.unread("Application")]:
        return " ".join(filter(None, (application.get("name"), application.get("version"))))
    return ""


def _version(root: Element) -> tuple[int, int]:
    text = root.needed("version")
    match = re.fullmatch(r"(\d)\.(\d)(\.\d)?", text)
    found = (int(match[1]), int(match[2])) if match else (0, 0)
    if not VERSIONS[0] <= found <= VERSIONS[1]:
        hint = "Versions 3.0 to 4.4 are; programs that wrote older ones often write a newer one when asked to."
        raise root.refused(f"version={text[:20]!r} is not read", hint)
    return found


def _data(root: Element, model: Element) -> dict[str, fields.DataField]:
    """The fields of the DataDictionary that a MiningSchema names, by their names; others may hold anything."""
    named = {each.needed("name") for each in model.below("MiningField")}
    found: dict[str, fields.DataField] = {}
    for element in root.one("DataDictionary").all("DataField"):
        if element.needed("name") not in named:
            element.ignore()
            continue
        each = fields.read_data_field(element)
        if each.name in found:
            raise element.damaged(f"there is a DataField {each.name!r} already")
        found[each.name] = each
    return found


def _names(model: Element, columns: Sequence[str] | None, name: str) -> dict[str, str]:
    """The table's names of the active fields."""
    if columns is None:
        return {}
    active = [each.name for each in scope.read_schema(model).values() if each.usage == "active"]
    given = [str(each) for each in columns]
    if len(given) != len(active) or len(set(given)) != len(given):
        raise UnsupportedModel(
            f"cannot name the columns of {name}: columns= holds {len(set(given))} names, it has {len(active)} fields"
        )
    return dict(zip(active, given, strict=True))


def _check_inputs(known: scope.Scope) -> None:
    """Read every active field, so that a row with a value that one of them refuses is not scored."""
    for mining in known.mining.values():
        data = known.document.data.get(mining.name)
        if mining.usage == "active" and mining.name not in known.found:
            if data is None and mining.name not in known.document.derived:
                raise mining.element.refused("there is no such field in the DataDictionary")
            if data is not None:
                known.field(mining.name, mining.element)


def _targets(prediction: Prediction, known: scope.Scope) -> tuple[list[Target], list[str]]:
    """The prediction as the target "", and each output field by its name; and which are left out, with the reason.

    A model that selects all of its segments has a target for each of them instead, by its name.
    """
    found = [_predicted(name, each) for name, each in (prediction.results or {"": prediction}).items()]
    left = list(prediction.left_out)
    for name in prediction.final:
        target = _target(name, prediction.outputs[name], known)
        if target is None:
            left.append(f"{name} can be any text")
        else:
            found.append(target)
    return found, left


def _predicted(name: str, prediction: Prediction) -> Target:
    """A prediction as a target."""
    outputs: dict[str, Block] = {"predict": prediction.value}
    if prediction.probabilities is not None:
        outputs["predict_proba"] = prediction.probabilities
    return Target(name, outputs, prediction.labels)


def _target(name: str, value: Value, known: scope.Scope) -> Target | None:
    """An output field as a target: a number, or the number of one of the texts that it can be."""
    if not value.is_text:
        labels: tuple[Label, ...] | None = (False, True) if value.data_type == "boolean" else None
        return Target(name, {"predict": value.block}, labels)
    texts = known.texts(value.block)
    if texts is None:
        return None
    return Target(name, {"predict": values.encoded(value.block, texts)}, texts)
