"""Encoders of category_encoders, with their rules for unknown and missing categories."""

from __future__ import annotations

from typing import Any

import category_encoders as ce
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from zoo.cases import add

_ENCODERS: tuple[Any, ...] = (
    *(ce.BackwardDifferenceEncoder, ce.BaseNEncoder, ce.BinaryEncoder, ce.CatBoostEncoder, ce.CountEncoder),
    *(
        ce.CountTargetEncoder,
        ce.GLMMEncoder,
        ce.GrayEncoder,
        ce.HelmertEncoder,
        ce.JamesSteinEncoder,
        ce.LeaveOneOutEncoder,
    ),
    *(ce.MEstimateEncoder, ce.OneHotEncoder, ce.OrdinalEncoder, ce.PolynomialEncoder, ce.QuantileEncoder),
    *(ce.RankHotEncoder, ce.SumEncoder, ce.SummaryEncoder, ce.TargetEncoder, ce.WOEEncoder),
)
for _encoder in _ENCODERS:
    _name = _encoder.__name__.removesuffix("Encoder").lower()
    add(f"encoders_{_name}", make_pipeline(_encoder(cols=["city", "level"]), DecisionTreeRegressor(max_depth=4)),
        "city_level", "ints2")  # fmt: skip
    add(f"encoders_{_name}_none", _encoder(cols=["city"]), "city_none", "ints2")
for _name, _options in {
    "errors": {"handle_unknown": "error", "handle_missing": "error"},
    "gaps": {"handle_unknown": "return_nan", "handle_missing": "return_nan"},
}.items():
    for _encoder in (ce.TargetEncoder, ce.OneHotEncoder, ce.OrdinalEncoder, ce.BinaryEncoder, ce.LeaveOneOutEncoder,
                     ce.WOEEncoder, ce.HelmertEncoder):  # fmt: skip
        add(f"encoders_{_encoder.__name__.removesuffix('Encoder').lower()}_{_name}",
            make_pipeline(_encoder(**_options), SimpleImputer(), LinearRegression()), "odd_texts", "ints2")  # fmt: skip
add("encoders_indicator", ce.OneHotEncoder(handle_unknown="indicator", handle_missing="indicator"), "odd_texts", None)
add("encoders_base3", ce.BaseNEncoder(cols=["shop"], base=3), "shops", None)
add("encoders_normalised", ce.CountEncoder(cols=["shop"], normalize=True), "shops", None)
add("encoders_invariant", ce.OneHotEncoder(drop_invariant=True, use_cat_names=True), "odd_texts", None)
add("encoders_logistic", make_pipeline(ce.JamesSteinEncoder(), LogisticRegression()), "odd_texts", "texts2")
