"""Readers of scikit-learn, one file for each of its own modules or for a few that belong together.

Importing this package registers those of all its files; scikit-learn is imported only while an estimator is read.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from indb.readers.base import Frame, Reading, checks
from indb.readers.sklearn.delegate import DELEGATES
from indb.readers.sklearn.select import SELECTORS

for _file in sorted(found.name for found in iter_modules(__path__)):
    import_module(f"{__name__}.{_file}")

_TREES = ("DecisionTree", "ExtraTree", "ExtraTrees", "RandomForest", "GradientBoosting", "HistGradientBoosting")

READ_FLOAT32 = frozenset(
    {"Pipeline", "ColumnTransformer", "FeatureUnion", "FunctionTransformer", "OneHotEncoder", "OrdinalEncoder"}
    | {"SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM"}  # they take float64 whatever they are given
    | set(DELEGATES)
    | {"TargetEncoder", "Binarizer", "KBinsDiscretizer", "RFE", "RFECV", *SELECTORS}
    | {family + kind for family in _TREES for kind in ("Classifier", "Regressor")}
)
"""Estimators that do no arithmetic in the precision of their input: what is float32 goes through them unchanged."""


@checks("sklearn")
def check(estimator: Any, frame: Frame, reading: Reading) -> None:
    """Refuse an estimator that is not fitted, and one that scikit-learn would compute in single precision.

    Raises: UnsupportedModel.
    """
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise reading.unsupported(
            f"this {type(estimator).__name__} is not fitted", "Call its fit method with training data first."
        ) from None
    if frame.dtype in ("float16", "float32") and type(estimator).__name__ not in READ_FLOAT32:
        raise reading.unsupported(
            f"its input has dtype {frame.dtype}, in which it rounds every result; indb computes in float64",
            "Fit the encoder in front of it with dtype=numpy.float64, and the pipeline again.",
        )
