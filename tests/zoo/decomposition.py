"""Projections of scikit-learn: decompositions, random projections, feature maps of kernels."""

import pandas as pd
from sklearn import decomposition, random_projection
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import AdditiveChi2Sampler, RBFSampler, SkewedChi2Sampler
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, MinMaxScaler, OneHotEncoder, StandardScaler

from zoo import frames
from zoo.cases import Fitted, add, add_fitted, on_columns
from zoo.trees import TREES

_logistic = LogisticRegression()


def centred_kernel() -> Fitted:
    """A kernel matrix of twelve rows with themselves, centred."""
    rows = StandardScaler().fit_transform(frames.numbers().head(12))
    frame = pd.DataFrame(rows @ rows.T, columns=[f"like_{number}" for number in range(12)])
    return KernelCenterer().fit(frame), frame


add_fitted("kernel_centerer", centred_kernel)
_sparse = on_columns(
    ("hot", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]), ("age", SimpleImputer(), ["age"])
).set_params(sparse_threshold=1.0)

add("pca", PCA(3), "array", None)
add("pca_whiten", PCA(whiten=True), "numbers", None)
add("pca_variance", PCA(0.9, svd_solver="full"), "numbers", None)
add("pca_logistic", make_pipeline(StandardScaler(), PCA(2), _logistic), "numbers", "texts3")
add("pca_whiten_tree", make_pipeline(StandardScaler(), PCA(2, whiten=True), TREES["tree"][0]), "numbers", "texts2")
add("pca_sparse", make_pipeline(_sparse, PCA(2, svd_solver="arpack", random_state=0), Ridge()), "mixed", "amount")
add("incremental_pca", decomposition.IncrementalPCA(2, batch_size=40), "numbers", None)
add("incremental_pca_sparse", make_pipeline(
    _sparse, decomposition.IncrementalPCA(2, whiten=True), _logistic), "mixed", "bools")  # fmt: skip

for _name, _projection in (
    ("sparse_pca", decomposition.SparsePCA(2, max_iter=20, random_state=0)),
    ("mini_batch_sparse_pca", decomposition.MiniBatchSparsePCA(3, max_iter=20, ridge_alpha=0.5, random_state=0)),
    ("factor_analysis", decomposition.FactorAnalysis(2, random_state=0)),
    ("fast_ica", decomposition.FastICA(2, max_iter=50, random_state=0)),
    ("fast_ica_arbitrary", decomposition.FastICA(whiten="arbitrary-variance", max_iter=50, random_state=0)),
    ("fast_ica_raw", decomposition.FastICA(whiten=False, max_iter=50, random_state=0)),
    ("truncated_svd", decomposition.TruncatedSVD(2, random_state=0)),
    ("gaussian_projection", random_projection.GaussianRandomProjection(3, random_state=0)),
    ("sparse_projection", random_projection.SparseRandomProjection(3, density=0.5, random_state=0)),
):
    add(_name, _projection, "numbers", None)
    add(f"{_name}_logistic", make_pipeline(StandardScaler(), _projection, _logistic), "numbers", "texts3")
for _name, _projection in (
    ("truncated_svd", decomposition.TruncatedSVD(2, random_state=0)),
    ("gaussian_projection", random_projection.GaussianRandomProjection(3, random_state=0)),
    ("sparse_projection", random_projection.SparseRandomProjection(4, random_state=0)),
    ("sparse_projection_dense", random_projection.SparseRandomProjection(4, dense_output=True, random_state=0)),
):
    add(f"{_name}_sparse", make_pipeline(_sparse, _projection, StandardScaler(with_mean=False), Ridge()),
        "mixed", "amount")  # fmt: skip

_bounded = MinMaxScaler((-2, 2), clip=True)  # of what is too large only the library knows the cosine's rounding
add("rbf_sampler", make_pipeline(_bounded, RBFSampler(n_components=5, random_state=0)), "numbers", None)
add("rbf_sampler_logistic", make_pipeline(
    _bounded, RBFSampler(gamma="scale", n_components=9, random_state=0), _logistic), "numbers", "texts3")  # fmt: skip
_bounded_sparse = on_columns(
    ("hot", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
    ("age", make_pipeline(SimpleImputer(), _bounded), ["age"]),
).set_params(sparse_threshold=1.0)
add("rbf_sampler_sparse", make_pipeline(
    _bounded_sparse, RBFSampler(n_components=4, random_state=0), Ridge()), "mixed", "amount")  # fmt: skip
add("skewed_chi2", make_pipeline(MinMaxScaler(), SkewedChi2Sampler(skewedness=0.5, n_components=4, random_state=0)),
    "numbers", None)  # fmt: skip
for _steps, _interval in ((1, None), (2, None), (3, None), (4, 0.3)):
    _sampler = AdditiveChi2Sampler(sample_steps=_steps, sample_interval=_interval)
    add(f"additive_chi2_{_steps}", make_pipeline(MinMaxScaler(), _sampler), "numbers", None)
add("additive_chi2_sparse", make_pipeline(_sparse, AdditiveChi2Sampler(), Ridge()), "mixed", "amount")
