"""Preprocessing of scikit-learn beyond scaling and encoding: bins, lengths, products, splines, powers, quantiles."""

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from zoo.cases import add, on_columns
from zoo.trees import TREES

NUMERIC, TEXT = ["age", "income"], ["city", "plan"]
_tree = TREES["tree"][0]
_filled = SimpleImputer(strategy="median")


def sparse(*numbers: Any, columns: Any = NUMERIC) -> Any:
    """Columns of `mixed` beside one-hot lanes, as a sparse array."""
    transformer = on_columns(("hot", OneHotEncoder(handle_unknown="ignore"), TEXT), ("rest", numbers[0], columns))
    return transformer.set_params(sparse_threshold=1.0)


# Thresholds, bins, lengths
add("binarizer", Binarizer(threshold=1.5), "numbers", None)
add("binarizer_tree", make_pipeline(StandardScaler(), Binarizer(), _tree), "numbers", "texts3")
add("binarizer_sparse", make_pipeline(sparse(_filled), Binarizer(threshold=40.0), Ridge()), "mixed", "amount")
_float32 = on_columns(("hot", OneHotEncoder(dtype=np.float32, handle_unknown="ignore"), ["level"]))
add("binarizer_float32", make_pipeline(_float32, Binarizer(threshold=0.1), _tree), "mixed", "texts2")

for _encode in ("onehot", "onehot-dense", "ordinal"):
    for _strategy in ("uniform", "quantile", "kmeans"):
        _options = {"encode": _encode, "strategy": _strategy, "random_state": 0}
        _bins = KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf", **_options)
        add(f"bins_{_encode}_{_strategy}", make_pipeline(_bins, Ridge()), "array", "amount")
_bins = KBinsDiscretizer([2, 3, 4, 5], encode="ordinal", strategy="uniform", dtype=np.float32)
add("bins_float32", _bins, "numbers", None)
add("bins_float32_ties", KBinsDiscretizer(9, encode="ordinal", strategy="quantile", dtype=np.float32,
    quantile_method="linear"), "crowded", None)  # fmt: skip
_bins = KBinsDiscretizer(4, strategy="uniform", dtype=np.float32)
add("bins_float32_tree", make_pipeline(_bins, _tree), "numbers", "texts3")
add("bins_float64", make_pipeline(KBinsDiscretizer(3, encode="ordinal", strategy="kmeans", dtype=np.float64,
    random_state=0), _tree), "numbers", "texts2")  # fmt: skip
add("bins_constant", KBinsDiscretizer(3, strategy="uniform", encode="onehot-dense"), "ties", None)

for _norm in ("l1", "l2", "max"):
    add(f"normalizer_{_norm}", Normalizer(_norm), "numbers", None)
    add(f"normalizer_{_norm}_sparse", make_pipeline(sparse(_filled), Normalizer(_norm), Ridge()), "mixed", "amount")
add("normalizer_logistic", make_pipeline(StandardScaler(), Normalizer(), LogisticRegression()), "numbers", "texts3")

_counts: dict[str, dict[str, Any]] = {
    "l2": {},
    "l1": {"norm": "l1", "use_idf": False},
    "sublinear": {"sublinear_tf": True, "smooth_idf": False},
    "none": {"norm": None},
}
for _name, _options in _counts.items():
    _steps = [Binarizer(threshold=0.5)] if _name == "none" else [MinMaxScaler((0, 8)), FunctionTransformer(np.floor)]
    add(f"tfidf_{_name}", make_pipeline(*_steps, TfidfTransformer(**_options)), "numbers", None)
add("tfidf_counts_logistic", make_pipeline(TfidfTransformer(), LogisticRegression()), "integers", "bools")

# Products
for _name, _features in (
    ("2", PolynomialFeatures()),
    ("3", PolynomialFeatures(3, include_bias=False)),
    ("interactions", PolynomialFeatures(3, interaction_only=True)),
    ("degrees", PolynomialFeatures((2, 4), order="F")),
    ("powers", PolynomialFeatures((0, 1))),
):
    add(f"polynomial_{_name}", _features, "numbers", None)
add("polynomial_ridge", make_pipeline(PolynomialFeatures(), StandardScaler(), Ridge()), "numbers", "two_amounts")
add("polynomial_tree", make_pipeline(PolynomialFeatures(interaction_only=True), _tree), "numbers", "texts3")
for _degree in (2, 3, 4):
    _features = make_pipeline(sparse(_filled, columns=["age"]), PolynomialFeatures(_degree, interaction_only=True))
    add(f"polynomial_sparse_{_degree}", make_pipeline(_features, Ridge()), "mixed", "amount")

# Splines
_knots = np.array([[-2.0, -0.5], [0.1, 0.25], [1.0, 1.0], [2.0, 9.5]])
for _extrapolation in ("constant", "linear", "continue", "periodic"):
    _spline = make_pipeline(MinMaxScaler((-3, 9), clip=True), SplineTransformer(
        knots=_knots, extrapolation=_extrapolation))  # fmt: skip
    _columns = on_columns(("splines", _spline, ["age", "score"]))
    add(f"spline_{_extrapolation}_ridge", make_pipeline(_columns, Ridge()), "numbers", "amount")
for _extrapolation in ("error", "constant", "linear", "continue"):
    add(f"spline_{_extrapolation}", SplineTransformer(4, extrapolation=_extrapolation), "numbers", None)
