"""Files that indb wrote (`model.to_pmml()`): which output fields are the lanes of which output of which target.

The fields themselves are read as those of any file; the Extension only puts them together, and gives names back that
PMML does not have. Infinite numbers mean what they mean in indb: the model says itself which rows it refuses.
"""

from __future__ import annotations

import json
from typing import Any

from indb import build
from indb.errors import InvalidModel
from indb.ir import Block, Label, Model, Target
from indb.readers.pmml.document import Element

EXTENDER = "indb"


def columns(root: Element) -> list[str] | None:
    """The columns that the file says the model had, in order; None where it says nothing, or what does not fit."""
    about = _said(root)
    names = about.get("columns")
    count = len(root.one("DataDictionary").all("DataField")) - 1  # the last one is the target
    fits = isinstance(names, list) and len(names) == count and all(isinstance(name, str) for name in names)
    return names if fits else None


def assembled(model: Model, root: Element) -> Model | None:
    """The model with the targets that the file says it had; None where it says nothing, or what does not fit."""
    about = _said(root)
    if not about:
        return None
    try:
        targets = tuple(_target(model, **each) for each in about["targets"])
        source = {str(key): str(value) for key, value in about["source"].items()}
        return Model(model.columns, targets, source)
    except (InvalidModel, LookupError, ValueError, TypeError, AttributeError):
        return None


def _said(root: Element) -> dict[str, Any]:
    """What the Extension holds; nothing where there is none, or several."""
    extensions = [each for header in root.unread("Header") for each in header.unread("Extension")]
    found = [each for each in extensions if each.get("extender") == EXTENDER]
    try:
        about = json.loads(found[0].needed("value")) if len(found) == 1 else {}
    except (ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


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
