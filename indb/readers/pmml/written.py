"""Files that indb wrote (`model.to_pmml()`): which output fields are the lanes of which output of which target.

The fields themselves are read as those of any file; the Extension only puts them together, and gives names back that
PMML does not have. Infinite numbers mean what they mean in indb: the model says itself which rows it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from indb import build
from indb.errors import InvalidModel
from indb.ir import Block, Column, Label, Model, Target, rewrite
from indb.readers.pmml.document import Element

EXTENDER = "indb"


def assembled(model: Model, root: Element, columns: Sequence[str] | None) -> Model | None:
    """The model with the targets that the file says it had; None where it says nothing, or what does not fit.

    columns: the names that were asked for, if any.
    """
    header = root.find("Header")
    found = [each for each in header.all("Extension") if each.get("extender") == EXTENDER] if header is not None else []
    if len(found) != 1:
        return None
    try:
        about = json.loads(found[0].needed("value"))
        targets = tuple(_target(model, **each) for each in about["targets"])
        source = {str(key): str(value) for key, value in about["source"].items()}
        names = dict(zip((each.name for each in model.columns), about["columns"], strict=True))
        known = Model(model.columns, targets, source)
        return known if columns is not None else _renamed(known, names)
    except (InvalidModel, LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _target(model: Model, name: str, labels: list[Label] | None, outputs: dict[str, list[str]]) -> Target:
    """A target of lanes by the names of their fields. Raises: LookupError, ValueError where they do not fit."""
    lanes = {each.name: each.outputs["predict"] for each in model.targets}
    given = None if labels is None else tuple(labels)
    if given is not None and outputs.get("predict") == [""]:
        read = model.targets[0].labels
        if read is None or [str(each) for each in read] != [str(each) for each in given]:
            raise ValueError("other labels")
    found: dict[str, Block] = {
        str(output): build.concat([lanes[field] for field in fields]) for output, fields in outputs.items()
    }
    return Target(str(name), found, given)


def _renamed(model: Model, names: dict[str, Any]) -> Model:
    """The model with other names of columns."""
    if all(old == new for old, new in names.items()):
        return model
    columns = {id(each): Column(str(names[each.name]), each.kind) for each in model.columns}
    changed = rewrite(model, lambda block: columns.get(id(block), block))
    return Model(tuple(columns.values()), changed.targets, model.source)
