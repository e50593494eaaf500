"""The scalar graph: equal nodes are one, and which of them become stages."""

from indb.emit import SqlColumn, SqlKind
from indb.emit.dialects import DUCKDB
from indb.emit.guards import RaisingGraph
from indb.emit.outputs import relabel
from indb.emit.render import Renderer
from indb.emit.scalar import Form, Graph, walk
from indb.emit.stage import levels, size, stages
from indb.ir import Op


def test_equal_nodes_are_one():
    graph = Graph()
    x = graph.column("x", SqlKind.FLOAT64)
    assert graph.op(Op.EXP, x) is graph.op(Op.EXP, x)
    assert graph.number(-0.0) is graph.number(0.0)
    assert graph.op(Op.MUL, x, graph.number(1.0)) is x
    assert graph.sum([x, graph.number(0.0)]) is x
    assert graph.op(Op.COALESCE, graph.number(2.0), x).value == 2.0
    assert len(walk([graph.op(Op.EXP, x)])) == 2


def test_a_guard_is_made_only_where_the_engine_raises():
    for graph, guarded in ((Graph(), False), (RaisingGraph(), True)):
        x = graph.column("x", SqlKind.FLOAT64)
        assert (size([graph.op(Op.EXP, x)]).nodes > 2) is guarded


def test_stages_come_after_what_they_use():
    graph = Graph()
    x = graph.column("x", SqlKind.FLOAT64)
    terms = [graph.op(Op.SIN, graph.op(Op.MUL, x, graph.number(3.0 + power))) for power in range(3)]
    first = graph.op(Op.EXP, graph.sum(terms))
    second = graph.op(Op.LN, graph.sum([graph.op(Op.DIV, first, term) for term in (first, x, *terms)]))
    root = graph.op(Op.DIV, second, graph.op(Op.SUB, second, x))
    named = stages([root], {first.number: "exp", second.number: "ln"})
    assert [name for name, _ in named] == ["exp_1", "ln_1"]
    assert [[name for name, _ in group] for group in levels(named)] == [["exp_1"], ["ln_1"]]
    assert stages([root], {}) == []
    assert first.kind is Op.EXP
    assert x.kind is Form.COLUMN


def test_labels_go_to_the_ends_of_a_choice():
    graph = Graph()
    x = graph.column("x", SqlKind.FLOAT64)
    number = graph.op(Op.WHERE, graph.op(Op.LE, x, graph.number(2.0)), graph.number(1.0), graph.number(0.0))
    found = relabel(graph, number, [graph.text("no"), graph.text("yes")], True)
    renderer = Renderer(DUCKDB, {"x": SqlColumn("r.x", SqlKind.FLOAT64)})
    assert renderer.value(found) == "CASE WHEN r.x <= 2e0 THEN 'yes' ELSE 'no' END"