for _degree in (0, 1, 2):
    for _extrapolation in ("error", "constant", "linear", "continue"):
        add(f"spline_{_extrapolation}_{_degree}", SplineTransformer(
            4, degree=_degree, extrapolation=_extrapolation), "numbers", None)  # fmt: skip
add("spline_quantiles_tree", make_pipeline(SplineTransformer(6, knots="quantile"), _tree), "numbers", "texts3")
add("spline_no_bias", SplineTransformer(3, include_bias=False, order="F"), "array", None)
for _extrapolation in ("error", "constant", "linear", "continue"):
    _gaps = "gaps" if _extrapolation in ("constant", "linear") else "numbers"
    _missing = "zeros" if _gaps == "gaps" else "error"
    _spline = SplineTransformer(3, sparse_output=True, handle_missing=_missing, extrapolation=_extrapolation)
    if _extrapolation == "continue":  # what overflows in one lane of a sparse array leaves the others alone
        _spline = make_pipeline(MinMaxScaler(clip=True), _spline.set_params(knots=np.array([[0.1] * 4, [0.6] * 4])))
    add(f"spline_sparse_{_extrapolation}", _spline, _gaps, None)
    _spline = SplineTransformer(3, handle_missing="zeros", extrapolation=_extrapolation)
    add(f"spline_zeros_{_extrapolation}", _spline, "gaps", None)
_wheel = SplineTransformer(4, degree=2, extrapolation="periodic", sparse_output=True)
add("spline_wheel", make_pipeline(MinMaxScaler(clip=True), _wheel, Ridge()), "numbers", "amount")
_wheel = SplineTransformer(4, degree=3, extrapolation="periodic", handle_missing="zeros")
add("spline_wheel_zeros", make_pipeline(MinMaxScaler((-7, 5), clip=True), _wheel, Ridge()), "gaps", "amount")
_few = SplineTransformer(8, degree=0, sparse_output=True)
add("spline_steps_sparse", make_pipeline(_few, Ridge()), "numbers", "amount")

# Powers
add("power_yeo_johnson", PowerTransformer(), "gaps", None)
add("power_raw", PowerTransformer(standardize=False), "gaps", None)
_positive = MinMaxScaler((0.5, 3.0))
add("power_box_cox", make_pipeline(_positive, PowerTransformer("box-cox")), "gaps", None)
add("power_box_cox_raw", make_pipeline(_positive, PowerTransformer("box-cox", standardize=False)), "numbers", None)
add("power_logistic", make_pipeline(PowerTransformer(), LogisticRegression()), "numbers", "texts3")


def with_powers(powers: list[float]) -> Any:
    """What sets the powers of a fitted transformer."""

    def after(pipeline: Any) -> Any:
        pipeline[-1].lambdas_ = np.array(powers)
        return pipeline

    return after


for _method in ("yeo-johnson", "box-cox"):
    for _name, _powers in (("ends", [0.0, 2.0, -2.0, 1.0]), ("near", [1e-17, 2.0 + 1e-15, 1e-7, 2.0 - 1e-7])):
        _scaler = _positive if _method == "box-cox" else StandardScaler()
        _raw = make_pipeline(_scaler, PowerTransformer(_method, standardize=False))
        add(f"power_{_method}_{_name}", _raw, "numbers", None, with_powers(_powers))

# Quantiles
for _distribution in ("uniform", "normal"):
    _quantiles = QuantileTransformer(n_quantiles=9, output_distribution=_distribution, random_state=0)
    add(f"quantile_{_distribution}", _quantiles, "gaps", None)
    add(f"quantile_{_distribution}_ridge", make_pipeline(_quantiles, Ridge()), "numbers", "amount")
    _many = QuantileTransformer(n_quantiles=20, output_distribution=_distribution, subsample=100, random_state=0)
    add(f"quantile_{_distribution}_ties", make_pipeline(_many, _tree), "integers", "texts2")
    _columns = sparse(make_pipeline(_filled, MinMaxScaler(clip=True)))
    _quantiles = QuantileTransformer(n_quantiles=5, output_distribution=_distribution, random_state=0)
    add(f"quantile_{_distribution}_sparse", make_pipeline(_columns, _quantiles, Ridge()), "mixed", "amount")
_quantiles = QuantileTransformer(n_quantiles=5, ignore_implicit_zeros=True, random_state=0)
_columns = sparse(make_pipeline(_filled, StandardScaler()))
add("quantile_sparse_zeros", make_pipeline(_columns, _quantiles, Ridge()), "mixed", "amount")

# Targets as codes
_encoders: dict[str, TargetEncoder] = {
    "auto": TargetEncoder(random_state=0),
    "smooth": TargetEncoder(smooth=5.0, random_state=0),
}
for _name, _encoder in _encoders.items():
    _codes = on_columns(("codes", _encoder, [*TEXT, "level"]), ("numbers", _filled, NUMERIC))
    for _target in ("amount", "texts2", "texts3"):
        _last = TREES["tree"][1] if _target == "amount" else _tree
        add(f"target_encoder_{_name}_{_target}", make_pipeline(_codes, _last), "mixed", _target)
_codes = on_columns(("codes", TargetEncoder(random_state=0), ["city"]))
add("target_encoder_none", make_pipeline(_codes, Ridge()), "city_none", "amount")
add("target_encoder_alone", TargetEncoder(target_type="multiclass", random_state=0), "odd_texts", "ints3")
