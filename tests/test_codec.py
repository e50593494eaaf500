"""The model file: what is saved comes back, to the bit; what is no model of this version is refused with the reason."""

import hashlib
import json
import math
import os
import random
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_ir import CITY, REFUSED, X, ints, model_of, stump

import indb.codec as codec
from indb import build, ir
from indb.errors import ModelFileError
from indb.ir import (
    Apply,
    Column,
    Const,
    Distance,
    Foreign,
    ForeignModel,
    Lookup,
    Metric,
    Model,
    Nearest,
    Op,
    Reduce,
    ReduceOp,
    Take,
    Target,
    Type,
)

ODD = 'a "quoted" näme; 雪 \n\\ \x00 \ud800'
NAN = math.nan


def everything() -> Model:
    """A model that has each kind of block, each op, and constants that JSON has no word for."""
    odd = Column(ODD, Type.TEXT)
    table = ((NAN, math.inf), (-math.inf, -0.0))
    lookup = Lookup(odd, ("", ODD), table, (5e-324, 1e308), (0.1, 1 / 3))
    words = Lookup(X, (0.1, math.inf), (("a",), (None,)), (ODD,), ("",), Type.TEXT)
    sets = {"category_set": ints(0, -1, -1), "category_sets": (("", ODD), (1.5,))}
    trees = [stump(), stump(inputs=(odd,), **sets), stump(threshold=np.array([math.inf, 0.0, NAN]))]
    ops = [Apply(op, (X,) * ir.ARITY[op]) for op in Op]
    reduced = [Reduce(op, build.concat(ops)) for op in ReduceOp]
    numbers = build.concat([Take(lookup, (1, 0)), Const((NAN, math.inf, -0.0)), *trees, *reduced])
    linear = build.linear(numbers, np.array([[NAN] * numbers.width, [0.1] * numbers.width]), np.array([math.inf, -0.0]))
    near = [Distance(linear, np.array([[0.1, math.inf]]), metric) for metric in Metric]
    proba = {"predict": build.argmax(linear), "predict_proba": build.softmax(build.concat(near[1:]))}
    proba["decision_function"] = Nearest((build.concat(near), X), np.array([[math.inf], [-0.0], [0.1]]), 2, 0.5)
    return Model(
        (X, odd, CITY),
        (
            Target("label", proba, (ODD, True)),
            Target("number", proba, (NAN, 2)),
            Target(ODD, {"transform": words}),
            Target("text", {"transform": Const((None, ODD), Type.TEXT)}),
        ),
        {"class": "Everything", "library": ODD},
    )


def foreign(kind: str = "skops") -> ForeignModel:
    """A foreign model: two blocks of one object, whose payload is not loaded here."""
    labels = (ODD, True, -1, NAN)
    predict = Foreign((X, CITY), kind, np.arange(256, dtype=np.uint8), "Odd", "predict", 1, -1, labels)
    predict = replace(predict, none=("city",), example=(5e-324, ODD))
    proba = replace(predict, method="predict_proba", lanes=4, classes=(), part=2)
    return ForeignModel((X, CITY), (Target("", {"predict": predict, "predict_proba": proba}, labels),))


