"""Readers of statsmodels: what the `fit()` of a model returns. A results object predicts as `results.predict` does.

Importing this package registers them; statsmodels itself is imported only while a model is read.
"""

from indb.readers.statsmodels import results

__all__ = ["results"]
