"""Kernel methods: support vector machines, Gaussian processes, kernel ridge and kernel features."""

from __future__ import annotations

from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from scipy.sparse import csr_array
from sklearn import svm
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from zoo import frames
from zoo.cases import THREADS, Fitted, add_fitted


def scaled(estimator: Any) -> Any:
    return make_pipeline(StandardScaler(), estimator)


def few(name: str, estimator: Any, data: str, target: str | None, rows: int = 30) -> None:
    """A case that is fitted on some rows only: a kernel is written once for each of them."""

    def fitted() -> Fitted:
        frame = frames.FRAMES[data]()
        places = np.linspace(0, len(frame) - 1, rows).astype(int)
        y = None if target is None else np.asarray(frames.TARGETS[target]())[places]
        with THREADS.limit(limits=1):
            given = frame.iloc[places].to_numpy() if data == "array" else frame.iloc[places]
            return estimator.fit(given, y), frame

    add_fitted(name, fitted)


few("svc_rbf", scaled(svm.SVC(random_state=0)), "numbers", "texts2", 60)
few("svc_pairs", scaled(svm.SVC(decision_function_shape="ovo", gamma="auto")), "numbers", "texts3")
few("svc_classes", scaled(svm.SVC(C=30.0, gamma=0.4, class_weight="balanced")), "numbers", "floats3")
few("svc_break_ties", scaled(svm.SVC(kernel="linear", break_ties=True)), "numbers", "ints3")
few("svc_linear", scaled(svm.SVC(kernel="linear")), "numbers", "bools")
few("svc_linear_classes", scaled(svm.SVC(kernel="linear")), "numbers", "odd_labels", 40)
few("svc_poly", scaled(svm.SVC(kernel="poly", coef0=0.5)), "odd_names", "floats2")
few("svc_poly_classes", scaled(svm.SVC(kernel="poly", degree=2)), "numbers", "texts3")
few("svc_poly_constant", scaled(svm.SVC(kernel="poly", degree=0)), "numbers", "texts2")
few("svc_sigmoid", scaled(svm.SVC(kernel="sigmoid", coef0=-0.3)), "numbers", "texts3")
few("svc_raw", svm.SVC(), "numbers", "texts2")
few("nu_svc_array", scaled(svm.NuSVC()), "array", "ints3")
few("nu_svc_two", scaled(svm.NuSVC(nu=0.2, kernel="poly", degree=2)), "array", "ints2")
few("svr", scaled(svm.SVR()), "numbers", "amount")
few("svr_linear", scaled(svm.SVR(kernel="linear", C=1000.0)), "numbers", "amount", 60)
few("svr_constant", svm.SVR(epsilon=1000.0), "numbers", "amount")
few("nu_svr", scaled(svm.NuSVR(kernel="sigmoid", gamma=0.2)), "numbers", "amount")
few("one_class", scaled(svm.OneClassSVM(nu=0.3)), "numbers", None)
few("one_class_poly", scaled(svm.OneClassSVM(nu=0.3, kernel="poly", coef0=1.0)), "numbers", None)


def with_probabilities() -> Fitted:
    """Two classes with probabilities, which scikit-learn warns of from 1.9 on."""
    frame = frames.numbers()
    machine = svm.SVC(kernel="linear", random_state=0)
    machine.probability = True
    with catch_warnings():
        simplefilter("ignore", FutureWarning)
        return scaled(machine).fit(frame, frames.TARGETS["texts2"]()), frame


def sparse() -> Fitted:
    """Fitted on a sparse matrix."""
    frame = frames.array()
    rows = csr_array(np.where(frame.to_numpy()[:30] > 3.0, frame.to_numpy()[:30], 0.0))
    return svm.SVC(gamma=1e-3).fit(rows, frames.TARGETS["ints3"]()[:30]), frame


add_fitted("svc_probabilities", with_probabilities)
add_fitted("svc_sparse", sparse)
_encoded = ColumnTransformer([
    ("numbers", make_pipeline(SimpleImputer(), MinMaxScaler()), ["age", "income"]),
    ("texts", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
])  # fmt: skip
few("texts_linear", make_pipeline(_encoded, svm.SVR(kernel="linear")), "mixed", "amount")
few("texts_svc", make_pipeline(_encoded, svm.SVC()), "mixed", "texts3", 20)
few(
    "texts_float32",
    make_pipeline(OneHotEncoder(handle_unknown="ignore", dtype=np.float32), svm.SVC(kernel="linear")),
    "odd_texts",
    "texts2",
)
few("texts_sparse", make_pipeline(OneHotEncoder(handle_unknown="ignore"), svm.SVC()), "odd_texts", "texts2")
