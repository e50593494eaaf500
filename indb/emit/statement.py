"""Nodes to statements: one expression, a PL/pgSQL block with local variables, or one SELECT with named stages."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from indb.emit.binding import Binding, SqlColumn
from indb.emit.dialects import dialect_of
from indb.emit.dialects.base import Dialect
from indb.emit.guards import RaisingGraph
from indb.emit.layout import indent
from indb.emit.lower import Lowering
from indb.emit.outputs import OutputLane, lower_lane, output_lanes
from indb.emit.parameters import Parameters, TableNames
from indb.emit.render import Renderer, finished, protected
from indb.emit.scalar import CONDITIONS, Form, Graph, Node, walk
from indb.emit.stage import Size, Work, deepest, levels, size, stages, work
from indb.errors import EmitError
from indb.ir import Model


class Strategy(enum.Enum):
    """How a model runs in a database: one SQL expression, SQL with shared values first, or a Python function."""

    EXPRESSION = "expression"
    STAGED = "staged"
    UDF = "udf"


SQL_STRATEGIES = (Strategy.EXPRESSION, Strategy.STAGED)
"""What this package writes."""


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a function: `kind` "expression" (an SQL expression) or "plpgsql" (a block with its declarations)."""

    kind: str
    text: str


def lowering_of(dialect: Dialect, binding: Binding, model: Model) -> Lowering:
    """An empty graph of the kind that the dialect needs, and what lowers the blocks of a model into it."""
    return Lowering(RaisingGraph() if dialect.raises else Graph(), binding, Parameters(model))


def body(
    model: Model,
    lane: OutputLane,
    dialect: str,
    binding: Binding,
    strategy: Strategy,
    as_text: bool = False,
    tables: TableNames | None = None,
) -> Body:
    """One lane as the body of a function; `as_text` gives a label of any type as text.

    tables: what the model's tables of constants are called (see `parameter_tables`); by default they are written out.

    Raises: EmitError when the dialect is unknown or cannot nest the model's trees so deep.
    """
    spoken = dialect_of(dialect)
    lowering = lowering_of(spoken, binding, model)
    root = lower_lane(lowering, model, lane, as_text)
    _check_depth(spoken, [root])
    type_ = "text" if as_text else lane.type
    shared = stages([root], lowering.words)
    has_queries = any(node.kind is Form.QUERY for node in walk([root]))
    if strategy is not Strategy.STAGED:  # a query that is read twice would run twice
        shared = [(name, node) for name, node in shared if node.kind is Form.QUERY]
    renderer = Renderer(spoken, binding, tables=tables)
    if strategy is Strategy.STAGED and spoken.functions == "plpgsql":
        return Body("plpgsql", finished(_plpgsql(renderer, shared, root, type_)))
    if not shared or not (has_queries or spoken.functions == "lambda"):
        return Body("expression", finished(cast_output(spoken, renderer, root, type_)))
    write = _nested_selects if has_queries else _lambda  # no lambda may hold a query
    return Body("expression", finished(write(renderer, shared, root, type_)))


def estimate(model: Model, dialect: str, binding: Binding) -> Size:
    """The size of all lanes together."""
    return size(_roots(model, dialect_of(dialect), binding, output_lanes(model))[1])


def largest_lane(model: Model, dialect: str, binding: Binding) -> Size:
    """The size of the lane that is biggest when its shared values are written out."""
    _, roots = _roots(model, dialect_of(dialect), binding, output_lanes(model))
    return size([max(roots, key=lambda root: root.size)])


def largest_work(model: Model, dialect: str, binding: Binding) -> Work:
    """The work of the lane that takes most."""
    _, roots = _roots(model, dialect_of(dialect), binding, output_lanes(model))
    return max((work(root) for root in roots), key=lambda found: found.operations)


def _roots(
    model: Model, dialect: Dialect, binding: Binding, lanes: Sequence[OutputLane]
) -> tuple[Lowering, list[Node]]:
    lowering = lowering_of(dialect, binding, model)
    return lowering, [lower_lane(lowering, model, lane) for lane in lanes]


def cast_output(dialect: Dialect, renderer: Renderer, root: Node, type_: str) -> str:
    """The text of an output in its own type."""
    text = renderer.value(root)
    if type_ == "boolean":
        return f"({text}) = {dialect.number(1.0)}"
    if type_ == "bigint":
        return dialect.cast(f"({text})", "bigint")
    if type_ == "text":  # a bare literal, or NULL alone, has no type yet
        return dialect.cast(f"({text})", "text")
    return text


def _check_depth(dialect: Dialect, roots: Sequence[Node]) -> None:
    depth = deepest(roots)
    if depth > dialect.max_depth:
        raise EmitError(
            f"cannot write the model for {dialect.name}: its expressions nest {depth} deep, "
            f"the database takes {dialect.max_depth}",
            "Train the trees with a smaller max_depth.",
        )


