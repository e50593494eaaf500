"""The examples of README.md and docs/: every one runs, and gives what stands below it.

Blocks of one file run in order, in one temporary directory, and Python blocks share their names. By their first words:

    python           runs
    sql duckdb       runs through DuckDB's own driver in shop.duckdb, and `sql postgres` through psycopg, without indb
    console          each line that begins with "$ indb" runs; the lines below it are its output, where there are any
    … output         right below another block: what that one prints, with "..." for what differs from run to run
    sh, text         are only read: a `make` target and an extra must exist

A block with the word postgres runs only where there is a server, whose DSN takes the place of POSTGRES. A block inside
an HTML comment runs unseen. INDB_UPDATE_DOCS=1 writes what was found into the files: read the difference before you
keep it.
"""

import contextlib
import doctest
import gc
import io
import os
import re
import shlex
import subprocess
import tomllib
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from click.testing import CliRunner
from engines import NoPostgres, absent, database, private_cluster

import indb
from indb import ir
from indb.cli import main
from indb.passes import PASSES

ROOT = Path(__file__).resolve().parents[1]
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
POSTGRES = "postgresql://localhost/shop"
UPDATE = bool(os.environ.get("INDB_UPDATE_DOCS"))
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: the words of its info string, its text, where the text starts in the file."""

    words: tuple[str, ...]
    text: str
    start: int
    line: int
    follows: bool
    """Whether it stands right below another block."""

    @property
    def is_output(self) -> bool:
        return "output" in self.words


def blocks(text: str) -> list[Block]:
    """Every block of a file, in order."""
    found: list[Block] = []
    end = 0
    for match in FENCE.finditer(text):
        words = tuple(match["info"].split())
        line = text.count("\n", 0, match.start()) + 1
        first, rest = words[0] if words else "", words[1:]
        known = (first == "sql" and rest in [("duckdb",), ("postgres",)]) or (
            first in ("python", "console") and rest in [(), ("postgres",)]
        )
        if not known and first not in ("sh", "text") and rest != ("output",):
            raise AssertionError(f"line {line}: a block may not be {' '.join(words) or 'without a language'}")
        follows = bool(found) and not text[end : match.start()].strip()
        found.append(Block(words, match["text"], match.start("text"), line, follows))
        end = match.end()
    if len(re.findall("^```", text, re.MULTILINE)) != 2 * len(found):
        raise AssertionError("a block is not closed")
    return found


class Run:
    """One file while its blocks run."""

    def __init__(self, dsn: str | None) -> None:
        self.dsn = dsn
        self.names: dict[str, Any] = {"__name__": "docs"}
        self.edits: list[tuple[int, int, str]] = []

    def file(self, text: str) -> None:
        """Run every block.

        Raises: AssertionError naming the line of an example that fails or prints something else.
        """
        found = blocks(text)
        for block, after in zip_longest(found, found[1:]):
            if block.is_output:
                assert block.follows, f"line {block.line}: output of nothing"
            elif block.words[0] in ("python", "sql", "console") and (self.dsn or "postgres" not in block.words):
                self.example(block, after if after and after.is_output else None)

    def example(self, block: Block, output: Block | None) -> None:
        """Run one block and compare what it prints. An error is what SQL prints, if something is expected at all."""
        try:
            printed = self.block(block)
        except (duckdb.Error, psycopg.Error) as error:
            if output is None or block.words[0] != "sql":
                raise AssertionError(f"line {block.line}: {error}") from error
            printed = error_text(error)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"line {block.line}: {type(error).__name__}: {error}") from error
        if output is not None:
            self.compare(output.text, printed, output.start, output.line)

    def close(self) -> None:
        """Close what the examples opened."""
        for value in self.names.values():
            if isinstance(value, indb.Database | duckdb.DuckDBPyConnection | psycopg.Connection):
                value.close()
        self.names.clear()
        gc.collect()

    def block(self, block: Block) -> str:
        """What a block prints."""
        if block.words[0] == "sql":
            return self.postgres(block.text) if "postgres" in block.words else self.duckdb(block.text)
        if block.words[0] == "console":
            self.console(block)
            return ""
        code = compile("\n" * block.line + self.with_dsn(block.text), "docs", "exec")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, self.names)
        return out.getvalue()

    def with_dsn(self, text: str) -> str:
        return text if self.dsn is None else text.replace(POSTGRES, self.dsn)

    def console(self, block: Block) -> None:
        """Run the commands of a console block, each compared with the lines below it."""
        start = block.start
        for part in re.split(r"(?m)^(?=\$ )", block.text):
            command, _, wanted = part.partition("\n")
            if part:
                assert command.startswith(("$ indb ", "$ psql ")), f"not a command of indb: {command}"
                run = self.command if command.startswith("$ indb ") else self.psql
                found = run(self.with_dsn(command.split("  #")[0]), wanted.startswith("Error"))
                if wanted:
                    self.compare(wanted, found, start + len(command) + 1, block.line)
            start += len(part)

    def command(self, command: str, fails: bool) -> str:
        result = CliRunner().invoke(main, shlex.split(command)[2:], catch_exceptions=False)
        assert (result.exit_code != 0) == fails, f"{command} gave exit code {result.exit_code}: {result.output}"
        return (result.stderr if fails else result.stdout).replace(self.dsn or POSTGRES, POSTGRES)

    def psql(self, command: str, fails: bool) -> str:
        done = subprocess.run(
            shlex.split(command)[1:], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )  # fmt: skip
        assert (done.returncode != 0) == fails, f"{command} gave exit code {done.returncode}: {done.stderr}"
        return done.stdout

    def duckdb(self, text: str) -> str:
        with duckdb.connect("shop.duckdb") as connection:
            found = connection.execute(text)
            return table([each[0] for each in found.description or ()], found.fetchall())

    def postgres(self, text: str) -> str:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            found = connection.execute(text)
            while found.nextset():
                pass
            return table([each.name for each in found.description], found.fetchall()) if found.description else ""

    def compare(self, wanted: str, found: str, start: int, line: int) -> None:
        found = re.sub(r"[ \t]+$", "", found, flags=re.MULTILINE)
        if doctest.OutputChecker().check_output(wanted, found, doctest.ELLIPSIS):
            return
        assert UPDATE, f"line {line}: expected\n{wanted}\nfound\n{found}"
        self.edits.append((start, start + len(wanted), found))


def table(names: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Rows as psql shows them."""
    texts = [names, *(["NULL" if value is None else str(value) for value in row] for row in rows)]
    widths = [max(len(row[index]) for row in texts) for index in range(len(names))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]]) + "\n" if names else ""


