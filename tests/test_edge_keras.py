"""Keras files as foreign models: Keras's own numbers, and that a file makes nothing but layers of numbers."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edge import DATA, changed, rows, scored, single

import indb
from indb.errors import ModelFileError
from indb.ir import ForeignModel

pytest.importorskip("h5py")
pytest.importorskip("torch")
pytestmark = pytest.mark.slow

ROWS = rows()


@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_a_model_gives_what_keras_gives() -> None:
    model = indb.read(DATA / "dense.keras")
    import keras

    assert isinstance(model, ForeignModel)
    assert [target.name for target in model.targets] == ["price", "kind"]
    wanted = keras.saving.load_model(DATA / "dense.keras").predict(single(ROWS), verbose=0)
    found = scored(model, ROWS)
    np.testing.assert_array_equal(found["price"]["predict"], wanted[0])
    np.testing.assert_array_equal(found["kind"]["transform"], wanted[1])
    assert np.isnan(wanted[1][2]).all()
    alone = scored(model, ROWS, 1)["kind"]["transform"]
    np.testing.assert_allclose(alone, wanted[1], rtol=1e-6)


def edited(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """dense.keras with another configuration."""

    def edit(parts: dict[str, bytes]) -> None:
        config = json.loads(parts["config.json"])
        change(config["config"])
        parts["config.json"] = json.dumps(config).encode()

    return changed("dense.keras", edit)


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "function": (
        lambda c: c["layers"][2]["config"].update(
            activation={"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
        ),
        "made of os.function",
    ),
    "class": (lambda c: c["layers"][2].update(module="os.path"), "made of os.path.Dense, needed Keras's own"),
    "texts": (lambda c: c["layers"][2].update(class_name="StringLookup"), "made of keras.layers.StringLookup"),
    "registered": (lambda c: c["layers"][2].update(registered_name="mine>Dense"), "needed Keras's own layers"),
    "nested": (lambda c: c.update(x=json.loads("[" * 200 + "]" * 200)), "is nested too deeply"),
    "sizes": (lambda c: c["layers"][2]["config"].update(units=7), "cannot load m.keras: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_made(name: str, tmp_path: Path) -> None:
    change, why = REFUSED[name]
    (tmp_path / "m.keras").write_bytes(edited(change))
    with pytest.raises(ModelFileError, match=why):
        indb.read(tmp_path / "m.keras")


def test_lambda_layers_hold_code() -> None:
    with pytest.raises(ModelFileError, match="it is made of keras.layers.Lambda, needed Keras's own layers of numbers"):
        indb.read(DATA / "lambda.keras")


def test_weights_lie_in_the_file(tmp_path: Path) -> None:
    import h5py

    def linked(make: Callable[[Any], Any]) -> bytes:
        def edit(parts: dict[str, bytes]) -> None:
            data = io.BytesIO(parts["model.weights.h5"])
            with h5py.File(data, "a") as file:
                make(file)
            parts["model.weights.h5"] = data.getvalue()

        return changed("dense.keras", edit)

    for make, why in (
        (lambda file: file.update({"other": h5py.ExternalLink("/etc/passwd", "/x")}), "are a link to another place"),
        (lambda file: file.create_dataset("big", (1 << 40,), "f4", chunks=(1 << 10,)), "are not stored as they are"),
        (
            lambda file: file.create_dataset("out", (4,), "u1", external=[("/etc/passwd", 0, 4)]),
            "not stored as they are",
        ),
    ):
        (tmp_path / "m.keras").write_bytes(linked(make))
        with pytest.raises(ModelFileError, match=why):
            indb.read(tmp_path / "m.keras")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    data = (DATA / "dense.keras").read_bytes()
    for damaged in (b"", data[:100], data[: len(data) // 2]):
        (tmp_path / "m.keras").write_bytes(damaged)
        with pytest.raises(ModelFileError, match="cannot load m.keras: it is no ZIP archive"):
            indb.read(tmp_path / "m.keras")


def test_the_environment_may_choose_the_backend() -> None:
    indb.read(DATA / "dense.keras")
    assert os.environ["KERAS_BACKEND"] in ("tensorflow", "torch", "jax")