def _plpgsql(renderer: Renderer, shared: Sequence[tuple[str, Node]], root: Node, type_: str) -> str:
    """DECLARE the shared values, compute each once, RETURN the result."""
    steps: list[str] = []
    for name, node in shared:
        text = renderer.definition(node)
        steps.append(f"  {name} := {indent(text)};")
        renderer.names[node.number] = name
    result = cast_output(renderer.dialect, renderer, root, type_)
    declared = "".join(f"  {name} {_declared_type(node)};\n" for name, node in shared)
    head = f"DECLARE\n{declared}" if declared else ""
    return f"{head}BEGIN\n" + "".join(step + "\n" for step in steps) + f"  RETURN {indent(result)};\nEND"


def _declared_type(node: Node) -> str:
    if node.kind in CONDITIONS:
        return "boolean"
    return "float8[]" if node.kind is Form.QUERY and node.value.width > 1 else "float8"


def _nested_selects(renderer: Renderer, shared: Sequence[tuple[str, Node]], root: Node, type_: str) -> str:
    """Nested lets: each SELECT of one row gives names to values, beside those of the SELECT that it reads."""
    fence = f" {renderer.dialect.fence}" if renderer.dialect.fence else ""
    source = ""
    for depth, group in enumerate(levels(shared)):
        fields = ",\n    ".join(f"{indent(indent(renderer.definition(node)))} AS {name}" for name, node in group)
        below = f"_s{depth - 1}.*,\n    {fields}\n  FROM {indent(source)}" if source else fields
        source = f"(\n  SELECT\n    {below}{fence}\n) AS _s{depth}"
        known = {number: f"_s{depth}.{name.split('.')[-1]}" for number, name in renderer.names.items()}
        renderer.names = {**known, **{node.number: f"_s{depth}.{name}" for name, node in group}}
    result = cast_output(renderer.dialect, renderer, root, type_)
    return f"(SELECT\n  {indent(result)}\nFROM {source})"


def _lambda(renderer: Renderer, shared: Sequence[tuple[str, Node]], root: Node, type_: str) -> str:
    """Nested lets: a lambda over a list of one struct gives names to the values that it holds."""
    opened: list[str] = []
    for depth, group in enumerate(levels(shared)):
        fields = ",\n    ".join(f"{name} := {indent(indent(renderer.definition(node)))}" for name, node in group)
        opened.append(f"list_transform([struct_pack(\n    {fields}\n  )], lambda _s{depth}:\n")
        renderer.names.update({node.number: f"_s{depth}.{name}" for name, node in group})
    inner = cast_output(renderer.dialect, renderer, root, type_)
    return "".join(opened) + f"  {indent(inner)}\n" + ")[1]" * len(opened)


def select(
    model: Model,
    dialect: str,
    source: str,
    key: Sequence[str],
    binding: Binding,
    outputs: Sequence[str] = ("predict", "predict_proba"),
    alias: str = "t",
    tables: TableNames | None = None,
) -> str:
    """One SELECT over `source` (SQL text: a quoted table or a subquery in parentheses, read through `alias`).

    It gives the key columns, by their names, and the lanes of `outputs`, by the names of `output_lanes`; models without
    any of these outputs give what they have. Shared values are computed in named stages.

    Raises: EmitError when the dialect is unknown or cannot nest the model so deep.
    """
    return finished(written_select(model, dialect, protected(source), key, binding, outputs, alias, tables))


def written_select(
    model: Model,
    dialect: str,
    source: str,
    key: Sequence[str],
    binding: Binding,
    outputs: Sequence[str],
    alias: str,
    tables: TableNames | None = None,
) -> str:
    """`select` over a source that can be indented, with its line ends not yet `finished`."""
    spoken = dialect_of(dialect)
    every = output_lanes(model)
    lanes = [lane for lane in every if lane.output in outputs] or every
    lowering, roots = _roots(model, spoken, binding, lanes)
    _check_depth(spoken, roots)
    named = stages(roots, lowering.words)
    names = free_names([lane.name for lane in lanes], key)
    keys = [(f"{alias}.{protected(spoken.quote(name))}", name) for name in key]
    groups = levels(named)
    writer = _chain if spoken.lateral_after is None or len(groups) <= spoken.lateral_after else _lateral
    return writer(_Parts(spoken, binding, source, alias, keys, groups, roots, lanes, names, tables))


def free_names(names: Sequence[str], key: Sequence[str]) -> list[str]:
    """Output names that no key column has, without regard to case."""
    taken = {name.lower() for name in key}
    free: list[str] = []
    for name in names:
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        free.append(name)
    return free


