"""Readers of CatBoost: fitted models, and the files that it saves, from the model's own structure.

Importing this package registers them; CatBoost itself is imported only while a model of it is read.
"""

from indb.readers.catboost import library, models

__all__ = ["library", "models"]
