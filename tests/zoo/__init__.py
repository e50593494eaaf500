"""The zoo: one small fitted model for every estimator and option that indb reads, with its training frame.

A file for each family of models adds its cases; `indb.read` of every one of them is compared with its library, and what
the databases compute with `evaluate`. Models that only their library can run are in `foreign.py`, a zoo of its own.
"""

from importlib import import_module
from pkgutil import iter_modules

from zoo.cases import FLOAT32, OPEN, OUTPUTS, THREADS, ZOO

__all__ = ["FLOAT32", "OPEN", "OUTPUTS", "THREADS", "ZOO"]

for _module in sorted(found.name for found in iter_modules(__path__)):
    if _module not in ("cases", "frames", "foreign"):
        import_module(f"zoo.{_module}")
