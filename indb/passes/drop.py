"""Columns that no output reads are not asked of the table. Exact."""

from __future__ import annotations

from dataclasses import replace

from indb.ir import Model, walk


def drop_unread(model: Model) -> Model:
    """The model with the columns that it reads."""
    read = {id(block) for block in walk(model.roots())}
    columns = tuple(column for column in model.columns if id(column) in read)
    return model if len(columns) == len(model.columns) else replace(model, columns=columns)
