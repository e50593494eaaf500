"""The functions of `import indb` that are put together from several layers."""

from __future__ import annotations

from collections.abc import Sequence

from indb import codec, emit
from indb.codec import StrPath
from indb.ir import Model
from indb.passes import optimise


def load(path: StrPath) -> Model:
    """Read a model that `Model.save` wrote.

    Raises: ModelFileError when the file is missing, damaged, no model, or from a newer indb.
    """
    return codec.load(path)


def to_sql(
    model: Model,
    dialect: str,
    table: str,
    key: str | Sequence[str] = (),
    outputs: Sequence[str] = ("predict", "predict_proba"),
) -> str:
    """One SELECT that scores a table, as text: the key columns and the outputs.

    table: its name as SQL reads it, so `schema.table` or `"odd.name"`.

    Raises: EmitError when the dialect is unknown or the model nests too deep for it.
    """
    columns = (key,) if isinstance(key, str) else tuple(key)
    return emit.to_sql(optimise(model.in_sql), dialect, table, columns, codec.digest(model), outputs)
