"""Write the fixtures of this folder: one small network, and its like, in the formats of PyTorch, ExecuTorch and Keras.

    python tests/data/edge/make.py

Made with torch 2.13.0, executorch 1.5.1 (which exports, and so needs torchao too) and keras 3.15.1 on torch. Their
tests need only what runs them.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
FOLDER = Path(__file__).parent


def networks() -> dict[str, Any]:
    """Modules of PyTorch: layers with a softmax; and two outputs of a number and of a table of codes."""
    import torch

    torch.manual_seed(0)

    class Dense(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))

        def forward(self, x: Any) -> Any:
            return torch.softmax(self.layers(x), 1)

    class Codes(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(6, 3)
            self.norm = torch.nn.BatchNorm1d(5)
            self.drop = torch.nn.Dropout(0.5)
            self.last = torch.nn.Linear(5, 1)
            self.register_buffer("shift", torch.tensor([0.5, -0.5]))

        def forward(self, code: Any, numbers: Any) -> Any:
            x = torch.cat([self.table(code), numbers + self.shift], 1)
            x = self.drop(self.norm(x)).view(x.shape[0], 5)
            return self.last(x)[:, 0], torch.tanh(x)

    return {"dense": Dense().eval(), "codes": Codes().eval()}


def pytorch() -> None:
    """dense.pt2, codes.pt2, fixed.pt2 (exactly 3 rows), dense.ts, pickle.pt (which is no model file for indb)."""
    import torch

    made = networks()
    n = torch.export.Dim("n", min=1, max=100_000)
    x = torch.randn(3, 4)
    inputs = (torch.tensor([1, 2, 5]), torch.randn(3, 2))
    for name, network, given, shapes in (
        ("dense", "dense", (x,), ({0: n},)),
        ("fixed", "dense", (x,), None),
        ("codes", "codes", inputs, ({0: n}, {0: n})),
    ):
        program = torch.export.export(made[network], given, dynamic_shapes=shapes)
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # it names the folders of whoever exports
        torch.export.save(program, FOLDER / f"{name}.pt2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saved = io.BytesIO()
        torch.jit.save(torch.jit.trace(made["dense"], x), saved)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(FOLDER / "dense.ts", "w") as new:
        for part in old.infolist():
            if not part.filename.endswith(".debug_pkl"):  # the same
                new.writestr(part, old.read(part))
    torch.save({"weight": torch.ones(2)}, FOLDER / "pickle.pt")


def executorch() -> None:
    """dense.pte (up to 64 rows), fixed.pte (1 row), xnnpack.pte (up to 64 rows in XNNPACK)."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    network = networks()["dense"]
    n = torch.export.Dim("n", min=1, max=64)
    for name, rows, shapes, parts in (
        ("dense", 2, ({0: n},), []),
        ("fixed", 1, None, []),
        ("xnnpack", 2, ({0: n},), [XnnpackPartitioner()]),
    ):
        program = torch.export.export(network, (torch.randn(rows, 4),), dynamic_shapes=shapes)
        made = to_edge_transform_and_lower(program, partitioner=parts).to_executorch()
        (FOLDER / f"{name}.pte").write_bytes(made.buffer)


def keras_files() -> None:
    """dense.keras (a number and a softmax), lambda.keras."""
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(5, activation="tanh")(keras.layers.BatchNormalization()(x))
    price = keras.layers.Dense(1, name="price")(hidden)
    kind = keras.layers.Dense(2, activation="softmax", name="kind")(hidden)
    keras.Model(x, [price, kind]).save(FOLDER / "dense.keras")
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda each: each * 2)]).save(FOLDER / "lambda.keras")


def tflite_file() -> None:
    """net.tflite: float32 in, a layer of integers of 8 bits, float32 out."""
    sys.path.insert(0, str(FOLDER.parents[1]))
    import numpy as np
    from tflite_files import Entry, Step, write

    random = np.random.default_rng(0)
    entries = [
        Entry("x", [-1, 3]),
        Entry("integers", [-1, 3], "int8", scale=0.05, zero=-10),
        Entry("weights", [1, 3], "int8", random.integers(-127, 128, (1, 3)), 0.01, 0),
        Entry("bias", [1], "int32", [250], 0.0005, 0),
        Entry("sum", [-1, 1], "int8", scale=0.08, zero=3),
        Entry("share", [-1, 1], "int8", scale=1 / 256, zero=-128),
        Entry("y", [-1, 1]),
    ]
    steps = [
        Step("QUANTIZE", [0], [1]),
        Step("FULLY_CONNECTED", [1, 2, 3], [4], {}, 5),
        Step("LOGISTIC", [4], [5], {}, 2),
        Step("DEQUANTIZE", [5], [6], {}, 2),
    ]
    (FOLDER / "net.tflite").write_bytes(write(entries, steps, [0], [6], description="made by hand"))


if __name__ == "__main__":
    tflite_file()
    pytorch()
    executorch()
    keras_files()
