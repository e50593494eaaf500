"""Preprocessing of scikit-learn, in front of models."""

from typing import Any

import numpy as np
from sklearn import preprocessing
from sklearn.base import clone
from sklearn.compose import make_column_selector
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from zoo import frames
from zoo.cases import add, on_columns
from zoo.trees import HIST, TREES

NUMERIC, TEXT = ["age", "income"], ["city", "plan"]
_hot = OneHotEncoder(handle_unknown="ignore")
_filled = SimpleImputer(strategy="median")

for _strategy in ("mean", "median", "most_frequent"):
    add(f"impute_{_strategy}", make_pipeline(SimpleImputer(strategy=_strategy), Ridge()), "gaps", "amount")
_constant = SimpleImputer(strategy="constant", fill_value=-1.5, add_indicator=True)
add("impute_constant_indicator", make_pipeline(_constant, LogisticRegression()), "gaps", "texts2")
add("impute_minus_one", make_pipeline(SimpleImputer(missing_values=-1), LinearRegression()), "minus_ones", "amount")
_flags = make_union(_filled, MissingIndicator(features="all"))
add("indicator_all", make_pipeline(_flags, TREES["tree"][0]), "gaps", "texts3")
add("indicator_seen", make_pipeline(make_union(_filled, MissingIndicator()), LogisticRegression()), "gaps", "ints2")
for _strategy, _fill in (("most_frequent", None), ("constant", "n/a")):
    _texts = make_pipeline(SimpleImputer(strategy=_strategy, fill_value=_fill), _hot)
    _columns = on_columns(("texts", _texts, TEXT), ("numbers", _filled, NUMERIC))
    add(f"impute_text_{_strategy}", make_pipeline(_columns, LogisticRegression()), "mixed", "texts3")

for _scaler in (
    preprocessing.StandardScaler(with_mean=False),
    preprocessing.MinMaxScaler((-1, 2)),
    preprocessing.MaxAbsScaler(),
    preprocessing.RobustScaler(),
):
    add(f"scale_{type(_scaler).__name__}_ridge", make_pipeline(_scaler, Ridge()), "numbers", "amount")
    add(f"scale_{type(_scaler).__name__}_tree", make_pipeline(_scaler, TREES["tree"][0]), "numbers", "texts3")
_clipped = preprocessing.MinMaxScaler(clip=True)
add("scale_clipped_forest", make_pipeline(_clipped, TREES["forest"][1]), "gaps", "amount")
_twice = make_pipeline(_filled, StandardScaler(), _clipped, TREES["boosting"][0])
add("scale_twice_boosting", _twice, "gaps", "texts2")
add("scale_only", StandardScaler(), "gaps", None)

_modes: dict[str, dict[str, Any]] = {
    "ignore": {"handle_unknown": "ignore"},
    "error": {},
    "drop_first": {"drop": "first", "handle_unknown": "ignore"},
    "drop_if_binary": {"drop": "if_binary"},
    "infrequent": {"min_frequency": 15, "handle_unknown": "infrequent_if_exist"},
    "max_categories": {"max_categories": 3, "handle_unknown": "infrequent_if_exist"},
    "dense": {"sparse_output": False, "handle_unknown": "ignore"},
}
for _mode, _options in _modes.items():
    _columns = on_columns(("hot", OneHotEncoder(**_options), [*TEXT, "level"]), ("numbers", _filled, NUMERIC))
    add(f"one_hot_{_mode}", make_pipeline(_columns, LogisticRegression()), "mixed", "bools")
_kinds = on_columns(("hot", _hot, ["city", "level", "member"]), ("rest", "passthrough", ["score"]))
for _name in ("tree", "forest", "hist"):
    _pipeline = make_pipeline(clone(_kinds).set_params(sparse_threshold=0), TREES[_name][0])
    add(f"one_hot_{_name}", _pipeline, "mixed", "texts3")
add("one_hot_odd", make_pipeline(_hot, LogisticRegression()), "odd_texts", "odd_labels")

_known = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
_columns = on_columns(("o", _known, [*TEXT, "level"]))
add("ordinal_forest", make_pipeline(_columns, TREES["forest"][0]), "mixed", "texts3")
add("ordinal_error", make_pipeline(on_columns(("o", OrdinalEncoder(), ["city"])), TREES["tree"][0]), "mixed", "texts2")
_lost = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
_codes = on_columns(("o", _lost, ["city"]), remainder="passthrough")
_hist_codes = clone(HIST).set_params(categorical_features=[0])
add("ordinal_hist", make_pipeline(_codes, _hist_codes), "city_level", "texts3")

_logs = on_columns(("log", FunctionTransformer(np.log1p), ["visits"]), ("id", FunctionTransformer(), NUMERIC))
add("function_log1p", make_pipeline(_logs, Ridge()), "numbers", "amount")
_roots = on_columns(("sqrt", FunctionTransformer(np.sqrt), ["visits"]), ("abs", FunctionTransformer(np.abs), ["score"]))
add("function_sqrt_tree", make_pipeline(_roots, TREES["tree"][1]), "numbers", "amount")
_union = FeatureUnion([("s", StandardScaler()), ("m", preprocessing.MinMaxScaler())], transformer_weights={"m": 2.0})
add("union_weights", make_pipeline(_union, Ridge()), "numbers", "amount")

_selections: dict[str, Any] = {
    "names": ["age", "score"],
    "positions": [0, 2],
    "slice": slice("age", "score"),
    "mask": [True, False, True, False],
    "callable": frames.first_two,
    "dtype": make_column_selector(dtype_include=np.number),
    "regex": make_column_selector(pattern="^(age|visits)$"),
}
for _name, _selection in _selections.items():
    _columns = on_columns(("scaled", StandardScaler(), _selection), remainder="passthrough")
    add(f"select_{_name}", make_pipeline(_columns, Ridge()), "numbers", "amount")
_nested = on_columns(
    ("numbers", Pipeline([("fill", _filled), ("scale", StandardScaler())]), make_column_selector(dtype_include=float)),
    ("texts", _hot, make_column_selector(dtype_include=["object", "string"])),
    ("dropped", "drop", ["level"]),
    remainder=OneHotEncoder(drop="if_binary"),
)
add("everything_logistic", make_pipeline(_nested, LogisticRegression()), "mixed", "texts2")
add("everything_boosting", make_pipeline(_nested, TREES["boosting"][0]), "mixed", "texts3")
