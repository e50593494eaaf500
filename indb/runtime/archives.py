"""Files of torch: ZIP archives of a folder, whose parts are stored as they are."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

MAX_FILES = 1 << 16


class Archive(dict[str, bytes]):
    """The parts of an archive by their names below its folder.

    Raises: ValueError when the bytes are no such archive; its parts must not be more than the file, so that nothing
    grows when it is read.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__()
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > len(data):
                raise ValueError("it unfolds to more than its own size")
            names = [entry.filename.partition("/") for entry in entries]
            if len({(folder, rest) for folder, _, rest in names}) != len(names):
                raise ValueError("it holds two parts of one name")
            if len({folder for folder, _, _ in names}) != 1:
                raise ValueError("its parts are not in one folder")
            for entry, (_, _, name) in zip(entries, names, strict=True):
                if entry.flag_bits & 1:
                    raise ValueError(f"its part {name} is encrypted")
                self[name] = archive.read(entry)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError) as error:
            raise ValueError(f"it is no ZIP archive, or a damaged one ({error})") from error

    def part(self, name: str) -> bytes:
        """A part. Raises: ValueError when there is none of that name."""
        if name not in self:
            raise ValueError(f"it has no part {name}")
        return self[name]

    def document(self, name: str) -> Any:
        """A part that is JSON."""
        try:
            return json.loads(self.part(name))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"its part {name} is not readable: {error}") from error


def packed(parts: Mapping[str, bytes]) -> bytes:
    """An archive of some parts, as torch reads it."""
    return packed_at("model/", parts)


def packed_at(folder: str, parts: Mapping[str, bytes]) -> bytes:
    """An archive of some parts in a folder; the same ones give the same bytes."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(parts):
            archive.writestr(zipfile.ZipInfo(f"{folder}{name}"), parts[name])
    return found.getvalue()