def same(a: object, b: object) -> bool:
    """Whether two values of fields are the same, bit by bit, NaN included."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return type(a) is type(b) and repr(a) == repr(b)


def assert_same(a: Model, b: Model) -> None:
    """Every block, its fields and what it shares."""
    blocks = list(zip(ir.walk([*a.columns, *a.roots()]), ir.walk([*b.columns, *b.roots()]), strict=True))
    twin = {id(x): y for x, y in blocks}
    for x, y in blocks:
        assert type(x) is type(y)
        assert [twin[id(child)] for child in x.children] == list(y.children)
        for field in fields(x):
            value = getattr(x, field.name)
            if field.name not in ("x", "args", "parts", "inputs"):
                assert same(value, getattr(y, field.name)), (x, field.name)
    assert [twin[id(column)] for column in a.columns] == list(b.columns)
    for x, y in zip(a.targets, b.targets, strict=True):
        assert (x.name, list(x.outputs), repr(x.labels)) == (y.name, list(y.outputs), repr(y.labels))
        assert [twin[id(block)] for block in x.outputs.values()] == list(y.outputs.values())
    assert a.source == b.source


def test_everything_comes_back():
    model = everything()
    assert {type(block) for block in ir.walk([*model.roots(), *foreign().roots()])} == set(ir.BLOCKS)
    again = codec.decode(codec.encode(model))
    assert_same(model, again)
    assert str(again) == str(model)
    assert codec.digest(again) == codec.digest(model)


def test_a_foreign_model_comes_back_with_its_payload_once():
    model = foreign()
    data = codec.encode(model)
    again = codec.decode(data)
    assert_same(model, again)
    assert isinstance(again, ForeignModel)
    predict, proba = again.targets[0].outputs.values()
    assert predict.payload is proba.payload
    assert data.count(bytes(range(256))) == 1
    assert codec.encode(again) == data
    content, _ = header(model)
    assert content["format"] == 2
    assert header(everything())[0]["format"] == 4  # of SINGLE
    assert header(model_of(Distance(X, np.ones((1, 1)), Metric.SQUARED)))[0]["format"] == 3
    assert header(model_of(X))[0]["format"] == 1


def test_a_pickle_is_neither_saved_nor_loaded():
    with pytest.raises(ModelFileError, match="cannot save the model: its Odd is a pickle"):
        codec.encode(foreign("pickle"))
    data = forged(foreign(), lambda content: [row.update(format="pickle") for row in content["blocks"][2:]])
    with pytest.raises(ModelFileError, match="cannot load the model: its Odd is a pickle"):
        codec.decode(data)


@given(st.lists(st.floats()), st.lists(st.text(st.characters(codec=None)) | st.none()))
def test_every_number_and_text_comes_back(numbers, texts):
    outputs = {"transform": Const(tuple(numbers))}
    model = Model((), (Target("", outputs), Target("text", {"transform": Const(tuple(texts), Type.TEXT)})))
    assert_same(model, codec.decode(codec.encode(model)))


def test_a_model_without_anything_comes_back():
    assert_same(Model((), ()), codec.decode(codec.encode(Model((), ()))))


def test_save_and_load(tmp_path):
    path = tmp_path / "odd näme.indb"
    model = everything()
    model.save(path)
    assert_same(model, codec.load(path))
    model.save(str(path))
    assert_same(model, codec.load(str(path)))


def test_the_same_model_gives_the_same_bytes_in_any_process():
    expected = codec.encode(everything())
    assert codec.encode(everything()) == expected
    script = "import sys, test_codec as t; sys.stdout.buffer.write(t.codec.encode(t.everything()))"
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", script], cwd=Path(__file__).parent, env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        assert found.stdout == expected


def test_bytes_depend_on_the_order_of_nothing_but_the_model():
    a, b = (replace(model_of(X), source=source) for source in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}))
    assert codec.encode(a) == codec.encode(b)
    fortran = stump(values=np.asfortranarray(np.array([[1.0, 2.0], [3.0, 4.0]])), base=np.zeros(2))
    plain = stump(values=np.array([[1.0, 2.0], [3.0, 4.0]]), base=np.zeros(2))
    assert codec.digest(model_of(fortran)) == codec.digest(model_of(plain))


def test_the_digest_tells_models_apart():
    models = [model_of(Const((value,))) for value in (0.0, -0.0, NAN, math.inf, 0.1, math.nextafter(0.1, 1))]
    assert len({codec.digest(model) for model in models}) == len(models)


def test_any_flipped_byte_is_noticed():
    data = codec.encode(everything())
    rng = random.Random(0)
    for position in [*range(60), *rng.sample(range(60, len(data)), 300), len(data) - 1]:
        damaged = bytearray(data)
        damaged[position] ^= 1 << rng.randrange(8)
        with pytest.raises(ModelFileError, match=r"it is damaged \(found|does not start as an .indb file does"):
            codec.decode(bytes(damaged))


def test_any_cut_or_added_byte_is_noticed():
    data = codec.encode(everything())
    for size in [*range(60), len(data) // 2, len(data) - 1]:
        with pytest.raises(ModelFileError, match=r"damaged|does not start"):
            codec.decode(data[:size])
    with pytest.raises(ModelFileError, match=rf"damaged \(found {len(data) - 48 + 1} bytes, needed {len(data) - 48} "):
        codec.decode(data + b"\0")


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x04K\x01.", b"PK\x03\x04", b'{"format": 1}', b"\x89indb\n\x1a\n" + bytes(60)]
)
def test_what_is_no_model_file_is_refused(data, tmp_path):
    path = tmp_path / "model.indb"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=r"cannot load .*model\.indb: it does not start as an \.indb file does"):
        codec.load(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"cannot load .*nothing\.indb: No such file or directory"):
        codec.load(tmp_path / "nothing.indb")
    with pytest.raises(ModelFileError, match="Is a directory"):
        codec.load(tmp_path)


# From here on, files with a true digest, as only a program or a person with bad intent makes them.


def packed(text: bytes, tail: bytes = b"", size: int | None = None) -> bytes:
    body = (len(text) if size is None else size).to_bytes(8, "little") + text + tail
    return codec.MAGIC + len(body).to_bytes(8, "little") + hashlib.sha256(body).digest() + body


def header(model: Model) -> tuple[dict, bytes]:
    """The header and the arrays of a model's file."""
    body = codec.encode(model)[48:]
    end = 8 + int.from_bytes(body[:8], "little")
    return json.loads(body[8:end].decode("utf-8", "surrogatepass")), body[end:]


