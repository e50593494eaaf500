"""Readers of LightGBM, from the structure of its models: the text of a Booster, or the JSON of dump_model.

Importing this package registers them; LightGBM itself is imported nowhere.
"""

from indb.readers.lightgbm import estimators
from indb.readers.lightgbm.estimators import as_table_name

__all__ = ["as_table_name", "estimators"]
