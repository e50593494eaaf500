"""What the names in a model stand for: the columns of the table, fields that are derived from them, and functions.

A model inside of a model has a scope of its own, whose fields are those of the outer one, treated once more where its
MiningSchema says so. Every field is read once, when something asks for it, and is the same block from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from indb.errors import did_you_mean
from indb.ir import Block, Column, Label
from indb.readers.pmml import fields, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.expressions import expression_in, read_expression
from indb.readers.pmml.predicates import Logic, predicate_in, read_predicate
from indb.readers.pmml.values import Value

MAX_EXPRESSIONS = 20_000
"""How many expressions are read, counting those in functions once for each call: functions can call each other."""

MAX_CALLS = 60
"""How deep fields and functions may rest on one another."""


@dataclass
class Document:
    """What all models of a file share."""

    name: str
    version: tuple[int, int]
    data: dict[str, fields.DataField]
    derived: dict[str, Element]
    functions: dict[str, Element]
    names: Mapping[str, str]
    """Name of a field -> the table's name for its column."""
    columns: dict[str, Column] = field(default_factory=dict)
    conditions: list[Block] = field(default_factory=list)
    count: int = 0
    open: list[tuple[int, str]] = field(default_factory=list)
    guards: list[Block] = field(default_factory=list)

    def column(self, name: str) -> Column:
        """The column of a field of the DataDictionary."""
        kind = values.type_of(self.data[name].data_type)
        return self.columns.setdefault(name, Column(self.names.get(name, name), kind))

    def require(self, condition: Block) -> None:
        """Score only rows for which the condition is true, of those that come to it; others score missing."""
        for guard in self.guards:
            condition = values.either(values.opposite(guard), condition)
        self.conditions.append(condition)

    @contextmanager
    def where(self, guard: Block) -> Iterator[None]:
        """Read something that only rows come to for which the guard is true."""
        self.guards.append(guard)
        try:
            yield
        finally:
            self.guards.pop()

    @contextmanager
    def reading(self, what: str, owner: object, element: Element) -> Iterator[None]:
        """Read something of an owner. Raises: UnsupportedModel when it needs itself, or rests on too much."""
        if (id(owner), what) in self.open:
            raise element.refused(f"{what} is defined by itself")
        if len(self.open) >= MAX_CALLS:
            raise element.refused(f"fields and functions rest on one another more than {MAX_CALLS} deep")
        self.open.append((id(owner), what))
        try:
            yield
        finally:
            self.open.pop()

    def step(self, element: Element) -> None:
        """Count one expression."""
        self.count += 1
        if self.count > MAX_EXPRESSIONS:
            raise element.refused(f"its functions come to more than {MAX_EXPRESSIONS} expressions")


@dataclass(frozen=True, slots=True)
class Target:
    """The field that a model predicts, by what the dictionaries say of it; all empty where it names none."""

    name: str = ""
    data_type: str = ""
    optype: str = ""
    order: tuple[float | str, ...] = ()
    displayed: Mapping[float | str, str] = field(default_factory=dict)

    def text(self, written: str, element: Element) -> str:
        """A category in the one way that its value is written in: 1 and 1.0 are the same number."""
        if self.data_type in ("", "string"):
            return written
        return values.text_of(values.parse(written, self.data_type, element), self.data_type)

    def labels(self, texts: Sequence[str], element: Element) -> tuple[Label, ...]:
        """Texts of the model as values of its target. Raises: ModelFileError where two are the same."""
        found = tuple(values.label(text, self.data_type or "string", element) for text in texts)
        if len(set(found)) != len(found):
            raise element.damaged(f"its categories are not different: {', '.join(texts)[:100]}")
        return found


