"""PyTorch, loaded on demand."""

from __future__ import annotations

import sys
from typing import Any

from indb.runtime.tensors import absent

REFUSALS = (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError)
"""What torch raises for a row that it does not take, such as a number that an embedding has no row for."""


def load(what: str) -> Any:
    """The package torch, on one thread unless someone else in this process uses it: the database's share the rows.

    what: what cannot be done without it. Raises: ModelFileError when it is missing here.
    """
    is_ours = "torch" not in sys.modules
    try:
        import torch
    except ImportError:
        raise absent("torch", what) from None
    if is_ours:
        torch.set_num_threads(1)
    return torch


def array(found: Any) -> Any:
    """A tensor of torch as an array. Raises: ValueError for one that numpy does not have."""
    kind = str(found.dtype).removeprefix("torch.")
    return (found.float() if kind == "bfloat16" else found).contiguous().numpy()
