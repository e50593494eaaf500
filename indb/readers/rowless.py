"""What fitted estimators cannot be scored on the rows of a table, whoever runs them, and what to do instead."""

from __future__ import annotations

from typing import Any

from indb.errors import UnsupportedModel

_INSTEAD = (
    ("novelty", "Fit it with novelty=True: then it has a predict."),
    ("kneighbors", "It finds rows. KNeighborsClassifier and KNeighborsRegressor predict from the rows that are found."),
    ("fit_predict", "It labels only the rows that it was fitted on. Train a classifier on these labels."),
    ("fit_transform", "It places only the rows that it was fitted on. Train a regressor on these places, or use PCA."),
    ("mahalanobis", "It estimates a covariance. EllipticEnvelope predicts from one."),
    ("score_samples", "It gives densities. GaussianMixture predicts from one."),
    ("biclusters_", "It groups only the rows that it was fitted on. Train a classifier on its row_labels_."),
)
"""An attribute -> what to do instead of an estimator that has it and neither predicts nor transforms."""


def check(found: Any) -> None:
    """Refuse an estimator that gives nothing for new rows, or takes something else than columns of a table.

    Raises: UnsupportedModel.
    """
    what = f"cannot read {type(found).__name__}"
    if not any(callable(getattr(found, method, None)) for method in ("predict", "transform")):
        hints = (hint for attribute, hint in _INSTEAD if hasattr(found, attribute))
        raise UnsupportedModel(f"{what}: it has no predict or transform for new rows", next(hints, None))
    try:
        tags = found.__sklearn_tags__()
    except AttributeError:  # a class of before scikit-learn 1.6
        return
    takes, targets = tags.input_tags, tags.target_tags
    if takes.two_d_array:
        return
    if takes.dict:
        raise UnsupportedModel(
            f"{what}: it takes a mapping or a list for each row, not columns of a table",
            "Encode the columns, with OneHotEncoder for example.",
        )
    if takes.three_d_array:
        raise UnsupportedModel(f"{what}: it takes images, not columns of a table")
    if targets.one_d_labels or targets.two_d_labels:
        raise UnsupportedModel(
            f"{what}: it encodes the labels of the training, not columns of a table",
            "Leave it out: the database gives the labels that the classifier was fitted with.",
        )
