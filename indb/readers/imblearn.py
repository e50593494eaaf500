"""imbalanced-learn: pipelines whose samplers change only what a model is trained on, and its ensembles."""

from __future__ import annotations

from typing import Any

from indb.readers.base import Frame, Reading, checks, reads, transforms
from indb.readers.sklearn import check as check_fitted
from indb.readers.sklearn.averages import bagging_classifier
from indb.readers.sklearn.compose import read_pipeline, transform_pipeline
from indb.readers.sklearn.forest import forest_classifier
from indb.readers.sklearn.weighted import ada_boost_classifier

checks("imblearn")(check_fitted)
# Samples are balanced while a model is trained; it predicts as the class of scikit-learn that it is made of.
reads("imblearn", "BalancedRandomForestClassifier")(forest_classifier)
reads("imblearn", "BalancedBaggingClassifier", "EasyEnsembleClassifier")(bagging_classifier)
reads("imblearn", "RUSBoostClassifier")(ada_boost_classifier)


def without_samplers(estimator: Any) -> Any:
    """scikit-learn's pipeline of the steps that new rows go through; anything else as it is.

    Source: imblearn.pipeline.Pipeline._iter.
    """
    if type(estimator).__module__ != "imblearn.pipeline" or type(estimator).__name__ != "Pipeline":
        return estimator
    from sklearn.pipeline import Pipeline

    return Pipeline([(name, step) for name, step in estimator.steps if not hasattr(step, "fit_resample")])


@reads("imblearn", "Pipeline")
def read_sampled_pipeline(pipeline: Any, frame: Frame, reading: Reading) -> Any:
    """What the last step gives for what the others make of a row; samplers leave new rows alone."""
    return read_pipeline(without_samplers(pipeline), frame, reading)


@transforms("imblearn", "Pipeline")
def transform_sampled_pipeline(pipeline: Any, frame: Frame, reading: Reading) -> Frame:
    """The frame that a pipeline in front of other steps makes."""
    found: Frame = transform_pipeline(without_samplers(pipeline), frame, reading)
    return found
