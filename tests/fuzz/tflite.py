"""Mutations of TensorFlow Lite files: their numbers, most of which are offsets, sizes, indices and codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from fuzz import octets

ENDING = ".tflite"
FOLDER = Path(__file__).resolve().parents[1] / "data" / "edge"
NUMBERS = (*range(-4, 13), 16, 32, 53, 64, 127, 128, 255, 256, 1 << 15, 1 << 16, 1 << 24, (1 << 31) - 1, -(1 << 31))


def seeds() -> list[bytes]:
    """A file of TensorFlow's own converter, and networks of each kind of step that blocks have."""
    import numpy as np
    from tflite_files import Entry, Step, dense, write

    random = np.random.default_rng(0)
    found = [(FOLDER / "net.tflite").read_bytes()]
    found += [dense(random, [3, 4, 2], activation, last) for activation, last in (("relu", "SOFTMAX"), ("tanh", ""))]
    quantised = [
        *(Entry("x", [-1, 3]), Entry("q", [-1, 3], "int8", scale=0.05, zero=3)),
        *(Entry("w", [2, 3], "int8", random.integers(-127, 128, (2, 3)), [0.01, 0.02], [0, 0], 0),),
        *(Entry("b", [2], "int32", [-300, 5], [0.0005, 0.001], [0, 0]),),
        *(Entry("y", [-1, 2], "int8", scale=0.06, zero=-5), Entry("p", [-1, 2], "int8", scale=1 / 256, zero=-128)),
        Entry("z", [-1, 2]),
    ]
    steps = [Step("QUANTIZE", [0], [1]), Step("FULLY_CONNECTED", [1, 2, 3], [4], {}, 12)]
    steps += [Step("SOFTMAX", [4], [5], {"Beta": 1.0}, 2), Step("DEQUANTIZE", [5], [6], {}, 2)]
    found.append(write(quantised, steps, [0], [6]))
    joined = [
        *(Entry("x", [-1, 4]), Entry("shape", [3], "int32", [-1, 2, 2]), Entry("mid", [-1, 2, 2])),
        *(Entry("flat", [2], "int32", [-1, 4]), Entry("y", [-1, 4]), Entry("z", [-1, 8]), Entry("n", [-1, 8])),
    ]
    moves = [
        Step("RESHAPE", [0, 1], [2]),
        Step("RESHAPE", [2, 3], [4]),
        Step("CONCATENATION", [0, 4], [5], {"Axis": 1}),
    ]
    return [*found, write(joined, [*moves, Step("NEG", [5], [6])], [0], [6])]


def mutated(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """A file with a number of one, two or four bytes changed, or with other bytes."""
    width = random.choice((1, 1, 2, 4, 4))
    if random.random() < 0.15 or len(data) < width:
        return octets.mutated(data, random, others)
    place = random.randrange(len(data) // width) * width
    before = int.from_bytes(data[place : place + width], "little")
    number = random.choice(NUMBERS) if random.random() < 0.7 else before + random.choice((-4, -2, -1, 1, 2, 4))
    return data[:place] + (number % (1 << 8 * width)).to_bytes(width, "little") + data[place + width :]