def error_text(error: duckdb.Error | psycopg.Error) -> str:
    """An error as the client of its database shows it."""
    if isinstance(error, psycopg.Error):
        hint = error.diag.message_hint
        return f"ERROR:  {error.diag.message_primary}\n" + (f"HINT:  {hint}\n" if hint else "")
    return f"{error}\n"


def check(path: Path, dsn: str | None) -> None:
    """Run one file; with UPDATE its outputs are written anew."""
    text = path.read_text(encoding="utf-8")
    run = Run(dsn)
    try:
        run.file(text)
    finally:
        run.close()
    for start, end, found in reversed(run.edits):
        text = text[:start] + found + text[end:]
    if run.edits:
        path.write_text(text, encoding="utf-8")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_the_examples_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(path, None)


WITH_POSTGRES = [path for path in FILES if re.search(r"(?m)^```\w+ postgres", path.read_text("utf-8"))]


@pytest.mark.parametrize("path", WITH_POSTGRES, ids=name)
def test_the_examples_run_on_postgres(path, tmp_path, monkeypatch, postgres_database):
    monkeypatch.chdir(tmp_path)
    if "CREATE ROLE" in path.read_text("utf-8"):  # roles belong to a whole server, which other tests share
        try:
            with private_cluster() as server, database(server.dsn, "shop") as dsn:
                check(path, dsn)
        except NoPostgres as problem:
            absent(problem)
    else:
        check(path, postgres_database())


