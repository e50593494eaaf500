"""What the graph of a file does not say: what stands for a missing text, which output is which, and the labels.

It is JSON under the key METADATA of the file: missing_text; columns, pairs of an input and its column; targets, each
with its name, labels, and the graph's name for each output; source, as in indb.ir.Model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from indb.ir import Label
from indb.onnxfile import messages

METADATA = "indb"
"""The key of the file's metadata."""

MISSING_TEXT = "<NULL>"
"""What stands for a missing text, unless the model knows this text: then with more brackets around it."""

MISSING_LABEL = -(2**63)
"""What stands for a missing label where labels are integers."""


def label_table(labels: Sequence[Label], missing_text: str) -> tuple[int, Any]:
    """The type of a label output, and its values: of each class, then of a row without one.

    Integers and booleans become int64, other numbers doubles, texts strings; where texts and numbers are mixed, all are
    texts.
    """
    if all(isinstance(label, int) and abs(label) < 2**63 for label in labels):
        return messages.INT64, np.array([*map(int, labels), MISSING_LABEL], dtype=np.int64)
    if all(isinstance(label, float | int) for label in labels):
        return messages.DOUBLE, np.array([*map(float, labels), np.nan])
    return messages.STRING, [*map(str, labels), missing_text]
