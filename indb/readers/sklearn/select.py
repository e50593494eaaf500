"""Feature selectors: they hand on the columns that they chose when they were fitted."""

from __future__ import annotations

from typing import Any

from indb.readers.base import Frame, Reading, read_step, reads, transforms
from indb.readers.sklearn.values import finite_numbers

SELECTORS = (
    *("VarianceThreshold", "SelectKBest", "SelectPercentile", "SelectFpr", "SelectFdr", "SelectFwe"),
    *("GenericUnivariateSelect", "SelectFromModel", "SequentialFeatureSelector"),
)


@reads("sklearn", *SELECTORS)
@transforms("sklearn", "RFE", "RFECV")
def read_selector(selector: Any, frame: Frame, reading: Reading) -> Frame:
    """The chosen columns. Source: sklearn.feature_selection.SelectorMixin.transform.

    One that takes missing values (its tag allow_nan) checks nothing; any other refuses what is not finite, in the
    columns that it drops as well. One that gives data frames checks none that it is given.
    """
    from sklearn.utils import get_tags
    from sklearn.utils._set_output import _get_output_config

    gives_frames = _get_output_config("transform", estimator=selector)["dense"] != "default"
    unchecked = get_tags(selector).input_tags.allow_nan or (gives_frames and hasattr(selector, "feature_names_in_"))
    if not unchecked:
        finite_numbers(frame, reading)
    return frame.take([int(position) for position in selector.get_support(indices=True)])


@reads("sklearn", "RFE", "RFECV")
def read_elimination(selector: Any, frame: Frame, reading: Reading) -> Any:
    """What its estimator predicts of the chosen columns. Source: sklearn.feature_selection.RFE.predict."""
    return read_step(selector.estimator_, read_selector(selector, frame, reading), reading)
