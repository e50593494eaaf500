"""Isotonic curves so steep that rounding decides: they are read where scores have the same bits everywhere."""

import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from indb.readers import read

ROWS, LABELS = load_breast_cancer(return_X_y=True)


@pytest.mark.parametrize(
    ("base", "is_foreign"),
    [
        (GaussianNB(), True),  # its probabilities crowd below 1, where a step is one bit wide
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
        (RandomForestClassifier(5, random_state=0), False),
    ],
)
def test_a_curve_with_steps_of_one_bit(base: object, is_foreign: bool) -> None:
    model = read(CalibratedClassifierCV(base, method="isotonic", cv=3).fit(ROWS, LABELS))
    assert model.is_foreign == is_foreign
    if is_foreign:
        assert "the last bits of an exponential or a sum tell" in model.source["reason"]


def test_a_sigmoid_has_no_steps() -> None:
    assert not read(CalibratedClassifierCV(GaussianNB(), cv=3).fit(ROWS, LABELS)).is_foreign