def forged(model: Model, change) -> bytes:
    """The file of a model after `change` of its header."""
    content, tail = header(model)
    change(content)
    return packed(json.dumps(content).encode(), tail)


def test_forging_nothing_gives_the_model():
    assert_same(model_of(stump()), codec.decode(forged(model_of(stump()), lambda content: None)))


@pytest.mark.parametrize("version", [codec.FORMAT + 1, 10**30])
def test_a_newer_format_is_refused_naming_both_versions(version):
    data = forged(model_of(X), lambda content: content.update(format=version, blocks="of another form"))
    why = f"its format is {version}, this indb reads up to {codec.FORMAT}\n  Upgrade indb"
    with pytest.raises(ModelFileError, match=why):
        codec.decode(data)


def setting(*path):
    """A change that sets the value at a path of the header: keys and numbers, then the value."""
    *way, last, value = path

    def change(content):
        for step in way:
            content = content[step]
        content[last] = value

    return change


TREES = model_of(stump())  # blocks: the columns x and city, then the trees
NONSENSE = {
    "format missing": lambda content: content.pop("format"),
    "format text": setting("format", "1"),
    "format zero": setting("format", 0),
    "format none": setting("format", None),
    "blocks missing": lambda content: content.pop("blocks"),
    "blocks a number": setting("blocks", 5),
    "block a text": setting("blocks", 0, "x"),
    "unknown class": setting("blocks", 0, "class", "System"),
    "base class": setting("blocks", 0, {"class": "Block"}),
    "class a list": setting("blocks", 0, "class", []),
    "field missing": lambda content: content["blocks"][2].pop("roots"),
    "field too many": setting("blocks", 0, "colour", 1),
    "hidden field": setting("blocks", 2, {"class": "Apply", "op": {"enum": "Op", "name": "EXP"},
                                          "args": [{"block": 0}], "_width": 1}),
    "column name a number": setting("blocks", 0, "name", 5),
    "column name a list": setting("blocks", 0, "name", ["x"]),
    "column type a text": setting("blocks", 0, "kind", "NUMBER"),
    "unknown enum": setting("blocks", 0, "kind", {"enum": "os", "name": "NUMBER"}),
    "unknown name": setting("blocks", 0, "kind", {"enum": "Type", "name": "DATE"}),
    "enum of another kind": setting("blocks", 0, "kind", {"enum": "Op", "name": "ADD"}),
    "block after itself": setting("blocks", 2, "inputs", [{"block": 2}]),
    "block out of range": setting("blocks", 2, "inputs", [{"block": 99}]),
    "block negative": setting("blocks", 2, "inputs", [{"block": -1}]),
    "block true": setting("blocks", 2, "inputs", [{"block": True}]),
    "block named": setting("blocks", 2, "inputs", [{"block": "x"}]),
    "inputs numbers": setting("blocks", 2, "inputs", [1.0]),
    "inputs a block": setting("blocks", 2, "inputs", {"block": 0}),
    "array out of range": setting("blocks", 2, "roots", {"array": 99}),
    "array negative": setting("blocks", 2, "roots", {"array": -1}),
    "array a list": setting("blocks", 2, "roots", [0]),
    "array of another type": setting("blocks", 2, "roots", {"array": 2}),
    "empty object": setting("blocks", 2, "roots", {}),
    "float of words": setting("blocks", 2, {"class": "Const", "values": [{"float": "one"}]}),
    "constant of lists": setting("blocks", 2, {"class": "Const", "values": [[[1.0]]]}),
    "dtype object": setting("arrays", 0, ["|O", [1]]),
    "dtype of records": setting("arrays", 0, [[["a", "<f8"]], [1]]),
    "dtype big-endian": setting("arrays", 0, [">i4", [1]]),
    "huge shape": setting("arrays", 0, ["<i4", [10**15]]),
    "huge shape of nothing": setting("arrays", 0, ["<i4", [0, 10**15]]),
    "shape beyond int64": setting("arrays", 0, ["<i4", [10**30]]),
    "many dimensions": setting("arrays", 0, ["<i4", [1] * 100]),
    "negative shape": setting("arrays", 0, ["<i4", [-1]]),
    "shape of texts": setting("arrays", 0, ["<i4", ["1"]]),
    "shape of floats": setting("arrays", 0, ["<i4", [1.0]]),
    "smaller array": setting("arrays", 0, ["<i4", [0]]),
    "bytes left over": lambda content: content["arrays"].pop(),
    "arrays a number": setting("arrays", 1),
    "columns out of range": setting("columns", [99]),
    "columns negative": setting("columns", [-1]),
    "columns not columns": setting("columns", [2]),
    "columns twice": setting("columns", [0, 0]),
    "columns unlisted": setting("columns", []),
    "targets a number": setting("targets", 1),
    "target name a number": setting("targets", 0, "name", 1),
    "target twice": lambda content: content["targets"].append(content["targets"][0]),
    "output out of range": setting("targets", 0, "outputs", {"transform": 99}),
    "output negative": setting("targets", 0, "outputs", {"transform": -1}),
    "outputs a list": setting("targets", 0, "outputs", [2]),
    "labels a number": setting("targets", 0, "labels", 5),
    "labels blocks": setting("targets", 0, "labels", [{"block": 0}]),
    "labels lists": setting("targets", 0, "labels", [["a"]]),
    "source a list": setting("source", ["a"]),
    "source of numbers": setting("source", {"class": 1}),
    "source missing": lambda content: content.pop("source"),
}  # fmt: skip


