"""Kernel methods: support vector machines, Gaussian processes, kernel ridge and kernel features."""

from __future__ import annotations

from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from scipy.sparse import csr_array
from sklearn import svm
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import KernelPCA
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as gp
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from zoo import frames
from zoo.cases import THREADS, Fitted, add_fitted


def scaled(estimator: Any) -> Any:
    return make_pipeline(StandardScaler(), estimator)


def few(
    name: str, estimator: Any, data: str, target: str | None, rows: int = 30, expands: bool = False
) -> None:  # fmt: skip
    """A case that is fitted on some rows only: a kernel is written once for each of them."""

    def fitted() -> Fitted:
        frame = frames.FRAMES[data]()
        places = np.linspace(0, len(frame) - 1, rows).astype(int)
        y = None if target is None else np.asarray(frames.TARGETS[target]())[places]
        with THREADS.limit(limits=1):
            given = frame.iloc[places].to_numpy() if data == "array" else frame.iloc[places]
            return clone(estimator).fit(given, y), frame

    add_fitted(name, fitted, expands=expands)


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


def process(kernel: Any, **options: Any) -> Any:
    return scaled(GaussianProcessRegressor(kernel, optimizer=None, alpha=0.1, **options))


COVARIANCES = {
    "noise": gp.RBF() + gp.WhiteKernel(),
    "noisy_constant": gp.ConstantKernel(2.0) * gp.ConstantKernel(0.5) + gp.WhiteKernel(),
    "noise_alone": gp.WhiteKernel(),
    "anisotropic": gp.ConstantKernel(3.0) * gp.RBF([0.5, 1.0, 2.0, 4.0]),
    "matern_rough": gp.Matern(1.5, nu=0.5),
    "matern": gp.Matern([1.0, 2.0, 3.0, 1.5]),
    "matern_smooth": gp.Matern(2.0, nu=2.5),
    "matern_infinite": gp.Matern(nu=np.inf),
    "quadratic": gp.RationalQuadratic(1.5),
    "quadratic_sharp": gp.RationalQuadratic(1.5, alpha=1.5),
    "periodic": gp.ExpSineSquared(1.2, 3.0) * gp.RBF(),
    "dots": gp.DotProduct(0.5),
    "dots_squared": gp.DotProduct(1.0) ** 2 + gp.RBF() ** 3,
    "root": gp.RBF() ** 0.5,
    "pairwise": gp.PairwiseKernel(gamma=0.3, metric="laplacian") + gp.PairwiseKernel(metric="poly"),
}
for _name, _kernel in COVARIANCES.items():
    few(f"process_{_name}", process(_kernel), "numbers", "amount", 16)
few("process_default", process(None, normalize_y=True), "numbers", "amount", 16)
few("process_two", process(gp.RBF() + gp.DotProduct(), normalize_y=True), "array", "two_amounts", 16)

RIDGES: dict[str, dict[str, Any]] = {
    "linear": {},
    "rbf": {"kernel": "rbf"},
    "poly": {"kernel": "poly", "degree": 2, "gamma": 0.3},
    "polynomial": {"kernel": "polynomial", "coef0": 0.5},
    "laplacian": {"kernel": "laplacian", "gamma": 0.2},
    "sigmoid": {"kernel": "sigmoid", "gamma": 0.1},
    "cosine": {"kernel": "cosine"},
    "covariance": {"kernel": gp.RBF(2.0)},
}
for _name, _options in RIDGES.items():
    few(f"kernel_ridge_{_name}", scaled(KernelRidge(**_options)), "numbers", "amount", 16, expands=_name == "rbf")
few("kernel_ridge_two", scaled(KernelRidge(kernel="rbf", gamma=0.4)), "numbers", "two_amounts", 16, expands=True)
few("kernel_ridge_chi2", make_pipeline(MinMaxScaler(), KernelRidge(kernel="chi2", gamma=0.5)), "numbers", "amount", 8)
few("kernel_ridge_additive", make_pipeline(MinMaxScaler(), KernelRidge(kernel="additive_chi2", alpha=90.0)),
    "numbers", "amount", 8)  # fmt: skip

for _name in ("linear", "poly", "rbf", "sigmoid", "cosine"):
    few(f"kernel_pca_{_name}", scaled(KernelPCA(3, kernel=_name)), "numbers", None, 16, expands=_name == "rbf")
few(
    "kernel_pca_all",
    make_pipeline(StandardScaler(), KernelPCA(gamma=0.2), LogisticRegression()),
    "numbers",
    "texts3",
    12,
    expands=True,
)
few("nystroem_ridge", make_pipeline(StandardScaler(), Nystroem(gamma=0.3, n_components=8, random_state=0), Ridge()),
    "numbers", "amount", 30, expands=True)  # fmt: skip
few("nystroem_laplacian", scaled(Nystroem("laplacian", gamma=0.5, n_components=6, random_state=0)), "numbers", None)
few("nystroem_defaults", scaled(Nystroem("sigmoid", n_components=6, random_state=0)), "numbers", None)
