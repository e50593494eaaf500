"""The zoo: one small fitted model for every estimator and option that indb reads, with its training frame.

A file for each family of models adds its cases; `indb.read` of every one of them is compared with its library, and what
the databases compute with `evaluate`. Models that only their library can run are in `foreign.py`, a zoo of its own.
"""

from zoo import catboost, kernels, lightgbm, linear, pipelines, searches, trees
from zoo.cases import FLOAT32, OUTPUTS, THREADS, ZOO

__all__ = [
    "FLOAT32",
    "OUTPUTS",
    "THREADS",
    "ZOO",
    "catboost",
    "kernels",
    "lightgbm",
    "linear",
    "pipelines",
    "searches",
    "trees",
]