@pytest.mark.parametrize("path", FILES, ids=name)
def test_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if not target.startswith(("http:", "https:")):
            assert (path.parent / target).exists(), target
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, anchor


@pytest.mark.parametrize("path", FILES, ids=name)
def test_what_a_shell_is_told_exists(path):
    targets = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text("utf-8")))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for block in blocks(path.read_text("utf-8")):
        if block.words[0] == "sh":
            assert set(re.findall(r"(?m)^(?:\$ )?make ([\w-]+)", block.text)) <= targets
            named = re.findall(r"pip install [^\n]*\[([\w,]+)\]", block.text)
            assert {extra for names in named for extra in names.split(",")} <= set(extras)


def between(path: str, start: str, end: str) -> str:
    """The part of a file from one text to another."""
    return (ROOT / path).read_text("utf-8").split(start, 1)[1].split(end, 1)[0]


def test_the_tables_of_the_representation_are_whole():
    rows = re.findall(r"(?m)^\| (`.*?) \|", between("docs/ir.md", "| block |", "\n\n"))
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == sorted(block.__name__ for block in ir.BLOCKS)
    ops = re.findall(r"[A-Z]+(?:_[A-Z]+)?", between("docs/ir.md", "## Scalar ops\n", "On texts"))
    assert sorted(ops) == sorted(op.name for op in ir.Op)
    reductions = re.findall("[A-Z]{3,}", between("docs/ir.md", "| `Reduce` |", "\n"))
    assert sorted(reductions) == sorted(op.name for op in ir.ReduceOp)
    passes = re.findall(r"(?m)^\| `(\w+)` \| (yes|no) \|", between("docs/ir.md", "| pass |", "\n\n"))
    assert passes == [(step.run.__name__, "yes" if step.exact else "no") for step in PASSES]


BROKEN = {
    "python": "```python\nassert 1 == 2\n```",
    "syntax": "```python\n1 +\n```",
    "exit": "```python\nraise SystemExit(0)\n```",
    "printed": "```python\nprint(1)\n```\n\n```text output\n2\n```",
    "sql": "```sql duckdb\nSELECT predict('nothing', 1)\n```",
    "rows": "```sql duckdb\nSELECT 1 AS a\n```\n```text output\na\n-\n2\n```",
    "sql error": "```sql duckdb\nSELECT no_column\n```\n```text output\na\n-\n2\n```",
    "command": "```console\n$ indb deplooy\n```",
    "command output": "```console\n$ indb models --db duckdb:///shop.duckdb\nno modells\n```",
    "command that does not fail": "```console\n$ indb models --db duckdb:///shop.duckdb\nError: it cannot\n```",
    "another program": "```console\n$ ls\n```",
    "engine": "```sql\nSELECT 1\n```",
    "language": "```\nprint(1)\n```",
    "misspelt": "```pyhton\nprint(1)\n```",
    "open": "```python\nprint(1)\n",
    "output of nothing": "```text output\n1\n```",
    "in a comment": "<!--\n```python\nassert 1 == 2\n```\n-->",
    "a later block": "```python\na = 1\n```\n\n```python\nassert a == 2\n```",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_example_fails(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("test_docs.UPDATE", False)
    run = Run(None)
    with pytest.raises(AssertionError):
        run.file(text + "\n")
    run.close()


WORKING = """
```python
a = 1
print(a)
```

```text output
1
```

```sql duckdb
SELECT 1 AS a, NULL AS long_name
```

```text output
a | long_name
--+----------
1 | NULL
```

```sql duckdb
SELECT no_column
```

```text output
Binder Error: ...
```

```console
$ indb models --db duckdb:///shop.duckdb  # a comment
no models
$ indb verify late --db duckdb:///shop.duckdb
Error: cannot find model 'late' in this database
  None is known.
```
"""


def test_a_working_example_passes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run(None)
    run.file(WORKING)
    run.close()
    assert not run.edits
