"""PMML text as elements that know their line and what of them was read.

A document is data. A document type, with which XML can define entities that grow or that are fetched, is refused where
it begins, so nothing is expanded or fetched. Namespaces are dropped: every version of PMML has one of its own.

Whatever a reader does not ask an element for is refused at the end by name and line (`refuse_unread`), but for the
table of what says nothing about scores. So nothing is left out by accident.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar
from xml.parsers import expat

from indb.errors import ModelFileError, UnsupportedModel, did_you_mean

MAX_BYTES = 256 * 2**20
"""The largest file: some 2,000 trees of 500 leaves."""
MAX_ELEMENTS = 5_000_000
MAX_ATTRIBUTES = 64
"""How many attributes one element has at most; PMML defines no more than 20 for any."""
MAX_DEPTH = 3_000
"""How deep elements nest at most, counting nodes of trees; other elements nest to a depth of MAX_NESTING."""
MAX_NESTING = 60
NESTED_FREELY = frozenset({"Node"})
"""What nests as deep as a tree is: it is never read by a function that calls itself."""

DEFINITIONS = frozenset({"DerivedField", "DefineFunction"})
"""What says nothing of scores where nobody asks for more than its name."""

NAMESPACE = re.compile(r"https?://www\.dmg\.org/PMML-(\d)[_.](\d)/?")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?INF|NaN")
INTEGER = re.compile(r"[+-]?\d{1,18}")
BOOLEANS = {"true": True, "false": False, "1": True, "0": False}

Choice = TypeVar("Choice")


class Element:
    """One element: its name, its line, its attributes, the elements and the text in it."""

    __slots__ = ("_attributes", "_children", "_read", "_seen", "line", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str], line: int) -> None:
        self.name = name
        self.line = line
        self.text = ""
        self._attributes = attributes
        self._children: list[Element] = []
        self._read = False
        self._seen: set[str] | None = None

    def __repr__(self) -> str:
        return f"<{self.name}> in line {self.line}"

    def refused(self, why: str, hint: str | None = None) -> UnsupportedModel:
        """The error for something that PMML can say and indb does not read."""
        return UnsupportedModel(f"cannot read <{self.name[:60]}> in line {self.line}: {why}", hint)

    def damaged(self, why: str) -> ModelFileError:
        """The error for something that is no PMML."""
        return ModelFileError(f"cannot read <{self.name[:60]}> in line {self.line}: {why}")

    # Attributes

    def get(self, name: str) -> str | None:
        """The text of an attribute, or None."""
        if name not in self._attributes:
            return None
        self._seen = self._seen or set()
        self._seen.add(name)
        return self._attributes[name]

    def needed(self, name: str) -> str:
        """The text of an attribute that must be there."""
        found = self.get(name)
        if found is None:
            raise self.damaged(f"it has no attribute {name}")
        return found

    def number(self, name: str, default: float | None = None) -> float:
        """An attribute that is a number; without a default it must be there."""
        found = self.get(name)
        if found is None:
            if default is None:
                raise self.damaged(f"it has no attribute {name}")
            return default
        return self.parse_number(found, f"its attribute {name}")

    def optional_number(self, name: str) -> float | None:
        """An attribute that is a number, or None."""
        return None if self.get(name) is None else self.number(name)

    def integer(self, name: str, default: int | None = None) -> int:
        """An attribute that is a whole number; without a default it must be there."""
        found = self.get(name)
        if found is None:
            if default is None:
                raise self.damaged(f"it has no attribute {name}")
            return default
        if not INTEGER.fullmatch(found.strip()):
            raise self.damaged(f"its attribute {name} is {found[:40]!r}, needed a whole number")
        return int(found)

    def flag(self, name: str, default: bool) -> bool:
        """An attribute that is true or false."""
        found = self.get(name)
        if found is None:
            return default
        if found.strip() not in BOOLEANS:
            raise self.damaged(f"its attribute {name} is {found[:40]!r}, needed true or false")
        return BOOLEANS[found.strip()]

    def choice(self, name: str, known: Collection[str], default: str | None = None) -> str:
        """An attribute that is one of some words; another word is refused."""
        found = self.get(name)
        if found is None:
            if default is None:
                raise self.damaged(f"it has no attribute {name}")
            return default
        if found not in known:
            raise self.refused(f"{name}={found[:60]!r} is not read", did_you_mean(found[:60], known))
        return found

    def chosen(self, name: str, table: Mapping[str, Choice], default: str | None = None) -> Choice:
        """What a table holds for the word of an attribute; a word that is not in it is refused."""
        return table[self.choice(name, table, default)]

    def refuse(self, name: str, why: str = "is not read") -> None:
        """Refuse an attribute that is there."""
        if name in self._attributes:
            raise self.refused(f"{name}={self._attributes[name][:60]!r} {why}")

    # Elements

    def __iter__(self) -> Iterator[Element]:
        """The elements in it but extensions, each of which counts as read."""
        for child in self._children:
            if child.name != "Extension":
                child._read = True
                yield child

    def all(self, *names: str) -> list[Element]:
        """The elements in it that have one of these names."""
        found = [child for child in self._children if child.name in names]
        for child in found:
            child._read = True
        return found

    def find(self, *names: str) -> Element | None:
        """The one element in it with one of these names, or None.

        Raises: ModelFileError when there are several.
        """
        found = self.all(*names)
        if len(found) > 1:
            raise found[1].damaged(f"<{self.name}> in line {self.line} has a <{found[0].name}> already")
        return found[0] if found else None

    def one(self, *names: str) -> Element:
        """The one element in it with one of these names, which must be there."""
        found = self.find(*names)
        if found is None:
            raise self.damaged(f"it has no <{'> or <'.join(names)}>")
        return found

    def has(self, name: str) -> bool:
        """Whether there is such an element; it does not count as read."""
        return any(child.name == name for child in self._children)

    def unread(self, name: str) -> list[Element]:
        """The elements in it that have this name; they do not count as read."""
        return [child for child in self._children if child.name == name]

    def below(self, name: str) -> Iterator[Element]:
        """The elements at any depth that have this name; they do not count as read."""
        stack = [self]
        while stack:
            element = stack.pop()
            if element.name == name:
                yield element
            stack.extend(element._children)

    def refer(self, name: str) -> None:
        """Become a FieldRef: what was written as something else means a field."""
        self.name, self._attributes, self.text = "FieldRef", {"field": name}, ""

    def ignore(self) -> None:
        """Count it and all that is in it as read: it has no say in the scores."""
        self._read = True
        self._attributes = {}
        self._children = []

    def refuse_unread(self, ignored: Mapping[str, frozenset[str]]) -> None:
        """Refuse what nobody asked for, but what a table of element names holds, where "*" is every element.

        Attributes are written there as "@name". An element that was not read is refused whole. A definition that
        nothing uses may hold anything.
        """
        everywhere = ignored.get("*", frozenset())
        stack = [self]
        while stack:
            element = stack.pop()
            if element.name in DEFINITIONS and element._seen is not None and element._seen <= {"name"}:
                continue
            table = ignored.get(element.name, frozenset())
            for name, value in element._attributes.items():
                known = element._seen is not None and name in element._seen
                if not known and f"@{name}" not in table and f"@{name}" not in everywhere and ":" not in name:
                    raise element.refused(f"its attribute {name}={value[:60]!r} is not read")
            for child in reversed(element._children):
                if child._read:
                    stack.append(child)
                elif child.name not in table and child.name not in everywhere:
                    raise child.refused(f"it is not read inside of <{element.name}>")

    # Text

    def parse_number(self, text: str, what: str = "it") -> float:
        """A text as a number, as XML Schema writes doubles."""
        text = text.strip()
        if not NUMBER.fullmatch(text):
            raise self.damaged(f"{what} is {text[:40]!r}, needed a number")
        return math.nan if text == "NaN" else float(text)


class _Builder:
    """Makes elements of what the XML parser finds."""

    def __init__(self, name: str, parser: expat.XMLParserType) -> None:
        self.name = name
        self.parser = parser
        self.root: Element | None = None
        self.stack: list[Element] = []
        self.texts: list[list[str]] = []
        self.count = 0
        self.nested = 0
        self.known = self.version = ""
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        parser.StartDoctypeDeclHandler = self.doctype
        parser.buffer_text = True

    def refused(self, why: str) -> ModelFileError:
        return ModelFileError(f"cannot load {self.name}: line {self.parser.CurrentLineNumber}: {why}")

    def doctype(self, *_: object) -> None:
        raise self.refused("it has a document type (DOCTYPE), which can define entities; PMML needs none")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        uri, _, local = name.rpartition(" ")
        self.nested += local not in NESTED_FREELY
        if self.count > MAX_ELEMENTS:
            raise self.refused(f"it has more than {MAX_ELEMENTS} elements")
        if len(self.stack) >= MAX_DEPTH or self.nested > MAX_NESTING:
            raise self.refused(f"its elements nest deeper than {MAX_NESTING} (nodes of trees: {MAX_DEPTH})")
        if len(attributes) > MAX_ATTRIBUTES:
            raise self.refused(f"<{local}> has more than {MAX_ATTRIBUTES} attributes")
        if uri != self.known and not self._belongs(uri):
            local = f"{uri}:{local}"
        if not self.stack and self.version:
            attributes.setdefault("version", self.version)  # a root may leave to its namespace which one it is
        element = Element(local, attributes, self.parser.CurrentLineNumber)
        if self.stack:
            self.stack[-1]._children.append(element)
        else:
            self.root = element
        self.stack.append(element)
        self.texts.append([])

    def _belongs(self, uri: str) -> bool:
        """Whether elements of a namespace are PMML's, or cells of a table, which may have any."""
        found = NAMESPACE.fullmatch(uri)
        if found:
            self.known, self.version = uri, f"{found[1]}.{found[2]}"
            return True
        return not uri or any(part.name == "InlineTable" for part in self.stack[-2:])

    def end(self, name: str) -> None:
        element = self.stack.pop()
        self.nested -= name.rpartition(" ")[2] not in NESTED_FREELY
        element.text = "".join(self.texts.pop())

    def characters(self, text: str) -> None:
        self.texts[-1].append(text)


def parse(data: bytes, name: str) -> Element:
    """The root element of an XML text.

    Raises: ModelFileError when it is no XML, has a document type, or is larger or deeper than the limits.
    """
    if len(data) > MAX_BYTES:
        raise ModelFileError(f"cannot load {name}: it has {len(data)} bytes, at most {MAX_BYTES} are read")
    parser = expat.ParserCreate(namespace_separator=" ")
    builder = _Builder(name, parser)
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two for an unknown or wrong encoding
        raise ModelFileError(f"cannot load {name}: it is no XML ({error})") from None
    if builder.root is None:
        raise ModelFileError(f"cannot load {name}: it is no XML (it has no element)")
    return builder.root