@pytest.mark.parametrize("change", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused(change):
    with pytest.raises(ModelFileError, match="cannot load shop: "):
        codec.decode(forged(TREES, change), "shop")


@pytest.mark.parametrize(
    "data",
    [
        packed(b""), packed(b"{"), packed(b"null"), packed(b"[]"), packed(b"1"), packed(b'"\xff"'), packed(b"{}"),
        packed(b"{}", size=2**63), packed(b"{}", size=1), packed(b'{"format":' + b"9" * 10**5 + b"}"),
        packed(b"[" * 10**5), packed(b'{"format":1,"arrays":[],"blocks":' + b"[" * 10**5),
        codec.MAGIC + (0).to_bytes(8, "little") + hashlib.sha256(b"").digest(),
    ],
    ids=range(13),
)  # fmt: skip
def test_headers_that_are_no_header_are_refused(data):
    with pytest.raises(ModelFileError, match="cannot load"):
        codec.decode(data)


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in ("column name", "lane not an integer")])
def test_a_model_that_breaks_a_rule_is_refused_in_a_file_too(name, monkeypatch):
    block, message = REFUSED[name]
    monkeypatch.setattr("indb.rules.validate", lambda model: None)
    model = model_of(block)
    data = codec.encode(model)
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match=f"cannot load shop: .*({message}|array of type)"):
        codec.decode(data, "shop")


def test_a_graph_that_doubles_at_each_block_is_refused_at_once():
    """Sixty joins of a block with itself: 2**60 lanes, in a file of 4 kB."""

    def change(content):
        joins = [{"class": "Concat", "parts": [{"block": n}, {"block": n}]} for n in [0, *range(2, 61)]]
        content["blocks"][2:] = joins
        content["arrays"] = []
        content["targets"][0]["outputs"] = {"transform": len(joins)}

    content, _ = header(TREES)
    change(content)
    with pytest.raises(ModelFileError, match="a Concat has 2097152 lanes, at most 1048576 are possible"):
        codec.decode(packed(json.dumps(content).encode()))


def test_no_pickle_is_read():
    source = Path(codec.__file__).read_text(encoding="utf-8")
    assert not any(word in source for word in ("import pickle", "joblib", "allow_pickle=True", "eval(", "exec("))
