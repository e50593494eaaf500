"""Mutations of PMML: of attributes, elements and texts, so that most files stay well-formed; and hostile preambles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

from fuzz import octets

ENDING = ".pmml"
FOLDER = Path(__file__).resolve().parents[1] / "data" / "pmml"
LARGEST = 8_000
"""Larger fixtures are no seeds: they take long and hold nothing else."""

VALUES = (
    *("", " ", "NaN", "INF", "-INF", "0", "-0", "-1", "1", "2", "1e400", "-1e308", "4e-324", "0x10", "1_000", "9" * 30),
    *("99999999", "2147483648", "0.1.2", "true", "x" * 3000, "☃", "&lt;", "&#0;", "&#x10FFFF;", "a b c"),
    *("continuous", "categorical", "ordinal", "string", "double", "integer", "boolean", "dateTime", "missing", "asIs"),
    *("returnInvalid", "classification", "regression"),
)
PREAMBLES = (
    '<!DOCTYPE PMML [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    '<!DOCTYPE PMML SYSTEM "http://127.0.0.1:9/pmml.dtd">',
    '<!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    '<?xml-stylesheet href="x.xsl"?>',
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<?xml version="1.1"?>',
    '<?xml version="1.0" encoding="no-such"?>',
    "<!-- " + "-" * 100,
    "<![CDATA[",
)

VALUE = re.compile(r'(?<==")[^"<]*(?=")')
TAG = re.compile(r"<(/?)([\w:]+)([^<>]*?)(/?)>")
TEXT = re.compile(r"(?<=>)[^<>]+(?=<)")


def seeds() -> list[bytes]:
    """The fixtures that are small enough."""
    found = [path.read_bytes() for path in sorted(FOLDER.glob("*.pmml"))]
    return [data for data in found if len(data) <= LARGEST]


def mutated(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """A file with one thing changed."""
    if random.random() < 0.15:
        return octets.mutated(data, random, others)
    text = data.decode("utf-8", "replace")
    return random.choice(MUTATIONS)(text, random, others)[: octets.LONGEST].encode("utf-8", "replace")


def _pick(pattern: re.Pattern[str], text: str, random: Random) -> re.Match[str] | None:
    """A match after a random place, else the first: all would take too long to find."""
    return pattern.search(text, random.randrange(len(text) + 1)) or pattern.search(text)


def _put(text: str, found: re.Match[str] | None, value: str) -> str:
    return text if found is None else text[: found.start()] + value + text[found.end() :]


def _value(text: str, random: Random, others: Sequence[bytes]) -> str:
    other = _pick(VALUE, text, random)
    value = random.choice(VALUES) if other is None or random.random() < 0.5 else other[0]
    return _put(text, _pick(VALUE, text, random), value)


def _content(text: str, random: Random, others: Sequence[bytes]) -> str:
    return _put(text, _pick(TEXT, text, random), " ".join(random.choices(VALUES, k=random.choice((1, 1, 3)))))


def _attribute(text: str, random: Random, others: Sequence[bytes]) -> str:
    """Without an attribute, or with one of another element."""
    found, other = (re.compile(r' [\w:]+="[^"<]*"').search(text, random.randrange(len(text) + 1)) for _ in range(2))
    return _put(text, found, "" if other is None or random.random() < 0.5 else f"{found[0] if found else ''}{other[0]}")


def _tag(text: str, random: Random, others: Sequence[bytes]) -> str:
    """An element named otherwise, where it begins and where it ends."""
    found, other = _pick(TAG, text, random), _pick(TAG, random.choice(others).decode("utf-8", "replace"), random)
    if found is None or other is None:
        return text
    return re.sub(rf"(</?){re.escape(found[2])}\b", rf"\g<1>{other[2]}", text, count=random.choice((0, 2)))


def _element(text: str, random: Random, others: Sequence[bytes]) -> str:
    """An element left out, doubled, repeated, put into itself, or put elsewhere."""
    source = text if random.random() < 0.7 else random.choice(others).decode("utf-8", "replace")
    found = _whole(source, random)
    if not found:
        return text
    if source is text and random.random() < 0.4:
        return text.replace(found, random.choice(("", found * 2, found * 50)), 1)
    place = _pick(TAG, text, random)
    if place is None:
        return text
    depth = random.choice((1, 1, 1, 300)) if found.count(">") > 1 else 1
    name = re.match(r"<([\w:]+)", found)
    if depth > 1 and name:
        found = found[: found.index(">") + 1] * depth + found + f"</{name[1]}>" * depth
    return text[: place.end()] + found + text[place.end() :]


def _whole(text: str, random: Random) -> str:
    """An element from its start to its end."""
    start = re.compile(r"<([A-Za-z]\w*)\b[^<>]*>").search(text, random.randrange(len(text) + 1))
    if start is None:
        return ""
    if start[0].endswith("/>"):
        return start[0]
    end = text.find(f"</{start[1]}>", start.end())
    return text[start.start() : end + len(start[1]) + 3] if end >= 0 else ""


def _preamble(text: str, random: Random, others: Sequence[bytes]) -> str:
    entity = text.replace('="', f'="&{random.choice("abx")};', 1)
    return random.choice(PREAMBLES) + random.choice((text, entity, re.sub(r"<\?xml.*?\?>", "", text)))


MUTATIONS = (_value, _value, _value, _content, _attribute, _tag, _element, _element, _preamble)