@dataclass(frozen=True)
class _Parts:
    dialect: Dialect
    binding: Binding
    source: str
    alias: str
    keys: list[tuple[str, str]]
    groups: list[list[tuple[str, Node]]]
    roots: list[Node]
    lanes: list[OutputLane]
    names: list[str]
    tables: TableNames | None

    def rows(self, renderer: Renderer, keys: Sequence[tuple[str, str]]) -> str:
        """The select list of the outermost level."""
        rows = [f"{text} AS {protected(self.dialect.quote(name))}" for text, name in keys]
        for lane, root, name in zip(self.lanes, self.roots, self.names, strict=True):
            text = cast_output(self.dialect, renderer, root, lane.type)
            rows.append(f"{text} AS {protected(self.dialect.quote(name))}")
        return ",\n  ".join(indent(row) for row in rows)


def _lateral(parts: _Parts) -> str:
    """Each stage is a LATERAL subquery: nothing has to be handed on from stage to stage."""
    renderer = Renderer(parts.dialect, parts.binding, tables=parts.tables)
    joins: list[str] = []
    for number, group in enumerate(parts.groups, start=1):
        fields = ",\n    ".join(f"{indent(indent(renderer.definition(node)))} AS {name}" for name, node in group)
        joins.append(f"\nCROSS JOIN LATERAL (\n  SELECT\n    {fields}{_fence(parts)}\n) AS stage_{number}")
        renderer.names.update({node.number: f"stage_{number}.{name}" for name, node in group})
    return f"SELECT\n  {parts.rows(renderer, parts.keys)}\nFROM {parts.source} AS {parts.alias}{''.join(joins)}"


def _chain(parts: _Parts) -> str:
    """Each stage is a SELECT over the one before, which carries on the columns that are still read."""
    renderer = Renderer(parts.dialect, parts.binding, tables=parts.tables)
    source, alias, keys = parts.source, parts.alias, list(parts.keys)
    binding = dict(parts.binding)
    for number, group in enumerate(parts.groups, start=1):
        later = [node for following in parts.groups[number:] for _, node in following] + parts.roots
        live = _live_columns(later, renderer, {node.number for _, node in group})
        carried = _carried_names(live, parts.dialect)
        values = [f"{text} AS key_{index}" for index, (text, _) in enumerate(keys)]
        values += [f"{protected(binding[name].sql)} AS {protected(carried[name])}" for name in live]
        values += [f"{text} AS {text.split('.')[-1]}" for text in _live_names(later, renderer)]
        values += [f"{renderer.definition(node)} AS {name}" for name, node in group]
        fields = ",\n    ".join(indent(indent(value)) for value in values)
        stage = f"stage_{number}"
        source, alias = f"(\n  SELECT\n    {fields}\n  FROM {indent(source)} AS {alias}{_fence(parts)}\n)", stage
        keys = [(f"{stage}.key_{index}", name) for index, (_, name) in enumerate(keys)]
        for name in live:
            binding[name] = SqlColumn(f"{stage}.{carried[name]}", binding[name].kind)
        kept = {n: f"{stage}.{text.split('.')[-1]}" for n, text in renderer.names.items()}
        renderer = Renderer(parts.dialect, binding, kept, parts.tables)
        renderer.names.update({node.number: f"{stage}.{name}" for name, node in group})
    return f"SELECT\n  {parts.rows(renderer, keys)}\nFROM {source} AS {alias}"


def _fence(parts: _Parts) -> str:
    return f"\n  {parts.dialect.fence}" if parts.dialect.fence else ""


def _read(roots: Sequence[Node], named: set[int]) -> list[Node]:
    """The nodes that expressions read when the named ones are not looked into."""
    found: list[Node] = []
    seen: set[int] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node.number in seen:
            continue
        seen.add(node.number)
        found.append(node)
        if node.number not in named:
            stack.extend(reversed(node.args))
    return found


def _live_columns(roots: Sequence[Node], renderer: Renderer, group: set[int]) -> list[str]:
    """The columns that later stages still read."""
    named = set(renderer.names) | group
    names = [node.value[0] for node in _read(roots, named) if node.kind is Form.COLUMN]
    return list(dict.fromkeys(names))


def _live_names(roots: Sequence[Node], renderer: Renderer) -> list[str]:
    """The values of earlier stages that later ones still read."""
    names = renderer.names
    return [names[node.number] for node in _read(roots, set(names)) if node.number in names]


_STAGE_NAME = re.compile(r"\w+_\d+")


def _carried_names(live: Sequence[str], dialect: Dialect) -> dict[str, str]:
    """What stages call the columns that they carry: the column's own name, unless it looks like a name of ours."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for index, name in enumerate(live):
        plain = not _STAGE_NAME.fullmatch(name) and name.lower() not in taken
        taken.add(name.lower())
        names[name] = dialect.quote(name if plain else f"column_{index}")
    return names