@dataclass
class Scope:
    """The names that one model can use. `model` is its element, `function` its functionName."""

    document: Document
    model: Element
    function: str
    mining: dict[str, fields.MiningField]
    derived: dict[str, Element]
    parent: Scope | None = None
    target: Target = field(default_factory=Target)
    found: dict[str, Value] = field(default_factory=dict)
    single: bool = False
    """Whether the model adds in float32 (x-mathContext="float", an extension of JPMML's)."""

    def field(self, name: str, element: Element) -> Value:
        """The value of a field. Raises: UnsupportedModel when there is no such field, or it cannot be an input."""
        if name not in self.found:
            guards, self.document.guards = self.document.guards, []  # the field may be asked for elsewhere too
            try:
                with self.document.reading(f"the field {name!r}", self, element):
                    self.found[name] = self._read(name, element)
            finally:
                self.document.guards = guards
        return self.found[name]

    def _read(self, name: str, element: Element) -> Value:
        if name in self.derived:
            return read_derived(self.derived[name], self)
        if name in self.mining:
            return self._mining(self.mining[name], element)
        if name in self.document.derived:
            outer = self
            while outer.parent is not None:
                outer = outer.parent
            return read_derived(self.document.derived[name], self) if outer is self else outer.field(name, element)
        if self.parent is not None and name in self.parent.visible:
            return self.parent.field(name, element)
        raise element.refused(f"there is no field {name!r}", did_you_mean(name, self.visible))

    @property
    def visible(self) -> set[str]:
        """The names of all fields that the model can use."""
        outer = self.parent.visible if self.parent is not None else set()
        return {*self.derived, *self.mining, *self.document.derived, *self.found, *outer}

    def _mining(self, mining: fields.MiningField, element: Element) -> Value:
        if mining.usage not in fields.INPUTS:
            raise element.refused(f"the field {mining.name!r} is used as an input, it is {mining.usage}")
        if self.parent is not None:
            outer = self.parent.field(mining.name, element)
            if not mining.treats:
                return values.with_optype(outer, mining.optype or outer.optype)
            data = self.document.data.get(mining.name)
            if data is None:
                data = fields.undeclared(mining.name, mining.element, outer.data_type, outer.optype)
            return fields.treated(outer.block, data, mining, self.document.require)
        if mining.name not in self.document.data:
            raise mining.element.refused(f"the field {mining.name!r} is not in the DataDictionary")
        data = self.document.data[mining.name]
        return fields.treated(self.document.column(mining.name), data, mining, self.document.require)

    def require(self, condition: Block) -> None:
        """Score only rows for which the condition is true; others score missing."""
        self.document.require(condition)

    def predicate(self, element: Element) -> Logic:
        """The predicate in an element."""
        return read_predicate(predicate_in(element), self)

    def expression(self, element: Element) -> Value:
        """An expression element, such as FieldRef or Apply."""
        return read_expression(element, self, self.field)

    def texts(self, block: Block) -> tuple[str, ...] | None:
        """Every text that a TEXT block can give, or None where that can be any."""
        known: dict[str, Sequence[str] | None] = {}
        for name, column in self.document.columns.items():
            valid = self.document.data[name].valid
            known[column.name] = [str(value) for value in valid] if valid else None
        return values.texts_of(block, known)


def read_derived(element: Element, scope: Scope) -> Value:
    """A DerivedField in the type that it says."""
    found = scope.expression(expression_in(element))
    written = "datatype" if element.get("dataType") is None and element.get("datatype") else "dataType"
    data_type = element.choice(written, values.DATA_TYPES)
    optype = element.choice("optype", values.OPTYPES)
    order = tuple(values.parse(child.needed("value"), data_type, child) for child in element.all("Value"))
    cast = values.with_optype(values.cast(found, data_type, element, scope.require), optype)
    return replace(cast, order=order)


def by_name(parent: Element | None, kind: str) -> dict[str, Element]:
    """The elements of a kind in a TransformationDictionary or LocalTransformations by their names."""
    found: dict[str, Element] = {}
    for element in parent.all(kind) if parent is not None else ():
        name = element.needed("name")
        if name in found:
            raise element.damaged(f"there is a {kind} {name!r} already")
        found[name] = element
    return found


def read_schema(model: Element) -> dict[str, fields.MiningField]:
    """The fields of a model's MiningSchema by their names."""
    found: dict[str, fields.MiningField] = {}
    for element in model.one("MiningSchema").all("MiningField"):
        mining = fields.read_mining_field(element)
        if mining.name in found:
            raise element.damaged(f"there is a MiningField {mining.name!r} already")
        found[mining.name] = mining
    return found


def open_scope(
    document: Document, model: Element, functions: Sequence[str], parent: Scope | None = None
) -> Scope:  # fmt: skip
    """The scope of a model element; `functions`: what functionName may say."""
    function = model.choice("functionName", functions)
    derived = by_name(model.find("LocalTransformations"), "DerivedField")
    scope = Scope(document, model, function, read_schema(model), derived, parent)
    scope.target = _target(scope)
    scope.single = model.choice("x-mathContext", ("float", "double"), "double") == "float"
    if not model.flag("isScorable", True):
        raise model.refused("isScorable='false': it only describes data")
    return scope


def _target(scope: Scope) -> Target:
    """The field that a model predicts; a model inside of another one may leave it to that one."""
    named = [each for each in scope.mining.values() if each.usage in fields.TARGETS]
    if len(named) > 1:
        raise named[1].element.refused("the model has several target fields")
    if not named:
        return scope.parent.target if scope.parent is not None else Target()
    data = scope.document.data.get(named[0].name)
    if data is None:
        if named[0].name in scope.document.derived:
            element = scope.document.derived[named[0].name]
            return Target(named[0].name, element.choice("dataType", values.DATA_TYPES), "continuous")
        raise named[0].element.refused("its target is not in the DataDictionary")
    return Target(data.name, data.data_type, named[0].optype or data.optype, data.valid, data.displayed)
