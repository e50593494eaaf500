"""The layers: what each part of the package may import, and how long files and functions may be.

The table is that of the design. A new module of the package needs a row: that is when its place is decided.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "indb"
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
FRAMES = {"pandas", "pyarrow"}
NETWORKS = {"ai_edge_litert", "torch", "executorch", "keras", "h5py"}
MODELS = FRAMES | {
    *("sklearn", "scipy", "skops", "joblib", "xgboost", "lightgbm", "catboost", "onnx", "onnxruntime"),
    *NETWORKS,
    *("statsmodels", "patsy", "interpret", "imblearn", "category_encoders"),
}
LANGUAGE = {"errors", "ops", "blocks", "ir", "expansions"}
BASE = LANGUAGE | {"evaluate", "codec", "build", "runtime"}
ENGINE = BASE | {"passes", "emit", "engines"}


@dataclass(frozen=True)
class Layer:
    """What a file may import: layers of indb, other packages, and what more inside functions only."""

    layers: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    inside: set[str] = field(default_factory=set)


BELOW = {
    "describe", "rules", "special", "readers", "planner", "rewrite", "golden", "verify", "deploy", "script",
    "lifecycle", "database", "api", "demo", "cli", "package",
}  # fmt: skip
EVERYTHING = ENGINE | BELOW

LAYERS = {
    "errors": Layer(),
    "ops": Layer({"errors"}, {"numpy"}),
    "blocks": Layer({"errors", "ops"}),
    # `Model` checks, prints and saves itself, so it reaches up to what does that.
    "ir": Layer({"errors", "ops", "blocks"}, inside={"rules", "describe", "codec", "export"}),
    "expansions": Layer({"ir"}, {"numpy"}),
    "rules": Layer(LANGUAGE, {"numpy"}),
    "describe": Layer(LANGUAGE),
    "evaluate": Layer(LANGUAGE, {"numpy"}),
    "codec": Layer(LANGUAGE, {"numpy"}),
    "lanes": Layer(LANGUAGE),
    "build": Layer(LANGUAGE | {"lanes"}, {"numpy"}),
    "special": Layer(LANGUAGE | {"build"}, {"numpy"}),
    # What is written for ONNX Runtime, by the runtime and by export, and recognised by the reader.
    "onnxfile": Layer(LANGUAGE | {"onnxfile"}, {"numpy"}),
    "runtime": Layer(
        LANGUAGE | {"evaluate", "codec", "onnxfile", "runtime"},
        {"numpy"},
        inside={"onnxruntime", "skops", "sklearn", "scipy", "pandas", "threadpoolctl", "catboost", "xgboost"}
        | NETWORKS,
    ),
    "readers": Layer(LANGUAGE | {"build", "special", "onnxfile", "readers"}, {"numpy"}, inside=MODELS),
    "export": Layer(LANGUAGE | {"build", "onnxfile", "export"}, {"numpy"}),
    "passes": Layer(LANGUAGE | {"evaluate", "build", "passes"}, {"numpy"}),
    "emit": Layer(LANGUAGE | {"emit"}, {"numpy"}),
    "engines": Layer(
        LANGUAGE | {"evaluate", "codec", "passes", "emit", "runtime", "engines"}, {"numpy"}, inside=FRAMES
    ),
    "planner": Layer(ENGINE | {"planner"}, {"numpy"}),
    "rewrite": Layer(ENGINE | {"rewrite"}, {"sqlglot"}),
    # Of the engines it knows what a bound column is.
    "golden": Layer(LANGUAGE | {"evaluate", "build", "passes", "engines", "golden"}, {"numpy"}, inside={"pandas"}),
    "verify": Layer(ENGINE | {"golden", "verify"}, {"numpy"}, inside=MODELS),
    # What `indb.connect` opens joins planning, rewriting and verifying; a reader it never sees.
    "lifecycle": Layer(ENGINE),
    "deploy": Layer(ENGINE | {"planner", "golden", "verify"}),
    "script": Layer(ENGINE | {"deploy", "lifecycle"}),
    "database": Layer(
        ENGINE | {"planner", "rewrite", "verify", "deploy", "lifecycle", "script", "database"}, {"numpy"}, inside=MODELS
    ),
    "api": Layer(EVERYTHING, {"numpy"}, inside=MODELS),
    "demo": Layer(EVERYTHING, {"numpy", "rich"}, inside=MODELS | {"threadpoolctl"}),
    "cli": Layer(EVERYTHING, {"click", "rich"}, inside=MODELS),
    "package": Layer(EVERYTHING),
}

EXCEPTIONS = {
    "readers/model_files.py": {"codec", "runtime"},  # an .indb file is one of the files that hold a model
    # What a library is to run is run once when it is read, to learn what it gives.
    "readers/__init__.py": {"runtime"},
    "readers/foreign.py": {"runtime"},
    "readers/onnx/foreign.py": {"runtime"},
    "readers/edge/*.py": {"runtime", "evaluate"},
    "readers/graphs.py": {"runtime"},
    "readers/catboost/library.py": {"runtime"},
    "readers/statsmodels/*.py": {"runtime"},  # which asks its results by the names of columns
    "readers/tried.py": {"runtime", "evaluate"},
    "readers/prefix.py": {"evaluate"},
    "readers/pmml/verification.py": {"evaluate"},  # a file's own rows are checked when it is read
    "emit/dialects/*.py": {"sqlglot"},
    "emit/render*.py": {"sqlglot"},
    "engines/mapping.py": {"sqlglot"},
    "engines/postgres*.py": {"psycopg"},
    "engines/duckdb*.py": {"duckdb"},
}
"""What some files of a layer may import besides: only these spell SQL or open connections."""

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def layer_of(name: str) -> str:
    """The layer of a file of the package, such as "readers/sklearn/tree.py", or of a dotted module below indb."""
    first = name.replace(".", "/").split("/")[0]
    return "package" if first in ("__init__", "__main__") else first


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(layer or package, whether it is imported when a function runs) of every import in a file."""
    module = ("indb", *path.relative_to(PACKAGE).with_suffix("").parts)
    for node, inside in _nodes(ast.parse(path.read_text(encoding="utf-8")), False):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            base = ".".join(module[: -node.level]) + "." if node.level else ""
            prefix = f"{base}{node.module or ''}".rstrip(".")
            names = [f"{prefix}.{alias.name}" for alias in node.names] if prefix == "indb" else [prefix]
        for name in names:
            package, _, rest = name.partition(".")
            if package != "indb":
                yield package, inside
            else:
                yield (layer_of(rest) if rest and _is_module(rest) else "package"), inside


