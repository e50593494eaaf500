"""The bodies of the PL/Python functions that indb creates in PostgreSQL (see README.md in this folder).

The functions below are read as text and become bodies: each runs inside the server with the name of its arguments bound
by PL/Python, and imports what it needs itself. `indb.engines.postgres_udf` writes the calls.

Two things shape them. In a parallel worker of PostgreSQL 15 `plpy.execute` is an error (it starts a subtransaction), so
nothing here asks the database: the model's bytes come as an argument, from PL/pgSQL. And whatever a session can
change must not decide what is imported: the sources and the folder of packages are constants of the body.
"""

from typing import Any


def finder(package: str, sources: dict[str, str]) -> Any:
    """What finds the modules of the package in `sources`, for sys.meta_path."""
    import importlib.abc
    import importlib.util

    class Source(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        name = package

        def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
            if fullname != package and not fullname.startswith(package + "."):
                return None
            below = fullname[len(package) + 1 :]
            is_package = any(each.startswith(below + ".") for each in sources) or below == ""
            if below not in sources and not is_package:
                return None
            return importlib.util.spec_from_loader(fullname, self, is_package=is_package)

        def exec_module(self, module: Any) -> None:
            text = sources.get(module.__name__[len(package) + 1 :], "")
            code = compile(text, f"<indb.runtime() {module.__name__}>", "exec", dont_inherit=True)
            exec(code, module.__dict__)

    return Source()


def runtime(GD: dict[str, Any], plpy: Any, package: str, sources: dict[str, str], server_python: str | None) -> None:
    """Make the modules that score importable under a name of their own, and import them; done once in a session.

    package: the name, with a digest of the sources in it; so a newer runtime takes the place of an older one.
    sources: the text of each module by its name below the package; "" is the package itself.
    """
    import importlib
    import os
    import sys

    if GD.get("indb") == (package, server_python):
        return

    def refuse(problem: str, hint: str) -> None:
        plpy.error(problem, hint=hint, sqlstate="58000")

    version = sys.version.split()[0]
    if sys.version_info < (3, 11):  # noqa: UP036 (the server's Python, not ours)
        refuse(f"PL/Python is Python {version}, needed 3.11", "Use a server whose PL/Python is built with it.")
    if server_python is not None:
        if not os.path.isdir(server_python):
            refuse(
                f"server_python {server_python!r} is no folder that the server's user can read",
                "Name a folder of packages (site-packages) that lies outside of a private home.",
            )
        if server_python not in sys.path:
            sys.path.insert(0, server_python)
    try:
        import numpy  # noqa: F401
    except Exception as error:  # a numpy that was built for another Python raises whatever it likes
        place = "" if server_python is None else f" with server_python {server_python!r}"
        refuse(
            f"numpy cannot be imported by the server's Python {version}{place} ({type(error).__name__}: {error})",
            "Install it for the server's Python (Debian: apt-get install python3-numpy), or name a folder that holds "
            "it with server_python=, --server-python.",
        )
    for key in [key for key in GD if isinstance(key, str) and key.startswith("indb")]:
        del GD[key]
    old = [name for name in sys.modules if name.startswith("_indb_runtime_")]
    for name in old:
        del sys.modules[name]
    sys.meta_path[:] = [each for each in sys.meta_path if not getattr(each, "name", "").startswith("_indb_runtime_")]
    sys.meta_path.insert(0, finder(package, sources))
    GD["indb served"] = importlib.import_module(package + ".served").Served
    GD["indb"] = (package, server_python)


def accept(GD: dict[str, Any], plpy: Any, digest: str, file: bytes | None, deployed: list[str] | None) -> bool:
    """Whether the model is loaded; with its file, it is loaded now, and models that nobody needs are let go.

    deployed: the digests in the registry. What is not among them was dropped. Of the others the oldest go when the
    files would come to more than 512 MiB.
    """
    if "indb " + digest in GD:
        return True
    if file is None:
        return False
    try:
        made = GD["indb served"](digest, file)
    except Exception as error:
        message = getattr(error, "message", None) or f"cannot load model {digest[:12]}: {error!r}"
        plpy.error(message, hint=getattr(error, "hint", None) or "", sqlstate="XX001")
    kept = [key[5:] for key in GD if isinstance(key, str) and key.startswith("indb ") and len(key) == 5 + 64]
    dropped = [each for each in kept if each not in (deployed or ())]
    kept = [each for each in kept if each not in dropped]
    while kept and made.size + sum(GD["indb " + each].size for each in kept) > 512 << 20:
        dropped.append(kept.pop(0))
    for key in [key for key in GD if isinstance(key, str) and key[5:69] in dropped]:  # and its functions of a row
        del GD[key]
    GD["indb " + digest] = made
    return True
