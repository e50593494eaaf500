"""Mutations of ONNX files: of any field of their messages, so that most stay readable as protocol buffers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Any

from fuzz import octets

ENDING = ".onnx"
LARGEST = 4_000
INTEGERS = (
    *(0, 1, -1, 2, 3, 7, 8, 11, 16, 127, 255, 1 << 20),
    *((1 << 31) - 1, -(1 << 31), 1 << 40, (1 << 63) - 1, -(1 << 63)),
)
FLOATS = (0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e38, 1e-45)
TEXTS = (
    *("", "x", "y", "..", "../../etc/passwd", "/etc/passwd", "http://127.0.0.1:9/x", "location", "☃" * 50),
    *("SUM", "LOGISTIC", "BRANCH_LEQ", "LEAF", "ai.onnx.ml", "com.microsoft", "Loop", "If", "Scan", "Conv", "Gemm"),
    *("Cast", "Reshape", "Expand", "Tile", "Range", "ConstantOfShape", "Gather", "Concat", "Pad", "OneHot", "Where"),
    *("TreeEnsembleClassifier", "TreeEnsemble", "SVMClassifier", "LinearClassifier", "LabelEncoder"),
)


def seeds() -> list[bytes]:
    """The node tests of the onnx package that are small, and models of a few nodes."""
    import onnxruntime  # noqa: F401  it looks at the machine's files when it is imported

    from fuzz.onnx_seeds import models

    return [data for data in models() if len(data) <= LARGEST]


def mutated(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """A file with one thing changed."""
    if random.random() < 0.15:
        return octets.mutated(data, random, others)
    from google.protobuf.message import DecodeError

    try:
        model, other = (_parsed(each) for each in (data, random.choice(others)))
        messages = _messages(model)
        _change(random.choice(messages), random, messages, _messages(other))
    except (DecodeError, UnicodeDecodeError):  # by an earlier mutation
        return octets.mutated(data, random, others)
    return bytes(model.SerializePartialToString()[: octets.LONGEST])


def _parsed(data: bytes) -> Any:
    model = _empty()
    model.ParseFromString(data)
    return model


@lru_cache(maxsize=1)
def _class() -> Any:
    from onnx import ModelProto

    return ModelProto


def _empty() -> Any:
    return _class()()


def _messages(root: Any) -> list[Any]:
    """Every message of a file."""
    found, stack = [], [root]
    while stack and len(found) < 2_000:
        message = stack.pop()
        found.append(message)
        for field, value in message.ListFields():
            if field.message_type is not None:
                stack.extend(value if field.is_repeated else [value])
    return found


def _change(message: Any, random: Random, messages: list[Any], others: list[Any]) -> None:
    """One field of a message, set or not, becomes another."""
    present = [field for field, _ in message.ListFields()]
    field = random.choice(present if present and random.random() < 0.8 else list(message.DESCRIPTOR.fields))
    if field.message_type is not None:
        alike = [each for each in messages + others if each.DESCRIPTOR is field.message_type]
        _change_message(message, field, random, alike)
        return
    if field.is_repeated:
        _change_list(getattr(message, field.name), field, random)
    elif random.random() < 0.15:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _value(field, random, getattr(message, field.name)))


def _value(field: Any, random: Random, before: Any) -> Any:
    if field.enum_type is not None:
        return random.choice(field.enum_type.values).number
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return random.choice(FLOATS)
    if field.type in (field.TYPE_STRING, field.TYPE_BYTES):
        text = random.choice(TEXTS)
        if field.type == field.TYPE_STRING:
            return text
        return random.choice((text.encode(), bytes(before)[: random.randint(0, 64)], bytes(before) + b"\0" * 4))
    number = random.choice(INTEGERS) if random.random() < 0.7 else int(before) + random.choice((-1, 1))
    bits = 32 if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 64
    low = 0 if field.cpp_type in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64) else -(1 << (bits - 1))
    return min(max(number, low), low + (1 << bits) - 1)


def _change_list(values: Any, field: Any, random: Random) -> None:
    choice = random.random()
    if not values or choice < 0.2:
        values.append(_value(field, random, b"" if field.type in (field.TYPE_STRING, field.TYPE_BYTES) else 0))
    elif choice < 0.7:
        place = random.randrange(len(values))
        values[place] = _value(field, random, values[place])
    elif choice < 0.85:
        del values[random.randrange(len(values))]
    elif choice < 0.95:
        values.extend(list(values)[:64])
    else:
        del values[:]


def _change_message(message: Any, field: Any, random: Random, known: list[Any]) -> None:
    if not field.is_repeated:
        if known and random.random() < 0.7:
            getattr(message, field.name).CopyFrom(_copy(random.choice(known)))
        else:
            message.ClearField(field.name)
        return
    values = getattr(message, field.name)
    if values and random.random() < 0.4:
        del values[random.randrange(len(values))]
    elif known:
        copied = _copy(random.choice(known))
        values.insert(random.randint(0, len(values)), copied) if random.random() < 0.7 else values.extend([copied] * 20)


def _copy(message: Any) -> Any:
    made = type(message)()
    made.CopyFrom(message)
    return made