def _is_module(rest: str) -> bool:
    first = rest.split(".")[0]
    return (PACKAGE / first).is_dir() or (PACKAGE / f"{first}.py").is_file()


def _nodes(tree: ast.AST, inside: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, inside
        # What only a type checker reads ties nothing together when the program runs.
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from _nodes(node, inside or isinstance(node, ast.FunctionDef | ast.Lambda))


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_what_its_layer_may(name):
    path = PACKAGE / name
    assert layer_of(Path(name).with_suffix("").as_posix()) in LAYERS, f"give {name} a row in the table of layers"
    layer = LAYERS[layer_of(Path(name).with_suffix("").as_posix())]
    extra = {package for pattern, packages in EXCEPTIONS.items() if Path(name).match(pattern) for package in packages}
    allowed = layer.layers | layer.packages | extra | sys.stdlib_module_names
    wrong = [found for found, inside in imports(path) if found not in allowed | (layer.inside if inside else set())]
    assert not wrong, f"{name} must not import {wrong}" + (" at its top" if set(wrong) & layer.inside else "")


@pytest.mark.parametrize("layer", ["planner", "rewrite", "verify", "database", "engines", "emit", "passes"])
def test_what_runs_below_never_sees_a_reader(layer):
    assert "readers" not in LAYERS[layer].layers | LAYERS[layer].inside


def test_the_reader_of_imports_sees_all_of_them(tmp_path, monkeypatch):
    (tmp_path / "readers").mkdir()
    (tmp_path / "readers" / "base.py").touch()
    (tmp_path / "ir.py").touch()
    (tmp_path / "readers" / "new.py").write_text(
        "import numpy as np, os.path\nfrom indb import ir, __version__\nfrom indb.ir import Model\nfrom . import base\n"
        "from .base import Frame\nfrom .. import ir\nif TYPE_CHECKING:\n    import pandas\n"
        "try:\n    import rich\nexcept ImportError:\n    pass\ndef f():\n    with a:\n        import sklearn.tree\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert list(imports(tmp_path / "readers" / "new.py")) == [
        ("numpy", False), ("os", False), ("ir", False), ("package", False), ("ir", False), ("readers", False),
        ("readers", False), ("ir", False), ("rich", False), ("sklearn", True),
    ]  # fmt: skip


SOURCES = [path for folder in ("indb", "tests", "bench", "udfs") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", SOURCES, ids=[path.relative_to(ROOT).as_posix() for path in SOURCES])
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < MAX_FILE_LINES
    lengths = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES}
