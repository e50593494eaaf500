"""Universal Binary JSON, and which library a file of data belongs to."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from indb.errors import ModelFileError, UnsupportedModel
from indb.readers import read, ubjson


def test_every_type() -> None:
    data = b"{" + b"".join(
        b"U" + bytes([len(key)]) + key.encode() + value
        for key, value in {
            "i": b"i" + struct.pack(">b", -3),
            "U": b"U\xff",
            "I": b"I" + struct.pack(">h", -300),
            "l": b"l" + struct.pack(">i", 70000),
            "L": b"L" + struct.pack(">q", -(2**40)),
            "d": b"d" + struct.pack(">f", 0.5),
            "D": b"D" + struct.pack(">d", 0.1),
            "S": b"SL" + struct.pack(">q", 3) + "é!".encode(),
            "none": b"Z", "yes": b"T", "no": b"F", "C": b"Ca",
            "list": b"[U\x01[]Z]",
            "typed": b"[$d#U\x02" + struct.pack(">ff", 1.5, -2.0),
            "counted": b"[#U\x02TF",
            "empty": b"{}",
        }.items()
    ) + b"}"  # fmt: skip
    found = ubjson.loads(data)
    typed = found.pop("typed")
    assert typed.dtype == np.float32
    assert typed.tolist() == [1.5, -2.0]
    assert found == {
        "i": -3, "U": 255, "I": -300, "l": 70000, "L": -(2**40), "d": 0.5, "D": 0.1, "S": "é!", "none": None,
        "yes": True, "no": False, "C": "a", "list": [1, [], None], "counted": [True, False], "empty": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[", b"{", b"S", b"SU\x05ab", b"x", b"TT", b"[$d#U\x09abc", b"[$d]", b"SZ", b"SU\x01\xff", b"d\x00"),
        *(b"[" * 500, b"[#i\xff", b"[$Z#L" + struct.pack(">q", 2**62), b"[$U#L" + struct.pack(">q", 2**62)),
    ],
)
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        ubjson.loads(data)


@pytest.mark.parametrize(
    ("content", "why"),
    [("[1, 2]", "found no fields"), ('{"a": 1}', "found a"), ("{", "damaged"), ('{"learner": 1, "version": "x"}', "x")],
)
def test_data_of_no_known_library(tmp_path: Any, content: str, why: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelFileError, match=why):
        read(tmp_path / "model.json")


def test_data_without_reader(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from indb.readers.base import READERS

    monkeypatch.delitem(READERS, ("xgboost", "Booster"), raising=False)
    (tmp_path / "model.json").write_text(json.dumps({"learner": {"attributes": {}}, "version": [3, 2, 0]}))
    with pytest.raises(UnsupportedModel, match=r"no reader for xgboost\.Booster"):
        read(tmp_path / "model.json")
