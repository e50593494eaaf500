"""What a database and its Python can do for indb, what was found, and how to get what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from indb.engines.base import Engine


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing that a database can have: what was found ("" when it is missing), what needs it, how to get it."""

    name: str
    found: str
    needed_for: str
    next_step: str

    @property
    def is_there(self) -> bool:
        """Whether it was found."""
        return bool(self.found)


def capabilities(engine: Engine) -> list[Capability]:
    """What a database can do; only questions are asked, nothing is changed."""
    return _CHECKS[engine.dialect](engine)


def udf_problem(engine: Engine) -> str:
    """Why models cannot run as Python functions without a further step; "" when they can."""
    for each in capabilities(engine):
        if not each.is_there and each.needed_for == UDF:
            return f"{each.name} is missing; {each.next_step}"
    return ""


UDF = "strategy udf"
FAST_UDF = "fast tree ensembles in strategy udf"

RUNTIMES = {
    "ai-edge-litert": ".tflite",
    "torch": ".pt2, .pt and .ts",
    "executorch": ".pte, with torch",
    "keras": ".keras, with torch, tensorflow or jax",
}
"""Package -> the files of networks that it scores in strategy udf."""


def _duckdb(engine: Engine) -> list[Capability]:
    threads = engine.rows("SELECT current_setting('threads')")[0][0]
    return [
        Capability("DuckDB", engine.version, "everything", ""),
        Capability("threads", str(threads), "speed", "SET threads = …"),
        Capability("pyarrow", _package("pyarrow"), UDF, "pip install 'indb[udf]'"),
        Capability("onnxruntime", _package("onnxruntime"), FAST_UDF, "pip install 'indb[udf]'"),
        *(Capability(name, _package(name), endings, f"pip install {name}") for name, endings in RUNTIMES.items()),
    ]


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


_POSTGRES = """
SELECT
    (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'plpython3u'),
    (SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'plpython3u'),
    (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
    pg_catalog.has_database_privilege(current_database(), 'CREATE'),
    pg_catalog.current_setting('jit'),
    pg_catalog.current_setting('max_parallel_workers_per_gather'),
    current_user
"""


def _postgres(engine: Engine) -> list[Capability]:
    created, available, is_super, may_create, jit, workers, user = engine.rows(_POSTGRES)[0]
    package = "a superuser runs CREATE EXTENSION plpython3u"
    if not available:
        package = "install the server's PL/Python package (Debian: postgresql-plpython3-<version>), then " + package
    return [
        Capability("PostgreSQL", engine.version, "everything", ""),
        Capability("right to create in the database", user if may_create else "", "deploy", _GRANT.format(user)),
        Capability("JIT", str(jit), "speed", "SET jit = on"),
        Capability("parallel workers", str(workers), "speed", "SET max_parallel_workers_per_gather = …"),
        Capability("language plpython3u", created or "", UDF, package),
        Capability("superuser", user if is_super else "", UDF, "only a superuser may create functions in plpython3u"),
    ]


_GRANT = "the owner runs GRANT CREATE ON DATABASE … TO {}"

_CHECKS: dict[str, Callable[[Engine], list[Capability]]] = {"duckdb": _duckdb, "postgres": _postgres}
